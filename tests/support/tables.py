"""Tables that misbehave in one way: somebody else writes in between, a condition is missing, a write fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from functions.cases.table import Check, Condition, Index, Item, Key, Page, Table, Update, Write


class Through:
    """Passes everything on to another table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def get(self, key: Key) -> Item | None:
        return self.table.get(key)

    def query(self, pk: str, prefix: str = "", *, start: Any | None = None, limit: int | None = None) -> Page:
        return self.table.query(pk, prefix, start=start, limit=limit)

    def query_index(
        self, index: Index, value: str, *, upto: float | None = None, start: Any | None = None, limit: int | None = None
    ) -> Page:
        return self.table.query_index(index, value, upto=upto, start=start, limit=limit)

    def write(self, writes: Sequence[Write]) -> None:
        self.table.write(writes)

    def update(self, update: Update) -> Item:
        return self.table.update(update)


class OneAtATime(Through):
    """Takes one call after another from several threads, as DynamoDB does for one row and the simulated one does not."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._lock = threading.Lock()

    def get(self, key: Key) -> Item | None:
        with self._lock:
            return self.table.get(key)

    def write(self, writes: Sequence[Write]) -> None:
        with self._lock:
            self.table.write(writes)

    def update(self, update: Update) -> Item:
        with self._lock:
            return self.table.update(update)


class Between(Through):
    """Does something once between a use case's reads and its write: what a concurrent invocation does in that moment."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._meanwhile: list[tuple[Callable[[Sequence[Write]], bool], Callable[[], object]]] = []
        self._happening = False
        self.happened = 0

    def before_write(self, happens: Callable[[], object], *, of: Callable[[Sequence[Write]], bool] = bool) -> None:
        """Let something happen before the next write of a kind; several happen one after another, each before one write."""
        self._meanwhile.append((of, happens))

    def _let_happen(self, writes: Sequence[Write]) -> None:
        if self._happening:
            return
        for entry in self._meanwhile:
            if entry[0](writes):
                self._meanwhile.remove(entry)
                self.happened += 1
                self._happening = True
                try:
                    entry[1]()
                finally:
                    self._happening = False
                return

    def write(self, writes: Sequence[Write]) -> None:
        self._let_happen(writes)
        self.table.write(writes)

    def update(self, update: Update) -> Item:
        self._let_happen((update,))
        return self.table.update(update)


class BetweenReads(Through):
    """Does something once between two reads of a use case: before a row is read, when others have been."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._meanwhile: list[tuple[Callable[[Key], bool], Callable[[], object]]] = []

    def before_read(self, happens: Callable[[], object], *, of: Callable[[Key], bool]) -> None:
        """Let something happen before the next read of a row of a kind."""
        self._meanwhile.append((of, happens))

    def get(self, key: Key) -> Item | None:
        for entry in self._meanwhile:
            if entry[0](key):
                self._meanwhile.remove(entry)
                entry[1]()
                break
        return self.table.get(key)


class Without(Through):
    """Leaves out conditions, as if somebody had deleted the line of code that states them."""

    def __init__(self, table: Table, condition: Callable[[Write, Condition], bool]) -> None:
        super().__init__(table)
        self._left_out = condition
        self.left_out = 0

    def write(self, writes: Sequence[Write]) -> None:
        self.table.write([kept for write in writes if (kept := self._bare(write)) is not None])

    def update(self, update: Update) -> Item:
        bare = self._bare(update)
        assert isinstance(bare, Update)
        return self.table.update(bare)

    def _bare(self, write: Write) -> Write | None:
        kept = tuple(c for c in write.conditions if not self._left_out(write, c))
        self.left_out += len(write.conditions) - len(kept)
        if isinstance(write, Check):
            return replace(write, conditions=kept) if kept else None
        return replace(write, conditions=kept)


def touches(prefix: str, sk: str = "") -> Callable[[Sequence[Write]], bool]:
    """Whether any write is on a row whose partition and sort keys begin so."""
    return lambda writes: any(w.key.pk.startswith(prefix) and w.key.sk.startswith(sk) for w in writes)
