"""Definitions and policies by version: read once, kept, because a published version never changes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from functions.cases import keys
from functions.cases.table import Table
from statemachines import policy as policies
from statemachines.definition import Correlation, Definition
from statemachines.machine import Machine

ACTIVE_FOR_SECONDS = 30.0
"""How long a facility's active versions may be remembered: what a roll-out changes takes effect after so long at most."""

MOST_MACHINES = 400
"""A machine takes about 0.2 MB; so many fit well into a function's memory. The one that was not asked for longest goes first."""


@dataclass(frozen=True, slots=True)
class Active:
    """What a facility starts new cases with: workflow → version, and the version of its policy."""

    workflows: Mapping[str, int]
    policy: str


class Library:
    """Gives machines: a definition under a facility's policy."""

    def __init__(self, table: Table, definitions: Iterable[Definition]) -> None:
        """``definitions`` are all published versions."""
        self._table = table
        self._definitions = {(d.workflow, d.version): d for d in definitions}
        self._correlations = {d.workflow: d.correlation for d in self._definitions.values()}
        handlers: dict[str, dict[str, None]] = {}
        for definition in self._definitions.values():
            for expected in definition.events:
                handlers.setdefault(expected.event, {})[definition.workflow] = None
        self._handlers = {event: tuple(workflows) for event, workflows in handlers.items()}
        self._machines: dict[tuple[str, int, str, str], Machine] = {}
        self._active: dict[str, tuple[float, Active | None]] = {}

    def workflows_for(self, event_type: str) -> tuple[str, ...]:
        """The workflows that know this event type, in any version."""
        return self._handlers.get(event_type, ())

    def correlation(self, workflow: str) -> Correlation:
        """How a workflow's cases are told apart; the same in all its versions."""
        return self._correlations[workflow]

    def active(self, facility: str) -> Active | None:
        """What the facility starts new cases with; None for a facility nobody registered."""
        now = time.monotonic()
        known = self._active.get(facility)
        if known is not None and known[0] > now:
            return known[1]
        row = self._table.get(keys.facility_active(facility))
        active = Active({k: int(v) for k, v in row["workflows"].items()}, row["policy"]) if row else None
        if active is not None:  # an unknown facility may be registered the next moment
            self._active[facility] = (now + ACTIVE_FOR_SECONDS, active)
        return active

    def _definition(self, workflow: str, version: int) -> Definition:
        if (workflow, version) not in self._definitions:
            raise LookupError(f"{workflow} version {version} is not among the published versions deployed here")
        return self._definitions[workflow, version]

    def machine(self, workflow: str, version: int, facility: str, policy: str) -> Machine:
        """The machine of a pinned version under a pinned policy. Raises LookupError when either is not there."""
        at = (workflow, version, facility, policy)
        machine = self._machines.pop(at, None)
        if machine is None:
            row = self._table.get(keys.facility_policy(facility, policy))
            if row is None:
                raise LookupError(
                    f"facility {facility} has no policy {policy}; register it with `baton facility register`"
                )
            machine = Machine(self._definition(workflow, version), policies.load(row["document"]))
            if len(self._machines) >= MOST_MACHINES:
                del self._machines[next(iter(self._machines))]
        self._machines[at] = machine  # at the end again: the dictionary keeps the order of use
        return machine
