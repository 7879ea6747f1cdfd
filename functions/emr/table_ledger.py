"""The ledger of writes to EMRs in Baton's table, beside the case that each write is for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from functions.cases import keys
from functions.cases.table import NEW, Condition, Item, Key, Table, Test, Update, WriteRefused, read_all
from functions.emr.ledger import Begun, Held, LedgerKey, LedgerRow, LedgerStatus, Superseded, case_of, is_held

_TRIES = 10


class TableLedger:
    """See functions.emr.ledger.Ledger. Rows lie in the partition of the case whose id begins the source id."""

    def __init__(self, table: Table, holder: str | None = None) -> None:
        self._table, self._holder = table, holder

    def held_by(self, holder: str) -> TableLedger:
        """See Ledger.held_by."""
        return TableLedger(self._table, holder)

    def get(self, key: LedgerKey) -> LedgerRow | None:
        """See Ledger.get."""
        item = self._table.get(_place(key))
        return _row(item) if item is not None else None

    def announced(self, emr: str, resource_type: str, case_id: str) -> tuple[LedgerKey, ...]:
        """See Ledger.announced."""
        place = keys.ledger(case_id, resource_type, f"{emr}#")
        return tuple(
            LedgerKey(emr, resource_type, item["sk"].removeprefix(place.sk))
            for item in read_all(self._table, place.pk, place.sk)
        )

    def begin(
        self, key: LedgerKey, at: datetime, *, revision: int, lease: timedelta, content: str | None = None
    ) -> Begun | Held | Superseded:
        """See Ledger.begin. Read, then written only if nobody wrote meanwhile."""
        place = _place(key)
        for _ in range(_TRIES):
            item = self._table.get(place)
            row = _row(item) if item is not None else None
            if row is not None and is_held(row, at, self._holder):
                return Held(row.held_until or at)
            if row is not None and row.revision > revision:
                return Superseded(row.revision)
            attempt = row.attempt + 1 if row is not None else 1
            changes: dict[str, Any] = {
                "attempt": attempt,
                "revision": revision,
                "at": at.timestamp(),
                "held_until": (at + lease).timestamp(),
            }
            if row is None:
                changes["status"] = str(LedgerStatus.PENDING)
            if self._holder is not None:
                changes["holder"] = self._holder
            if content is not None:
                changes["content"] = content
            unchanged = NEW if row is None else (Condition("attempt", Test.EQUALS, row.attempt),)
            try:
                nameless = () if self._holder is not None else ("holder",)
                update = Update(place, set=changes, remove=nameless, conditions=unchanged)
                return Begun(_row(self._table.update(update)), row)
            except WriteRefused:
                continue
        return Held(at + lease)

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
        """See Ledger.record."""
        known = {"resource_id": resource_id, "version": version}
        try:
            self._table.update(
                Update(
                    _place(key),
                    set={
                        "status": str(status),
                        "at": at.timestamp(),
                        **{k: v for k, v in known.items() if v is not None},
                    },
                    remove=("held_until", "holder", *(k for k, v in known.items() if v is None)),
                    conditions=(Condition("attempt", Test.EQUALS, attempt),),
                )
            )
        except WriteRefused:
            return False
        return True


def _place(key: LedgerKey) -> Key:
    return keys.ledger(case_of(key), key.resource_type, f"{key.emr}#{key.source_id}")


def _row(item: Item) -> LedgerRow:
    held = item.get("held_until")
    return LedgerRow(
        status=LedgerStatus(item["status"]),
        attempt=int(item["attempt"]),
        revision=int(item["revision"]),
        at=_time(item["at"]),
        resource_id=item.get("resource_id"),
        version=item.get("version"),
        held_until=_time(held) if held is not None else None,
        holder=item.get("holder"),
        content=item.get("content"),
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
