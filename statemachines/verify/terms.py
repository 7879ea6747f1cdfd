"""What a guard reads: its comparisons, facts and parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from statemachines.expressions import (
    AllOf,
    AnyGuard,
    AnyOf,
    Compare,
    FactOperand,
    Fell,
    IsKnown,
    Member,
    Not,
    Older,
    Operand,
    ParameterOperand,
    Rose,
)

Leaf: TypeAlias = Compare | Member | IsKnown | Fell | Rose | Older
"""A part of a guard that has no parts itself."""


def leaves(guard: AnyGuard) -> Iterator[Leaf]:
    """Every comparison in a guard, in order."""
    stack: list[AnyGuard] = [guard]
    while stack:
        part = stack.pop()
        match part:
            case AllOf(all=parts) | AnyOf(any=parts):
                stack.extend(reversed(parts))
            case Not(negated=negated):
                stack.append(negated)
            case _:
                yield part


def operands(leaf: Leaf) -> tuple[Operand, ...]:
    """What a comparison compares, its fact first."""
    match leaf:
        case Compare(left=left, right=right):
            return (left, right)
        case Member(operand=operand):
            return (operand,)
        case IsKnown(fact=fact):
            return (FactOperand(fact=fact),)
        case Fell(fact=fact, by=by) | Rose(fact=fact, by=by):
            return (FactOperand(fact=fact), by)
        case Older(fact=fact, minutes=minutes):
            return (FactOperand(fact=fact), minutes)


def facts_of(leaf: Leaf) -> tuple[str, ...]:
    """The facts that a comparison reads."""
    return tuple(o.fact for o in operands(leaf) if isinstance(o, FactOperand))


def facts_in(guard: AnyGuard) -> set[str]:
    """The facts that a guard reads."""
    return {fact for leaf in leaves(guard) for fact in facts_of(leaf)}


def parameters_in(guard: AnyGuard) -> set[str]:
    """The parameters that a guard reads."""
    return {o.parameter for leaf in leaves(guard) for o in operands(leaf) if isinstance(o, ParameterOperand)}
