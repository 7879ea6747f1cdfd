"""The course of cases: every state is reached and left, every event is answered, what is deferred is taken up."""

from __future__ import annotations

from collections.abc import Iterator

from statemachines.definition import State, StateKind
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.index import OPENING, Index, answers
from statemachines.verify.intervals import TooManyCells
from statemachines.verify.machines import Machines, Variant, anything, no_blocking

_ANSWERS = ("records", "ignores", "defers", "refuses")


def check_course(machines: Machines) -> Iterator[Finding]:
    """Reachability in every machine, then the answers to events."""
    for variant in machines.variants:
        yield from _reached_and_left(machines, variant)
    yield from _answered(machines)
    yield from _answered_after_ends(machines)
    yield from _answered_once(machines.index)
    yield from _taken_up(machines)


def switched_off(machines: Machines, state: State) -> frozenset[int]:
    """The overlays (by position) under which an optional state does not exist."""
    if state.optional is None:
        return frozenset()
    contest = machines.contest((state.optional,))
    if contest is None:
        return frozenset()
    context = anything(machines.vocabulary, "")
    off: set[int] = set()
    for members in machines.classes(contest.policy):
        try:
            verdict = contest.decide(machines.overlays[members[0]].parameters, context, no_blocking(1))
        except TooManyCells:
            continue
        if not verdict.possible:
            off.update(members)
    return frozenset(off)


def _reached_and_left(machines: Machines, variant: Variant) -> Iterator[Finding]:
    index, graph = machines.index, variant.graph
    everywhere = machines.facilities(variant.overlays)
    can_end = graph.can_end()
    for place, state in enumerate(index.states):
        off = switched_off(machines, state)
        if not graph.reached[place]:
            missing = [n for n in variant.overlays if n not in off]
            if state.kind is StateKind.END and machines.any_policy.graph.reached[place]:
                continue  # an end that other facilities' cases come to
            if missing:
                yield codes.UNREACHABLE.found(
                    index.place(state=state.name, facilities=machines.facilities(missing)),
                    _unreached(index, variant, place),
                )
            continue
        on_all_the_same = [n for n in variant.overlays if n in off]
        if on_all_the_same:
            yield codes.NOT_SWITCHED_OFF.found(
                index.place(state=state.name, facilities=machines.facilities(on_all_the_same)),
                f"{index.title(place)} is reached although the facility's policy switches it off.",
                graph.way_to(place),
            )
        if not can_end[place]:
            yield codes.NO_WAY_OUT.found(
                index.place(state=state.name, facilities=everywhere),
                f"From {index.title(place)} no end can be reached: a case that comes here stays open for ever.",
                graph.way_to(place),
            )


def _unreached(index: Index, variant: Variant, place: int) -> str:
    entering = [edge for edge in index.entering[place] if edge.source != place]
    title = index.title(place)
    if not entering:
        return f"No arrow leads to {title}."
    off = [edge for edge in entering if not variant.enabled[edge.number]]
    names = ", ".join(dict.fromkeys(edge.transition.id for edge in entering))
    if len(off) == len(entering):
        return f"{title} is never reached: {names} can never be taken."
    sources = ", ".join(
        dict.fromkeys(
            index.title(edge.source) for edge in entering if edge.source != OPENING and variant.enabled[edge.number]
        )
    )
    return f"{title} is never reached: {names} leads there only from {sources}, which no case reaches."


def _answered(machines: Machines) -> Iterator[Finding]:
    """Each event that can arrive is answered in each open state; what tells of the patient's life is looked at elsewhere."""
    index, reached = machines.index, machines.union.graph.reached
    for expectation in index.definition.events:
        event = expectation.event
        if event in index.life:
            continue
        places = [
            place
            for place, state in index.open_states()
            if reached[place] and (place, event) not in index.groups and answers(state, event) is None
        ]
        if places:
            yield codes.UNANSWERED.found(
                index.place(state=", ".join(index.states[place].name for place in places), event=event),
                f"{index.event_words(event).capitalize()} can arrive in {_some(index, places)}, and nothing says what becomes of it.",
                (*machines.union.graph.way_to(places[0]), event),
            )


def _answered_after_ends(machines: Machines) -> Iterator[Finding]:
    """What re-opens one end is answered by every other: re-opened as well, or ignored or refused with a reason.

    So is what also opens cases: after a silent end it would begin one that has forgotten what was known before.
    """
    index, reached = machines.index, machines.union.graph.reached
    for event in index.reopening:
        places = [
            place
            for place, state in enumerate(index.states)
            if state.kind is StateKind.END
            and reached[place]
            and (place, event) not in index.groups
            and answers(state, event) is None
        ]
        if places:
            by = next(
                edge.transition.id for edge in index.edges if edge.transition.reopens and edge.transition.on == event
            )
            opens = any(edge.transition.on == event for edge in index.opening)
            becomes = (
                "and begins one that knows nothing of the ended one" if opens else "and nothing says what becomes of it"
            )
            yield codes.END_UNANSWERED.found(
                index.place(state=", ".join(index.states[place].name for place in places), event=event),
                f"{index.event_words(event).capitalize()} re-opens other cases ({by}), {becomes} after {_some(index, places)}.",
                (*machines.union.graph.way_to(places[0]), event),
            )


def _some(index: Index, places: list[int]) -> str:
    titles = [index.title(place) for place in places]
    if len(titles) <= 3:
        return ", ".join(titles)
    return f"{', '.join(titles[:3])} and {len(titles) - 3} more steps"


def _answered_once(index: Index) -> Iterator[Finding]:
    for place, state in enumerate(index.states):
        declared: dict[str, list[str]] = {}
        for how in _ANSWERS:
            for event in getattr(state, how):
                declared.setdefault(event, []).append(how)
        for item in state.checklist.items if state.checklist is not None else ():
            for event in item.done_on:
                if declared.get(event):
                    declared[event].append(f"does {item.name} by")
        for event, ways in declared.items():
            if len(ways) > 1:
                yield codes.ANSWERED_TWICE.found(
                    index.place(state=state.name, event=event),
                    f"{index.title(place)} both {' and '.join(ways)} {event}.",
                )


def _taken_up(machines: Machines) -> Iterator[Finding]:
    """Somebody acts on or records each deferred event later; at each facility it is at least answered later."""
    index = machines.index
    deferring: dict[str, list[int]] = {}
    for place, state in index.open_states():
        for event in state.defers:
            deferring.setdefault(event, []).append(place)
    for event, places in deferring.items():
        yield from _later(machines, machines.any_policy, event, places, ("records",), "acts on it or records it")
        for variant in machines.variants:
            yield from _later(machines, variant, event, places, ("records", "ignores", "refuses"), "answers it")


def _later(
    machines: Machines, variant: Variant, event: str, places: list[int], ways: tuple[str, ...], what: str
) -> Iterator[Finding]:
    index, graph = machines.index, variant.graph
    takers = [
        place
        for place, state in enumerate(index.states)
        if graph.reached[place]
        and state.kind is not StateKind.END
        and (
            any(variant.enabled[edge.number] for edge in index.groups.get((place, event), ()))
            or answers(state, event) in (*ways, "checklist")
        )
    ]
    # What was kept for later ends with the case that kept it.
    leads_there = graph.backwards(
        takers, lambda edge: bool(variant.enabled[edge.number]) and not edge.transition.reopens
    )
    for place in places:
        if graph.reached[place] and not any(
            leads_there[edge.target] for edge in index.leaving[place] if variant.enabled[edge.number]
        ):
            yield codes.NEVER_TAKEN_UP.found(
                index.place(
                    state=index.states[place].name, event=event, facilities=machines.facilities(variant.overlays)
                ),
                f"{index.title(place)} keeps {index.event_words(event)} for later, and no state that follows {what}.",
                (*graph.way_to(place), event),
            )
