"""The crash harness's services under contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.cases.table import Item, Key
from tests.contract import executions
from tests.contract.queues import Handle, Letter
from tests.contract.stream import Batch, Function, Record
from tests.crash import machines, queues
from tests.crash.hospital import StreamedTable


class RehearsedQueue:
    """The crash harness's queue; its driver's time is the harness's."""

    receives = 3
    visibility = queues.VISIBILITY_SECONDS
    again = False

    def __init__(self, *, fifo: bool = False) -> None:
        self._queue = queues.Queue("contract", self.receives, fifo=fifo)
        self._now = 0.0
        self._handle: Handle = lambda _: ()

    def send(self, body: str, group: str = "", once: str = "") -> None:
        """See Queue.send."""
        self._queue.send(body, self._now, group or None, once or None)

    def work(self, handle: Handle) -> None:
        """See Queue.work."""
        self._handle = handle
        for _ in range(1000):
            at = self._queue.next_at()
            if at is None:
                return
            self._deliver(at)
        raise RuntimeError("the queue is not worked off")

    def _deliver(self, at: float) -> None:
        self._now = max(self._now, at)
        batch = self._queue.receive(self._now)
        try:
            failed = self._handle([Letter(m.id, m.body, m.group or "", m.receives) for m in batch])
        except RuntimeError:
            failed = [message.id for message in batch]
        self._queue.settle(batch, failed, self._now)

    def rest(self, seconds: float) -> None:
        """See Queue.rest."""
        end = self._now + seconds
        for _ in range(1000):
            at = self._queue.next_at()
            if at is None or at > end:
                self._now = max(self._now, end)
                return
            self._deliver(at)
        raise RuntimeError("the queue does not come to rest")

    def dead(self) -> list[str]:
        """See Queue.dead."""
        return [letter.body for letter in self._queue.dead]


class RehearsedStream:
    """The crash harness's table and its stream."""

    retries = queues.STREAM_RETRIES
    again = False

    def __init__(self) -> None:
        self.table = StreamedTable()

    def deliver(self, fails: Mapping[str, int], *, raises: bool) -> list[Batch]:
        """See Stream.deliver."""
        stream, function, now = self.table.stream, Function(fails, raises=raises), 0.0
        for _ in range(1000):
            at = stream.next_at(now)
            if at is None:
                return function.batches
            now, batch = at, stream.batch()
            try:
                place = function([_record(row) for _, row in batch])
                failed = [] if place is None else [batch[place][0]]
            except RuntimeError:
                failed = [number for number, _ in batch]
            stream.settle(batch, failed, now)
        raise RuntimeError("the stream is not read to its end")

    def given_up(self) -> int:
        """See Stream.given_up."""
        return len(self.table.stream.given_up)


def _record(row: Item) -> Record:
    return Record(Key(row["pk"], row["sk"]), row)


class RehearsedService:
    """The crash harness's Step Functions; its driver's time is the harness's."""

    def __init__(self) -> None:
        self._now = 0.0
        self._function = executions.Function()
        self.client: Any = machines.StepFunctions(lambda _, payload: self._function(payload), lambda: self._now)
        self._function.client = self.client

    def publish(self, states: dict[str, Any]) -> str:
        """See Service.publish."""
        name = f"baton-contract{len(self.client._machines)}-v1"
        self.client._machines[name] = ({"StartAt": next(iter(states)), "States": states}, frozenset(states))
        return f"arn:aws:states:here:0:stateMachine:{name}"

    def function_name(self) -> str:
        """See Service.function_name."""
        return "${FollowFunctionArn}"

    def behave(self, behaviour: executions.Behaviour) -> None:
        """See Service.behave."""
        self._function.behaviour = behaviour

    def asked(self) -> executions.Asked:
        """See Service.asked."""
        while not self._function.asked:
            self._act()
        return self._function.asked.pop(0)

    def asks(self) -> int:
        """See Service.asks."""
        return self._function.asks

    def ended(self, execution: str) -> tuple[str, list[str]]:
        """See Service.ended."""
        found = self.client.executions[execution]
        while found.status == "RUNNING":
            self._act()
        return found.status, found.path

    def _act(self) -> None:
        self._now = max(self._now, self.client.next_at())
        self.client.act()
