"""Queues and the table's stream, with what they promise: at least once, in order per group, again after a while."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from functions.cases.table import Item

VISIBILITY_SECONDS = 35.0
DEDUPLICATION_SECONDS = 300.0
STREAM_RETRY_SECONDS = 1.0
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

    def _available(self) -> list[Message]:
        """Those that nothing but time keeps back."""
        if not self.fifo:
            return list(self.messages)
        found: list[Message] = []
        blocked: dict[str | None, float] = {}
        for message in self.messages:
            first = blocked.setdefault(message.group, message.visible_at)
            if message.visible_at <= first:
                found.append(message)
        return found

    def next_at(self) -> float | None:
        """When the next message can be received, in epoch seconds."""
        return min((message.visible_at for message in self._available()), default=None)

    def receive(self, now: float) -> list[Message]:
        """A batch; what is in it is hidden until it is deleted, or its time is over."""
        batch = [message for message in self._available() if message.visible_at <= now][:BATCH]
        for message in batch:
            message.receives += 1
        return batch

    def settle(self, batch: Collection[Message], failed: Collection[str], now: float) -> None:
        """Delete what was handled; what failed comes again, or is dead."""
        for message in batch:
            if message.id not in failed:
                self.messages.remove(message)
            elif message.receives >= self.max_receives:
                self.messages.remove(message)
                self.dead.append(message)
            else:
                message.visible_at = now + VISIBILITY_SECONDS


@dataclass
class Stream:
    """The table's stream as one shard: in order, from a checkpoint; a batch that failed is halved and comes again."""

    rows: list[Item] = field(default_factory=list)
    checkpoint: int = 0
    size: int = 100
    retry_at: float = 0.0

    def next_at(self, now: float) -> float | None:
        """When the next batch is due."""
        return max(now, self.retry_at) if self.checkpoint < len(self.rows) else None

    def batch(self) -> list[tuple[str, Item]]:
        """The records after the checkpoint, each with its sequence number."""
        upto = self.checkpoint + self.size
        return [(str(n + 1), row) for n, row in enumerate(self.rows[self.checkpoint : upto], start=self.checkpoint)]

    def settle(self, batch: Collection[tuple[str, Item]], failed: Collection[str], now: float) -> None:
        """Go on after the last record before the first that failed."""
        if failed:
            self.checkpoint = min(int(number) for number in failed) - 1
            self.size = max(1, len(batch) // 2)
            self.retry_at = now + STREAM_RETRY_SECONDS
        else:
            self.checkpoint += len(batch)
            self.size = 100
