"""What a case counts on of all that its system steps wrote to the EMR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from functions.cases.rows import CaseRow
from functions.emr.filing import DOCUMENT_TYPE
from functions.emr.ledger import LedgerKey
from functions.emr.ordering import ORDER_TYPE
from statemachines.definition import Late
from statemachines.machine import Machine


class _Made(NamedTuple):
    """By which system step a type of resource is made; ``numbered_by``: the fact that says which of several is the one."""

    work: str
    numbered_by: str | None = None


_MADE: Final = {DOCUMENT_TYPE: _Made("file_documentation"), ORDER_TYPE: _Made("send_order", numbered_by="order_id")}


def counts_on(row: CaseRow, machine: Machine) -> Callable[[LedgerKey], bool]:
    """Whether the case, as it stands, would have what a step of it made too late for anybody to know.

    The state says so, by what it does with a late outcome of the step: it accepts that where the order or the document is
    still wanted, and not where it was given up. A vendor that acknowledges an order which did not go out, as far as was
    known, moves the case on among states that accept it.
    """
    late = machine.states[row.state].late

    def counted(key: LedgerKey) -> bool:
        made = _MADE[key.resource_type]
        if late.get(made.work) is not Late.ACCEPT:
            return False
        if made.numbered_by is None:
            return True
        known = row.case.facts.get(made.numbered_by)
        return known is not None and key.source_id == f"{row.id}.{known.value}"

    return counted
