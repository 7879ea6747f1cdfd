"""The envelope: ids without room for names or key separators, and times that say when."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from events.envelope import Actor, Envelope, Part, Subject

WHOLE: dict[str, Any] = {
    "event_id": "EV-0001",
    "type": "weaning_started",
    "schema_version": 1,
    "occurred_at": "2026-03-02T13:00:00+01:00",
    "facility": "HARBOR",
    "subject": {"patient": "P-0001", "encounter": "E-0001"},
    "actor": {"id": "RT-LINDEN", "role": "RT"},
    "correlation": {"order_id": "O-0001"},
    "data": {},
}


def test_an_envelope_holds_what_was_sent() -> None:
    envelope = Envelope.model_validate(WHOLE)

    assert envelope.subject == Subject(patient="P-0001", encounter="E-0001")
    assert envelope.actor == Actor(id="RT-LINDEN", role="RT")
    assert envelope.occurred_at == datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    assert envelope.occurred_at.tzinfo is UTC
    assert envelope.correlation == {"order_id": "O-0001"}


def test_subject_actor_and_correlation_may_be_absent() -> None:
    envelope = Envelope.model_validate({k: v for k, v in WHOLE.items() if k not in {"subject", "actor", "correlation"}})

    assert (envelope.subject, envelope.actor, envelope.correlation) == (None, None, {})


@pytest.mark.parametrize("name", [name for name in WHOLE if name not in {"subject", "actor", "correlation"}])
def test_the_rest_may_not(name: str) -> None:
    with pytest.raises(ValidationError):
        Envelope.model_validate({k: v for k, v in WHOLE.items() if k != name})


@pytest.mark.parametrize(("model", "whole"), [(Envelope, WHOLE), (Subject, WHOLE["subject"]), (Actor, WHOLE["actor"])])
def test_nothing_unlisted_enters(model: type[Part], whole: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        model.model_validate({**whole, "unlisted": 1})


def test_nothing_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Envelope.model_validate(WHOLE).facility = "ELSEWHERE"  # type: ignore[misc]


def test_errors_do_not_repeat_the_input() -> None:
    with pytest.raises(ValidationError) as refusal:
        Envelope.model_validate({**WHOLE, "facility": "Zebra Street 1"})

    assert "Zebra" not in str(refusal.value)


@pytest.mark.parametrize(
    ("field", "longest"), [("event_id", 128), ("facility", 64), ("patient", 64), ("encounter", 64), ("actor", 64)]
)
@pytest.mark.parametrize("bad", ["", "#1", "a#1", "a/1", "a b", "a|b", "Zoë", "_1", "a\n", "a\x00", 1, None, True])
def test_ids_are_opaque_and_have_an_end(field: str, longest: int, bad: object) -> None:
    def with_id(value: object) -> dict[str, Any]:
        if field in {"patient", "encounter"}:
            return {**WHOLE, "subject": {**WHOLE["subject"], field: value}}
        if field == "actor":
            return {**WHOLE, "actor": {**WHOLE["actor"], "id": value}}
        return {**WHOLE, field: value}

    Envelope.model_validate(with_id("9.a-d" if field in {"patient", "encounter"} else "9.a:b_c-d"))
    Envelope.model_validate(with_id("x" * longest))
    for refused in (bad, "x" * (longest + 1)):
        with pytest.raises(ValidationError):
            Envelope.model_validate(with_id(refused))


@pytest.mark.parametrize("role", ["", "R T", "1RT", "Ärztin", "x" * 33, None, 1])
def test_roles_are_codes(role: object) -> None:
    Actor.model_validate({"id": "RT-LINDEN", "role": "RT_LEAD-2"})
    with pytest.raises(ValidationError):
        Actor.model_validate({"id": "RT-LINDEN", "role": role})


@pytest.mark.parametrize("name", ["", "Weaning", "weaning started", "1st", "x" * 65, None, 1])
def test_types_are_names(name: object) -> None:
    Envelope.model_validate({**WHOLE, "type": "x" * 64})
    with pytest.raises(ValidationError):
        Envelope.model_validate({**WHOLE, "type": name})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", True])
def test_a_number_is_a_number_even_without_limits(value: object) -> None:
    class Measured(Part):
        quantity: float

    assert Measured.model_validate({"quantity": 1}).quantity == 1
    with pytest.raises(ValidationError):
        Measured.model_validate({"quantity": value})


@pytest.mark.parametrize(
    "correlation",
    [
        {"Order": "O-1"},
        {"order id": "O-1"},
        {"": "O-1"},
        {"x" * 65: "O-1"},
        {"order_id": 1},
        {"order_id": "a#b"},
        {"order_id": None},
        {f"id_{n}": "O-1" for n in range(17)},
        [],
        None,
    ],
)
def test_correlation_is_a_few_named_ids(correlation: object) -> None:
    Envelope.model_validate({**WHOLE, "correlation": {f"id_{n}": "O-1" for n in range(16)}})
    with pytest.raises(ValidationError):
        Envelope.model_validate({**WHOLE, "correlation": correlation})


@pytest.mark.parametrize("version", [0, -1, 1.5, "1", True, None])
def test_versions_count_from_one(version: object) -> None:
    assert Envelope.model_validate({**WHOLE, "schema_version": 2.0}).schema_version == 2
    with pytest.raises(ValidationError):
        Envelope.model_validate({**WHOLE, "schema_version": version})


def code_of(occurred_at: object) -> str:
    with pytest.raises(ValidationError) as refusal:
        Envelope.model_validate({**WHOLE, "occurred_at": occurred_at})
    return refusal.value.errors()[0]["type"]


@pytest.mark.parametrize(
    ("occurred_at", "microsecond"),
    [
        ("2026-03-02T12:00:00Z", 0),
        ("2026-03-02t12:00:00z", 0),
        ("2026-03-02T12:00:00-00:00", 0),
        ("2026-03-02T17:30:00.5+05:30", 500_000),
        ("2026-03-02T12:00:00.123456789Z", 123_456),
    ],
)
def test_a_time_is_rfc_3339(occurred_at: str, microsecond: int) -> None:
    envelope = Envelope.model_validate({**WHOLE, "occurred_at": occurred_at})

    assert envelope.occurred_at == datetime(2026, 3, 2, 12, 0, 0, microsecond, tzinfo=UTC)


@pytest.mark.parametrize("naive", ["2026-03-02T13:00:00", "2026-03-02T13:00:00.5", datetime(2026, 3, 2, 13)])  # noqa: DTZ001
def test_a_time_without_offset_says_nothing(naive: object) -> None:
    assert code_of(naive) == "naive_time"


@pytest.mark.parametrize(
    "no_time",
    [
        *("2026-03-02", "20260302T130000Z", "2026-W10-1T13:00:00Z", "2026-03-02 13:00:00Z", "2026-03-02T13:00Z"),
        *("2026-03-02T13:00:60Z", "2026-03-02T13:00:00+01", "٢٠٢٦-03-02T13:00:00Z", "today", ""),
        *(1772452800, 1.5, None, True, [], {}),
    ],
)
def test_what_is_no_time(no_time: object) -> None:
    assert code_of(no_time) == "not_a_time"


@pytest.mark.parametrize(
    "no_such",
    [
        *("2026-02-29T13:00:00Z", "2026-13-01T13:00:00Z", "2026-03-02T24:01:00Z", "2026-03-02T13:00:00+25:00"),
        *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_days_and_hours_that_do_not_exist(no_such: str) -> None:
    assert code_of(no_such) == "no_such_time"


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_every_offset_is_brought_to_utc(local: datetime, minutes: int) -> None:
    at = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    from_text = Envelope.model_validate({**WHOLE, "occurred_at": at.isoformat()})
    from_object = Envelope.model_validate({**WHOLE, "occurred_at": at})

    assert from_text.occurred_at == from_object.occurred_at == at
    assert from_text.occurred_at.tzinfo is UTC
