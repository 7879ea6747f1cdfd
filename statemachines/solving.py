"""Guards as formulas for z3: one meaning, whatever the question and whatever is known of the case.

z3 is needed where workflows are checked and compared, never where they run; whoever asks imports it with the first question.
"""

from __future__ import annotations

from typing import Any, Protocol, assert_never

from statemachines.definition import ValueType
from statemachines.expressions import (
    AllOf,
    AnyGuard,
    AnyOf,
    Comparator,
    Compare,
    FactOperand,
    Fell,
    IsKnown,
    Member,
    Not,
    Older,
    Operand,
    Rose,
    Value,
)

MILLISECONDS = 5_000
"""A question that takes longer is undecided."""


class Undecided(Exception):
    """z3 gave up on a question."""


class Symbols(Protocol):
    """What stands for facts, parameters and constants in a formula."""

    def known(self, fact: str) -> Any:
        """That somebody has reported the fact."""

    def changed(self, fact: str) -> Any:
        """That this event reports the fact, which was known before."""

    def before(self, fact: str) -> Any:
        """The fact's value before this event."""

    def age(self, fact: str) -> Any:
        """How old the fact is, in minutes."""

    def term(self, operand: Operand) -> Any:
        """The value of an operand."""

    def literal(self, value: Value) -> Any:
        """A constant."""


def formula(z3: Any, guard: AnyGuard, symbols: Symbols) -> Any:
    """That the guard holds. A comparison with a fact that is not known does not hold."""
    match guard:
        case AllOf(all=parts):
            return z3.And(*(formula(z3, part, symbols) for part in parts))
        case AnyOf(any=parts):
            return z3.Or(*(formula(z3, part, symbols) for part in parts))
        case Not(negated=negated):
            return z3.Not(formula(z3, negated, symbols))
        case IsKnown(fact=fact):
            return symbols.known(fact)
        case Compare(left=left, comparator=comparator, right=right):
            known = _known(symbols, left, right)
            return z3.And(*known, _compared(comparator, symbols.term(left), symbols.term(right)))
        case Member(operand=operand, values=members):
            known, term = _known(symbols, operand), symbols.term(operand)
            return z3.And(*known, z3.Or(*(term == symbols.literal(member) for member in members)))
        case Fell(fact=fact, by=by) | Rose(fact=fact, by=by):
            now, before = symbols.term(FactOperand(fact=fact)), symbols.before(fact)
            change = before - now if isinstance(guard, Fell) else now - before
            return z3.And(symbols.known(fact), symbols.changed(fact), change >= symbols.term(by))
        case Older(fact=fact, minutes=minutes):
            return z3.And(symbols.known(fact), symbols.age(fact) > symbols.term(minutes))
        case _:
            assert_never(guard)


def _known(symbols: Symbols, *operands: Operand) -> list[Any]:
    return [symbols.known(operand.fact) for operand in operands if isinstance(operand, FactOperand)]


def _compared(comparator: Comparator, left: Any, right: Any) -> Any:
    match comparator:
        case Comparator.LT:
            return left < right
        case Comparator.LE:
            return left <= right
        case Comparator.GT:
            return left > right
        case Comparator.GE:
            return left >= right
        case Comparator.EQ:
            return left == right
        case Comparator.NE:
            return left != right
        case _:
            assert_never(comparator)


def unknown(z3: Any, name: str, type: ValueType, *, integer: bool) -> Any:
    """A value that is to be found; a code is its number."""
    match type:
        case ValueType.BOOLEAN:
            return z3.Bool(name)
        case ValueType.CODE:
            return z3.Int(name)
        case ValueType.NUMBER:
            return z3.ToReal(z3.Int(name)) if integer else z3.Real(name)


def model(z3: Any, *formulas: Any) -> Any | None:
    """Values under which all formulas hold; None when there are none. Raises Undecided."""
    solver = z3.Solver()
    solver.set("timeout", MILLISECONDS)
    solver.add(*formulas)
    answer = solver.check()
    if answer == z3.unsat:
        return None
    if answer != z3.sat:
        raise Undecided(solver.reason_unknown())
    return solver.model()
