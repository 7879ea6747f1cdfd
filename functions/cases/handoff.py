"""From a decision to a commit: moves are routed, everything that concerns the case's course is journaled, and it is written.

Every use case that changes a case ends here, so ownership changes in one place only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from functions.cases.change import Change, noted
from functions.cases.commit import Assignments, moved, opening, transaction
from functions.cases.journal import Entry, Kind
from functions.cases.marks import SeenBefore, answered
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, Visit, moved_on
from functions.cases.store import Place, machine_of, roster
from functions.cases.table import Key, Write, WriteRefused
from functions.cases.tasks import closed
from statemachines.case import Occurrence
from statemachines.decide import Decision, Outcome, Progress, advance
from statemachines.definition import State, StateKind
from statemachines.machine import Machine
from statemachines.routing import Assignment, OnShift, route

_KINDS = {Outcome.DEFERRED: Kind.DEFERRED, Outcome.REFUSED: Kind.REFUSED}


class HandOff(NamedTuple):
    """What one event did to a case: the decision and its moves, and the case row and state entries as committed."""

    progress: Progress
    row: CaseRow
    visits: tuple[Visit, ...] = ()


Note = Callable[[Decision, CaseRow], Sequence[Write]]
"""Further writes for a decision about a case, such as the event's mark."""


def decided(
    services: Services,
    row: CaseRow,
    occurrence: Occurrence,
    *,
    mark: Key | None = None,
    note: Note = lambda _, __: (),
) -> HandOff:
    """Decide an occurrence against a case as read, and commit what follows; nothing is told to anybody yet.

    ``mark`` is the key among the writes of ``note`` whose refusal means "seen before".
    Raises SeenBefore, WriteRefused when the race was lost (read again, decide again), Contention.
    """
    now = services.now()
    machine = machine_of(services, row)
    progress = advance(machine, row.case, occurrence, now)
    change = Change(before=row, after=moved_on(row, case=progress.case))
    change = described(services, machine, change, occurrence, progress, now).also(*note(progress.decision, row))
    for taken, later in progress.taken:
        # A repetition of what is deferred here is refused by its own mark, which takes one write already.
        if taken.id != occurrence.id:
            change = change.also(answered(services.keys.mark(row.facility, taken.id, row.workflow), later, now))
    commit(services, change, now, mark)
    return HandOff(progress, change.after, change.visits)


def begun(
    services: Services,
    machine: Machine,
    row: CaseRow,
    occurrence: Occurrence,
    *,
    place: Place | None,
    mark: Key,
    note: Note,
) -> HandOff | None:
    """Open the case ``row`` (its state still open to be decided) with an occurrence, and commit; None when it opens nothing.

    Two events that would open the same case race for the correlation's one place; the loser raises WriteRefused, reads again,
    and is decided as an event of the winner's case.
    """
    now = services.now()
    progress = advance(machine, row.case, occurrence, now)
    if not progress.moves:
        return None
    change = opening(moved_on(row, case=progress.case), place.case if place is not None else None)
    change = described(services, machine, change, occurrence, progress, now).also(*note(progress.decision, row))
    commit(services, change, now, mark)
    return HandOff(progress, change.after, change.visits)


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
    change = _identified(machine, change, occurrence, progress.decision, now)
    if progress.moves:
        target = machine.states[progress.moves[-1].target]
        assignments = None
        if target.kind is not StateKind.END:
            assignments = _assignments(services, machine, change.after, target, progress.case.done, now)
        change = moved(change, progress.moves, target, assignments, now)
    elif progress.decision.done:
        change = _items_done(change, occurrence, progress.decision, now)
    outcome = progress.decision.outcome
    if outcome is Outcome.DEFERRED or (outcome is Outcome.REFUSED and occurrence.actor_id is not None):
        change = noted(change, entry(occurrence, progress.decision, now))
    for taken, later in progress.taken:
        if later.move is None:
            change = noted(change, entry(taken, later, now, Kind.ITEM_DONE if later.done else None))
    return change


def _identified(machine: Machine, change: Change, occurrence: Occurrence, decision: Decision, now: float) -> Change:
    """A patient's record was merged into another: the case is about that one from now on, and the journal says so."""
    survivor = occurrence.values.get("surviving_patient")
    if (
        occurrence.type != machine.definition.lifecycle.merge
        or not isinstance(survivor, str)
        or decision.outcome is Outcome.REFUSED
        or occurrence.at <= change.after.merged_at
    ):
        return change
    merged = replace(change, after=moved_on(change.after, patient=survivor, merged_at=occurrence.at))
    return noted(merged, entry(occurrence, decision, now, Kind.RECORDED))


def _assignments(
    services: Services, machine: Machine, row: CaseRow, target: State, done: Collection[str], now: float
) -> Assignments:
    on_duty = roster(services, row.facility)
    step = _routed(machine, row, target.owner, on_duty, now)
    items = target.checklist.items if target.checklist is not None else ()
    return Assignments(
        step, tuple((i.name, _routed(machine, row, i.owner, on_duty, now)) for i in items if i.name not in done)
    )


def _items_done(change: Change, occurrence: Occurrence, decision: Decision, now: float) -> Change:
    """Items of a checklist are done while the case stays where it is: their tasks close, and the journal says so."""
    for task in change.after.items:
        if task.item in decision.done:
            change = closed(change, task, now, occurrence.type)
    return noted(change, entry(occurrence, decision, now, Kind.ITEM_DONE))


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
    return _routed(machine, row, role, roster(services, row.facility), now, excluded)


def _routed(
    machine: Machine,
    row: CaseRow,
    role: str | None,
    on_duty: Sequence[OnShift],
    now: float,
    excluded: Collection[str] = (),
) -> Assignment:
    if role is None:
        raise ValueError(f"state {row.case.state} of {row.workflow} has no owner; it must not have been published")
    return route(
        role,
        machine.definition,
        machine.policy,
        on_duty,
        now,
        case=row.id,
        knows_patient=frozenset(row.case.performers.values()),
        excluded=excluded,
    )
