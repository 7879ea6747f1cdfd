"""In whose course an event happened: that of the open case, or of the one before it, or of a stay that was over before both.

An event names its patient, its stay or its result, and the newest case of that name has the place. What comes late may be of
the one before; it must not count in the new one. Senders stamp to the minute, and by clocks of their own: what happened within
a minute of the open case's beginning is its own.
"""

from __future__ import annotations

from events.parse import Event
from functions.cases import keys
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, visit_from
from functions.cases.store import Place, load_case, machine_of
from statemachines.case import SAME_MINUTE_SECONDS, Occurrence
from statemachines.definition import Unplaced
from statemachines.machine import Machine


def began(services: Services, case: str) -> float:
    """When what opened the case happened (epoch seconds); of a sub-case: when what let its parent wait for it happened."""
    row = services.table.get(keys.visit(case, 1))
    if row is None:
        raise LookupError(f"case {case} has no first state entry")
    return visit_from(row).happened


def case_of(services: Services, place: Place) -> CaseRow:
    """The newest case of a place."""
    row = load_case(services, place.case)
    if row is None:
        raise LookupError(f"case {place.case} is correlated but has no row")
    return row


def is_of_another_stay(services: Services, row: CaseRow, event: Event) -> bool:
    """Whether a transfer or discharge is of a stay that was surely over before the patient's open case began."""
    stay = machine_of(services, row).definition.lifecycle
    if event.type not in (stay.transfer, stay.discharge) or event.encounter in (None, row.encounter):
        return False
    return surely_before(services, event.occurred_at.timestamp(), row.id)


def case_before(services: Services, place: Place, row: CaseRow, occurrence: Occurrence) -> str | None:
    """The case that had the place before the open one, ``row``, if an event is for that: it refuses what comes so late.

    What opens or re-opens cases, and what is said of the patient, whose life goes on from case to case, is for the open one
    however late. So is what happened since that began, though the one before it had not ended yet; and what moves its parent,
    the case that asked for it. What happened between the two came early for the open one, unless it takes something back, or
    is said of a result that was reported again since: an acknowledgement, say.
    """
    if place.before is None or place.before_ended is None:
        return None
    machine, after_its_end = machine_of(services, row), occurrence.at > place.before_ended
    if (None, occurrence.type) in machine.arrows or occurrence.type in machine.reopening | machine.about_patient:
        return None
    if after_its_end and not (row.earlier == place.before or _takes_back(machine, occurrence.type)):
        return None  # it may be what came before its case
    if after_its_end:
        earlier = surely_before(services, occurrence.at, row.id)
    else:  # of a result, what happened while both reports were known may be of the first, and somebody must be told of the other
        earlier = row.earlier == place.before or occurrence.at < began(services, row.id)
    return place.before if earlier and not _moves_parent(services, row, occurrence) else None


def _takes_back(machine: Machine, type: str) -> bool:
    """Whether it takes back what a case was opened for: a second cancellation, from another system, does not say of which."""
    expectation = machine.expectations.get(type)
    return expectation is not None and expectation.unplaced is Unplaced.HOLD_THEN_IGNORE


def _moves_parent(services: Services, row: CaseRow, occurrence: Occurrence) -> bool:
    """Whether the case's parent, which had begun, moves with this or has ended so: when a plan is cancelled, so is its order."""
    if row.parent is None:
        return False
    parent = load_case(services, row.parent.case)
    if parent is None:
        raise LookupError(f"case {row.id} was opened by {row.parent.case}, which does not exist")
    moves = (parent.state, occurrence.type) in machine_of(services, parent).arrows
    if parent.ended_at is not None:
        moves = ended_by(services, parent) == occurrence.type
    return moves and not surely_before(services, occurrence.at, parent.id)


def ended_by(services: Services, row: CaseRow) -> str:
    """The type of the event that ended a case."""
    visit = services.table.get(keys.visit(row.id, row.visit))
    if visit is None:
        raise LookupError(f"case {row.id} has no visit {row.visit}")
    return next(t.on for t in machine_of(services, row).definition.transitions if t.id == visit["transition"])


def surely_before(services: Services, at: float, case: str) -> bool:
    """Whether something happened (epoch seconds) before the case began, and not in the same minute."""
    return at + SAME_MINUTE_SECONDS < began(services, case)
