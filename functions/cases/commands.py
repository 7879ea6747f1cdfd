"""What people do with a task: claim it, hand it on, decline it, override a guard. Each with a name and, where it matters, a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from functions.cases.change import Change, noted
from functions.cases.handoff import assign, commit
from functions.cases.journal import Entry, Kind
from functions.cases.marks import SeenBefore, mark_item, marked
from functions.cases.ports import Services
from functions.cases.rows import CLAIMED, OFFERED, CaseRow, OpenTask
from functions.cases.settle import hand_off, settle
from functions.cases.store import load_case, machine_of, persist, roster
from functions.cases.table import Item, Key, Write
from functions.cases.tasks import handed_to, item_owner, on_shift
from statemachines.case import Occurrence
from statemachines.decide import Decision, Outcome
from statemachines.machine import Machine
from statemachines.routing import fallbacks

_OVERRIDDEN = "overridden"


class Person(NamedTuple):
    """Who gives a command: a verified identity and the role they act in."""

    id: str
    role: str


class Command(NamedTuple):
    """What every command has: its own id (the same on every retry), the case, and who gives it."""

    id: str
    case: str
    by: Person
    item: str | None = None
    """The item of the state's checklist whose task is meant; None: the state's own task."""


class Refused(Exception):
    """The command changed nothing but the journal, which says so. ``reason`` is a stable code; the text says how to mend it."""

    def __init__(self, reason: str, text: str, *, journaled: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        self.journaled = journaled


def claim(services: Services, command: Command) -> CaseRow:
    """Make the person accountable for the open task. Raises Refused."""

    def decided(row: CaseRow, task: OpenTask) -> tuple[OpenTask, str, str]:
        _on_duty(services, row, command.by)
        if task.status == CLAIMED and task.person != command.by.id:
            raise Refused("claimed_by_other", f"the task is claimed by {task.person}; ask for it to be reassigned")
        _may_own(services, row, task, command.by.role)
        return (
            task._replace(person=command.by.id, status=CLAIMED, since=services.now()),
            "claimed",
            "claimed",
        )

    return _hand_on(services, command, Kind.CLAIMED, decided)


def reassign(services: Services, command: Command, *, to: Person, reason: str) -> CaseRow:
    """Hand the open task to somebody else. Raises Refused."""

    def decided(row: CaseRow, task: OpenTask) -> tuple[OpenTask, str, str]:
        if not reason.strip():
            raise Refused("no_reason", "a reassignment needs a reason")
        _on_duty(services, row, command.by)
        _may_hand_on(services, row, task, command.by)
        _on_duty(services, row, to)
        _may_own(services, row, task, to.role)
        return (
            task._replace(role=to.role, person=to.id, status=OFFERED, since=services.now()),
            "reassigned",
            reason,
        )

    return _hand_on(services, command, Kind.REASSIGNED, decided)


def decline(services: Services, command: Command, *, reason: str) -> CaseRow:
    """Give back a task that was offered or claimed; it is routed anew, without that person. Raises Refused."""

    def decided(row: CaseRow, task: OpenTask) -> tuple[OpenTask, str, str]:
        if not reason.strip():
            raise Refused("no_reason", "declining needs a reason")
        if task.person != command.by.id:
            raise Refused("not_yours", "the task is not offered to you")
        machine = machine_of(services, row)
        to = assign(services, machine, row, _owner(machine, row, task), services.now(), excluded=(command.by.id,))
        return (
            task._replace(role=to.role, person=to.person, status=OFFERED, since=services.now()),
            "declined",
            reason,
        )

    return _hand_on(services, command, Kind.DECLINED, decided)


def override(services: Services, command: Command, *, transition: str, reason: str) -> CaseRow:
    """Take an arrow in spite of its guard, where the workflow lets this role. Raises Refused."""

    def decided(row: CaseRow) -> CaseRow:
        if not reason.strip():
            raise Refused("override_without_reason", "an override needs a reason")
        _on_duty(services, row, command.by)
        mark = _mark(services, row, command)
        occurrence = Occurrence(
            _OVERRIDDEN, command.id, services.now(), command.by.id, command.by.role, override=transition, reason=reason
        )

        def note(decision: Decision, _: CaseRow) -> tuple[Write, ...]:
            return marked(mark_item(mark, str(decision.outcome), str(decision.reason), services.now(), row.id), None)

        done = hand_off(services, row, occurrence, mark=mark, note=note)
        decision = done.progress.decision
        if decision.outcome is not Outcome.MOVED:
            raise Refused(str(decision.reason), decision.because, journaled=True)
        return done.row

    return _carried_out(services, command, _OVERRIDDEN, decided)


def _hand_on(
    services: Services,
    command: Command,
    kind: Kind,
    decided: Callable[[CaseRow, OpenTask], tuple[OpenTask, str, str]],
) -> CaseRow:
    def handed_on(row: CaseRow) -> CaseRow:
        before = next((task for task in row.tasks if task.item == command.item), None)
        if before is None:
            raise Refused("no_such_item", f"{row.state} has no open task {command.item!r}; it may be done already")
        now = services.now()
        task, reason, because = decided(row, before)
        change = handed_to(Change(before=row, after=row), before, task, now)
        change = noted(
            change,
            Entry(
                kind=kind,
                at=now,
                reason=reason,
                because=because,
                event=str(kind),
                event_id=command.id,
                occurred_at=now,
                actor=command.by.id,
                actor_role=command.by.role,
                role=task.role,
                person=task.person,
                items=(item_owner(task.item, task.role, task.person),) if task.item is not None else (),
                waited_seconds=round(now - before.since, 3),
            ),
        )
        mark = _mark(services, row, command)
        change = change.also(*marked(mark_item(mark, str(kind), reason, now, row.id), None))
        commit(services, change.also(*on_shift(row.facility, task.person, now)), now, mark)
        return change.after

    return _carried_out(services, command, str(kind), handed_on)


def _carried_out(services: Services, command: Command, event: str, act: Callable[[CaseRow], CaseRow]) -> CaseRow:
    """Do what is commanded with the case as read; or journal that it was refused, and why, while the case is as it was read."""

    def attempt(_: int) -> CaseRow:
        row = load_case(services, command.case)
        if row is None:
            raise Refused("no_such_case", f"there is no case {command.case}; `baton cases` lists them")
        try:
            if row.ended_at is not None:
                raise Refused("case_ended", f"case {command.case} has ended as {row.state}")
            return act(row)
        except Refused as refused:
            if not refused.journaled:
                _journal_refusal(services, row, command, event, refused)
            raise

    return _once(services, command, attempt)


def _journal_refusal(services: Services, row: CaseRow, command: Command, event: str, refused: Refused) -> None:
    """Raises SeenBefore when the command was given before: then it is answered as it was the first time."""
    now = services.now()
    change = noted(
        Change(before=row, after=row),
        Entry(
            kind=Kind.REFUSED,
            at=now,
            reason=refused.reason,
            because=str(refused),
            event=event,
            event_id=command.id,
            occurred_at=now,
            actor=command.by.id,
            actor_role=command.by.role,
        ),
    )
    mark = _mark(services, row, command)
    item = mark_item(mark, str(Outcome.REFUSED), refused.reason, now, row.id)
    commit(services, change.also(*marked(item, None)), now, mark)


def _once(services: Services, command: Command, attempt: Callable[[int], CaseRow]) -> CaseRow:
    """Carry a command out; the same command again changes nothing and is answered as it was the first time."""
    try:
        return persist(services, attempt)
    except SeenBefore:
        row, seen = _answered(services, command)
        if row is None or seen is None or seen["outcome"] == Outcome.REFUSED:
            reason = seen["reason"] if seen is not None else "unknown"
            raise Refused(reason, f"refused before ({reason}); give the command a new id to try again") from None
    settle(services, row)
    return row


def _answered(services: Services, command: Command) -> tuple[CaseRow | None, Item | None]:
    """The command's case, and what became of the command if it was given before."""
    row = load_case(services, command.case)
    return row, services.table.get(_mark(services, row, command)) if row is not None else None


def _mark(services: Services, row: CaseRow, command: Command) -> Key:
    # No event's id contains "#", so no event can take a command's place.
    return services.keys.mark(row.facility, "command#" + command.id, row.workflow)


def _on_duty(services: Services, row: CaseRow, person: Person) -> None:
    now = services.now()
    for member in roster(services, row.facility):
        if member.staff == person.id and member.until > now:
            if person.role in member.roles:
                return
            raise Refused("wrong_role", f"{person.id} is on shift as {', '.join(member.roles)}, not as {person.role}")
    raise Refused("not_on_shift", f"{person.id} is not on shift at {row.facility}; send shift_started first")


def _owner(machine: Machine, row: CaseRow, task: OpenTask) -> str:
    """The role that owns a task by the workflow: the state's owner, or that of the checklist's item."""
    state = machine.states[row.state]
    items = state.checklist.items if state.checklist is not None else ()
    owner = next((item.owner for item in items if item.name == task.item), state.owner)
    if owner is None:
        raise ValueError(f"state {state.name} of {row.workflow} has no owner; it must not have been published")
    return owner


def _may_own(services: Services, row: CaseRow, task: OpenTask, role: str) -> None:
    machine = machine_of(services, row)
    allowed = machine.performing((_owner(machine, row, task),)) | {task.role}
    if role not in allowed:
        raise Refused("wrong_role", f"{row.state} belongs to {', '.join(sorted(allowed))}, not to {role}")


def _may_hand_on(services: Services, row: CaseRow, task: OpenTask, by: Person) -> None:
    """Whoever has the task may hand it on, and those who may have it, stand in for it, or are escalated to."""
    if task.person == by.id:
        return
    machine = machine_of(services, row)
    owner, state = _owner(machine, row, task), machine.states[row.state]
    allowed = {
        *machine.performing((owner,)),
        *fallbacks(owner, machine.definition, machine.policy),
        task.role,
        machine.policy.always_staffed,
    }
    if state.escalates_to is not None:
        allowed.add(state.escalates_to)
    if by.role not in allowed:
        raise Refused("wrong_role", f"a task of {owner} is handed on by {', '.join(sorted(allowed))}, not by {by.role}")
