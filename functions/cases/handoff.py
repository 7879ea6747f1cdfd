"""From a decision to a commit: moves are routed, everything that concerns the case's course is journaled, and it is written.

Every use case that changes a case ends here, so ownership changes in one place only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from functions.cases.commit import Change, moved, noted, transaction
from functions.cases.journal import Entry, Kind
from functions.cases.marks import SeenBefore, answered
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, moved_on
from functions.cases.settle import settle
from functions.cases.store import machine_of, roster
from functions.cases.table import Key, Write, WriteRefused
from statemachines.case import Occurrence
from statemachines.decide import Decision, Outcome, Progress, advance
from statemachines.definition import StateKind
from statemachines.machine import Machine
from statemachines.routing import Assignment, route

_KINDS = {Outcome.DEFERRED: Kind.DEFERRED, Outcome.REFUSED: Kind.REFUSED}


class HandOff(NamedTuple):
    """What one event did to a case: the decision and its moves, and the case row as committed."""

    progress: Progress
    row: CaseRow


def hand_off(
    services: Services,
    row: CaseRow,
    occurrence: Occurrence,
    *,
    mark: Key | None = None,
    note: Callable[[Decision], Sequence[Write]] = lambda _: (),
    signal: bool = True,
) -> HandOff:
    """Decide an occurrence against a case as read, commit what follows, and let the execution follow.

    ``note`` gives further writes for the decision; ``mark`` is the key among them whose refusal means "seen before".
    ``signal`` False: the caller is the execution and follows by itself.
    Raises SeenBefore, WriteRefused when the race was lost (read again, decide again), Contention.
    """
    now = services.now()
    machine = machine_of(services, row)
    progress = advance(machine, row.case, occurrence, now)
    change = Change(before=row, after=moved_on(row, case=progress.case))
    change = described(services, machine, change, occurrence, progress, now).also(*note(progress.decision))
    for taken, later in progress.taken:
        if taken.id != occurrence.id:  # a repetition of what is deferred here is refused by its mark, which takes one write
            change = change.also(answered(services.keys.mark(row.facility, taken.id, row.workflow), later))
    commit(services, change, now, mark)
    if progress.moves and signal:
        settle(services, change.after, change.visits)
    return HandOff(progress, change.after)


def commit(services: Services, change: Change, now: float, mark: Key | None) -> None:
    """Write the change. Raises SeenBefore when the event's mark refused it, else WriteRefused or Contention."""
    writes = transaction(change, now)
    try:
        services.table.write(writes)
    except WriteRefused as refused:
        if any(writes[index].key == mark for index in refused.failed):
            raise SeenBefore from refused
        raise


def described(
    services: Services, machine: Machine, change: Change, occurrence: Occurrence, progress: Progress, now: float
) -> Change:
    """The change with its moves routed and journaled, and with an entry for whatever else concerns the case's course.

    What merely was recorded or ignored leaves no entry; a refusal does when a person is concerned.
    """
    if progress.moves:
        target = machine.states[progress.moves[-1].target]
        assignment = None
        if target.kind is not StateKind.END:
            assignment = assign(services, machine, change.after, target.owner, now)
        change = moved(change, progress.moves, target, assignment, now)
    outcome = progress.decision.outcome
    if outcome is Outcome.DEFERRED or (outcome is Outcome.REFUSED and occurrence.actor_id is not None):
        change = noted(change, entry(occurrence, progress.decision, now))
    for taken, later in progress.taken:
        if later.move is None:
            change = noted(change, entry(taken, later, now))
    return change


def entry(occurrence: Occurrence, decision: Decision, now: float, kind: Kind | None = None) -> Entry:
    """The journal entry of a decision that moves nothing."""
    return Entry(
        kind=kind or _KINDS.get(decision.outcome, Kind.RECORDED),
        at=now,
        reason=str(decision.reason),
        because=decision.because,
        event=occurrence.type,
        event_id=occurrence.id,
        occurred_at=occurrence.at,
        actor=occurrence.actor_id,
        actor_role=occurrence.actor_role,
    )


def assign(
    services: Services,
    machine: Machine,
    row: CaseRow,
    role: str | None,
    now: float,
    excluded: Collection[str] = (),
) -> Assignment:
    """Route a step at the case's facility; people who acted on the case before are asked first, ``excluded`` never."""
    if role is None:
        raise ValueError(f"state {row.case.state} of {row.workflow} has no owner; it must not have been published")
    return route(
        role,
        machine.definition,
        machine.policy,
        roster(services, row.facility),
        now,
        case=row.id,
        knows_patient=frozenset(row.case.performers.values()),
        excluded=excluded,
    )
