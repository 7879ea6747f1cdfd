"""A facility of its own on the deployed stack, and cases brought to wanted states there."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from events.catalog import CATALOG
from functions.cases import keys
from functions.cases.commit import OVERDUE_GRACE_SECONDS
from functions.cases.facilities import register
from functions.cases.intake import take_in
from functions.cases.ports import Executions, Services, Signal
from functions.cases.rows import CaseRow, case_from, signal, visit_from
from functions.cases.store import load_case
from functions.cases.table import Key, Update
from local.demo.people import Staff
from local.stack import LocalStack, newest
from statemachines.facilities import facilities

FACILITY = "eastbank"
RT, RN, MD, LEAD, CHARGE = STAFF = (
    Staff("RT-WILLOW", ("RT",)),
    Staff("RN-ALDER", ("RN",)),
    Staff("MD-CYPRESS", ("PROVIDER",)),
    Staff("LEAD-POPLAR", ("RT_LEAD",)),
    Staff("CN-JUNIPER", ("CHARGE_NURSE",)),
)
PATIENT_SECONDS = 20.0

Seen = TypeVar("Seen")

COURSE: dict[str, tuple[str, Staff, dict[str, Any]]] = {
    "ordered": ("oxygen_ordered", MD, {"order_id": "order-1", "age_years": 60}),
    "assessment_due": ("oxygen_changed", RN, {"flow_l_min": 2.0, "device": "nasal cannula"}),
    "titrated_undocumented": ("oxygen_discontinued", RN, {"reason": "stable on room air"}),
    "documented_unsigned": ("note_written", RT, {"note_id": "note-1"}),
    "filing": ("note_signed", RT, {"note_id": "note-1"}),
}
"""The shortest course from an order to the step in which the system itself works, by the state that each event leads to."""


class Nobody(Executions):
    """No execution follows: what is committed stays ahead of Step Functions."""

    def start(self, workflow: str, version: int, case: str, generation: int, signal: Signal) -> None:
        """See Executions.start."""

    def succeed(self, token: str, signal: Signal) -> None:
        """See Executions.succeed."""

    def status(self, *_: object, **__: object) -> str | None:
        """See Executions.status."""
        return None


class Ward:
    """The facility; its deadlines are hours, so that none passes by itself."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack, self.connection = stack, stack.connection
        self.followed: Services = stack.connection.services
        self.alone = replace(self.followed, executions=Nobody())
        self._run = uuid.uuid4().hex[:6]
        self._numbers = itertools.count(1)
        policy = facilities()["northfield"].model_copy(update={"facility": FACILITY})
        table, definitions = self.connection.table, self.connection.definitions
        register(table, policy, newest(self.connection), definitions)
        until = (datetime.now(UTC) + timedelta(hours=12)).isoformat()
        for person in STAFF:
            self._taken(self.alone, self.raw("shift_started", staff_id=person.id, roles=person.roles, until=until))

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def encounter(self) -> str:
        """A new encounter's id."""
        return f"ward-{self._run}-{next(self._numbers)}"

    def raw(self, type: str, encounter: str | None = None, by: Staff | None = None, **data: Any) -> str:
        """An event as the queue delivers it."""
        detail: dict[str, Any] = {
            "event_id": f"ward-{self._run}-{next(self._numbers)}",
            "type": type,
            "schema_version": 1,
            "occurred_at": datetime.now(UTC).isoformat(),
            "facility": FACILITY,
            "data": data,
        }
        if encounter is not None:
            detail["subject"] = {"patient": f"P-{encounter}", "encounter": encounter}
        if by is not None:
            detail["actor"] = {"id": by.id, "role": by.roles[0]}
        return json.dumps({"source": str(min(CATALOG[type].sources)), "detail-type": type, "detail": detail})

    def next(self, encounter: str, to: str) -> str:
        """The event that leads to a state of the course, as the queue delivers it."""
        type, by, data = COURSE[to]
        return self.raw(type, encounter, by, **data)

    # ── cases ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def unfollowed(self, state: str, encounter: str | None = None) -> CaseRow:
        """A new case in a state of the course, which no execution follows."""
        return self._brought(self.alone, encounter or self.encounter(), state)

    def parked(self, state: str, encounter: str | None = None) -> CaseRow:
        """A new case in a state of the course, whose execution waits there."""
        row = self._brought(self.followed, encounter or self.encounter(), state)
        return self.eventually(lambda: self._parked(row.id))

    def waiting(self, state: str, seconds: int) -> CaseRow:
        """A new case that is overdue, whose execution waits no longer than these seconds."""
        row = self.overdue(self.unfollowed(state))
        visit = self.connection.table.get(keys.visit(row.id, row.visit))
        assert visit is not None
        first = {**signal(visit_from(visit), row.generation, time.time()), "timeout": seconds}
        self.followed.executions.start(row.workflow, row.version, row.id, row.generation, first)
        return self.eventually(lambda: self._parked(row.id))

    def take(self, raw: str) -> None:
        """Take an event in, and let the execution follow."""
        self._taken(self.followed, raw)

    def moved_ahead(self, row: CaseRow, to: str) -> CaseRow:
        """Move a case on without telling its execution."""
        assert row.encounter is not None
        self._taken(self.alone, self.next(row.encounter, to))
        return self.row(row.id)

    def overdue(self, row: CaseRow) -> CaseRow:
        """Let a case have moved, and its deadline have passed, long enough ago; its timer knows nothing of it."""
        past = time.time() - OVERDUE_GRACE_SECONDS - 1
        self.connection.table.update(Update(keys.meta(row.id), set={"due": past, "moved_at": past}))
        return self.row(row.id)

    def grown_old(self, row: CaseRow) -> CaseRow:
        """Let a case's execution have followed it since the beginning of time."""
        self.connection.table.update(Update(keys.meta(row.id), set={"followed_since": 1.0}, add={"rev": 1}))
        return self.row(row.id)

    def held(self, encounter: str) -> Key:
        """Where an event waits whose case is not open; it has just been sent."""
        self._taken(self.alone, self.next(encounter, "assessment_due"))
        correlation = self.alone.keys.correlation(FACILITY, "oxygen", encounter)
        (waiting,) = self.connection.table.query(correlation, "EARLY#").items
        return Key(waiting["pk"], waiting["sk"])

    def row(self, case: str) -> CaseRow:
        """The case as it is now."""
        row = load_case(self.alone, case)
        assert row is not None, f"there is no case {case}"
        return row

    def _parked(self, case: str) -> CaseRow | None:
        row = self.row(case)
        return row if row.parked_visit == row.visit else None

    def _brought(self, services: Services, encounter: str, state: str) -> CaseRow:
        for reached in COURSE:
            self._taken(services, self.next(encounter, reached))
            if reached == state:
                break
        correlation = services.keys.correlation(FACILITY, "oxygen", encounter)
        place = self.connection.table.get(Key(correlation, keys.OPEN))
        assert place is not None
        row = self.connection.table.get(keys.meta(place["case"]))
        assert row is not None
        assert row["state"] == state
        return case_from(row)

    def _taken(self, services: Services, raw: str) -> None:
        result = take_in(services, raw)
        assert isinstance(result, list), result
        assert all(placed.outcome in ("moved", "recorded", "held_early") for placed in result), result

    # ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def eventually(self, look: Callable[[], Seen | None], seconds: float = PATIENT_SECONDS) -> Seen:
        """What ``look`` gives once it gives something."""
        end = time.monotonic() + seconds
        while (seen := look()) is None:
            assert time.monotonic() < end, f"did not happen within {seconds:.0f} s"
            time.sleep(0.05)
        return seen
