"""Guards as ranges of values, side by side: under which conditions one range became another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from statemachines.compare.cells import (
    OTHER_CODE,
    Aspect,
    Cell,
    Dimension,
    Grid,
    NotSeparable,
    evaluate,
    grid,
)
from statemachines.compare.guards import Values
from statemachines.compare.sense import ALWAYS, NotComparable, Quantity, Sense, bind
from statemachines.compare.words import listed, value
from statemachines.expressions import AnyGuard

MOST_ROWS = 6
"""A table with more rows than this is not read; the guards are then told in words."""

ANYTHING = "always"
NOTHING = "never"


@dataclass(frozen=True, slots=True)
class RangeChange:
    """Where ``where`` holds, the guard held for ``before`` and now holds for ``after``: ranges ``of`` a fact, or words."""

    where: str
    of: str
    before: str
    after: str

    def __str__(self) -> str:
        """As one line: "unless hypercapnic risk: SpO2 < 94% → < 92%"."""
        change = f"{self.before} → {self.after}"
        change = f"{self.of} {change}" if self.of else change
        return f"{self.where}: {change}" if self.where else change

    @property
    def told(self) -> bool:
        """Whether it says more than that the guard came or went altogether."""
        return bool(self.where) or not {self.before, self.after} <= {ANYTHING, NOTHING}

    @property
    def weight(self) -> tuple[int, int]:
        """How much there is to read: a range that became another range reads better than one that came or went."""
        gone = sum(side in (ANYTHING, NOTHING) for side in (self.before, self.after))
        return gone, len(self.where)


def range_changes(
    before: AnyGuard | None, after: AnyGuard | None, sense: Sense, values: Values, new_values: Values
) -> tuple[RangeChange, ...] | None:
    """Where two guards differ, as ranges; None where ranges cannot say it, or not briefly."""
    one, other = bind(before or ALWAYS, values), bind(after or ALWAYS, new_values)
    try:
        cells = grid((one, other), sense)
    except (NotComparable, NotSeparable):
        return None
    truth = list(zip(evaluate(one, cells), evaluate(other, cells), strict=True))
    tables = [_Table(cells, truth, last, sense).rows() for last in range(len(cells.dimensions))]
    if not tables:
        return (RangeChange("", "", _whole(truth[0][0]), _whole(truth[0][1])),) if truth[0][0] != truth[0][1] else ()
    best = min(tables, key=_reading)
    return tuple(best) if len(best) <= MOST_ROWS else None


def _reading(rows: Sequence[RangeChange]) -> tuple[int, int]:
    gone = sum(row.weight[0] for row in rows)
    return len(rows) + gone, sum(row.weight[1] for row in rows)


def _whole(holds: bool | None) -> str:
    return ANYTHING if holds else NOTHING


_Leaf = tuple[bool | None, bool | None]
"""Whether the one and the other guard hold in a cell; None: no case can be there."""

_Tree = tuple["_Tree | _Leaf", ...]
"""One branch for each cell of a dimension; of the last dimension, one leaf."""

_NOWHERE: _Leaf = (None, None)


class _Table:
    """The two guards as a table whose last column is one dimension; rows with equal contents are one."""

    def __init__(self, cells: Grid, truth: Sequence[_Leaf], last: int, sense: Sense) -> None:
        self.order = [*(place for place in range(len(cells.dimensions)) if place != last), last]
        self.grid = cells
        self.truth = truth
        self.sense = sense
        sizes = [len(each) for each in cells.cells]
        self.strides = [0] * len(sizes)
        step = 1
        for place in reversed(range(len(sizes))):
            self.strides[place] = step
            step *= sizes[place]

    def rows(self) -> list[RangeChange]:
        return self._rows(0, self._tree(0, 0), ())

    def _rows(self, depth: int, tree: _Tree, where: tuple[str, ...]) -> list[RangeChange]:
        place = self.order[depth]
        dimension, cells = self.grid.dimensions[place], self.grid.cells[place]
        if depth == len(self.order) - 1:
            return self._last(dimension, cells, cast("tuple[_Leaf, ...]", tree), where)
        possible = [not _nowhere(branch) for branch in tree]
        groups: list[tuple[_Tree, list[int]]] = []
        for index, branch in enumerate(cast("tuple[_Tree, ...]", tree)):
            if not possible[index]:
                continue
            for number, (alike, indices) in enumerate(groups):
                joined = _joined(alike, branch)
                if joined is not None:
                    groups[number] = (cast("_Tree", joined), [*indices, index])
                    break
            else:
                groups.append((branch, [index]))
        rows: list[RangeChange] = []
        for branch, indices in groups:
            chosen = [index in indices for index in range(len(cells))]
            text = phrase(dimension, cells, chosen, possible, self.sense.facts[dimension.fact])
            condition = () if text == ANYTHING or self._implied(dimension, text) else (text,)
            rows += self._rows(depth + 1, branch, (*where, *condition))
        return rows

    def _last(
        self, dimension: Dimension, cells: Sequence[Cell], leaves: Sequence[_Leaf], where: tuple[str, ...]
    ) -> list[RangeChange]:
        if all(one == other for one, other in leaves):
            return []
        possible = [leaf != _NOWHERE for leaf in leaves]
        quantity = self.sense.facts[dimension.fact]
        before = phrase(dimension, cells, [bool(one) for one, _ in leaves], possible, quantity)
        after = phrase(dimension, cells, [bool(other) for _, other in leaves], possible, quantity)
        name = f"{quantity.title} "
        of = quantity.title if before.startswith(name) or after.startswith(name) else ""
        return [RangeChange(_conditions(where), of, before.removeprefix(name), after.removeprefix(name))]

    def _implied(self, dimension: Dimension, text: str) -> bool:
        """That a fact is known need not be said where its rise, fall or age is told."""
        told = self.grid.dimensions[self.order[-1]]
        known = f"{self.sense.facts[dimension.fact].title} known"
        return told.fact == dimension.fact and told.aspect is not Aspect.VALUE and text == known

    def _tree(self, depth: int, offset: int) -> _Tree:
        place = self.order[depth]
        starts = [offset + index * self.strides[place] for index in range(len(self.grid.cells[place]))]
        if depth == len(self.order) - 1:
            return tuple(self.truth[start] for start in starts)
        return tuple(self._tree(depth + 1, start) for start in starts)


def _conditions(where: Sequence[str]) -> str:
    if len(where) < 2:
        return listed(where)
    return listed(f"({text})" if " or " in text and not text.startswith("not (") else text for text in where)


def _nowhere(tree: _Tree | _Leaf) -> bool:
    return tree == _NOWHERE or (not _is_leaf(tree) and all(_nowhere(branch) for branch in cast("_Tree", tree)))


def _is_leaf(tree: _Tree | _Leaf) -> bool:
    return not isinstance(tree[0], tuple)


def _joined(one: _Tree | _Leaf, other: _Tree | _Leaf) -> _Tree | _Leaf | None:
    """Both as one, where no case can be in the one what is so in the other; None when they say different things."""
    if one in (_NOWHERE, other) or other == _NOWHERE:
        return other if one == _NOWHERE else one
    if _is_leaf(one):
        return None
    branches = []
    for left, right in zip(cast("_Tree", one), cast("_Tree", other), strict=True):
        branch = _joined(left, right)
        if branch is None:
            return None
        branches.append(branch)
    return tuple(branches)


def phrase(
    dimension: Dimension, cells: Sequence[Cell], chosen: Sequence[bool], possible: Sequence[bool], quantity: Quantity
) -> str:
    """A choice of cells in words: "SpO2 < 94%", "SpO2 88% to 92%", "hypercapnic risk"."""
    if not any(chosen):
        return NOTHING
    if all(c or not p for c, p in zip(chosen, possible, strict=True)):
        return ANYTHING
    match dimension.aspect:
        case Aspect.RISE:
            return _rise(cells, chosen, possible, quantity)
        case Aspect.AGE:
            spans = _spans(cells, chosen, "min")
            return listed([f"{quantity.title} {span} old" for span in spans], "or")
        case _ if cells[0].named:
            return _named(cells, chosen, possible, quantity)
        case _:
            return _range(cells, chosen, possible, quantity)


def _range(cells: Sequence[Cell], chosen: Sequence[bool], possible: Sequence[bool], quantity: Quantity) -> str:
    known = [(cell, c, p) for cell, c, p in zip(cells, chosen, possible, strict=True) if not cell.unknown]
    unknown = any(c for cell, c in zip(cells, chosen, strict=True) if cell.unknown)
    if not any(c for _, c, _ in known):
        return f"{quantity.title} not known"
    if all(c or not p for _, c, p in known):
        return f"{quantity.title} known"
    spans = _spans([cell for cell, _, _ in known], [c for _, c, _ in known], quantity.unit)
    text = f"{quantity.title} {' or '.join(spans)}"
    return f"{text} or not known" if unknown else text


def _spans(cells: Sequence[Cell], chosen: Sequence[bool], unit: str | None) -> list[str]:
    """The chosen cells joined to as few spans as say it; cells lie in order and leave no gap that a value can be in."""
    spans: list[list[Cell]] = []
    before = False
    for cell, taken in zip(cells, chosen, strict=True):
        if taken and before:
            spans[-1].append(cell)
        elif taken:
            spans.append([cell])
        before = taken
    missing = [cell for cell, taken in zip(cells, chosen, strict=True) if not taken]
    if len(spans) > 1 and len(missing) == 1 and missing[0].low == missing[0].high:
        return [f"≠ {_number(missing[0].low, unit)}"]
    return [_span(span, unit) for span in spans]


def _span(cells: Sequence[Cell], unit: str | None) -> str:
    first, final = cells[0], cells[-1]
    low, high = first.low, final.high
    low_in, high_in = (
        first.low is not None and first.low == first.high,
        final.low is not None and final.low == final.high,
    )
    if len(cells) == 1 and low_in:
        return f"= {_number(low, unit)}"
    if low is None:
        return f"{'≤' if high_in else '<'} {_number(high, unit)}"
    if high is None:
        return f"{'≥' if low_in else '>'} {_number(low, unit)}"
    if low_in and high_in:
        return f"{_number(low, unit)} to {_number(high, unit)}"
    return f"{'≥' if low_in else '>'} {_number(low, unit)} and {'≤' if high_in else '<'} {_number(high, unit)}"


def _number(number: Fraction | None, unit: str | None) -> str:
    return value(float(number or 0), unit)


def _named(cells: Sequence[Cell], chosen: Sequence[bool], possible: Sequence[bool], quantity: Quantity) -> str:
    """Booleans and codes: what is chosen, or what is not, whichever is shorter."""
    taken = [cell for cell, c in zip(cells, chosen, strict=True) if c]
    left = [cell for cell, c, p in zip(cells, chosen, possible, strict=True) if not c and p]
    if isinstance(cells[0].shown, bool):
        words = {True: quantity.title, False: f"no {quantity.title}", None: f"{quantity.title} not known"}
        if len(left) == 1 and left[0].shown is True:
            return f"unless {quantity.title}"
        return listed([words[_truth(cell.shown)] for cell in taken], "or")
    if any(cell.shown == OTHER_CODE for cell in taken):
        excluded = listed([_code(cell.shown) for cell in left], "or")
        return f"{quantity.title} is not {excluded}"
    return f"{quantity.title} is {listed([_code(cell.shown) for cell in taken], 'or')}"


def _truth(shown: Fraction | bool | str | None) -> bool | None:
    return shown if isinstance(shown, bool) else None


def _code(shown: Fraction | bool | str | None) -> str:
    if shown is None:
        return "unknown"
    return "something else" if shown == OTHER_CODE else value(str(shown), None)


def _rise(cells: Sequence[Cell], chosen: Sequence[bool], possible: Sequence[bool], quantity: Quantity) -> str:
    """Rises and falls; "not" covers also that nothing was reported."""
    unknown = any(c for cell, c in zip(cells, chosen, strict=True) if cell.unknown)
    if unknown:
        rest = [not c for c in chosen]
        return f"not ({_rise(cells, rest, possible, quantity)})"
    spans = []
    run: list[Cell] = []
    for cell, taken in [*zip(cells, chosen, strict=True), (cells[-1], False)]:
        if taken:
            run.append(cell)
        elif run:
            spans.append(_rise_span(run, quantity))
            run = []
    return f"{quantity.title} {listed(spans, 'or')}"


def _rise_span(cells: Sequence[Cell], quantity: Quantity) -> str:
    low, high = cells[0].low, cells[-1].high
    low_in = low is not None and low == cells[0].high
    high_in = high is not None and high == cells[-1].low
    if low is None and high is not None and high <= 0:
        return f"fell by {'≥' if high_in else '>'} {_number(-high, quantity.unit)}"
    if high is None and low is not None and low >= 0:
        return f"rose by {'≥' if low_in else '>'} {_number(low, quantity.unit)}"
    return f"changed by {_span(cells, quantity.unit)}" if low is not None or high is not None else "changed"
