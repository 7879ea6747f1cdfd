"""Rows of CSV tables."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO

from local.replay.readers.record import RECORD_LIMIT, Record


def rows(stream: IO[str]) -> Iterator[Record]:
    """Every row under the header; one of another length, or with a field beyond csv's limit, is a record without content."""
    reader = csv.reader(iter(lambda: stream.readline(RECORD_LIMIT), ""))
    names = header(next(reader, []))
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Record(line, None)
            continue
        if row:
            yield Record(line, dict(zip(names, row, strict=True)) if len(row) == len(names) else None)


def header(row: list[str]) -> list[str]:
    """Column names in small letters: extracts of the same tables are written in either case."""
    return [name.strip().lower() for name in row]
