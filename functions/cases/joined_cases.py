"""A patient's death, and one more merge of their records, where each of several merged records still has an open case.

Every other event is told to the case of the record that it names. These two concern each case; and what a sender says of the
record that survives it says of no other any more. The case of the record is told first. Each of the others is told under a
mark of its own, so a crash between two of them heals when the event is delivered again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from events.parse import Event
from functions.cases.correlating import correlation_of
from functions.cases.every_case import told_of
from functions.cases.faults import Faults
from functions.cases.merging import open_together
from functions.cases.outcome import Placed
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.store import load_case, machine_of, persist
from statemachines.definition import Correlation, Lifecycle


def place_in_joined(services: Services, workflow: str, event: Event, first: Placed) -> list[Placed]:
    """Tell a patient's other open cases of an event that the case of its record, ``first``, was told; none where there is but one.

    Raises what kept a case from being told, when all others have been.
    """
    told: list[Placed] = []
    faults = Faults()
    for row in _others(services, workflow, event, first):
        with faults.kept():
            told += persist(services, partial(told_of, services, workflow, event, row.id))
    faults.raise_together()
    return told


def _others(services: Services, workflow: str, event: Event, first: Placed) -> Iterator[CaseRow]:
    """The open cases that were there when the event was told first. A merge concerns those that are about the retired record."""
    if first.case is None or services.library.correlation(workflow) is not Correlation.PATIENT:
        return
    own = load_case(services, first.case)
    if own is None or event.type not in (_life(services, own).merge, _life(services, own).death):
        return
    mark = services.table.get(services.keys.mark(event.facility, event.event_id, workflow)) or {}
    for case in open_together(services, correlation_of(services, workflow, event)):
        row = load_case(services, case)
        there = row is not None and row.ended_at is None and row.opened_at <= mark.get("at", 0.0)
        if row is not None and there and case != first.case and _concerns(services, row, event):
            yield row


def _concerns(services: Services, row: CaseRow, event: Event) -> bool:
    life = _life(services, row)
    return event.type == life.death or (event.type == life.merge and row.patient == event.patient)


def _life(services: Services, row: CaseRow) -> Lifecycle:
    return machine_of(services, row).definition.lifecycle
