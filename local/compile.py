"""Brings `statemachines/published` up to date with the workflows, or says what is not; and releases what is published."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from local.check import found as findings
from local.check import told
from local.diagram.render import svg
from local.differing import places
from local.problem import Problem
from statemachines.compile.asl import asl_text
from statemachines.compile.dot import dot
from statemachines.compile.handoffs import csv_rows, markdown
from statemachines.compile.mermaid import mermaid
from statemachines.compile.wording import Wording
from statemachines.definition import Definition, digest, dump, load
from statemachines.published import FOLDER, RELEASED, released
from statemachines.uncollected import nothing_collected
from statemachines.verify import Finding, Severity
from statemachines.workflows import WORKFLOWS

COMMAND = "baton compile"
NAMED = 5
"""So many changed fields are named in an error."""

Verify = Callable[[Definition, Mapping[str, Definition]], Sequence[Finding]]
"""Every finding of a workflow, given all workflows by name."""
Version = tuple[str, int]


class PublishedVersionChanged(ValueError):
    """A version that is published already would change; the text names each, and what to do instead."""


class Faulty(Problem):
    """The verifier finds errors in what would be published; the text has each with its place and mend."""


class NotReleasable(Problem):
    """What is to be released is not published, or not current; the text says what, and what mends it."""


def compile_workflows(
    check: bool, *, workflows: Iterable[Definition] | None = None, folder: Path = FOLDER, verify: Verify = findings
) -> list[str]:
    """Verify and compile every workflow, and compile again what was derived from each version published earlier.

    With ``check`` nothing is written: returns one line for each file that is missing, stale or unexpected, for each
    published version that was changed, and each error of the verifier, with what mends it; none when all is current. Without,
    only what is not published yet is verified, before anything is written; returns the files written. Warnings of the
    verifier go to standard error.

    Raises PublishedVersionChanged and Faulty (not with ``check``), NotCompilable, NotDrawn, and MalformedReleases.
    """
    sources = list(WORKFLOWS.values() if workflows is None else workflows)
    published, changed = _published(folder)
    changed += _missing(sources, published, folder)
    conflicting = [definition for definition in sources if _conflicts(definition, published, folder)]
    changed += [_conflict(definition, published, folder) for definition in conflicting]
    if changed and not check:
        raise PublishedVersionChanged("\n".join(changed))
    found = _verified(sources if check else [each for each in sources if _key(each) not in published], sources, verify)
    errors = [line for lines in found.values() for line in lines]
    if errors and not check:
        raise Faulty("\n".join(["nothing is published, for the verifier finds:", *errors]))
    of_source = {_key(definition) for definition in sources}
    earlier = [each for key, each in published.items() if each is not None and key not in of_source]
    wrong = {*map(_key, conflicting), *found, *(key for key, each in published.items() if each is None)}
    definitions = [each for each in (*sources, *earlier) if _key(each) not in wrong]
    return [*changed, *errors, *_brought(definitions, check, folder)]


def release(
    names: Sequence[str] = (),
    *,
    workflows: Iterable[Definition] | None = None,
    folder: Path = FOLDER,
    verify: Verify = findings,
) -> list[str]:
    """Release what is published of these workflows (none named: of all): from then on these versions never change.

    Everything must be current. Returns the lines that were added to the list of released versions. Raises NotReleasable, and
    what compile_workflows raises.
    """
    stale = compile_workflows(True, workflows=workflows, folder=folder, verify=verify)
    if stale:
        raise NotReleasable("\n".join(["nothing is released, for what is published is not current:", *stale]))
    published, _ = _published(folder)
    unknown = sorted(set(names) - {name for name, _ in published})
    if unknown:
        raise NotReleasable(f"not published: {', '.join(unknown)}")
    before = released(folder)
    added = [
        f"{name} {version} {digest(definition)}"
        for (name, version), definition in published.items()
        if definition is not None and (name, version) not in before and (not names or name in names)
    ]
    with (folder / RELEASED).open("a", encoding="ascii", newline="\n") as lines:
        lines.writelines(f"{line}\n" for line in added)
    return added


def _verified(
    definitions: Iterable[Definition], sources: Iterable[Definition], verify: Verify
) -> Mapping[Version, list[str]]:
    """The verifier's errors, in words, of each that has any."""
    known = {definition.workflow: definition for definition in sources}
    errors: dict[Version, list[str]] = {}
    for definition in definitions:
        for finding in verify(definition, known):
            if finding.severity is Severity.ERROR:
                errors.setdefault(_key(definition), []).extend(told(finding))
            else:
                print("\n".join(told(finding)), file=sys.stderr)
    return errors


def _brought(definitions: Sequence[Definition], check: bool, folder: Path) -> Iterator[str]:
    worded = [Wording(definition) for definition in definitions]
    pictures = svg([dot(wording.definition, wording) for wording in worded])
    for wording, picture in zip(worded, pictures, strict=True):
        place = _place(_key(wording.definition), folder)
        wanted = _files(wording, picture)
        for name, text in wanted.items():
            yield from _bring(place / name, text, check, folder)
        if check:
            strays = sorted(set(place.iterdir()) - {place / name for name in wanted}) if place.is_dir() else []
            yield from (f"unexpected: {_shown(stray, folder)} (delete it)" for stray in strays)


def _files(wording: Wording, picture: str) -> Mapping[str, str]:
    definition = wording.definition
    with nothing_collected():
        return {
            "workflow.json": dump(definition),
            "digest": wording.digest + "\n",
            "asl.json": asl_text(definition, wording),
            "diagram.svg": picture,
            "diagram.mmd": mermaid(definition, wording),
            "handoffs.md": markdown(definition, wording),
            "handoffs.csv": csv_rows(definition, wording),
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


def _published(folder: Path) -> tuple[dict[Version, Definition | None], list[str]]:
    """Every published version, None where it is not what was published or released; and those, each in a line."""
    releases = released(folder)
    definitions: dict[Version, Definition | None] = {}
    changed = []
    for file in sorted(folder.glob("*/*/workflow.json")):
        key = file.parent.parent.name, int(file.parent.name)
        definition = _read(file)
        kept = releases.get(key) or _pinned(file.parent)
        if definition is not None and kept in (None, digest(definition)):
            definitions[key] = definition
        else:
            definitions[key] = None
            what = "released" if key in releases else "published"
            instead = "; a change needs a new version" if key in releases else ""
            changed.append(
                f"changed: {_shown(file, folder)} is not what was {what} (restore it from version control{instead})"
            )
    return definitions, changed


def _read(file: Path) -> Definition | None:
    try:
        return load(file.read_bytes())
    except ValueError:  # no workflow document any more, whatever it is
        return None


def _missing(sources: Iterable[Definition], published: Mapping[Version, object], folder: Path) -> list[str]:
    """The released versions that are not there, and that no source has."""
    there = {*published, *map(_key, sources)}
    return [
        f"missing: {_shown(_place(key, folder), folder)} is released (restore it from version control)"
        for key in released(folder)
        if key not in there
    ]


def _conflicts(definition: Definition, published: Mapping[Version, Definition | None], folder: Path) -> bool:
    """Whether this version is released or published with other content; one that was tampered with is told as that."""
    key = _key(definition)
    if key in published:
        before = published[key]
        return before is not None and digest(before) != digest(definition)
    kept = released(folder).get(key) or _pinned(_place(key, folder))
    return kept is not None and kept != digest(definition)


def _conflict(definition: Definition, published: Mapping[Version, Definition | None], folder: Path) -> str:
    key = _key(definition)
    is_released = key in released(folder)
    said = (
        f"changed: {definition.workflow} {definition.version} is {'released' if is_released else 'published'} "
        f"with other content than its source has{_where(definition, published.get(key))}. "
    )
    if is_released:
        return f"{said}A released version never changes: give the workflow a new version"
    return (
        f"{said}It is not released yet: give the workflow a new version, or delete {_shown(_place(key, folder), folder)} "
        f"and run: {COMMAND}"
    )


def _where(definition: Definition, before: Definition | None) -> str:
    """The fields that differ from what was published, as far as that is there."""
    if before is None:
        return ""
    differing = list(places(json.loads(dump(before)), json.loads(dump(definition))))
    more = f" and {len(differing) - NAMED} more" if len(differing) > NAMED else ""
    return f": {', '.join(differing[:NAMED])}{more}" if differing else ""


def _pinned(place: Path) -> str | None:
    pin = place / "digest"
    return pin.read_text(encoding="ascii").strip() if pin.is_file() else None


def _key(definition: Definition) -> Version:
    return definition.workflow, definition.version


def _place(version: Version, folder: Path) -> Path:
    name, number = version
    return folder / name / str(number)


def _shown(file: Path, folder: Path) -> str:
    """A path as it stands in the checkout."""
    return file.relative_to(folder.parents[1]).as_posix()
