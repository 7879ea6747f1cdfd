"""Whether guards mean the same: the answer agrees with the evaluator that decides cases, and both engines agree."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings

from statemachines.compare.cells import NotSeparable, evaluate, grid
from statemachines.compare.guards import Reasoner
from statemachines.compare.sense import NEVER, NotComparable, require_meaning, sense_of
from statemachines.compare.solver import example
from statemachines.definition import ValueType
from statemachines.expressions import (
    AllOf,
    AnyGuard,
    AnyOf,
    Comparator,
    Compare,
    Constant,
    FactOperand,
    Known,
    Not,
    ParameterOperand,
    Value,
)
from statemachines.language import fact, parameter
from tests.unit.compare.guards_at_random import SENSE, guards, holds, holds_in, situations
from tests.unit.statemachines import small

spo2 = fact("spo2", "SpO2", ValueType.NUMBER)
flow = fact("flow", "oxygen flow", ValueType.NUMBER)
news2 = fact("news2", "NEWS2", ValueType.NUMBER)
distress = fact("distress", "distress", ValueType.BOOLEAN)
device = fact("device", "device", ValueType.CODE)
low = parameter("low", "target low", 94, "a source")
style = parameter("style", "style", "plain", "a source", choices=("plain", "ornate"))

ALIKE: list[tuple[AnyGuard, AnyGuard]] = [
    (spo2 < 94, spo2.known & ~(spo2 >= 94)),
    (~(spo2 < 94), ~spo2.known | (spo2 >= 94)),
    (news2 > 4, news2 >= 5),
    (news2 > 4, news2 > 4.5),
    (spo2 <= 100, spo2.known),
    (spo2 > 100, NEVER),
    ((spo2 < 94) | (spo2 < 90), spo2 < 94),
    ((spo2 < 94) & distress.known | (spo2 < 94) & ~distress.known, spo2 < 94),
    (device.one_of("mask", "cannula"), (device == "mask") | (device == "cannula")),
    (distress != False, distress == True),  # noqa: E712
    (spo2 < low, low > spo2),
    (spo2 < low, spo2.known & ~(spo2 >= low)),
    (style == "plain", ~(style == "ornate")),
    (spo2 < flow, flow > spo2),
    (spo2.fell(3) & (spo2 > 97), NEVER),
    (news2.rose(2), news2.rose(1.5)),
    ((news2 > 4) & (spo2 < low), (news2 >= 5) & (low > spo2)),
    (spo2.fell(3) & spo2.known, spo2.fell(3)),
    (spo2.fell(3) & ~spo2.older_than(0), spo2.fell(3)),
]

UNLIKE: list[tuple[AnyGuard, AnyGuard]] = [
    (spo2 < 94, spo2 <= 94),
    (spo2 < 94, ~(spo2 >= 94)),
    (spo2 < 94, spo2 < 92),
    (news2 > 4, news2 > 5),
    (spo2 < low, spo2 <= low),
    (spo2 < low, spo2 < 94),
    (device.one_of("mask"), device.known),
    (~(distress == True), distress == False),  # noqa: E712
    (spo2 < flow, spo2 <= flow),
    (spo2.fell(3), spo2.fell(4)),
    (spo2.fell(3), spo2.rose(3)),
    (spo2.older_than(30), spo2.older_than(60)),
    (spo2.fell(3) & (spo2 > 96), NEVER),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_guards_that_mean_the_same_are_alike(one: AnyGuard, other: AnyGuard) -> None:
    assert Reasoner(SENSE).compare(one, other).same is True


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_guards_that_mean_different_things_are_not_and_an_example_shows_it(one: AnyGuard, other: AnyGuard) -> None:
    likeness = Reasoner(SENSE).compare(one, other)
    assert likeness.same is False
    assert likeness.differ_at is not None
    assert holds_in(one, likeness.differ_at) != holds_in(other, likeness.differ_at)


def test_a_limit_that_is_fixed_decides_and_one_that_is_open_does_not() -> None:
    reasoner = Reasoner(SENSE)
    assert reasoner.compare(spo2 < low, spo2 < 94).same is False
    assert reasoner.compare(spo2 < low, spo2 < 94, {"low": 94}).same is True
    assert reasoner.compare(spo2 < low, spo2 < low, {"low": 94}, {"low": 92}).same is False


def test_a_patients_own_limit_is_not_held_to_the_limits_of_a_facilitys() -> None:
    beyond = low > 100
    assert not Reasoner(SENSE).can_hold(beyond), "a facility sets at most 100"
    free = parameter("low", "target low", 94, "a source", maximum=100, patient=small.low.parameter.patient)
    definition = small.SMALL.model_copy(update={"parameters": (free.parameter,)})
    assert Reasoner(sense_of(definition)).can_hold(beyond)


def test_no_guard_is_the_guard_that_always_holds() -> None:
    reasoner = Reasoner(SENSE)
    assert reasoner.compare(None, None).same is True
    assert reasoner.compare(None, AllOf(all=())).same is True
    assert reasoner.compare(None, spo2.known | ~spo2.known).same is True
    assert reasoner.compare(None, spo2.known).same is False


def test_a_guard_without_meaning_is_compared_by_its_writing_and_never_called_different_for_sure() -> None:
    strange: AnyGuard = Compare(left=FactOperand(fact="spo2"), comparator=Comparator.LT, right=Constant(value="a word"))
    undeclared: AnyGuard = Compare(
        left=FactOperand(fact="never declared"), comparator=Comparator.LT, right=ParameterOperand(parameter="low")
    )
    reasoner = Reasoner(SENSE)
    for guard in (strange, undeclared):
        with pytest.raises(NotComparable):
            require_meaning(guard, SENSE)
        assert reasoner.compare(guard, guard).same is True
        assert reasoner.compare(guard, spo2 < 94).same is None
        assert reasoner.can_hold(guard)


def test_what_a_guard_proves_known() -> None:
    reasoner = Reasoner(SENSE)
    assert reasoner.proves_known(spo2 < 94) == {"spo2"}
    assert reasoner.proves_known((spo2 < 94) | (flow > 2)) == frozenset()
    assert reasoner.proves_known(~(spo2 < 94)) == frozenset()
    assert reasoner.proves_known(spo2.fell(3) & (flow > 2)) == {"spo2", "flow"}
    assert reasoner.proves_known(None) == frozenset()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(guards(), guards(), situations())
def test_alike_means_that_no_case_tells_them_apart(
    one: AnyGuard, other: AnyGuard, situation: tuple[dict[str, Known], dict[str, Value]]
) -> None:
    likeness = Reasoner(SENSE).compare(one, other)
    assert likeness.same is not None
    if likeness.same:
        assert holds(one, *situation) == holds(other, *situation)
    else:
        assert likeness.differ_at is not None
        assert holds_in(one, likeness.differ_at) != holds_in(other, likeness.differ_at)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(guards(parameters=True, between_facts=True), guards(parameters=True, between_facts=True), situations())
def test_alike_means_so_for_open_limits_and_facts_compared_with_one_another_too(
    one: AnyGuard, other: AnyGuard, situation: tuple[dict[str, Known], dict[str, Value]]
) -> None:
    likeness = Reasoner(SENSE).compare(one, other)
    assert likeness.same is not None
    if likeness.same:
        assert holds(one, *situation) == holds(other, *situation)
    else:
        assert likeness.differ_at is not None
        assert holds_in(one, likeness.differ_at) != holds_in(other, likeness.differ_at)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(guards())
def test_intervals_and_solver_agree_on_what_can_hold(guard: AnyGuard) -> None:
    try:
        by_cells = any(evaluate(guard, grid((guard,), SENSE)))
    except NotSeparable:
        assume(False)
    solved = example(guard, SENSE)
    if solved is not None:
        assert by_cells, "cells never rule out what is possible"
        assert holds_in(guard, solved)
    assert Reasoner(SENSE).can_hold(guard) == (solved is not None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(guards(parameters=True))
def test_a_guard_means_the_same_when_it_is_written_otherwise(guard: AnyGuard) -> None:
    reasoner = Reasoner(SENSE)
    rewritten: list[AnyGuard] = [
        Not(negated=Not(negated=guard)),
        AllOf(all=(guard, guard)),
        AnyOf(any=(guard, NEVER)),
        AnyOf(any=(AllOf(all=(guard, spo2.known)), AllOf(all=(guard, ~spo2.known)))),
    ]
    assert all(reasoner.compare(guard, other).same is True for other in rewritten)
    assert reasoner.compare(guard, Not(negated=guard)).same is False
