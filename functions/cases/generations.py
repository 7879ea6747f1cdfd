"""A new generation: another execution follows the case from where the one before stands. Older ones are told to end."""

from __future__ import annotations

from functions.cases.change import Change, noted
from functions.cases.commit import transaction
from functions.cases.journal import Entry, Kind
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, moved_on

HISTORY = "history"
AGE = "age"


def outlived(services: Services, row: CaseRow, visit: int) -> str | None:
    """Why the execution that follows the case should end at ``visit``: HISTORY or AGE; None when it may go on."""
    if visit - row.resumed_at + 1 + row.rewaits > services.lifespan.waits:
        return HISTORY
    if services.now() - (row.followed_since or row.opened_at) > services.lifespan.seconds:
        return AGE
    return None


def continued(services: Services, row: CaseRow, visit: int, why: str) -> CaseRow:
    """Begin a new generation at the visit at which the present one stands, before AWS Step Functions ends that.

    An execution that lived its life out shows that executions can follow this case: repairs are counted anew.
    Raises WriteRefused when the case moved meanwhile, Contention.
    """
    now = services.now()
    days = (now - (row.followed_since or row.opened_at)) / 86_400
    waits = visit - row.resumed_at + 1 + row.rewaits
    entry = Entry(
        kind=Kind.CONTINUED,
        at=now,
        reason=why,
        because=f"execution {row.generation} has followed {waits} waits in {days:.0f} days; another goes on from here",
        event="execution_continued",
        event_id=f"execution:{row.generation}",
        occurred_at=now,
    )
    return _begun(services, row, visit, 0, entry, now)


def repaired(services: Services, row: CaseRow, visit: int, status: str) -> CaseRow:
    """Begin a new generation at a visit, after an execution that ended without its case. Raises WriteRefused, Contention."""
    now = services.now()
    entry = Entry(
        kind=Kind.REPAIRED,
        at=now,
        reason="execution_" + status.lower(),
        because=f"execution {row.generation} ended as {status} before its case did; a new one follows it",
        event="execution_ended",
        event_id=f"execution:{row.generation}",
        occurred_at=now,
    )
    return _begun(services, row, visit, row.repairs + 1, entry, now)


def _begun(services: Services, row: CaseRow, visit: int, repairs: int, entry: Entry, now: float) -> CaseRow:
    after = moved_on(
        row, generation=row.generation + 1, resumed_at=visit, followed_since=now, rewaits=0, repairs=repairs
    )
    change = noted(Change(before=row, after=after), entry)
    services.table.write(transaction(change, now))
    return change.after
