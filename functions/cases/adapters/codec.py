"""Rows to DynamoDB's attribute values and back. Numbers travel as text, so integers and floats come back as they were."""

from __future__ import annotations

from typing import Any

from functions.cases.table import Item


def encode(value: Any) -> dict[str, Any]:
    """One value as an attribute value. Raises TypeError for what a row cannot hold."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return {"N": repr(value)}
        case bytes():
            return {"B": value}
        case list() | tuple():
            return {"L": [encode(v) for v in value]}
        case dict():
            return {"M": {k: encode(v) for k, v in value.items()}}
    raise TypeError(f"a row cannot hold a {type(value).__name__}")


def decode(attribute: dict[str, Any]) -> Any:
    """One attribute value as Python has it."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return float(value) if any(c in value for c in ".eE") else int(value)
        case "NULL":
            return None
        case "L":
            return [decode(v) for v in value]
        case "M":
            return {k: decode(v) for k, v in value.items()}
        case "B":
            return bytes(value)
        case _:
            return value


def encode_item(item: Item) -> dict[str, Any]:
    """A whole row for DynamoDB."""
    return {name: encode(value) for name, value in item.items()}


def decode_item(item: dict[str, Any]) -> Item:
    """A whole row from DynamoDB."""
    return {name: decode(value) for name, value in item.items()}
