"""Whether guards mean the same, and whether they can hold: by intervals first, by z3 for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from statemachines.compare.cells import Grid, NotSeparable, Point, evaluate, grid, has_rise
from statemachines.compare.sense import ALWAYS, NotComparable, Sense, bind, facts_in, parameters_in
from statemachines.compare.solver import Situation, Undecided, example
from statemachines.definition import Name
from statemachines.expressions import AllOf, AnyGuard, AnyOf, IsKnown, Not, Value

Values = Mapping[Name, Value]
"""Values of parameters; a parameter without one can have any."""

NO_VALUES: Values = {}


class Likeness(NamedTuple):
    """Whether two guards mean the same (None: nobody could decide it), and a situation in which they differ."""

    same: bool | None
    differ_at: Situation | None = None


_Key = tuple[AnyGuard, tuple[tuple[Name, type, Value], ...]]


class Reasoner:
    """Answers questions about the guards of one sense of facts and parameters, each once."""

    def __init__(self, sense: Sense) -> None:
        self.sense = sense
        self._likeness: dict[tuple[_Key, _Key], Likeness] = {}
        self._possible: dict[_Key, bool] = {}

    def compare(
        self, one: AnyGuard | None, other: AnyGuard | None, values: Values = NO_VALUES, others: Values | None = None
    ) -> Likeness:
        """Whether two guards hold in the same situations: ``one`` under ``values``, ``other`` under ``others`` (None: the same)."""
        left, right = self._key(one, values), self._key(other, values if others is None else others)
        if left == right:
            return Likeness(same=True)
        if (left, right) not in self._likeness:
            self._likeness[left, right] = self._compared(_bound(left), _bound(right))
        return self._likeness[left, right]

    def can_hold(self, guard: AnyGuard | None, values: Values = NO_VALUES) -> bool:
        """Whether some situation opens the guard. What nobody can decide counts as possible."""
        if guard is None:
            return True
        key = self._key(guard, values)
        if key not in self._possible:
            self._possible[key] = self._can_hold(_bound(key))
        return self._possible[key]

    def both(self, one: AnyGuard | None, other: AnyGuard | None, values: Values = NO_VALUES) -> bool:
        """Whether some situation opens both guards."""
        return self.can_hold(AllOf(all=(one or ALWAYS, other or ALWAYS)), values)

    def proves_known(self, guard: AnyGuard | None, values: Values = NO_VALUES) -> frozenset[Name]:
        """The facts that are known wherever the guard holds."""
        if guard is None:
            return frozenset()
        return frozenset(
            name
            for name in facts_in(guard)
            if name in self.sense.facts
            and not self.can_hold(AllOf(all=(guard, Not(negated=IsKnown(fact=name)))), values)
        )

    def _key(self, guard: AnyGuard | None, values: Values) -> _Key:
        guard = guard if guard is not None else ALWAYS
        used = sorted(parameters_in(guard) & values.keys())
        return guard, tuple((name, type(values[name]), values[name]) for name in used)

    def _compared(self, one: AnyGuard, other: AnyGuard) -> Likeness:
        try:
            cells = grid((one, other), self.sense)
        except NotComparable:
            return Likeness(same=True if one == other else None)
        except NotSeparable:
            return self._solved(one, other)
        point = _difference(cells, one, other)
        if point is None:
            return Likeness(same=True)
        if has_rise(cells):
            return self._solved(one, other)
        return Likeness(same=False, differ_at=situation(cells, point))

    def _solved(self, one: AnyGuard, other: AnyGuard) -> Likeness:
        apart = AnyOf(any=(AllOf(all=(one, Not(negated=other))), AllOf(all=(other, Not(negated=one)))))
        try:
            found = example(apart, self.sense)
        except (NotComparable, Undecided):
            return Likeness(same=None)
        return Likeness(same=found is None, differ_at=found)

    def _can_hold(self, guard: AnyGuard) -> bool:
        try:
            cells = grid((guard,), self.sense)
        except NotComparable:
            return True
        except NotSeparable:
            return self._solvable(guard)
        if not any(evaluate(guard, cells)):
            return False
        return self._solvable(guard) if has_rise(cells) else True

    def _solvable(self, guard: AnyGuard) -> bool:
        try:
            return example(guard, self.sense) is not None
        except (NotComparable, Undecided):
            return True


def _bound(key: _Key) -> AnyGuard:
    guard, values = key
    return bind(guard, {name: value for name, _, value in values})


def _difference(cells: Grid, one: AnyGuard, other: AnyGuard) -> Point | None:
    answers = zip(cells.points(), evaluate(one, cells), evaluate(other, cells), strict=True)
    return next((point for point, a, b in answers if a != b), None)


def situation(cells: Grid, point: Point) -> Situation:
    """A point of a grid, as the solver would say it."""
    return {dimension: cell.shown for dimension, cell in zip(cells.dimensions, point, strict=True)}
