"""What can be taken away from the stack as it is synthesised: each dead-letter queue, and each place where one is named.

One line of the stack's source can stand for several queues, so these are found in the template, by name. They are taken away
just before the app is synthesised, so that the tests see what would be deployed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.mutation.mutation import Edit, Kind, Mutation

APP: Final = "cdk/app.py"
BEFORE: Final = "    return made\n"
"""In the app, where its one stack is complete."""

NAMING: Final = frozenset(["DeadLetterConfig", "DestinationConfig", "RedrivePolicy"])
"""The properties that name a place for failures."""


class Place(NamedTuple):
    """A property of a resource, and the dead-letter queue that it names; both by logical id."""

    resource: str
    path: str
    queue: str


def template_of(root: Path) -> dict[str, Any]:
    """The template of the sources in ``root``, synthesised if need be. Raises CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-m", "cdk.synth", "local"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    made: dict[str, Any] = json.loads(Path(done.stdout.strip(), "Baton.template.json").read_text())
    return made


def places(template: Mapping[str, Any]) -> list[Place]:
    """Every place where a dead-letter queue is named, in the template's order."""
    return [
        Place(name, path, queue)
        for name, resource in template["Resources"].items()
        for path, queue in _named(resource.get("Properties", {}), ())
    ]


def _named(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    below = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, each in below:
        here = (*path, str(key))
        if key in NAMING:
            yield ".".join(here), _queue(each)
        else:
            yield from _named(each, here)


def _queue(value: Any) -> str:
    """The first logical id in it. Raises LookupError."""
    if isinstance(value, Mapping):
        if "Fn::GetAtt" in value:
            return str(value["Fn::GetAtt"][0])
        for each in value.values():
            if isinstance(each, Mapping):
                return _queue(each)
    raise LookupError(f"{value} names no queue")


def deployed(root: Path, template: Mapping[str, Any]) -> list[Mutation]:
    """Each dead-letter queue taken from all who name it, then each such place by itself where a queue has several."""
    found = places(template)
    mutations = []
    for queue in dict.fromkeys(place.queue for place in found):
        its = [place for place in found if place.queue == queue]
        mutations.append(_without(root, queue, "no such dead-letter queue", its))
        if len(its) > 1:
            mutations.extend(_without(root, queue, f"{each.resource} without {each.path}", [each]) for each in its)
    return mutations


def _without(root: Path, queue: str, what: str, taken: list[Place]) -> Mutation:
    source = Path(root, APP).read_text()
    if source.count(BEFORE) != 1:
        raise LookupError(f"{APP}: `{BEFORE.strip()}` occurs {source.count(BEFORE)} times")
    at = source.index(BEFORE)
    lost = [(each.resource, each.path) for each in taken]
    text = (
        "    from aws_cdk import CfnResource, Stack\n"
        "    for each in made.node.find_all():\n"
        f"        for resource, path in {lost!r}:\n"
        "            if CfnResource.is_cfn_resource(each) and Stack.of(each).resolve(each.logical_id) == resource:\n"
        "                each.add_property_deletion_override(path)\n"
    )
    start = len(source[:at].encode())
    line = source[:at].count("\n") + 1
    return Mutation(APP, queue, what, line, (Edit(start, start, text),), kind=Kind.DEAD_LETTERS)
