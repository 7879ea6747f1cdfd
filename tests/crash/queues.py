"""Queues and the table's stream, with what they promise: at least once, in order per group, again after a while."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from functions.cases.table import Item

VISIBILITY_SECONDS = 35.0
DEDUPLICATION_SECONDS = 300.0
STREAM_RETRY_SECONDS = 1.0
STREAM_RETRIES = 10
BATCH = 10


@dataclass
class Message:
    """A message in a queue."""

    id: str
    body: str
    group: str | None = None
    visible_at: float = 0.0
    receives: int = 0


@dataclass
class Queue:
    """An SQS queue with its dead-letter queue; with ``fifo``, messages of a group come in order, one batch at a time."""

    name: str
    max_receives: int
    fifo: bool = False
    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    loses: int = 0
    """So many messages are lost on their way in."""
    _seen: dict[str, float] = field(default_factory=dict)
    _sent: int = 0

    def send(self, body: str, now: float, group: str | None = None, deduplication: str | None = None) -> None:
        """Put a message in; a FIFO queue drops what it was given in the last five minutes."""
        if self.fifo and deduplication is not None:
            if now - self._seen.get(deduplication, float("-inf")) < DEDUPLICATION_SECONDS:
                return
            self._seen[deduplication] = now
        self._sent += 1
        if self.loses:
            self.loses -= 1
            return
        self.messages.append(Message(f"{self.name}-{self._sent}", body, group, visible_at=now))

    def _available(self) -> Iterator[tuple[float, Message]]:
        """Each message with the moment from which nothing keeps it back; in a group, what was sent before it does."""
        held: dict[str | None, float] = {}
        for message in self.messages:
            at = message.visible_at
            if self.fifo:
                at = held[message.group] = max(at, held.get(message.group, at))
            yield at, message

    def next_at(self) -> float | None:
        """When the next message can be received, in epoch seconds."""
        return min((at for at, _ in self._available()), default=None)

    def receive(self, now: float) -> list[Message]:
        """A batch; what is in it is hidden until it is deleted, or its time is over."""
        batch = [message for at, message in self._available() if at <= now][:BATCH]
        for message in batch:
            message.receives += 1
            message.visible_at = now + VISIBILITY_SECONDS
        return batch

    def settle(self, batch: Collection[Message], failed: Collection[str], now: float) -> None:
        """Delete what was handled; what failed comes again when its time is over, but not in the past, or is dead."""
        for message in batch:
            if message not in self.messages:
                continue  # its time was over, and somebody else has finished it
            if message.id not in failed:
                self.messages.remove(message)
            elif message.receives >= self.max_receives:
                self.messages.remove(message)
                self.dead.append(message)
            else:
                message.visible_at = max(message.visible_at, now)


@dataclass
class Stream:
    """The table's stream as one shard: in order, from a checkpoint; a batch that failed is halved and comes again.

    What is left of it then is one record, which is tried so often more, and given up.
    """

    rows: list[Item] = field(default_factory=list)
    given_up: list[Item] = field(default_factory=list)
    checkpoint: int = 0
    size: int = 100
    retry_at: float = 0.0
    failures: int = 0

    def next_at(self, now: float) -> float | None:
        """When the next batch is due."""
        return max(now, self.retry_at) if self.checkpoint < len(self.rows) else None

    def batch(self) -> list[tuple[str, Item]]:
        """The records after the checkpoint, each with its sequence number."""
        upto = self.checkpoint + self.size
        return [(str(n + 1), row) for n, row in enumerate(self.rows[self.checkpoint : upto], start=self.checkpoint)]

    def settle(self, batch: Sequence[tuple[str, Item]], failed: Collection[str], now: float) -> None:
        """Go on after the last record before the first that failed, or after that one when it was tried often enough."""
        if not failed:
            self.checkpoint += len(batch)
            self.size, self.failures = 100, 0
            return
        self.checkpoint = min(int(number) for number in failed) - 1
        self.size = max(1, len(batch) // 2)
        self.retry_at = now + STREAM_RETRY_SECONDS
        self.failures = self.failures + 1 if len(batch) == 1 else 0  # halving is no retry
        if self.failures > STREAM_RETRIES:
            self.given_up.append(self.rows[self.checkpoint])
            self.checkpoint += 1
            self.size, self.failures = 100, 0
