"""All that must follow a commit, and does no harm when done again: start or signal the execution that follows the case.

It runs after every commit, on duplicates (so that a crash between commit and signal heals when the event is redelivered),
and in the sweep.
"""

from __future__ import annotations

from functions.cases import keys
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, Visit, signal, visit_from


def settle(services: Services, row: CaseRow, fresh: tuple[Visit, ...] = ()) -> None:
    """Bring the execution of a case after its journal. ``fresh`` are the visits just committed, to save reading them."""
    if row.parked_visit == 0:
        first = _visit(services, row, row.resumed_at, fresh)
        services.executions.start(
            row.workflow, row.version, row.id, row.generation, signal(first, row.generation, services.now())
        )
    elif row.park is not None and row.parked_visit < row.visit:
        following = _visit(services, row, row.parked_visit + 1, fresh)
        services.executions.succeed(row.park.token, signal(following, row.generation, services.now()))


def _visit(services: Services, row: CaseRow, number: int, fresh: tuple[Visit, ...]) -> Visit:
    for visit in fresh:
        if visit.number == number:
            return visit
    item = services.table.get(keys.visit(row.id, number))
    if item is None:
        raise LookupError(f"case {row.id} has no visit {number}")
    return visit_from(item)
