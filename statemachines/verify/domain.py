"""What facts and parameters can be: the values that a guard may meet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from statemachines.definition import Definition, Fact, Parameter, ValueType
from statemachines.expressions import Constant, FactOperand, Operand, Value
from statemachines.policy import fits
from statemachines.verify.catalog import Field, fields_of
from statemachines.verify.terms import Leaf, operands


class Domain(NamedTuple):
    """The values of one fact or parameter: a range (None: open), or codes (empty: any), or yes and no."""

    type: ValueType
    low: float | None = None
    high: float | None = None
    integer: bool = False
    codes: tuple[str, ...] = ()


class Variable(NamedTuple):
    """What a guard compares: a fact, or a parameter."""

    fact: bool
    name: str


Example = Mapping[Variable, Value | None]
"""Values that show a finding; None: nobody has reported it."""


class Vocabulary:
    """The facts and parameters of one definition, with their domains and how they are said."""

    def __init__(self, definition: Definition) -> None:
        self.facts: dict[str, Fact] = {fact.name: fact for fact in definition.facts}
        self.parameters: dict[str, Parameter] = {p.name: p for p in definition.parameters}
        self.patient = frozenset(name for name, p in self.parameters.items() if p.patient)
        """Parameters that a care plan may set, so that no policy tells their value."""
        self._domains: dict[Variable, Domain] = {}
        self._always: dict[str, frozenset[str]] = {}
        self._ever: dict[str, frozenset[str]] = {}

    def domain(self, variable: Variable) -> Domain:
        """The values that a fact or parameter can have."""
        known = self._domains.get(variable)
        if known is None:
            found = (
                _of_fact(self.facts[variable.name]) if variable.fact else _of_parameter(self.parameters[variable.name])
            )
            known = self._domains[variable] = found
        return known

    def always_reported(self, event: str) -> frozenset[str]:
        """The facts that every event of a type reports."""
        if event not in self._always:
            self._report(event)
        return self._always[event]

    def ever_reported(self, event: str) -> frozenset[str]:
        """The facts that an event of a type may report."""
        if event not in self._ever:
            self._report(event)
        return self._ever[event]

    def _report(self, event: str) -> None:
        fields: Mapping[str, Field] = fields_of(event) or {}
        always, ever = set(), set()
        for fact in self.facts.values():
            for source in fact.sources:
                if source.event != event:
                    continue
                if source.field is None:
                    ever.add(fact.name)
                    always.add(fact.name)
                elif source.field in fields:
                    ever.add(fact.name)
                    if fields[source.field].always:
                        always.add(fact.name)
        self._always[event], self._ever[event] = frozenset(always), frozenset(ever)

    def type_of(self, operand: Operand) -> ValueType | None:
        """The type of an operand; None when it is not declared."""
        match operand:
            case Constant(value=value):
                return next(kind for kind in ValueType if fits(value, kind))
            case FactOperand(fact=name):
                return self.facts[name].type if name in self.facts else None
            case _:
                return self.parameters[operand.parameter].type if operand.parameter in self.parameters else None

    def unit_of(self, operand: Operand) -> str | None:
        """The unit of an operand, if it has one."""
        match operand:
            case Constant():
                return None
            case FactOperand(fact=name):
                return self.facts[name].unit if name in self.facts else None
            case _:
                return self.parameters[operand.parameter].unit if operand.parameter in self.parameters else None

    def title(self, variable: Variable) -> str:
        """A fact or parameter as a sentence names it."""
        if variable.fact:
            return self.facts[variable.name].title or variable.name
        return self.parameters[variable.name].title or variable.name

    def words(self, example: Example) -> str:
        """An example in words: "SpO2 = 93 %, hypercapnic risk = yes, NEWS2 not reported"."""
        return ", ".join(self._said(variable, value) for variable, value in example.items())

    def _said(self, variable: Variable, value: Value | None) -> str:
        title = self.title(variable)
        if value is None:
            return f"{title} not reported"
        unit = (self.facts[variable.name] if variable.fact else self.parameters[variable.name]).unit
        return f"{title} = {said(value)}{f' {unit}' if unit and not unit.startswith('{') else ''}"


def said(value: Value) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def variable_of(operand: Operand) -> Variable | None:
    """The variable of an operand; None for a constant."""
    match operand:
        case Constant():
            return None
        case FactOperand(fact=name):
            return Variable(True, name)
        case _:
            return Variable(False, operand.parameter)


def variables_of(leaf: Leaf) -> tuple[Variable, ...]:
    """The variables of a comparison."""
    return tuple(v for o in operands(leaf) if (v := variable_of(o)) is not None)


def _of_fact(fact: Fact) -> Domain:
    fields = [f for s in fact.sources if (f := (fields_of(s.event) or {}).get(s.field or "")) is not None]
    reported = _widest(fields) if fields else Domain(fact.type)
    low = _limit(fact.minimum, reported.low)
    high = _limit(fact.maximum, reported.high)
    integer = reported.integer if fact.integer is None else fact.integer
    return Domain(fact.type, low, high, integer, reported.codes if fact.type is ValueType.CODE else ())


def _limit(*limits: float | None) -> float | None:
    """The first limit that is one: JSON can say Infinity and NaN."""
    return next((limit for limit in limits if limit is not None and math.isfinite(limit)), None)


def _of_parameter(parameter: Parameter) -> Domain:
    own = Domain(parameter.type, _limit(parameter.minimum), _limit(parameter.maximum), False, parameter.choices)
    fields = [f for s in parameter.patient if (f := (fields_of(s.event) or {}).get(s.field or "")) is not None]
    if not fields:
        return own
    reported = _widest(fields)
    return Domain(
        parameter.type,
        None if own.low is None or reported.low is None else min(own.low, reported.low),
        None if own.high is None or reported.high is None else max(own.high, reported.high),
        False,
        (),
    )


def _widest(fields: Iterable[Field]) -> Domain:
    every = list(fields)
    lows = [f.low for f in every]
    highs = [f.high for f in every]
    known_lows = [low for low in lows if low is not None]
    known_highs = [high for high in highs if high is not None]
    codes = [f.codes for f in every]
    return Domain(
        every[0].type or ValueType.CODE,
        min(known_lows) if len(known_lows) == len(lows) else None,
        max(known_highs) if len(known_highs) == len(highs) else None,
        all(f.integer for f in every),
        tuple(dict.fromkeys(code for group in codes for code in group)) if all(codes) else (),
    )


ELSE = "something else"
"""Stands for every code that no guard names."""


def representatives(domain: Domain, constants: Iterable[Value]) -> list[Value]:
    """Values of a domain such that any comparison with ``constants`` is decided alike for all values and one of these."""
    if domain.type is ValueType.BOOLEAN:
        return [True, False]
    if domain.type is ValueType.CODE:
        named = dict.fromkeys(str(c) for c in constants)
        if domain.codes:
            return list(domain.codes)
        return [*named, ELSE if ELSE not in named else f"{ELSE} "]
    limits = sorted({float(c) for c in constants})
    if domain.integer:
        around = {n for c in limits for n in (math.floor(c) - 1, math.floor(c), math.ceil(c), math.ceil(c) + 1)}
        around |= {math.ceil(domain.low)} if domain.low is not None else set()
        around |= {math.floor(domain.high)} if domain.high is not None else set()
        return [n for n in sorted(around or {0}) if _inside(domain, n)]
    points: list[float] = []
    low, high = domain.low, domain.high
    inner = [c for c in limits if _inside(domain, c)]
    edges = [low, *inner, high]
    for below, above in pairwise(edges):
        points += _between(below, above)
    points += inner
    if low is not None:
        points.append(low)
    if high is not None:
        points.append(high)
    return [*dict.fromkeys(_whole(p) for p in points if _inside(domain, p))]


def _inside(domain: Domain, value: float) -> bool:
    return (domain.low is None or value >= domain.low) and (domain.high is None or value <= domain.high)


def _between(below: float | None, above: float | None) -> list[float]:
    """A value strictly between two, one that a person would choose."""
    if below is None:
        return [0.0 if above is None else above - 1]
    if above is None:
        return [below + 1]
    if above - below > 2:
        return [above - 1]
    return [(below + above) / 2] if above > below else []


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


def finite(guard_value: Value) -> bool:
    """Whether a value can be compared at all: JSON's NaN and Infinity cannot."""
    return not isinstance(guard_value, float) or math.isfinite(guard_value)
