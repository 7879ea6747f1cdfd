"""In whose course an event happened: that of the open case, or of the one before it, or of a stay that was over before both.

An event names its patient, its stay or its result, and the newest case of that name has the place. What comes late may be of
the one before; it must not count in the new one. Senders stamp to the minute, and by clocks of their own: what happened within
a minute of the open case's beginning is its own.
"""

from __future__ import annotations

from typing import NamedTuple

from events.parse import Event
from functions.cases import keys
from functions.cases.correlating import correlation_of
from functions.cases.merging import placed_under
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, visit_from
from functions.cases.store import Place, load_case, machine_of
from functions.cases.table import Key, WriteRefused
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
    """The open case of a place. Raises WriteRefused when it has ended since the place was read (read again)."""
    row = load_case(services, place.case)
    if row is None:
        raise LookupError(f"case {place.case} is correlated but has no row")
    if row.ended_at is not None:
        raise WriteRefused({})
    return row


class Elsewhere(NamedTuple):
    """Why an event is not of the open case that its name leads to, nor of one before it."""

    reason: str
    because: str


ANOTHER_STAY = Elsewhere("another_stay", "it is of a stay that was over before the open case began")
ANOTHER_PLAN = Elsewhere("another_plan", "it is of another open case than the one that asked for this")
NOTHING_TO_TAKE_BACK = Elsewhere(
    "nothing_to_take_back", "it happened before the open case began, and takes back nothing of it"
)


def elsewhere(services: Services, place: Place, row: CaseRow, event: Event, occurrence: Occurrence) -> Elsewhere | None:
    """Why an event is not of the open case ``row`` that has the place, nor of one before it; None when it may be."""
    if _is_of_another_stay(services, row, event):
        return ANOTHER_STAY
    if _is_of_another_plan(services, row, event, occurrence):
        return ANOTHER_PLAN
    return NOTHING_TO_TAKE_BACK if _is_before_the_case(services, place, row, occurrence) else None


def _is_of_another_stay(services: Services, row: CaseRow, event: Event) -> bool:
    """Whether a transfer or discharge is of a stay that was surely over before the patient's open case began."""
    stay = machine_of(services, row).definition.lifecycle
    if event.type not in (stay.transfer, stay.discharge) or event.encounter in (None, row.encounter):
        return False
    return surely_before(services, event.occurred_at.timestamp(), row.id)


def _is_of_another_plan(services: Services, row: CaseRow, event: Event, occurrence: Occurrence) -> bool:
    """Whether what moves a case's parent is told of another one: of a merged patient's two plans only one may have an order.

    What is said of the patient is said of each.
    """
    parent = load_case(services, row.parent.case) if row.parent is not None else None
    if parent is None or parent.ended_at is not None:
        return False
    machine = machine_of(services, parent)
    if event.type not in machine.expectations or event.type in machine.about_patient:
        return False
    named = correlation_of(services, parent.workflow, event)
    told = placed_under(services, named).place
    if told is None or told.case != parent.id:
        return told is not None
    return case_of_its_record(services, named, parent, occurrence) is not None


def _is_before_the_case(services: Services, place: Place, row: CaseRow, occurrence: Occurrence) -> bool:
    """Whether what takes something back happened before the first case of its name began: nothing had been asked for yet."""
    machine = machine_of(services, row)
    if place.before is not None or _outlasts(machine, occurrence.type) or not _takes_back(machine, occurrence.type):
        return False
    return surely_before(services, occurrence.at, row.id) and not _moves_parent(services, row, occurrence)


def case_of_its_record(services: Services, named: str, row: CaseRow, occurrence: Occurrence) -> str | None:
    """The case of the very record that an event names, if it happened in that one, and ``row`` has its place since a merge.

    ``named`` is the record's own key. While both were open each was told by its own record, and late news is so too.
    """
    if named == row.correlation or _outlasts(machine_of(services, row), occurrence.type):
        return None
    own = services.table.get(Key(named, keys.OPEN))
    assert own is not None, "it led to the row's place"
    if "ended" not in own:
        return None
    case: str = own["case"]
    return case if began(services, case) <= occurrence.at <= own["ended"] else None


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
    if _outlasts(machine, occurrence.type):
        return None
    if after_its_end and not (row.earlier == place.before or _takes_back(machine, occurrence.type)):
        return None  # it may be what came before its case
    if after_its_end:
        earlier = surely_before(services, occurrence.at, row.id)
    else:  # of a result, what happened while both reports were known may be of the first, and somebody must be told of the other
        earlier = row.earlier == place.before or occurrence.at < began(services, row.id)
    return place.before if earlier and not _moves_parent(services, row, occurrence) else None


def _outlasts(machine: Machine, type: str) -> bool:
    """Whether it is for the open case however late: what opens or re-opens cases, and what is said of the patient."""
    return (None, type) in machine.arrows or type in machine.reopening | machine.about_patient


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
