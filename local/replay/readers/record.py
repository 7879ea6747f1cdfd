"""A record as its file has it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

RECORD_LIMIT = 16 * 1024 * 1024
"""Characters of one record. What is longer is accounted for as invalid, and memory stays bounded."""


class Format(StrEnum):
    """What kinds of files there are."""

    BUNDLE = "FHIR Bundle"
    RESOURCE = "FHIR resource"
    RESOURCES = "FHIR ndjson"
    CHART_EVENTS = "ICU chart events"
    STAYS = "ICU stays"
    ITEMS = "ICU item dictionary"


class Record(NamedTuple):
    """One record: the line it starts on, and its fields; None when it cannot be read."""

    line: int
    content: Mapping[str, Any] | None


class BrokenFile(Exception):
    """The rest of the file cannot be read; the text says why and where."""
