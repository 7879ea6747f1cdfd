"""Finds the workflow versions and the policies that a command's arguments name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from statemachines.definition import Definition
from statemachines.facilities import facilities
from statemachines.policy import Policy
from statemachines.published import ChangedAfterPublishing, NotPublished, published
from statemachines.verify.document import read_policy, read_workflow
from statemachines.verify.finding import Finding
from statemachines.workflows import WORKFLOWS

VERSION_HELP = "a published version (oxygen@1), a file (workflow.json), or a workflow's source by name (oxygen)"
_PUBLISHED = re.compile(r"(?P<workflow>[a-z0-9_]+)@(?P<version>[0-9]+)")


class NotReadable(LookupError):
    """What an argument names is not there, or is not what it should be; the text says what and where."""


def add_facilities(parser: argparse.ArgumentParser) -> None:
    """The options that name other policies than those of the example facilities."""
    overlays = parser.add_mutually_exclusive_group()
    overlays.add_argument(
        "--facilities",
        type=Path,
        metavar="DIR",
        help="look at the overlays (*.json) in this folder, not at the examples",
    )
    overlays.add_argument(
        "--network", type=int, metavar="N", help="look at so many generated facilities with varied overlays"
    )


def definition(name: str) -> Definition:
    """The version that an argument names. Raises NotReadable."""
    match = _PUBLISHED.fullmatch(name)
    if match is not None:
        try:
            return published(match["workflow"], int(match["version"]))
        except (NotPublished, ChangedAfterPublishing) as problem:
            raise NotReadable(str(problem)) from problem
    path = Path(name)
    if path.is_file():
        read = read_workflow(_bytes(path), name)
        if isinstance(read, Definition):
            return read
        raise NotReadable(_faults(name, read))
    if name in WORKFLOWS:
        return WORKFLOWS[name]
    raise NotReadable(
        f"{name}: neither a published version (WORKFLOW@VERSION), nor a file, nor a workflow; "
        f"the workflows are {', '.join(sorted(WORKFLOWS))}"
    )


def policies(given: argparse.Namespace, definitions: Iterable[Definition]) -> Sequence[Policy]:
    """The overlays that the arguments name; without, the examples, for workflows that they are meant for. Raises NotReadable."""
    versions = list(definitions)
    if given.network is not None:
        from local.network import network

        try:
            # Overlays are older than the version that they are to run: they fit the first, and may not fit the second.
            return list(network(given.network, list({v.workflow: v for v in reversed(versions)}.values())))
        except ValueError as problem:
            raise NotReadable(str(problem)) from problem
    if given.facilities is None:
        return list(facilities().values()) if all(version.workflow in WORKFLOWS for version in versions) else []
    found: list[Policy] = []
    for path in sorted(given.facilities.glob("*.json")):
        read = read_policy(_bytes(path), str(path))
        if not isinstance(read, Policy):
            raise NotReadable(_faults(str(path), read))
        found.append(read)
    if not found:
        raise NotReadable(f"there is no overlay (*.json) in {given.facilities}")
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise NotReadable(f"{path} cannot be read: {problem.strerror}") from problem


def _faults(name: str, faults: Iterable[Finding]) -> str:
    """Every fault of a document, each with its place."""
    return "\n".join(
        [f"{name}: not such a document", *(f"  {fault.place.path or '$'}: {fault.sentence}" for fault in faults)]
    )
