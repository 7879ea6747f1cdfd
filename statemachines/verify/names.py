"""Names in states and arrows: that none is given twice, and that every name that is used is declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from statemachines.definition import Duration, State, Transition
from statemachines.expressions import AnyGuard
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.index import Index
from statemachines.verify.terms import facts_in, parameters_in


def check_names(index: Index) -> Iterator[Finding]:
    """Duplicates, then unknown names in the order of the document."""
    yield from _duplicates(index)
    for state in index.definition.states:
        yield from _state(index, state)
    for transition in index.definition.transitions:
        yield from _transition(index, transition)


def _duplicates(index: Index) -> Iterator[Finding]:
    d = index.definition
    kinds: tuple[tuple[str, Iterable[str]], ...] = (
        ("states", (s.name for s in d.states)),
        ("transitions", (t.id for t in d.transitions)),
        ("roles", (r.code for r in d.roles)),
        ("facts", (f.name for f in d.facts)),
        ("parameters", (p.name for p in d.parameters)),
        ("event types", (e.event for e in d.events)),
        ("names, of a system step and of a sub-case,", (*index.works, *index.subcases)),
    )
    for kind, names in kinds:
        for name, count in Counter(names).items():
            if count > 1:
                yield codes.DUPLICATE.found(index.place(name=name), f"{count} {kind} are called {name}.")
    for state in d.states:
        items = [item.name for item in state.checklist.items] if state.checklist is not None else []
        for name, count in Counter(items).items():
            if count > 1:
                yield codes.DUPLICATE.found(
                    index.place(state=state.name, name=name), f"{count} items of the checklist are called {name}."
                )


def unknown_role(index: Index, role: str | None, where: str, **place: str) -> Iterator[Finding]:
    """A role that is named (if one is) and not declared."""
    if role is not None and role not in index.roles:
        yield codes.UNKNOWN_ROLE.found(
            index.place(role=role, **place),
            f"{where} names {role}, which is no role of the workflow.",
            mend=f"Its roles are {', '.join(sorted(index.roles)) or 'none'}.",
        )


def _state(index: Index, state: State) -> Iterator[Finding]:
    name = state.name
    for role, what in (
        (state.owner, "Its owner"),
        (state.validates, "validates"),
        (state.escalates_to, "escalates_to"),
    ):
        yield from unknown_role(index, role, what, state=name)
    for how in ("records", "ignores", "defers", "refuses"):
        for event in getattr(state, how):
            if event not in index.expected and event not in index.ends:
                yield codes.UNKNOWN_EVENT.found(
                    index.place(state=name, event=event),
                    f"The state {how} {event}, which the workflow does not expect: it is never delivered.",
                )
    for work in state.late:
        if work not in index.works:
            yield codes.NO_SUCH_OUTCOME.found(
                index.place(state=name, name=work),
                f"The state answers a late {work}, which is no system step of the workflow.",
            )
    if state.deadline is not None:
        for duration in (state.deadline.within, *(s.within for s in state.deadline.sooner)):
            yield from _duration(index, state, duration)
        for sooner in state.deadline.sooner:
            yield from _terms(index, sooner.when, f"A time limit of {name}", state=name)
    if state.optional is not None:
        yield from _terms(index, state.optional, f"The condition of {name}", state=name)
    for item in state.checklist.items if state.checklist is not None else ():
        for role in (item.owner, *item.by):
            yield from unknown_role(index, role, f"The item {item.name}", state=name)
        for event in item.done_on:
            if event not in index.expected and event not in index.ends:
                yield codes.UNKNOWN_EVENT.found(
                    index.place(state=name, event=event, name=item.name),
                    f"The item {item.name} is done on {event}, which the workflow does not expect.",
                )
        if item.satisfied is not None:
            yield from _terms(index, item.satisfied, f"The item {item.name}", state=name)


def _transition(index: Index, transition: Transition) -> Iterator[Finding]:
    id = transition.id
    for name in transition.sources:
        if name not in index.position:
            yield codes.UNKNOWN_STATE.found(
                index.place(transition=id, state=name), f"{id} leaves {name}, which is no state of the workflow."
            )
    for name, count in Counter(transition.sources).items():
        if count > 1:
            yield codes.DUPLICATE.found(index.place(transition=id, state=name), f"{id} leaves {name} {count} times.")
    if transition.target is not None and transition.target not in index.position:
        yield codes.UNKNOWN_STATE.found(
            index.place(transition=id, state=transition.target),
            f"{id} leads to {transition.target}, which is no state of the workflow.",
        )
    for what, roles in (("by", transition.by), ("override_by", transition.override_by)):
        for role in roles:
            yield from unknown_role(index, role, f"{what} of {id}", transition=id)
    for other in transition.separate_from:
        if other not in index.transitions:
            yield codes.UNKNOWN_TRANSITION.found(
                index.place(transition=id, name=other), f"{id} is separate from {other}, which is no transition."
            )
    yield from _event(index, transition)
    if transition.when is not None:
        yield from _terms(index, transition.when, f"The guard of {id}", transition=id)


def _event(index: Index, transition: Transition) -> Iterator[Finding]:
    event = transition.on
    if not index.own_event(event) and event not in index.expected:
        place = index.place(transition=transition.id, event=event)
        work, dot, outcome = event.partition(".")
        if dot and work in index.works:
            yield codes.NO_SUCH_OUTCOME.found(
                place, f"{transition.id} waits for {work} to end as {outcome}, which it never does."
            )
        elif dot and work in index.subcases:
            yield codes.UNKNOWN_SUBCASE.found(
                place, f"{transition.id} waits for the sub-case {work} to end as {outcome}, which is not declared."
            )
        elif dot:
            yield codes.NO_SUCH_OUTCOME.found(
                place, f"{transition.id} waits for {event}, and no state does {work} or opens it."
            )
        else:
            yield codes.UNKNOWN_EVENT.found(
                place, f"{transition.id} waits for {event}, which the workflow does not expect: it is never delivered."
            )


def _duration(index: Index, state: State, duration: Duration) -> Iterator[Finding]:
    if duration.parameter is not None and duration.parameter not in index.parameters:
        yield codes.UNKNOWN_TERM.found(
            index.place(state=state.name, name=duration.parameter),
            f"The time limit of {state.name} is {duration.parameter}, which is no parameter.",
        )
    if duration.since is not None and duration.since not in index.facts:
        yield codes.UNKNOWN_TERM.found(
            index.place(state=state.name, name=duration.since),
            f"The time limit of {state.name} is counted from {duration.since}, which is no fact of the workflow.",
        )


def _terms(index: Index, guard: AnyGuard, what: str, **place: str) -> Iterator[Finding]:
    for fact in sorted(facts_in(guard) - set(index.facts)):
        yield codes.UNKNOWN_TERM.found(
            index.place(name=fact, **place), f"{what} reads {fact}, which is no fact of the workflow."
        )
    for parameter in sorted(parameters_in(guard) - set(index.parameters)):
        yield codes.UNKNOWN_TERM.found(
            index.place(name=parameter, **place), f"{what} reads {parameter}, which is no parameter of the workflow."
        )
