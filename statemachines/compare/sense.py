"""What the facts and parameters in a guard can be: the ground on which two guards are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from statemachines.definition import Definition, Name, ValueType
from statemachines.expressions import (
    AllOf,
    AnyGuard,
    AnyOf,
    Comparator,
    Compare,
    Constant,
    FactOperand,
    Fell,
    IsKnown,
    Member,
    Not,
    Older,
    Operand,
    ParameterOperand,
    Rose,
    Value,
)

ALWAYS: AnyGuard = AllOf(all=())
"""The guard of an arrow that has none."""

NEVER: AnyGuard = AnyOf(any=())


class NotComparable(ValueError):
    """The guard has no meaning to reason about: it names what is not declared, or compares what has different types."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a fact or a parameter can be. ``choices`` empty: any code."""

    title: str
    type: ValueType
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    integer: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sense:
    """The facts and parameters of one version, or of two versions together."""

    facts: Mapping[Name, Quantity]
    parameters: Mapping[Name, Quantity]


def sense_of(*definitions: Definition) -> Sense:
    """What is declared in all of them together, each as wide as any of them allows.

    What two versions declare with different types or units is left out: guards over it cannot be compared.
    """
    facts: dict[Name, Quantity] = {}
    parameters: dict[Name, Quantity] = {}
    unlike: set[tuple[str, Name]] = set()
    for definition in definitions:
        for fact in definition.facts:
            quantity = Quantity(
                fact.title, fact.type, fact.unit, fact.minimum, fact.maximum, integer=bool(fact.integer)
            )
            _join(facts, fact.name, quantity, unlike, "fact")
        for parameter in definition.parameters:
            # A patient's own value comes from an event and is not held to the limits of a facility's.
            free = bool(parameter.patient)
            quantity = Quantity(
                parameter.title,
                parameter.type,
                parameter.unit,
                None if free else parameter.minimum,
                None if free else parameter.maximum,
                choices=() if free else parameter.choices,
            )
            _join(parameters, parameter.name, quantity, unlike, "parameter")
    for kind, name in unlike:
        (facts if kind == "fact" else parameters).pop(name, None)
    return Sense(facts, parameters)


def _join(known: dict[Name, Quantity], name: Name, other: Quantity, unlike: set[tuple[str, Name]], kind: str) -> None:
    one = known.get(name)
    if one is None:
        known[name] = other
        return
    if one.type is not other.type or one.unit != other.unit:
        unlike.add((kind, name))
        return
    low = None if one.minimum is None or other.minimum is None else min(one.minimum, other.minimum)
    high = None if one.maximum is None or other.maximum is None else max(one.maximum, other.maximum)
    choices = tuple(dict.fromkeys((*one.choices, *other.choices))) if one.choices and other.choices else ()
    known[name] = Quantity(other.title, one.type, one.unit, low, high, one.integer and other.integer, choices)


def parts(guard: AnyGuard) -> Iterator[AnyGuard]:
    """The guard and all guards inside it."""
    yield guard
    match guard:
        case AllOf(all=inner) | AnyOf(any=inner):
            for part in inner:
                yield from parts(part)
        case Not(negated=part):
            yield from parts(part)
        case _:
            return


def operands(guard: AnyGuard) -> Iterator[Operand]:
    """Every operand in the guard; a fact whose change, age or being known is asked counts as one."""
    for part in parts(guard):
        match part:
            case Compare(left=left, right=right):
                yield left
                yield right
            case Member(operand=operand):
                yield operand
            case IsKnown(fact=fact):
                yield FactOperand(fact=fact)
            case Fell(fact=fact, by=amount) | Rose(fact=fact, by=amount) | Older(fact=fact, minutes=amount):
                yield FactOperand(fact=fact)
                yield amount
            case AllOf() | AnyOf() | Not():
                continue
            case _:
                assert_never(part)


def facts_in(guard: AnyGuard) -> frozenset[Name]:
    """The facts that the guard reads."""
    return frozenset(o.fact for o in operands(guard) if isinstance(o, FactOperand))


def parameters_in(guard: AnyGuard) -> frozenset[Name]:
    """The parameters that the guard reads."""
    return frozenset(o.parameter for o in operands(guard) if isinstance(o, ParameterOperand))


def bind(guard: AnyGuard, values: Mapping[Name, Value]) -> AnyGuard:
    """The guard with every parameter that has a value replaced by it."""

    def bound(operand: Operand) -> Operand:
        if isinstance(operand, ParameterOperand) and operand.parameter in values:
            return Constant(value=values[operand.parameter])
        return operand

    match guard:
        case Compare(left=left, comparator=comparator, right=right):
            return Compare(left=bound(left), comparator=comparator, right=bound(right))
        case Member(operand=operand, values=members):
            return Member(operand=bound(operand), values=members)
        case Fell(fact=fact, by=by):
            return Fell(fact=fact, by=bound(by))
        case Rose(fact=fact, by=by):
            return Rose(fact=fact, by=bound(by))
        case Older(fact=fact, minutes=minutes):
            return Older(fact=fact, minutes=bound(minutes))
        case AllOf(all=inner):
            return AllOf(all=tuple(bind(part, values) for part in inner))
        case AnyOf(any=inner):
            return AnyOf(any=tuple(bind(part, values) for part in inner))
        case Not(negated=part):
            return Not(negated=bind(part, values))
        case IsKnown():
            return guard
        case _:
            assert_never(guard)


def require_meaning(guard: AnyGuard, sense: Sense) -> None:
    """Raises NotComparable when the guard names what is not declared, or compares what cannot be compared."""

    def type_of(operand: Operand) -> ValueType:
        match operand:
            case FactOperand(fact=name):
                return _declared(name, sense.facts, "fact").type
            case ParameterOperand(parameter=name):
                return _declared(name, sense.parameters, "parameter").type
            case Constant(value=value):
                return value_type(value)
            case _:
                assert_never(operand)

    for part in parts(guard):
        match part:
            case Compare(left=left, comparator=comparator, right=right):
                one, other = type_of(left), type_of(right)
                ordered = comparator not in {Comparator.EQ, Comparator.NE}
                if one is not other or (ordered and one is not ValueType.NUMBER):
                    raise NotComparable(f"a {one} is compared with a {other} by {comparator}")
            case Member(operand=operand, values=values):
                kind = type_of(operand)
                if any(value_type(value) is not kind for value in values):
                    raise NotComparable(f"a {kind} is looked for among values of another type")
            case IsKnown(fact=name):
                _declared(name, sense.facts, "fact")
            case Fell(fact=name, by=amount) | Rose(fact=name, by=amount):
                if type_of(FactOperand(fact=name)) is not ValueType.NUMBER or type_of(amount) is not ValueType.NUMBER:
                    raise NotComparable(f"only a number rises or falls, and by a number: {name}")
            case Older(fact=name, minutes=amount):
                _declared(name, sense.facts, "fact")
                if type_of(amount) is not ValueType.NUMBER:
                    raise NotComparable(f"an age is a number of minutes: {name}")
            case AllOf() | AnyOf() | Not():
                continue
            case _:
                assert_never(part)


def _declared(name: Name, known: Mapping[Name, Quantity], kind: str) -> Quantity:
    if name not in known:
        raise NotComparable(f"the {kind} {name} is not declared, or not alike in both versions")
    return known[name]


def value_type(value: Value) -> ValueType:
    """The type of a constant; a boolean is not a number."""
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    return ValueType.CODE if isinstance(value, str) else ValueType.NUMBER


def any_of(guards: Iterable[AnyGuard]) -> AnyGuard:
    """At least one of them holds."""
    return AnyOf(any=tuple(guards))
