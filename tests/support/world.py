"""A whole hospital network in memory: table, executions and clock, driven by events as they come from the bus."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from functions.cases import keys
from functions.cases.adapters.following import FollowingExecutions, Perform
from functions.cases.adapters.memory import MemoryTable
from functions.cases.commands import Command, Person
from functions.cases.facilities import register
from functions.cases.intake import take_in
from functions.cases.keys import Keyring
from functions.cases.library import Library
from functions.cases.lifespan import Lifespan
from functions.cases.outcome import Placed
from functions.cases.ports import Executions, Services, Signal
from functions.cases.quarantine import Kept
from functions.cases.rows import CaseRow, case_from
from functions.cases.sweep import Looked, sweep
from functions.cases.table import Index, Item, Key, Table, Update, read_all
from functions.cases.work import Step, perform
from statemachines.definition import Definition
from statemachines.facilities import facilities
from statemachines.policy import Policy
from statemachines.workflows.oxygen import OXYGEN

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp()
SECRET = b"a secret that is made for tests"
DAY = 24 * 3600.0
OXYGEN_ONLY = {OXYGEN.workflow: OXYGEN}
SOURCES = {
    "patient_": "baton.emr",
    "spo2_observed": "baton.emr",
    "shift_": "baton.roster",
}
STAFF = ("RT-LINDEN:RT", "RN-ASH:RN", "MD-OAK:PROVIDER", "LEAD-ELM:RT_LEAD", "CN-FIR:CHARGE_NURSE")
"""One person in each role of the oxygen workflow."""


def message(
    type: str,
    *,
    at: float,
    id: str,
    encounter: str,
    facility: str = "northfield",
    patient: str | None = None,
    by: str | None = None,
    **data: Any,
) -> str:
    """An event as the queue delivers it. ``by`` is "ID:ROLE"."""
    source = next((s for prefix, s in SOURCES.items() if type.startswith(prefix)), "baton.platform")
    detail: dict[str, Any] = {
        "event_id": id,
        "type": type,
        "schema_version": 1,
        "occurred_at": datetime.fromtimestamp(at, UTC).isoformat(),
        "facility": facility,
        "data": data,
    }
    if not type.startswith("shift_"):
        detail["subject"] = {"patient": patient or encounter.replace("E", "P"), "encounter": encounter}
    if by is not None:
        person, role = by.split(":")
        detail["actor"] = {"id": person, "role": role}
    return json.dumps({"source": source, "detail-type": type, "detail": detail})


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


class StepFunctionsDown(RuntimeError):
    """What a signal gets while Step Functions cannot be reached."""


class LaggingExecutions(FollowingExecutions):
    """Executions that can be held up before they enter some states, and that can be out of reach."""

    def __init__(self, definitions: Mapping[tuple[str, int], Definition], perform: Perform) -> None:
        super().__init__(definitions, perform)
        self.held_before: frozenset[str] = frozenset()
        self.down = False
        self.signals: list[Signal] = []
        self._held: list[tuple[tuple[str, int], Signal]] = []

    def start(self, workflow: str, version: int, case: str, generation: int, signal: Signal) -> None:
        """See Executions.start. Raises StepFunctionsDown while it is down."""
        self._reach(signal)
        super().start(workflow, version, case, generation, signal)

    def succeed(self, token: str, signal: Signal) -> None:
        """See Executions.succeed. Raises StepFunctionsDown while it is down."""
        self._reach(signal)
        super().succeed(token, signal)

    def run(self, *, limit: int = 10_000) -> None:
        """See FollowingExecutions.run; nothing runs while it is down."""
        if not self.down:
            super().run(limit=limit)

    def definition(self, workflow: str, version: int) -> Definition:
        """A definition that executions run."""
        return self._definitions[workflow, version]

    def go_on(self) -> None:
        """Enter what was held up; states that are still held before are held again when they come."""
        self._inputs.extend(self._held)
        held, self._held = len(self._held), []
        for _ in range(held):
            super()._enter(*self._inputs.pop(0))
        self.run()

    def _reach(self, signal: Signal) -> None:
        if self.down:
            raise StepFunctionsDown("out of reach")
        self.signals.append(signal)

    def _enter(self, name: tuple[str, int], signal: Signal) -> None:
        if signal["state"] in self.held_before:
            self._held.append((name, signal))
        else:
            super()._enter(name, signal)


class Asked:
    """Those who mirror cases in the EMR: they remember what they were asked, and show it at once when told to."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.asked: list[tuple[str, str]] = []
        self.checked: list[tuple[str, str]] = []

    def ask(self, case: str, entry: str) -> None:
        """See Mirrors.ask."""
        self.asked.append((case, entry))

    def check(self, case: str, entry: str) -> None:
        """See Mirrors.check."""
        self.checked.append((case, entry))

    def show(self, row: CaseRow) -> None:
        """The EMR shows the case as it is."""
        self.table.update(Update(keys.mirror(row.id, "emr"), set={"shown": row.seq}))


class World:
    """Drive it with ``send`` and ``pass_time``; look at it with ``case``, ``journal``, ``path``."""

    def __init__(
        self,
        *,
        definitions: Mapping[str, Definition] = OXYGEN_ONLY,
        policies: Mapping[str, Policy] | None = None,
        table: Table | None = None,
    ) -> None:
        self.now = START
        self.table: Table = table or MemoryTable()
        self.file = ScriptedStep(["sent"] * 100)
        self.confirm = ScriptedStep(["confirmed"] * 100)
        self.steps: dict[str, Step] = {"file_documentation": self.file, "confirm_documentation": self.confirm}
        self.following = LaggingExecutions({(d.workflow, d.version): d for d in definitions.values()}, self._perform)
        self.pauses = 0
        self.mirrors = Asked(self.table)
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
        for policy in (facilities() if policies is None else policies).values():
            register(self.table, policy, {d.workflow: d.version for d in definitions.values()}, definitions.values())

    def _pause(self, _: int) -> None:
        self.pauses += 1

    def _perform(self, services: Services, case: str, generation: int, visit: int, work: str) -> Signal:
        return perform(services, case, generation, visit, work, self.steps[work])

    def live(self, lifespan: Lifespan) -> None:
        """Let executions follow their cases for so long."""
        self.services = self.following.services = replace(self.services, lifespan=lifespan)

    def through(self, executions: Executions) -> Services:
        """The same services, but signals go through another port to the executions."""
        return replace(self.services, executions=executions)

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def use(self, table: Table) -> None:
        """From now on everything goes through this table."""
        self.table = table
        self.services = self.following.services = replace(self.services, table=table)

    def raw(self, type: str, *, at: float | None = None, id: str | None = None, **event: Any) -> str:
        """An event as the queue delivers it, of now unless ``at`` says otherwise; see ``message``."""
        return message(
            type,
            at=self.now if at is None else at,
            id=id or f"event-{next(self._ids)}",
            **{"encounter": "E-1", **event},
        )

    def send(self, type: str, *, run: bool = True, **event: Any) -> Placed | Kept:
        """Send one event and, unless ``run`` is False, let executions follow."""
        return self.deliver(self.raw(type, **event), run=run)

    def place(self, type: str, *, run: bool = True, **event: Any) -> Placed:
        """Send one event that must not end in quarantine."""
        placed = self.send(type, run=run, **event)
        assert isinstance(placed, Placed), placed
        return placed

    def place_all(self, type: str, **event: Any) -> list[Placed]:
        """The same, with the answers of all the cases that it is for."""
        placed = take_in(self.services, self.raw(type, **event))
        self.following.run()
        assert isinstance(placed, list), placed
        return placed

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

    def off_shift(self, person: str, *, facility: str = "northfield") -> None:
        """Take a person off shift."""
        self.send("shift_ended", facility=facility, staff_id=person)

    def pass_time(self, seconds: float, *, run: bool = True) -> None:
        """Let time pass; deadlines fire at their moment, unless ``run`` is False and Step Functions stands still."""
        end = self.now + seconds
        while run and (due := self.following.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.following.run()
        self.now = end
        if run:
            self.following.run()

    def sweep(self) -> list[Looked]:
        """Let the sweep look, then executions follow."""
        looked = list(sweep(self.services, self.mirrors))
        self.following.run()
        return looked

    def command(self, by: str, *, id: str | None = None, facility: str = "northfield") -> Command:
        """A command of "ID:ROLE" on the facility's one case."""
        person, role = by.split(":")
        return Command(id or f"command-{next(self._ids)}", self.case(facility).id, Person(person, role))

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────────

    def cases(self, facility: str = "northfield") -> list[CaseRow]:
        """The cases of a facility, oldest first."""
        found = self.table.query_index(Index.CASES, facility).items
        rows = [self.table.get(keys.meta(item["pk"].removeprefix("CASE#"))) for item in found]
        return [case_from(row) for row in rows if row is not None]

    def case(self, facility: str = "northfield") -> CaseRow:
        """The facility's one case."""
        (row,) = self.cases(facility)
        return row

    def state(self, facility: str = "northfield") -> str:
        """Where the facility's one case stands."""
        return self.case(facility).state

    def owner(self, facility: str = "northfield") -> str | None:
        """The accountable owner of the facility's one case; None when it has ended."""
        task = self.case(facility).task
        return task.owner if task is not None else None

    def row(self, key: Key) -> Item:
        """A row that must be there."""
        row = self.table.get(key)
        assert row is not None, f"no row {key}"
        return row

    def journal(self, case: str) -> list[Item]:
        """A case's journal in order."""
        return read_all(self.table, keys.case_pk(case), "J#")

    def tasks(self, case: str) -> list[Item]:
        """A case's tasks in order."""
        return read_all(self.table, keys.case_pk(case), "TASK#")

    def mark(self, event_id: str, facility: str = "northfield", workflow: str = "oxygen") -> Item | None:
        """What became of an event."""
        return self.table.get(self.services.keys.mark(facility, event_id, workflow))

    def path(self, case: str) -> list[str]:
        """The states of the case's visits in order."""
        return [row["to"] for row in read_all(self.table, keys.case_pk(case), "V#")]

    def followed(self, case: str) -> list[str]:
        """The states that the case's executions visited; a later generation begins where the one before should be."""
        return self.following.followed(case)

    def snapshot(self) -> dict[Key, Item]:
        """Every row there is, to compare with later."""
        assert isinstance(self.table, MemoryTable), "only a table in memory can be looked at as a whole"
        return {Key(row["pk"], row["sk"]): row for row in self.table.rows()}
