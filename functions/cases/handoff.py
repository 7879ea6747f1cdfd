"""From a decision to a commit: moves are routed, everything that concerns the case's course is journaled, and it is written.

Every use case that changes a case ends here, so ownership changes in one place only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from functions.cases.change import Change, noted
from functions.cases.commit import Assigned, Assignments, moved, opening, transaction
from functions.cases.correlating import mark_of
from functions.cases.journal import Entry, Kind
from functions.cases.marks import SeenBefore, answered
from functions.cases.merging import placed_under, rekeyed
from functions.cases.ports import Services
from functions.cases.rows import CLAIMED, CaseRow, OpenTask, Visit, moved_on
from functions.cases.store import Place, find_place, machine_of, roster
from functions.cases.table import Key, Write, WriteRefused
from functions.cases.tasks import closed
from statemachines.case import Occurrence
from statemachines.decide import Decision, Move, Outcome, Progress, Reason, advance, take_up
from statemachines.definition import CHECKLIST_COMPLETED, DEADLINE_MISSED, Correlation, State, StateKind
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
    # A repetition of what is deferred here is refused by its own mark, which takes one write already.
    change = _answers(services, change, [each for each in progress.taken if each[0].id != occurrence.id], now)
    commit(services, change, now, mark)
    return HandOff(progress, change.after, change.visits)


def taken_up(services: Services, row: CaseRow) -> tuple[CaseRow, tuple[Visit, ...]] | None:
    """Commit what a full commit left over: the deferred events that the present state answers. None when nothing is left.

    Raises WriteRefused when the race was lost (read again), Contention.
    """
    machine = machine_of(services, row)
    if row.ended_at is not None or not (row.case.deferred or row.state in machine.checklists):
        return None
    now = services.now()
    arrival = Occurrence(CHECKLIST_COMPLETED, f"{CHECKLIST_COMPLETED}:{row.visit}", row.case.entered)
    progress = take_up(machine, row.case, arrival, now)
    if progress is None:
        return None
    change = Change(before=row, after=moved_on(row, case=progress.case))
    if progress.moves:
        change = _moved(services, machine, change, progress.moves, progress.case.done, now)
    change = _answers(services, _journaled(change, progress.taken, now), progress.taken, now)
    commit(services, change, now, None)
    return change.after, change.visits


def _answers(services: Services, change: Change, taken: Sequence[tuple[Occurrence, Decision]], now: float) -> Change:
    """Deferred events have found their answer, and their marks say which."""
    row = change.after
    return change.also(*(answered(mark_of(services, row, held), later, now) for held, later in taken))


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
    # What only re-opens goes on in the ended case's course; what may open cases begins a course of its own, though it knows of it.
    carries_on = (None, occurrence.type) not in machine.arrows
    change = opening(moved_on(row, case=progress.case), place, carries_on=carries_on)
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

    What merely was recorded or ignored leaves no entry; a refusal does when a person is concerned, and so does what a person
    took back and something newer stands against.
    """
    change = _identified(services, machine, change, occurrence, progress.decision, now)
    if progress.moves:
        change = _moved(services, machine, change, progress.moves, progress.case.done, now)
    elif progress.decision.done:
        change = _items_done(change, occurrence, progress.decision, now)
    outcome, reason = progress.decision.outcome, progress.decision.reason
    concerns = outcome is Outcome.REFUSED or reason is Reason.OLDER_THAN_KNOWN
    if outcome is Outcome.DEFERRED or (concerns and occurrence.actor_id is not None):
        change = noted(change, entry(occurrence, progress.decision, now))
    return _journaled(change, progress.taken, now)


def _journaled(change: Change, taken: Sequence[tuple[Occurrence, Decision]], now: float) -> Change:
    """What became of deferred events that moved nothing; the others are their moves' causes."""
    for held, later in taken:
        if later.move is None:
            change = noted(change, entry(held, later, now, Kind.ITEM_DONE if later.done else None))
    return change


def _moved(
    services: Services,
    machine: Machine,
    change: Change,
    moves: Sequence[Move],
    done: Collection[str],
    now: float,
) -> Change:
    target = machine.states[moves[-1].target]
    assignments = None
    if target.kind is not StateKind.END:
        assignments = _assignments(services, machine, change.after, moves, target, done, now)
    return moved(change, moves, target, assignments, now)


def _identified(
    services: Services, machine: Machine, change: Change, occurrence: Occurrence, decision: Decision, now: float
) -> Change:
    """A patient's record was merged into another: the case is about that one from now on, and the journal says so.

    What is told of the surviving record finds the case, and what is still told of the other; unless the survivor has an
    open case of its own. Then both stay, each told by its own record, and the journal calls for a person to look. Of several
    merges the newest says whose the case is; which records are placed alike does not depend on their order.
    """
    survivor = occurrence.values.get("surviving_patient")
    if (
        occurrence.type != machine.definition.lifecycle.merge
        or not isinstance(survivor, str)
        or decision.outcome is Outcome.REFUSED
    ):
        return change
    merged = change
    if occurrence.at > change.after.merged_at:
        merged = replace(change, after=moved_on(change.after, patient=survivor, merged_at=occurrence.at))
    if machine.definition.correlation is Correlation.PATIENT:
        row = merged.after
        to = placed_under(services, services.keys.correlation(row.facility, row.workflow, survivor))
        if to.correlation != row.correlation:
            own = find_place(services, row.correlation)
            if own is None:
                raise LookupError(f"case {row.id} is open and has no place")
            merged, taken = rekeyed(merged, to, own, now)
            if taken:
                because = "the surviving record has an open case of its own; decide which of the two goes on"
                decision = Decision(decision.outcome, Reason.TWO_CASES_AFTER_MERGE, because)
    # An older merge of records that are placed alike already says nothing new.
    return change if merged is change else noted(merged, entry(occurrence, decision, now, Kind.RECORDED))


def _assignments(
    services: Services,
    machine: Machine,
    row: CaseRow,
    moves: Sequence[Move],
    target: State,
    done: Collection[str],
    now: float,
) -> Assignments:
    on_duty = roster(services, row.facility)

    def assigned(role: str | None, before: OpenTask | None) -> Assigned:
        assignment = _routed(machine, row, role, on_duty, now)
        kept = _kept(machine, row, before, assignment.role, moves, on_duty, now)
        return Assigned(assignment) if kept is None else Assigned(kept, claimed=True)

    ladder = [machine.states[move.source].owner for move in moves if move.source is not None]
    step = assigned(target.owner, row.task if all(owner == target.owner for owner in ladder) else None)
    stays = all(move.source == target.name for move in moves)
    before = {task.item: task for task in row.items} if stays else {}
    items = target.checklist.items if target.checklist is not None else ()
    return Assignments(
        step, tuple((i.name, assigned(i.owner, before.get(i.name))) for i in items if i.name not in done)
    )


def _kept(
    machine: Machine,
    row: CaseRow,
    before: OpenTask | None,
    role: str,
    moves: Sequence[Move],
    on_duty: Sequence[OnShift],
    now: float,
) -> Assignment | None:
    """Whoever claimed the step before stays accountable while the step is the same role's and they can act in it.

    Not after a missed deadline, because then somebody else must look; nor for whoever may not validate their own work.
    """
    if before is None or before.status != CLAIMED or before.person is None or before.role != role:
        return None
    if any(move.cause.type == DEADLINE_MISSED for move in moves):
        return None
    if not any(p.staff == before.person and p.until > now and role in p.roles for p in on_duty):
        return None
    earlier = {t for arrow in machine.leaving(moves[-1].target) for t in arrow.separate_from}
    if any(row.case.performers.get(transition) == before.person for transition in earlier):
        return None
    return Assignment(role, before.person, (f"{role}: {before.person}, claimed the step before and goes on",))


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
