"""What one comparison of a guard comes to under a facility's parameters: decided, a test of one variable, or left open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from statemachines.expressions import (
    Comparator,
    Compare,
    Constant,
    Fell,
    IsKnown,
    Member,
    Older,
    ParameterOperand,
    Rose,
    Value,
)
from statemachines.verify.domain import Variable, Vocabulary, variable_of
from statemachines.verify.terms import Leaf


class Context(NamedTuple):
    """What is known of facts where a guard is read.

    ``known`` are the facts that every path has set, ``settable`` those that some path can have set, ``reported`` those that
    the event itself reports, ``may_report`` those that it may.
    """

    known: frozenset[str]
    settable: frozenset[str]
    reported: frozenset[str]
    may_report: frozenset[str]


class Comparison(NamedTuple):
    """A comparison of one variable with constants."""

    variable: Variable
    constants: tuple[Value, ...]
    holds: Callable[[Value], bool]


def compared(
    leaf: Leaf, values: Mapping[str, Value], context: Context, vocabulary: Vocabulary
) -> Comparison | bool | None:
    """What a comparison comes to under a facility's values: of one variable, decided, or (None) left open."""
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


_HOLDS: Mapping[Comparator, Callable[[Value, Value], bool]] = {
    Comparator.LT: lambda a, b: a < b,  # type: ignore[operator]
    Comparator.LE: lambda a, b: a <= b,  # type: ignore[operator]
    Comparator.GT: lambda a, b: a > b,  # type: ignore[operator]
    Comparator.GE: lambda a, b: a >= b,  # type: ignore[operator]
    Comparator.EQ: lambda a, b: a == b,
    Comparator.NE: lambda a, b: a != b,
}
