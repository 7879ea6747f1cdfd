"""Cases under way side by side: each sends its next event when its execution has followed the one before, within bounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

from functions.cases.adapters.codec import decode_item, encode
from functions.cases.table import Item, Key
from local.aws.running import RunningAws

LOOK_EVERY_SECONDS = 0.05
ROWS_A_READ = 100
"""What BatchGetItem takes."""
EVENTS_A_CALL = 10
"""What PutEvents takes."""

Entry = dict[str, Any]


class Lane(Protocol):
    """One case on its way: it makes its events, and says by its row whether the last has been followed."""

    @property
    def row(self) -> Key:
        """Where the case's row is."""

    def next(self) -> Entry | None:
        """The next event as an entry for the bus; None when the course is over."""

    def followed(self, row: Item | None) -> bool:
        """Whether the case's execution waits where the last event led."""


class Passed(NamedTuple):
    """How many events were followed in how many seconds, and the longest that one waited, in seconds."""

    events: int
    seconds: float
    slowest: float

    @property
    def rate(self) -> float:
        """Hand-offs a second."""
        return self.events / self.seconds


@dataclass
class _Sent:
    lane: Lane
    at: float


class TooSlow(TimeoutError):
    """The events were not through in the time that was allowed; the text says how far they came."""


def read_rows(aws: RunningAws, table: str, keys: Sequence[Key]) -> Mapping[Key, Item]:
    """Rows by key, strongly consistent; those that do not exist are left out."""
    client = aws.client("dynamodb")
    found: dict[Key, Item] = {}
    for start in range(0, len(keys), ROWS_A_READ):
        wanted = [{"pk": encode(key.pk), "sk": encode(key.sk)} for key in keys[start : start + ROWS_A_READ]]
        answer = client.batch_get_item(RequestItems={table: {"Keys": wanted, "ConsistentRead": True}})
        for raw in answer["Responses"].get(table, ()):
            item = decode_item(raw)
            found[Key(item["pk"], item["sk"])] = item
    return found


def drive(
    lanes: Iterator[Lane],
    *,
    at_once: int,
    put: Callable[[list[Entry]], object],
    read: Callable[[Sequence[Key]], Mapping[Key, Item]],
    longest_seconds: float,
    watch: Callable[[int], None] = lambda _: None,
) -> Passed:
    """Send all lanes through their courses, ``at_once`` at a time; ``watch`` is told how many events were followed.

    Raises TooSlow after ``longest_seconds``.
    """
    began = time.perf_counter()
    under_way: dict[Key, _Sent] = {}
    followed = 0
    slowest = 0.0
    while True:
        ready: list[tuple[Lane, Entry]] = []
        for lane in islice(lanes, at_once - len(under_way)):
            first = lane.next()
            if first is not None:
                ready.append((lane, first))
        if under_way:
            rows = read(list(under_way))
            now = time.perf_counter()
            for key, sent in list(under_way.items()):
                if not sent.lane.followed(rows.get(key)):
                    continue
                del under_way[key]
                followed += 1
                slowest = max(slowest, now - sent.at)
                later = sent.lane.next()
                if later is not None:
                    ready.append((sent.lane, later))
        if not ready and not under_way:
            return Passed(followed, time.perf_counter() - began, slowest)
        if time.perf_counter() - began > longest_seconds:
            raise TooSlow(f"{followed} events were followed in {longest_seconds:.0f} s, {len(under_way)} are under way")
        for start in range(0, len(ready), EVENTS_A_CALL):
            some = ready[start : start + EVENTS_A_CALL]
            put([entry for _, entry in some])
            now = time.perf_counter()
            under_way.update((lane.row, _Sent(lane, now)) for lane, _ in some)
        watch(followed)
        if not ready:
            time.sleep(LOOK_EVERY_SECONDS)
