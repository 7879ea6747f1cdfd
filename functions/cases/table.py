"""Writes to the table as data, and the port that performs them.

Use cases say what they write and under which conditions; an adapter turns that into one call. Conditions are data, so the
DynamoDB adapter and the in-memory one enforce the very same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias

Item: TypeAlias = dict[str, Any]
"""One row: str, int, float, bool, None, bytes, lists and dicts of those."""


class Key(NamedTuple):
    """A row's full primary key."""

    pk: str
    sk: str


class Test(StrEnum):
    """What a condition asks of an attribute."""

    EQUALS = "="
    BELOW = "<"
    ABOVE = ">"
    EXISTS = "exists"
    ABSENT = "absent"
    ABSENT_OR_BELOW = "absent or <"


class Condition(NamedTuple):
    """One condition on the row that is written; a write needs all of its conditions."""

    attribute: str
    test: Test
    value: Any = None


NEW = (Condition("pk", Test.ABSENT),)
"""The row does not exist yet."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole row."""

    item: Item
    conditions: tuple[Condition, ...] = ()

    @property
    def key(self) -> Key:
        """Where it is written."""
        return Key(self.item["pk"], self.item["sk"])


@dataclass(frozen=True, slots=True)
class Update:
    """Set, add to, copy and remove attributes of a row; without conditions it creates the row when there is none.

    ``copy`` sets an attribute to what another attribute of the same row holds.
    """

    key: Key
    set: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    copy: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row."""

    key: Key
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but let the transaction fail unless the conditions hold."""

    key: Key
    conditions: tuple[Condition, ...]


Write: TypeAlias = Put | Update | Delete | Check


class WriteRefused(Exception):
    """A condition did not hold, so nothing was written. ``failed`` maps the index of each refused write to the row found there."""

    def __init__(self, failed: Mapping[int, Item | None]) -> None:
        super().__init__(f"conditions of writes {sorted(failed)} did not hold")
        self.failed = failed


class Contention(Exception):
    """Another transaction touched the same rows, or the table throttled; nothing was written. Try again after a pause."""


class Index(StrEnum):
    """The table's indexes. What they return is a hint: it may lag, so look at the row itself before acting on it."""

    WORKLIST = "worklist"
    SWEEP = "sweep"
    CASES = "cases"


class Page(NamedTuple):
    """Rows of a query in key order, and where the next page starts (None: there is none)."""

    items: tuple[Item, ...]
    next: Any | None = None


class Table(Protocol):
    """The one table. Reads by key and by partition are strongly consistent; reads of an index are not."""

    def get(self, key: Key) -> Item | None:
        """The row, or None."""

    def query(self, pk: str, prefix: str = "", *, start: Any | None = None, limit: int | None = None) -> Page:
        """Rows of a partition whose sort key begins with ``prefix``, in order."""

    def query_index(
        self, index: Index, value: str, *, upto: float | None = None, start: Any | None = None, limit: int | None = None
    ) -> Page:
        """Entries of an index under ``value``, in the order of its number, up to and including ``upto``."""

    def write(self, writes: Sequence[Write]) -> None:
        """Perform all writes or none. Raises WriteRefused or Contention."""

    def update(self, update: Update) -> Item:
        """Perform one update and return the whole row as it is afterwards. Raises WriteRefused or Contention."""


def read_all(table: Table, pk: str, prefix: str = "") -> list[Item]:
    """Every row of a partition under ``prefix``, page by page."""
    rows: list[Item] = []
    page = table.query(pk, prefix)
    rows.extend(page.items)
    while page.next is not None:
        page = table.query(pk, prefix, start=page.next)
        rows.extend(page.items)
    return rows
