"""Queues that deliver at least once: visibility time-outs, partial failures of a batch, dead letters and redrive; FIFO by group."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.clock import Clock
from tests.simulation.dice import Fault

BATCH = 10
DEDUPLICATION_SECONDS = 300.0
"""A FIFO queue takes a message with a deduplication id once in so many seconds (Amazon SQS developer guide)."""

Take = Callable[[list["Message"]], set[int]]
"""Handles a batch; returns the numbers of the messages that it finished."""


@dataclass(slots=True)
class Message:
    """A message in a queue. ``number`` is its own; ``group`` that of a FIFO queue."""

    number: int
    name: str
    body: str
    group: str = ""
    received: int = 0
    visible_at: float = 0.0
    key: int = field(default=0)


class Queue:
    """A standard queue and the function that works it off."""

    def __init__(
        self, name: str, clock: Clock, take: Take, *, visibility: float, receives: int, batch: int = BATCH
    ) -> None:
        self.name = name
        self.dead: list[Message] = []
        self.redriven = 0
        self._clock, self._take = clock, take
        self._visibility, self._receives, self._batch = visibility, receives, batch
        self._waiting: dict[int, Message] = {}
        self._sent = 0

    @property
    def empty(self) -> bool:
        """Whether everything that was sent was handled, or is a dead letter."""
        return not self._waiting

    def send(self, name: str, body: str, *, group: str = "", delay: float = 0.0) -> None:
        """Put a message into the queue. ``name`` is the same in every run."""
        self._sent += 1
        message = Message(self._sent, name, body, group, key=zlib.crc32(f"{self.name} {name}".encode()))
        dice = self._clock.dice
        wait = delay + 0.05 + 0.5 * dice.part(message.key, 0)
        if not group and dice.hit(Fault.DELAYED, message.key, 0):
            wait += 600 * dice.part(message.key, 1)
        self._put(message, self._clock.now + wait)
        if not group and dice.hit(Fault.DELIVERED_TWICE, message.key, 0):
            self._sent += 1
            again = Message(self._sent, f"{name}'", body, group, key=message.key + 1)
            self._put(again, self._clock.now + wait + 40 * dice.part(message.key, 2) ** 2)

    def redrive(self) -> None:
        """Send the dead letters through again."""
        letters, self.dead = self.dead, []
        for letter in letters:
            self.redriven += 1
            letter.received = 0
            self._put(letter, self._clock.now)

    def _put(self, message: Message, at: float) -> None:
        message.visible_at = at
        self._waiting[message.number] = message
        self._clock.at(at, self._poll)

    def _poll(self) -> None:
        batch = self._receive()
        if not batch:
            return
        hidden = self._clock.now + self._visibility
        for message in batch:
            message.received += 1
            message.visible_at = hidden
        self._clock.at(hidden, self._poll, idle=True)  # whoever has it may be at it for longer
        done = self._take(batch)
        for message in batch:
            if message.number in done:
                self._waiting.pop(message.number, None)
            elif message.received >= self._receives:
                self.dead.append(message)
                self._waiting.pop(message.number, None)
            elif message.number in self._waiting:
                self._clock.at(message.visible_at, self._poll)

    def _receive(self) -> list[Message]:
        now = self._clock.now
        ready = [m for m in self._waiting.values() if m.visible_at <= now]
        if len(ready) > 1:  # in no particular order
            ready.sort(key=lambda m: self._clock.dice.part(m.key, m.received))
        return ready[: self._batch]


class FifoQueue(Queue):
    """A FIFO queue: in order within a group, one batch of a group at a time, each deduplication id once in five minutes."""

    def __init__(self, name: str, clock: Clock, take: Take, *, visibility: float, receives: int) -> None:
        super().__init__(name, clock, take, visibility=visibility, receives=receives)
        self._taken: dict[str, float] = {}

    def send_once(self, group: str, deduplication: str, body: str) -> bool:
        """Put a message in, unless its deduplication id was there within five minutes; says whether it was put in."""
        before = self._taken.get(deduplication)
        if before is not None and self._clock.now - before < DEDUPLICATION_SECONDS:
            return False
        self._taken[deduplication] = self._clock.now
        self.send(deduplication, body, group=group)
        return True

    def _poll(self) -> None:
        super()._poll()
        if self._receive():  # more of a group that was held up
            self._clock.after(0.02, self._poll)

    def _receive(self) -> list[Message]:
        if not self._waiting:
            return []
        now = self._clock.now
        groups: dict[str, list[Message]] = {}
        for message in self._waiting.values():
            groups.setdefault(message.group, []).append(message)
        batch: list[Message] = []
        for messages in groups.values():
            ready = []
            for message in messages:
                if message.visible_at <= now:
                    ready.append(message)
                elif message.received:
                    ready.clear()  # some of the group are being handled
                    break
                else:
                    break  # later ones are not visible before it
            batch += ready
        return batch[: self._batch]
