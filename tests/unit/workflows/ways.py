"""Ways through a workflow, found in its definition: to every state, and to every arrow from each of its states."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from statemachines.case import Case, Occurrence, following
from statemachines.decide import advance
from statemachines.definition import DEADLINE_MISSED, Definition, StateKind
from statemachines.facilities import facilities
from statemachines.machine import Arrow, Machine

START = 1_772_438_400.0
MINUTE, DAY = 60.0, 24 * 3600.0
LATER = (MINUTE, 3 * DAY, 15 * DAY)
"""How long after a state was entered something happens there: soon, or when what was known has grown old, or too old."""

ABOUT: dict[str, Any] = {"result_id": "R1"}
RESULT: dict[str, Any] = {
    **ABOUT,
    "potassium_mmol_l": 7.0,
    "called_whatever_its_value": False,
    "chronic_disease": False,
    "trending_to_normal": False,
    "on_protocol": False,
}
TEST: dict[str, Any] = {
    "test_id": "T1",
    "pao2_mm_hg": 52,
    "dependent_oedema": False,
    "cor_pulmonale": False,
    "performed_by_vendor": False,
}
DATA: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "critical_result_reported": (RESULT, {**RESULT, "chronic_disease": True}, {**RESULT, "potassium_mmol_l": 4.2}),
    "result_corrected": (RESULT, {**RESULT, "chronic_disease": True}, {**RESULT, "potassium_mmol_l": 4.2}),
    "result_called": ({**ABOUT, "cares_for_patient": True}, {**ABOUT, "cares_for_patient": False}),
    "result_read_back": (
        {**ABOUT, "identifiers_confirmed": 2, "value_confirmed": True},
        {**ABOUT, "identifiers_confirmed": 1, "value_confirmed": True},
        {**ABOUT, "identifiers_confirmed": 2, "value_confirmed": False},
    ),
    "result_acknowledged": (ABOUT,),
    "action_ordered": ({**ABOUT, "order_id": "O1"},),
    "no_action_needed": (ABOUT,),
    "action_completed": ({**ABOUT, "order_id": "O1"}, {**ABOUT, "order_id": "O2"}),
    "discharge_planned": ({"high_complexity": False}, {"high_complexity": True}),
    "qualifying_test_completed": (TEST, {**TEST, "pao2_mm_hg": 72}, {**TEST, "performed_by_vendor": True}),
    "oxygen_education_completed": ({"learner": "patient"},),
    "contact_number_confirmed": ({"answers": "patient"},),
    "follow_up_visit_booked": ({"appointment_id": "A1"},),
    "follow_up_contact_made": ({"oxygen_works": True}, {"oxygen_works": False}),
    "equipment_delivered": ({"place": "home"},),
    "home_oxygen_order_drafted": ({"vendor_id": "V1", "flow_l_min": 2},),
}
"""What an event may say, so that each guard holds for one of the variants; an event that is not here says nothing."""


class Step(NamedTuple):
    """One arrow, what makes a case take it, and the case before and after."""

    transition: str
    source: str | None
    target: str
    event: Occurrence
    now: float
    before: Case
    after: Case

    def __str__(self) -> str:
        return f"{self.transition} from {self.source or 'nothing'}"


def somebody(role: str) -> str:
    """A made-up person in a role."""
    return f"{role.replace('_', '-')}-ALDER"


def performer(machine: Machine, arrow: Arrow) -> tuple[str | None, str | None]:
    """A person and the role in which they may take an arrow; nobody where Baton or a device causes it."""
    own = next(t.by for t in machine.definition.transitions if t.id == arrow.id)
    return (somebody(own[0]), own[0]) if own else (None, None)


def steps(definition: Definition, facility: str) -> dict[tuple[str, str | None], Step]:
    """A step for each arrow and source that a case can reach at a facility, by (transition, source)."""
    machine = Machine(definition, facilities()[facility])
    found: dict[tuple[str, str | None], Step] = {}
    seen: set[Any] = set()
    waiting = deque([Case()])
    while waiting:
        case = waiting.popleft()
        for step in _next(machine, case):
            found.setdefault((step.transition, step.source), step)
            known = (step.after.state, tuple(sorted((name, known.value) for name, known in step.after.facts.items())))
            if known not in seen:
                seen.add(known)
                waiting.append(step.after)
    return found


def _next(machine: Machine, case: Case) -> Iterator[Step]:
    if case.state is not None and machine.states[case.state].kind is StateKind.END:
        case = following(case)
    for (state, type), arrows in machine.arrows.items():
        if state != (case.state or case.after):
            continue
        for arrow in arrows:
            person, role = performer(machine, arrow)
            for data in DATA.get(type, ({},)):
                for now in _moments(case, type):
                    event = Occurrence(type, f"event-{now}", now, person, role, data)
                    progress = advance(machine, case, event, now)
                    if progress.moves and progress.moves[0].transition == arrow.id:
                        move = progress.moves[0]
                        after = replace(progress.case, accountable_role=machine.states[progress.moves[-1].target].owner)
                        yield Step(arrow.id, state, move.target, event, now, case, after)


def _moments(case: Case, type: str) -> tuple[float, ...]:
    if case.state is None and case.after is None:
        return (START,)
    if type == DEADLINE_MISSED:
        return (case.due,) if case.due is not None else ()
    return tuple(case.entered + later for later in LATER)
