"""Events of the patient's life where an encounter has several cases of a workflow: each open one of them is told.

A case's commit carries the event's mark for that case, and the event's own mark is set when all have been told. So a crash
between two cases heals when the event is delivered again, and once all have been told nothing changes any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from events.parse import Event
from functions.cases import keys
from functions.cases.correlating import group_of
from functions.cases.faults import Faults
from functions.cases.marks import SeenBefore, mark_item
from functions.cases.opened import into_row, occurrence_of
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.ports import Services
from functions.cases.settle import settle
from functions.cases.store import load_case, persist
from functions.cases.table import NEW, Item, Put, WriteRefused, read_all
from functions.cases.unopened import answer_without_case
from statemachines.decide import Outcome
from statemachines.definition import Unplaced

EACH_CASE = "each_open_case"
"""The reason on the event's own mark: what became of it in each case says the mark of that case."""

_FIRST = (Outcome.MOVED, Outcome.RECORDED, Outcome.DEFERRED, Outcome.REFUSED, Outcome.IGNORED)


def place_in_every(services: Services, workflow: str, event: Event, raw: str) -> list[Placed]:
    """Place an event in every open case of its encounter; an answer for each, or one when none is open.

    Raises Unplaceable when none is open and that is no matter of course. A case that cannot be told, or not be followed,
    keeps the event from no other: the fault is raised when all have been told, and the event's own mark is not set.
    """
    group = group_of(services, workflow, event)
    if group is None:
        raise Unplaceable("missing_subject", "detail.subject", "this event needs its patient and encounter")
    own = services.keys.mark(event.facility, event.event_id, workflow)
    marks = {mark["sk"]: mark for mark in read_all(services.table, own.pk, workflow)}
    if own.sk in marks:
        return [_seen(workflow, event, marks[own.sk])]
    told: list[Placed] = []
    faults = Faults()
    before = [mark for sk, mark in marks.items() if sk.startswith(own.sk + "#")]
    for mark in before:
        with faults.kept():
            told.append(_again(services, workflow, event, mark))
    known = {mark["case"] for mark in before}
    for member in read_all(services.table, group, keys.MEMBER):
        if "closed_at" not in member and member["case"] not in known:
            with faults.kept():
                told += persist(services, partial(told_of, services, workflow, event, member["case"]))
    faults.raise_together()
    if not told:
        return [_none_open(services, workflow, event, group, raw)]
    _note(services, mark_item(own, str(_common(told)), EACH_CASE, services.now()))
    return told


def told_of(services: Services, workflow: str, event: Event, case: str, attempt: int) -> list[Placed]:
    """Tell one of several cases of an event, under its own mark: its answer, or none when it has ended. For ``persist``."""
    row = load_case(services, case)
    if row is None or row.ended_at is not None:
        return []  # it ended after it was read here, as if the event had come a moment later
    mark = services.keys.mark(event.facility, event.event_id, workflow, case)
    try:
        return [into_row(services, row, occurrence_of(event), mark, None, attempt)]
    except SeenBefore:
        return [_again(services, workflow, event, services.table.get(mark) or {"case": case})]


def _again(services: Services, workflow: str, event: Event, mark: Item) -> Placed:
    """Told before: nothing changes, but what must follow that commit is done again if need be."""
    row = load_case(services, mark["case"])
    if row is not None:
        settle(services, row)
    return _seen(workflow, event, mark)


def _seen(workflow: str, event: Event, mark: Item) -> Placed:
    return Placed(
        workflow,
        mark.get("outcome", ""),
        mark.get("reason", ""),
        "seen before",
        mark.get("case"),
        event.facility,
        duplicate=True,
        occurred_at=event.occurred_at.timestamp(),
    )


def _none_open(services: Services, workflow: str, event: Event, group: str, raw: str) -> Placed:
    own = services.keys.mark(event.facility, event.event_id, workflow)
    occurrence = occurrence_of(event)
    try:
        answer = answer_without_case(services, workflow, event, occurrence, group, None, own, raw, held=False)
    except SeenBefore:
        return _seen(workflow, event, services.table.get(own) or {})
    if answer is Unplaced.QUARANTINE:
        raise Unplaceable("no_case", "detail.subject", "no case is open for it; check the encounter, then redrive")
    return answer


def _common(told: Sequence[Placed]) -> Outcome:
    """The outcome that says most of what happened. What waits in a case waits under that case's mark, not under this one."""
    found = min((Outcome(placed.outcome) for placed in told), key=_FIRST.index)
    return Outcome.RECORDED if found is Outcome.DEFERRED else found


def _note(services: Services, mark: Item) -> None:
    try:
        services.table.write((Put(mark, NEW),))
    except WriteRefused:
        return  # delivered twice at the same time, and the other one was first
