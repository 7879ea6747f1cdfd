"""The table port in memory: the same conditions, the same all-or-nothing, for tests and for replaying large data.

Where DynamoDB is strict, it is as strict: an index gives what it projects, and a transaction that DynamoDB would not take
(Amazon DynamoDB API reference, TransactWriteItems) is a fault.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from functions.cases.table import (
    Check,
    Condition,
    Delete,
    Index,
    Item,
    Key,
    Page,
    Put,
    Test,
    Update,
    Write,
    WriteRefused,
)

_HASH_AND_RANGE = {
    Index.WORKLIST: ("worklist", "due"),
    Index.SWEEP: ("sweep", "look_at"),
    Index.CASES: ("facility_cases", "opened_at"),
}

_WHOLE_ROWS = frozenset({Index.WORKLIST})
"""Indexes that project every attribute; the others give keys only."""

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})
"""Types whose values never change, so that nothing is shared by handing them on."""

MOST_WRITES = 100
"""A transaction has at most so many writes."""


class MemoryTable:
    """The table in this process. Rows are copied on the way in and out, so nobody shares a row by accident."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Item]] = defaultdict(dict)
        self._indexed: dict[tuple[Index, str], dict[Key, float]] = defaultdict(dict)
        self._expires: dict[Key, float] = {}
        self._expiring: list[tuple[float, Key]] = []

    def get(self, key: Key) -> Item | None:
        """See Table.get."""
        row = self._row(key)
        return _copied(row) if row is not None else None

    def query(self, pk: str, prefix: str = "", *, start: Any | None = None, limit: int | None = None) -> Page:
        """See Table.query."""
        partition = self._partitions.get(pk, {})
        sks = sorted(sk for sk in partition if sk.startswith(prefix) and (start is None or sk > start))
        return self._page([Key(pk, sk) for sk in sks], limit, lambda key: key.sk, None)

    def query_index(
        self, index: Index, value: str, *, upto: float | None = None, start: Any | None = None, limit: int | None = None
    ) -> Page:
        """See Table.query_index."""
        entries = sorted((number, key) for key, number in self._indexed.get((index, value), {}).items())
        found = [(n, k) for n, k in entries if (upto is None or n <= upto) and (start is None or (n, k) > start)]
        numbers = {key: number for number, key in found}
        projected = None if index in _WHOLE_ROWS else ("pk", "sk", *_HASH_AND_RANGE[index])
        return self._page([key for _, key in found], limit, lambda key: (numbers[key], key), projected)

    def _page(self, found: list[Key], limit: int | None, mark: Any, projected: tuple[str, ...] | None) -> Page:
        cut = found if limit is None else found[:limit]
        rows = [self._partitions[key.pk][key.sk] for key in cut]
        if projected is not None:
            rows = [{name: row[name] for name in projected} for row in rows]
        return Page(tuple(_copied(rows)), mark(cut[-1]) if len(cut) < len(found) else None)

    def write(self, writes: Sequence[Write]) -> None:
        """See Table.write."""
        if len(writes) > MOST_WRITES:
            raise ValueError(f"a transaction has at most {MOST_WRITES} writes, not {len(writes)}")
        if len(writes) > 1 and len({write.key for write in writes}) < len(writes):
            raise ValueError("a transaction cannot have two writes on one row")
        failed = {i: _copied(self._row(w.key)) for i, w in enumerate(writes) if not self._holds(w)}
        if failed:
            raise WriteRefused(failed)
        for write in writes:
            self._apply(write)

    def update(self, update: Update) -> Item:
        """See Table.update."""
        self.write((update,))
        row: Item = _copied(self._partitions[update.key.pk][update.key.sk])
        return row

    def rows(self) -> Iterable[Item]:
        """Every row there is, for inspection."""
        for partition in self._partitions.values():
            yield from (_copied(row) for row in partition.values())

    def forget(self, now: float) -> None:
        """Remove the rows whose ``expires_at`` (epoch seconds) is past, as the table's TTL does."""
        while self._expiring and self._expiring[0][0] <= now:
            at, key = heapq.heappop(self._expiring)
            if self._expires.get(key) == at:
                self._remove(key)

    def drop(self, pk: str) -> None:
        """Remove a whole partition: what nobody will ask for again, in a replay that must not grow with its data."""
        for sk in list(self._partitions.get(pk, {})):
            self._remove(Key(pk, sk))

    def _remove(self, key: Key) -> None:
        self._unindex(key)
        self._expires.pop(key, None)
        partition = self._partitions.get(key.pk, {})
        partition.pop(key.sk, None)
        if not partition:
            self._partitions.pop(key.pk, None)

    def _row(self, key: Key) -> Item | None:
        partition = self._partitions.get(key.pk)
        return partition.get(key.sk) if partition is not None else None

    def _holds(self, write: Write) -> bool:
        row = self._row(write.key) or {}
        return all(_holds(condition, row) for condition in write.conditions)

    def _apply(self, write: Write) -> None:
        if isinstance(write, Check):
            return
        key = write.key
        if isinstance(write, Delete):
            self._remove(key)
            return
        self._unindex(key)
        if isinstance(write, Put):
            row = _copied(write.item)
        else:
            row = self._row(key) or {"pk": key.pk, "sk": key.sk}
            copied = {name: row[source] for name, source in write.copy.items()}
            row.update(_copied(dict(write.set)) | copied)
            for name, amount in write.add.items():
                row[name] = row.get(name, 0) + amount
            for name in write.remove:
                row.pop(name, None)
        self._partitions[key.pk][key.sk] = row
        self._expire(key, row.get("expires_at"))
        for index, (hash_key, range_key) in _HASH_AND_RANGE.items():
            if hash_key in row and range_key in row:
                self._indexed[index, row[hash_key]][key] = row[range_key]

    def _expire(self, key: Key, at: float | None) -> None:
        if at is None:
            self._expires.pop(key, None)
        elif self._expires.get(key) != at:
            self._expires[key] = at
            heapq.heappush(self._expiring, (at, key))
        if len(self._expiring) > 2 * len(self._expires) + 1000:  # mostly rows that are long gone
            self._expiring = [(at, key) for key, at in self._expires.items()]
            heapq.heapify(self._expiring)

    def _unindex(self, key: Key) -> None:
        row = self._row(key)
        for index, (hash_key, _) in _HASH_AND_RANGE.items():
            if row is not None and hash_key in row:
                entries = self._indexed[index, row[hash_key]]
                entries.pop(key, None)
                if not entries:
                    del self._indexed[index, row[hash_key]]


def _copied(value: Any) -> Any:
    """A copy that shares nothing that can change; what a row holds is a tree."""
    # By type, plain values first: a replay or a simulation spends most of its time here.
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {name: each if type(each) in _PLAIN else _copied(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [each if type(each) in _PLAIN else _copied(each) for each in value]
    return value


def _holds(condition: Condition, row: Item) -> bool:
    present = condition.attribute in row
    value = row.get(condition.attribute)
    match condition.test:
        case Test.EXISTS:
            return present
        case Test.ABSENT:
            return not present
        case Test.EQUALS:
            return present and value == condition.value
        case Test.BELOW:
            return present and bool(value < condition.value)
        case Test.ABOVE:
            return present and bool(value > condition.value)
        case Test.ABSENT_OR_BELOW:
            return not present or bool(value < condition.value)
