"""Events in files: one JSON object, a JSON array, or objects one after the other (ndjson)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from events.envelope import Envelope, Source
from events.parse import check_event
from events.unreadable import Unreadable, UnreadableReason

_SPACE: Final = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class LoadedEvent:
    """An event from a file, checked, and the line it starts on."""

    source: Source
    envelope: Envelope
    line: int


class EventFileError(Exception):
    """A file that does not hold events only. Names file, line, place, reason and mend; repeats nothing of the event."""

    def __init__(self, path: Path, line: int, fault: Unreadable) -> None:
        super().__init__(path, line, fault.reason, fault.where, fault.mend)
        self.path = path
        self.line = line
        self.reason = fault.reason
        self.where = fault.where
        self.mend = fault.mend

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason} at {self.where}: {self.mend}"


def load_events(path: Path) -> list[LoadedEvent]:
    """The events in a file, in its order, each checked as intake does, except against the clock.

    An event is written as EventBridge delivers it, {"source", "detail-type", "detail": {…}}, or flat: the envelope's
    own fields with `source` beside them. In the first form EventBridge's other fields (id, time, account, …) may stay.

    Raises EventFileError at the first fault, OSError when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        fault = _not_json("write the file in UTF-8")
    else:
        return [_load(path, line, record) for line, record in _records(path, text)]
    raise EventFileError(path, line, fault)


def _load(path: Path, line: int, record: object) -> LoadedEvent:
    try:
        parsed = check_event(_as_delivered(record))
    except Unreadable as error:
        raise EventFileError(path, line, error) from None
    return LoadedEvent(parsed.source, parsed.envelope, line)


def _as_delivered(record: object) -> object:
    if not isinstance(record, dict) or "detail" in record:
        return record
    detail = {name: value for name, value in record.items() if name not in ("source", "detail-type")}
    type_name = record.get("detail-type", record.get("type"))
    detail.setdefault("type", type_name)
    return {"source": record.get("source"), "detail-type": type_name, "detail": detail}


def _records(path: Path, text: str) -> Iterator[tuple[int, object]]:
    """Each JSON value with the line it starts on: the elements of one array, or values one after the other."""
    scan = _Scan(path, text)
    if scan.take("["):
        if not scan.take("]"):
            yield scan.line, scan.value()
            while scan.take(","):
                yield scan.line, scan.value()
            if not scan.take("]"):
                scan.fail("put a comma between the events of the array, and ] after the last")
        if not scan.done:
            scan.fail("end the file after the array")
        return
    while not scan.done:
        yield scan.line, scan.value()


class _Scan:
    """A place in the text, always at the start of something, and the line it is on."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._at = 0
        self._decoder = json.JSONDecoder(parse_constant=_refuse_constant)
        self.line = 1
        self._move(0)

    @property
    def done(self) -> bool:
        return self._at == len(self._text)

    def take(self, sign: str) -> bool:
        """Whether `sign` stands here; if so, moves behind it."""
        if not self._text.startswith(sign, self._at):
            return False
        self._move(self._at + len(sign))
        return True

    def value(self) -> object:
        """The JSON value here. Raises EventFileError when there is none."""
        try:
            value, end = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno} column {error.colno}"
        except (ValueError, RecursionError):
            # NaN and its kin, a number of thousands of digits, or brackets nested a thousand deep.
            where = "event"
        else:
            self._move(end)
            return value
        raise EventFileError(self._path, self.line, _not_json("write JSON (RFC 8259)", where))

    def fail(self, mend: str) -> NoReturn:
        raise EventFileError(self._path, self.line, _not_json(mend))

    def _move(self, to: int) -> None:
        space = _SPACE.match(self._text, to)
        end = space.end() if space else to
        self.line += self._text.count("\n", self._at, end)
        self._at = end


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _not_json(mend: str, where: str = "file") -> Unreadable:
    return Unreadable(UnreadableReason.INVALID_JSON, where, mend)
