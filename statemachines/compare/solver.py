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
from statemachines.expressions import AnyGuard, Constant, FactOperand, Operand, ParameterOperand, Value
from statemachines.solving import Undecided, formula, model, unknown

__all__ = ["Situation", "Undecided", "example"]

Situation = Mapping[Dimension | Name, Fraction | bool | str | None]
"""What is known where a guard holds: values of dimensions, and of parameters by name. None: not known."""


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
        self.reported: dict[Name, Any] = {}
        self.values: dict[Name, Any] = {}
        self.anew: dict[Name, Any] = {}
        self.earlier: dict[Name, Any] = {}
        self.ages: dict[Name, Any] = {}
        self.parameters: dict[Name, Any] = {}
        self.rules: list[Any] = []

    def example(self, guard: AnyGuard) -> Situation | None:
        said = formula(self.z3, guard, self)
        found = model(self.z3, said, *self.rules)
        return None if found is None else self._situation(found)

    # ── what stands for the parts of a guard ─────────────────────────────────────────────────────────────────────────────
    def known(self, fact: Name) -> Any:
        """See Symbols."""
        self._fact(fact)
        return self.reported[fact]

    def changed(self, fact: Name) -> Any:
        """See Symbols; what changes with this event is known and new."""
        if fact not in self.anew:
            self.anew[fact] = self.z3.Bool(f"risen:{fact}")
            new = self.z3.And(self.known(fact), self.age(fact) == 0)
            self.rules.append(self.z3.Implies(self.anew[fact], new))
        return self.anew[fact]

    def before(self, fact: Name) -> Any:
        """See Symbols; it keeps the limits too."""
        if fact not in self.earlier:
            self.earlier[fact] = self._variable(f"before:{fact}", self.sense.facts[fact])
        return self.earlier[fact]

    def age(self, fact: Name) -> Any:
        """See Symbols."""
        if fact not in self.ages:
            self.ages[fact] = self.z3.Real(f"age:{fact}")
        return self.ages[fact]

    def term(self, operand: Operand) -> Any:
        """See Symbols."""
        match operand:
            case FactOperand(fact=name):
                return self._fact(name)
            case ParameterOperand(parameter=name):
                return self._parameter(name)
            case Constant(value=value):
                return self.literal(value)
            case _:
                assert_never(operand)

    def literal(self, value: Value) -> Any:
        """See Symbols."""
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
            self.reported[name] = self.z3.Bool(f"known:{name}")
            self.values[name] = self._variable(f"fact:{name}", self.sense.facts[name])
        return self.values[name]

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
        made = unknown(self.z3, name, quantity.type, integer=quantity.integer)
        if quantity.type is ValueType.CODE:
            self.rules.append(made >= 0)
        if quantity.type is ValueType.NUMBER and quantity.minimum is not None:
            self.rules.append(made >= self.literal(quantity.minimum))
        if quantity.type is ValueType.NUMBER and quantity.maximum is not None:
            self.rules.append(made <= self.literal(quantity.maximum))
        return made

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
            known = value(self.reported[name])
            found[Dimension(name, Aspect.VALUE)] = value(term) if known else None
            if not known:
                continue
            if name in self.anew:
                rise = term - self.earlier[name]
                found[Dimension(name, Aspect.RISE)] = value(rise) if value(self.anew[name]) else None
            if name in self.ages:
                found[Dimension(name, Aspect.AGE)] = value(self.ages[name])
        for name, term in self.parameters.items():
            found[name] = value(term)
        return found
