"""Why a guard can never hold, and whether that is a fault: what a facility's policy switches off is meant to be off."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from statemachines.expressions import AllOf, AnyGuard, describe
from statemachines.verify.domain import Domain, Variable, Vocabulary, said
from statemachines.verify.intervals import Contest, TooManyCells
from statemachines.verify.machines import Machines, anything, by_policy, no_blocking
from statemachines.verify.overlays import Overlay
from statemachines.verify.smt import Solver, Undecided, Wanted
from statemachines.verify.terms import facts_of, leaves, parameters_in


def never_true(
    machines: Machines, solver: Solver, guard: AnyGuard, overlays: Sequence[int], event: str
) -> tuple[tuple[int, ...], str] | None:
    """For a guard that cannot hold under some overlays: those under which that is a fault, and why; None when it is none.

    A guard that a facility's policy alone switches off is meant to be off there, unless no policy could switch it on.
    """
    off = {
        n
        for members in machines.classes(tuple(sorted(parameters_in(guard))))
        if by_policy(guard, machines.overlays[members[0]], machines.vocabulary) is False
        for n in members
    }
    faulty = tuple(n for n in overlays if n not in off)
    if not faulty:
        if len(overlays) < len(machines.overlays) or _some_policy(machines, guard, event):
            return None
        return tuple(overlays), f"no policy lets “{words(guard, machines.vocabulary)}” hold"
    return faulty, _why(machines, solver, guard, machines.overlays[faulty[0]], event)


class _AnyPolicy(Vocabulary):
    """The vocabulary in which no parameter's value is given."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.__dict__.update(vocabulary.__dict__)
        self.patient = frozenset(vocabulary.parameters)


def _some_policy(machines: Machines, guard: AnyGuard, event: str) -> bool:
    """Whether a guard may hold under any policy that the parameters allow."""
    vocabulary = _AnyPolicy(machines.vocabulary)
    contest = Contest((guard,), vocabulary)
    try:
        return bool(contest.decide({}, anything(vocabulary, event), no_blocking(1)).possible)
    except TooManyCells:
        return True


def _why(machines: Machines, solver: Solver, guard: AnyGuard, overlay: Overlay, event: str) -> str:
    """Why a guard cannot hold: two parts that exclude each other, a part beyond what a fact can be, or just that."""
    vocabulary = machines.vocabulary
    context = anything(vocabulary, event)

    def holds(*parts: AnyGuard) -> bool:
        try:
            return solver.example([Wanted(part, True) for part in parts], context, overlay.parameters) is not None
        except Undecided:
            return True

    parts = guard.all if isinstance(guard, AllOf) else (guard,)
    for part in parts:
        if not holds(part):
            return f"“{words(part, vocabulary, overlay)}” cannot be{_bounds(part, vocabulary, event)}"
    for one, other in combinations(parts, 2):
        if not holds(one, other):
            return f"“{words(one, vocabulary, overlay)}” and “{words(other, vocabulary, overlay)}” exclude each other"
    if not holds(guard):
        return f"the parts of “{words(guard, vocabulary, overlay)}” exclude each other"
    return f"nothing can have reported what “{words(guard, vocabulary, overlay)}” needs"


def _bounds(guard: AnyGuard, vocabulary: Vocabulary, event: str) -> str:
    """What the facts of a guard can be, in words."""
    texts = []
    for leaf in leaves(guard):
        texts += [_range(Variable(True, fact), vocabulary) for fact in facts_of(leaf)]
        if leaf.op in ("fell", "rose") and leaf.fact not in vocabulary.ever_reported(event):
            texts.append(f"{event or 'the event'} does not report {vocabulary.title(Variable(True, leaf.fact))}")
    return "".join(f"; {text}" for text in dict.fromkeys(texts) if text)


def _range(variable: Variable, vocabulary: Vocabulary) -> str:
    domain: Domain = vocabulary.domain(variable)
    title = vocabulary.title(variable)
    if domain.codes:
        return f"{title} is one of {', '.join(domain.codes)}"
    limits = [
        f"{word} {said(limit)}"
        for word, limit in (("at least", domain.low), ("at most", domain.high))
        if limit is not None
    ]
    whole = "a whole number, " if domain.integer else ""
    return f"{title} is {whole}{' and '.join(limits)}" if limits else ""


def words(guard: AnyGuard, vocabulary: Vocabulary, overlay: Overlay | None = None) -> str:
    """A guard in words; with an overlay, each parameter with its value there."""
    names = {fact.name: fact.title for fact in vocabulary.facts.values()}
    for parameter in vocabulary.parameters.values():
        value = (
            ""
            if overlay is None or parameter.name in vocabulary.patient
            else f" ({said(overlay.parameters[parameter.name])})"
        )
        names[parameter.name] = parameter.title + value
    return describe(guard, names=names)
