"""Random guards over a handful of facts, and random situations to try them in."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import cast

from hypothesis import strategies as st

from statemachines.compare.cells import OTHER_CODE, Aspect, Dimension
from statemachines.compare.sense import Quantity, Sense
from statemachines.compare.solver import Situation
from statemachines.definition import ValueType
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
    Known,
    Member,
    Not,
    Older,
    Operand,
    ParameterOperand,
    Rose,
    Value,
    compile_guard,
)

SENSE = Sense(
    facts={
        "spo2": Quantity("SpO2", ValueType.NUMBER, "%", 0, 100),
        "news2": Quantity("NEWS2", ValueType.NUMBER, "{score}", 0, 20, integer=True),
        "flow": Quantity("oxygen flow", ValueType.NUMBER, "L/min"),
        "distress": Quantity("distress", ValueType.BOOLEAN),
        "device": Quantity("device", ValueType.CODE),
    },
    parameters={
        "low": Quantity("target low", ValueType.NUMBER, "%", 80, 100),
        "style": Quantity("style", ValueType.CODE, choices=("plain", "ornate")),
    },
)
NUMBERS = ("spo2", "news2", "flow")
_LIMITS = st.sampled_from([0, 0.5, 3, 5, 7, 88, 92, 92.5, 94, 98, 100])
_MOMENT = 0.0


def _operand(*, parameters: bool) -> st.SearchStrategy[Operand]:
    constants = st.builds(lambda value: Constant(value=value), _LIMITS)
    if not parameters:
        return constants
    return st.one_of(constants, st.just(ParameterOperand(parameter="low")))


def _comparisons(*, parameters: bool, between_facts: bool) -> st.SearchStrategy[AnyGuard]:
    facts = st.sampled_from(NUMBERS).map(lambda name: FactOperand(fact=name))
    other: st.SearchStrategy[Operand] = _operand(parameters=parameters)
    if between_facts:
        other = st.one_of(other, facts)
    comparators = st.sampled_from(list(Comparator))
    one = st.builds(lambda a, c, b: Compare(left=a, comparator=c, right=b), facts, comparators, other)
    turned = st.builds(lambda a, c, b: Compare(left=b, comparator=c, right=a), facts, comparators, other)
    return st.one_of(one, turned)


def guards(*, parameters: bool = False, between_facts: bool = False) -> st.SearchStrategy[AnyGuard]:
    """Any guard; with ``parameters`` over open ones too, with ``between_facts`` comparing facts with one another."""
    amounts = _operand(parameters=parameters)
    names = st.sampled_from(NUMBERS)
    alike = st.sampled_from([Comparator.EQ, Comparator.NE])
    leaves: list[st.SearchStrategy[AnyGuard]] = [
        _comparisons(parameters=parameters, between_facts=between_facts),
        st.builds(lambda name: IsKnown(fact=name), st.sampled_from(sorted(SENSE.facts))),
        st.builds(
            lambda c, v: Compare(left=FactOperand(fact="distress"), comparator=c, right=Constant(value=v)),
            alike,
            st.booleans(),
        ),
        st.builds(
            lambda c, v: Compare(left=FactOperand(fact="device"), comparator=c, right=Constant(value=v)),
            alike,
            st.sampled_from(["mask", "cannula"]),
        ),
        st.builds(
            lambda v: Member(operand=FactOperand(fact="device"), values=tuple(v)),
            st.lists(st.sampled_from(["mask", "cannula", "helmet"]), max_size=3),
        ),
        st.builds(lambda name, by: Fell(fact=name, by=by), names, amounts),
        st.builds(lambda name, by: Rose(fact=name, by=by), names, amounts),
        st.builds(lambda name, minutes: Older(fact=name, minutes=minutes), names, amounts),
    ]
    if parameters:
        leaves.append(
            st.builds(
                lambda c, v: Compare(left=ParameterOperand(parameter="style"), comparator=c, right=Constant(value=v)),
                alike,
                st.sampled_from(["plain", "ornate"]),
            )
        )
    return st.recursive(
        st.one_of(leaves),
        lambda inner: st.one_of(
            st.builds(lambda p: AllOf(all=tuple(p)), st.lists(inner, max_size=3)),
            st.builds(lambda p: AnyOf(any=tuple(p)), st.lists(inner, max_size=3)),
            st.builds(lambda p: Not(negated=p), inner),
        ),
        max_leaves=5,
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[dict[str, Known], dict[str, Value]]:
    """What a case may know at a moment, within the limits of the sense, and what the parameters are."""
    known: dict[str, Known] = {}
    for name, quantity in SENSE.facts.items():
        if not draw(st.booleans()):
            continue
        at = draw(st.sampled_from([0.0, -180.0, -600.0, 60.0]))
        value = draw(_values(quantity))
        previous = draw(st.none() | _values(quantity)) if quantity.type is ValueType.NUMBER else None
        known[name] = Known(value, at, previous)
    parameters: dict[str, Value] = {
        "low": draw(st.sampled_from([80, 88, 92, 94, 98, 100])),
        "style": draw(st.sampled_from(["plain", "ornate"])),
    }
    return known, parameters


def _values(quantity: Quantity) -> st.SearchStrategy[Value]:
    match quantity.type:
        case ValueType.BOOLEAN:
            return st.booleans()
        case ValueType.CODE:
            return st.sampled_from(["mask", "cannula", "helmet", "something"])
        case _ if quantity.integer:
            return st.integers(0, 20)
        case _:
            return st.sampled_from([0, 0.25, 2, 3, 5, 6, 87, 88, 91, 92, 92.5, 93, 94, 95, 97, 98, 99, 100])


def holds(guard: AnyGuard, known: Mapping[str, Known], parameters: Mapping[str, Value]) -> bool:
    """What a decision would find."""
    return compile_guard(guard)(known, parameters, _MOMENT)


def holds_in(guard: AnyGuard, situation: Situation) -> bool:
    """What a decision would find in a situation that somebody gave as an example."""
    known: dict[str, Known] = {}
    parameters: dict[str, Value] = {"low": cast("float", Fraction(90)), "style": "plain"}
    for place, value in situation.items():
        if not isinstance(place, Dimension):
            assert value is not None
            parameters[place] = cast("Value", value)
        elif place.aspect is Aspect.VALUE and value is not None:
            assert value is not None
            age = situation.get(Dimension(place.fact, Aspect.AGE)) or Fraction(0)
            rise = situation.get(Dimension(place.fact, Aspect.RISE))
            previous = cast("Fraction", value) - cast("Fraction", rise) if rise is not None else None
            it = "something" if value == OTHER_CODE else value
            known[place.fact] = Known(
                cast("Value", it), cast("float", -60 * cast("Fraction", age)), cast("Value | None", previous)
            )
    return compile_guard(guard)(known, parameters, cast("float", Fraction(0)))
