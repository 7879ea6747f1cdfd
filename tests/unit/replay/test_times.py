"""Times: with an offset, or under a declared one, or not at all."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from local.replay.times import NoOffset, NotATime, Times, declared_offset

NOON = datetime(2150, 3, 2, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    ["2150-03-02T12:00:00Z", "2150-03-02T07:00:00-05:00", "2150-03-02T12:00:00.000+00:00", "2150-03-02T12:00Z"],
)
def test_an_offset_in_the_time_holds_whatever_is_declared(text: str) -> None:
    assert Times(timezone(timedelta(hours=3))).read(text) == NOON


def test_a_naive_time_is_read_under_the_declared_offset() -> None:
    assert Times(declared_offset("-05:00")).read("2150-03-02 07:00:00") == NOON


def test_a_naive_time_without_a_declared_offset_is_refused_with_the_way_to_declare_one() -> None:
    with pytest.raises(NoOffset, match="--offset "):
        Times(None).read("2150-03-02 07:00:00")


@pytest.mark.parametrize(
    "text", ["2150-03-02", "2150", "", None, 5, "2150-02-30T12:00:00Z", "2150-03-02T24:10:00Z", "noon"]
)
def test_a_day_is_no_moment_and_neither_is_nonsense(text: object) -> None:
    with pytest.raises(NotATime):
        Times(UTC).read(text)


@pytest.mark.parametrize(("text", "hours"), [("Z", 0), ("+00:00", 0), ("-05:00", -5), ("+05:30", 5.5)])
def test_an_offset_is_declared_in_hours_and_minutes(text: str, hours: float) -> None:
    assert declared_offset(text).utcoffset(None) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "EST", "5", "-5:00", "+15:00", "+01:60", "America/New_York"])
def test_what_is_no_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="-05:00"):
        declared_offset(text)
