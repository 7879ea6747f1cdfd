"""The table as workers reach it: conflicts, throttling, answers that get lost, an index that lags, and a stream of journal entries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.table import Contention, Delete, Index, Item, Key, Page, Put, Update, Write
from tests.simulation.clock import Clock
from tests.simulation.dice import Fault
from tests.simulation.outages import Service

_RANGE_KEY = {Index.WORKLIST: "due", Index.SWEEP: "look_at", Index.CASES: "opened_at"}


class Throttled(RuntimeError):
    """A read was throttled for longer than the client library tries."""


class Asked(NamedTuple):
    """Somebody to whom a commit gave a task, in which role and when; and the roster's word on them at that moment.

    ``by_routing``: Baton chose them; otherwise a person named them, or they claimed it.
    """

    person: str
    role: str
    at: float
    by_routing: bool
    roles: tuple[str, ...]
    until: float


class Commit(NamedTuple):
    """A transaction that changed a case row: when by its writer's clock it was written, what it wrote, and who was asked."""

    at: float
    case: str
    writes: tuple[Write, ...]
    asked: tuple[Asked, ...] = ()


def _away(what: str) -> ClientError:
    return ClientError({"Error": {"Code": "InternalServerError", "Message": "later"}}, what)


class DisorderlyTable:
    """See functions.cases.table.Table. ``inserted`` is told of every new journal entry, ``looks`` of every look that is booked."""

    def __init__(
        self, memory: MemoryTable, clock: Clock, inserted: Callable[[Item], None], looks: Callable[[float], None]
    ) -> None:
        self.memory = memory
        self.commits: list[Commit] = []
        self.given_up = set[Key]()
        """Marks of events that waited for their case in vain."""
        self._clock = clock
        self._inserted, self._looks = inserted, looks
        self._seen: dict[tuple[Index, str], tuple[Item, ...]] = {}
        self._throttles = clock.dice.may(Fault.THROTTLED_READ)

    def get(self, key: Key) -> Item | None:
        """See Table.get."""
        self._read(key.sk)
        return self.memory.get(key)

    def query(self, pk: str, prefix: str = "", *, start: Any | None = None, limit: int | None = None) -> Page:
        """See Table.query."""
        self._read(prefix)
        return self.memory.query(pk, prefix, start=start, limit=limit)

    def query_index(
        self, index: Index, value: str, *, upto: float | None = None, start: Any | None = None, limit: int | None = None
    ) -> Page:
        """See Table.query_index. A lagging index answers from the entries that it had when it was asked before."""
        self._read(value)
        if not self._clock.dice.may(Fault.STALE_INDEX):
            return self.memory.query_index(index, value, upto=upto, start=start, limit=limit)
        before = self._seen.get((index, value), ())
        now = self._seen[index, value] = self.memory.query_index(index, value).items
        entries = before if self._clock.hit(Fault.STALE_INDEX, value) else now
        by = _RANGE_KEY[index]
        found = [(entry[by], entry["pk"], entry["sk"], entry) for entry in entries if upto is None or entry[by] <= upto]
        cut = [each for each in found if start is None or each[:3] > start][:limit]
        return Page(tuple(entry for *_, entry in cut), cut[-1][:3] if cut and len(cut) == limit else None)

    def write(self, writes: Sequence[Write]) -> None:
        """See Table.write."""
        self._writing(writes[0].key.sk if writes else "nothing")
        entries = [w.key for w in writes if isinstance(w, Put) and w.item["sk"].startswith("J#")]
        new = [key for key in entries if self.memory.get(key) is None]
        self.memory.write(writes)
        self._written(writes, new)
        # A transaction carries a token that makes a second try the same; a single write has none.
        if len(writes) == 1 and self._clock.hit(Fault.LOST_ANSWER, writes[0].key.sk):
            self.memory.write(writes)
        self._clock.reached(writes[0].key.sk)

    def update(self, update: Update) -> Item:
        """See Table.update."""
        self._writing(update.key.sk)
        row = self.memory.update(update)
        self._written((update,), ())
        if self._clock.hit(Fault.LOST_ANSWER, update.key.sk):
            row = self.memory.update(update)
        self._clock.reached(update.key.sk)
        return row

    def _read(self, what: str) -> None:
        clock = self._clock
        clock.reach(what)
        if clock.outages and clock.away(Service.TABLE):
            raise _away("read")
        if self._throttles and clock.hit(Fault.THROTTLED_READ, what):
            raise Throttled("reads are throttled")

    def _writing(self, what: str) -> None:
        clock = self._clock
        clock.reach(what)
        if clock.outages and clock.away(Service.TABLE):
            raise _away("write")
        if clock.hit(Fault.CONFLICT, what):
            raise Contention("TransactionConflict")

    def _asked(self, writes: Sequence[Write]) -> Iterator[Asked]:
        """Who has a task since this commit."""
        entries = [write.item for write in writes if isinstance(write, Put) and write.key.sk.startswith("J#")]
        lock = writes[0]
        written = lock.item if isinstance(lock, Put) else lock.set if isinstance(lock, Update) else {}
        tasks = [task for task in (written.get("task"), *(written.get("items") or ())) if task and task.get("person")]
        if not entries or not tasks:
            return
        at, facility = entries[0]["at"], entries[0]["facility"]
        by_routing = entries[0]["kind"] in ("moved", "rerouted")
        for task in tasks:
            if task["since"] == at:
                there = self.memory.get(keys.staff(facility, task["person"])) or {"roles": (), "until": 0.0}
                yield Asked(task["person"], task["role"], at, by_routing, tuple(there["roles"]), there["until"])

    def _written(self, writes: Sequence[Write], new: Collection[Key]) -> None:
        pk, sk = writes[0].key
        if sk == keys.META:
            asked = tuple(self._asked(writes))
            self.commits.append(Commit(self._clock.now, pk.removeprefix("CASE#"), tuple(writes), asked))
        for write in writes:
            if isinstance(write, Put):
                if new and write.key in new:
                    self._inserted(write.item)
                look = write.item.get("look_at")
            elif isinstance(write, Delete):
                if write.key.pk.startswith("EVENT#"):
                    self.given_up.add(write.key)
                continue
            elif isinstance(write, Update):
                look = write.set.get("look_at")
                if write.copy.get("look_at"):
                    look = (self.memory.get(write.key) or {}).get("look_at")
            else:
                continue
            if look is not None:
                self._looks(look)
