"""The stage of the demonstration: sends events as people and devices would, gives commands, and waits for what must happen.

It remembers every event it sent, so that the report can say what became of each.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from events.catalog import CATALOG
from events.envelope import Source
from functions.cases import keys
from functions.cases.commands import Command, Person
from functions.cases.rows import CaseRow
from functions.cases.store import load_case
from functions.cases.table import Key
from local.connection import Connection
from local.demo.people import PATIENTS, Patient, Staff

POLL_SECONDS = 0.15
PATIENCE_SECONDS = 240.0
"""How long anything may take that must happen: long enough for work that died several times to be done again."""


class TooLate(RuntimeError):
    """Something that the scenario waits for did not happen in time."""


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event as it was sent; ``times`` counts repetitions, ``spoilt`` says that it was made unreadable on purpose."""

    id: str
    type: str
    facility: str
    spoilt: bool = False
    times: int = 1


class Stage:
    """Where the scenario plays. ``watch`` is called while it waits, to show what happens."""

    def __init__(self, connection: Connection, watch: Callable[[], None]) -> None:
        self.connection, self._watch = connection, watch
        self.sent: dict[str, SentEvent] = {}
        self._run = uuid.uuid4().hex[:8]
        self._numbers = itertools.count(1)

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def event(
        self, type: str, who: Patient, by: Staff | None = None, *, ago: float = 0, id: str | None = None, **data: Any
    ) -> dict[str, Any]:
        """An entry for the bus: something that happened ``ago`` seconds before now."""
        event_id = id or f"demo-{self._run}-{next(self._numbers):03d}"
        detail: dict[str, Any] = {
            "event_id": event_id,
            "type": type,
            "schema_version": 1,
            "occurred_at": (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(),
            "facility": who.facility,
            "subject": {"patient": who.patient, "encounter": who.encounter},
            "data": data,
        }
        if by is not None:
            detail["actor"] = {"id": by.id, "role": by.roles[0]}
        return self._remembered(type, detail)

    def shift(self, facility: str, person: Staff, hours: float = 12) -> dict[str, Any]:
        """An entry for the bus: a shift that started a minute ago."""
        now = datetime.now(UTC)
        detail = {
            "event_id": f"demo-{self._run}-{next(self._numbers):03d}",
            "type": "shift_started",
            "schema_version": 1,
            "occurred_at": (now - timedelta(minutes=1)).isoformat(),
            "facility": facility,
            "data": {
                "staff_id": person.id,
                "roles": list(person.roles),
                "until": (now + timedelta(hours=hours)).isoformat(),
            },
        }
        return self._remembered("shift_started", detail)

    def spoilt(self, entry: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """The entry with its detail changed so that it cannot be taken in; a value of None removes the field."""
        detail = json.loads(entry["Detail"])
        for name, value in changes.items():
            if value is None:
                detail.pop(name)
            else:
                detail[name] = value
        known = self.sent.pop(json.loads(entry["Detail"])["event_id"])
        event_id = str(detail.get("event_id", known.id))
        self.sent[event_id] = SentEvent(event_id, str(detail.get("type", known.type)), str(detail["facility"]), True)
        return {**entry, "DetailType": str(detail.get("type", known.type)), "Detail": json.dumps(detail)}

    def straight(self, entry: dict[str, Any], body: Callable[[str], str]) -> None:
        """Put a message on the queue of events past the bus, as a misconfigured sender would; ``body`` spoils what it says.

        The message must still hold its event's id, or nobody can tell what became of it.
        """
        detail = json.loads(entry["Detail"])
        known = self.sent.pop(detail["event_id"])
        self.sent[known.id] = SentEvent(known.id, known.type, known.facility, True)
        message = json.dumps({"source": entry["Source"], "detail-type": entry["DetailType"], "detail": detail})
        self.connection.enqueue(body(message))
        self._watch()

    def _remembered(self, type: str, detail: dict[str, Any]) -> dict[str, Any]:
        known = self.sent.get(detail["event_id"])
        times = known.times + 1 if known else 1
        self.sent[detail["event_id"]] = SentEvent(detail["event_id"], type, detail["facility"], False, times)
        kind = CATALOG.get(type)
        source = Source.PLATFORM if kind is None or Source.PLATFORM in kind.sources else next(iter(kind.sources))
        return {"Source": str(source), "DetailType": type, "Detail": json.dumps(detail), "Time": datetime.now(UTC)}

    def put(self, *entries: dict[str, Any]) -> None:
        """Put entries on the bus."""
        self.connection.put(list(entries))
        self._watch()

    def send(self, type: str, who: Patient, by: Staff | None = None, **more: Any) -> None:
        """Send one event."""
        self.put(self.event(type, who, by, **more))

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def command(self, who: Patient, by: Staff) -> Command:
        """A command of a named person about the patient's case."""
        case = self.case(who)
        if case is None:
            raise TooLate(f"there is no case for {who.encounter}")
        return Command(f"demo-{self._run}-c{next(self._numbers)}", case.id, Person(by.id, by.roles[0]))

    # ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def case(self, who: Patient) -> CaseRow | None:
        """The patient's case, if it is open or ever was."""
        services = self.connection.services
        place = services.table.get(Key(services.keys.correlation(who.facility, "oxygen", who.encounter), keys.OPEN))
        return load_case(services, place["case"]) if place is not None else None

    def state(self, who: Patient) -> str | None:
        """The state of the patient's case."""
        case = self.case(who)
        return case.state if case is not None else None

    def until(self, what: str, holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something holds. Raises TooLate."""
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise TooLate(f"not within {seconds:.0f} s: {what}")
            self._watch()
            time.sleep(POLL_SECONDS)

    def until_state(self, who: Patient, *states: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the patient's case is in one of the states. Raises TooLate."""
        self.until(f"{who.encounter} in {' or '.join(states)}", lambda: self.state(who) in states, seconds)

    def until_placed(self, *ids: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until events have been placed: their marks are there. Raises TooLate."""
        self.until(
            f"{len(ids)} events placed",
            lambda: all(self.connection.mark(self.sent[i].facility, i, "oxygen") is not None for i in ids),
            seconds,
        )

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._watch()
            time.sleep(POLL_SECONDS)


def everybody() -> list[Patient]:
    """All patients of the demonstration."""
    return list(PATIENTS.values())
