"""Critical lab result, home oxygen and its order: every arrow fired at each facility, and refused for a wrong role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest

from statemachines.case import Occurrence
from statemachines.decide import Outcome, Reason, decide
from statemachines.definition import DEADLINE_MISSED, Definition, StateKind, Transition
from statemachines.facilities import facilities
from statemachines.machine import Machine
from statemachines.workflows import WORKFLOWS
from tests.unit.workflows.ways import DATA, Step, somebody, steps

DEFINITIONS = {name: WORKFLOWS[name] for name in ("critical_lab", "home_oxygen_order", "home_oxygen")}
FACILITIES = tuple(facilities())
ANSWERS = {Outcome.MOVED, Outcome.RECORDED, Outcome.IGNORED}
WITHOUT_THEM = {
    ("critical_lab", "southgate"): {"T-03", "T-50", "T-51", "T-52", "T-53", "T-54", "T-61", "T-77", "T-91", "T-92"},
    ("home_oxygen_order", "northfield"): {"T-06", "T-09", "T-10", "T-11"},
    ("home_oxygen_order", "lakeside"): {"T-06", "T-09", "T-10", "T-11"},
    ("home_oxygen_order", "southgate"): {"T-05"},
}
"""What a facility's policy switches off: southgate calls every critical result, and only southgate wants a co-signature."""

every = pytest.mark.parametrize("definition", DEFINITIONS.values(), ids=lambda d: d.workflow)


@cache
def ways(workflow: str, facility: str) -> Mapping[tuple[str, str | None], Step]:
    return steps(DEFINITIONS[workflow], facility)


def _transition(definition: Definition, id: str) -> Transition:
    return next(t for t in definition.transitions if t.id == id)


def _each(*, only_with_roles: bool = False) -> list[object]:
    return [
        pytest.param(definition, facility, step, id=f"{name} at {facility}: {step}")
        for name, definition in DEFINITIONS.items()
        for facility in FACILITIES
        for step in ways(name, facility).values()
        if not only_with_roles or _transition(definition, step.transition).by
    ]


@pytest.mark.parametrize(("definition", "facility", "step"), _each())
def test_fired(definition: Definition, facility: str, step: Step) -> None:
    machine = Machine(definition, facilities()[facility])
    decision = decide(machine, step.before, step.event, step.now)
    declared = _transition(definition, step.transition)
    assert decision.move is not None
    assert (decision.outcome, decision.because) == (Outcome.MOVED, declared.because)
    assert (decision.move.transition, decision.move.source) == (step.transition, step.source)
    target = definition.state(step.target)
    assert target.name == (declared.target or step.source)
    if target.kind is StateKind.END:
        assert decision.move.due is None
    else:
        assert decision.move.due is not None
        if declared.on == DEADLINE_MISSED:
            assert decision.move.due > step.now, "whoever is told gets time"


@pytest.mark.parametrize(("definition", "facility", "step"), _each(only_with_roles=True))
def test_refused_for_a_wrong_role(definition: Definition, facility: str, step: Step) -> None:
    machine = Machine(definition, facilities()[facility])
    allowed = machine.performing(_transition(definition, step.transition).by) | {step.before.accountable_role}
    wrong = [role.code for role in definition.roles if role.code not in allowed]
    assert wrong
    others = [
        arrow for arrow in machine.arrows[step.source, step.event.type] if arrow.id != step.transition and arrow.by
    ]
    for role in wrong:
        event = replace(step.event, actor_id=somebody(role), actor_role=role)
        decision = decide(machine, step.before, event, step.now)
        if any(role in (arrow.by or ()) for arrow in others):  # the same event means something else from that role
            assert decision.move is None or decision.move.transition != step.transition, role
            continue
        assert (decision.outcome, decision.reason, decision.move) == (Outcome.REFUSED, Reason.WRONG_ROLE, None), role
        assert decision.facts == {}


@every
def test_every_arrow_is_taken_somewhere(definition: Definition) -> None:
    taken = {key for facility in FACILITIES for key in ways(definition.workflow, facility)}
    every = {(t.id, source) for t in definition.transitions for source in (t.sources or (None,))}
    assert every - taken == set()


@every
@pytest.mark.parametrize("facility", FACILITIES)
def test_a_facility_takes_every_arrow_but_those_that_its_policy_switches_off(
    definition: Definition, facility: str
) -> None:
    taken = {id for id, _ in ways(definition.workflow, facility)}
    missing = {t.id for t in definition.transitions} - taken
    assert missing == WITHOUT_THEM.get((definition.workflow, facility), set())


def _somebody_for(definition: Definition, event: str, state: str) -> str | None:
    """A role that may cause the event, in this state if any may here; None: anybody may."""
    arrows = [t.by for t in definition.transitions if t.on == event and state in t.sources]
    arrows += [t.by for t in definition.transitions if t.on == event]
    items = [
        i.by for s in definition.states if s.checklist is not None for i in s.checklist.items if event in i.done_on
    ]
    return next((roles[0] for roles in (*arrows, *items) if roles), None)


@every
@pytest.mark.parametrize("facility", FACILITIES)
def test_no_event_is_without_an_answer_and_the_patients_life_is_never_refused(
    definition: Definition, facility: str
) -> None:
    machine = Machine(definition, facilities()[facility])
    life = {event for event in definition.lifecycle.model_dump(exclude={"because"}).values() if event is not None}
    assert len(life) == 5
    for step in ways(definition.workflow, facility).values():
        case = step.after
        if case.state is None or machine.states[case.state].kind is StateKind.END:
            continue
        at_work = machine.states[case.state].kind is StateKind.SYSTEM
        later = {Outcome.DEFERRED} if at_work else set()  # the step ends by itself, within minutes
        for expected in definition.events:
            for data in DATA.get(expected.event, ({},)):
                now = case.entered + 90
                by = _somebody_for(definition, expected.event, case.state)
                event = Occurrence(expected.event, "x", now, by and somebody(by), by, data)
                decision = decide(machine, case, event, now)
                assert decision.reason not in (Reason.NOT_EXPECTED_HERE, Reason.WRONG_ROLE), (
                    case.state,
                    expected.event,
                )
                assert decision.because
                if expected.event in life:
                    assert decision.outcome in ANSWERS | later, (case.state, data)


@every
@pytest.mark.parametrize("facility", FACILITIES)
def test_whoever_does_nothing_is_followed_by_somebody_who_is_there(definition: Definition, facility: str) -> None:
    """Escalation climbs step by step and stays at the top; the top role is on every shift."""
    policy = facilities()[facility]
    ladder = {t.sources: t.target for t in definition.transitions if t.on == DEADLINE_MISSED}
    following = {source: target or source for sources, target in ladder.items() for source in sources}
    for state in definition.states:
        if state.kind is StateKind.END:
            continue
        here, climbed = state.name, [state.name]
        while following[here] != here:
            here = following[here]
            assert here not in climbed, "an escalation must not fall back"
            climbed.append(here)
        top = definition.state(here)
        assert all(top.owner in shift.staffed for shift in policy.shifts), (state.name, top.owner)
        if len(climbed) > 1:
            assert top.owner != state.owner


MOVES_IN_FHIR = {
    ("ready", "in-progress"), ("ready", "cancelled"), ("in-progress", "completed"), ("in-progress", "cancelled"),
}  # fmt: skip
"""The part of FHIR R4's Task state machine (https://hl7.org/fhir/R4/task.html#statemachine) that these cases go through."""


@every
def test_the_emr_sees_only_moves_that_a_fhir_task_may_make(definition: Definition) -> None:
    for transition in definition.transitions:
        if transition.reopens:  # a new case has a Task of its own
            assert definition.state(str(transition.target)).emr.status in {"ready", "in-progress"}
            continue
        for source in transition.sources:
            before = definition.state(source).emr.status
            after = definition.state(transition.target or source).emr.status
            assert before == after or (before, after) in MOVES_IN_FHIR, transition.id
        if not transition.sources:
            assert definition.state(str(transition.target)).emr.status == "ready"


@every
def test_the_emr_can_tell_states_apart_and_sees_the_end_only_at_the_end(definition: Definition) -> None:
    shown = [state.emr.business_status for state in definition.states]
    assert len(set(shown)) == len(shown)
    for state in definition.states:
        assert (state.emr.status in {"completed", "cancelled"}) is (state.kind is StateKind.END)
        assert state.kind is not StateKind.WAITING or state.instruction


@every
def test_every_limit_has_its_source_and_every_title_is_its_own(definition: Definition) -> None:
    assert all(parameter.source for parameter in definition.parameters)
    for titles in ([s.title for s in definition.states], [p.title for p in definition.parameters]):
        assert len(set(titles)) == len(titles)
