"""Published workflow versions, and what is derived from them: `<workflow>/<version>/`. Generated: `baton compile`.

A published definition never changes; its digest is pinned beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from statemachines.definition import Definition, digest, load

FOLDER = Path(__file__).parent


class NotPublished(LookupError):
    """There is no such workflow version; the text says which there are."""


class ChangedAfterPublishing(ValueError):
    """A published definition is not the one whose digest is pinned beside it."""


@cache
def versions() -> tuple[tuple[str, int], ...]:
    """Every published (workflow, version), in order."""
    found = FOLDER.glob("*/*/workflow.json")
    return tuple(sorted((file.parent.parent.name, int(file.parent.name)) for file in found))


def folder(workflow: str, version: int) -> Path:
    """Where a version's files are: workflow.json, asl.json, diagram.svg, diagram.mmd, handoffs.md and its digest.

    Raises NotPublished.
    """
    if (workflow, version) not in versions():
        known = ", ".join(f"{name} {number}" for name, number in versions()) or "nothing"
        raise NotPublished(f"{workflow} {version} is not published; published: {known}")
    return FOLDER / workflow / str(version)


@cache
def published(workflow: str, version: int) -> Definition:
    """The definition of a published version. Raises NotPublished or ChangedAfterPublishing."""
    place = folder(workflow, version)
    definition = load((place / "workflow.json").read_bytes())
    pinned = (place / "digest").read_text(encoding="ascii").strip()
    if digest(definition) != pinned:
        raise ChangedAfterPublishing(f"{workflow} {version} has the digest {digest(definition)}, pinned is {pinned}")
    return definition


@cache
def events_of() -> Mapping[str, tuple[tuple[str, int], ...]]:
    """By event type: the versions that know it, each as (workflow, version)."""
    knowing: dict[str, tuple[tuple[str, int], ...]] = {}
    for each in versions():
        for expected in published(*each).events:
            knowing[expected.event] = (*knowing.get(expected.event, ()), each)
    return MappingProxyType(knowing)
