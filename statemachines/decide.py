"""What an event means for a case: (machine, case, event, now) → decision. Pure, and the only place where arrows are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from statemachines.case import SAME_MINUTE_SECONDS, Case, Occurrence
from statemachines.checklists import check_off, complete, done_on_arrival
from statemachines.deadlines import due
from statemachines.definition import CHECKLIST_COMPLETED, DEADLINE_MISSED, Duration, State, StateKind
from statemachines.expressions import Known, Value
from statemachines.machine import Arrow, Machine

MAX_DEFERRED = 20
"""A case holds at most so many deferred events; one more is refused, so that a case row stays small."""

MAX_MOVES = 8
"""One event leads to at most so many moves (deferred events included), so that a commit fits one transaction."""


class Outcome(StrEnum):
    """What became of an event. Each event ends as exactly one of these, or in quarantine."""

    MOVED = "moved"
    RECORDED = "recorded"
    IGNORED = "ignored"
    DEFERRED = "deferred"
    HELD_EARLY = "held_early"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why, as a code that metrics count and tests name."""

    TRANSITION = "transition"
    OVERRIDE = "override"
    NO_GUARD_HOLDS = "no_guard_holds"
    OLDER_THAN_KNOWN = "older_than_known"
    DECLARED = "declared"
    NOT_EXPECTED_HERE = "not_expected_here"
    WRONG_ROLE = "wrong_role"
    SAME_PERFORMER = "same_performer"
    CASE_ENDED = "case_ended"
    TOO_MANY_DEFERRED = "too_many_deferred"
    NO_SUCH_OVERRIDE = "no_such_override"
    OVERRIDE_WITHOUT_REASON = "override_without_reason"
    NOT_YET_DUE = "not_yet_due"
    ITEM_DONE = "item_done"
    ITEM_DONE_BEFORE = "item_done_before"
    TWO_CASES_AFTER_MERGE = "two_cases_after_merge"
    SUB_CASE_ENDED_LATE = "sub_case_ended_late"
    NOT_UNDONE = "not_undone"


class Move(NamedTuple):
    """One hand-off from state to state. ``entered`` and ``due`` are epoch seconds; ``due`` is None where nobody waits.

    ``done`` names the items of the target's checklist that need no doing.
    """

    transition: str
    source: str | None
    target: str
    entered: float
    due: float | None
    cause: Occurrence
    reason: Reason
    because: str
    done: frozenset[str] = frozenset()


class Decision(NamedTuple):
    """What one event means for a case. ``facts``, ``parameters`` and ``done`` (items of a checklist) hold only what it changed."""

    outcome: Outcome
    reason: Reason
    because: str
    move: Move | None = None
    facts: Mapping[str, Known] = {}
    parameters: Mapping[str, Value] = {}
    done: frozenset[str] = frozenset()


def decide(machine: Machine, case: Case, event: Occurrence, now: float) -> Decision:
    """Decide one event against a case. ``now`` (epoch seconds) is read from the caller's clock.

    Facts are taken first: an observation that is older than what is known never overwrites it, and an observation all of
    whose facts are older moves nothing, nor does it re-open what has ended. The same holds for the parameters that a care plan
    sets. An event that is refused because of who sent it leaves what it observed of the patient, and nothing else.
    """
    facts, all_older = _learn(machine, case, event)
    parameters = _care_plan(machine, case, event)
    ended = case.state is not None and machine.states[case.state].kind is StateKind.END
    older = all_older or _superseded(machine, case, event)
    if ended and not (older and event.type in machine.reopening):
        return Decision(Outcome.REFUSED, Reason.CASE_ENDED, "the case has ended")
    if older:
        return Decision(Outcome.RECORDED, Reason.OLDER_THAN_KNOWN, "something newer is known already")
    merged = _as_seen(machine, case, event, facts)
    limits = machine.parameters
    if case.patient_parameters or parameters:
        limits = {**limits, **case.patient_parameters, **parameters}
    if event.override is not None:
        return _override(machine, case, event, now, facts, parameters, merged, limits)
    arrows = machine.arrows.get((case.state or case.after, event.type))
    if arrows:
        refused: Decision | None = None
        for arrow in arrows:
            if arrow.test is not None and not arrow.test(merged, limits, event.at):
                continue
            objection = _objection(arrow, case, event)
            if objection is not None:
                refused = refused or objection._replace(facts=_observed(machine, facts))
                continue
            move = _move(machine, arrow, case, event, now, merged, limits, Reason.TRANSITION)
            return Decision(Outcome.MOVED, Reason.TRANSITION, arrow.because, move, facts, parameters)
        if refused is not None:
            return refused
    if case.state in machine.checklists:
        checked = _checked(machine, case, event, now, facts, parameters, merged, limits)
        if checked is not None:
            return checked
    return _without_arrow(machine, case, event, facts, parameters)


def _checked(
    machine: Machine,
    case: Case,
    event: Occurrence,
    now: float,
    facts: Mapping[str, Known],
    parameters: Mapping[str, Value],
    merged: Mapping[str, Known],
    limits: Mapping[str, Value],
) -> Decision | None:
    """What the event does to the state's checklist; the arrow on its completion is taken at once."""
    checked = check_off(machine, case, event, merged, limits)
    if checked is None:
        return None
    if not checked.done:
        if checked.forbidden:
            return Decision(
                Outcome.REFUSED,
                Reason.WRONG_ROLE,
                f"{event.actor_role or 'nobody'} may not do: {', '.join(checked.forbidden)}",
                facts={} if checked.claimed else _observed(machine, facts),
            )
        because = f"done already: {', '.join(checked.again)}"
        return Decision(Outcome.RECORDED, Reason.ITEM_DONE_BEFORE, because, None, facts, parameters)
    assert case.state is not None, "only a state has a checklist"
    done = case.done | checked.done
    if complete(machine, case.state, done):
        for arrow in machine.arrows.get((case.state, CHECKLIST_COMPLETED), ()):
            if arrow.test is None or arrow.test(merged, limits, event.at):
                move = _move(machine, arrow, replace(case, done=done), event, now, merged, limits, Reason.TRANSITION)
                return Decision(Outcome.MOVED, Reason.TRANSITION, arrow.because, move, facts, parameters, checked.done)
    titles = {item.name: item.title for item in machine.checklists[case.state].items}
    because = f"done: {', '.join(titles[name] for name in sorted(checked.done))}"
    return Decision(Outcome.RECORDED, Reason.ITEM_DONE, because, None, facts, parameters, checked.done)


def _without_arrow(
    machine: Machine, case: Case, event: Occurrence, facts: Mapping[str, Known], parameters: Mapping[str, Value]
) -> Decision:
    here = case.state or case.after  # an earlier version may have ended where this one has no state
    state = machine.states.get(here) if here is not None else None
    if state is None:
        return Decision(Outcome.REFUSED, Reason.NOT_EXPECTED_HERE, "this event opens no case")
    if (because := state.records.get(event.type)) is not None:
        return Decision(Outcome.RECORDED, Reason.NO_GUARD_HOLDS, because, None, facts, parameters)
    if (because := state.ignores.get(event.type)) is not None:
        return Decision(Outcome.IGNORED, Reason.DECLARED, because, None, facts, parameters)
    if (because := state.defers.get(event.type)) is not None:
        if len(case.deferred) >= MAX_DEFERRED:
            because = f"{MAX_DEFERRED} events wait for a later state"
            return Decision(Outcome.REFUSED, Reason.TOO_MANY_DEFERRED, because, facts=_observed(machine, facts))
        return Decision(Outcome.DEFERRED, Reason.DECLARED, because, None, facts, parameters)
    if (because := state.refuses.get(event.type)) is not None:
        return Decision(Outcome.REFUSED, Reason.DECLARED, because)
    return Decision(Outcome.REFUSED, Reason.NOT_EXPECTED_HERE, f"{event.type} is not expected in {state.name}")


def _learn(machine: Machine, case: Case, event: Occurrence) -> tuple[dict[str, Known], bool]:
    """The facts that the event changes, and whether it is an observation older than all that is known of its facts."""
    reported = machine.facts.get(event.type)
    if not reported:
        return {}, False
    learned: dict[str, Known] = {}
    older = False
    for name, field in reported:
        value = event.values.get(field) if field is not None else True
        if value is None:
            continue
        known = case.facts.get(name)
        if field is None and known is not None:
            continue  # it has happened: when it first did is what counts
        if known is None:
            learned[name] = Known(value, event.at)
        elif event.at > known.at or (event.at == known.at and value != known.value):
            learned[name] = Known(value, event.at, known.value)
        elif event.at == known.at:
            continue
        else:
            older = True
    return learned, older and not learned and event.type in machine.observations


def _superseded(machine: Machine, case: Case, event: Occurrence) -> bool:
    """Whether something newer is known than an event that re-opens cases and reports nothing: a value that came after it stands.

    It takes back the earlier value only, in an open case too: who acts on the newer one must not lose it. Within a minute of the
    value it counts, after the end as well: who acted on that value is told once too often rather than never.
    """
    if event.type not in machine.reopening or machine.facts.get(event.type):
        return False
    latest = event.at + SAME_MINUTE_SECONDS
    return any(known.at > latest for name, known in case.facts.items() if name in machine.renewed)


def _observed(machine: Machine, learned: Mapping[str, Known]) -> Mapping[str, Known]:
    """Of the facts of a refused event, those that anybody may report: what was seen of the patient needs no permission.

    The others (that somebody was taught, that a test was made) are claims to have done a step, which is what was refused.
    """
    return {name: known for name, known in learned.items() if name in machine.observed}


def _as_seen(machine: Machine, case: Case, event: Occurrence, learned: Mapping[str, Known]) -> Mapping[str, Known]:
    """The facts as the event's guards see them: a rise or fall that another event of the same moment reported is not its own."""
    for known in case.facts.values():
        if known.at == event.at and known.previous is not None:
            break
    else:
        return {**case.facts, **learned} if learned else case.facts
    reported = {
        name for name, field in machine.facts.get(event.type, ()) if field and event.values.get(field) is not None
    }
    others = {
        name: known._replace(previous=None)
        for name, known in case.facts.items()
        if known.at == event.at and known.previous is not None and name not in reported
    }
    return {**case.facts, **others, **learned} if others or learned else case.facts


def _care_plan(machine: Machine, case: Case, event: Occurrence) -> Mapping[str, Value]:
    sources = machine.care_plan.get(event.type)
    if not sources:
        return {}
    known = case.patient_parameters_at
    return {
        name: value
        for name, field in sources
        if (value := event.values.get(field)) is not None and event.at >= known.get(name, event.at)
    }


def _objection(arrow: Arrow, case: Case, event: Occurrence) -> Decision | None:
    """Why this actor may not take the arrow: a wrong role, or the same person where duties are separate."""
    if arrow.by is not None and event.actor_role not in arrow.by and not _stands_in(arrow, arrow.by, case, event):
        return Decision(
            Outcome.REFUSED,
            Reason.WRONG_ROLE,
            f"{arrow.id} is for {', '.join(sorted(arrow.by))}, not for {event.actor_role or 'nobody in particular'}",
        )
    return _own_work(arrow, case, event)


def _stands_in(arrow: Arrow, by: frozenset[str], case: Case, event: Occurrence) -> bool:
    """Whether the actor is, or was when the event was deferred, accountable in place of somebody who may take the arrow.

    Being accountable for a validation means to see that it happens; it makes nobody a validator.
    """
    if arrow.validates or event.actor_role is None:
        return False
    return event.actor_role == case.accountable_role or not by.isdisjoint(event.acts_for)


def _own_work(arrow: Arrow, case: Case, event: Occurrence) -> Decision | None:
    for earlier in arrow.separate_from:
        if event.actor_id is not None and case.performers.get(earlier) == event.actor_id:
            return Decision(
                Outcome.REFUSED, Reason.SAME_PERFORMER, f"{arrow.id} needs somebody other than who performed {earlier}"
            )
    return None


def _override(
    machine: Machine,
    case: Case,
    event: Occurrence,
    now: float,
    facts: Mapping[str, Known],
    parameters: Mapping[str, Value],
    merged: Mapping[str, Known],
    limits: Mapping[str, Value],
) -> Decision:
    arrow = machine.overrides.get((case.state, event.override))
    if arrow is None:
        return Decision(
            Outcome.REFUSED, Reason.NO_SUCH_OVERRIDE, f"{event.override} cannot be taken by override from {case.state}"
        )
    if not event.reason:
        return Decision(Outcome.REFUSED, Reason.OVERRIDE_WITHOUT_REASON, "an override needs a reason")
    if event.actor_role not in arrow.override_by:
        roles = ", ".join(sorted(arrow.override_by))
        return Decision(Outcome.REFUSED, Reason.WRONG_ROLE, f"only {roles} may override {arrow.id}")
    if arrow.validates and (arrow.by is None or event.actor_role not in arrow.by):
        because = f"{arrow.id} validates: an override passes over its guard, not over who validates"
        return Decision(Outcome.REFUSED, Reason.WRONG_ROLE, because)
    own_work = _own_work(arrow, case, event)
    if own_work is not None:
        return own_work
    move = _move(machine, arrow, case, event, now, merged, limits, Reason.OVERRIDE)
    return Decision(Outcome.MOVED, Reason.OVERRIDE, event.reason, move, facts, parameters)


def _move(
    machine: Machine,
    arrow: Arrow,
    case: Case,
    event: Occurrence,
    now: float,
    facts: Mapping[str, Known],
    limits: Mapping[str, Value],
    reason: Reason,
) -> Move:
    """A state is entered when its event happened, but never before the state it leaves was, and never in the future.

    A case that re-opens leaves the end of the one before it.
    """
    entered = min(now, max(event.at, case.entered))
    target = arrow.target if arrow.target is not None else case.state
    assert target is not None, "verified: an arrow that opens a case names its target"
    reminded = target == case.state and event.type == DEADLINE_MISSED
    ends = _due(machine, machine.states[target], entered, {} if reminded else facts, facts, limits, event.at)
    if target == case.state and event.type != DEADLINE_MISSED and case.due is not None and ends is not None:
        ends = min(ends, case.due)  # waiting in the same place: news may shorten the wait, never postpone it
    done = done_on_arrival(machine, target, facts, limits, event.at)
    if target == case.state:
        done |= case.done
    return Move(arrow.id, case.state or case.after, target, entered, ends, event, reason, arrow.because, done)


def _due(
    machine: Machine,
    state: State,
    entered: float,
    began: Mapping[str, Known],
    facts: Mapping[str, Known],
    limits: Mapping[str, Value],
    at: float,
) -> float | None:
    """When the wait ends, at the earliest at once. ``began`` holds the facts from which a limit may be counted.

    A limit counted from a fact never gives more time than one counted from entering. Whoever is reminded gets the whole of it.
    """
    if state.deadline is None:
        return None

    def end(within: Duration) -> float:
        since = began.get(within.since) if within.since is not None else None
        start = min(entered, since.at) if since is not None else entered
        return max(entered, due(within, start, limits, machine.policy.calendar))

    ends = end(state.deadline.within)
    for test, within in machine.sooner.get(state.name, ()):
        if test(facts, limits, at):
            ends = min(ends, end(within))
    return ends


class Progress(NamedTuple):
    """What one event led to: its own decision, every move in order (deferred events included), and the case afterwards.

    ``taken`` pairs each deferred event that a later state has now answered with its decision.
    """

    decision: Decision
    moves: tuple[Move, ...]
    case: Case
    taken: tuple[tuple[Occurrence, Decision], ...]


class TakenUp(NamedTuple):
    """The moves of a commit in order, the case after them, and each deferred event that a later state answered."""

    moves: tuple[Move, ...]
    case: Case
    taken: tuple[tuple[Occurrence, Decision], ...]


def advance(machine: Machine, case: Case, event: Occurrence, now: float) -> Progress:
    """Decide an event and, when it moves the case, whatever was deferred until now; the case that results is not stored."""
    decision = decide(machine, case, event, now)
    if decision.outcome is Outcome.DEFERRED:
        event = replace(event, acts_for=_acts_for(machine, case, event))
    after = apply(case, event, decision)
    if decision.move is None:
        return Progress(decision, (), after, ())
    return Progress(decision, *_taken_up(machine, after, event, now, (decision.move,)))


def take_up(machine: Machine, case: Case, arrival: Occurrence, now: float) -> TakenUp | None:
    """What is left to do in the present state when a commit was full: deferred events it answers, and the arrow out of it.

    ``arrival`` stands for coming here, and causes the move out of a state whose checklist is complete already. None when
    there is nothing to do, which is nearly always.
    """
    taken = _taken_up(machine, case, arrival, now, ())
    return taken if taken.moves or taken.taken else None


def _taken_up(machine: Machine, case: Case, arrival: Occurrence, now: float, made: tuple[Move, ...]) -> TakenUp:
    moves = list(made)
    taken: list[tuple[Occurrence, Decision]] = []
    while len(moves) < MAX_MOVES:
        arrived = _complete_on_arrival(machine, case, arrival, now)
        if arrived is not None and arrived.move is not None:
            case = apply(case, arrived.move.cause, arrived)
            moves.append(arrived.move)
            continue
        answer = _next_deferred(machine, case, now)
        if answer is None:
            break
        held, later = answer
        rest = tuple(e for e in case.deferred if e is not held)
        case = replace(apply(replace(case, deferred=()), held, later), deferred=rest)
        taken.append(answer)
        if later.move is not None:
            moves.append(later.move)
    return TakenUp(tuple(moves), case, tuple(taken))


def _acts_for(machine: Machine, case: Case, event: Occurrence) -> tuple[str, ...]:
    """The roles that the actor stands in for where the case is: whoever is on shift then, that is why they were let do it."""
    role, state = event.actor_role, machine.states[case.state] if case.state is not None else None
    if role is None or state is None:
        return ()
    items = state.checklist.items if state.checklist is not None else ()
    owners = {item.owner for item in items if case.item_roles.get(item.name) == role}
    if role == case.accountable_role and state.owner is not None:
        owners.add(state.owner)
    return tuple(sorted(owners - {role}))


def _complete_on_arrival(machine: Machine, case: Case, event: Occurrence, now: float) -> Decision | None:
    """The move out of a state whose checklist is complete on arrival, because facts satisfy enough of it."""
    if case.state is None or not complete(machine, case.state, case.done):
        return None
    return decide(machine, case, Occurrence(CHECKLIST_COMPLETED, event.id, event.at), now)


def _next_deferred(machine: Machine, case: Case, now: float) -> tuple[Occurrence, Decision] | None:
    """The earliest deferred event that the present state answers, with its decision."""
    if not case.deferred:
        return None
    alone = replace(case, deferred=())
    for held in sorted(case.deferred, key=lambda e: e.at):
        later = decide(machine, alone, held, now)
        if later.outcome is not Outcome.DEFERRED:
            return held, later
    return None


def apply(case: Case, event: Occurrence, decision: Decision) -> Case:
    """The case after a decision. The role a task is routed to is the caller's to fill in."""
    facts = {**case.facts, **decision.facts} if decision.facts else case.facts
    if decision.parameters:
        case = replace(
            case,
            patient_parameters={**case.patient_parameters, **decision.parameters},
            patient_parameters_at={**case.patient_parameters_at, **dict.fromkeys(decision.parameters, event.at)},
        )
    if decision.outcome is Outcome.DEFERRED:
        return replace(case, facts=facts, deferred=(*case.deferred, event))
    move = decision.move
    if move is None:
        if facts is case.facts and not decision.done:
            return case
        return replace(case, facts=facts, done=case.done | decision.done)
    performers = case.performers
    if event.actor_id is not None:
        performers = {**performers, move.transition: event.actor_id}
    return replace(
        case,
        state=move.target,
        facts=facts,
        entered=move.entered,
        due=move.due,
        accountable_role=None,
        performers=performers,
        done=move.done,
        item_roles={},
        after=None,
    )
