"""Published workflow versions, and what is derived from them: `<workflow>/<version>/`. Generated: `baton compile`.

A published definition does not change; its digest is pinned beside it. Once it is released, which is when cases may run under
it, it never changes again: RELEASED lists every released version with its digest, and only ever grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from statemachines.definition import Definition, digest, load

FOLDER = Path(__file__).parent
RELEASED = "RELEASED"
"""The file in FOLDER that lists the released versions, one a line: workflow, version, digest. `baton compile --release` adds to it."""


class NotPublished(LookupError):
    """There is no such workflow version; the text says which there are."""


class ChangedAfterPublishing(ValueError):
    """A published definition is not the one whose digest is pinned beside it, or not the one that was released."""


class MalformedReleases(ValueError):
    """The list of released versions cannot be read; the text says which line."""


def released(within: Path | None = None) -> Mapping[tuple[str, int], str]:
    """The digest of every released (workflow, version), in order of release. Raises MalformedReleases."""
    file = (FOLDER if within is None else within) / RELEASED
    found: dict[tuple[str, int], str] = {}
    for number, line in enumerate(file.read_text(encoding="ascii").splitlines() if file.is_file() else (), start=1):
        if line.startswith("#"):
            continue
        match line.split(" "):
            case [workflow, version, pinned] if version.isdecimal() and (workflow, int(version)) not in found:
                found[workflow, int(version)] = pinned
            case _:
                raise MalformedReleases(
                    f"{RELEASED}, line {number}: not a workflow, a version not listed yet, a digest"
                )
    return MappingProxyType(found)


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
    has = digest(definition)
    pinned = (place / "digest").read_text(encoding="ascii").strip()
    if has != pinned:
        raise ChangedAfterPublishing(f"{workflow} {version} has the digest {has}, pinned is {pinned}")
    kept = released().get(
        (workflow, version), has
    )  # a Lambda function carries no list, and what was released before it was built
    if has != kept:
        raise ChangedAfterPublishing(f"{workflow} {version} has the digest {has}, released is {kept}")
    return definition


@cache
def events_of() -> Mapping[str, tuple[tuple[str, int], ...]]:
    """By event type: the versions that know it, each as (workflow, version)."""
    knowing: dict[str, tuple[tuple[str, int], ...]] = {}
    for each in versions():
        for expected in published(*each).events:
            knowing[expected.event] = (*knowing.get(expected.event, ()), each)
    return MappingProxyType(knowing)
