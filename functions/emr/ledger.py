"""The ledger of writes to EMRs: what was attempted, and what is known of how it ended.

An EMR cannot be asked to do something exactly once. So every write is announced here before it is sent, and its end is
recorded after; whoever finds an announcement without an end looks into the EMR before writing.
"""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class LedgerStatus(StrEnum):
    """What is known of a resource in an EMR."""

    PENDING = "pending"
    """Announced; not known to have reached the EMR."""
    WRITTEN = "written"
    """The EMR has it, under the recorded id."""
    UNKNOWN = "unknown"
    """Sent, and nobody knows whether the EMR has it."""
    REJECTED = "rejected"
    """The EMR refused it."""
    RETRACTED = "retracted"
    """Withdrawn; must never be written again."""


@dataclass(frozen=True, slots=True)
class LedgerKey:
    """Which EMR, what type of resource, and the id of what it is written for on this side."""

    emr: str
    resource_type: str
    source_id: str


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row of the ledger.

    `attempt` counts attempts and fences off those that lost their hold. `revision` is the newest revision of the source
    that anybody began to write. `held_until` is set while an attempt is under way.
    """

    status: LedgerStatus
    attempt: int
    revision: int
    at: datetime
    resource_id: str | None = None
    version: str | None = None
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The attempt may go ahead; the row as it now is, with what is known from earlier attempts."""

    row: LedgerRow


@dataclass(frozen=True, slots=True)
class Held:
    """Another attempt is under way, at the longest until then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer revision of the source was begun already."""

    revision: int


class Ledger(Protocol):
    """Port of the ledger. Times are wall-clock times with a zone."""

    def get(self, key: LedgerKey) -> LedgerRow | None:
        """The row as it is; a consistent read."""
        ...

    def begin(self, key: LedgerKey, at: datetime, *, revision: int, lease: timedelta) -> Begun | Held | Superseded:
        """Announces an attempt, atomically.

        Held when the row has a `held_until` later than `at`. Else Superseded when its `revision` is greater. Else it
        counts `attempt` up, sets `revision`, `at` and `held_until = at + lease`, and leaves the rest as it is; an
        absent row is made with attempt 1 and the status pending.
        """
        ...

    def record(
        self,
        key: LedgerKey,
        attempt: int,
        status: LedgerStatus,
        at: datetime,
        *,
        resource_id: str | None,
        version: str | None,
    ) -> bool:
        """Records how an attempt ended and lets go of the row, atomically; False, and no change, when the row's
        `attempt` is another by now.
        """
        ...


class InMemoryLedger:
    """A ledger for one process."""

    def __init__(self) -> None:
        self._rows: dict[LedgerKey, LedgerRow] = {}
        self._lock = threading.Lock()

    def get(self, key: LedgerKey) -> LedgerRow | None:
        """The row as it is."""
        with self._lock:
            return self._rows.get(key)

    def begin(self, key: LedgerKey, at: datetime, *, revision: int, lease: timedelta) -> Begun | Held | Superseded:
        """Announces an attempt."""
        with self._lock:
            row = self._rows.get(key)
            if row is None:
                row = LedgerRow(status=LedgerStatus.PENDING, attempt=0, revision=revision, at=at)
            if row.held_until is not None and row.held_until > at:
                return Held(row.held_until)
            if row.revision > revision:
                return Superseded(row.revision)
            row = replace(row, attempt=row.attempt + 1, revision=revision, at=at, held_until=at + lease)
            self._rows[key] = row
            return Begun(row)

    def record(
        self,
        key: LedgerKey,
        attempt: int,
        status: LedgerStatus,
        at: datetime,
        *,
        resource_id: str | None,
        version: str | None,
    ) -> bool:
        """Records how an attempt ended and lets go of the row."""
        with self._lock:
            row = self._rows.get(key)
            if row is None or row.attempt != attempt:
                return False
            self._rows[key] = replace(
                row, status=status, at=at, resource_id=resource_id, version=version, held_until=None
            )
            return True
