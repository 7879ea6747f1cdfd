"""A hand-off as one transaction: the case row under its lock, journal, state entries, tasks, and the event's mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from functions.cases import journal, keys
from functions.cases.journal import Entry
from functions.cases.rows import CLAIMED, DONE, OFFERED, CaseRow, OpenTask, Visit, case_attributes, moved_on
from functions.cases.table import NEW, Check, Condition, Key, Put, Test, Update, Write
from statemachines.decide import Move
from statemachines.definition import DEADLINE_MISSED, State, StateKind
from statemachines.routing import Assignment

FOLLOW_WITHIN_SECONDS = 60.0
"""After a commit, the execution should have followed within this time; then the sweep looks."""

OVERDUE_GRACE_SECONDS = 60.0
"""A deadline's own timer gets this long before the sweep concludes that it is missing."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does to a case, gathered step by step: the case row afterwards, and the writes beside it."""

    before: CaseRow | None
    after: CaseRow
    writes: tuple[Write, ...] = ()
    visits: tuple[Visit, ...] = ()
    entries: tuple[Entry, ...] = field(default=())

    def also(self, *writes: Write) -> Change:
        """The same change with further writes."""
        return replace(self, writes=(*self.writes, *writes))


def noted(change: Change, entry: Entry) -> Change:
    """The change with one more journal entry."""
    row = change.after
    seq = row.seq + 1
    scope = {"workflow": row.workflow, "version": row.version, "facility": row.facility}
    item, digest = journal.link(row.id, seq, row.journal_hash, entry, scope)
    after = moved_on(row, seq=seq, journal_hash=digest)
    return replace(change, after=after, writes=(*change.writes, Put(item, NEW)), entries=(*change.entries, entry))


def moved(change: Change, moves: Sequence[Move], target: State, assignment: Assignment | None, now: float) -> Change:
    """The change with every move in order: one visit and one journal entry each, and the last state's task opened.

    ``assignment`` is None when the last state is an end.
    """
    closing = change.after.task
    change, closed = _close(change, now, moves[0])
    for position, move in enumerate(moves):
        last = position == len(moves) - 1
        row = change.after
        number = row.visit + 1
        visit = Visit(row.id, number, row.generation, move.transition, move.source, move.target, move.entered, move.due)
        change = replace(
            change,
            after=moved_on(row, visit=number),
            writes=(*change.writes, Put(visit.item(), NEW)),
            visits=(*change.visits, visit),
        )
        opened: OpenTask | None = None
        if last and assignment is not None:
            change, opened = _open(change, target, move, assignment, now)
        missed = move.cause.type == DEADLINE_MISSED
        change = noted(
            change,
            Entry(
                kind=journal.Kind.MOVED,
                at=now,
                reason=str(move.reason),
                because=move.cause.reason if move.cause.override and move.cause.reason else move.because,
                event=move.cause.type,
                event_id=move.cause.id,
                occurred_at=move.cause.at,
                actor=move.cause.actor_id,
                actor_role=move.cause.actor_role,
                transition=move.transition,
                source=move.source,
                target=move.target,
                due=move.due,
                visit=number,
                role=assignment.role if opened and assignment else None,
                person=assignment.person if opened and assignment else None,
                routing=assignment.reasons if opened and assignment else (),
                task_closed=closed if position == 0 else None,
                task_opened=opened.number if opened else None,
                waited_seconds=round(now - closing.since, 3) if position == 0 and closing else None,
                missed_deadline=missed,
                escalation=missed and move.source != move.target,
            ),
        )
    if target.kind is StateKind.END:
        change = _ended(change, now)
    return change


def _close(change: Change, now: float, move: Move) -> tuple[Change, int | None]:
    task = change.after.task
    if task is None:
        return change, None
    write = Update(
        keys.task(change.after.id, task.number),
        set={"status": DONE, "closed_at": now, "closed_by": move.transition},
        remove=("worklist",),
        conditions=(Condition("status", Test.EQUALS, task.status),),
    )
    return replace(change, after=moved_on(change.after, task=None), writes=(*change.writes, write)), task.number


def _open(change: Change, state: State, move: Move, assignment: Assignment, now: float) -> tuple[Change, OpenTask]:
    row = change.after
    task = OpenTask(row.visit, assignment.role, assignment.person, OFFERED, now)
    key = keys.task(row.id, task.number)
    item: dict[str, Any] = {
        "pk": key.pk,
        "sk": key.sk,
        "case": row.id,
        "facility": row.facility,
        "state": state.name,
        "role": task.role,
        "status": OFFERED,
        "opened_at": now,
    }
    if task.person is not None:
        item["person"] = task.person
    if move.due is not None:
        item["due"] = move.due
        if state.kind is StateKind.WAITING:
            item["worklist"] = keys.worklist(row.facility, task.role)
    change = replace(change, after=moved_on(row, task=task), writes=(*change.writes, Put(item, NEW)))
    return change.also(*on_shift(row.facility, task.person, now)), task


def on_shift(facility: str, person: str | None, now: float) -> tuple[Check, ...]:
    """A task is offered only to somebody who is still on shift when the hand-off is committed."""
    if person is None:
        return ()
    return (Check(keys.staff(facility, person), (Condition("until", Test.ABOVE, now),)),)


def _ended(change: Change, now: float) -> Change:
    row = change.after
    closed = Update(
        Key(row.correlation, keys.OPEN),
        set={"closed_at": now},
        conditions=(Condition("case", Test.EQUALS, row.id),),
    )
    return replace(change, after=moved_on(row, ended_at=now), writes=(*change.writes, closed))


def handed_to(change: Change, task: OpenTask, now: float) -> Change:
    """The change in which the open task passes to another role or person, or is claimed."""
    row = change.after
    before = row.task
    if before is None:
        raise ValueError("the case has no open task")
    item: dict[str, Any] = {
        "role": task.role,
        "status": task.status,
        "worklist": keys.worklist(row.facility, task.role),
    }
    if task.person is not None:
        item["person"] = task.person
    if task.status == CLAIMED:
        item["claimed_at"] = now
    write = Update(
        keys.task(row.id, task.number),
        set=item,
        remove=() if task.person is not None else ("person",),
        conditions=(Condition("status", Test.EQUALS, before.status),),
    )
    return replace(change, after=moved_on(row, task=task), writes=(*change.writes, write))


def opening(row: CaseRow, reopened: str | None) -> Change:
    """The change that opens a case: the correlation's one open place is taken, or the transaction fails."""
    place = Key(row.correlation, keys.OPEN)
    if reopened is None:
        take: Write = Put({"pk": place.pk, "sk": place.sk, "case": row.id}, NEW)
    else:
        take = Put(
            {"pk": place.pk, "sk": place.sk, "case": row.id},
            (Condition("case", Test.EQUALS, reopened), Condition("closed_at", Test.EXISTS)),
        )
    return Change(before=None, after=row, writes=(take,))


def transaction(change: Change, now: float) -> tuple[Write, ...]:
    """All writes of the change, the case row first. It names the ``rev`` that was read: a lost race writes nothing."""
    row = change.after
    key = keys.meta(row.id)
    attributes = case_attributes(row)
    if change.visits:
        attributes["moved_at"] = now
    attributes["sweep"] = keys.sweep_shard(row.id)
    attributes["overdue_at"] = None if row.case.due is None else row.case.due + OVERDUE_GRACE_SECONDS
    if change.visits or change.before is None or row.generation != change.before.generation:
        # Nothing else sets it: news that moves nothing must not postpone the sweep's look at a case that nobody follows.
        attributes["look_at"] = now + FOLLOW_WITHIN_SECONDS
    present = {name: value for name, value in attributes.items() if value is not None}
    absent = tuple(name for name, value in attributes.items() if value is None)
    if change.before is None:
        lock: Write = Put({"pk": key.pk, "sk": key.sk, "rev": 1, **present}, NEW)
    else:
        lock = Update(
            key,
            set={**present, "rev": row.rev + 1},
            remove=absent,
            conditions=(Condition("rev", Test.EQUALS, row.rev),),
        )
    return (lock, *change.writes)
