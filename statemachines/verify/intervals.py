"""Guards decided by the cells into which their limits divide what facts can be.

Arrows that compete for one event are looked at together. Every comparison of one fact with constants (a facility's
parameters are constants under its overlay) divides the fact's range into cells; within a cell nothing changes, so one value
stands for all of it. Comparisons of two things that both vary (a patient's own limit, a fall against the value before, an
age) are left open here: they may be true or false. What cannot happen even so is proven; what might is for the solver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

from statemachines.expressions import (
    AllOf,
    AnyGuard,
    AnyOf,
    Comparator,
    Compare,
    Constant,
    Fell,
    IsKnown,
    Member,
    Not,
    Older,
    ParameterOperand,
    Rose,
    Value,
)
from statemachines.verify.domain import Example, Variable, Vocabulary, representatives, variable_of, variables_of
from statemachines.verify.terms import Leaf, facts_of, leaves, operands

MOST_CELLS = 4096
"""More combinations of cells than this are left to the solver."""

Test = Callable[[int], bool]


class Context(NamedTuple):
    """What is known of facts where a guard is read.

    ``known`` are the facts that every path has set, ``settable`` those that some path can have set, ``reported`` those that
    the event itself reports, ``may_report`` those that it may.
    """

    known: frozenset[str]
    settable: frozenset[str]
    reported: frozenset[str]
    may_report: frozenset[str]


class Overlapping(NamedTuple):
    """Two of the competing guards, by position, that can hold together; with values if the cells show it exactly."""

    first: int
    second: int
    example: Example | None


class Verdict(NamedTuple):
    """What the cells say of competing guards.

    ``possible``: positions of guards that may hold. ``forestalled``: positions that may hold, but only when a guard before
    that blocks them does too. ``gap``: whether none may hold at times; ``open``: positions of guards with comparisons that
    were left open, for which "may" is not "can".
    """

    possible: frozenset[int]
    overlaps: tuple[Overlapping, ...]
    forestalled: frozenset[int]
    gap: bool
    gap_example: Example | None
    open: frozenset[int]


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
        self.facts = frozenset(fact for leaf in self._leaves for fact in facts_of(leaf))
        read = sorted({o.parameter for leaf in self._leaves for o in operands(leaf) if isinstance(o, ParameterOperand)})
        self.policy = tuple(name for name in read if name not in vocabulary.patient)
        """The parameters that only facilities set and these guards read."""
        self.patient = tuple(name for name in read if name in vocabulary.patient)
        """The parameters that a care plan may set and these guards read."""
        self._memo: dict[object, Verdict] = {}

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
        base, options, open_bits = self._cells(values, context)
        count = 1
        for _, choices in options:
            count *= len(choices)
        if count > MOST_CELLS:
            raise TooManyCells
        tests, indices = self._tests, range(len(self._tests))
        possible = forestalled_not = 0
        gap: tuple[tuple[int, Value | None], ...] | None = None
        pairs: dict[tuple[int, int], tuple[tuple[int, Value | None], ...]] = {}
        for cells in product(*(choices for _, choices in options)):
            mask = base
            for bit, _ in cells:
                mask |= bit
            holding = 0
            for i in indices:
                if tests[i](mask):
                    if not holding & blocking[i]:
                        forestalled_not |= 1 << i
                    for j in range(i):
                        if holding >> j & 1 and (j, i) not in pairs:
                            pairs[j, i] = cells
                    holding |= 1 << i
            possible |= holding
            if not holding and gap is None:
                gap = cells
        variables = [variable for variable, _ in options]
        left_open = frozenset(i for i in indices if self._reads[i] & open_bits)

        def example(cells: tuple[tuple[int, Value | None], ...], *which: int) -> Example:
            read = 0
            for i in which:
                read |= self._reads[i]
            relevant = {
                v
                for leaf, bit in zip(self._leaves, self._bits(), strict=True)
                if read & bit
                for v in variables_of(leaf)
            }
            return {v: value for v, (_, value) in zip(variables, cells, strict=True) if v is not None and v in relevant}

        return Verdict(
            possible=frozenset(i for i in indices if possible >> i & 1),
            overlaps=tuple(
                Overlapping(i, j, None if i in left_open or j in left_open else example(cells, i, j))
                for (i, j), cells in sorted(pairs.items())
            ),
            forestalled=frozenset(i for i in indices if possible >> i & 1 and not forestalled_not >> i & 1),
            gap=gap is not None,
            gap_example=None if gap is None or left_open else example(gap, *indices),
            open=left_open,
        )

    def _bits(self) -> list[int]:
        return [1 << n for n in range(len(self._leaves))]

    def _cells(
        self, values: Mapping[str, Value], context: Context
    ) -> tuple[int, list[tuple[Variable | None, list[tuple[int, Value | None]]]], int]:
        """The bits that hold anyway; for each variable its cells as (bits that hold there, value); the bits left open."""
        base = open_bits = 0
        by_variable: dict[Variable, list[tuple[int, Comparison]]] = {}
        options: list[tuple[Variable | None, list[tuple[int, Value | None]]]] = []
        for leaf, bit in zip(self._leaves, self._bits(), strict=True):
            comparison = compared(leaf, values, context, self.vocabulary)
            if comparison is True:
                base |= bit
            elif comparison is None:
                open_bits |= bit
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
        return base, options, open_bits


class Comparison(NamedTuple):
    """A comparison of one variable with constants."""

    variable: Variable
    constants: tuple[Value, ...]
    holds: Callable[[Value], bool]


def compared(
    leaf: Leaf, values: Mapping[str, Value], context: Context, vocabulary: Vocabulary
) -> Comparison | bool | None:
    """What a comparison comes to under a facility's values: of one variable, decided, or (None) left open."""
    for fact in facts_of(leaf):
        if fact not in context.settable and fact not in context.may_report and fact not in context.known:
            return False  # nobody can have reported it
    match leaf:
        case IsKnown(fact=fact):
            return fact in context.known or fact in context.reported or Comparison(Variable(True, fact), (), _yes)
        case Fell() | Rose():
            return None if leaf.fact in context.may_report else False
        case Older(fact=fact, minutes=minutes):
            limit = _constant(minutes, values, vocabulary)
            return False if fact in context.reported and limit is not None and float(limit) >= 0 else None
        case Member(operand=operand, values=members):
            constant = _constant(operand, values, vocabulary)
            if constant is not None:
                return constant in members
            variable = variable_of(operand)
            assert variable is not None
            return Comparison(variable, members, frozenset(members).__contains__)
        case Compare(left=left, comparator=comparator, right=right):
            a, b = _constant(left, values, vocabulary), _constant(right, values, vocabulary)
            if a is not None and b is not None:
                return _HOLDS[comparator](a, b)
            test = _HOLDS[comparator]
            if b is not None:
                return Comparison(_there(variable_of(left)), (b,), partial(_flipped, test, b))
            if a is not None:
                return Comparison(_there(variable_of(right)), (a,), partial(test, a))
            return None


def _flipped(test: Callable[[Value, Value], bool], right: Value, left: Value) -> bool:
    return test(left, right)


def _there(variable: Variable | None) -> Variable:
    assert variable is not None
    return variable


def _constant(operand: object, values: Mapping[str, Value], vocabulary: Vocabulary) -> Value | None:
    if isinstance(operand, Constant):
        return operand.value
    if isinstance(operand, ParameterOperand) and operand.parameter not in vocabulary.patient:
        return values[operand.parameter]
    return None


def _yes(_: Value) -> bool:
    return True


def _always(_: int) -> bool:
    return True


_HOLDS: Mapping[Comparator, Callable[[Value, Value], bool]] = {
    Comparator.LT: lambda a, b: a < b,  # type: ignore[operator]
    Comparator.LE: lambda a, b: a <= b,  # type: ignore[operator]
    Comparator.GT: lambda a, b: a > b,  # type: ignore[operator]
    Comparator.GE: lambda a, b: a >= b,  # type: ignore[operator]
    Comparator.EQ: lambda a, b: a == b,
    Comparator.NE: lambda a, b: a != b,
}


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
