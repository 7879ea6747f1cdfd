"""One attempt to write one resource: held in the ledger from before the first look until its end is recorded."""

from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

from functions.emr.ledger import Begun, Held, Ledger, LedgerKey, LedgerRow, LedgerStatus, Superseded

LEASE: Final = timedelta(minutes=2)
"""How long an attempt holds its row when it dies before it recorded its end; longer than any function may run."""


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

    def __init__(self, ledger: Ledger, key: LedgerKey, row: LedgerRow, at: datetime) -> None:
        self._ledger = ledger
        self._key = key
        self._at = at
        self._recorded = False
        self.row = row
        self.is_first = row.attempt == 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._recorded:
            row = self.row
            # Lost to a newer attempt or not, nothing of this one is left to say.
            self._ledger.record(
                self._key, row.attempt, row.status, self._at, resource_id=row.resource_id, version=row.version
            )

    def record(self, status: LedgerStatus, resource_id: str | None = None, version: str | None = None) -> None:
        """Records how the attempt ended. Raises WriteHeld when it had lost its hold to another attempt."""
        self._recorded = True
        if not self._ledger.record(
            self._key, self.row.attempt, status, self._at, resource_id=resource_id, version=version
        ):
            raise WriteHeld("another attempt took over")


def begin(
    ledger: Ledger, key: LedgerKey, at: datetime, *, revision: int = 0, lease: timedelta = LEASE
) -> Attempt | Superseded:
    """Announces an attempt in the ledger. Raises WriteHeld while another is under way."""
    match ledger.begin(key, at, revision=revision, lease=lease):
        case Begun(row):
            return Attempt(ledger, key, row, at)
        case Held(until):
            raise WriteHeld("another attempt is under way", max((until - at).total_seconds(), 0.0))
        case Superseded() as superseded:
            return superseded
