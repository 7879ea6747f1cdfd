"""The oxygen workflow, arrow by arrow: each one fired at each facility that can take it, and refused once for a wrong role.

Which arrows there are, and how to get to them, is read from the definition.
"""

from __future__ import annotations

from functools import cache

import pytest

from functions.cases.outcome import Placed
from statemachines.definition import DEADLINE_MISSED, StateKind, Transition
from statemachines.facilities import facilities
from statemachines.machine import Machine
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, Course, arrive, courses, play, staffed, take
from tests.support.invariants import violations

FACILITIES = tuple(facilities())
TRANSITIONS = {transition.id: transition for transition in OXYGEN.transitions}


@cache
def ways(facility: str) -> dict[tuple[str, str | None], Course]:
    return courses(OXYGEN, facility)


def _each() -> list[object]:
    return [
        pytest.param(facility, course, id=f"{facility}: {course[-1]}")
        for facility in FACILITIES
        for course in ways(facility).values()
    ]


def _each_by_role() -> list[object]:
    return [
        pytest.param(facility, course, id=f"{facility}: {course[-1]}")
        for facility in FACILITIES
        for course in ways(facility).values()
        if TRANSITIONS[course[-1].transition].by
    ]


@pytest.mark.parametrize(("facility", "course"), _each())
def test_fired(facility: str, course: Course) -> None:
    world = staffed(facility)
    play(world, course, facility)
    row = world.case(facility)
    last = next(entry for entry in reversed(world.journal(row.id)) if entry["kind"] == "moved")
    step = course[-1]
    assert (last["transition"], last.get("source"), last["target"]) == (step.transition, step.source, step.target)
    assert last["because"] == TRANSITIONS[step.transition].because
    assert last["missed_deadline"] is (step.type == DEADLINE_MISSED)
    state = OXYGEN.state(step.target)
    if state.kind is StateKind.END:
        assert (row.task, row.ended_at) == (None, world.now)
    else:
        assert row.task is not None
        assert (row.task.role, row.task.person) == (state.owner, PERSON[str(state.owner)].partition(":")[0])
    arrive(world)
    assert violations(world) == []


@pytest.mark.parametrize(("facility", "course"), _each_by_role())
def test_refused_for_a_wrong_role(facility: str, course: Course) -> None:
    *before, step = course
    world = staffed(facility)
    play(world, tuple(before), facility)
    allowed = Machine(OXYGEN, facilities()[facility]).performing(TRANSITIONS[step.transition].by)
    owner = OXYGEN.state(step.source).owner if step.source is not None else None
    wrong = next(person for role, person in PERSON.items() if role not in allowed and role != owner)
    was = world.case(facility) if before else None
    world.now += 60
    answer = world.send(step.type, by=wrong, facility=facility, **step.data)
    assert isinstance(answer, Placed)
    assert (answer.outcome, answer.reason) == ("refused", "wrong_role")
    if was is None:
        assert world.cases(facility) == []
        return
    row = world.case(facility)
    assert (row.state, row.visit, row.task) == (was.state, was.visit, was.task)
    learned = {name: known.value for name, known in row.case.facts.items() if known != was.case.facts.get(name)}
    seen = {"spo2": step.data["spo2_percent"]} if "spo2_percent" in step.data else {}
    assert learned == seen, "what was seen of the patient counts, whoever says it; nothing else does"
    refused = world.journal(row.id)[-1]
    assert (refused["kind"], refused["reason"], refused["actor"]) == ("refused", "wrong_role", wrong.partition(":")[0])
    take(world, step, facility)
    assert world.case(facility).visit == was.visit + 1, "whoever may do it still can"


def test_every_arrow_is_taken_somewhere() -> None:
    taken = {key for facility in FACILITIES for key in ways(facility)}
    every = {(t.id, source) for t in OXYGEN.transitions for source in (t.sources or (None,))}
    assert every - taken == set()


def _documents(transition: Transition) -> bool:
    return "documentation" in (transition.when.model_dump_json() if transition.when is not None else "")


@pytest.mark.parametrize("facility", FACILITIES)
def test_what_a_facility_never_does_is_only_other_facilities_documentation(facility: str) -> None:
    never = set(TRANSITIONS) - {transition for transition, _ in ways(facility)}
    optional = {state.name for state in OXYGEN.states if state.optional is not None}
    assert never, "the three facilities mean different things by documented"
    for transition in (TRANSITIONS[id] for id in never):
        assert _documents(transition) or set(transition.sources) <= optional, transition.id


@pytest.mark.parametrize("facility", FACILITIES)
def test_every_open_state_ends_by_its_deadline_too(facility: str) -> None:
    """I4: whoever does nothing is asked, then somebody else is; no state is left without its deadline's arrow."""
    reached = {course[-1].target for course in ways(facility).values()}
    late = {source for _, source in ways(facility) if source is not None}
    for name in reached:
        state = OXYGEN.state(name)
        if state.kind is not StateKind.END:
            assert name in late
            assert any(k[1] == name and c[-1].type == DEADLINE_MISSED for k, c in ways(facility).items()), name


MOVES_IN_FHIR = {
    ("ready", "in-progress"),
    ("ready", "cancelled"),
    ("in-progress", "completed"),
    ("in-progress", "cancelled"),
    ("in-progress", "failed"),
    ("in-progress", "on-hold"),
    ("on-hold", "in-progress"),
    ("on-hold", "cancelled"),
}
"""The part of FHIR R4's Task state machine (https://hl7.org/fhir/R4/task.html#statemachine) that a case of ours can be in."""


@pytest.mark.parametrize("transition", OXYGEN.transitions, ids=lambda t: t.id)
def test_the_emr_sees_only_moves_that_a_fhir_task_may_make(transition: Transition) -> None:
    for source in transition.sources:
        before = OXYGEN.state(source).emr.status
        after = OXYGEN.state(transition.target or source).emr.status
        assert before == after or (before, after) in MOVES_IN_FHIR
    if not transition.sources:
        assert OXYGEN.state(str(transition.target)).emr.status in {"requested", "ready"}


def test_the_emr_can_tell_states_apart_and_sees_the_end_only_at_the_end() -> None:
    shown = [state.emr.business_status for state in OXYGEN.states]
    assert len(set(shown)) == len(shown)
    for state in OXYGEN.states:
        assert (state.emr.status in {"completed", "cancelled", "failed"}) is (state.kind is StateKind.END)
