"""The ledger of writes to EMRs: what was attempted, and what is known of how it ended.

An EMR cannot be asked to do something exactly once. So every write is announced here before it is sent, and its end is
recorded after; whoever finds an announcement without an end looks into the EMR before writing.
"""

import threading
from dataclasses import dataclass, field, replace
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


def case_of(key: LedgerKey) -> str:
    """The id of the case that a write is for; it begins the source id."""
    return key.source_id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row of the ledger.

    `attempt` counts attempts and fences off those that lost their hold. `revision` is the newest revision of the source
    that anybody began to write. `held_until` is set while an attempt is under way, and `holder` names whose it is, if that
    was said. `content` is what the newest attempt that was to write something was to write, as far as that one told.
    """

    status: LedgerStatus
    attempt: int
    revision: int
    at: datetime
    resource_id: str | None = None
    version: str | None = None
    held_until: datetime | None = None
    holder: str | None = None
    content: str | None = field(default=None, repr=False)


def is_held(row: LedgerRow, at: datetime, holder: str | None) -> bool:
    """Whether another's attempt is under way; who does not say who they are takes nothing over."""
    return row.held_until is not None and row.held_until > at and (holder is None or row.holder != holder)


def is_undecided(row: LedgerRow) -> bool:
    """Whether an attempt may have made something whose id nobody knows: its end is unknown, or was never recorded."""
    return row.resource_id is None and (row.status is LedgerStatus.UNKNOWN or row.held_until is not None)


def is_withdrawn(row: LedgerRow) -> bool:
    """Whether the EMR is to have nothing of a document or an order: it was taken back, or refused, so never made."""
    return row.status in (LedgerStatus.RETRACTED, LedgerStatus.REJECTED)


@dataclass(frozen=True, slots=True)
class Begun:
    """The attempt may go ahead; the row as it now is, with what is known from earlier attempts, and as it was before."""

    row: LedgerRow
    before: LedgerRow | None = None


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

    def held_by(self, holder: str) -> "Ledger":
        """The same ledger for attempts of one holder, who tries again only after the attempt before has ended or died: its
        next attempt need not wait for that one's lease.
        """
        ...

    def get(self, key: LedgerKey) -> LedgerRow | None:
        """The row as it is; a consistent read."""
        ...

    def announced(self, emr: str, resource_type: str, case_id: str) -> tuple[LedgerKey, ...]:
        """Every key that was ever begun for a case: those whose source id is the case's, or begins with it and a dot."""
        ...

    def begin(
        self, key: LedgerKey, at: datetime, *, revision: int, lease: timedelta, content: str | None = None
    ) -> Begun | Held | Superseded:
        """Announces an attempt, atomically.

        Held when the row has a `held_until` later than `at` and is not this holder's. Else Superseded when its `revision`
        is greater. Else it counts `attempt` up, sets `revision`, `at`, `held_until = at + lease` and `holder`, and
        `content` where it is given, and leaves the rest as it is; an absent row is made with attempt 1 and the status
        pending.
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
        self._holder: str | None = None

    def held_by(self, holder: str) -> "InMemoryLedger":
        """The same ledger for attempts of one holder."""
        other = InMemoryLedger()
        other._rows, other._lock, other._holder = self._rows, self._lock, holder
        return other

    def get(self, key: LedgerKey) -> LedgerRow | None:
        """The row as it is."""
        with self._lock:
            return self._rows.get(key)

    def announced(self, emr: str, resource_type: str, case_id: str) -> tuple[LedgerKey, ...]:
        """Every key that was ever begun for a case."""
        with self._lock:
            return tuple(
                sorted(
                    (
                        key
                        for key in self._rows
                        if (key.emr, key.resource_type, case_of(key)) == (emr, resource_type, case_id)
                    ),
                    key=lambda key: key.source_id,
                )
            )

    def begin(
        self, key: LedgerKey, at: datetime, *, revision: int, lease: timedelta, content: str | None = None
    ) -> Begun | Held | Superseded:
        """Announces an attempt."""
        with self._lock:
            row = before = self._rows.get(key)
            if row is None:
                row = LedgerRow(status=LedgerStatus.PENDING, attempt=0, revision=revision, at=at)
            if is_held(row, at, self._holder):
                return Held(row.held_until or at)
            if row.revision > revision:
                return Superseded(row.revision)
            row = replace(
                row,
                attempt=row.attempt + 1,
                revision=revision,
                at=at,
                held_until=at + lease,
                holder=self._holder,
                content=row.content if content is None else content,
            )
            self._rows[key] = row
            return Begun(row, before)

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
                row, status=status, at=at, resource_id=resource_id, version=version, held_until=None, holder=None
            )
            return True
