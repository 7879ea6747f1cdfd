"""Guards by intervals: each fact's values fall into few cells between which no guard can tell the difference.

A guard that compares facts only with constants is the same at every point of a cell, so evaluating it once per cell, with
the evaluator that decides cases, says all about it. This is exact but for one thing: a rise or fall and the value itself are
taken as independent, though a value of 1 % cannot have risen by 3. So cells prove guards alike; that they differ through a
rise or fall is for the solver to confirm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise, product
from typing import NamedTuple, cast

from statemachines.compare.sense import Quantity, Sense, parts, require_meaning
from statemachines.definition import Name, ValueType
from statemachines.expressions import (
    AnyGuard,
    Compare,
    Constant,
    FactOperand,
    Fell,
    IsKnown,
    Known,
    Member,
    Older,
    Operand,
    Rose,
    Value,
    compile_guard,
)

MOST_CELLS = 20_000
"""More cells than this are not looked at one by one."""


class NotSeparable(ValueError):
    """The guard compares facts with one another or with a value that is not fixed, or has too many cells."""


class Aspect(StrEnum):
    """What of a fact a guard asks: its value, by how much it rose with this event, or its age in minutes."""

    VALUE = "value"
    RISE = "rise"
    AGE = "age"


class Dimension(NamedTuple):
    """One aspect of one fact."""

    fact: Name
    aspect: Aspect


@dataclass(frozen=True, slots=True)
class Cell:
    """Values that guards cannot tell apart: one value (``low`` = ``high``), all between two (None: without limit), or none.

    ``shown`` is one of them, None where nothing is known; ``named`` is set for booleans and codes.
    """

    shown: Fraction | bool | str | None
    low: Fraction | None = None
    high: Fraction | None = None
    named: bool = False

    @property
    def unknown(self) -> bool:
        """The fact is not known; or it did not change with this event."""
        return self.shown is None


OTHER_CODE = "\x00other"
"""Stands for every code that no guard names."""

Point = tuple[Cell, ...]
"""One cell of each dimension."""


@dataclass(frozen=True, slots=True)
class Grid:
    """All dimensions that some guards ask for, with their cells."""

    dimensions: tuple[Dimension, ...]
    cells: tuple[tuple[Cell, ...], ...]

    def points(self) -> Iterator[Point]:
        """Every combination of cells, those that cannot be included."""
        return product(*self.cells)


def grid(guards: Iterable[AnyGuard], sense: Sense) -> Grid:
    """The cells that these guards, their parameters bound, can tell apart. Raises NotComparable or NotSeparable."""
    cuts: dict[Dimension, set[Fraction | bool | str]] = {}
    for guard in guards:
        require_meaning(guard, sense)
        for part in parts(guard):
            _cut(part, cuts)
    dimensions = tuple(sorted(cuts, key=lambda d: (_rank(d, sense), d.fact, d.aspect)))
    cells = tuple(_cells(d, cuts[d], sense.facts[d.fact]) for d in dimensions)
    if math.prod(len(each) for each in cells) > MOST_CELLS:
        raise NotSeparable("too many cells")
    return Grid(dimensions, cells)


def _rank(dimension: Dimension, sense: Sense) -> int:
    """Codes and booleans first: they read as the conditions under which a range of values holds."""
    if dimension.aspect is Aspect.VALUE:
        return 0 if sense.facts[dimension.fact].type is not ValueType.NUMBER else 3
    return 1 if dimension.aspect is Aspect.RISE else 2


def _cut(part: AnyGuard, cuts: dict[Dimension, set[Fraction | bool | str]]) -> None:
    match part:
        case Compare(left=FactOperand(fact=name), right=Constant(value=value)):
            cuts.setdefault(Dimension(name, Aspect.VALUE), set()).add(_exact(value))
        case Compare(left=Constant(value=value), right=FactOperand(fact=name)):
            cuts.setdefault(Dimension(name, Aspect.VALUE), set()).add(_exact(value))
        case Compare(left=Constant(), right=Constant()) | Member(operand=Constant()):
            return
        case Member(operand=FactOperand(fact=name), values=values):
            cuts.setdefault(Dimension(name, Aspect.VALUE), set()).update(_exact(value) for value in values)
        case IsKnown(fact=name):
            cuts.setdefault(Dimension(name, Aspect.VALUE), set())
        case Fell(fact=name, by=amount):
            cuts.setdefault(Dimension(name, Aspect.VALUE), set())
            cuts.setdefault(Dimension(name, Aspect.RISE), set()).add(-_constant(amount))
        case Rose(fact=name, by=amount):
            cuts.setdefault(Dimension(name, Aspect.VALUE), set())
            cuts.setdefault(Dimension(name, Aspect.RISE), set()).add(_constant(amount))
        case Older(fact=name, minutes=amount):
            cuts.setdefault(Dimension(name, Aspect.VALUE), set())
            cuts.setdefault(Dimension(name, Aspect.AGE), set()).add(_constant(amount))
        case Compare() | Member():
            raise NotSeparable("facts or open parameters are compared with one another")
        case _:
            return


def _constant(operand: Operand) -> Fraction:
    if not isinstance(operand, Constant):
        raise NotSeparable("an open parameter says by how much")
    return Fraction(cast("float", operand.value))


def _exact(value: Value) -> Fraction | bool | str:
    return value if isinstance(value, (bool, str)) else Fraction(value)


def _cells(dimension: Dimension, cuts: set[Fraction | bool | str], quantity: Quantity) -> tuple[Cell, ...]:
    nothing = Cell(None)
    numbers = sorted(cut for cut in cuts if isinstance(cut, Fraction))
    match dimension.aspect:
        case Aspect.AGE:
            return tuple(_between(numbers, None, None, integer=False, near_zero=True))
        case Aspect.RISE:
            return (*_between(numbers, None, None, integer=quantity.integer, near_zero=True), nothing)
        case Aspect.VALUE if quantity.type is ValueType.NUMBER:
            low = None if quantity.minimum is None else Fraction(quantity.minimum)
            high = None if quantity.maximum is None else Fraction(quantity.maximum)
            return (*_between(numbers, low, high, integer=quantity.integer), nothing)
        case _ if quantity.type is ValueType.BOOLEAN:
            return (Cell(True, named=True), Cell(False, named=True), nothing)
        case _:
            codes = [Cell(code, named=True) for code in sorted(cut for cut in cuts if isinstance(cut, str))]
            return (*codes, Cell(OTHER_CODE, named=True), nothing)


def _between(
    cuts: list[Fraction], low: Fraction | None, high: Fraction | None, *, integer: bool, near_zero: bool = False
) -> Iterator[Cell]:
    """The cuts themselves and what lies between them, as far as a value can be there."""
    inside = [cut for cut in cuts if (low is None or cut >= low) and (high is None or cut <= high)]
    edges: list[Fraction | None] = [None, *inside, None]
    for below, above in pairwise(edges):
        if below is not None and (not integer or below.denominator == 1):
            yield Cell(below, below, below)
        shown = _one_between(below, above, low, high, integer=integer, near_zero=near_zero)
        if shown is not None:
            yield Cell(shown, below, above)


def _one_between(
    below: Fraction | None,
    above: Fraction | None,
    low: Fraction | None,
    high: Fraction | None,
    *,
    integer: bool,
    near_zero: bool,
) -> Fraction | None:
    """A value strictly between two cuts and within the limits of the fact; the nearest round one to a cut."""

    def fits(value: Fraction) -> bool:
        return (
            (below is None or value > below)
            and (above is None or value < above)
            and (low is None or value >= low)
            and (high is None or value <= high)
            and (not integer or value.denominator == 1)
        )

    floor = below if below is not None else low
    ceiling = above if above is not None else high
    candidates: list[Fraction] = [Fraction(0)] if near_zero else []
    if above is not None:
        candidates.append(Fraction(math.ceil(above) - 1))
    if below is not None:
        candidates.append(Fraction(math.floor(below) + 1))
    if floor is not None and ceiling is not None:
        candidates.append((floor + ceiling) / 2)
    candidates += [edge for edge in (low, high) if edge is not None]
    candidates.append(Fraction(0))
    return next((value for value in candidates if fits(value)), None)


def evaluate(guard: AnyGuard, grid_: Grid) -> Iterator[bool | None]:
    """Whether the guard holds at each point of the grid, in order; None where no case can be."""
    test = compile_guard(guard)
    for point in grid_.points():
        facts = _facts(grid_.dimensions, point)
        yield None if facts is None else test(facts, {}, cast("float", Fraction(0)))


def _facts(dimensions: tuple[Dimension, ...], point: Point) -> Mapping[Name, Known] | None:
    """What a case at this point knows, at the moment 0; None when that cannot be.

    Fractions stand for numbers, so that no rounding moves a value across a limit.
    """
    of: dict[Dimension, Cell] = dict(zip(dimensions, point, strict=True))
    facts: dict[Name, Known] = {}
    for dimension, cell in of.items():
        if dimension.aspect is not Aspect.VALUE:
            continue
        rise = of.get(Dimension(dimension.fact, Aspect.RISE))
        age = of.get(Dimension(dimension.fact, Aspect.AGE))
        risen = rise is not None and not rise.unknown
        if risen and (cell.unknown or (age is not None and age.shown != 0)):
            return None
        if cell.unknown:
            continue
        at = -60 * cast("Fraction", age.shown) if age is not None else Fraction(0)
        previous: Fraction | None = None
        if risen:
            assert rise is not None
            previous = cast("Fraction", cell.shown) - cast("Fraction", rise.shown)
        facts[dimension.fact] = Known(cast("Value", cell.shown), cast("float", at), cast("Value | None", previous))
    return facts


def has_rise(grid_: Grid) -> bool:
    """Whether a rise or fall is among the dimensions, so that a difference needs the solver's word."""
    return any(dimension.aspect is Aspect.RISE for dimension in grid_.dimensions)
