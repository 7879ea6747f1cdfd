"""How a workflow is written, and that what is written survives being stored."""

from __future__ import annotations

import hashlib
import json

import pytest
from pydantic import ValidationError

from events.catalog import NoteSigned, OxygenChanged
from statemachines.definition import (
    CHECKLIST_COMPLETED,
    DEADLINE_MISSED,
    SUB_CASE_REQUESTED,
    Definition,
    StateKind,
    Unit,
    digest,
    dump,
    load,
)
from statemachines.language import (
    CHECKLIST,
    DEADLINE,
    REQUESTED,
    T,
    business_days,
    checklist,
    ended,
    hours,
    item,
    minutes,
    of,
    opens,
    parameter,
)
from statemachines.machine import Machine
from statemachines.workflows import WORKFLOWS
from statemachines.workflows.oxygen import CANCELLED, COMPLETE, FILING, OXYGEN, SENT, STABLE
from tests.unit.statemachines.small import DONE, LEAD, PLAIN, RT, SMALL, WAITING, flow

DEFINITIONS = [*WORKFLOWS.values(), SMALL]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.workflow)
def test_a_stored_definition_comes_back_the_same(definition: Definition) -> None:
    again = load(dump(definition))
    assert again == definition
    assert digest(again) == digest(definition)
    assert dump(again) == dump(definition)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.workflow)
def test_any_change_is_another_version(definition: Definition) -> None:
    first, *others = definition.transitions
    changed = definition.model_copy(update={"transitions": (first.model_copy(update={"because": "x"}), *others)})
    assert digest(changed) != digest(definition)


def test_an_unknown_field_in_a_document_is_refused_and_located() -> None:
    document = json.loads(dump(SMALL))
    document["states"][0]["dedline"] = {}
    with pytest.raises(ValidationError) as refused:
        load(json.dumps(document))
    assert refused.value.errors()[0]["loc"] == ("states", 0, "dedline")


def test_a_definition_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(SMALL.states[0], "title", "Another")  # noqa: B010 - what the type checker forbids must fail as well


def test_a_source_names_a_field_that_the_event_has() -> None:
    assert of(OxygenChanged, lambda e: e.flow_l_min).field == "flow_l_min"
    with pytest.raises(TypeError, match=r"oxygen_changed has no field 'flow_rate'; it has .*flow_l_min"):
        of(OxygenChanged, lambda e: e.flow_rate)  # type: ignore[attr-defined]


def test_durations() -> None:
    limit = parameter("limit", "limit", 5, "a source")
    assert [(d.amount, d.parameter, d.unit) for d in (minutes(3), hours(limit), business_days(2))] == [
        (3, None, Unit.MINUTES),
        (None, "limit", Unit.HOURS),
        (2, None, Unit.BUSINESS_DAYS),
    ]


def test_a_row_of_the_table() -> None:
    row = T("X-1", (WAITING, STABLE), on=DEADLINE, to=None, by=(RT, LEAD), override_by=LEAD, because="late")
    assert (row.sources, row.on, row.target) == (("waiting", "stable"), DEADLINE_MISSED, None)
    assert (row.by, row.override_by) == (("RT", "LEAD"), ("LEAD",))
    assert T("X-2", None, on=OxygenChanged, to=DONE, because="x").sources == ()
    assert T("X-3", FILING, on=SENT, to=DONE, because="x").on == "file_documentation.sent"


def test_a_checklist_names_who_does_what_and_what_shows_that_it_is_done() -> None:
    known = flow.known
    one = item("note", "Note signed", owner=RT, done_on=NoteSigned, by=(RT, LEAD))
    two = item("oxygen", "Oxygen set", owner=LEAD, done_on=(OxygenChanged, ended(OXYGEN, COMPLETE)), satisfied=known)
    made = checklist(one, two, needed=1)
    assert (made.items, made.needed, checklist(one).needed) == ((one, two), 1, None)
    assert (one.owner, one.done_on, one.by, one.satisfied) == ("RT", ("note_signed",), ("RT", "LEAD"), None)
    assert (two.done_on, two.by, two.satisfied) == (("oxygen_changed", "oxygen.complete"), (), known)
    assert T("X-4", WAITING, on=CHECKLIST, to=DONE, because="x").on == CHECKLIST_COMPLETED


def test_a_sub_case_names_ends_that_the_workflow_has() -> None:
    wanted = opens(OXYGEN, COMPLETE, CANCELLED)
    assert (wanted.workflow, wanted.ends) == ("oxygen", ("complete", "cancelled"))
    assert T("X-5", WAITING, on=ended(OXYGEN, COMPLETE), to=DONE, because="x").on == "oxygen.complete"
    assert T("X-6", None, on=REQUESTED, to=WAITING, because="x").on == SUB_CASE_REQUESTED
    for no_end in (STABLE, DONE):
        with pytest.raises(TypeError, match=rf"oxygen does not end as '{no_end.name}'; it ends as complete, cancelled"):
            opens(OXYGEN, no_end)


def test_parameters_know_their_type() -> None:
    kinds = [parameter("p", "p", default, "a source").parameter.type for default in (True, 3, 3.5, "x")]
    assert [str(kind) for kind in kinds] == ["boolean", "number", "number", "code"]


def test_a_state_is_found_by_name() -> None:
    assert OXYGEN.state("stable").kind is StateKind.WAITING
    with pytest.raises(KeyError):
        OXYGEN.state("unstable")


def test_a_machine_finds_what_a_definition_says() -> None:
    machine = Machine(SMALL, PLAIN)
    assert [arrow.id for arrow in machine.arrows["watched", "assessment_completed"]] == ["S-8", "S-9"]
    assert machine.overrides["waiting", "S-2"].override_by == frozenset({"LEAD"})
    assert machine.facts["oxygen_changed"] == (("spo2", "spo2_percent"), ("flow", "flow_l_min"))
    assert machine.observations == {"spo2_observed"}
    assert machine.performing(("RT",)) == {"RT"}
    wider = Machine(SMALL, PLAIN.model_copy(update={"performed_by": {"RT": ("RN",)}}))
    assert wider.performing(("RT",)) == {"RT", "RN"}


def test_a_digest_is_of_the_document_without_empty_fields_so_a_later_empty_field_changes_none() -> None:
    for definition in WORKFLOWS.values():
        document = json.loads(dump(definition))
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert digest(definition) == hashlib.sha256(canonical.encode()).hexdigest()
