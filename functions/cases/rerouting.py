"""Tasks that nobody can see: offered to or claimed by somebody who has gone, or to a role that nobody holds any more.

Whoever goes off shift hands over what is theirs; this is for what was not handed over. It is routed anew, and the journal says
why.
"""

from __future__ import annotations

from collections.abc import Sequence

from functions.cases.change import Change, noted
from functions.cases.handoff import assign, commit
from functions.cases.journal import Entry, Kind
from functions.cases.ports import Services
from functions.cases.rows import OFFERED, CaseRow, OpenTask
from functions.cases.store import machine_of
from functions.cases.tasks import handed_to, item_owner, on_shift
from statemachines.definition import RoleCode, State, StateKind
from statemachines.routing import Assignment, OnShift

GONE_SECONDS = 300.0
"""How long after the end of a shift its person counts as there: rosters are told of the next shift around its beginning."""


def shifts_end(on_duty: Sequence[OnShift], row: CaseRow) -> float | None:
    """When the first of those who have the case's tasks counts as gone (epoch seconds); None when no task is a person's."""
    people = {task.person for task in row.tasks}
    return min((member.until + GONE_SECONDS for member in on_duty if member.staff in people), default=None)


def route_again(services: Services, row: CaseRow, on_duty: Sequence[OnShift]) -> bool:
    """Route every open task anew that nobody can see; whether there was one and somebody else has it now.

    Raises WriteRefused when the case moved meanwhile, Contention.
    """
    machine = machine_of(services, row)
    state = machine.states[row.state]
    if row.ended_at is not None or state.kind is not StateKind.WAITING:
        return False  # a system step is on nobody's worklist
    now = services.now()
    change = Change(before=row, after=row)
    for task in row.tasks:
        why = _unseen(task, on_duty, now)
        if why is None:
            continue
        to = assign(services, machine, change.after, _owner(state, task), now)
        if (to.role, to.person) != (task.role, task.person):
            change = _passed(change, task, to, why, now)
    if not change.entries:
        return False
    commit(services, change, now, None)
    return True


def _unseen(task: OpenTask, on_duty: Sequence[OnShift], now: float) -> str | None:
    if task.person is None:
        there = any(task.role in member.roles for member in on_duty if member.until > now)
        return None if there else f"nobody on shift holds {task.role}"
    for member in on_duty:
        # Whose shift has ended holds no role any more.
        if member.staff == task.person and member.until + GONE_SECONDS > now:
            return None if member.until <= now or task.role in member.roles else f"{task.person} is not {task.role} now"
    return f"{task.person} is not on shift any more"


def _owner(state: State, task: OpenTask) -> RoleCode | None:
    items = state.checklist.items if state.checklist is not None else ()
    return next((item.owner for item in items if item.name == task.item), state.owner)


def _passed(change: Change, task: OpenTask, to: Assignment, why: str, now: float) -> Change:
    after = task._replace(role=to.role, person=to.person, status=OFFERED, since=now)
    change = noted(
        handed_to(change, task, after, now),
        Entry(
            kind=Kind.REROUTED,
            at=now,
            reason="not_seen",
            because=why,
            event="task_not_seen",
            event_id=f"task:{task.number}:{task.item or ''}:{change.after.seq}",
            occurred_at=now,
            role=to.role,
            person=to.person,
            routing=to.reasons,
            items=(item_owner(task.item, to.role, to.person),) if task.item is not None else (),
            waited_seconds=round(now - task.since, 3),
        ),
    )
    return change.also(*on_shift(change.after.facility, to.person, now))
