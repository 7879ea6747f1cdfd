"""Understands how people say by when: "within 2 h", "30 min", "1½ hours", "2 business days"."""

from __future__ import annotations

import re
from typing import NamedTuple


class Limit(NamedTuple):
    """A length of time: so many ``minutes``, or so many ``business_days``. ``rest`` was said besides and is not in it."""

    minutes: float | None
    business_days: int | None
    rest: str = ""


LONGEST_MINUTES, LONGEST_DAYS = 365 * 24 * 60, 250
"""A case is not open for longer than a year: what is longer was meant otherwise."""

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty five": 45, "half an": 0.5, "half a": 0.5,
}  # fmt: skip
_UNITS = {
    "s": 1 / 60, "sec": 1 / 60, "secs": 1 / 60, "second": 1 / 60, "seconds": 1 / 60,
    "m": 1, "min": 1, "mins": 1, "minute": 1, "minutes": 1,
    "h": 60, "hr": 60, "hrs": 60, "hour": 60, "hours": 60,
    "d": 1440, "day": 1440, "days": 1440, "week": 10080, "weeks": 10080,
}  # fmt: skip

_NUMBER = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_LENGTH = re.compile(
    rf"(?P<number>\d+(?:[.,]\d+)?½?|½|(?:{_NUMBER})\b)[\s-]*(?P<business>business|working|work)?\s*(?P<unit>{_UNIT})\b\.?"
)
_BEFORE = re.compile(
    r"^(?:(?:must be|to be|done|with ?in|in|under|by|max|maximum|at most|no later than|not later than|latest|up to|less than"
    r"|<=?|≤|after|of|the|about|approx|approximately|~|:)[\s.]*)+"
)
_RANGE = re.compile(r"\d\s*(?:-|–|to)\s*\d")


def understood(text: str) -> Limit | None:
    """The length of time in a cell; None when there is none, or when it could be more than one."""
    words = " ".join(text.casefold().split())
    if not words or _RANGE.search(words):
        return None
    words = _BEFORE.sub("", words)
    minutes, days, end, found = 0.0, 0, 0, 0
    for match in _LENGTH.finditer(words):
        between = words[end : match.start()].strip(" ,")
        if between not in ({"", "and"} if found else {""}):
            break
        number = _value(match["number"])
        if match["business"]:
            if found or not match["unit"].startswith("d") or number != int(number):
                return None
            days = int(number)
        elif days:
            return None
        else:
            minutes += number * _UNITS[match["unit"]]
        found += 1
        end = match.end()
    rest = words[end:].strip(" .,;")
    if not found or (not days and minutes <= 0) or minutes > LONGEST_MINUTES or days > LONGEST_DAYS:
        return None
    return Limit(None, days, rest) if days else Limit(minutes, None, rest)


def _value(text: str) -> float:
    if text in _NUMBERS:
        return _NUMBERS[text]
    half = 0.5 if text.endswith("½") else 0.0
    whole = text.rstrip("½").replace(",", ".")
    return (float(whole) if whole else 0.0) + half
