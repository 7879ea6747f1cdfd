"""A hand-off as one transaction: the case row under its lock, journal, state entries, tasks, and the event's mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from functions.cases import journal, keys
from functions.cases.change import Change, noted
from functions.cases.journal import Entry
from functions.cases.rows import CaseRow, Visit, case_attributes, moved_on, occurrence_item
from functions.cases.store import Place
from functions.cases.table import NEW, Check, Condition, Item, Key, Put, Test, Update, Write
from functions.cases.tasks import closed, item_owner, opened
from statemachines.case import Occurrence
from statemachines.decide import Move
from statemachines.definition import DEADLINE_MISSED, State, StateKind
from statemachines.routing import Assignment

FOLLOW_WITHIN_SECONDS = 60.0
"""After a commit, the execution should have followed within this time; then the sweep looks."""

OVERDUE_GRACE_SECONDS = 60.0
"""A deadline's own timer gets this long before the sweep concludes that it is missing."""

LOOK_AGAIN_SECONDS = 3600.0
"""The sweep looks at an open case so often though nothing is overdue: somebody may have gone off shift before their time."""


class Assigned(NamedTuple):
    """Whom a task is routed to; ``claimed``: by somebody who claimed the step before and stays accountable."""

    to: Assignment
    claimed: bool = False


class Assignments(NamedTuple):
    """Whom a state's task is routed to, and each open item of its checklist by name."""

    step: Assigned
    items: tuple[tuple[str, Assigned], ...] = ()


def moved(change: Change, moves: Sequence[Move], target: State, assignments: Assignments | None, now: float) -> Change:
    """The change with every move in order: one visit and one journal entry each, and the last state's tasks opened.

    ``assignments`` is None when the last state is an end.
    """
    closing = change.after.task
    for task in change.after.tasks:
        change = closed(change, task, now, moves[0].transition)
    for position, move in enumerate(moves):
        last = position == len(moves) - 1
        row = change.after
        number = row.visit + 1
        visit = Visit(
            row.id,
            number,
            row.generation,
            move.transition,
            move.source,
            move.target,
            move.entered,
            move.due,
            min(move.cause.at, move.entered),
        )
        change = replace(
            change,
            after=moved_on(
                row, visit=number, arrived=row.arrived if move.source == move.target else number, moved_at=now
            ),
            writes=(*change.writes, Put(visit.item(), NEW)),
            visits=(*change.visits, visit),
        )
        step: Assignment | None = None
        if last and assignments is not None:
            step, claimed = assignments.step
            change = opened(change, target, move.due, step, now, claimed=claimed)
            for item, assigned in assignments.items:
                change = opened(change, target, move.due, assigned.to, now, item, claimed=assigned.claimed)
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
                role=step.role if step else None,
                person=step.person if step else None,
                routing=step.reasons if step else (),
                items=tuple(item_owner(item, to.role, to.person) for item, (to, _) in assignments.items)
                if step and assignments
                else (),
                task_closed=closing.number if position == 0 and closing else None,
                task_opened=number if step else None,
                waited_seconds=round(now - closing.opened_at, 3) if position == 0 and closing else None,
                missed_deadline=missed,
                escalation=missed and move.source != move.target,
                earlier=row.earlier if number == 1 else None,
                decided_by=move.cause.reason if missed else None,
            ),
        )
    if target.kind is StateKind.END:
        change = _ended(change, now)
    return change


def _ended(change: Change, now: float) -> Change:
    row, place = change.after, Key(change.after.correlation, keys.OPEN)
    ended, closing = moved_on(row, ended_at=now), {"closed_at": now, "ended": row.case.entered}
    if row.group is not None:
        change = _left(change, keys.member(row.group, row.id), now)
    if any(write.key == place for write in change.writes):
        # It ends with the commit that opens it or merges its record, and a transaction names a row once.
        return replace(change, after=ended, writes=tuple(_closing(each, place, closing) for each in change.writes))
    closed = Update(place, set=closing, conditions=(Condition("case", Test.EQUALS, row.id),))
    return replace(change, after=ended, writes=(*change.writes, closed))


def _closing(write: Write, place: Key, closing: Item) -> Write:
    if write.key != place:
        return write
    if isinstance(write, Put):
        return replace(write, item={**write.item, **closing})
    if isinstance(write, Update):
        return replace(write, set={**write.set, **closing})
    raise TypeError(f"the place of a case that ends is neither taken nor changed by {write}")


def _left(change: Change, member: Key, now: float) -> Change:
    """It is no longer among the open cases of its encounter, and the table may forget that it was; one that ends as it opens
    never was."""
    others = tuple(write for write in change.writes if not (isinstance(write, Put) and write.key == member))
    if len(others) < len(change.writes):
        return replace(change, writes=others)
    return change.also(Update(member, set={"closed_at": now, "expires_at": int(now)}))


def opening(row: CaseRow, there: Place | None, *, carries_on: bool = False) -> Change:
    """The change that opens a case: the correlation's one open place is taken, or the transaction fails.

    ``there`` is the place as read. It goes on naming the case that ended there: what happened in that one may come late. When
    the new one ``carries_on`` with it, that is its own, and the place names the case before both.
    """
    place = Key(row.correlation, keys.OPEN)
    taken: Item = {"pk": place.pk, "sk": place.sk, "case": row.id}
    if there is None:
        take = Put(taken, NEW)
    else:
        taken |= there.named_before(reopened=carries_on)
        take = Put(taken, there.as_read())
    if row.group is None:
        return Change(before=None, after=row, writes=(take,))
    member = keys.member(row.group, row.id)
    return Change(before=None, after=row, writes=(take, Put({"pk": member.pk, "sk": member.sk, "case": row.id}, NEW)))


def overdue_at(row: CaseRow) -> float | None:
    """From when on a deadline's timer is missing (epoch seconds); None without a deadline.

    What happened late may enter a state whose deadline has passed: its timer is not set before the case has moved.
    """
    return None if row.case.due is None else max(row.case.due, row.moved_at) + OVERDUE_GRACE_SECONDS


def transaction(change: Change, now: float) -> tuple[Write, ...]:
    """All writes of the change, the case row first. It names the ``rev`` that was read: a lost race writes nothing."""
    row = change.after
    key = keys.meta(row.id)
    attributes = case_attributes(row)
    attributes["deferred"] = [_held(event) for event in row.case.deferred]
    attributes["sweep"] = keys.sweep_shard(row.id)
    overdue = overdue_at(row)
    attributes["overdue_at"] = None if overdue is None else min(overdue, now + LOOK_AGAIN_SECONDS)
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
    return (lock, *_each_row_once(change.writes))


def _held(event: Occurrence) -> Item:
    """A deferred event, with what its actor was entitled to when it came: who is on shift later says nothing of that."""
    item = occurrence_item(event)
    return {**item, "acts_for": list(event.acts_for)} if event.acts_for else item


def _each_row_once(writes: Sequence[Write]) -> tuple[Write, ...]:
    """A transaction may name a row once; two tasks offered to one person check the same row."""
    checked: set[Key] = set()
    once: list[Write] = []
    for write in writes:
        if isinstance(write, Check):
            if write.key in checked:
                continue
            checked.add(write.key)
        once.append(write)
    return tuple(once)
