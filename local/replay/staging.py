"""Statements on disk, in the order in which a live system would have learned them; memory holds only a page of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from local.replay.reasons import NotApplicable
from local.replay.statements import Context, Kind, Statement

_SCHEMA = """
CREATE TABLE statements (
    seq INTEGER PRIMARY KEY, file INTEGER, line INTEGER, kind TEXT, patient TEXT, encounter TEXT,
    true_at REAL, known_at REAL, identity TEXT, given TEXT, digest TEXT, carried_by INTEGER, reason TEXT);
CREATE TABLE encounters (encounter TEXT PRIMARY KEY, newest REAL, last REAL, shift REAL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE context (kind TEXT, id TEXT, value TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
"""

_BATCH = 2000

_COLUMNS = "s.seq, s.file, s.line, s.kind, s.patient, s.encounter, s.true_at, s.known_at, s.identity, s.given, s.digest"


class Staged(NamedTuple):
    """A statement in its turn, with where it was read.

    ``rate`` is the respiratory rate that goes with it; ``shift`` seconds have been added to its times; the encounter's last
    statement is known at ``last``.
    """

    seq: int
    file: int
    line: int
    statement: Statement
    digest: str
    carried: bool
    rate: float | None
    shift: float
    last: float


class Staging:
    """The statements of one replay. Fill it with ``add``, then ``arrange``, then take them ``in_order``."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(path)
        # It dies with the replay: no need to survive a crash.
        self.database.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; PRAGMA cache_size=-32768;"
            + _SCHEMA
        )
        self._waiting: list[tuple[object, ...]] = []

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def add(self, file: int, line: int, statement: Statement) -> None:
        """Keep a statement."""
        self._waiting.append(
            (
                file,
                line,
                str(statement.kind),
                statement.patient,
                statement.encounter,
                statement.true_at,
                statement.known_at,
                statement.identity,
                json.dumps(dict(statement.values)),
                statement.fingerprint,
            )
        )
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        self.database.executemany(
            "INSERT INTO statements (file, line, kind, patient, encounter, true_at, known_at, identity, given, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._waiting,
        )
        self._waiting.clear()

    def explain(self, context: Context) -> None:
        """Keep what a record says about others; the first to say it is believed."""
        self.database.execute("INSERT OR IGNORE INTO context VALUES (?, ?, ?)", context)

    def context(self, kind: str, id: str) -> str | None:
        """What is known about a patient (birth), an encounter (unit) or an item (item)."""
        row = self.database.execute("SELECT value FROM context WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        return str(row[0]) if row is not None else None

    def arrange(
        self, *, newest_at: float | None = None, aftermath: float = 0.0, charted_ahead_waits: bool = False
    ) -> None:
        """Join each respiratory rate to a saturation of the same encounter and time that was not known before it.

        ``newest_at``: move every encounter in time as a whole, so that its newest statement is true at that moment, or
        ``aftermath`` seconds earlier when it ends the encounter. ``charted_ahead_waits``: what is stored before it is
        true counts as known only when it is true.
        """
        self._flush()
        run = self.database.execute
        if charted_ahead_waits:
            run("UPDATE statements SET known_at = true_at WHERE known_at < true_at")
        run("CREATE INDEX by_encounter ON statements (encounter, true_at, kind)")
        run(
            "INSERT INTO encounters SELECT encounter, MAX(true_at + IIF(kind IN (?, ?), ?, 0)), MAX(known_at), 0"
            " FROM statements GROUP BY encounter",
            (str(Kind.ENDED), str(Kind.DIED), aftermath),
        )
        run(
            "UPDATE statements SET carried_by = (SELECT c.seq FROM statements c WHERE c.encounter = statements.encounter"
            " AND c.true_at = statements.true_at AND c.kind = ? AND c.known_at >= statements.known_at"
            " ORDER BY c.known_at, c.seq LIMIT 1) WHERE kind = ?",
            (str(Kind.SATURATION), str(Kind.RESPIRATORY_RATE)),
        )
        run("CREATE INDEX carried ON statements (carried_by) WHERE carried_by IS NOT NULL")
        run(  # a saturation carries one rate; a second of the same time goes alone
            "UPDATE statements SET carried_by = NULL WHERE carried_by IS NOT NULL"
            " AND seq > (SELECT MIN(o.seq) FROM statements o WHERE o.carried_by = statements.carried_by)"
        )
        if newest_at is not None:
            run("UPDATE encounters SET shift = ? - newest", (newest_at,))
        run(
            "CREATE TABLE turns (at REAL, kind_last INTEGER, seq INTEGER, PRIMARY KEY (at, kind_last, seq)) WITHOUT ROWID"
        )
        run(
            "INSERT INTO turns SELECT s.known_at + e.shift, s.kind IN (?, ?), s.seq FROM statements s"
            " JOIN encounters e USING (encounter) ORDER BY 1, 2, 3",
            (str(Kind.ENDED), str(Kind.DIED)),
        )

    def in_order(self) -> Iterator[Staged]:
        """Every statement as it would have been learned; what ends an encounter comes last of its moment."""
        rows = self.database.execute(
            f"SELECT {_COLUMNS}, s.carried_by IS NOT NULL, r.given, e.shift, e.last"
            " FROM turns t JOIN statements s ON s.seq = t.seq JOIN encounters e ON e.encounter = s.encounter"
            " LEFT JOIN statements r ON r.carried_by = s.seq ORDER BY t.at, t.kind_last, t.seq"
        )
        for (
            seq,
            file,
            line,
            kind,
            patient,
            encounter,
            true_at,
            known_at,
            identity,
            given,
            digest,
            carried,
            rate,
            shift,
            last,
        ) in rows:
            statement = Statement(
                Kind(kind), patient, encounter, true_at + shift, known_at + shift, identity, json.loads(given)
            )
            beside = json.loads(rate)["respiratory_rate"] if rate is not None else None
            yield Staged(seq, file, line, statement, digest, bool(carried), beside, shift, last + shift)

    def dismiss(self, seq: int, reason: NotApplicable) -> None:
        """Note that a statement leads to no event after all."""
        self.database.execute("UPDATE statements SET reason = ? WHERE seq = ?", (str(reason), seq))

    def span(self) -> tuple[float, float] | None:
        """When the first and the last statement become known; None when there is none."""
        low, high = self.database.execute("SELECT MIN(at), MAX(at) FROM turns").fetchone()
        return None if low is None else (low, high)
