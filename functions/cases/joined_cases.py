"""A patient's death, and one more merge of their records, where each of several merged records still has an open case.

Every other event is told to the case of the record that it names. These two concern each case; and what a sender says of the
record that survives it says of no other any more. The case of the record is told first. Each of the others is told under a
mark of its own, so a crash between two of them heals when the event is delivered again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

from events.parse import Event
from functions.cases.correlating import correlation_of
from functions.cases.every_case import told_of
from functions.cases.faults import Faults
from functions.cases.merging import together
from functions.cases.outcome import Placed
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.settle import settle
from functions.cases.store import load_case, machine_of, persist
from functions.cases.table import Update, read_all
from statemachines.definition import Correlation, Lifecycle

_ALL_TOLD = "all_told"
"""On the event's mark: whoever had to be told has been. What is merged later, or opens, is not told when it is delivered again."""


def place_in_joined(services: Services, workflow: str, event: Event, first: Placed) -> list[Placed]:
    """Tell a patient's other open cases of an event that the case of its record, ``first``, was told; none where there is but one.

    Raises what kept a case from being told, when all others have been.
    """
    if first.case is None or services.library.correlation(workflow) is not Correlation.PATIENT:
        return []
    own = load_case(services, first.case)
    if own is None or event.type not in (_life(services, own).merge, _life(services, own).death):
        return []
    mark = services.keys.mark(event.facility, event.event_id, workflow)
    marks = {each["sk"]: each for each in read_all(services.table, mark.pk, workflow)}
    if _ALL_TOLD in marks[mark.sk]:
        return []
    told: list[Placed] = []
    faults = Faults()
    before = [each for sk, each in marks.items() if sk.startswith(mark.sk + "#")]
    for each in before:  # whoever told it may have died before anything followed
        with faults.kept():
            _followed(services, each["case"])
    for row in _others(services, workflow, event, {own.id, *(each["case"] for each in before)}):
        with faults.kept():
            told += persist(services, partial(told_of, services, workflow, event, row.id))
    faults.raise_together()
    services.table.update(Update(mark, set={_ALL_TOLD: True}))
    return told


def _followed(services: Services, case: str) -> None:
    row = load_case(services, case)
    if row is not None:
        settle(services, row)


def _others(services: Services, workflow: str, event: Event, told: Collection[str]) -> Iterator[CaseRow]:
    """The other cases that the event concerns; a merge, those that are about the retired record. One that has ended is not told."""
    for case in together(services, correlation_of(services, workflow, event)):
        row = load_case(services, case) if case not in told else None
        if row is not None and (event.type == _life(services, row).death or row.patient == event.patient):
            yield row


def _life(services: Services, row: CaseRow) -> Lifecycle:
    return machine_of(services, row).definition.lifecycle
