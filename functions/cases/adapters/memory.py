"""The table port in memory: the same conditions, the same all-or-nothing, for tests and for replaying large data.

Where DynamoDB is strict, it is as strict: an index gives what it projects, and a write that DynamoDB would not take (Amazon
DynamoDB API reference, TransactWriteItems and UpdateItem) is a fault, TypeError or ValueError, and nothing is written. Not
looked after: the sizes of rows and of transactions in bytes, and the digits of a number.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

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

_Place: TypeAlias = tuple[Index, str]
"""The entries of an index under one value."""

_NOTHING = Page(())

_WHOLE_ROWS = frozenset({Index.WORKLIST})
"""Indexes that project every attribute; the others give keys only."""

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})
"""Types whose values never change, so that nothing is shared by handing them on."""

_STORED_AS_IT_IS = _PLAIN - {float}
"""A float may be none that a row can hold."""

MOST_WRITES = 100
"""A transaction has at most so many writes."""

_KEY_NAMES = frozenset({"pk", "sk"})
_NUMBERS = frozenset({int, float})
_ORDERED: tuple[type[Any], ...] = (str, bytes)


class _Row:
    """A row as it is kept, and where the indexes have it. It is never changed: a write puts another in its place.

    Raises ValueError for an attribute that cannot be the key of an index.
    """

    __slots__ = ("_nested", "item", "places")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.places = _places(item)
        self._nested: tuple[list[str], list[str]] | None = None

    def copied(self) -> Item:
        """The row for somebody who may change it."""
        item = self.item.copy()
        if self._nested is None:  # found out at the first read: many rows are never read
            self._nested = _nested(item)
        flat, deep = self._nested
        for name in flat:
            item[name] = item[name].copy()
        for name in deep:
            item[name] = _copied(item[name])
        return item


class MemoryTable:
    """The table in this process. Rows are copied on the way in and out, so nobody shares a row by accident."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, _Row]] = {}
        self._indexed: dict[_Place, dict[Key, float]] = {}
        self._expires: dict[Key, float] = {}
        self._expiring: list[tuple[float, Key]] = []

    def get(self, key: Key) -> Item | None:
        """See Table.get."""
        pk, sk = key
        partition = self._partitions.get(pk)
        row = partition.get(sk) if partition is not None else None
        return row.copied() if row is not None else None

    def query(self, pk: str, prefix: str = "", *, start: Any | None = None, limit: int | None = None) -> Page:
        """See Table.query."""
        partition = self._partitions.get(pk)
        if partition is None:
            return _NOTHING
        sks = sorted([sk for sk in partition if sk.startswith(prefix) and (start is None or sk > start)])
        cut = sks if limit is None else sks[:limit]
        # A page that is full says where the next would start, though there may be nothing.
        return Page(tuple([partition[sk].copied() for sk in cut]), cut[-1] if cut and len(cut) == limit else None)

    def query_index(
        self, index: Index, value: str, *, upto: float | None = None, start: Any | None = None, limit: int | None = None
    ) -> Page:
        """See Table.query_index."""
        entries = self._indexed.get((index, value))
        if entries is None:
            return _NOTHING
        found = sorted(
            [
                (number, key)
                for key, number in entries.items()
                if (upto is None or number <= upto) and (start is None or (number, key) > start)
            ]
        )
        cut = found if limit is None else found[:limit]
        rows = [self._partitions[pk][sk] for _, (pk, sk) in cut]
        if index in _WHOLE_ROWS:
            items = tuple([row.copied() for row in rows])
        else:
            projected = ("pk", "sk", *_HASH_AND_RANGE[index])
            items = tuple([{name: row.item[name] for name in projected} for row in rows])
        return Page(items, cut[-1] if cut and len(cut) == limit else None)

    def write(self, writes: Sequence[Write]) -> None:
        """See Table.write."""
        if not 0 < len(writes) <= MOST_WRITES:
            raise ValueError(f"a transaction has one to {MOST_WRITES} writes, not {len(writes)}")
        keys = [write.key for write in writes]
        if len(writes) > 1 and len(set(keys)) < len(writes):
            raise ValueError("a transaction cannot have two writes on one row")
        rows: list[_Row | None] = []
        failed: dict[int, Item | None] = {}
        for number, (write, key) in enumerate(zip(writes, keys, strict=True)):
            pk, sk = key
            if not (pk and sk):
                raise ValueError("no part of a key is empty")
            if isinstance(write, Update):
                _check(write)
            partition = self._partitions.get(pk)
            row = partition.get(sk) if partition is not None else None
            rows.append(row)
            if not _all_hold(write.conditions, row):
                failed[number] = row.copied() if row is not None else None
        if failed:
            raise WriteRefused(failed)
        # All of them before any is kept: a fault in one leaves nothing written.
        after = [_after(write, row) for write, row in zip(writes, rows, strict=True)]
        for key, row, kept in zip(keys, rows, after, strict=True):
            if kept is not row:
                self._keep(key, row, kept)

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
        pk, sk = key
        partition = self._partitions.get(pk)
        return partition.get(sk) if partition is not None else None

    def _keep(self, key: Key, before: _Row | None, after: _Row | None) -> None:
        if after is None:
            self._remove(key)
            return
        pk, sk = key
        partition = self._partitions.get(pk)
        if partition is None:
            self._partitions[pk] = {sk: after}
        else:
            partition[sk] = after
        self._expire(key, after.item.get("expires_at"))
        if before is not None:
            if before.places == after.places:
                return
            self._unindex(key, before)
        for place, number in after.places:
            self._indexed.setdefault(place, {})[key] = number

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
        for place, _ in row.places:
            entries = self._indexed[place]
            del entries[key]
            if not entries:
                del self._indexed[place]


def _places(item: Item) -> tuple[tuple[_Place, float], ...]:
    """Where the indexes have a row, and under which number. Raises ValueError."""
    places: list[tuple[_Place, float]] = []
    for index, (hash_key, range_key) in _INDEXES:
        named, numbered = hash_key in item, range_key in item
        if named and not (type(item[hash_key]) is str and item[hash_key]):
            raise ValueError(f"{hash_key} is the key of an index: text that is not empty")
        if numbered and type(item[range_key]) not in _NUMBERS:
            raise ValueError(f"{range_key} is the key of an index: a number")
        if named and numbered:
            places.append(((index, item[hash_key]), item[range_key]))
    return tuple(places)


def _nested(item: Item) -> tuple[list[str], list[str]]:
    """The attributes that can change, those that hold nothing but plain values first, the others second."""
    flat: list[str] = []
    deep: list[str] = []
    for name, value in item.items():
        kind = type(value)
        if kind not in _PLAIN:
            within = value.values() if kind is dict else value
            (flat if _PLAIN.issuperset(map(type, within)) else deep).append(name)
    return flat, deep


def _copied(value: Any) -> Any:
    """A copy of what a row holds that shares nothing that can change; it is a tree."""
    # By type, plain values first: a replay or a simulation spends most of its time here.
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {name: each if type(each) in _PLAIN else _copied(each) for name, each in value.items()}
    return [each if type(each) in _PLAIN else _copied(each) for each in value]


def _stored(value: Any) -> Any:
    """What a row holds of a value, sharing nothing: lists, dicts and plain values. Raises TypeError and ValueError."""
    # The order is that of how often each is met.
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a row cannot hold the number {value}")
        return float(value)
    if isinstance(value, dict):
        return {name: each if type(each) in _STORED_AS_IT_IS else _stored(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [each if type(each) in _STORED_AS_IT_IS else _stored(each) for each in value]
    if type(value) in _STORED_AS_IT_IS:
        return value
    if isinstance(value, str):  # such as a member of an enumeration
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"a row cannot hold a {type(value).__name__}")


def _check(update: Update) -> None:
    """Raises ValueError for an update that no row could be changed by."""
    changed = {*update.set, *update.copy, *update.add, *update.remove}
    if not changed:
        raise ValueError("an update changes something")
    if len(changed) < len(update.set) + len(update.copy) + len(update.add) + len(update.remove):
        raise ValueError("an update changes an attribute in one way")
    if not _KEY_NAMES.isdisjoint(changed):
        raise ValueError("an update does not change a row's key")


def _after(write: Write, before: _Row | None) -> _Row | None:
    """The row as it is after a write: the same for a check. Raises TypeError and ValueError."""
    if isinstance(write, Put):
        item: Item = _stored(write.item)
    elif isinstance(write, Check):
        return before
    elif isinstance(write, Delete):
        return None
    else:
        item = dict(before.item) if before is not None else write.key._asdict()
        copied = {name: _of(item, source) for name, source in write.copy.items()}
        item.update(_stored(write.set if type(write.set) is dict else dict(write.set)))
        item.update(copied)
        for name, amount in write.add.items():
            number = item.get(name, 0)
            if type(number) not in _NUMBERS:
                raise ValueError(f"{name} is not a number that could be added to")
            item[name] = number + amount
        for name in write.remove:
            item.pop(name, None)
    return _Row(item)


def _of(item: Item, name: str) -> Any:
    if name not in item:
        raise ValueError(f"there is no {name} to be copied")
    return item[name]


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
            return present and _equal(value, condition.value)
        case Test.BELOW:
            return present and _below(value, condition.value)
        case Test.ABOVE:
            return present and _below(condition.value, value)
        case Test.ABSENT_OR_BELOW:
            return not present or _below(value, condition.value)


def _equal(one: Any, other: Any) -> bool:
    """Whether two values are the same; those of different types never are, and truth is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        both = isinstance(other, (list, tuple)) and len(one) == len(other)
        return both and all(_equal(*each) for each in zip(one, other, strict=True))
    return bool(one == other)


def _below(one: Any, other: Any) -> bool:
    """Whether one value is below another; between those of different types there is no order."""
    if type(one) in _NUMBERS and type(other) in _NUMBERS:
        return bool(one < other)
    return any(bool(one < other) for kind in _ORDERED if isinstance(one, kind) and isinstance(other, kind))
