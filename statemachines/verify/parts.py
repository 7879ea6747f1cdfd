"""Parts that are missing, or make no sense where they are: work without a system state, arrows out of ends, and the like."""

from __future__ import annotations

from collections.abc import Iterator

from statemachines.definition import (
    CHECKLIST_COMPLETED,
    DEADLINE_MISSED,
    SUB_CASE_REQUESTED,
    State,
    StateKind,
    Transition,
)
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.index import Index
from statemachines.verify.terms import facts_in


def check_parts(index: Index) -> Iterator[Finding]:
    """States, then arrows, in the order of the document."""
    for state in index.definition.states:
        yield from _state(index, state)
    for transition in index.definition.transitions:
        if not transition.sources and not transition.reopens:
            yield from _opening(index, transition)
        yield from _reopening(index, transition) if transition.reopens else _out_of_ends(index, transition)
        if index.own_event(transition.on):
            yield from _own_event(index, transition)
    if not any(not t.sources and not t.reopens for t in index.definition.transitions):
        yield codes.INCOMPLETE.found(
            index.place(), "No arrow opens a case, so none ever begins.", mend="Add an arrow without sources."
        )


def _state(index: Index, state: State) -> Iterator[Finding]:
    name = state.name
    where = index.place(state=name)
    if state.kind is StateKind.SYSTEM and state.work is None:
        yield codes.INCOMPLETE.found(
            where, f"{name} is a system state and does nothing.", mend="Name its work, or let a role wait there."
        )
    if state.kind is not StateKind.SYSTEM and state.work is not None:
        yield codes.INCOMPLETE.found(
            where, f"{name} has work, and is no system state: the work is never done.", mend="Make it a system state."
        )
    if state.kind is not StateKind.WAITING and (state.checklist is not None or state.opens is not None):
        yield codes.INCOMPLETE.found(
            where, f"{name} holds a checklist or a sub-case, and nobody waits there.", mend="Make it a waiting state."
        )
    if state.kind is StateKind.END and (
        state.owner is not None or state.deadline is not None or state.validates is not None
    ):
        yield codes.INCOMPLETE.found(
            where,
            f"{name} is an end, and has an owner or a deadline: nobody is asked, nothing is timed.",
            mend="Remove them.",
        )
    if state.kind is StateKind.END:
        yield from _answers_of_end(index, state)
    if state.optional is not None:
        for fact in sorted(facts_in(state.optional)):
            yield codes.INCOMPLETE.found(
                where, f"Whether {name} exists depends on {fact}; only a facility's policy can switch a state off.",
                mend="Use parameters only.",
            )  # fmt: skip


def _answers_of_end(index: Index, state: State) -> Iterator[Finding]:
    if state.records or state.defers:
        yield codes.INCOMPLETE.found(
            index.place(state=state.name),
            f"{state.name} is an end, and records or defers events: there is no case any more in which to note them.",
            mend="Remove the answers; an end ignores or refuses what would re-open it.",
        )
    for event in dict.fromkeys((*state.ignores, *state.refuses)):
        if event not in index.reopening:
            yield codes.INCOMPLETE.found(
                index.place(state=state.name, event=event),
                f"{state.name} is an end, and answers {event}: after the end every event is refused but those that re-open a case.",
                mend="Remove the answer, or add the arrow that re-opens on it.",
            )


def _reopening(index: Index, transition: Transition) -> Iterator[Finding]:
    """What re-opens leaves ends, leads to where somebody acts, and is an event that arrives."""
    id, event = transition.id, transition.on
    where = index.place(transition=id, event=event)
    for name in transition.sources:
        place = index.position.get(name)
        if place is not None and index.states[place].kind is not StateKind.END:
            yield codes.INCOMPLETE.found(
                index.place(transition=id, state=name), f"{id} re-opens what is in {name}, where the case has not ended.",
                mend="Let it leave ends, or do not let it re-open.",
            )  # fmt: skip
    if not transition.sources:
        yield codes.INCOMPLETE.found(
            where, f"{id} re-opens, and names no end to leave.", mend="Name the ends after which it is taken."
        )
    target = index.position.get(transition.target or "")
    if transition.target is None or (target is not None and index.states[target].kind is StateKind.END):
        yield codes.INCOMPLETE.found(
            where, f"{id} re-opens a case in which nobody acts.", mend="Lead it to a state in which somebody acts."
        )
    if index.own_event(event):
        yield codes.INCOMPLETE.found(
            where,
            f"{id} re-opens on {event}, which only an open case can make.",
            mend="Re-open on an event that arrives.",
        )
    if transition.override_by:
        yield codes.INCOMPLETE.found(
            where, f"{id} may be overridden, and there is no case in which anybody could.", mend="Remove override_by."
        )


def _opening(index: Index, transition: Transition) -> Iterator[Finding]:
    id = transition.id
    where = index.place(transition=id)
    if transition.target is None:
        yield codes.INCOMPLETE.found(
            where, f"{id} opens a case and leads nowhere.", mend="Name the state in which a case begins."
        )
    elif index.own_event(transition.on) and transition.on != SUB_CASE_REQUESTED:
        yield codes.INCOMPLETE.found(
            where,
            f"{id} opens a case on {transition.on}, which only an open case can make.",
            mend="Open the case on an event that arrives.",
        )
    if transition.target in index.position and index.states[index.position[transition.target]].kind is StateKind.END:
        yield codes.INCOMPLETE.found(
            where, f"{id} opens a case that has ended.", mend="Lead it to a state in which somebody acts."
        )


def _out_of_ends(index: Index, transition: Transition) -> Iterator[Finding]:
    id = transition.id
    for name in transition.sources:
        place = index.position.get(name)
        if place is not None and index.states[place].kind is StateKind.END:
            yield codes.INCOMPLETE.found(
                index.place(transition=id, state=name), f"{id} leaves {name}, where the case has ended: it is never taken.",
                mend="Remove the arrow, or let somebody wait in that state.",
            )  # fmt: skip


def _own_event(index: Index, transition: Transition) -> Iterator[Finding]:
    event = transition.on
    if transition.by:
        yield codes.NOBODY_MAY_TAKE.found(
            index.place(transition=transition.id, event=event),
            f"{transition.id} is for {', '.join(transition.by)}, and Baton itself causes {event}: it is refused.",
        )
    yield from _in_place(index, transition)


def _in_place(index: Index, transition: Transition) -> Iterator[Finding]:
    """An event of Baton's own happens only in the state that makes it."""
    event, id = transition.on, transition.id
    if event == DEADLINE_MISSED:
        return
    maker = event.rpartition(".")[0]
    for name in transition.sources:
        place = index.position.get(name)
        if place is None:
            continue
        state = index.states[place]
        where = index.place(transition=id, state=name, event=event)
        if event == SUB_CASE_REQUESTED:
            yield codes.INCOMPLETE.found(
                where,
                f"{id} waits in {name} for a case to be requested, which only happens while none is open.",
                mend="Let the arrow open the case.",
            )
        elif event == CHECKLIST_COMPLETED:
            if state.checklist is None:
                yield codes.INCOMPLETE.found(
                    where,
                    f"{id} waits in {name} for a checklist, and {name} has none.",
                    mend="Add the checklist, or remove the arrow.",
                )
        elif event in index.outcomes:
            if state.work is None or state.work.name != maker:
                yield codes.NO_SUCH_OUTCOME.found(
                    where, f"{id} waits in {name} for an outcome of {maker}, which {name} does not do.",
                    mend="Lead the arrow from the state that does the work; late outcomes are answered under late.",
                )  # fmt: skip
            elif event.rpartition(".")[2] not in state.work.outcomes:
                yield codes.NO_SUCH_OUTCOME.found(
                    where, f"{id} waits for an outcome that {maker} does not have in {name}."
                )
        elif state.opens is None or state.opens.workflow != maker:
            yield codes.UNKNOWN_SUBCASE.found(
                where, f"{id} waits in {name} for a sub-case of {maker}, which {name} does not open.",
                mend="Lead the arrow from the state that opens the sub-case.",
            )  # fmt: skip
