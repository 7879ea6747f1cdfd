"""Guards decided by the cells into which their limits divide what facts can be.

Arrows that compete for one event are looked at together. Every comparison of one fact with constants (a facility's
parameters are constants under its overlay) divides the fact's range into cells; within a cell nothing changes, so one value
stands for all of it. Comparisons of two things that both vary (a patient's own limit, a fall against the value before, an
age) are left open here: they may be true or false. What cannot happen even so is proven; what might is for the solver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from statemachines.expressions import (
    AllOf,
    AnyGuard,
    AnyOf,
    Compare,
    Member,
    Not,
    ParameterOperand,
    Value,
)
from statemachines.verify.comparison import Comparison, Context, compared
from statemachines.verify.domain import Example, Variable, Vocabulary, representatives, variables_of
from statemachines.verify.terms import Leaf, facts_of, leaves, operands

MOST_CELLS = 16_384
"""More combinations of cells than this are left to the solver."""

Test = Callable[[int], bool]


class Overlapping(NamedTuple):
    """Two of the competing guards, by position, that may hold together; with values where the cells show that they can."""

    first: int
    second: int
    example: Example | None


class Verdict(NamedTuple):
    """What the cells say of competing guards: what may be, and what certainly can be.

    ``possible``: positions of guards that may hold; ``certain``: of those that can. ``forestalled``: positions of guards that
    hold only when an earlier one that blocks them does; ``free``: of those that certainly hold without. ``gap``: none of them
    may hold at times; ``gap_example``: values under which none does.
    """

    possible: frozenset[int]
    certain: frozenset[int]
    overlaps: tuple[Overlapping, ...]
    forestalled: frozenset[int]
    free: frozenset[int]
    gap: bool
    gap_example: Example | None


class TooManyCells(Exception):
    """The cells are too many to look at each."""


class Contest:
    """The guards of the arrows that compete for one event, in order; None: always holds."""

    def __init__(self, guards: Sequence[AnyGuard | None], vocabulary: Vocabulary) -> None:
        self.guards = tuple(guards)
        self.vocabulary = vocabulary
        self._leaves: list[Leaf] = []
        bits: dict[Leaf, int] = {}
        for guard in guards:
            for leaf in leaves(guard) if guard is not None else ():
                if leaf not in bits:
                    bits[leaf] = 1 << len(self._leaves)
                    self._leaves.append(leaf)
        self._tests = [_compiled(guard, bits) if guard is not None else _always for guard in guards]
        self._reads = [sum({bits[leaf] for leaf in leaves(guard)}) if guard is not None else 0 for guard in guards]
        self._variables = [(variables_of(leaf), bit) for leaf, bit in bits.items()]
        self._facts = [facts_of(leaf) for leaf in self._leaves]
        self.facts = frozenset(fact for facts in self._facts for fact in facts)
        read = sorted({o.parameter for leaf in self._leaves for o in operands(leaf) if isinstance(o, ParameterOperand)})
        self.policy = tuple(name for name in read if name not in vocabulary.patient)
        """The parameters that only facilities set and these guards read."""
        self.patient = tuple(name for name in read if name in vocabulary.patient)
        """The parameters that a care plan may set and these guards read."""
        self._memo: dict[object, Verdict] = {}
        self._combinations: dict[object, Combined] = {}

    def decide(self, values: Mapping[str, Value], context: Context, blocking: tuple[int, ...]) -> Verdict:
        """The verdict under a facility's parameter values. ``blocking``: for each guard a bit mask of the earlier ones that,
        holding, keep its arrow from being taken. Raises TooManyCells."""
        facts = self.facts
        key = (
            tuple((type(v), v) for v in (values[name] for name in self.policy)),
            context.known & facts,
            context.settable & facts,
            context.reported & facts,
            context.may_report & facts,
            blocking,
        )
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._decide(values, context, blocking)
        return found

    def _decide(self, values: Mapping[str, Value], context: Context, blocking: tuple[int, ...]) -> Verdict:
        """Cells in which the same comparisons hold give the same answer, whatever the limits are; only the examples differ."""
        cells = self._cells(values, context)
        shape = (
            cells.base,
            tuple((v, tuple(bits for bits, _ in choices)) for v, choices in cells.options),
            cells.open,
            cells.deniable,
            blocking,
        )
        combined = self._combinations.get(shape)
        if combined is None:
            combined = self._combinations[shape] = self._combined(cells, blocking)
        everywhere = range(len(self._tests))

        def positions(bits: int) -> frozenset[int]:
            return frozenset(i for i in everywhere if bits >> i & 1)

        def example(found: Found, which: Iterable[int]) -> Example | None:
            return self._example(found, cells, which) if found.sure else None

        return Verdict(
            possible=positions(combined.possible),
            certain=positions(combined.certain),
            overlaps=tuple(Overlapping(i, j, example(at, (i, j))) for (i, j), at in combined.pairs),
            forestalled=positions(combined.possible & ~combined.unblocked),
            free=positions(combined.free),
            gap=combined.gap is not None,
            gap_example=example(combined.gap, everywhere) if combined.gap is not None else None,
        )

    def _combined(self, cells: Cells, blocking: tuple[int, ...]) -> Combined:
        """Every combination of cells, looked at once."""
        count = 1
        for _, choices in cells.options:
            count *= len(choices)
        if count > MOST_CELLS:
            raise TooManyCells
        tests, everywhere = self._tests, range(len(self._tests))
        # A guard shows exactly what can be where nothing that was left open says so: see Cells.deniable.
        never_sure = [bool(read & cells.open & ~cells.deniable) for read in self._reads]
        left_open = [read & cells.open for read in self._reads]
        possible = certain = unblocked = free = 0
        pairs: dict[tuple[int, int], Found] = {}
        gap: Found | None = None
        for choice in product(*([bits for bits, _ in choices] for _, choices in cells.options)):
            mask = cells.base
            for bits in choice:
                mask |= bits
            sure = [not never_sure[i] and not mask & left_open[i] for i in everywhere]
            holding = 0
            for i in everywhere:
                if not tests[i](mask):
                    continue
                bit = 1 << i
                if sure[i]:
                    certain |= bit
                if not holding & blocking[i]:
                    unblocked |= bit
                    if sure[i] and all(sure[j] for j in range(i) if blocking[i] >> j & 1):
                        free |= bit
                for j in range(i):
                    if holding >> j & 1:
                        both = sure[i] and sure[j]
                        known = pairs.get((j, i))
                        if known is None or (both and not known.sure):
                            pairs[j, i] = Found(choice, both)
                holding |= bit
            possible |= holding
            if not holding and (gap is None or (not gap.sure and all(sure))):
                gap = Found(choice, all(sure))
        return Combined(possible, certain, unblocked, free, tuple(sorted(pairs.items())), gap)

    def _example(self, found: Found, cells: Cells, which: Iterable[int]) -> Example:
        read = 0
        for i in which:
            read |= self._reads[i]
        relevant = {v for variables, bit in self._variables if read & bit for v in variables}
        chosen = zip(cells.options, found.choice, strict=True)
        return {v: dict(choices)[bits] for (v, choices), bits in chosen if v is not None and v in relevant}

    def _nobody_reports(self, place: int, context: Context) -> bool:
        """Whether a comparison reads a fact that nobody can have reported: it is false."""
        return any(
            fact not in context.settable and fact not in context.may_report and fact not in context.known
            for fact in self._facts[place]
        )

    def _cells(self, values: Mapping[str, Value], context: Context) -> Cells:
        base = open_bits = deniable = 0
        by_variable: dict[Variable, list[tuple[int, Comparison]]] = {}
        options: list[tuple[Variable | None, list[Cell]]] = []
        for place, leaf in enumerate(self._leaves):
            bit = 1 << place
            if self._nobody_reports(place, context):
                continue
            comparison = compared(leaf, values, context, self.vocabulary)
            if comparison is True:
                base |= bit
            elif comparison is None:
                open_bits |= bit
                deniable |= 0 if isinstance(leaf, (Compare, Member)) else bit
                options.append((None, [(0, None), (bit, None)]))
            elif comparison is not False:
                by_variable.setdefault(comparison.variable, []).append((bit, comparison))
        for variable, comparisons in by_variable.items():
            constants = [c for _, comparison in comparisons for c in comparison.constants]
            cells: dict[int, Value | None] = {}
            for value in representatives(self.vocabulary.domain(variable), constants):
                mask = 0
                for bit, comparison in comparisons:
                    if comparison.holds(value):
                        mask |= bit
                cells.setdefault(mask, value)
            if variable.fact and variable.name not in context.known and variable.name not in context.reported:
                cells.setdefault(0, None)
            options.append((variable, list(cells.items())))
        return Cells(base, options, open_bits, deniable)


Cell = tuple[int, Value | None]
"""The comparisons that hold in a cell, as bits, and a value in it (None: unknown, or left open)."""


class Cells(NamedTuple):
    """The comparisons that hold anyway, the cells of each variable, and the comparisons left open.

    ``deniable``: of those left open, the ones that can always be false together, whatever else is true: a fall or rise (the
    event reported nothing new) and an age (the fact is fresh).
    """

    base: int
    options: list[tuple[Variable | None, list[Cell]]]
    open: int
    deniable: int


class Found(NamedTuple):
    """A combination of cells, by the comparisons that hold in each, and whether it certainly can be."""

    choice: tuple[int, ...]
    sure: bool


class Combined(NamedTuple):
    """What all combinations of cells show, in bits by the position of the guard; ``unblocked``: holds while no blocker does."""

    possible: int
    certain: int
    unblocked: int
    free: int
    pairs: tuple[tuple[tuple[int, int], Found], ...]
    gap: Found | None


def _always(_: int) -> bool:
    return True


def _compiled(guard: AnyGuard, bits: Mapping[Leaf, int]) -> Test:
    """The guard as a function of the comparisons that hold, each a bit."""
    match guard:
        case AllOf(all=parts):
            needed = sum({bits[p] for p in parts if not isinstance(p, (AllOf, AnyOf, Not))})
            rest = [_compiled(p, bits) for p in parts if isinstance(p, (AllOf, AnyOf, Not))]
            if not rest:
                return lambda mask: mask & needed == needed
            return lambda mask: mask & needed == needed and all(test(mask) for test in rest)
        case AnyOf(any=parts):
            enough = sum({bits[p] for p in parts if not isinstance(p, (AllOf, AnyOf, Not))})
            rest = [_compiled(p, bits) for p in parts if isinstance(p, (AllOf, AnyOf, Not))]
            if not rest:
                return lambda mask: mask & enough != 0
            return lambda mask: mask & enough != 0 or any(test(mask) for test in rest)
        case Not(negated=negated):
            inner = _compiled(negated, bits)
            return lambda mask: not inner(mask)
        case _:
            bit = bits[guard]
            return lambda mask: mask & bit != 0
