"""A whole hospital network in memory: table, executions and clock, driven by events as they come from the bus."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from functions.cases import keys
from functions.cases.adapters.following import FollowingExecutions
from functions.cases.adapters.memory import MemoryTable
from functions.cases.facilities import register
from functions.cases.intake import take_in
from functions.cases.keys import Keyring
from functions.cases.library import Library
from functions.cases.outcome import Placed
from functions.cases.ports import Services, Signal
from functions.cases.quarantine import Kept
from functions.cases.rows import CaseRow, case_from
from functions.cases.table import Index, Item, Table, read_all
from functions.cases.work import Step, perform
from statemachines.definition import Definition
from statemachines.facilities import facilities
from statemachines.workflows import WORKFLOWS

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp()
SECRET = b"a secret that is made for tests"
SOURCES = {
    "patient_": "baton.emr",
    "spo2_observed": "baton.emr",
    "shift_": "baton.roster",
}


class ScriptedStep:
    """A system step whose outcomes are given beforehand, and that remembers what it was asked."""

    def __init__(self, outcomes: list[str | Exception]) -> None:
        self.outcomes = outcomes
        self.performed: list[str] = []
        self.compensated: list[str] = []

    def perform(self, row: CaseRow) -> str:
        """The next outcome; an exception is raised."""
        self.performed.append(row.state)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def compensate(self, row: CaseRow) -> None:
        """Remembered only."""
        self.compensated.append(row.state)


class World:
    """Drive it with ``send`` and ``pass_time``; look at it with ``case``, ``journal``, ``path``."""

    def __init__(self, *, definitions: Mapping[str, Definition] = WORKFLOWS, table: Table | None = None) -> None:
        self.now = START
        self.memory = MemoryTable()
        self.table: Table = table or self.memory
        self.steps: dict[str, Step] = {
            "file_documentation": ScriptedStep(["sent"] * 100),
            "confirm_documentation": ScriptedStep(["confirmed"] * 100),
        }
        self.following = FollowingExecutions({(d.workflow, d.version): d for d in definitions.values()}, self._perform)
        self.pauses = 0
        self.services = Services(
            table=self.table,
            executions=self.following,
            keys=Keyring(SECRET),
            library=Library(self.table, definitions.values()),
            now=lambda: self.now,
            pause=self._pause,
        )
        self.following.services = self.services
        self._ids = itertools.count(1)
        for policy in facilities().values():
            register(self.table, policy, {d.workflow: d.version for d in definitions.values()}, definitions.values())

    def _pause(self, _: int) -> None:
        self.pauses += 1

    def _perform(self, services: Services, case: str, generation: int, visit: int, work: str) -> Signal:
        return perform(services, case, generation, visit, work, self.steps[work])

    def raw(
        self,
        type: str,
        *,
        at: float | None = None,
        id: str | None = None,
        facility: str = "northfield",
        encounter: str = "E-1",
        by: str | None = None,
        **data: Any,
    ) -> str:
        """An event as the queue delivers it. ``by`` is "ID:ROLE"."""
        source = next((s for prefix, s in SOURCES.items() if type.startswith(prefix)), "baton.platform")
        detail: dict[str, Any] = {
            "event_id": id or f"event-{next(self._ids)}",
            "type": type,
            "schema_version": 1,
            "occurred_at": datetime.fromtimestamp(self.now if at is None else at, UTC).isoformat(),
            "facility": facility,
            "data": data,
        }
        if not type.startswith("shift_"):
            detail["subject"] = {"patient": encounter.replace("E", "P"), "encounter": encounter}
        if by is not None:
            person, role = by.split(":")
            detail["actor"] = {"id": person, "role": role}
        return json.dumps({"source": source, "detail-type": type, "detail": detail})

    def send(self, type: str, *, run: bool = True, **event: Any) -> Placed | Kept:
        """Send one event and, unless ``run`` is False, let executions follow."""
        return self.deliver(self.raw(type, **event), run=run)

    def deliver(self, raw: str, *, run: bool = True) -> Placed | Kept:
        """Deliver one message as it is."""
        result = take_in(self.services, raw)
        if run:
            self.following.run()
        return result[0] if isinstance(result, list) else result

    def on_shift(self, *people: str, facility: str = "northfield", hours: float = 12) -> None:
        """Put people on shift, each "ID:ROLE"."""
        until = datetime.fromtimestamp(self.now + hours * 3600, UTC).isoformat()
        for person in people:
            staff, role = person.split(":")
            self.send("shift_started", facility=facility, staff_id=staff, roles=[role], until=until)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; deadlines fire at their moment."""
        end = self.now + seconds
        while (due := self.following.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.following.run()
        self.now = end
        self.following.run()

    def cases(self, facility: str = "northfield") -> list[CaseRow]:
        """The cases of a facility, oldest first."""
        found = self.table.query_index(Index.CASES, facility).items
        rows = [self.table.get(keys.meta(item["pk"].removeprefix("CASE#"))) for item in found]
        return [case_from(row) for row in rows if row is not None]

    def case(self, facility: str = "northfield") -> CaseRow:
        """The facility's one case."""
        (row,) = self.cases(facility)
        return row

    def journal(self, case: str) -> list[Item]:
        """A case's journal in order."""
        return read_all(self.table, keys.case_pk(case), "J#")

    def path(self, case: str) -> list[str]:
        """The states of the case's visits in order."""
        return [row["to"] for row in read_all(self.table, keys.case_pk(case), "V#")]

    def followed(self, case: str, generation: int = 1) -> list[str]:
        """The states that the case's execution visited."""
        return self.following.executions[case, generation].path
