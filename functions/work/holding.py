"""Who holds a row of the ledger while a system step is at work, and how the step waits."""

from __future__ import annotations

from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.emr.attempt import Wait
from functions.emr.ledger import Ledger

_MAX_PAUSES = 400
"""Several times as many as it takes, should the clock stand still."""


def held_for(ledger: Ledger, row: CaseRow) -> Ledger:
    """The ledger for the step of a case's present visit.

    Step Functions tries a visit's step again only when the try before has failed or has run out of its time, and the function ends
    before that time does: so what that one left when it died is the next one's at once. Were one invoked late all the same, the
    EMR's conditional create keeps the two from making two; where the EMR knows none, the late one finds that it has lost its
    hold and takes back what it made.
    """
    return ledger.held_by(f"{row.generation}.{row.visit}")


def waiting(services: Services) -> Wait:
    """How a step lets time pass: in pauses, by the clock."""

    def wait(seconds: float) -> None:
        until = services.now() + seconds
        for number in range(1, _MAX_PAUSES + 1):
            if services.now() >= until:
                return
            services.pause(number)

    return wait
