"""Names: that none is given twice, that every name that is used is declared, and that every part is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from statemachines.definition import (
    CHECKLIST_COMPLETED,
    DEADLINE_MISSED,
    SUB_CASE_REQUESTED,
    Duration,
    Source,
    State,
    StateKind,
    Transition,
    ValueType,
)
from statemachines.expressions import AnyGuard
from statemachines.policy import fits
from statemachines.verify import codes
from statemachines.verify.catalog import fields_of
from statemachines.verify.finding import Finding
from statemachines.verify.index import Index
from statemachines.verify.overlays import allowed
from statemachines.verify.terms import facts_in, parameters_in

RESERVED = frozenset({"rewait", "superseded", "jump"})
"""Words with which the state machine is signalled; no transition may be called so."""


def check_names(index: Index) -> Iterator[Finding]:
    """Duplicates, unknown names and incomplete parts, in the order of the document."""
    yield from _duplicates(index)
    yield from _declarations(index)
    for state in index.definition.states:
        yield from _state(index, state)
    for transition in index.definition.transitions:
        yield from _transition(index, transition)
    if not any(not t.sources for t in index.definition.transitions):
        yield codes.INCOMPLETE.found(
            index.place(), "No arrow opens a case, so none ever begins.", mend="Add an arrow without sources."
        )


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


def _role(index: Index, role: str | None, where: str, **place: str) -> Iterator[Finding]:
    if role is not None and role not in index.roles:
        yield codes.UNKNOWN_ROLE.found(
            index.place(role=role, **place),
            f"{where} names {role}, which is no role of the workflow.",
            mend=f"Its roles are {', '.join(sorted(index.roles)) or 'none'}.",
        )


def _declarations(index: Index) -> Iterator[Finding]:
    d = index.definition
    for role in d.roles:
        for stand_in in role.fallback:
            yield from _role(index, stand_in, f"The fallback of {role.code}")
    for expectation in d.events:
        if fields_of(expectation.event) is None:
            yield codes.UNKNOWN_EVENT.found(
                index.place(event=expectation.event), f"The catalog has no event type {expectation.event}."
            )
    for fact in d.facts:
        for source in fact.sources:
            yield from _source(index, fact.name, fact.type, source)
        if not fact.sources:
            yield codes.UNKNOWN_FIELD.found(index.place(name=fact.name), f"No event reports the fact {fact.name}.")
        yield from _range(index, fact.name, fact.minimum, fact.maximum)
        if fact.stale_after_minutes is not None and not fact.stale_after_minutes > 0:
            yield codes.BAD_PARAMETER.found(
                index.place(name=fact.name), f"The fact {fact.name} is stale as soon as it is reported."
            )
        for source in fact.sources:
            field = (fields_of(source.event) or {}).get(source.field)
            if field is None or field.type is not ValueType.NUMBER:
                continue
            if (fact.minimum is not None and (field.low is None or field.low < fact.minimum)) or (
                fact.maximum is not None and (field.high is None or field.high > fact.maximum)
            ):
                yield codes.UNKNOWN_FIELD.found(
                    index.place(name=fact.name, event=source.event),
                    f"The fact {fact.name} is declared from {fact.minimum} to {fact.maximum}, but {source.event} can report "
                    f"{field.low} to {field.high}.",
                    mend="Declare the range that the source can report.",
                )
            if fact.integer and not field.integer:
                yield codes.UNKNOWN_FIELD.found(
                    index.place(name=fact.name, event=source.event),
                    f"The fact {fact.name} is declared as a whole number, but {source.event} can report fractions.",
                )
    for parameter in d.parameters:
        where = index.place(name=parameter.name)
        yield from _range(index, parameter.name, parameter.minimum, parameter.maximum)
        if (objection := allowed(parameter, parameter.default)) is not None:
            yield codes.BAD_PARAMETER.found(where, f"The default of {parameter.name} {objection}.")
        if any(not fits(choice, parameter.type) for choice in parameter.choices):
            yield codes.BAD_PARAMETER.found(where, f"{parameter.name} is a {parameter.type} and cannot have choices.")
        for source in parameter.patient:
            yield from _source(index, parameter.name, parameter.type, source)


def _range(index: Index, name: str, low: float | None, high: float | None) -> Iterator[Finding]:
    if low is not None and high is not None and not low <= high:
        yield codes.BAD_PARAMETER.found(
            index.place(name=name), f"{name} has a minimum of {low:g} above its maximum of {high:g}."
        )


def _source(index: Index, name: str, kind: ValueType, source: Source) -> Iterator[Finding]:
    where = index.place(name=name, event=source.event)
    known = fields_of(source.event)
    if known is None:
        yield codes.UNKNOWN_EVENT.found(where, f"{name} is taken from {source.event}, which the catalog does not have.")
    elif source.event not in index.expected:
        yield codes.UNKNOWN_EVENT.found(
            where, f"{name} is taken from {source.event}, which the workflow does not expect: it is never delivered."
        )
    elif source.field not in known:
        yield codes.UNKNOWN_FIELD.found(
            where,
            f"{name} is taken from the field {source.field}, which {source.event} does not have.",
            mend=f"Its fields are {', '.join(sorted(known)) or 'none'}.",
        )
    elif known[source.field].type is not kind:
        yield codes.UNKNOWN_FIELD.found(
            where,
            f"{name} is a {kind}, and {source.event} reports {known[source.field].type or 'something else'} in {source.field}.",
        )


def _state(index: Index, state: State) -> Iterator[Finding]:
    name = state.name
    where = index.place(state=name)
    for role, what in (
        (state.owner, "Its owner"),
        (state.validates, "validates"),
        (state.escalates_to, "escalates_to"),
    ):
        yield from _role(index, role, what, state=name)
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
    if state.kind is StateKind.END and (state.records or state.ignores or state.defers or state.refuses):
        yield codes.INCOMPLETE.found(
            where,
            f"{name} is an end, and answers events: after the end every event is refused.",
            mend="Remove the answers.",
        )
    if state.deadline is not None:
        for duration in (state.deadline.within, *(s.within for s in state.deadline.sooner)):
            yield from _duration(index, state, duration)
        for sooner in state.deadline.sooner:
            yield from _terms(index, sooner.when, f"A time limit of {name}", state=name)
    if state.optional is not None:
        yield from _terms(index, state.optional, f"The condition of {name}", state=name)
        for fact in sorted(facts_in(state.optional)):
            yield codes.INCOMPLETE.found(
                where, f"Whether {name} exists depends on {fact}; only a facility's policy can switch a state off.",
                mend="Use parameters only.",
            )  # fmt: skip
    for item in state.checklist.items if state.checklist is not None else ():
        for role in (item.owner, *item.by):
            yield from _role(index, role, f"The item {item.name}", state=name)
        for event in item.done_on:
            if event not in index.expected and event not in index.ends:
                yield codes.UNKNOWN_EVENT.found(
                    index.place(state=name, event=event, name=item.name),
                    f"The item {item.name} is done on {event}, which the workflow does not expect.",
                )
        if item.satisfied is not None:
            yield from _terms(index, item.satisfied, f"The item {item.name}", state=name)


def _duration(index: Index, state: State, duration: Duration) -> Iterator[Finding]:
    if duration.parameter is not None and duration.parameter not in index.parameters:
        yield codes.UNKNOWN_TERM.found(
            index.place(state=state.name, name=duration.parameter),
            f"The time limit of {state.name} is {duration.parameter}, which is no parameter.",
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


def _transition(index: Index, transition: Transition) -> Iterator[Finding]:
    id = transition.id
    where = index.place(transition=id)
    for name in transition.sources:
        if name not in index.position:
            yield codes.UNKNOWN_STATE.found(
                index.place(transition=id, state=name), f"{id} leaves {name}, which is no state of the workflow."
            )
        elif index.states[index.position[name]].kind is StateKind.END:
            yield codes.INCOMPLETE.found(
                index.place(transition=id, state=name), f"{id} leaves {name}, where the case has ended: it is never taken.",
                mend="Remove the arrow, or let somebody wait in that state.",
            )  # fmt: skip
    for name, count in Counter(transition.sources).items():
        if count > 1:
            yield codes.DUPLICATE.found(index.place(transition=id, state=name), f"{id} leaves {name} {count} times.")
    if transition.target is not None and transition.target not in index.position:
        yield codes.UNKNOWN_STATE.found(
            index.place(transition=id, state=transition.target),
            f"{id} leads to {transition.target}, which is no state of the workflow.",
        )
    if not transition.sources:
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
        if (
            transition.target in index.position
            and index.states[index.position[transition.target]].kind is StateKind.END
        ):
            yield codes.INCOMPLETE.found(
                where, f"{id} opens a case that has ended.", mend="Lead it to a state in which somebody acts."
            )
    for what, roles in (("by", transition.by), ("override_by", transition.override_by)):
        for role in roles:
            yield from _role(index, role, f"{what} of {id}", transition=id)
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
    if index.own_event(event):
        if transition.by:
            yield codes.NOBODY_MAY_TAKE.found(
                index.place(transition=transition.id, event=event),
                f"{transition.id} is for {', '.join(transition.by)}, and Baton itself causes {event}: it is refused.",
            )
        yield from _in_place(index, transition)
    elif event not in index.expected:
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
