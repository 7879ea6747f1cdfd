"""A deployed stack: events go to its bus at a steady rate, and what became of them is read back from their marks.

Nothing here knows how a stack is reached; see Sink and Lookup.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from local.replay.ledger import DUPLICATE, UNSETTLED, Ledger, Settled
from local.replay.message import Message

BATCH = 10
"""PutEvents takes so many entries at once."""

LOOK_SECONDS = 0.5


class Sink(Protocol):
    """Takes events to the bus."""

    def admit(self, patient: str, encounter: str) -> None:
        """Let the record system know a patient and an encounter before their first event; called once each."""

    def send(self, events: list[dict[str, Any]]) -> None:
        """Send at most BATCH events, each {source, detail-type, detail}. Raises when the bus does not take one."""


class Lookup(Protocol):
    """Says what became of events."""

    def marked(self, facility: str, event_id: str, type: str) -> Settled | None:
        """What the event's marks say; None when no workflow has seen it."""

    def quarantined(self) -> Iterator[tuple[str, Settled]]:
        """Everything in quarantine, by event id."""


class Deployed:
    """Runs a replay on a deployed stack. An event whose mark is there before it is sent is a duplicate; it is sent all the same."""

    def __init__(
        self,
        sink: Sink,
        lookup: Lookup,
        ledger: Ledger,
        *,
        rate: float,
        settle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``rate`` is events a second; ``settle_seconds`` how long the last ones may take to be placed."""
        self._sink, self._lookup, self._ledger = sink, lookup, ledger
        self._interval, self._settle_seconds = 1 / rate, settle_seconds
        self._clock, self._sleep = clock, sleep
        self._next = clock()
        self._batch: list[Message] = []
        self._present: dict[str, float] = {}

    def deliver(self, message: Message) -> None:
        """Send a message when its turn has come."""
        seen = self._ledger.knows(message.event_id) or (
            self._lookup.marked(message.facility, message.event_id, message.type) is not None
        )
        self._ledger.note(message, Settled(DUPLICATE, "seen_before") if seen else None)
        if message.encounter not in self._present:
            subject = message.event["detail"]["subject"]
            self._sink.admit(subject["patient"], subject["encounter"])
            self._present[message.encounter] = message.last
        self._batch.append(message)
        if len(self._batch) == BATCH:
            self._send()

    def _send(self) -> None:
        wait = self._next - self._clock()
        if wait > 0:
            self._sleep(wait)
        self._sink.send([dict(message.event) for message in self._batch])
        self._next = max(self._next, self._clock() - 1) + self._interval * len(self._batch)
        newest = self._batch[-1].at
        self._present = {encounter: last for encounter, last in self._present.items() if last >= newest}
        self._batch.clear()

    def finish(self) -> None:
        """Wait until every event has been placed or quarantined; what is not in time stays unaccounted for."""
        if self._batch:
            self._send()
        end = self._clock() + self._settle_seconds
        while self._look() and self._clock() < end:
            self._sleep(LOOK_SECONDS)

    def _look(self) -> bool:
        """Settle what can be settled; whether anything is still unknown."""
        for event_id, settled in self._lookup.quarantined():
            sent = self._ledger.named(event_id)
            if sent is not None and (sent.outcome is None or sent.outcome in UNSETTLED):
                self._ledger.settle(sent.id, settled)
        unknown, after = False, 0
        while page := self._ledger.open(after=after):
            after = page[-1].id
            for sent in page:
                marked = self._lookup.marked(sent.facility, sent.event_id, sent.type)
                if marked is not None:
                    self._ledger.settle(sent.id, marked)
                unknown = unknown or (marked is None and sent.outcome is None)
        return unknown
