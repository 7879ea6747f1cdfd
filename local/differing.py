"""Where two JSON documents differ, each place named as a person would look for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_NAMES = ("name", "id", "code", "event")
"""By one of these an element of a list is known, else by its number."""


def places(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """The places whose values differ, outermost first: ``transitions[T-03].when``; an element that only one has by itself."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from places(before.get(name), after.get(name), f"{at}.{name}" if at else name)
    elif isinstance(before, list) and isinstance(after, list):
        old, new = _known(before), _known(after)
        for name in dict.fromkeys((*old, *new)):
            yield from places(old.get(name), new.get(name), f"{at}[{name}]")
        if old == new and before != after:
            yield f"{at} (order)"
    elif before != after:
        yield at or "(everything)"


def _known(elements: Sequence[Any]) -> dict[str, Any]:
    """The elements by what they are known by; where that is not one to one, by their numbers."""
    named = {}
    for number, element in enumerate(elements):
        keys = [element[key] for key in _NAMES if key in element] if isinstance(element, Mapping) else []
        named[str(keys[0] if keys else number)] = element
    return named if len(named) == len(elements) else {str(number): each for number, each in enumerate(elements)}
