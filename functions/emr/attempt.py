"""One attempt to write one resource: held in the ledger from before the first look until its end is recorded."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self, TypeAlias

from functions.emr.ledger import (
    Begun,
    Held,
    Ledger,
    LedgerKey,
    LedgerRow,
    LedgerStatus,
    Superseded,
    is_undecided,
    is_withdrawn,
)

LEASE: Final = timedelta(minutes=2)
"""How long an attempt holds its row when it dies before it recorded its end; longer than any function may run."""

SETTLES: Final = timedelta(seconds=25)
"""How long a search may not show yet what was created: before the same is created again, so much time passes."""

Wait: TypeAlias = Callable[[float], None]
"""Let so many seconds pass."""


class EmrUnavailable(Exception):
    """The write cannot be finished now: try the same again, after `retry_after` seconds where that is known."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class WriteHeld(EmrUnavailable):
    """Another attempt at the same write is under way."""


class Attempt:
    """A context in which one writer may write a resource; leaving it lets go of the row.

    An attempt that ends without having recorded anything leaves what the ledger knew before.
    """

    def __init__(
        self, ledger: Ledger, key: LedgerKey, row: LedgerRow, at: datetime, before: LedgerRow | None = None
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._at = at
        self._recorded = False
        self._undecided = before is not None and is_undecided(before)
        self._may_come_to_light = before is not None and self._undecided and at < before.at + LEASE + SETTLES
        self.row = row
        self.is_first = row.attempt == 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._recorded:
            row = self.row
            # What an attempt before this one may have made is no better known by now.
            unknown = self._undecided and row.status is not LedgerStatus.RETRACTED
            status = LedgerStatus.UNKNOWN if unknown else row.status
            # Lost to a newer attempt or not, nothing of this one is left to say.
            self._ledger.record(
                self._key, row.attempt, status, self._at, resource_id=row.resource_id, version=row.version
            )

    def record(self, status: LedgerStatus, resource_id: str | None = None, version: str | None = None) -> None:
        """Records how the attempt ended. Raises WriteHeld when it had lost its hold to another attempt."""
        self._recorded = True
        if not self._ledger.record(
            self._key, self.row.attempt, status, self._at, resource_id=resource_id, version=version
        ):
            raise WriteHeld("another attempt took over")

    def let_come_to_light(self, wait: Wait) -> bool:
        """Waits until a search must show what an attempt before this one may have created; False when it need not, or did.

        An EMR that does not know If-None-Exist makes a second one otherwise, as long as its search lags behind.
        """
        waits, self._may_come_to_light = self._may_come_to_light, False
        if waits:
            wait(SETTLES.total_seconds())
        return waits

    def keeps(self, resource_id: str, version: str | None, wait: Wait) -> bool:
        """Records what this attempt created; False when it lost its hold meanwhile and that is one too many.

        Whoever took over had looked before this one's was there to be found, and made their own; or withdrew it all, or
        were refused. ``row`` is what they recorded then. Raises WriteHeld when they found this one's, or will.
        """
        self._recorded = True
        if self._ledger.record(
            self._key, self.row.attempt, LedgerStatus.WRITTEN, self._at, resource_id=resource_id, version=version
        ):
            return True
        if self._is_open():
            wait(SETTLES.total_seconds())  # they are at work: what they look for from now on, they find
        now = self._ledger.get(self._key)
        if now is None or now.resource_id == resource_id or self._is_open():
            raise WriteHeld("another attempt took over")
        self.row = now
        return False

    def _is_open(self) -> bool:
        """Whether it is not decided yet which resource is the one."""
        now = self._ledger.get(self._key)
        if now is None or now.resource_id is not None or now.status is LedgerStatus.RETRACTED:
            return False
        # What was refused once is tried anew as long as somebody holds it.
        return now.held_until is not None or not is_withdrawn(now)


def begin(
    ledger: Ledger,
    key: LedgerKey,
    at: datetime,
    *,
    revision: int = 0,
    lease: timedelta = LEASE,
    content: str | None = None,
) -> Attempt | Superseded:
    """Announces an attempt in the ledger, and what it is to write. Raises WriteHeld while another is under way."""
    match ledger.begin(key, at, revision=revision, lease=lease, content=content):
        case Begun(row, before):
            return Attempt(ledger, key, row, at, before)
        case Held(until):
            raise WriteHeld("another attempt is under way", max((until - at).total_seconds(), 0.0))
        case Superseded() as superseded:
            return superseded
