"""Charted values: what each states, or the named reason why it states nothing."""

from datetime import UTC
from typing import Any

import pytest

from local.replay.mapping.chart_events import chart_event, item, stay
from local.replay.mapping.numbers import fraction, number
from local.replay.reasons import NotApplicable
from local.replay.statements import Context, Kind, Statement
from local.replay.times import NoOffset, Times
from tests.unit.replay.made_up import (
    DEVICE,
    FIO2,
    FLOW,
    RATE,
    SECOND_DEVICE,
    SECOND_FLOW,
    SPO2,
    TOTAL_RATE,
    charted,
    clock,
    epoch,
    stayed,
)

TIMES = Times(UTC)


@pytest.mark.parametrize(
    ("itemid", "value", "kind", "values"),
    [
        (SPO2, 91, Kind.SATURATION, {"spo2_percent": 91}),
        ("646", 10, Kind.SATURATION, {"spo2_percent": 10}),  # alarming, not impossible: it must reach a clinician
        ("834", 88, Kind.SATURATION, {"spo2_percent": 88}),
        (RATE, 22, Kind.RESPIRATORY_RATE, {"respiratory_rate": 22}),
        (TOTAL_RATE, 24, Kind.VENTILATOR_RATE, {"respiratory_rate": 24}),
        (FIO2, 40, Kind.SUPPORT, {"fio2": 0.4, "source": 1}),
        ("190", 0.4, Kind.SUPPORT, {"fio2": 0.4, "source": 1}),
        ("190", 0.40000000596046448, Kind.SUPPORT, {"fio2": 0.4, "source": 1}),
        (
            FIO2,
            4,
            Kind.SUPPORT,
            {"fio2": 0.04, "source": 1},
        ),  # impossible either way: left for intake to refuse by name
        (FLOW, 0, Kind.SUPPORT, {"flow_l_min": 0, "source": 1}),
        (SECOND_FLOW, 6, Kind.SUPPORT, {"flow_l_min": 6, "source": 2}),
        ("67", 10, Kind.SUPPORT, {"flow_l_min": 10, "source": 3}),
        (DEVICE, "Nasal cannula", Kind.SUPPORT, {"device": "nasal cannula", "source": 1}),
        (DEVICE, "None", Kind.SUPPORT, {"device": "none", "source": 1}),
        (SECOND_DEVICE, "Face Tent", Kind.SUPPORT, {"device": "face tent", "source": 2}),
    ],
)
def test_what_a_charted_value_states(itemid: str, value: Any, kind: Kind, values: dict[str, Any]) -> None:
    stated = chart_event(charted(itemid, value, 5, stored=clock(20)), TIMES, None)
    assert isinstance(stated, Statement)
    assert (stated.kind, dict(stated.values)) == (kind, values)
    assert (stated.true_at, stated.known_at) == (epoch(5), epoch(20))


@pytest.mark.parametrize(
    ("itemid", "value", "more", "reason"),
    [
        (SPO2, "", {}, NotApplicable.NO_VALUE),
        (SPO2, "", {"stopped": "D/C'd"}, NotApplicable.NO_VALUE),
        (SPO2, "high", {}, NotApplicable.NOT_A_NUMBER),
        (SPO2, "nan", {}, NotApplicable.NOT_A_NUMBER),
        (SPO2, 0, {}, NotApplicable.IMPLAUSIBLE_ZERO),
        (FIO2, 0, {}, NotApplicable.IMPLAUSIBLE_ZERO),
        (RATE, 0, {}, NotApplicable.IMPLAUSIBLE_ZERO),
        (SPO2, 95, {"error": "1"}, NotApplicable.WITHDRAWN),
        ("223770", 88, {}, NotApplicable.ALARM_LIMIT),
        ("226253", 88, {}, NotApplicable.ALARM_LIMIT),
        ("224689", 0, {}, NotApplicable.SPONTANEOUS_RATE),
        ("220224", 80, {}, NotApplicable.OTHER_ITEM),
        ("1", "anything", {}, NotApplicable.OTHER_ITEM),
        (SPO2, 95, {"charttime": ""}, NotApplicable.NO_TIME),
        (SPO2, 95, {"charttime": "2150-03-02"}, NotApplicable.NO_TIME),
        (SPO2, 95, {"icustay_id": ""}, NotApplicable.NO_ENCOUNTER),
        (SPO2, 95, {"subject_id": " "}, NotApplicable.NO_ENCOUNTER),
    ],
)
def test_why_a_charted_value_states_nothing(
    itemid: str, value: Any, more: dict[str, str], reason: NotApplicable
) -> None:
    assert chart_event(charted(itemid, value) | more, TIMES, None) is reason


def test_a_value_that_was_never_stored_is_known_when_it_was_true() -> None:
    stated = chart_event(charted(SPO2, 95, 5, stored=""), TIMES, None)
    assert isinstance(stated, Statement)
    assert stated.known_at == stated.true_at


@pytest.mark.parametrize(
    ("itemid", "label", "misread"),
    [
        (SPO2, "O2 saturation pulseoxymetry", False),
        (SPO2, "Heart Rate", True),
        (FLOW, "O2 Flow", False),
        (FLOW, "Urine output", True),
        (TOTAL_RATE, "Respiratory Rate (Total)", False),
        (TOTAL_RATE, "Respiratory Rate (Set)", True),
        (DEVICE, "O2 Delivery Device(s)", False),
    ],
)
def test_a_number_that_means_something_else_here_is_not_misread(itemid: str, label: str, misread: bool) -> None:
    stated = chart_event(charted(itemid, 4), TIMES, label)
    assert (stated is NotApplicable.ITEM_RENAMED) is misread


def test_a_naive_time_without_a_declared_offset_stops_the_replay() -> None:
    with pytest.raises(NoOffset):
        chart_event(charted(SPO2, 95), Times(None), None)


def test_a_stay_states_its_end_and_its_unit() -> None:
    stated, context = stay(stayed(90, unit="NICU"), TIMES)
    assert isinstance(stated, Statement)
    assert (stated.kind, stated.true_at, stated.known_at) == (Kind.ENDED, epoch(90), epoch(90))
    assert context == [Context("unit", stated.encounter, "NICU")]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"outtime": ""}, NotApplicable.NOT_ENDED),
        ({"outtime": "soon"}, NotApplicable.NO_TIME),
        ({"icustay_id": ""}, NotApplicable.NO_ENCOUNTER),
    ],
)
def test_why_a_stay_states_nothing(more: dict[str, str], reason: NotApplicable) -> None:
    assert stay(stayed(90) | more, TIMES)[0] is reason


def test_the_dictionary_is_kept_for_known_items_only() -> None:
    assert item({"itemid": SPO2, "label": "SpO2"}) == [Context("item", SPO2, "SpO2")]
    assert item({"itemid": "1", "label": "Something"}) == []


@pytest.mark.parametrize(
    ("charted_as", "means"), [(0.21, 0.21), (1.0, 1.0), (1, 1.0), (21, 0.21), (100, 1.0), (37.5, 0.375), (140, 1.4)]
)
def test_a_fraction_is_charted_in_two_ways(charted_as: float, means: float) -> None:
    assert fraction(charted_as) == means


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("95", 95),
        (".4", 0.4),
        (" 3.0 ", 3),
        ("0.209999993443489", 0.21),
        ("", None),
        ("1,5", None),
        ("inf", None),
        (True, None),
    ],
)
def test_numbers_as_charted(text: object, value: float | None) -> None:
    assert number(text) == value
