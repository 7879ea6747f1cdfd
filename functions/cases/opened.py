"""Events for which a case is open: decided there, and marked with the answer in the same commit."""

from __future__ import annotations

from events.parse import Event
from functions.cases.handoff import HandOff
from functions.cases.marks import mark_item, marked
from functions.cases.outcome import Placed
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.settle import hand_off
from functions.cases.store import load_case
from functions.cases.table import Key, Write
from statemachines.case import Occurrence
from statemachines.decide import Decision


def occurrence_of(event: Event) -> Occurrence:
    """The event as decisions see it."""
    values = {name: value for name, value in event.values.items() if isinstance(value, (bool, int, float, str))}
    at = event.occurred_at.timestamp()
    return Occurrence(event.type, event.event_id, at, event.actor_id, event.actor_role, values)


def into_case(
    services: Services,
    case: str,
    occurrence: Occurrence,
    mark: Key,
    early: Key | None,
    attempts: int,
) -> Placed:
    """Decide an event against a case and commit what follows. Raises SeenBefore, WriteRefused, Contention."""
    row = load_case(services, case)
    if row is None:
        raise LookupError(f"case {case} is correlated but has no row")
    return into_row(services, row, occurrence, mark, early, attempts)


def into_row(
    services: Services, row: CaseRow, occurrence: Occurrence, mark: Key, early: Key | None, attempts: int
) -> Placed:
    """The same, for a case as it was read."""

    def note(decision: Decision, _: CaseRow) -> tuple[Write, ...]:
        return marked(mark_item(mark, str(decision.outcome), str(decision.reason), services.now(), row.id), early)

    done = hand_off(services, row, occurrence, mark=mark, note=note)
    return placed_by(done, occurrence, attempts)


def placed_by(done: HandOff, occurrence: Occurrence, attempts: int) -> Placed:
    """What an event did to a case, as its answer."""
    decision: Decision = done.progress.decision
    return Placed(
        done.row.workflow,
        decision.outcome,
        str(decision.reason),
        decision.because,
        done.row.id,
        done.row.facility,
        tuple(move.transition for move in done.progress.moves),
        attempts=attempts,
        occurred_at=occurrence.at,
    )
