"""The table port in memory: the same conditions, the same all-or-nothing, for tests and for replaying large data.

Where DynamoDB is strict, it is as strict: an index gives what it projects, and a transaction that DynamoDB would not take
(Amazon DynamoDB API reference, TransactWriteItems) is a fault.
"""

from __future__ import annotations

import heapq
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

_INDEXES = tuple(_HASH_AND_RANGE.items())

_NOTHING = Page(())

_WHOLE_ROWS = frozenset({Index.WORKLIST})
"""Indexes that project every attribute; the others give keys only."""

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})
"""Types whose values never change, so that nothing is shared by handing them on."""

MOST_WRITES = 100
"""A transaction has at most so many writes."""


class _Row:
    """A row as it is kept. It is never changed: a write puts another in its place."""

    __slots__ = ("changeable", "item")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.changeable = [
            name for name, value in item.items() if type(value) not in _PLAIN and isinstance(value, (dict, list, tuple))
        ]

    def copied(self) -> Item:
        """The row for somebody who may change it."""
        item = dict(self.item)
        for name in self.changeable:
            item[name] = _copied(item[name])
        return item


class MemoryTable:
    """The table in this process. Rows are copied on the way in and out, so nobody shares a row by accident."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, _Row]] = {}
        self._indexed: dict[tuple[Index, str], dict[Key, float]] = {}
        self._expires: dict[Key, float] = {}
        self._expiring: list[tuple[float, Key]] = []

    def get(self, key: Key) -> Item | None:
        """See Table.get."""
        row = self._row(key)
        return row.copied() if row is not None else None

    def query(self, pk: str, prefix: str = "", *, start: Any | None = None, limit: int | None = None) -> Page:
        """See Table.query."""
        partition = self._partitions.get(pk)
        if partition is None:
            return _NOTHING
        sks = sorted(sk for sk in partition if sk.startswith(prefix) and (start is None or sk > start))
        cut = sks if limit is None else sks[:limit]
        return Page(tuple([partition[sk].copied() for sk in cut]), cut[-1] if len(cut) < len(sks) else None)

    def query_index(
        self, index: Index, value: str, *, upto: float | None = None, start: Any | None = None, limit: int | None = None
    ) -> Page:
        """See Table.query_index."""
        entries = self._indexed.get((index, value))
        if entries is None:
            return _NOTHING
        found = sorted(
            (number, key)
            for key, number in entries.items()
            if (upto is None or number <= upto) and (start is None or (number, key) > start)
        )
        cut = found if limit is None else found[:limit]
        rows = [self._partitions[pk][sk] for _, (pk, sk) in cut]
        if index in _WHOLE_ROWS:
            items = tuple([row.copied() for row in rows])
        else:
            projected = ("pk", "sk", *_HASH_AND_RANGE[index])
            items = tuple([{name: row.item[name] for name in projected} for row in rows])
        return Page(items, cut[-1] if len(cut) < len(found) else None)

    def write(self, writes: Sequence[Write]) -> None:
        """See Table.write."""
        if len(writes) > MOST_WRITES:
            raise ValueError(f"a transaction has at most {MOST_WRITES} writes, not {len(writes)}")
        keys = [write.key for write in writes]
        if len(writes) > 1 and len(set(keys)) < len(writes):
            raise ValueError("a transaction cannot have two writes on one row")
        rows = [self._row(key) for key in keys]
        failed = {
            i: row.copied() if row is not None else None
            for i, (write, row) in enumerate(zip(writes, rows, strict=True))
            if not _all_hold(write.conditions, row)
        }
        if failed:
            raise WriteRefused(failed)
        for write, key, row in zip(writes, keys, rows, strict=True):
            self._apply(write, key, row)

    def update(self, update: Update) -> Item:
        """See Table.update."""
        self.write((update,))
        return self._partitions[update.key.pk][update.key.sk].copied()

    def rows(self) -> Iterable[Item]:
        """Every row there is, for inspection."""
        for partition in self._partitions.values():
            yield from (row.copied() for row in partition.values())

    def snapshot(self) -> dict[Key, Item]:
        """Every row as it is now, to be read and not to be changed; what is written later does not show in it."""
        return {Key(pk, sk): row.item for pk, partition in self._partitions.items() for sk, row in partition.items()}

    def copy(self) -> MemoryTable:
        """Another table with the same rows, which goes its own way from here."""
        other = MemoryTable()
        other._partitions = {pk: dict(partition) for pk, partition in self._partitions.items()}
        other._indexed = {place: dict(entries) for place, entries in self._indexed.items()}
        other._expires, other._expiring = dict(self._expires), list(self._expiring)
        return other

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
        row = self._row(key)
        self._expires.pop(key, None)
        if row is None:
            return
        self._unindex(key, row)
        partition = self._partitions[key.pk]
        del partition[key.sk]
        if not partition:
            del self._partitions[key.pk]

    def _row(self, key: Key) -> _Row | None:
        partition = self._partitions.get(key.pk)
        return partition.get(key.sk) if partition is not None else None

    def _apply(self, write: Write, key: Key, before: _Row | None) -> None:
        if isinstance(write, Check):
            return
        if isinstance(write, Delete):
            self._remove(key)
            return
        if isinstance(write, Put):
            item: Item = _copied(write.item)
        else:
            item = dict(before.item) if before is not None else {"pk": key.pk, "sk": key.sk}
            copied = {name: item[source] for name, source in write.copy.items()}
            item.update(_copied(write.set if type(write.set) is dict else dict(write.set)))
            item.update(copied)
            for name, amount in write.add.items():
                item[name] = item.get(name, 0) + amount
            for name in write.remove:
                item.pop(name, None)
        if before is not None:
            self._unindex(key, before)
        self._partitions.setdefault(key.pk, {})[key.sk] = _Row(item)
        self._expire(key, item.get("expires_at"))
        for index, (hash_key, range_key) in _INDEXES:
            if hash_key in item and range_key in item:
                self._indexed.setdefault((index, item[hash_key]), {})[key] = item[range_key]

    def _expire(self, key: Key, at: float | None) -> None:
        if at is None:
            self._expires.pop(key, None)
        elif self._expires.get(key) != at:
            self._expires[key] = at
            heapq.heappush(self._expiring, (at, key))
        if len(self._expiring) > 2 * len(self._expires) + 1000:  # mostly rows that are long gone
            self._expiring = [(at, key) for key, at in self._expires.items()]
            heapq.heapify(self._expiring)

    def _unindex(self, key: Key, row: _Row) -> None:
        for index, (hash_key, range_key) in _INDEXES:
            if hash_key in row.item and range_key in row.item:
                place = index, row.item[hash_key]
                entries = self._indexed[place]
                del entries[key]
                if not entries:
                    del self._indexed[place]


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


def _all_hold(conditions: Iterable[Condition], row: _Row | None) -> bool:
    item = row.item if row is not None else {}
    for condition in conditions:  # noqa: SIM110 - spelled out, a replay or a simulation asks this all the time
        if not _holds(condition, item):
            return False
    return True


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
