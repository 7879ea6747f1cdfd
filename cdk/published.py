"""The published workflow versions, as they are deployed: each becomes one state machine."""

from __future__ import annotations

import json
from dataclasses import dataclass

from statemachines import published
from statemachines.definition import Definition


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: its definition, and the state machine compiled from it (Amazon States Language, compact JSON)."""

    definition: Definition
    asl: str

    @property
    def name(self) -> str:
        """What the machine is called after the stack's prefix, such as oxygen-v1."""
        return f"{self.definition.workflow}-v{self.definition.version}"

    @property
    def work_seconds(self) -> tuple[int, ...]:
        """How long each step may take in which the system itself acts."""
        return tuple(state.work.timeout_seconds for state in self.definition.states if state.work is not None)


class NothingPublishedError(LookupError):
    """There is no published workflow version to deploy."""


def versions() -> tuple[Version, ...]:
    """All published versions, by workflow and number.

    Raises NothingPublishedError, and what statemachines.published raises for a version that is not as it was published.
    """
    found = tuple(_version(*each) for each in published.versions())
    if not found:
        raise NothingPublishedError("no workflow version is published: run `baton compile`")
    return found


def _version(workflow: str, number: int) -> Version:
    machine = json.loads((published.folder(workflow, number) / "asl.json").read_bytes())
    # Without spaces: a template has a limit, and every version ever published is in it.
    compact = json.dumps(machine, separators=(",", ":"), ensure_ascii=False)
    return Version(published.published(workflow, number), compact)
