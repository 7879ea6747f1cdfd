"""Which files there are, what kind each is, and its records."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from local.replay.readers.bundle import entries, resource, resource_type
from local.replay.readers.record import BrokenFile, Format, Record
from local.replay.readers.resources import resources
from local.replay.readers.tables import header, rows

_COLUMNS = (
    (Format.CHART_EVENTS, {"icustay_id", "subject_id", "itemid", "charttime", "value"}),
    (Format.STAYS, {"icustay_id", "subject_id", "intime", "outtime"}),
    (Format.ITEMS, {"itemid", "label", "linksto"}),
)
_FIRST = (Format.ITEMS, Format.STAYS)
"""Read before others, which they explain."""


class Source(NamedTuple):
    """A file and its kind; None when it holds nothing that is known here."""

    path: Path
    format: Format | None


def sources(path: Path) -> list[Source]:
    """The files of a folder at any depth, or the one file with the tables beside it that explain it; dictionaries first.

    Raises FileNotFoundError.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}")
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
        found = [Source(file, recognise(file)) for file in sorted(files)]
    else:
        found = [Source(path, recognise(path))]
        if found[0].format is Format.CHART_EVENTS:
            beside = [Source(file, recognise(file)) for file in sorted(path.parent.iterdir()) if file.is_file()]
            found += [source for source in beside if source.format in _FIRST]
    return sorted(found, key=lambda source: source.format not in _FIRST)


def recognise(path: Path) -> Format | None:
    """The kind of a file, by its name's ending and what it begins with; None when it is unknown."""
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith((".ndjson", ".jsonl")):
            return Format.RESOURCES
        if name.endswith(".json"):
            with _text(path) as stream:
                kind = resource_type(stream)
            return Format.BUNDLE if kind == "Bundle" else Format.RESOURCE if kind else None
        if name.endswith(".csv"):
            with _text(path) as stream:
                columns = set(header(next(csv.reader([stream.readline(4096)]), [])))
            return next((format for format, needed in _COLUMNS if needed <= columns), None)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error):
        return None
    return None


def records(source: Source) -> Iterator[Record]:
    """The records of a file of a known kind. Raises BrokenFile where it cannot be read further."""
    try:
        match source.format:
            case Format.RESOURCES:
                with _bytes(source.path) as stream:
                    yield from resources(stream)
            case Format.BUNDLE:
                with _text(source.path) as text:
                    yield from entries(text)
            case Format.RESOURCE:
                with _text(source.path) as text:
                    yield from resource(text)
            case Format.CHART_EVENTS | Format.STAYS | Format.ITEMS:
                with _text(source.path) as text:
                    yield from rows(text)
            case None:
                return
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as problem:
        raise BrokenFile(f"{type(problem).__name__}: {problem}") from problem


@contextmanager
def _bytes(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as plain:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=plain) as packed, io.BufferedReader(packed) as stream:
                yield stream
        else:
            yield plain


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    with _bytes(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        yield text
