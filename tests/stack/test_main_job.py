"""A night at three facilities on the deployed stack, with what usually goes wrong in one: everything agrees in the end."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from cdk.grants import FUNCTIONS, Actor
from functions.cases.table import Item
from local.demo.people import PATIENTS, ROSTERS
from statemachines import published
from statemachines.decide import Outcome
from tests.stack.conftest import Night
from tests.stack.executions import entered, history

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

EARLY, MISSED, CHILD, OPEN = "northfield-1", "southgate-1", "lakeside-1", "northfield-2"
"""The cases by what is special in them: an event before the order, a missed deadline, a child and no RT, one that stays open."""


@pytest.fixture(scope="module")
def report(played: Night) -> dict[str, Any]:
    """The report as machines read it."""
    parsed: dict[str, Any] = json.loads(played.report.as_json())
    return parsed


def moves(journal: list[Item]) -> list[Item]:
    """The moves of a journal."""
    return [entry for entry in journal if entry["kind"] == "moved"]


def kinds(journal: list[Item]) -> Counter[str]:
    """How many entries a journal has of each kind."""
    return Counter(entry["kind"] for entry in journal)


# ── the report ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_report_agrees(report: dict[str, Any]) -> None:
    differences = [case["differences"] for case in report["cases"]]
    assert (report["agrees"], report["differences"], differences) == (True, [], [[]] * len(report["cases"]))


def test_three_facilities_have_cases(report: dict[str, Any]) -> None:
    assert Counter(case["facility"] for case in report["cases"]) == {"northfield": 2, "southgate": 1, "lakeside": 1}


def test_executions_visited_exactly_the_states_of_the_journal(report: dict[str, Any]) -> None:
    paths = [(case["journal_path"], case["execution_path"]) for case in report["cases"]]
    assert all(journal == execution and len(journal) > 3 for journal, execution in paths), paths


def test_the_emr_shows_each_case_as_its_state_is_mapped(report: dict[str, Any], played: Night) -> None:
    shown = {
        case["case"]: [(task["status"], task["businessStatus"]) for task in case["emr"]] for case in report["cases"]
    }
    states = {row.id: published.published(row.workflow, row.version).state(row.state) for row in played.rows.values()}
    assert shown == {case: [(state.emr.status, state.emr.business_status)] for case, state in states.items()}


def test_what_was_documented_is_filed_once(report: dict[str, Any], played: Night) -> None:
    filed = {case["case"]: [document["status"] for document in case["documents"]] for case in report["cases"]}
    complete = {row.id: ["current"] if row.state == "complete" else [] for row in played.rows.values()}
    assert filed == complete
    assert Counter(row.state for row in played.rows.values()) == {"complete": 3, "stable": 1}


def test_every_event_is_accounted_for(report: dict[str, Any]) -> None:
    assert report["lost"] == []
    assert not any(report["dead_letters"].values()), report["dead_letters"]
    assert set(report["events"]) == {str(outcome) for outcome in Outcome} | {"quarantined", "repeated"}
    assert report["reasons"]["recorded: on_roster"] == sum(len(people) for people in ROSTERS.values())


def test_metrics_are_the_journals_own(report: dict[str, Any]) -> None:
    once = {name: (metric["journal"], metric["emitted"]) for name, metric in report["metrics"].items()}
    assert {"HandOffs", "Claims", "Reassignments", "Overrides", "DeadlinesMissed", "Escalations", "Refusals"} <= set(
        once
    )
    assert [name for name, (journal, emitted) in once.items() if emitted < journal] == []


# ── what went wrong, and what became of it ───────────────────────────────────────────────────────────────────────────────


def test_an_event_before_its_case_is_held_and_then_taken(played: Night) -> None:
    held = [line for line in played.lines(Actor.INTAKE, "placed") if line.get("outcome") == Outcome.HELD_EARLY]
    assert len(held) == 2  # one of them for a case that never opens
    first = moves(played.journals[EARLY])[:2]
    assert [entry["event"] for entry in first] == ["oxygen_ordered", "oxygen_changed"]
    assert first[1]["occurred_at"] < first[0]["occurred_at"]
    assert played.report.events["held_early"] == 1


def test_an_event_that_comes_twice_counts_once(played: Night) -> None:
    again = [line for line in played.lines(Actor.INTAKE, "placed") if line.get("duplicate") is True]
    assert len(again) >= 1
    assert Counter(entry["event_id"] for entry in moves(played.journals[EARLY]))["demo-order-a"] == 1


def test_an_older_observation_changes_nothing(played: Night) -> None:
    placed = [line for line in played.lines(Actor.INTAKE, "placed") if line.get("case") == played.rows[MISSED].id]
    (older,) = [line for line in placed if line["reason"] == "older_than_known" and not line["duplicate"]]
    assert (older["outcome"], older["transitions"]) == ("recorded", [])


def test_a_burst_outruns_the_execution_which_follows_all_the_same(played: Night) -> None:
    row = played.rows[EARLY]
    known = {state.name for state in published.published(row.workflow, row.version).states}
    came: dict[int, float] = {}
    for event in entered(played.stack.connection, row):
        details = event["stateEnteredEventDetails"]
        if details["name"] in known:
            came.setdefault(int(json.loads(details["input"])["visit"]), event["timestamp"].timestamp())
    left = {entry["visit"] - 1: entry["at"] for entry in moves(played.journals[EARLY])}
    assert [visit for visit in came if left.get(visit, float("inf")) < came[visit]] != []


def test_a_missed_deadline_escalates(played: Night) -> None:
    (missed,) = [entry for entry in moves(played.journals[MISSED]) if entry.get("missed_deadline")]
    assert (missed["source"], missed["target"], missed["escalation"]) == ("assessment_due", "escalated", True)
    assert missed["role"] == "RT_LEAD"
    assert missed["at"] >= missed["occurred_at"]


def test_people_claim_hand_on_and_override_with_a_reason(played: Night) -> None:
    (claimed,) = [entry for entry in played.journals[EARLY] if entry["kind"] == "claimed"]
    (handed_on,) = [entry for entry in played.journals[MISSED] if entry["kind"] == "reassigned"]
    (overridden,) = [entry for entry in moves(played.journals[MISSED]) if entry["reason"] == "override"]
    assert (claimed["person"], claimed["actor"]) == ("RT-LINDEN", "RT-LINDEN")
    assert (handed_on["actor_role"], handed_on["because"]) == ("CHARGE_NURSE", "the other bay needs help")
    assert (overridden["transition"], overridden["actor_role"]) == ("T-25", "RT_LEAD")
    assert overridden["because"] == "usual saturation of this patient is 90 %"


def test_where_nobody_of_a_role_is_on_shift_the_next_one_owns_the_step(played: Night) -> None:
    (due,) = [entry for entry in moves(played.journals[CHILD]) if entry["target"] == "assessment_due"]
    assert "RT: nobody on shift" in due["routing"]
    assert (due["role"], due["person"]) == ("RN", "RN-CEDAR")


def test_a_wrong_role_is_refused_with_its_reason(played: Night) -> None:
    refused = [entry for name in (CHILD, MISSED) for entry in played.journals[name] if entry["kind"] == "refused"]
    assert [(entry["event"], entry["actor_role"], entry["reason"]) for entry in refused] == [
        ("assessment_completed", "CHARGE_NURSE", "wrong_role"),
        ("note_cosigned", "RT", "wrong_role"),
    ]


def test_what_comes_too_soon_waits_in_the_case(played: Night) -> None:
    assert kinds(played.journals[MISSED])["deferred"] == 1
    assert kinds(played.journals[OPEN])["deferred"] == 1
    assert played.report.events["deferred"] == 1  # the other has found its answer


def test_an_emr_that_answers_503_gets_it_later(played: Night) -> None:
    assert played.refused_by_emr > 0


def test_what_cannot_be_understood_or_placed_is_kept_with_its_reason(report: dict[str, Any]) -> None:
    kept = Counter(message["reason"] for message in report["quarantine"])
    assert kept == dict.fromkeys(
        (
            "invalid_json",
            "too_large",
            "missing_field",
            "wrong_type",
            "unknown_type",
            "unknown_version",
            "naive_time",
            "time_in_future",
            "unknown_facility",
            "no_case",
        ),
        1,
    )
    assert all(message["mend"] for message in report["quarantine"])


# ── what must not happen ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_is_refused_anything_by_iam(played: Night) -> None:
    said = {str(function): played.logs[function] for function in FUNCTIONS}
    assert [name for name, text in said.items() if "not authorized to perform" in text] == []


def test_no_patient_is_named_in_a_log(played: Night) -> None:
    people = [name for who in PATIENTS.values() for name in (who.patient, who.encounter)]
    assert [(function, name) for function, log in played.logs.items() for name in people if name in log] == []


def test_no_patient_is_named_in_an_execution(played: Night) -> None:
    people = [name for who in PATIENTS.values() for name in (who.patient, who.encounter)]
    for row in played.rows.values():
        said = json.dumps(history(played.stack.connection, row), default=str)
        assert row.id in said
        assert [name for name in people if name in said] == []
