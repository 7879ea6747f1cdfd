"""When a state's wait ends: absolute moments from durations, in the facility's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from statemachines.definition import Duration, Unit
from statemachines.expressions import Parameters
from statemachines.policy import Calendar

_SECONDS = {Unit.SECONDS: 1.0, Unit.MINUTES: 60.0, Unit.HOURS: 3600.0}


def due(within: Duration, start: float, parameters: Parameters, calendar: Calendar) -> float:
    """The epoch second at which a wait of that length from ``start`` (epoch seconds) is over.

    A wait of n business days ends with the n-th business day after the local day of ``start``, at local midnight.
    Raises KeyError when the duration names a parameter that is not resolved.
    """
    amount = float(parameters[within.parameter]) if within.parameter is not None else float(within.amount or 0)
    if within.unit is Unit.BUSINESS_DAYS:
        return _business_days(int(amount), start, calendar)
    return start + amount * _SECONDS[within.unit]


def _business_days(days: int, start: float, calendar: Calendar) -> float:
    zone = ZoneInfo(calendar.time_zone)
    day = datetime.fromtimestamp(start, UTC).astimezone(zone).date()
    holidays = frozenset(calendar.holidays)
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in holidays:
            days -= 1
    end = day + timedelta(days=1)
    return datetime(end.year, end.month, end.day, tzinfo=zone).timestamp()
