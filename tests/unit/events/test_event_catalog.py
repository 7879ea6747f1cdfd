"""The catalog: names and classes find each other, and limits refuse only what cannot be."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from events.catalog import (
    CATALOG,
    AssessmentCompleted,
    CarePlanUpdated,
    EventData,
    News2Scored,
    OrderCancelled,
    OxygenChanged,
    OxygenOrdered,
    ShiftStarted,
    Spo2Observed,
    event_type,
    type_name,
)
from events.envelope import Part, Source

KINDS = list(CATALOG.values())


def test_every_data_model_is_in_the_table() -> None:
    # Only this package's: a test may make models of its own.
    models = {model for model in EventData.__subclasses__() if model.__module__.startswith("events.catalog")}

    assert models == {kind.model for kind in KINDS}
    assert len(models) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_name_and_class_find_each_other(kind: Any) -> None:
    assert CATALOG[type_name(kind.model)].model is kind.model
    assert event_type(kind.model) is kind


def test_names_are_the_fields_own() -> None:
    assert type_name(OxygenChanged) == "oxygen_changed"
    assert type_name(Spo2Observed) == "spo2_observed"
    assert type_name(AssessmentCompleted) == "assessment_completed"


def test_a_model_outside_the_table_has_no_name() -> None:
    with pytest.raises(LookupError, match="EventData is not in the catalog"):
        type_name(EventData)


def test_the_catalog_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CATALOG["oxygen_changed"] = KINDS[0]  # type: ignore[index]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_type_says_what_it_means(kind: Any) -> None:
    assert kind.model.__doc__
    assert "Sent by" in " ".join(kind.model.__doc__.split())
    assert kind.summary.endswith(".")
    assert kind.sources
    assert all(field.description for field in kind.model.model_fields.values())


def test_who_must_be_named() -> None:
    observations = {kind.name for kind in KINDS if kind.observation}
    roster = {kind.name for kind in KINDS if kind.sources == {Source.ROSTER}}

    assert observations == {"spo2_observed", "news2_scored", "critical_result_reported", "result_corrected"}
    assert {kind.name for kind in KINDS if not kind.needs_subject} == roster == {"shift_started", "shift_ended"}
    assert {kind.name for kind in KINDS if not kind.needs_actor} == observations | roster


def test_who_may_send() -> None:
    def only(*sources: Source) -> set[str]:
        return {kind.name for kind in KINDS if kind.sources == set(sources)}

    assert only(Source.ROSTER) == {"shift_started", "shift_ended"}
    asked = {"filing_retry_requested", "order_sending_requested", "result_call_requested"}
    assert only(Source.PLATFORM) == asked, "what a person asks of Baton"
    # The record is the authority on where a patient is, and who a patient is.
    moved = {"patient_transferred", "patient_discharged", "patient_readmitted"}
    registered = moved | {"patient_died", "patient_merged"}
    assert only(Source.EMR) == {"spo2_observed"} | registered
    assert len(only(Source.PLATFORM, Source.EMR)) == len(KINDS) - 2 - len(asked) - 1 - len(registered)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_was_not_stated_is_none_or_false_and_nothing_else(kind: Any) -> None:
    defaults = [field.default for field in kind.model.model_fields.values() if not field.is_required()]

    assert all(default is None or default is False for default in defaults)


TARGET = {"hypercapnic_risk": True}
ORDER = {"order_id": "O-0001", "age_years": 67}


@pytest.mark.parametrize(
    ("model", "field", "rest", "possible", "impossible"),
    [
        (Spo2Observed, "spo2_percent", {}, [0, 40, 88.5, 100], [-0.1, 100.1, math.nan, math.inf, "91", True, None]),
        (AssessmentCompleted, "spo2_percent", {}, [0, 100, None], [-1, 101]),
        (AssessmentCompleted, "respiratory_rate", {}, [0, 60, 200, None], [-1, 201]),
        (AssessmentCompleted, "news2", {}, [0, 20, 5.0, None], [-1, 21, 5.5, "5", True]),
        (AssessmentCompleted, "distress", {}, [True, False], [None, 0, 1, "true"]),
        (News2Scored, "news2", {}, [0, 20], [-1, 21, None]),
        (OxygenChanged, "spo2_percent", {}, [0, 100, None], [-1, 101]),
        (OxygenChanged, "flow_l_min", {}, [0, 0.5, 60, 100, None], [-1, 101]),
        (OxygenChanged, "fio2", {}, [0.21, 0.4, 1, None], [0.2, 1.01, 40]),
        (OxygenChanged, "device", {}, ["nasal cannula", "a\tb", None], ["", " ", "\n", "a\x00", "x" * 501, 5]),
        (OxygenOrdered, "age_years", {"order_id": "O-0001"}, [0, 17, 130], [-1, 131, 17.5, None]),
        (OxygenOrdered, "flow_l_min", ORDER, [0, 100, None], [-1, 101]),
        (OxygenOrdered, "target_spo2_low", ORDER | {"target_spo2_high": 92}, [88, 92, 0, None], [92.5, -1]),
        (OxygenOrdered, "target_spo2_high", ORDER | {"target_spo2_low": 94}, [98, 94, 100, None], [93.5, 101]),
        (CarePlanUpdated, "target_spo2_low", TARGET | {"target_spo2_high": 92}, [88, 92], [92.5, None, -1]),
        (CarePlanUpdated, "target_spo2_high", TARGET | {"target_spo2_low": 88}, [92, 88], [87.5, None, 101]),
        (OrderCancelled, "reason", {}, ["entered twice"], ["", None]),
        (
            ShiftStarted,
            "roles",
            {"staff_id": "RT-LINDEN", "until": "2026-03-02T19:00:00Z"},
            [["RT"], ["RT", "RT_LEAD"]],
            [[], ["R T"], "RT", {"RT": 1}, [1], ["RT"] * 17],
        ),
        (ShiftStarted, "until", {"staff_id": "RT-LINDEN", "roles": ["RT"]}, ["2026-03-02T19:00:00Z"], [1772478000]),
    ],
)
def test_limits_refuse_only_the_impossible(
    model: type[EventData], field: str, rest: dict[str, Any], possible: list[Any], impossible: list[Any]
) -> None:
    for value in possible:
        held = getattr(model.model_validate({**rest, field: value}), field)
        assert list(held) == value if isinstance(value, list) else held == value or model is ShiftStarted
    for value in impossible:
        with pytest.raises(ValidationError):
            model.model_validate({**rest, field: value})


def test_a_care_plan_states_the_risk() -> None:
    # Left out, it must not silently withdraw a known risk.
    with pytest.raises(ValidationError):
        CarePlanUpdated.model_validate({"target_spo2_low": 88, "target_spo2_high": 92})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_data_does_not_change_nor_grow_nor_leak(kind: Any, delivered: Callable[[str], dict[str, Any]]) -> None:
    stated = delivered(kind.name)["detail"]["data"]
    data = kind.model.model_validate(stated)

    assert isinstance(data, Part)
    for name in stated:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(data, name, None)
    with pytest.raises(ValidationError) as refusal:
        kind.model.model_validate({**stated, "unlisted": "Zebra"})
    assert "Zebra" not in str(refusal.value)
