"""The simulation's services under contract: calm, or with faults that they may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.cases.adapters.memory import MemoryTable
from functions.cases.table import Item, Key
from functions.relay.outlets import NotAccepted
from tests.contract import executions
from tests.contract.queues import Handle, Letter
from tests.contract.stream import Batch, Function, Record
from tests.simulation import queues
from tests.simulation.clock import Clock, Worker
from tests.simulation.dice import Dice, Fault
from tests.simulation.executions import StepFunctions
from tests.simulation.hospital import _Stream
from tests.simulation.table import DisorderlyTable


def clock_with(*faults: Fault) -> Clock:
    """A clock of a run in which these faults happen at every second throw, and no others."""
    return Clock(0.0, Dice(1, dict.fromkeys(faults, 0.5)))


def simulated_table(*faults: Fault) -> DisorderlyTable:
    """The simulation's table, as a worker reaches it."""
    clock = clock_with(*faults)
    clock.worker = Worker("contract", 1e9)
    return DisorderlyTable(MemoryTable(), clock, lambda _: None, lambda _: None)


class SimulatedQueue:
    """The simulation's queue on virtual time."""

    receives = 3
    visibility = 30.0

    def __init__(self, *faults: Fault, fifo: bool = False) -> None:
        self.again = bool(faults)
        self._clock = clock_with(*faults)
        kind = queues.FifoQueue if fifo else queues.Queue
        self._queue = kind("contract", self._clock, self._take, visibility=self.visibility, receives=self.receives)
        self._handle: Handle = lambda _: ()

    def _take(self, batch: list[queues.Message]) -> set[int]:
        try:
            failed = self._handle([Letter(str(m.number), m.body, m.group, m.received) for m in batch])
        except RuntimeError:
            return set()
        return {message.number for message in batch if str(message.number) not in failed}

    def send(self, body: str, group: str = "", once: str = "") -> None:
        """See Queue.send."""
        if isinstance(self._queue, queues.FifoQueue):
            self._queue.send_once(group, once, body)
        else:
            self._queue.send(body, body)

    def work(self, handle: Handle) -> None:
        """See Queue.work."""
        self._handle = handle
        for _ in range(10_000):
            if self._queue.empty:
                return
            self._clock.step()
        raise RuntimeError("the queue is not worked off")

    def rest(self, seconds: float) -> None:
        """See Queue.rest."""
        self._clock.run_until(self._clock.now + seconds)

    def dead(self) -> list[str]:
        """See Queue.dead."""
        return [letter.body for letter in self._queue.dead]

    def redrive(self) -> None:
        """See Queue.redrive."""
        self._queue.redrive()


class SimulatedStream:
    """The simulation's table and its stream, which hands over one record at a time."""

    retries = _Stream.RETRIES

    def __init__(self, *faults: Fault) -> None:
        self.again = bool(faults)
        self._clock = clock_with(*faults)
        self._lost: list[Item] = []
        self._stream = _Stream(self._clock, self._relay, self._lost)
        self.table = DisorderlyTable(MemoryTable(), self._clock, self._stream.put, lambda _: None)
        self._function = Function({}, raises=False)

    def _relay(self, entry: Item) -> None:
        try:
            failed = self._function([Record(Key(entry["pk"], entry["sk"]), entry)])
        except RuntimeError as error:
            raise NotAccepted(str(error)) from error
        if failed is not None:
            raise NotAccepted("reported")

    def deliver(self, fails: Mapping[str, int], *, raises: bool) -> list[Batch]:
        """See Stream.deliver."""
        self._function = Function(fails, raises=raises)
        for _ in range(10_000):
            if not self._clock.busy:
                return self._function.batches
            self._clock.step()
        raise RuntimeError("the stream is not read to its end")

    def given_up(self) -> int:
        """See Stream.given_up."""
        return len({Key(entry["pk"], entry["sk"]) for entry in self._lost})


class SimulatedService:
    """The simulation's Step Functions on virtual time."""

    def __init__(self, *faults: Fault) -> None:
        self._clock = clock_with(*faults)
        self._function = executions.Function()
        self._machines: dict[str, Any] = {}
        self._states: dict[str, frozenset[str]] = {}
        self.client: Any = StepFunctions(
            self._clock, self._states, self._machines, lambda _, payload: self._function(payload), lambda _: None
        )
        self._function.client = self.client

    def publish(self, states: dict[str, Any]) -> str:
        """See Service.publish."""
        name = f"contract{len(self._machines)}-v1"
        self._machines[name] = {"StartAt": next(iter(states)), "States": states}
        self._states[name] = frozenset(states)
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
            self._clock.step()
        return self._function.asked.pop(0)

    def asks(self) -> int:
        """See Service.asks."""
        return self._function.asks

    def ended(self, execution: str) -> tuple[str, list[str]]:
        """See Service.ended."""
        for _ in range(1000):
            status = self.client.describe_execution(executionArn=execution)["status"]
            if status != "RUNNING":
                return status, [entered.state for entered in self.client._by_arn[execution].path]
            self._clock.run_until(self._clock.now + 1)
        raise RuntimeError("the execution does not end")
