"""FHIR validation, once for each shape of a resource: what a valid Task is, is tested elsewhere, and costs as much as a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from pydantic import BaseModel

from functions.emr import device_request, document, task, validity

_VARIES = frozenset({"identifier", "groupIdentifier", "for", "encounter", "authoredOn", "lastModified", "restriction"})
_seen: set[tuple[str, str]] = set()


def require_valid_shape(model: type[BaseModel], resource: dict[str, Any]) -> None:
    """See require_valid; ids and times do not make another shape."""
    shape = model.__name__, repr([(name, value) for name, value in resource.items() if name not in _VARIES])
    if shape not in _seen:
        validity.require_valid(model, resource)
        _seen.add(shape)


@contextmanager
def shapes_validated_once() -> Iterator[None]:
    """Meanwhile each shape is validated once in this process."""
    with ExitStack() as stack:
        for module in (task, document, device_request):
            stack.enter_context(patch.object(module, "require_valid", require_valid_shape))
        yield
