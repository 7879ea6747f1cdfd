"""When a wait ends: absolute moments, in the facility's calendar and time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from statemachines.deadlines import due
from statemachines.definition import Duration, Unit
from statemachines.policy import Calendar


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("unit", "seconds"), [(Unit.SECONDS, 90.0), (Unit.MINUTES, 90 * 60.0), (Unit.HOURS, 90 * 3600.0)]
)
def test_a_length_of_time_counts_from_the_start(unit: Unit, seconds: float) -> None:
    assert due(Duration(amount=90, unit=unit), 1000.0, {}, Calendar()) == 1000.0 + seconds


def test_a_parameter_gives_the_amount() -> None:
    assert due(Duration(parameter="within", unit=Unit.MINUTES), 0, {"within": 2.5}, Calendar()) == 150


def test_a_parameter_that_is_not_resolved_is_a_fault() -> None:
    with pytest.raises(KeyError, match="within"):
        due(Duration(parameter="within"), 0, {}, Calendar())


NEW_YORK = Calendar(time_zone="America/New_York", holidays=(date(2026, 12, 25),))


@pytest.mark.parametrize(
    ("days", "start", "end"),
    [
        pytest.param(1, "2026-03-03T09:00-05:00", "2026-03-05T00:00-05:00", id="Tuesday: until Wednesday is over"),
        pytest.param(1, "2026-03-06T18:00-05:00", "2026-03-10T00:00-04:00", id="Friday: the weekend does not count"),
        pytest.param(2, "2026-03-07T10:00-05:00", "2026-03-11T00:00-04:00", id="Saturday: Monday is the first"),
        pytest.param(1, "2026-12-24T12:00-05:00", "2026-12-29T00:00-05:00", id="a holiday and a weekend"),
        pytest.param(
            1, "2026-03-03T03:30+00:00", "2026-03-04T00:00-05:00", id="the local day counts, still Monday there"
        ),
        pytest.param(0, "2026-03-03T09:00-05:00", "2026-03-04T00:00-05:00", id="no day: until this one is over"),
    ],
)
def test_business_days(days: int, start: str, end: str) -> None:
    assert due(Duration(amount=days, unit=Unit.BUSINESS_DAYS), at(start), {}, NEW_YORK) == at(end)


def test_the_same_moment_is_another_day_elsewhere() -> None:
    start, one = at("2026-03-03T03:30+00:00"), Duration(amount=1, unit=Unit.BUSINESS_DAYS)
    assert due(one, start, {}, Calendar()) == at("2026-03-05T00:00+00:00")
    assert due(one, start, {}, NEW_YORK) == at("2026-03-04T00:00-05:00")


@pytest.mark.parametrize(("day", "hours"), [("2026-03-06", 71), ("2026-10-30", 73)])
def test_a_day_is_as_long_as_the_clocks_make_it(day: str, hours: int) -> None:
    """On Sunday 8 March 2026 New York's clocks go forward, on 1 November back: three days end an hour sooner or later."""
    start = datetime.fromisoformat(day).replace(hour=23, minute=59, tzinfo=ZoneInfo("America/New_York"))
    end = due(Duration(amount=1, unit=Unit.BUSINESS_DAYS), start.timestamp(), {}, NEW_YORK)
    friday_midnight = start.timestamp() + 60
    assert end - friday_midnight == hours * 3600
    local = datetime.fromtimestamp(end, UTC).astimezone(ZoneInfo("America/New_York"))
    assert (local.weekday(), local.hour, local.minute) == (1, 0, 0)
