"""Who holds a row of the ledger while a system step is at work."""

from __future__ import annotations

from functions.cases.rows import CaseRow
from functions.emr.ledger import Ledger


def held_for(ledger: Ledger, row: CaseRow) -> Ledger:
    """The ledger for the step of a case's present visit.

    Step Functions tries a visit's step again only when the try before has failed or has run out of its time, and the function ends
    before that time does: so what that one left when it died is the next one's at once. Were one invoked late all the same, the
    EMR's conditional create keeps the two from making two.
    """
    return ledger.held_by(f"{row.generation}.{row.visit}")
