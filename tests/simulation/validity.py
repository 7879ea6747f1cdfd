"""FHIR validation, once for each shape of a resource: what a valid Task is, is tested elsewhere, and costs as much as a run."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from functions.emr import document, task, validity

_VARIES = frozenset({"identifier", "groupIdentifier", "for", "encounter", "authoredOn", "lastModified", "restriction"})
_seen: set[tuple[str, str]] = set()


def require_valid_shape(model: type[BaseModel], resource: dict[str, Any]) -> None:
    """See require_valid; ids and times do not make another shape."""
    shape = model.__name__, repr([(name, value) for name, value in resource.items() if name not in _VARIES])
    if shape not in _seen:
        validity.require_valid(model, resource)
        _seen.add(shape)


def validate_shapes_once() -> None:
    """Let this process validate each shape once."""
    task.require_valid = require_valid_shape  # type: ignore[attr-defined]
    document.require_valid = require_valid_shape  # type: ignore[attr-defined]
