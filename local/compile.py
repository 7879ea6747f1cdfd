"""Brings `statemachines/published` up to date with the workflows, or says what is not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from local.diagram.render import svg
from local.differing import places
from statemachines.compile.asl import asl_text
from statemachines.compile.dot import dot
from statemachines.compile.handoffs import csv_rows, markdown
from statemachines.compile.mermaid import mermaid
from statemachines.definition import Definition, digest, dump, load
from statemachines.published import FOLDER
from statemachines.workflows import WORKFLOWS

COMMAND = "baton compile"
NAMED = 5
"""So many changed fields are named in an error."""


class PublishedVersionChanged(ValueError):
    """A version that is published already would change; the text names each, and what to do instead."""


def compile_workflows(
    check: bool, *, workflows: Iterable[Definition] | None = None, folder: Path = FOLDER
) -> list[str]:
    """Compile every workflow, and again what was derived from each version published earlier.

    With ``check`` nothing is written: returns one line for each file that is missing, stale or unexpected and for each
    published version that was changed, with what mends it; none when all is current. Without, returns the files written.

    Raises PublishedVersionChanged (not with ``check``), NotCompilable, and NotDrawn.
    """
    sources = list(WORKFLOWS.values() if workflows is None else workflows)
    earlier, changed = _published_earlier(sources, folder)
    conflicting = [definition for definition in sources if _conflicts(definition, folder)]
    changed += [_conflict(definition, folder) for definition in conflicting]
    if changed and not check:
        raise PublishedVersionChanged("\n".join(changed))
    definitions = [definition for definition in (*sources, *earlier) if definition not in conflicting]
    said: list[str] = []
    for definition, picture in zip(definitions, svg([dot(each) for each in definitions]), strict=True):
        place = _place(definition, folder)
        wanted = _files(definition, picture)
        for name, text in wanted.items():
            said += _bring(place / name, text, check, folder)
        if check:
            strays = sorted(set(place.iterdir()) - {place / name for name in wanted}) if place.is_dir() else []
            said += [f"unexpected: {_shown(stray, folder)} (delete it)" for stray in strays]
    return changed + said


def _files(definition: Definition, picture: str) -> Mapping[str, str]:
    return {
        "workflow.json": dump(definition),
        "digest": digest(definition) + "\n",
        "asl.json": asl_text(definition),
        "diagram.svg": picture,
        "diagram.mmd": mermaid(definition),
        "handoffs.md": markdown(definition),
        "handoffs.csv": csv_rows(definition),
    }


def _bring(file: Path, text: str, check: bool, folder: Path) -> list[str]:
    current = file.read_bytes().decode() if file.is_file() else None
    if current == text:
        return []
    if check:
        return [f"{'missing' if current is None else 'stale'}: {_shown(file, folder)} (run: {COMMAND})"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())  # as it is: the lines of a CSV end as its standard says
    return [_shown(file, folder)]


def _conflicts(definition: Definition, folder: Path) -> bool:
    """Whether this version is published with other content: a published definition never changes."""
    place = _place(definition, folder)
    document = place / "workflow.json"
    pinned = _pinned(place)
    if pinned is None and document.is_file():
        pinned = digest(load(document.read_bytes()))
    return pinned is not None and pinned != digest(definition)


def _conflict(definition: Definition, folder: Path) -> str:
    place = _place(definition, folder)
    return (
        f"changed: {definition.workflow} {definition.version} is published with other content than its source has"
        f"{_where(definition, place / 'workflow.json')}. "
        "Give the workflow a new version; only if it was never deployed, "
        f"delete {_shown(place, folder)} and run: {COMMAND}"
    )


def _where(definition: Definition, document: Path) -> str:
    """The fields that differ from what was published, as far as its document tells."""
    if not document.is_file():
        return ""
    found = list(places(json.loads(document.read_bytes()), json.loads(dump(definition))))
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f": {', '.join(found[:NAMED])}{more}" if found else ""


def _published_earlier(sources: Iterable[Definition], folder: Path) -> tuple[list[Definition], list[str]]:
    """The published versions that no source has any more; and those of them that are not what was published."""
    places = {_place(definition, folder) for definition in sources}
    definitions, changed = [], []
    for file in sorted(folder.glob("*/*/workflow.json")):
        if file.parent in places:
            continue
        definition = load(file.read_bytes())
        if digest(definition) == _pinned(file.parent):
            definitions.append(definition)
        else:
            changed.append(
                f"changed: {_shown(file, folder)} is not what was published (restore it from version control)"
            )
    return definitions, changed


def _pinned(place: Path) -> str | None:
    pin = place / "digest"
    return pin.read_text(encoding="ascii").strip() if pin.is_file() else None


def _place(definition: Definition, folder: Path) -> Path:
    return folder / definition.workflow / str(definition.version)


def _shown(file: Path, folder: Path) -> str:
    """A path as it stands in the checkout."""
    return file.relative_to(folder.parents[1]).as_posix()
