"""FHIR resources one a line (ndjson)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any, NoReturn

from local.replay.readers.record import RECORD_LIMIT, Record


def resources(stream: IO[bytes]) -> Iterator[Record]:
    """Every line that is not blank; a line that is no JSON object, or too long, is a record without content."""
    number = 0
    while line := stream.readline(RECORD_LIMIT):
        number += 1
        if not line.endswith(b"\n") and len(line) == RECORD_LIMIT:
            _skip_line(stream)
            yield Record(number, None)
        elif line.strip():
            yield Record(number, _resource(line))


def _skip_line(stream: IO[bytes]) -> None:
    while rest := stream.readline(RECORD_LIMIT):
        if rest.endswith(b"\n"):
            return


def _resource(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def refuse_constant(_: str) -> NoReturn:
    """NaN and Infinity are not JSON. Raises ValueError."""
    raise ValueError("NaN and Infinity are not JSON")
