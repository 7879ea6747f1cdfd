"""Guards as data: a small typed expression language over a case's facts and its parameters.

A guard can be evaluated, printed in a diagram, compared between versions and reasoned about, because it is a value and
never a callable. Evaluation is two-valued: a comparison that touches a fact nobody has reported yet is false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from operator import eq, ge, gt, le, lt, ne
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Value: TypeAlias = bool | int | float | str


class Known(NamedTuple):
    """What a case knows of one fact: its newest value, when that was true (epoch seconds), and the value before it."""

    value: Value
    at: float
    previous: Value | None = None


Facts: TypeAlias = Mapping[str, Known]
Parameters: TypeAlias = Mapping[str, Value]
Test: TypeAlias = Callable[[Facts, Parameters, float], bool]
"""A compiled guard: (facts, parameters, moment of the event in epoch seconds) → whether it holds."""


class Data(BaseModel):
    """A part of a workflow document: immutable, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Guard(Data):
    """A condition that a transition needs. Combine guards with ``&``, ``|`` and ``~``."""

    def __and__(self, other: AnyGuard) -> AllOf:
        return AllOf(all=(*_parts(self, AllOf, "all"), *_parts(other, AllOf, "all")))

    def __or__(self, other: AnyGuard) -> AnyOf:
        return AnyOf(any=(*_parts(self, AnyOf, "any"), *_parts(other, AnyOf, "any")))

    def __invert__(self) -> Not:
        return Not(negated=self)  # type: ignore[arg-type]


def _parts(guard: Guard, kind: type[Guard], field: str) -> tuple[Any, ...]:
    return tuple(getattr(guard, field)) if isinstance(guard, kind) else (guard,)


class FactOperand(Data):
    """The newest value of a fact."""

    fact: str


class ParameterOperand(Data):
    """The value a parameter has for this patient at this facility."""

    parameter: str


class Constant(Data):
    """A constant."""

    value: Value


Operand: TypeAlias = FactOperand | ParameterOperand | Constant


class Comparator(StrEnum):
    """How two operands are compared."""

    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    EQ = "="
    NE = "!="


class Compare(Guard):
    """``left`` stands in the named relation to ``right``; false while a fact in it is unknown."""

    op: Literal["compare"] = "compare"
    left: Operand
    comparator: Comparator
    right: Operand


class Member(Guard):
    """A fact or parameter is one of the listed values."""

    op: Literal["in"] = "in"
    operand: Operand
    values: tuple[Value, ...]


class IsKnown(Guard):
    """Somebody has reported the fact."""

    op: Literal["known"] = "known"
    fact: str


class Fell(Guard):
    """The event being decided reported the fact, and it fell by at least ``by`` against the value before it."""

    op: Literal["fell"] = "fell"
    fact: str
    by: Operand


class Rose(Guard):
    """The event being decided reported the fact, and it rose by at least ``by`` against the value before it."""

    op: Literal["rose"] = "rose"
    fact: str
    by: Operand


class Older(Guard):
    """The fact was true more than ``minutes`` before the event being decided; an unknown fact is not older."""

    op: Literal["older"] = "older"
    fact: str
    minutes: Operand


class AllOf(Guard):
    """Every part holds."""

    op: Literal["all"] = "all"
    all: tuple[AnyGuard, ...]


class AnyOf(Guard):
    """At least one part holds."""

    op: Literal["any"] = "any"
    any: tuple[AnyGuard, ...]


class Not(Guard):
    """The part does not hold."""

    op: Literal["not"] = "not"
    negated: AnyGuard


AnyGuard: TypeAlias = Annotated[
    Compare | Member | IsKnown | Fell | Rose | Older | AllOf | AnyOf | Not, Field(discriminator="op")
]
for _model in (AllOf, AnyOf, Not):
    _model.model_rebuild()

_COMPARE: Mapping[Comparator, Callable[[Any, Any], bool]] = {
    Comparator.LT: lt,
    Comparator.LE: le,
    Comparator.GT: gt,
    Comparator.GE: ge,
    Comparator.EQ: eq,
    Comparator.NE: ne,
}


def _reader(operand: Operand) -> Callable[[Facts, Parameters], Value | None]:
    match operand:
        case FactOperand(fact=name):
            return lambda facts, _: known.value if (known := facts.get(name)) is not None else None
        case ParameterOperand(parameter=name):
            return lambda _, parameters: parameters.get(name)
        case Constant(value=value):
            return lambda _, __: value


def compile_guard(guard: AnyGuard) -> Test:
    """Turn a guard into a function that evaluates it; built once per machine, called once per event."""
    match guard:
        case Compare():
            return _compile_compare(guard)
        case Member(operand=operand, values=values):
            read, members = _reader(operand), frozenset(values)
            return lambda facts, parameters, _: read(facts, parameters) in members
        case IsKnown(fact=name):
            return lambda facts, _, __: name in facts
        case Fell(fact=name, by=by):
            return _compile_change(name, _reader(by), sign=-1)
        case Rose(fact=name, by=by):
            return _compile_change(name, _reader(by), sign=1)
        case Older(fact=name, minutes=minutes):
            return _compile_older(name, _reader(minutes))
        case AllOf(all=parts):
            tests = tuple(compile_guard(part) for part in parts)
            return lambda facts, parameters, at: all(test(facts, parameters, at) for test in tests)
        case AnyOf(any=parts):
            tests = tuple(compile_guard(part) for part in parts)
            return lambda facts, parameters, at: any(test(facts, parameters, at) for test in tests)
        case Not(negated=part):
            test = compile_guard(part)
            return lambda facts, parameters, at: not test(facts, parameters, at)


def _compile_compare(guard: Compare) -> Test:
    compare = _COMPARE[guard.comparator]
    left, right = _reader(guard.left), _reader(guard.right)

    def test(facts: Facts, parameters: Parameters, _: float) -> bool:
        a, b = left(facts, parameters), right(facts, parameters)
        return a is not None and b is not None and compare(a, b)

    return test


def _compile_change(name: str, amount: Callable[[Facts, Parameters], Value | None], sign: int) -> Test:
    def test(facts: Facts, parameters: Parameters, at: float) -> bool:
        known = facts.get(name)
        by = amount(facts, parameters)
        if known is None or known.previous is None or by is None or known.at != at:
            return False
        return sign * (known.value - known.previous) >= by  # type: ignore[operator]

    return test


def _compile_older(name: str, minutes: Callable[[Facts, Parameters], Value | None]) -> Test:
    def test(facts: Facts, parameters: Parameters, at: float) -> bool:
        known, limit = facts.get(name), minutes(facts, parameters)
        return known is not None and limit is not None and at - known.at > 60 * float(limit)

    return test


_SPOKEN = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "=": "=", "!=": "≠"}


def describe(guard: AnyGuard, *, names: Mapping[str, str] | None = None) -> str:
    """A guard as a person reads it in a diagram or a table; ``names`` gives display names of facts and parameters."""

    def operand(o: Operand) -> str:
        if isinstance(o, Constant):
            return str(o.value).lower() if isinstance(o.value, bool) else str(o.value)
        name = o.fact if isinstance(o, FactOperand) else o.parameter
        return (names or {}).get(name, name.replace("_", " "))

    def fact(name: str) -> str:
        return operand(FactOperand(fact=name))

    def age(minutes: Operand) -> str:
        return operand(minutes) if isinstance(minutes, ParameterOperand) else f"{operand(minutes)} min"

    def part(g: AnyGuard) -> str:
        text = describe(g, names=names)
        return f"({text})" if isinstance(g, (AllOf, AnyOf)) else text

    match guard:
        case Compare(left=left, comparator=Comparator.EQ, right=Constant(value=True)):
            return operand(left)
        case Compare(left=left, comparator=Comparator.EQ, right=Constant(value=False)):
            return f"not {operand(left)}"
        case Compare(left=left, comparator=comparator, right=right):
            return f"{operand(left)} {_SPOKEN[comparator]} {operand(right)}"
        case Member(operand=o, values=values):
            return f"{operand(o)} is one of {', '.join(str(v) for v in values)}"
        case IsKnown(fact=name):
            return f"{fact(name)} is known"
        case Fell(fact=name, by=by):
            return f"{fact(name)} fell by ≥ {operand(by)}"
        case Rose(fact=name, by=by):
            return f"{fact(name)} rose by ≥ {operand(by)}"
        case Not(negated=Older(fact=name, minutes=Constant(value=0))):
            return f"{fact(name)} is from this event"
        case Older(fact=name, minutes=Constant(value=int() | float() as minutes)) if minutes < 0:
            return f"{fact(name)} is less than {-minutes} min newer"
        case Older(fact=name, minutes=minutes):
            return f"{fact(name)} is older than {age(minutes)}"
        case AllOf(all=parts):
            return " and ".join(part(p) for p in parts)
        case AnyOf(any=parts):
            return " or ".join(part(p) for p in parts)
        case Not(negated=IsKnown(fact=name)):
            return f"{fact(name)} is not known"
        case Not(negated=Older(fact=name, minutes=minutes)):
            return f"{fact(name)} is not older than {age(minutes)}"
        case Not(negated=negated):
            return f"not {part(negated)}"
