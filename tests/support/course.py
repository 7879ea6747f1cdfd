"""The way to every arrow of a workflow, found in its definition, so that no test lists arrows by hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from statemachines.case import Case, Occurrence
from statemachines.decide import advance
from statemachines.definition import DEADLINE_MISSED, Definition, StateKind
from statemachines.facilities import facilities
from statemachines.machine import Arrow, Machine
from statemachines.workflows.oxygen import SPO2_COUNTS_FOR
from tests.support.world import DAY, STAFF, START, World

PERSON = {person.partition(":")[2]: person for person in STAFF}
"""Somebody in each role."""

DATA: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "oxygen_ordered": ({"order_id": "O1", "age_years": 70},),
    "oxygen_changed": (
        {"spo2_percent": 96, "flow_l_min": 2},
        {"spo2_percent": 85, "flow_l_min": 2},
        {"spo2_percent": 96, "flow_l_min": 0},
        {"flow_l_min": 2},
        {"flow_l_min": 0},
    ),
    "assessment_completed": ({}, {"spo2_percent": 85}, {"distress": True}),
    "spo2_observed": ({"spo2_percent": 96}, {"spo2_percent": 85}),
    "news2_scored": ({"news2": 6},),
    "order_cancelled": ({"reason": "ordered by mistake"},),
    "note_written": ({"note_id": "N1"},),
    "note_signed": ({"note_id": "N1"},),
    "note_cosigned": ({"note_id": "N1"},),
    "flowsheet_comment_recorded": ({"comment_id": "C1"},),
    "patient_transferred": ({"to_unit": "U2"},),
    "care_plan_updated": ({"target_spo2_low": 88, "target_spo2_high": 92, "hypercapnic_risk": True},),
    "patient_merged": ({"surviving_patient": "P-9"},),
}
"""What an event may say, so that each guard holds for one of the variants; an event that is not here says nothing."""

STEP_SECONDS = 60.0
STALE_SECONDS = 60.0 * SPO2_COUNTS_FOR
_SOMEBODY = "CN-FIR:CHARGE_NURSE"


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow, and what makes a case take it. ``type`` is an event, a missed deadline or an outcome of a system step."""

    transition: str
    source: str | None
    target: str
    type: str
    by: str | None
    data: Mapping[str, Any]
    after: float = STEP_SECONDS
    """Seconds after the step before; a missed deadline comes when it comes."""

    def __str__(self) -> str:
        return f"{self.transition} from {self.source or 'nothing'}"


Course = tuple[Step, ...]


def courses(definition: Definition, facility: str) -> dict[tuple[str, str | None], Course]:
    """The shortest course that ends with each arrow, by (transition, source); arrows this facility never takes are absent."""
    machine = Machine(definition, facilities()[facility])
    found: dict[tuple[str, str | None], Course] = {}
    waiting: deque[tuple[Case, Course]] = deque([(Case(), ())])
    reached: set[tuple[str | None, int, bool]] = set()
    while waiting:
        case, course = waiting.popleft()
        for after, step in _next(machine, case, len(course)):
            found.setdefault((step.transition, step.source), (*course, step))
            known = (after.state, _measured(after), _in_distress(after))
            if known not in reached:
                reached.add(known)
                waiting.append((after, (*course, step)))
    return found


def _next(machine: Machine, case: Case, place: int) -> Iterator[tuple[Case, Step]]:
    if case.state is not None and machine.states[case.state].kind is StateKind.END:
        return
    for (state, type), arrows in machine.arrows.items():
        if state != case.state:
            continue
        for arrow in arrows:
            for data, now in product(DATA.get(type, ({},)), _moments(case, type)):
                by = _performer(arrow, type)
                person, role = by.split(":") if by is not None else (None, None)
                event = Occurrence(type, f"step-{place}", now, person, role, data)
                progress = advance(machine, case, event, now)
                if progress.moves and progress.moves[0].transition == arrow.id:
                    step = Step(arrow.id, state, progress.moves[0].target, type, by, data, now - case.entered)
                    yield replace(progress.case, due=progress.moves[0].due), step


def _moments(case: Case, type: str) -> Iterator[float]:
    """When an event may come: soon, and just before and after the saturation is too old to be relied on."""
    if type == DEADLINE_MISSED and case.due is not None:
        yield case.due
        return
    soon = case.entered + STEP_SECONDS
    yield soon
    spo2 = case.facts.get("spo2")
    if spo2 is not None and case.due is not None:
        for moment in (spo2.at + STALE_SECONDS - STEP_SECONDS / 2, spo2.at + STALE_SECONDS + STEP_SECONDS / 2):
            if soon < moment < case.due:
                yield moment


def _measured(case: Case) -> int:
    """How long ago the saturation was measured when the state was entered: never (3), by then too long (2), before (1), now (0)."""
    spo2 = case.facts.get("spo2")
    if spo2 is None:
        return 3
    age = case.entered - spo2.at
    return 2 if age > STALE_SECONDS - STEP_SECONDS else 1 if age > 0 else 0


def _in_distress(case: Case) -> bool:
    distress = case.facts.get("distress")
    return distress is not None and distress.value is True


def _performer(arrow: Arrow, type: str) -> str | None:
    if type == DEADLINE_MISSED or "." in type:
        return None
    return PERSON[min(arrow.by)] if arrow.by is not None else _SOMEBODY


def staffed(facility: str, **options: Any) -> World:
    """A world in which somebody holds every role at a facility for a month."""
    world = World(**options)
    world.on_shift(*STAFF, facility=facility, hours=30 * DAY / 3600)
    assert world.now == START
    return world


def play(world: World, course: Course, facility: str) -> None:
    """Let a case take a course. Its execution is held before system states, so that the case stays wherever the course ends."""
    definition = world.following.definition("oxygen", 1)
    world.following.held_before = frozenset(s.name for s in definition.states if s.kind is StateKind.SYSTEM)
    for step in course:
        take(world, step, facility)


def take(world: World, step: Step, facility: str) -> None:
    """Let a case take one step."""
    if step.type == DEADLINE_MISSED:
        _miss(world, step, facility)
    elif "." in step.type:
        work, _, outcome = step.type.partition(".")
        {"file_documentation": world.file, "confirm_documentation": world.confirm}[work].outcomes.insert(0, outcome)
        world.following.go_on()
    else:
        world.now += step.after
        world.send(step.type, by=step.by, facility=facility, **step.data)


def _miss(world: World, step: Step, facility: str) -> None:
    due = world.case(facility).case.due
    assert due is not None, f"{step.source} has no deadline"
    held = world.following.held_before
    if step.source in held:  # nobody times a system step but the sweep
        world.pass_time(due - world.now + 61)
        world.sweep()
    else:
        world.pass_time(due - world.now)


def arrive(world: World) -> None:
    """Let executions go on to wherever the case is."""
    world.following.held_before = frozenset()
    world.following.go_on()
