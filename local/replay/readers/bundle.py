"""FHIR in JSON files: one resource, or the entries of a Bundle of any size, one at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any

from local.replay.readers.record import RECORD_LIMIT, BrokenFile, Record
from local.replay.readers.resources import refuse_constant

_SPACE = re.compile(r"[ \t\r\n]*")
_CHUNK = 64 * 1024


def entries(stream: IO[str], *, limit: int = RECORD_LIMIT) -> Iterator[Record]:
    """Every entry of the Bundle. Raises BrokenFile where the text stops being JSON, and for an entry longer than ``limit``."""
    scan = _Scan(stream, limit)
    scan.expect("{")
    while not scan.take("}"):
        name = scan.value()
        scan.expect(":")
        if name == "entry" and scan.take("["):
            while not scan.take("]"):
                line = scan.line
                value = scan.value()
                yield Record(line, value if isinstance(value, dict) else None)
                scan.take(",")
        else:
            scan.value()
        scan.take(",")


def resource(stream: IO[str]) -> Iterator[Record]:
    """The file's one resource. Raises BrokenFile when it is no JSON, or too long."""
    scan = _Scan(stream, RECORD_LIMIT)
    line = scan.line
    value = scan.value()
    yield Record(line, value if isinstance(value, dict) else None)


def resource_type(stream: IO[str]) -> str | None:
    """The resourceType of the JSON object that begins here, if it comes before anything large; None when it is no resource."""
    scan = _Scan(stream, _CHUNK)
    try:
        if not scan.take("{"):
            return None
        while not scan.take("}"):
            name = scan.value()
            scan.expect(":")
            if name == "resourceType":
                value = scan.value()
                return value if isinstance(value, str) else None
            if name == "entry":
                return "Bundle"
            scan.value()
            scan.take(",")
    except BrokenFile:
        return None
    return None


class _Scan:
    """A place in the text. Holds what has been read of one value, and nothing before it."""

    def __init__(self, stream: IO[str], limit: int) -> None:
        self._stream, self._limit = stream, limit
        self._decoder = json.JSONDecoder(parse_constant=refuse_constant)
        self._text, self._at, self._ended = "", 0, False
        self.line = 1
        self._move(0)

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise BrokenFile(f"line {self.line}: {sign!r} expected")

    def take(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._move(self._at + len(sign))
        return True

    def value(self) -> Any:
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                value, end = None, None
            # A number or a literal at the end of what was read may go on in what was not.
            if end is not None and (end < len(self._text) or self._ended or isinstance(value, (str, list, dict))):
                self._move(end)
                return value
            if self._ended:
                raise BrokenFile(f"line {self.line}: not JSON from here on")
            if len(self._text) - self._at > self._limit:
                raise BrokenFile(f"line {self.line}: no JSON value of at most {self._limit} characters")
            self._more()

    def _move(self, to: int) -> None:
        """Go on to the next sign after ``to``; what lies before it is forgotten once it is much."""
        while True:
            space = _SPACE.match(self._text, to)
            end = space.end() if space is not None else to
            self.line += self._text.count("\n", self._at, end)
            self._at = to = end
            if end < len(self._text) or self._ended:
                return
            self._more()
            to = self._at

    def _more(self) -> None:
        self._text = self._text[self._at :]
        self._at = 0
        try:
            chunk = self._stream.read(max(_CHUNK, len(self._text)))
        except (UnicodeDecodeError, EOFError, OSError) as problem:
            raise BrokenFile(f"after line {self.line}: {type(problem).__name__}") from problem
        self._ended = not chunk
        self._text += chunk
