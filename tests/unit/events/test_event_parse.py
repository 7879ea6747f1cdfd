"""Reading an event: every reason by name, nothing of the content in any of them, and no other way out."""

import copy
import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import CATALOG, OxygenChanged, ShiftStarted
from events.envelope import OWN_SOURCE, Source
from events.parse import FUTURE_TOLERANCE, SIZE_LIMIT, Event, Unreadable, UnreadableReason, check_event, parse_event
from events.unreadable import MEANING

Delivered = Callable[[str], dict[str, Any]]
R = UnreadableReason


def refusal_of(raw: str | bytes, now: datetime) -> Unreadable:
    with pytest.raises(Unreadable) as refusal:
        parse_event(raw, now=now)
    return refusal.value


def read_or_refuse(raw: str | bytes, now: datetime) -> Event | Unreadable:
    try:
        return parse_event(raw, now=now)
    except Unreadable as refusal:
        return refusal


def test_an_event_is_its_envelope_laid_flat(delivered: Delivered, now: datetime) -> None:
    event = parse_event(json.dumps(delivered("oxygen_changed")), now=now)

    assert event == Event(
        event_id="EV-0003",
        type="oxygen_changed",
        version=1,
        source=Source.PLATFORM,
        occurred_at=datetime(2026, 3, 2, 8, 5, tzinfo=UTC),
        facility="HARBOR",
        patient="P-0001",
        encounter="E-0001",
        actor_id="RT-LINDEN",
        actor_role="RT",
        correlation={"order_id": "O-0001"},
        data=OxygenChanged(spo2_percent=91, flow_l_min=4, fio2=0.36, device="nasal cannula"),
        values={"spo2_percent": 91, "flow_l_min": 4, "fio2": 0.36, "device": "nasal cannula"},
    )


def test_what_eventbridge_adds_is_no_fault(delivered: Delivered, now: datetime) -> None:
    bare = delivered("spo2_observed")
    added = {"version": "0", "id": "1", "account": "000000000000", "time": "2026-03-02T08:20:00Z", "resources": []}

    assert parse_event(json.dumps(bare | added), now=now) == parse_event(json.dumps(bare), now=now)


def test_text_and_bytes_are_read_alike(delivered: Delivered, now: datetime) -> None:
    event = delivered("oxygen_discontinued")
    event["detail"]["data"]["reason"] = "Sättigung stabil"
    text = json.dumps(event, ensure_ascii=False)

    assert parse_event(text, now=now) == parse_event(text.encode(), now=now)


@pytest.mark.parametrize("absent", ["left out", None])
def test_what_was_not_measured_has_no_value(absent: str | None, delivered: Delivered, now: datetime) -> None:
    event = delivered("oxygen_changed")
    event["detail"]["data"] = {"flow_l_min": 0} if absent else {"flow_l_min": 0, "spo2_percent": None}

    read = parse_event(json.dumps(event), now=now)

    assert read.values == {"flow_l_min": 0.0}
    assert isinstance(read.data, OxygenChanged)
    assert read.data.spo2_percent is None


def test_a_flag_is_false_unless_stated(delivered: Delivered, now: datetime) -> None:
    event = delivered("assessment_completed")
    event["detail"]["data"] = {}

    assert parse_event(json.dumps(event), now=now).values == {"distress": False}


def test_roster_events_are_about_nobody(delivered: Delivered, now: datetime) -> None:
    event = parse_event(json.dumps(delivered("shift_started")), now=now)

    assert (event.patient, event.encounter, event.actor_id, event.actor_role) == (None, None, None, None)
    assert isinstance(event.data, ShiftStarted)
    assert event.values["roles"] == ("RT", "RT_LEAD")
    assert event.values["until"] == datetime(2026, 3, 2, 18, 0, tzinfo=UTC)


def test_an_event_cannot_be_changed(delivered: Delivered, now: datetime) -> None:
    event = parse_event(json.dumps(delivered("oxygen_changed")), now=now)

    with pytest.raises(FrozenInstanceError):
        event.facility = "ELSEWHERE"  # type: ignore[misc]
    with pytest.raises(TypeError):
        event.values["spo2_percent"] = 100  # type: ignore[index]
    with pytest.raises(TypeError):
        event.correlation["order_id"] = "O-0002"  # type: ignore[index]


# Each row: the reason, a path into a delivered oxygen_changed, what is put there (or ABSENT), and the place named.
ABSENT = object()
FAULTS: list[tuple[UnreadableReason, str, object, str]] = [
    (R.NOT_AN_EVENT, "source", ABSENT, "source"),
    (R.NOT_AN_EVENT, "source", 1, "source"),
    (R.NOT_AN_EVENT, "detail-type", ABSENT, "detail-type"),
    (R.NOT_AN_EVENT, "detail-type", ["oxygen_changed"], "detail-type"),
    (R.NOT_AN_EVENT, "detail", ABSENT, "detail"),
    (R.NOT_AN_EVENT, "detail", "{}", "detail"),
    (R.NOT_AN_EVENT, "detail", [], "detail"),
    (R.NOT_AN_EVENT, "detail.type", "spo2_observed", "detail.type"),
    (R.NOT_AN_EVENT, "detail.type", 1, "detail.type"),
    (R.OWN_EVENT, "source", OWN_SOURCE, "source"),
    (R.UNKNOWN_TYPE, "detail-type", "oxygen_chnged", "detail-type"),
    (R.UNKNOWN_TYPE, "detail-type", "", "detail-type"),
    (R.UNKNOWN_VERSION, "detail.schema_version", 2, "detail.schema_version"),
    (R.UNKNOWN_VERSION, "detail.schema_version", 0, "detail.schema_version"),
    (R.UNKNOWN_VERSION, "detail.schema_version", 1.5, "detail.schema_version"),
    (R.SOURCE_NOT_ALLOWED, "source", "baton.roster", "source"),
    (R.SOURCE_NOT_ALLOWED, "source", "aws.health", "source"),
    (R.MISSING_FIELD, "detail.event_id", ABSENT, "detail.event_id"),
    (R.MISSING_FIELD, "detail.type", ABSENT, "detail.type"),
    (R.MISSING_FIELD, "detail.schema_version", ABSENT, "detail.schema_version"),
    (R.MISSING_FIELD, "detail.occurred_at", ABSENT, "detail.occurred_at"),
    (R.MISSING_FIELD, "detail.facility", ABSENT, "detail.facility"),
    (R.MISSING_FIELD, "detail.data", ABSENT, "detail.data"),
    (R.MISSING_FIELD, "detail.subject.patient", ABSENT, "detail.subject.patient"),
    (R.MISSING_FIELD, "detail.subject.encounter", ABSENT, "detail.subject.encounter"),
    (R.MISSING_FIELD, "detail.actor.id", ABSENT, "detail.actor.id"),
    (R.MISSING_FIELD, "detail.actor.role", ABSENT, "detail.actor.role"),
    (R.UNKNOWN_FIELD, "detail.unlisted", 1, "detail"),
    (R.UNKNOWN_FIELD, "detail.subject.unlisted", 1, "detail.subject"),
    (R.UNKNOWN_FIELD, "detail.actor.unlisted", 1, "detail.actor"),
    (R.UNKNOWN_FIELD, "detail.data.unlisted", 1, "detail.data"),
    (R.WRONG_TYPE, "detail.schema_version", "1", "detail.schema_version"),
    (R.WRONG_TYPE, "detail.schema_version", True, "detail.schema_version"),
    (R.WRONG_TYPE, "detail.facility", 7, "detail.facility"),
    (R.WRONG_TYPE, "detail.occurred_at", 1772440500, "detail.occurred_at"),
    (R.WRONG_TYPE, "detail.occurred_at", "yesterday", "detail.occurred_at"),
    (R.WRONG_TYPE, "detail.subject", "P-0001", "detail.subject"),
    (R.WRONG_TYPE, "detail.subject.patient", None, "detail.subject.patient"),
    (R.WRONG_TYPE, "detail.actor", ["RT"], "detail.actor"),
    (R.WRONG_TYPE, "detail.correlation", [], "detail.correlation"),
    (R.WRONG_TYPE, "detail.correlation.order_id", 1, "detail.correlation.order_id"),
    (R.WRONG_TYPE, "detail.data", None, "detail.data"),
    (R.WRONG_TYPE, "detail.data.spo2_percent", "91", "detail.data.spo2_percent"),
    (R.WRONG_TYPE, "detail.data.spo2_percent", True, "detail.data.spo2_percent"),
    (R.WRONG_TYPE, "detail.data.device", 1, "detail.data.device"),
    (R.OUT_OF_RANGE, "detail.data.spo2_percent", 140, "detail.data.spo2_percent"),
    (R.OUT_OF_RANGE, "detail.data.spo2_percent", -1, "detail.data.spo2_percent"),
    (R.OUT_OF_RANGE, "detail.data.spo2_percent", 1e999, "detail.data.spo2_percent"),
    (R.OUT_OF_RANGE, "detail.data.fio2", 40, "detail.data.fio2"),
    (R.OUT_OF_RANGE, "detail.data.device", "", "detail.data.device"),
    (R.OUT_OF_RANGE, "detail.data.device", "x" * 501, "detail.data.device"),
    (R.OUT_OF_RANGE, "detail.event_id", "EV#1", "detail.event_id"),
    (R.OUT_OF_RANGE, "detail.subject.patient", "x" * 65, "detail.subject.patient"),
    (R.OUT_OF_RANGE, "detail.occurred_at", "2026-02-30T08:00:00Z", "detail.occurred_at"),
    (R.OUT_OF_RANGE, "detail.correlation", {f"id_{n}": "O-1" for n in range(17)}, "detail.correlation"),
    (R.NAIVE_TIME, "detail.occurred_at", "2026-03-02T09:05:00", "detail.occurred_at"),
    (R.TIME_IN_FUTURE, "detail.occurred_at", "2026-03-02T20:05:01Z", "detail.occurred_at"),
    (R.TIME_IN_FUTURE, "detail.occurred_at", "9999-12-31T23:59:59Z", "detail.occurred_at"),
    (R.MISSING_SUBJECT, "detail.subject", ABSENT, "detail.subject"),
    (R.MISSING_SUBJECT, "detail.subject", None, "detail.subject"),
    (R.MISSING_ACTOR, "detail.actor", ABSENT, "detail.actor"),
    (R.MISSING_ACTOR, "detail.actor", None, "detail.actor"),
]


def changed(event: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *parents, last = path.split(".")
    at = event
    for each in parents:
        at = at[each]
    if value is ABSENT:
        del at[last]
    else:
        at[last] = value
    return event


def written(event: dict[str, Any]) -> str:
    # JSON has no infinity, but a number that no float can hold comes to the same.
    return json.dumps(event).replace("Infinity", "1e999")


@pytest.mark.parametrize(("reason", "path", "value", "where"), FAULTS)
def test_each_fault_has_its_reason_place_and_mend(
    reason: UnreadableReason, path: str, value: object, where: str, delivered: Delivered, now: datetime
) -> None:
    refusal = refusal_of(written(changed(delivered("oxygen_changed"), path, value)), now)

    assert (refusal.reason, refusal.where) == (reason, where)
    assert refusal.mend
    assert str(refusal) == f"{reason} at {where}: {refusal.mend}"


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"", "line 1 column 0"),
        (b'{"source": ', "line 1 column 11"),
        (b'{\n "source": nobody}', "line 2 column 13"),
        (b'{"source": NaN}', "line 1 column 12"),
        (b"[" * 5000, "line 1 column 202"),
        (b"9" * 5000, "line 1 column 4302"),
        (b'{"source": "\xff"}', "line 1 column 13"),
        (b'{"source": "\\ud800"}', "line 1 column 19"),
        (b"\xef\xbb\xbf{}", "line 1 column 1"),
        ("\ud800", "event"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(raw: str | bytes, where: str, now: datetime) -> None:
    refusal = refusal_of(raw, now)

    assert refusal.reason is R.INVALID_JSON
    # The column is the JSON reader's own count; the line is what must be right.
    assert refusal.where.split(" column ")[0] == where.split(" column ")[0]


@pytest.mark.parametrize("raw", [b"[]", b"null", b"1", b'"text"', b"{}"])
def test_json_that_is_no_event(raw: bytes, now: datetime) -> None:
    assert refusal_of(raw, now).reason is R.NOT_AN_EVENT


@pytest.mark.parametrize("pad", ["x", "ä"])
def test_the_size_is_counted_in_bytes(pad: str, delivered: Delivered, now: datetime) -> None:
    def of_size(size: int) -> str:
        event = delivered("oxygen_changed") | {"resources": [""]}
        room = size - len(json.dumps(event).encode())
        event["resources"] = [pad * (room // len(pad.encode())) + "x" * (room % len(pad.encode()))]
        return json.dumps(event, ensure_ascii=False)

    largest, too_large = of_size(SIZE_LIMIT), of_size(SIZE_LIMIT + 1)
    assert len(largest.encode()) == SIZE_LIMIT

    assert parse_event(largest, now=now) == parse_event(largest.encode(), now=now)
    for raw in (too_large, too_large.encode(), b" " * 300_000):
        refusal = refusal_of(raw, now)
        assert (refusal.reason, refusal.where) == (R.TOO_LARGE, "event")


def test_a_clock_may_run_five_minutes_ahead(delivered: Delivered) -> None:
    raw = json.dumps(delivered("oxygen_changed"))
    latest = datetime(2026, 3, 2, 8, 5, tzinfo=UTC) - FUTURE_TOLERANCE

    assert timedelta(minutes=5) == FUTURE_TOLERANCE
    assert parse_event(raw, now=latest).occurred_at == latest + FUTURE_TOLERANCE
    assert refusal_of(raw, latest - timedelta(microseconds=1)).reason is R.TIME_IN_FUTURE


def test_an_old_event_is_read(delivered: Delivered, now: datetime) -> None:
    event = changed(delivered("oxygen_changed"), "detail.occurred_at", "1999-01-01T00:00:00Z")

    assert parse_event(json.dumps(event), now=now).occurred_at.year == 1999


@pytest.mark.parametrize("name", CATALOG)
@pytest.mark.parametrize("source", Source)
def test_a_source_sends_what_it_may(name: str, source: Source, delivered: Delivered, now: datetime) -> None:
    raw = json.dumps(changed(delivered(name), "source", source))

    if source in CATALOG[name].sources:
        assert parse_event(raw, now=now).source is source
    else:
        refusal = refusal_of(raw, now)
        assert refusal.reason is R.SOURCE_NOT_ALLOWED
        assert all(allowed in refusal.mend for allowed in CATALOG[name].sources)


@pytest.mark.parametrize("name", CATALOG)
def test_batons_own_events_are_never_taken_in(name: str, delivered: Delivered, now: datetime) -> None:
    assert OWN_SOURCE not in list(Source)
    assert refusal_of(json.dumps(changed(delivered(name), "source", OWN_SOURCE)), now).reason is R.OWN_EVENT


@pytest.mark.parametrize("name", CATALOG)
def test_the_catalog_says_who_must_be_named(name: str, delivered: Delivered, now: datetime) -> None:
    kind = CATALOG[name]
    whole = delivered(name)
    whole["detail"]["actor"] = {"id": "RT-LINDEN", "role": "RT"}
    nobody, about_nobody, about_someone = (copy.deepcopy(whole) for _ in range(3))
    del nobody["detail"]["actor"]
    about_nobody["detail"].pop("subject", None)
    about_someone["detail"]["subject"] = {"patient": "P-0001", "encounter": "E-0001"}

    assert parse_event(json.dumps(whole), now=now).actor_id == "RT-LINDEN"
    if kind.needs_actor:
        assert refusal_of(json.dumps(nobody), now).reason is R.MISSING_ACTOR
    else:
        assert parse_event(json.dumps(nobody), now=now).actor_id is None
    if kind.needs_subject:
        assert refusal_of(json.dumps(about_nobody), now).reason is R.MISSING_SUBJECT
    else:
        refusal = refusal_of(json.dumps(about_someone), now)
        assert (refusal.reason, refusal.where) == (R.UNKNOWN_FIELD, "detail.subject")


@pytest.mark.parametrize("name", ["oxygen_ordered", "care_plan_updated"])
def test_a_target_range_in_reverse_is_out_of_range(name: str, delivered: Delivered, now: datetime) -> None:
    event = delivered(name)
    event["detail"]["data"] |= {"target_spo2_low": 92, "target_spo2_high": 88}

    refusal = refusal_of(json.dumps(event), now)

    assert (refusal.reason, refusal.where) == (R.OUT_OF_RANGE, "detail.data")
    assert "target_spo2_low must not be above target_spo2_high" in refusal.mend


def test_an_item_of_a_list_is_named_by_its_place(delivered: Delivered, now: datetime) -> None:
    event = changed(delivered("shift_started"), "detail.data.roles", ["RT", 1])

    assert refusal_of(json.dumps(event), now).where == "detail.data.roles[1]"


def test_a_misspelt_field_is_told_its_right_name(delivered: Delivered, now: datetime) -> None:
    event = changed(delivered("oxygen_changed"), "detail.data.spo2_percnt", 91)

    assert "Did you mean spo2_percent?" in refusal_of(json.dumps(event), now).mend


def test_the_fields_listed_are_those_of_the_place(delivered: Delivered, now: datetime) -> None:
    event = changed(delivered("oxygen_changed"), "detail.subject.unlisted", 1)

    assert refusal_of(json.dumps(event), now).mend.endswith("Its fields: patient, encounter")


@pytest.mark.parametrize(
    ("name", "path", "value", "mend"),
    [
        ("oxygen_changed", "detail.event_id", ABSENT, "add the field."),
        ("oxygen_changed", "detail.event_id", "", "give at least 1."),
        ("oxygen_changed", "detail.event_id", "x" * 129, "give at most 128."),
        ("oxygen_changed", "detail.event_id", "a b", "start with a letter or digit,"),
        ("oxygen_changed", "detail.event_id", 1, "must be text."),
        ("oxygen_changed", "detail.actor.role", "1RT", "start with a letter, then letters,"),
        ("oxygen_changed", "detail.correlation", {"Order": "O-1"}, "start with a lower-case letter,"),
        ("oxygen_changed", "detail.correlation", [], "must be an object."),
        ("oxygen_changed", "detail.correlation", {f"id_{n}": "O-1" for n in range(17)}, "give at most 16."),
        ("oxygen_changed", "detail.subject", [], "must be an object."),
        ("oxygen_changed", "detail.data", [], "must be an object."),
        ("oxygen_changed", "detail.occurred_at", 1, "write the time as text like 2026-03-01T08:30:00Z"),
        ("oxygen_changed", "detail.occurred_at", "2026-03-01T08:30:00", "add the offset from UTC,"),
        ("oxygen_changed", "detail.occurred_at", "2026-02-30T08:30:00Z", "give a day and an hour that exist."),
        ("oxygen_changed", "detail.data.spo2_percent", "91", "must be a number, without quotes."),
        ("oxygen_changed", "detail.data.spo2_percent", -1, "must be at least 0"),
        ("oxygen_changed", "detail.data.spo2_percent", 101, "must be at most 100"),
        ("oxygen_changed", "detail.data.spo2_percent", 1e999, "give a number that a 64-bit float can hold."),
        ("oxygen_changed", "detail.data.device", "\n", "must not be blank nor hold control characters."),
        ("news2_scored", "detail.data.news2", 4.5, "must be a whole number, without quotes."),
        ("assessment_completed", "detail.data.distress", "yes", "must be true or false, without quotes."),
        ("shift_started", "detail.data.roles", "RT", "must be a list."),
        ("shift_started", "detail.data.roles", [], "give at least 1."),
    ],
)
def test_a_mend_says_what_to_do(
    name: str, path: str, value: object, mend: str, delivered: Delivered, now: datetime
) -> None:
    assert refusal_of(written(changed(delivered(name), path, value)), now).mend.startswith(mend)


def test_a_field_of_the_wrong_kind_is_told_what_it_means(delivered: Delivered, now: datetime) -> None:
    patient = changed(delivered("oxygen_changed"), "detail.subject.patient", 1)
    flow = changed(delivered("oxygen_changed"), "detail.data.flow_l_min", "2")

    assert refusal_of(json.dumps(patient), now).mend == "must be text. Expected: Patient id in the EMR."
    assert refusal_of(json.dumps(flow), now).mend.endswith("Expected: Oxygen flow now given, L/min, 0-100.")


def test_every_reason_is_shown_above_and_explained() -> None:
    by_raw_input = {R.INVALID_JSON, R.TOO_LARGE}

    assert {reason for reason, *_ in FAULTS} | by_raw_input == set(UnreadableReason)
    assert set(MEANING) == set(UnreadableReason)
    assert f"{SIZE_LIMIT:,} bytes" in MEANING[R.TOO_LARGE]
    assert f"{FUTURE_TOLERANCE // timedelta(minutes=1)} minutes" in MEANING[R.TIME_IN_FUTURE]


# What a refusal may say

MARK = "zebra"


def marked(event: dict[str, Any]) -> Iterator[str]:
    """The event, over and over, with the mark at each place in it: as a value, in one, or as a field's name."""

    def places(at: object) -> Iterator[tuple[Any, Any]]:
        children = at.items() if isinstance(at, dict) else enumerate(at) if isinstance(at, list) else ()
        for key, child in children:
            yield at, key
            yield from places(child)

    for holder, key in list(places(event)):
        was = holder[key]
        for wrong in (MARK, f"{MARK} crossing #1", [MARK], {MARK: MARK}, f"2026-03-02T08:00:00 {MARK}"):
            holder[key] = wrong
            yield json.dumps(event)
        holder[key] = was
        if isinstance(was, dict):
            was[MARK] = {MARK: 1}
            yield json.dumps(event)
            yield json.dumps(event)[:-3]
            del was[MARK]


@pytest.mark.parametrize("name", CATALOG)
def test_a_refusal_repeats_nothing_that_was_sent(name: str, delivered: Delivered, now: datetime) -> None:
    refusals = []
    for raw in marked(delivered(name)):
        assert MARK in raw
        outcome = read_or_refuse(raw, now)
        if isinstance(outcome, Unreadable):
            refusals.append(outcome)
    shown = "".join("".join(traceback.format_exception(refusal)) + repr(refusal) for refusal in refusals)

    assert len(refusals) > 40
    assert MARK not in shown
    # Nothing chained, not even what a plain traceback leaves out: a ValidationError knows the sender's field names.
    assert all(refusal.__cause__ is None and refusal.__context__ is None for refusal in refusals)


# No other way out

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("2026-03-02T08:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary() | st.text())
def test_any_input_is_read_or_refused(now: datetime, raw: str | bytes) -> None:
    assert isinstance(read_or_refuse(raw, now), Unreadable)


@given(JSON, st.booleans())
def test_any_json_is_read_or_refused(now: datetime, outer: object, inside: bool) -> None:
    value = {"source": "baton.platform", "detail-type": "note_signed", "detail": outer} if inside else outer

    assert isinstance(read_or_refuse(json.dumps(value), now), Unreadable)


@given(st.data())
def test_any_part_of_an_event_may_be_anything(delivered: Delivered, now: datetime, data: st.DataObject) -> None:
    event = delivered(data.draw(st.sampled_from(list(CATALOG)), label="type"))
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        at: Any = event
        key = data.draw(st.sampled_from(sorted(at)), label="part")
        while isinstance(at[key], dict) and at[key] and data.draw(st.booleans(), label="deeper"):
            at = at[key]
            key = data.draw(st.sampled_from(sorted(at)), label="part")
        if data.draw(st.booleans(), label="remove"):
            del at[key]
        else:
            at[key] = data.draw(JSON, label="value")
        if not event:
            break

    outcome = read_or_refuse(json.dumps(event), now)

    if isinstance(outcome, Unreadable):
        # The fallback is for pydantic codes that no JSON brings about.
        assert "as the type's schema says" not in outcome.mend


@given(st.data())
def test_an_event_cut_or_flipped_anywhere_is_read_or_refused(
    delivered: Delivered, now: datetime, data: st.DataObject
) -> None:
    raw = bytearray(json.dumps(delivered("oxygen_changed")).encode())
    at = data.draw(st.integers(0, len(raw) - 1), label="at")
    raw[at : at + data.draw(st.integers(0, 3), label="cut")] = data.draw(st.binary(max_size=3), label="put")

    assert isinstance(read_or_refuse(bytes(raw), now), Event | Unreadable)


def test_values_come_from_the_checked_model_only(delivered: Delivered) -> None:
    for name, kind in CATALOG.items():
        parsed = check_event(delivered(name))
        assert type(parsed.data) is kind.model
        assert parsed.kind is kind
