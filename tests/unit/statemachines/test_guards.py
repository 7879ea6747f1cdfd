"""Guards: every operator, what a missing fact means, and that a guard survives storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from statemachines.definition import ValueType
from statemachines.expressions import AnyGuard, Known, Value, compile_guard, describe
from statemachines.language import FactTerm, ParameterTerm, fact, parameter

AT = 1_000_000.0
spo2 = fact("spo2", "SpO2", ValueType.NUMBER)
flow = fact("flow", "oxygen flow", ValueType.NUMBER)
device = fact("device", "device", ValueType.CODE)
distress = fact("distress", "distress", ValueType.BOOLEAN)
low = parameter("low", "target low", 94, "a source")
drop = parameter("drop", "drop", 3, "a source")
PARAMETERS: dict[str, Value] = {"low": 94, "drop": 3}


def holds(
    guard: AnyGuard, *, at: float = AT, parameters: dict[str, Value] | None = None, **facts: Value | Known
) -> bool:
    known = {name: f if isinstance(f, Known) else Known(f, AT) for name, f in facts.items()}
    return compile_guard(guard)(known, PARAMETERS if parameters is None else parameters, at)


@pytest.mark.parametrize(
    ("guard", "below", "equal", "above"),
    [
        (spo2 < low, True, False, False),
        (spo2 <= low, True, True, False),
        (spo2 > low, False, False, True),
        (spo2 >= low, False, True, True),
        (spo2 == low, False, True, False),
        (spo2 != low, True, False, True),
        (low > spo2, True, False, False),
        (low <= spo2, False, True, True),
        (spo2 < 94, True, False, False),
    ],
)
def test_comparisons(guard: AnyGuard, below: bool, equal: bool, above: bool) -> None:
    assert [holds(guard, spo2=v) for v in (93.9, 94, 94.1)] == [below, equal, above]


@pytest.mark.parametrize("compare", ["__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"])
def test_a_comparison_with_a_missing_fact_is_false_even_if_it_asks_for_difference(compare: str) -> None:
    build: Callable[[Any], AnyGuard] = getattr(spo2, compare)
    assert not holds(build(94))
    assert not holds(build(low))
    assert not holds(build(flow), flow=2)
    assert not holds(build(low), parameters={}, spo2=90)


def test_membership() -> None:
    guard = device.one_of("nasal cannula", "mask")
    assert holds(guard, device="mask")
    assert not holds(guard, device="high flow")
    assert not holds(guard)


def test_known() -> None:
    assert holds(spo2.known, spo2=0)
    assert not holds(spo2.known)


def test_all_any_not() -> None:
    assert holds((spo2 < 94) & (flow > 0), spo2=90, flow=2)
    assert not holds((spo2 < 94) & (flow > 0), spo2=90, flow=0)
    assert holds((spo2 < 94) | (flow > 0), spo2=96, flow=2)
    assert not holds((spo2 < 94) | (flow > 0), spo2=96, flow=0)
    assert holds(~(spo2 < 94), spo2=96)
    assert holds(~(spo2 < 94)), "what nobody reported is not below; ask for `known` where that matters"


def test_combined_guards_stay_flat_so_that_tables_and_diagrams_read_well() -> None:
    assert len(((spo2 < 1) & (spo2 < 2) & (spo2 < 3)).all) == 3
    assert len(((spo2 < 1) | (spo2 < 2) | (spo2 < 3)).any) == 3
    assert len(((spo2 < 1) & ((spo2 < 2) | (spo2 < 3))).all) == 2


@pytest.mark.parametrize(
    ("guard", "previous", "value", "expected"),
    [
        (spo2.fell(3), 96, 93, True),
        (spo2.fell(3), 96, 93.1, False),
        (spo2.fell(3), 90, 96, False),
        (spo2.fell(drop), 96, 93, True),
        (spo2.rose(3), 90, 93, True),
        (spo2.rose(3), 90, 92.9, False),
        (spo2.rose(3), 96, 90, False),
        (spo2.rose(drop), 90, 93, True),
    ],
)
def test_fall_and_rise(guard: AnyGuard, previous: float, value: float, expected: bool) -> None:
    assert holds(guard, spo2=Known(value, AT, previous)) is expected


@pytest.mark.parametrize("guard", [spo2.fell(3), spo2.rose(3)])
def test_fall_and_rise_need_a_value_before_and_a_report_now(guard: AnyGuard) -> None:
    sign = -1 if "fell" in str(guard) else 1
    assert not holds(guard)
    assert not holds(guard, spo2=Known(90, AT))
    assert holds(guard, spo2=Known(90 + sign * 5, AT, 90))
    assert not holds(guard, spo2=Known(90 + sign * 5, AT - 1, 90)), "an earlier event reported it"


def test_a_change_by_a_parameter_that_is_not_set_is_no_change() -> None:
    assert not holds(spo2.fell(drop), parameters={}, spo2=Known(80, AT, 96))


def test_age_of_a_fact() -> None:
    guard = spo2.older_than(10)
    assert not holds(guard, spo2=Known(96, AT - 600))
    assert holds(guard, spo2=Known(96, AT - 600.1))
    assert not holds(guard), "a fact nobody reported has no age"
    assert not holds(spo2.older_than(low), parameters={}, spo2=Known(96, 0))
    assert holds(spo2.older_than(drop), spo2=Known(96, AT - 181))


EVERY_KIND: list[tuple[AnyGuard, str]] = [
    (spo2 < low, "SpO2 < target low"),
    (spo2 != 94, "SpO2 ≠ 94"),
    (distress == True, "distress"),  # noqa: E712
    (distress == False, "not distress"),  # noqa: E712
    (device.one_of("mask", "cannula"), "device is one of mask, cannula"),
    (spo2.known, "SpO2 is known"),
    (spo2.fell(drop), "SpO2 fell by ≥ drop"),
    (spo2.rose(2), "SpO2 rose by ≥ 2"),
    (spo2.older_than(240), "SpO2 is older than 240 min"),
    (spo2.older_than(-1), "SpO2 is less than 1 min newer"),
    (spo2.older_than(low), "SpO2 is older than target low"),
    (~spo2.older_than(0), "SpO2 is from this event"),
    ((spo2 < 94) & ((flow > 0) | (flow == 0)), "SpO2 < 94 and (oxygen flow > 0 or oxygen flow = 0)"),
    (~((spo2 < 94) & (flow > 0)), "not (SpO2 < 94 and oxygen flow > 0)"),
]


@pytest.mark.parametrize(("guard", "words"), EVERY_KIND, ids=[words for _, words in EVERY_KIND])
def test_a_guard_can_be_read_and_stored(guard: AnyGuard, words: str) -> None:
    names = {"spo2": "SpO2", "flow": "oxygen flow", "low": "target low"}
    assert describe(guard, names=names) == words
    stored: TypeAdapter[AnyGuard] = TypeAdapter(AnyGuard)
    again = stored.validate_json(stored.dump_json(guard))
    assert again == guard
    facts = {"spo2": Known(90, AT, 96), "flow": Known(2, AT), "device": Known("mask", AT), "distress": Known(True, AT)}
    assert compile_guard(again)(facts, PARAMETERS, AT) is compile_guard(guard)(facts, PARAMETERS, AT)


def test_a_stored_guard_with_an_unknown_operator_or_field_is_refused() -> None:
    stored: TypeAdapter[AnyGuard] = TypeAdapter(AnyGuard)
    with pytest.raises(ValidationError):
        stored.validate_python({"op": "sometimes"})
    with pytest.raises(ValidationError):
        stored.validate_python({"op": "known", "fact": "spo2", "since": 3})


def test_terms_cannot_be_mistaken_for_values() -> None:
    for term in (FactTerm(spo2.fact), ParameterTerm(low.parameter)):
        with pytest.raises(TypeError):
            hash(term)
