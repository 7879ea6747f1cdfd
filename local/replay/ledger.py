"""What became of every event of a replay, on disk, and from it what became of every record."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from local.replay.message import Message

DUPLICATE = "duplicate"
QUARANTINED = "quarantined"
UNACCOUNTED = "unaccounted"

_SCHEMA = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY, event_id TEXT, seq INTEGER, type TEXT, facility TEXT, encounter TEXT, derived INTEGER,
    outcome TEXT, reason TEXT, quarantine TEXT);
CREATE INDEX events_by_name ON events (event_id);
CREATE INDEX events_by_encounter ON events (encounter);
"""

UNSETTLED = ("deferred", "held_early")
"""Outcomes that may still become another."""


class Settled(NamedTuple):
    """What became of an event: an outcome of statemachines.decide.Outcome, or quarantined, or duplicate; and why.

    ``quarantine`` is its name there.
    """

    outcome: str
    reason: str
    quarantine: str | None = None


class Sent(NamedTuple):
    """An event that was sent, and what is known of it so far."""

    id: int
    event_id: str
    type: str
    facility: str
    outcome: str | None
    quarantine: str | None
    encounter: str


class Ledger:
    """The events of one replay, in the staging's database."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(_SCHEMA)
        self._run = database.execute

    def note(self, message: Message, settled: Settled | None) -> int:
        """Note an event that was sent, and what became of it if that is known; returns its number here."""
        outcome, reason, quarantine = settled or (None, None, None)
        noted = self._run(
            "INSERT INTO events (event_id, seq, type, facility, encounter, derived, outcome, reason, quarantine)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message.event_id,
                message.seq,
                message.type,
                message.facility,
                message.encounter,
                int(message.derived),
                outcome,
                reason,
                quarantine,
            ),
        )
        return int(noted.lastrowid or 0)

    def knows(self, event_id: str) -> bool:
        """Whether this replay has sent an event of that id."""
        return self._run("SELECT 1 FROM events WHERE event_id = ? LIMIT 1", (event_id,)).fetchone() is not None

    def settle(self, id: int, settled: Settled) -> None:
        """Note what became of an event in the end."""
        self._run(
            "UPDATE events SET outcome = ?, reason = ?, quarantine = ? WHERE id = ?",
            (settled.outcome, settled.reason, settled.quarantine, id),
        )

    def of_encounter(self, encounter: str) -> list[Sent]:
        """The events of an encounter, in the order in which they were sent."""
        rows = self._run(f"SELECT {_SENT} FROM events WHERE encounter = ? ORDER BY id", (encounter,))
        return [Sent(*row) for row in rows]

    def open(self, *, after: int = 0, limit: int = 1000) -> list[Sent]:
        """Events of which nothing is known yet, or not the last word; page by page."""
        rows = self._run(
            f"SELECT {_SENT} FROM events WHERE id > ? AND (outcome IS NULL OR outcome IN (?, ?)) ORDER BY id LIMIT ?",
            (after, *UNSETTLED, limit),
        )
        return [Sent(*row) for row in rows]

    def named(self, event_id: str) -> Sent | None:
        """The first event of that id which is no repetition."""
        row = self._run(
            f"SELECT {_SENT} FROM events WHERE event_id = ? AND outcome IS NOT ? ORDER BY id LIMIT 1",
            (event_id, DUPLICATE),
        ).fetchone()
        return Sent(*row) if row is not None else None

    def events(self) -> Iterator[tuple[str, bool, str, str, int]]:
        """Type, derived, outcome, reason, count."""
        rows = self._run(
            "SELECT type, derived, COALESCE(outcome, ?), COALESCE(reason, ''), COUNT(*) FROM events"
            " GROUP BY 1, 2, 3, 4 ORDER BY 2, 1, 3, 5 DESC",
            (UNACCOUNTED,),
        )
        return ((kind, bool(derived), outcome, reason, count) for kind, derived, outcome, reason, count in rows)

    def records(self) -> Iterator[tuple[str, str, int]]:
        """Of records that state something: outcome, reason, count.

        A record is accounted for by its own event, the one that is not derived; without one, by the event that carries it;
        without that, by why it leads to none.
        """
        rows = self._run(
            "SELECT outcome, reason, COUNT(*) FROM ("
            "SELECT CASE WHEN s.reason IS NOT NULL THEN 'not_applicable' ELSE COALESCE(o.outcome, c.outcome, ?) END outcome,"
            " COALESCE(s.reason, o.reason, c.reason, '') reason FROM statements s"
            " LEFT JOIN events o ON o.seq = s.seq AND o.derived = 0"
            " LEFT JOIN events c ON c.seq = s.carried_by AND c.derived = 0 AND o.seq IS NULL"
            ") GROUP BY 1, 2 ORDER BY 1, 3 DESC",
            (UNACCOUNTED,),
        )
        return ((outcome, reason, count) for outcome, reason, count in rows)

    def traced(self) -> Iterator[tuple[int, int, str, str, str | None]]:
        """Each record that states something: its file's number, its line, outcome, reason, and its own event's type."""
        return iter(
            self._run(
                "SELECT s.file, s.line,"
                " CASE WHEN s.reason IS NOT NULL THEN 'not_applicable' ELSE COALESCE(o.outcome, c.outcome, ?) END,"
                " COALESCE(s.reason, o.reason, c.reason, ''), COALESCE(o.type, c.type) FROM statements s"
                " LEFT JOIN events o ON o.seq = s.seq AND o.derived = 0"
                " LEFT JOIN events c ON c.seq = s.carried_by AND c.derived = 0 AND o.seq IS NULL ORDER BY s.file, s.line",
                (UNACCOUNTED,),
            )
        )

    def arranged(self) -> None:
        """Let ``records`` and ``traced`` find the events of statements."""
        self._run("CREATE INDEX IF NOT EXISTS events_by_statement ON events (seq, derived)")


_SENT = "id, event_id, type, facility, outcome, quarantine, encounter"
