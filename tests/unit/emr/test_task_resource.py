import copy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from functions.emr.mirror import Code, TaskMirror, TaskStatus
from functions.emr.task import merge, task_differs, task_resource
from functions.emr.validity import InvalidResource
from tests.unit.emr.cases import CASE_ID, NOW, a_mirror

BASE = "https://baton.example/fhir"
CLAIMED = {"person": "RT-LINDEN", "due": NOW + timedelta(hours=2), "reason": "SpO2 below target", "focus": "evt-1"}


def test_every_element_of_a_claimed_step() -> None:
    mirror = a_mirror(**CLAIMED, status=TaskStatus.IN_PROGRESS)
    assert task_resource(mirror) == {
        "resourceType": "Task",
        "identifier": [{"system": f"{BASE}/task", "value": CASE_ID}],
        "instantiatesUri": f"{BASE}/workflow/oxygen/1.0.0",
        "groupIdentifier": {"system": f"{BASE}/case", "value": CASE_ID},
        "status": "in-progress",
        "statusReason": {"text": "SpO2 below target"},
        "businessStatus": {
            "coding": [
                {"system": f"{BASE}/business-status", "code": "assessment-due", "display": "Assessment due"},
                {"system": f"{BASE}/state", "code": "ASSESSMENT_DUE"},
            ],
            "text": "Assessment due",
        },
        "intent": "order",
        "code": {"coding": [{"system": f"{BASE}/workflow", "code": "oxygen"}]},
        "focus": {"identifier": {"system": f"{BASE}/event", "value": "evt-1"}},
        "for": {"reference": "Patient/P-0001"},
        "encounter": {"reference": "Encounter/E-0001"},
        "authoredOn": "2026-03-02T08:00:00Z",
        "lastModified": "2026-03-02T08:30:00Z",
        "requester": {"type": "Device", "identifier": {"system": f"{BASE}/device", "value": "baton"}},
        "performerType": [{"coding": [{"system": f"{BASE}/role", "code": "respiratory-therapist"}]}],
        "owner": {"type": "Practitioner", "identifier": {"system": f"{BASE}/person", "value": "RT-LINDEN"}},
        "location": {"type": "Location", "identifier": {"system": f"{BASE}/facility", "value": "north"}},
        "restriction": {"period": {"end": "2026-03-02T10:30:00Z"}},
    }


def test_what_a_step_does_not_have_is_absent() -> None:
    assert {"owner", "restriction", "statusReason", "focus"}.isdisjoint(task_resource(a_mirror()))


@pytest.mark.parametrize("status", list(TaskStatus))
def test_every_status_that_fhir_knows(status: TaskStatus) -> None:
    assert task_resource(a_mirror(status=status))["status"] == status.value


def test_the_statuses_are_those_of_fhir_r4() -> None:
    # https://hl7.org/fhir/R4/valueset-task-status.html
    before_work = {"draft", "requested", "received", "accepted", "rejected", "ready"}
    at_work_and_after = {"in-progress", "on-hold", "failed", "completed", "cancelled", "entered-in-error"}
    assert {status.value for status in TaskStatus} == before_work | at_work_and_after


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "bogus"}, "bogus"),
        ({"status": "Completed"}, "Completed"),
        ({"due": datetime(2026, 3, 2)}, "due needs a time zone"),  # noqa: DTZ001 -- naive on purpose
        ({"authored_on": datetime(2026, 3, 2)}, "authored_on needs a time zone"),  # noqa: DTZ001
        ({"last_modified": datetime(2026, 3, 1, tzinfo=UTC)}, "last_modified must not be before authored_on"),
        ({"reason": " "}, "reason must not be empty"),
        ({"role": ""}, "role must not be empty"),
        ({"business_status": Code("x", "")}, "business_status must not be empty"),
        ({"patient": "Patient/P-0001"}, "patient is not a FHIR id"),
        ({"encounter": "a b"}, "encounter is not a FHIR id"),
    ],
)
def test_a_mirror_that_no_emr_could_show(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        a_mirror(**changes)


def test_a_mirror_shows_no_patient_in_its_repr() -> None:
    text = repr(a_mirror(reason="Ada fell"))
    assert not any(secret in text for secret in ("P-0001", "E-0001", "Ada"))


def test_times_are_written_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    mirror = a_mirror(due=datetime(2026, 3, 2, 19, 30, 0, 999_999, tzinfo=tokyo))
    assert task_resource(mirror)["restriction"]["period"]["end"] == "2026-03-02T10:30:00Z"


def test_a_resource_that_its_model_refuses_is_named_without_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.emr.task.date_time", lambda _: "Ada")
    with pytest.raises(InvalidResource, match=r"Task: .*authoredOn") as caught:
        task_resource(a_mirror())
    assert "Ada" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def as_an_emr_gives_it_back(task: dict[str, Any]) -> dict[str, Any]:
    """The same Task in an EMR's own words, with what the EMR and its people added."""
    given = copy.deepcopy(task)
    given |= {
        "id": "7",
        "meta": {"versionId": "3", "lastUpdated": "2026-03-02T08:31:00Z"},
        "authoredOn": "2026-03-02T09:00:00.000+01:00",
        "lastModified": "2026-03-02T08:31:00Z",
        "for": {"reference": "https://emr.example/fhir/R4/Patient/P-0001", "display": "Ada Example"},
        "note": [{"text": "called twice"}],
        "priority": "urgent",
    }
    given["identifier"].insert(0, {"system": "https://emr.example/tasks", "value": "T-1"})
    given["businessStatus"]["coding"].append({"system": "https://emr.example/status", "code": "DUE"})
    given["businessStatus"]["coding"][0].pop("display")
    given["owner"]["reference"] = "Practitioner/99"
    given["performerType"].insert(0, {"coding": [{"system": "http://snomed.info/sct", "code": "442867008"}]})
    given["restriction"] |= {"repetitions": 1, "period": {"start": "2026-03-02", "end": "2026-03-02T10:30:00+00:00"}}
    return given


def test_the_same_in_other_words_is_no_difference() -> None:
    mirror = a_mirror(**CLAIMED)
    given = as_an_emr_gives_it_back(task_resource(mirror))
    assert not task_differs(given, mirror)


def test_a_later_modification_alone_is_no_difference() -> None:
    mirror = a_mirror(last_modified=NOW + timedelta(hours=1))
    assert not task_differs(task_resource(a_mirror()), mirror)


DIFFERENCES: list[dict[str, Any]] = [
    {"status": TaskStatus.ACCEPTED},
    {"state": "ASSESSED"},
    {"business_status": Code("assessed", "Assessed")},
    {"role": "nurse"},
    {"person": "RT-ROWAN"},
    {"person": None},
    {"due": NOW + timedelta(hours=3)},
    {"due": None},
    {"reason": "Overdue"},
    {"reason": None},
    {"focus": "evt-2"},
    {"focus": None},
    {"patient": "P-0002"},
    {"encounter": "E-0002"},
    {"facility": "south"},
    {"version": "1.1.0"},
    {"workflow": "discharge"},
    {"authored_on": datetime(2026, 3, 2, 7, 0, tzinfo=UTC)},
]


@pytest.mark.parametrize("changes", DIFFERENCES, ids=str)
def test_every_change_of_the_case_is_a_difference_that_a_merge_puts_right(changes: dict[str, Any]) -> None:
    given = as_an_emr_gives_it_back(task_resource(a_mirror(**CLAIMED)))
    mirror = a_mirror(**(CLAIMED | changes))
    assert task_differs(given, mirror)
    merged = merge(given, task_resource(mirror))
    assert not task_differs(merged, mirror)
    assert_additions_kept(merged)


def assert_additions_kept(task: dict[str, Any]) -> None:
    assert task["note"] == [{"text": "called twice"}]
    assert task["priority"] == "urgent"
    assert task["id"] == "7"
    assert {"system": "https://emr.example/tasks", "value": "T-1"} in task["identifier"]
    assert {"coding": [{"system": "http://snomed.info/sct", "code": "442867008"}]} in task["performerType"]
    assert task["restriction"]["repetitions"] == 1
    assert task["restriction"]["period"]["start"] == "2026-03-02"


def test_every_element_that_is_compared_is_one_of_the_case() -> None:
    # The list of changes above covers the mirror; a new field must be added to it.
    changed = {name for changes in DIFFERENCES for name in changes}
    constant = {"case_id", "revision", "last_modified"}
    assert changed | constant == set(TaskMirror.__dataclass_fields__)


@pytest.mark.parametrize("element", ["identifier", "groupIdentifier", "intent", "requester", "code", "performerType"])
def test_what_somebody_removed_is_put_back(element: str) -> None:
    mirror = a_mirror(**CLAIMED)
    given = as_an_emr_gives_it_back(task_resource(mirror))
    del given[element]
    assert task_differs(given, mirror)
    assert not task_differs(merge(given, task_resource(mirror)), mirror)


@pytest.mark.parametrize("changes", DIFFERENCES, ids=str)
def test_a_merge_leaves_its_arguments_alone(changes: dict[str, Any]) -> None:
    given, wanted = as_an_emr_gives_it_back(task_resource(a_mirror(**CLAIMED))), task_resource(a_mirror(**changes))
    before = copy.deepcopy((given, wanted))
    merge(given, wanted)
    assert (given, wanted) == before


def test_no_statement_of_ours_remains_beside_the_new_one() -> None:
    given = as_an_emr_gives_it_back(task_resource(a_mirror(**CLAIMED)))
    merged = merge(given, task_resource(a_mirror(role="nurse")))
    roles = [
        one["code"] for each in merged["performerType"] for one in each["coding"] if one["system"].endswith("role")
    ]
    assert roles == ["nurse"]
    assert "owner" not in merged
    assert "statusReason" not in merged
