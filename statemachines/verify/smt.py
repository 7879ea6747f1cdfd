"""Guards decided by z3, exactly as they are evaluated: with unknown facts, the value before, ages, and patients' own limits.

For what the cells of :mod:`statemachines.verify.intervals` cannot decide. z3 is needed where workflows are checked, never
where they run; it is imported when the first question is asked.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from statemachines.definition import ValueType
from statemachines.expressions import (
    AllOf,
    AnyGuard,
    AnyOf,
    Compare,
    Constant,
    FactOperand,
    Member,
    Not,
    Operand,
    Value,
)
from statemachines.solving import Undecided, formula, model, unknown
from statemachines.verify.comparison import Context
from statemachines.verify.domain import ELSE, Example, Variable, Vocabulary, variable_of
from statemachines.verify.terms import leaves, operands

__all__ = ["Solver", "Undecided", "Wanted"]


class Wanted(NamedTuple):
    """A guard (None: always holds) and whether it should hold."""

    guard: AnyGuard | None
    holds: bool


class Solver:
    """Asks z3, and remembers: questions that differ only in names are one question."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.asked = 0
        self._memo: dict[Hashable, dict[int, Value | None] | None] = {}

    def example(
        self, wanted: Sequence[Wanted], context: Context, values: Mapping[str, Value], *, exact: bool = False
    ) -> Example | None:
        """Values under which every guard is as wanted, or None when there are none.

        ``values`` are the facility's parameters. A patient's own limit is anything its sources can say; with ``exact``, it is
        what they said together, or the facility's value. Raises Undecided.
        """
        question = _Question(self.vocabulary, context, values, exact)
        key = question.key(wanted)
        if key not in self._memo:
            self.asked += 1
            self._memo[key] = question.answer(wanted)
        answer = self._memo[key]
        if answer is None:
            return None
        return {variable: answer[place] for place, variable in enumerate(question.order) if place in answer}


class _Question:
    """One question, with its variables in the order in which they are met."""

    def __init__(self, vocabulary: Vocabulary, context: Context, values: Mapping[str, Value], exact: bool) -> None:
        self.vocabulary, self.context, self.values, self.exact = vocabulary, context, values, exact
        self.order: list[Variable] = []

    # ── what makes two questions one ─────────────────────────────────────────────────────────────────────────────────────
    def key(self, wanted: Sequence[Wanted]) -> Hashable:
        """Equal for questions that differ only in the names of facts and parameters."""
        shape = tuple((w.holds, self._shape(w.guard) if w.guard is not None else None) for w in wanted)
        return (shape, tuple(self._nature(variable) for variable in self.order), self.exact)

    def _shape(self, guard: AnyGuard) -> Hashable:
        match guard:
            case AllOf(all=parts) | AnyOf(any=parts):
                return (guard.op, *(self._shape(part) for part in parts))
            case Not(negated=negated):
                return ("not", self._shape(negated))
            case Compare(comparator=comparator):
                extra: Hashable = str(comparator)
            case Member(values=members):
                extra = tuple((type(m).__name__, m) for m in members)
            case _:
                extra = None
        return (guard.op, extra, *(self._side(o) for o in operands(guard)))

    def _side(self, operand: Operand) -> Hashable:
        constant = self._constant(operand)
        if constant is not None:
            return (type(constant).__name__, constant)
        return self._place(operand)

    def _constant(self, operand: Operand) -> Value | None:
        if isinstance(operand, Constant):
            return operand.value
        if isinstance(operand, FactOperand) or operand.parameter in self.vocabulary.patient:
            return None
        return self.values[operand.parameter]

    def _place(self, operand: Operand) -> int:
        variable = variable_of(operand)
        assert variable is not None
        if variable not in self.order:
            self.order.append(variable)
        return self.order.index(variable)

    def _nature(self, variable: Variable) -> Hashable:
        domain, name, context = self.vocabulary.domain(variable), variable.name, self.context
        if variable.fact:
            return (
                domain,
                name in context.known,
                name in context.settable,
                name in context.reported,
                name in context.may_report,
            )
        if not self.exact:
            return domain
        sources = self.vocabulary.parameters[name].patient
        together = next(
            p for p, v in enumerate(self.order) if not v.fact and self.vocabulary.parameters[v.name].patient == sources
        )
        return (domain, self.values[name], together)

    # ── the answer ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def answer(self, wanted: Sequence[Wanted]) -> dict[int, Value | None] | None:
        """Ask z3. By position of the variable; a variable that does not matter is left out."""
        import z3  # type: ignore[import-untyped, unused-ignore]

        self.z3: Any = z3
        self.symbols: dict[Variable, Any] = {}
        self.codes = self._codes(wanted)
        formulas = []
        for each in wanted:
            said = formula(z3, each.guard, self) if each.guard is not None else z3.BoolVal(True)
            formulas.append(said if each.holds else z3.Not(said))
        for variable in self.order:
            formulas += self._limits(variable)
        found = model(z3, *formulas)
        return None if found is None else {n: self._value(found, v) for n, v in enumerate(self.order)}

    def _codes(self, wanted: Sequence[Wanted]) -> list[str]:
        """Every code that the question names, numbered; one more stands for all others."""
        named: list[str] = []
        for each in wanted:
            for leaf in leaves(each.guard) if each.guard is not None else ():
                constants = [c for o in operands(leaf) if (c := self._constant(o)) is not None]
                constants += leaf.values if isinstance(leaf, Member) else ()
                named += [c for c in constants if isinstance(c, str)]
        for variable in self.order:
            named += self.vocabulary.domain(variable).codes
            own = None if variable.fact else self.values[variable.name]
            named += [own] if isinstance(own, str) else []
        return [*dict.fromkeys(named), ELSE]

    def _symbol(self, variable: Variable) -> Any:
        if variable not in self.symbols:
            domain = self.vocabulary.domain(variable)
            name = f"v{self.order.index(variable)}"
            self.symbols[variable] = unknown(self.z3, name, domain.type, integer=domain.integer)
        return self.symbols[variable]

    # ── what stands for the parts of a guard ─────────────────────────────────────────────────────────────────────────────
    def known(self, fact: str) -> Any:
        """See Symbols; what every path has set, or the event reports, is known for certain."""
        context = self.context
        if fact in context.known or fact in context.reported:
            return self.z3.BoolVal(True)
        if fact not in context.settable and fact not in context.may_report:
            return self.z3.BoolVal(False)
        return self.z3.Bool(self._named("known", fact))

    def changed(self, fact: str) -> Any:
        """See Symbols; nothing that the event does not report has changed."""
        if fact not in self.context.may_report:
            return self.z3.BoolVal(False)
        return self.z3.Bool(self._named("changed", fact))

    def before(self, fact: str) -> Any:
        """See Symbols."""
        domain = self.vocabulary.domain(Variable(True, fact))
        return unknown(self.z3, self._named("before", fact), domain.type, integer=domain.integer)

    def age(self, fact: str) -> Any:
        """See Symbols."""
        return self.z3.Real(self._named("age", fact))

    def _named(self, what: str, fact: str) -> str:
        return f"{what}{self.order.index(Variable(True, fact))}"

    def term(self, operand: Operand) -> Any:
        """See Symbols."""
        constant = self._constant(operand)
        if constant is not None:
            return self.literal(constant)
        variable = variable_of(operand)
        assert variable is not None
        return self._symbol(variable)

    def literal(self, value: Value) -> Any:
        """See Symbols."""
        if isinstance(value, bool):
            return self.z3.BoolVal(value)
        if isinstance(value, str):
            return self.z3.IntVal(self.codes.index(value))
        fraction = Fraction(str(value))
        return self.z3.RealVal(f"{fraction.numerator}/{fraction.denominator}")

    def _limits(self, variable: Variable) -> list[Any]:
        z3, domain = self.z3, self.vocabulary.domain(variable)
        symbol = self._symbol(variable)
        limits: list[Any] = []
        if domain.type is ValueType.NUMBER:
            limits += self._within(domain.low, domain.high, symbol)
            if variable.fact:
                limits += self._within(domain.low, domain.high, self.before(variable.name))
        elif domain.type is ValueType.CODE:
            codes = domain.codes or self.codes
            limits.append(z3.Or(*(symbol == self.codes.index(code) for code in codes)))
        if variable.fact:
            if variable.name in self.context.reported:
                limits.append(self.age(variable.name) <= 0)  # it is as new as the event, or newer
        elif self.exact:
            together = self.vocabulary.parameters[variable.name].patient
            same = next(
                p
                for p, v in enumerate(self.order)
                if not v.fact and self.vocabulary.parameters[v.name].patient == together
            )
            own = z3.Bool(f"own{same}")
            first = self._symbol(self.order[same])
            limits.append(
                z3.Or(
                    z3.And(own, symbol == first),
                    z3.And(z3.Not(own), symbol == self.literal(self.values[variable.name])),
                )
            )
        return limits

    def _within(self, low: float | None, high: float | None, symbol: Any) -> list[Any]:
        limits = [symbol >= self.literal(low)] if low is not None else []
        return [*limits, symbol <= self.literal(high)] if high is not None else limits

    def _value(self, model: Any, variable: Variable) -> Value | None:
        z3, domain = self.z3, self.vocabulary.domain(variable)
        if variable.fact:
            known = self.known(variable.name)
            if not z3.is_true(model.eval(known, model_completion=True)):
                return None
        found = model.eval(self._symbol(variable), model_completion=True)
        match domain.type:
            case ValueType.BOOLEAN:
                return bool(z3.is_true(found))
            case ValueType.CODE:
                return self.codes[int(found.as_long())]
            case ValueType.NUMBER:
                value = float(Fraction(found.numerator_as_long(), found.denominator_as_long()))
                return int(value) if value.is_integer() else value
