"""Guards by z3, for what intervals cannot decide: facts compared with one another, or limits that are not fixed.

Exact in the reals: each fact has whether it is known, its value, its value before, whether this event changed it, and its
age; numbers within the limits that its sources can report. z3 is loaded when first asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from importlib import import_module
from typing import Any, assert_never

from statemachines.compare.cells import OTHER_CODE, Aspect, Dimension
from statemachines.compare.sense import Quantity, Sense, require_meaning
from statemachines.definition import Name, ValueType
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

TIME_LIMIT_MS = 5_000
"""z3 gives up after so long; the question then counts as undecided."""

Situation = Mapping[Dimension | Name, Fraction | bool | str | None]
"""What is known where a guard holds: values of dimensions, and of parameters by name. None: not known."""


class Undecided(ValueError):
    """The solver gave up."""


def example(guard: AnyGuard, sense: Sense) -> Situation | None:
    """A situation in which the guard holds; None when there is none. Raises NotComparable or Undecided."""
    require_meaning(guard, sense)
    return _Query(sense).example(guard)


class _Query:
    """One question. Variables are made as the guard names them."""

    def __init__(self, sense: Sense) -> None:
        self.z3: Any = import_module("z3")
        self.sense = sense
        self.codes: dict[str, int] = {}
        self.known: dict[Name, Any] = {}
        self.values: dict[Name, Any] = {}
        self.risen: dict[Name, Any] = {}
        self.rises: dict[Name, Any] = {}
        self.ages: dict[Name, Any] = {}
        self.parameters: dict[Name, Any] = {}
        self.rules: list[Any] = []

    def example(self, guard: AnyGuard) -> Situation | None:
        formula = self._formula(guard)
        solver = self.z3.Solver()
        solver.set("timeout", TIME_LIMIT_MS)
        solver.add(formula, *self.rules)
        answer = solver.check()
        if answer == self.z3.unsat:
            return None
        if answer != self.z3.sat:
            raise Undecided(solver.reason_unknown())
        return self._situation(solver.model())

    # ── the guard ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _formula(self, guard: AnyGuard) -> Any:
        z3 = self.z3
        match guard:
            case Compare(left=left, comparator=comparator, right=right):
                return z3.And(*self._presence(left, right), self._compare(left, comparator, right))
            case Member(operand=operand, values=values):
                term = self._term(operand)
                return z3.And(*self._presence(operand), z3.Or(*(term == self._constant(value) for value in values)))
            case IsKnown(fact=name):
                self._fact(name)
                return self.known[name]
            case Fell(fact=name, by=by):
                self._rise(name)
                return z3.And(self.risen[name], -self.rises[name] >= self._term(by))
            case Rose(fact=name, by=by):
                self._rise(name)
                return z3.And(self.risen[name], self.rises[name] >= self._term(by))
            case Older(fact=name, minutes=minutes):
                self._age(name)
                return z3.And(self.known[name], self.ages[name] > self._term(minutes))
            case AllOf(all=inner):
                return z3.And(*(self._formula(part) for part in inner))
            case AnyOf(any=inner):
                return z3.Or(*(self._formula(part) for part in inner))
            case Not(negated=part):
                return z3.Not(self._formula(part))
            case _:
                assert_never(guard)

    def _presence(self, *operands: Operand) -> list[Any]:
        present = []
        for operand in operands:
            if isinstance(operand, FactOperand):
                self._fact(operand.fact)
                present.append(self.known[operand.fact])
        return present

    def _compare(self, left: Operand, comparator: Comparator, right: Operand) -> Any:
        one, other = self._term(left), self._term(right)
        match comparator:
            case Comparator.LT:
                return one < other
            case Comparator.LE:
                return one <= other
            case Comparator.GT:
                return one > other
            case Comparator.GE:
                return one >= other
            case Comparator.EQ:
                return one == other
            case Comparator.NE:
                return one != other
            case _:
                assert_never(comparator)

    def _term(self, operand: Operand) -> Any:
        match operand:
            case FactOperand(fact=name):
                return self._fact(name)
            case ParameterOperand(parameter=name):
                return self._parameter(name)
            case Constant(value=value):
                return self._constant(value)
            case _:
                assert_never(operand)

    def _constant(self, value: Value) -> Any:
        if isinstance(value, bool):
            return self.z3.BoolVal(value)
        if isinstance(value, str):
            return self.z3.IntVal(self._code(value))
        return self.z3.RealVal(str(Fraction(value)))

    def _code(self, code: str) -> int:
        return self.codes.setdefault(code, len(self.codes) + 1)

    # ── the variables ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _fact(self, name: Name) -> Any:
        if name not in self.values:
            self.known[name] = self.z3.Bool(f"known:{name}")
            self.values[name] = self._variable(f"fact:{name}", self.sense.facts[name])
        return self.values[name]

    def _rise(self, name: Name) -> None:
        """A rise or fall belongs to this event, so the fact is known and new; the value before keeps the limits too."""
        if name in self.rises:
            return
        value, age = self._fact(name), self._age(name)
        self.risen[name] = self.z3.Bool(f"risen:{name}")
        before = self._variable(f"before:{name}", self.sense.facts[name])
        self.rises[name] = value - before
        self.rules.append(self.z3.Implies(self.risen[name], self.z3.And(self.known[name], age == 0)))

    def _age(self, name: Name) -> Any:
        self._fact(name)
        if name not in self.ages:
            self.ages[name] = self.z3.Real(f"age:{name}")
        return self.ages[name]

    def _parameter(self, name: Name) -> Any:
        if name not in self.parameters:
            quantity = self.sense.parameters[name]
            self.parameters[name] = self._variable(f"parameter:{name}", quantity)
            if quantity.choices:
                self.rules.append(
                    self.z3.Or(*(self.parameters[name] == self._code(choice) for choice in quantity.choices))
                )
        return self.parameters[name]

    def _variable(self, name: str, quantity: Quantity) -> Any:
        if quantity.type is ValueType.BOOLEAN:
            return self.z3.Bool(name)
        if quantity.type is ValueType.CODE:
            code = self.z3.Int(name)
            self.rules.append(code >= 0)
            return code
        number = self.z3.ToReal(self.z3.Int(name)) if quantity.integer else self.z3.Real(name)
        if quantity.minimum is not None:
            self.rules.append(number >= self._constant(quantity.minimum))
        if quantity.maximum is not None:
            self.rules.append(number <= self._constant(quantity.maximum))
        return number

    # ── the answer ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def _situation(self, model: Any) -> Situation:
        found: dict[Dimension | Name, Fraction | bool | str | None] = {}
        names = {number: code for code, number in self.codes.items()}

        def value(term: Any) -> Fraction | bool | str:
            result = model.eval(term, model_completion=True)
            if self.z3.is_bool(result):
                return bool(self.z3.is_true(result))
            if self.z3.is_int_value(result):
                return names.get(result.as_long(), OTHER_CODE)
            return Fraction(result.numerator_as_long(), result.denominator_as_long())

        for name, term in self.values.items():
            known = value(self.known[name])
            found[Dimension(name, Aspect.VALUE)] = value(term) if known else None
            if not known:
                continue
            if name in self.rises:
                found[Dimension(name, Aspect.RISE)] = value(self.rises[name]) if value(self.risen[name]) else None
            if name in self.ages:
                found[Dimension(name, Aspect.AGE)] = value(self.ages[name])
        for name, term in self.parameters.items():
            found[name] = value(term)
        return found
