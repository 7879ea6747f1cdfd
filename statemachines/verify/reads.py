"""What guards read: facts that no path can have set, unknown facts that pass for fine ones, and stale ones that pass for new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from statemachines.compile.wording import LONGEST_GUARD
from statemachines.expressions import AllOf, AnyGuard, AnyOf, Compare, IsKnown, Member, Not, Older
from statemachines.verify import codes
from statemachines.verify.comparison import Context
from statemachines.verify.contradictions import words
from statemachines.verify.deadlines import minutes
from statemachines.verify.domain import Variable, Vocabulary
from statemachines.verify.finding import Finding
from statemachines.verify.graph import step
from statemachines.verify.index import OPENING, Edge
from statemachines.verify.intervals import Contest, TooManyCells
from statemachines.verify.machines import Machines, Variant, no_blocking
from statemachines.verify.smt import Solver, Undecided, Wanted
from statemachines.verify.terms import facts_of, leaves
from statemachines.verify.units import sound

_FALSE = AnyOf(any=())
"""Never holds: what a comparison with an unknown fact comes to."""


def check_reads(machines: Machines, solver: Solver) -> Iterator[Finding]:
    """Every guard of an arrow that a case can take, and every shorter time limit."""
    yield from _never_set(machines)
    yield from _unknown_passes(machines, solver)
    yield from _stale(machines)


def _guarded(machines: Machines) -> Iterator[tuple[Edge, AnyGuard]]:
    reached = machines.union.graph.reached
    for edge in machines.index.edges:
        guard = edge.transition.when
        if guard is None or edge.number in machines.unsound:
            continue
        if edge.source == OPENING or reached[edge.source]:
            yield edge, guard


# ── never set ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _never_set(machines: Machines) -> Iterator[Finding]:
    index, knowledge = machines.index, machines.union.knowledge
    for edge, guard in _guarded(machines):
        context = knowledge.context(edge.source, edge.transition.on)
        for fact in sorted(_read(guard) - context.settable - context.may_report):
            state = index.states[edge.source].name if edge.source != OPENING else None
            way = machines.union.graph.way_to(edge.source) if edge.source != OPENING else ()
            yield codes.NEVER_SET.found(
                index.place(state=state, transition=edge.transition.id, event=edge.transition.on, name=fact),
                f"{edge.transition.id} reads {machines.vocabulary.title(Variable(True, fact))}, which nothing has reported by then.",
                (*way, step(edge)),
            )
    for place, state_ in index.open_states():
        if not machines.union.graph.reached[place] or state_.deadline is None:
            continue
        always = knowledge.names(knowledge.every_path[place])
        for within in (state_.deadline.within, *(sooner.within for sooner in state_.deadline.sooner)):
            if within.since is not None and within.since in machines.vocabulary.facts and within.since not in always:
                yield codes.NEVER_SET.found(
                    index.place(state=state_.name, name=within.since),
                    f"A time limit of {index.title(place)} is counted from "
                    f"{machines.vocabulary.title(Variable(True, within.since))}, which need not be known when the state is entered.",
                    machines.union.graph.way_to(place),
                )
        known = knowledge.some_path[place]
        for sooner in state_.deadline.sooner:
            for fact in sorted((_read(sooner.when) & set(machines.vocabulary.facts)) - knowledge.names(known)):
                yield codes.NEVER_SET.found(
                    index.place(state=state_.name, name=fact),
                    f"A shorter time limit of {index.title(place)} reads {machines.vocabulary.title(Variable(True, fact))}, "
                    "which nothing can have reported when the state is entered.",
                    machines.union.graph.way_to(place),
                )


def _read(guard: AnyGuard) -> set[str]:
    """The facts whose values a guard reads; asking whether one is known reads no value."""
    return {fact for leaf in leaves(guard) if not isinstance(leaf, IsKnown) for fact in facts_of(leaf)}


# ── unknown, and passing for fine ────────────────────────────────────────────────────────────────────────────────────────
def _unknown_passes(machines: Machines, solver: Solver) -> Iterator[Finding]:
    """Facts that may be unknown, in a guard that then holds although some value would forbid it; one finding for each arrow."""
    found: dict[tuple[str, tuple[str, ...]], Finding] = {}
    for edge, guard in _guarded(machines):
        # A guard that only compares can hold by what is unknown only through a negation: nothing else turns false into true.
        suspects = negated_reads(guard) - _asked(guard)
        if not suspects or not sound(guard, machines.vocabulary):
            continue
        union = machines.union.knowledge.context(edge.source, edge.transition.on)
        suspects -= union.known | union.reported
        for variant in machines.variants if suspects else ():
            passing = _passing(machines, solver, variant, edge, guard, suspects)
            if passing is None:
                continue
            key = (edge.transition.id, passing.place.facilities)
            if key not in found:
                found[key] = passing
            elif passing.place.state is not None:
                states = f"{found[key].place.state}, {passing.place.state}"
                found[key] = replace(found[key], place=replace(found[key].place, state=states))
    yield from found.values()


def _passing(
    machines: Machines, solver: Solver, variant: Variant, edge: Edge, guard: AnyGuard, suspects: set[str]
) -> Finding | None:
    index, vocabulary = machines.index, machines.vocabulary
    contest = machines.contest((guard,))
    assert contest is not None
    if not variant.enabled[edge.number] or (edge.source != OPENING and not variant.graph.reached[edge.source]):
        return None
    context = variant.knowledge.context(edge.source, edge.transition.on)
    members: list[int] = []
    facts: dict[str, None] = {}
    for fact in sorted(suspects - context.known):
        blind = _without(guard, fact)
        for alike in machines.classes(contest.policy):
            inside = [n for n in alike if n in variant.overlays]
            if inside and _passes(machines, solver, guard, blind, context, fact, inside[0]):
                members += inside
                facts[fact] = None
    if not facts:
        return None
    titles = [vocabulary.title(Variable(True, fact)) for fact in facts]
    way = variant.knowledge.way_without(edge.source, next(iter(facts))) if edge.source != OPENING else ()
    return codes.UNKNOWN_PASSES.found(
        index.place(
            state=index.states[edge.source].name if edge.source != OPENING else None,
            transition=edge.transition.id,
            event=edge.transition.on,
            name=", ".join(facts),
            facilities=machines.facilities(dict.fromkeys(members)),
        ),
        f"{edge.transition.id} ({said_of(edge, vocabulary)}) can be taken while {' or '.join(titles)} is unknown, although a value "
        "of it could forbid that.",
        (*way, f"{step(edge)} without {titles[0]}"),
    )


def said_of(edge: Edge, vocabulary: Vocabulary) -> str:
    """The guard of an arrow in words, or its reason where the words are too many."""
    assert edge.transition.when is not None
    said = words(edge.transition.when, vocabulary)
    return f"“{said}”" if len(said) <= LONGEST_GUARD else edge.transition.because or "its guard"


def _passes(
    machines: Machines, solver: Solver, guard: AnyGuard, blind: AnyGuard, context: Context, fact: str, overlay: int
) -> bool:
    """Whether the guard without the fact holds somewhere where with some value of the fact it does not."""
    values = machines.overlays[overlay].parameters
    opposite = Not(negated=guard)
    known = Context(context.known | {fact}, context.settable | {fact}, context.reported, context.may_report)
    contest = Contest((blind, opposite), machines.vocabulary)
    try:
        verdict = contest.decide(values, known, no_blocking(2))
        if not verdict.overlaps:
            return False
        if verdict.overlaps[0].example is not None:
            return True
    except TooManyCells:
        pass
    try:
        return solver.example((Wanted(blind, True), Wanted(opposite, True)), known, values) is not None
    except Undecided:
        return True


def _asked(guard: AnyGuard) -> set[str]:
    """The facts of which the author of a guard asked whether they are known."""
    return {leaf.fact for leaf in leaves(guard) if isinstance(leaf, IsKnown)}


def negated_reads(guard: AnyGuard, negated: bool = False) -> set[str]:
    """The facts that a guard reads under a negation."""
    match guard:
        case Not(negated=inner):
            return negated_reads(inner, not negated)
        case AllOf(all=parts) | AnyOf(any=parts):
            return set().union(*(negated_reads(part, negated) for part in parts))
        case _:
            return set(facts_of(guard)) if negated else set()


def _without(guard: AnyGuard, fact: str) -> AnyGuard:
    """The guard as it is evaluated while a fact is unknown."""
    match guard:
        case Not(negated=inner):
            return Not(negated=_without(inner, fact))
        case AllOf(all=parts):
            return AllOf(all=tuple(_without(part, fact) for part in parts))
        case AnyOf(any=parts):
            return AnyOf(any=tuple(_without(part, fact) for part in parts))
        case _:
            return _FALSE if fact in facts_of(guard) else guard


# ── stale ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _stale(machines: Machines) -> Iterator[Finding]:
    """Facts that a guard compares when they can be older than the workflow calls fresh, and the guard does not ask their age."""
    index = machines.index
    for name, fact in machines.vocabulary.facts.items():
        if fact.stale_after_minutes is None or not fact.stale_after_minutes > 0:
            continue
        limit = fact.stale_after_minutes
        reading = [
            (edge, guard)
            for edge, guard in _guarded(machines)
            if edge.source != OPENING and name in _compared_unaged(guard)
        ]
        reading = [(e, g) for e, g in reading if name not in machines.vocabulary.always_reported(e.transition.on)]
        if not reading:
            continue
        ages = _ages(machines, machines.union, name, limit)
        found: dict[tuple[int, str], list[Edge]] = {}
        for edge, _ in reading:
            if ages[edge.source] + _wait(machines, edge.source) > limit:
                found.setdefault((edge.source, edge.transition.on), []).append(edge)
        title = machines.vocabulary.title(Variable(True, name))
        for (place, event), edges in found.items():
            names = ", ".join(edge.transition.id for edge in edges)
            yield codes.STALE.found(
                index.place(state=index.states[place].name, transition=names, event=event, name=name),
                f"{names} may read a {title} older than {limit:g} min, after which the workflow calls it stale: {event} need not "
                f"report it, and by then the case can have been in {index.title(place)} for longer.",
                (*machines.union.graph.way_to(place), f"{event} without {title}, {limit:g} min after the last"),
            )


def _compared_unaged(guard: AnyGuard) -> set[str]:
    asked = {leaf.fact for leaf in leaves(guard) if isinstance(leaf, Older)}
    return {fact for leaf in leaves(guard) if isinstance(leaf, (Compare, Member)) for fact in facts_of(leaf)} - asked


def _wait(machines: Machines, place: int) -> float:
    """The longest wait in a state under any overlay, in minutes. A state that returns to itself can be waited in for ever."""
    state = machines.index.states[place]
    if state.deadline is None:
        return float("inf")
    within = state.deadline.within
    if within.parameter is None:
        return minutes(within, within.amount or 0)
    amounts = [o.parameters.get(within.parameter) for o in machines.overlays]
    return max((minutes(within, a) for a in amounts if isinstance(a, (int, float))), default=0.0)


def _ages(machines: Machines, variant: Variant, fact: str, limit: float) -> list[float]:
    """By state, how old the fact can be on entering, in minutes; everything beyond ``limit`` counts as the same."""
    index, enabled = machines.index, variant.enabled
    beyond = limit + 1
    ages = [-1.0] * len(index.states)
    queue: list[int] = []
    for edge in index.opening:
        if enabled[edge.number]:
            ages[edge.target] = 0.0
            queue.append(edge.target)
    risen = [0] * len(index.states)
    for place in queue:  # grows; an age only ever rises, and one that keeps rising goes round a circle
        leaving = min(beyond, max(ages[place], 0.0) + _wait(machines, place))
        for edge in index.leaving[place]:
            if not enabled[edge.number]:
                continue
            age = 0.0 if fact in machines.vocabulary.always_reported(edge.transition.on) else leaving
            if age > ages[edge.target]:
                risen[edge.target] += 1
                ages[edge.target] = beyond if risen[edge.target] > 20 else age
                queue.append(edge.target)
    return ages
