"""A generated network of facilities on the deployed stack, and its cases as lanes."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from events.catalog import CATALOG
from functions.cases import keys
from functions.cases.facilities import register
from functions.cases.intake import take_in
from functions.cases.table import Item, Key
from local.connection import Connection
from local.demo.people import Staff
from local.network import network
from local.stack import newest
from tests.benchmark.load.lanes import Entry
from tests.stack.ward import COURSE, STAFF, Nobody

WORKFLOW = "oxygen"
HAND_OFFS = tuple(COURSE)[:3]
"""Ordered, started, discontinued: what leads the same way under every facility's policy."""


class Hospitals:
    """Facilities whose policies differ as real ones do, each with one person of every role on shift."""

    def __init__(self, connection: Connection, facilities: int) -> None:
        self._connection, self._run = connection, uuid.uuid4().hex[:6]
        self._numbers = itertools.count(1)
        self.names: list[str] = []
        alone = replace(connection.services, executions=Nobody())
        until = (datetime.now(UTC) + timedelta(hours=12)).isoformat()
        for policy in network(facilities, connection.definitions):
            register(connection.table, policy, newest(connection), connection.definitions)
            self.names.append(policy.facility)
            for person in STAFF:
                shift = self.entry(
                    policy.facility, "shift_started", staff_id=person.id, roles=person.roles, until=until
                )
                take_in(alone, json.dumps(_as_delivered(shift)))

    def lanes(self, cases: int, hand_offs: int = len(HAND_OFFS)) -> Iterator[CaseLane]:
        """New cases, over all facilities by turns."""
        for number in range(cases):
            yield CaseLane(self, self.names[number % len(self.names)], hand_offs)

    def entry(
        self, facility: str, type: str, encounter: str | None = None, by: Staff | None = None, **data: Any
    ) -> Entry:
        """An event as an entry for the bus."""
        detail: dict[str, Any] = {
            "event_id": f"load-{self._run}-{next(self._numbers)}",
            "type": type,
            "schema_version": 1,
            "occurred_at": datetime.now(UTC).isoformat(),
            "facility": facility,
            "data": data,
        }
        if encounter is not None:
            detail["subject"] = {"patient": f"P-{encounter}", "encounter": encounter}
        if by is not None:
            detail["actor"] = {"id": by.id, "role": by.roles[0]}
        return {"Source": str(min(CATALOG[type].sources)), "DetailType": type, "Detail": json.dumps(detail)}

    def encounter(self) -> str:
        """A new encounter's id."""
        return f"load-{self._run}-{next(self._numbers)}"

    def case_key(self, facility: str, encounter: str, opened_by: str) -> Key:
        """Where the row of the case is that an event opens."""
        ring = self._connection.services.keys
        return keys.meta(ring.case(facility, WORKFLOW, ring.correlation(facility, WORKFLOW, encounter), opened_by))

    def marks(self, facility: str, entries: Sequence[Entry]) -> list[Key]:
        """Where it is noted what became of events."""
        ring = self._connection.services.keys
        return [ring.mark(facility, json.loads(entry["Detail"])["event_id"], WORKFLOW) for entry in entries]


class CaseLane:
    """One case on its way from the order to the note."""

    def __init__(self, hospitals: Hospitals, facility: str, hand_offs: int) -> None:
        self._hospitals, self.facility = hospitals, facility
        self.encounter = hospitals.encounter()
        self._left = list(HAND_OFFS[:hand_offs])
        self._sent = 0
        self._row: Key | None = None

    @property
    def row(self) -> Key:
        """See Lane.row. Raises LookupError before the first event."""
        if self._row is None:
            raise LookupError("the case has no event yet")
        return self._row

    def next(self) -> Entry | None:
        """See Lane.next."""
        if not self._left:
            return None
        self._sent += 1
        type, by, data = COURSE[self._left.pop(0)]
        entry = self._hospitals.entry(self.facility, type, self.encounter, by, **data)
        if self._row is None:
            opened_by = json.loads(entry["Detail"])["event_id"]
            self._row = self._hospitals.case_key(self.facility, self.encounter, opened_by)
        return entry

    def followed(self, row: Item | None) -> bool:
        """See Lane.followed. A deadline may have led the case further: that is followed, too."""
        if row is None or row["visit"] < self._sent:
            return False
        park = row.get("park")
        return park is not None and park["visit"] == row["visit"] and park["generation"] == row["generation"]


def _as_delivered(entry: Entry) -> dict[str, Any]:
    return {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
