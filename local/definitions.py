"""Finds the workflow versions and the policies that a command's arguments name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from statemachines.definition import Definition, load
from statemachines.facilities import facilities
from statemachines.policy import Policy
from statemachines.policy import load as load_policy
from statemachines.published import ChangedAfterPublishing, NotPublished, published
from statemachines.workflows import WORKFLOWS

VERSION_HELP = "a published version (oxygen@1), a file (workflow.json), or a workflow's source by name (oxygen)"
_PUBLISHED = re.compile(r"(?P<workflow>[a-z0-9_]+)@(?P<version>[0-9]+)")


class NotReadable(LookupError):
    """What an argument names is not there, or is not what it should be; the text says what and where."""


def add_facilities(parser: argparse.ArgumentParser) -> None:
    """The option that names other policies than those of the example facilities."""
    parser.add_argument(
        "--facilities",
        type=Path,
        metavar="FOLDER",
        help="overlay documents (*.json) of the facilities to look at (statemachines/facilities)",
    )


def definition(name: str) -> Definition:
    """The version that an argument names. Raises NotReadable."""
    match = _PUBLISHED.fullmatch(name)
    if match is not None:
        try:
            return published(match["workflow"], int(match["version"]))
        except (NotPublished, ChangedAfterPublishing) as problem:
            raise NotReadable(str(problem)) from problem
    if name in WORKFLOWS:
        return WORKFLOWS[name]
    path = Path(name)
    if not path.is_file():
        raise NotReadable(
            f"{name}: neither a published version (WORKFLOW@VERSION), nor a file, nor a workflow; "
            f"the workflows are {', '.join(sorted(WORKFLOWS))}"
        )
    try:
        return load(path.read_bytes())
    except ValidationError as problem:
        raise NotReadable(_faults(name, problem)) from problem


def policies(folder: Path | None) -> Mapping[str, Policy]:
    """The overlays in a folder, by facility; those of the examples without one. Raises NotReadable."""
    if folder is None:
        return facilities()
    found: dict[str, Policy] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            policy = load_policy(path.read_bytes())
        except ValidationError as problem:
            raise NotReadable(_faults(str(path), problem)) from problem
        found[policy.facility] = policy
    if not found:
        raise NotReadable(f"{folder}: no overlay documents (*.json) here")
    return found


def _faults(name: str, problem: ValidationError) -> str:
    """Every fault of a document, each with its place."""
    faults = [
        f"  {'.'.join(str(part) for part in error['loc']) or 'the document'}: {error['msg']}"
        for error in problem.errors(include_url=False, include_input=False)
    ]
    return "\n".join([f"{name}: not such a document", *faults])
