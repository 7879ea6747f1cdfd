"""Who holds a row of the ledger while a system step is at work."""

from __future__ import annotations

from functions.cases.rows import CaseRow
from functions.emr.ledger import Ledger


def held_for(ledger: Ledger, row: CaseRow) -> Ledger:
    """The ledger for the step of a case's present visit.

    Step Functions tries a visit's step again only after the try before has ended, so what that one left held when it died is
    the next one's at once. Were both at work after a time limit passed, the EMR's conditional create keeps them from making two.
    """
    return ledger.held_by(f"{row.generation}.{row.visit}")
