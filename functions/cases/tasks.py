"""Tasks: opened for somebody, handed on, closed. A state has one, and one for each open item of its checklist."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from functions.cases import keys
from functions.cases.change import Change
from functions.cases.rows import CLAIMED, DONE, OFFERED, CaseRow, OpenTask, moved_on
from functions.cases.table import NEW, Check, Condition, Put, Test, Update
from statemachines.definition import State, StateKind
from statemachines.routing import Assignment


def with_task(row: CaseRow, task: OpenTask) -> CaseRow:
    """The row with one of its open tasks as given."""
    if task.item is None:
        return moved_on(row, task=task)
    others = tuple(item for item in row.items if item.item != task.item)
    return moved_on(row, items=tuple(sorted((*others, task), key=lambda item: item.item or "")))


def without_task(row: CaseRow, task: OpenTask) -> CaseRow:
    """The row without one of its open tasks."""
    if task.item is None:
        return moved_on(row, task=None)
    return moved_on(row, items=tuple(item for item in row.items if item.item != task.item))


def opened(
    change: Change,
    state: State,
    due: float | None,
    assignment: Assignment,
    now: float,
    item: str | None = None,
    *,
    claimed: bool = False,
) -> Change:
    """The change with a task opened for the state just entered, or for an item of its checklist.

    ``claimed``: the person claimed the step before and stays accountable.
    """
    row = change.after
    status = CLAIMED if claimed else OFFERED
    task = OpenTask(row.visit, assignment.role, assignment.person, status, now, now, item)
    key = keys.task(row.id, task.number, item)
    written: dict[str, Any] = {
        "pk": key.pk,
        "sk": key.sk,
        "case": row.id,
        "facility": row.facility,
        "state": state.name,
        "role": task.role,
        "status": status,
        "opened_at": now,
    }
    if claimed:
        written["claimed_at"] = now
    if item is not None:
        written["item"] = item
    if task.person is not None:
        written["person"] = task.person
    if due is not None:
        written["due"] = due
        if state.kind is StateKind.WAITING:
            written["worklist"] = keys.worklist(row.facility, task.role)
    change = replace(change, after=with_task(row, task), writes=(*change.writes, Put(written, NEW)))
    return change.also(*on_shift(row.facility, task.person, now))


def closed(change: Change, task: OpenTask, now: float, by: str) -> Change:
    """The change with an open task closed; ``by`` is the transition or the event that did it."""
    write = Update(
        keys.task(change.after.id, task.number, task.item),
        set={"status": DONE, "closed_at": now, "closed_by": by},
        remove=("worklist",),
        conditions=(Condition("status", Test.EQUALS, task.status),),
    )
    return replace(change, after=without_task(change.after, task), writes=(*change.writes, write))


def handed_to(change: Change, before: OpenTask, task: OpenTask, now: float) -> Change:
    """The change in which an open task passes to another role or person, or is claimed."""
    row = change.after
    written: dict[str, Any] = {
        "role": task.role,
        "status": task.status,
        "worklist": keys.worklist(row.facility, task.role),
    }
    if task.person is not None:
        written["person"] = task.person
    if task.status == CLAIMED:
        written["claimed_at"] = now
    write = Update(
        keys.task(row.id, task.number, task.item),
        set=written,
        remove=() if task.person is not None else ("person",),
        conditions=(Condition("status", Test.EQUALS, before.status),),
    )
    return replace(change, after=with_task(row, task), writes=(*change.writes, write))


def item_owner(item: str, role: str, person: str | None) -> str:
    """Whose an item of a checklist is, as the journal says it."""
    return f"{item}: {role} {person or ''}".rstrip()


def on_shift(facility: str, person: str | None, now: float) -> tuple[Check, ...]:
    """A task is offered only to somebody who is still on shift when the hand-off is committed."""
    if person is None:
        return ()
    return (Check(keys.staff(facility, person), (Condition("until", Test.ABOVE, now),)),)
