"""Times as clinical data writes them, to epoch seconds. A time without an offset needs a declared one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?")


class NoOffset(Exception):
    """A time has no offset from UTC, and none was declared; the text says how to declare one."""


class NotATime(ValueError):
    """It names no moment: not a time, or only a day."""


def declared_offset(text: str) -> timezone:
    """An offset as written on the command line: Z, or +hh:mm, or -hh:mm. Raises ValueError."""
    if text in ("Z", "z"):
        return UTC
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        raise ValueError(f"an offset from UTC is written like -05:00, not {text!r}")
    away = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-away if match[1] == "-" else away)


class Times:
    """Reads times; those without an offset under the declared one."""

    def __init__(self, offset: timezone | None) -> None:
        self._offset = offset

    def read(self, text: object) -> float:
        """Epoch seconds. Raises NotATime; NoOffset when there is no offset and none was declared."""
        if not isinstance(text, str) or not _TIME.fullmatch(text):
            raise NotATime("not a moment")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise NotATime("no such day or hour") from None
        if moment.tzinfo is None:
            if self._offset is None:
                raise NoOffset(
                    "its times have no offset from UTC, so nobody can tell when they were; "
                    "declare the one they were written under, e.g. --offset -05:00"
                )
            moment = moment.replace(tzinfo=self._offset)
        return moment.timestamp()
