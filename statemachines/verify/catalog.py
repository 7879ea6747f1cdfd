"""What the event catalog says a field can report: its type, range, and whether it is always there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from events.catalog import CATALOG
from events.catalog.base import EventData
from statemachines.definition import ValueType

_TYPES = {
    "number": ValueType.NUMBER,
    "integer": ValueType.NUMBER,
    "boolean": ValueType.BOOLEAN,
    "string": ValueType.CODE,
}


class Field(NamedTuple):
    """A field of an event. ``type`` None: nothing that a fact can hold. ``always``: no event of the type lacks it.

    ``codes`` lists all values of an enumerated field; empty: any.
    """

    type: ValueType | None
    low: float | None
    high: float | None
    integer: bool
    codes: tuple[str, ...]
    always: bool


def fields_of(event: str) -> Mapping[str, Field] | None:
    """The fields of an event type, or None when the catalog does not have it."""
    row = CATALOG.get(event)
    return None if row is None else _fields(row.model)


@cache
def _fields(model: type[EventData]) -> Mapping[str, Field]:
    schema = model.model_json_schema()
    shared = schema.get("$defs", {})
    found = {}
    for name, part in schema.get("properties", {}).items():
        options = [_resolved(option, shared) for option in part.get("anyOf", [part])]
        stated = [option for option in options if option.get("type") != "null"]
        found[name] = _field(stated, always=len(stated) == len(options))
    return found


def _resolved(option: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = option.get("$ref", "")
    return shared.get(reference.rpartition("/")[2], option) if reference else option


def _field(options: list[Mapping[str, Any]], always: bool) -> Field:
    types = {_TYPES.get(option.get("type", "")) for option in options}
    lows = [option.get("minimum", option.get("exclusiveMinimum")) for option in options]
    highs = [option.get("maximum", option.get("exclusiveMaximum")) for option in options]
    codes = [option.get("enum") or ([option["const"]] if "const" in option else None) for option in options]
    return Field(
        type=types.pop() if len(types) == 1 else None,
        low=None if None in lows or not lows else min(lows),
        high=None if None in highs or not highs else max(highs),
        integer=bool(options) and all(option.get("type") == "integer" for option in options),
        codes=() if None in codes else tuple(str(code) for group in codes for code in group or ()),
        always=always,
    )
