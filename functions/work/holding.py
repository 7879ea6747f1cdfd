"""Who holds a row of the ledger while a system step is at work."""

from __future__ import annotations

from functions.cases.rows import CaseRow
from functions.emr.ledger import Ledger


def held_for(ledger: Ledger, row: CaseRow) -> Ledger:
    """The ledger for the step of a case's present visit.

    Step Functions tries a visit's step again when the try before has failed, or has run out of its time. One that failed within
    seconds is over, and what it held is the next one's at once; one that ran out of its time may still be at work, and is
    waited for.
    """
    return ledger.held_by(f"{row.generation}.{row.visit}")
