"""A fault in a service of the simulation or of the crash harness: a test of its contract notices, or the contract says nothing."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from functions.cases.adapters import memory
from functions.cases.adapters.memory import MemoryTable
from functions.cases.table import Condition, Contention, Index, Item, Page, Put, Update, Write
from functions.cases.table import Test as Ask
from tests.contract.executions import StartContract, TokenContract
from tests.contract.queues import FifoContract as Fifo
from tests.contract.queues import Make, QueueContract
from tests.contract.rehearsed import RehearsedQueue, RehearsedService, RehearsedStream
from tests.contract.simulated import SimulatedQueue, SimulatedService, SimulatedStream, simulated_table
from tests.contract.stream import StreamContract
from tests.contract.table import A, ContendedTableContract, LaggingIndexContract, TableContract
from tests.crash import machines
from tests.crash import queues as rehearsed
from tests.simulation import executions
from tests.simulation import queues as simulated
from tests.simulation.dice import Fault as Befalls
from tests.simulation.hospital import _Stream
from tests.simulation.table import DisorderlyTable

NOTICED = (AssertionError, pytest.fail.Exception, ClientError, RuntimeError)


class Fault(NamedTuple):
    """What is wrong, how it comes about, and the test that notices."""

    name: str
    plant: Callable[[pytest.MonkeyPatch], None]
    test: Callable[[], None]


def _in_place_of(owner: object, name: str, other: object) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(owner, name, other)


def _simulated_queue(*, fifo: bool = False, hides: bool = False) -> SimulatedQueue:  # noqa: ARG001 - time is virtual
    return SimulatedQueue(fifo=fifo)


def _rehearsed_queue(*, fifo: bool = False, hides: bool = False) -> RehearsedQueue:  # noqa: ARG001 - time is virtual
    return RehearsedQueue(fifo=fifo)


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _one_after_the_other(self: MemoryTable, writes: Sequence[Write]) -> None:
    for write in writes:
        row = self._row(write.key)
        self._keep(write.key, row, memory._after(write, row))


def _backwards(self: MemoryTable, pk: str, prefix: str = "", **_: object) -> Page:
    found = [row.copied() for sk, row in self._partitions.get(pk, {}).items() if sk.startswith(prefix)]
    return Page(tuple(reversed(found)))


def _conflict_afterwards(self: DisorderlyTable, writes: Sequence[Write]) -> None:
    self.memory.write(writes)
    self._clock.reach("write")
    if self._clock.hit(Befalls.CONFLICT, "too late"):
        raise Contention("TransactionConflict")


def _another_answer(self: DisorderlyTable, index: Index, value: str, **asked: Any) -> Page:
    self._read(value)
    seen: Any = self._seen
    before, seen[index, value] = seen.get((index, value), Page(())), self.memory.query_index(index, value, **asked)
    found: Page = before if self._clock.hit(Befalls.STALE_INDEX, value) else seen[index, value]
    return found


def _contended() -> None:
    table = simulated_table(Befalls.CONFLICT)
    ContendedTableContract().test_what_is_contended_was_not_written_and_can_be_tried_again(table)


def _lagging() -> None:
    LaggingIndexContract().test_what_it_gives_is_what_was_asked_for(simulated_table(Befalls.STALE_INDEX))


TABLE = [
    Fault(
        "conditions are not looked at",
        _in_place_of(memory, "_all_hold", lambda *_: True),
        lambda: TableContract().test_all_writes_or_none(MemoryTable()),
    ),
    Fault(
        "a fault leaves a transaction half written",
        _in_place_of(MemoryTable, "write", _one_after_the_other),
        lambda: TableContract().test_an_update_that_cannot_be_is_a_fault_and_nothing_is_written(
            MemoryTable(), Update(A, copy={"copied": "none"})
        ),
    ),
    Fault(
        "truth is a number",
        _in_place_of(memory, "_equal", operator.eq),
        lambda: TableContract().test_values_of_different_types_do_not_match(
            MemoryTable(), Condition("one", Ask.EQUALS, True), holds=False
        ),
    ),
    Fault(
        "an index keeps what has left it",
        _in_place_of(MemoryTable, "_unindex", lambda *_: None),
        lambda: TableContract().test_an_index_follows_a_row_that_changes_its_place(MemoryTable()),
    ),
    Fault(
        "a partition is read in no order",
        _in_place_of(MemoryTable, "query", _backwards),
        lambda: TableContract().test_a_partition_is_read_in_the_order_of_its_keys(MemoryTable()),
    ),
    Fault(
        "rows are shared",
        _in_place_of(memory._Row, "copied", lambda self: self.item),
        lambda: TableContract().test_rows_are_nobodys_shared_object(MemoryTable()),
    ),
    Fault(
        "a conflict comes when all is written", _in_place_of(DisorderlyTable, "write", _conflict_afterwards), _contended
    ),
    Fault(
        "an index that lags answers another question",
        _in_place_of(DisorderlyTable, "query_index", _another_answer),
        _lagging,
    ),
]


# ── queues ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fails_once(make: Make) -> Callable[[], None]:
    return lambda: QueueContract().test_only_what_failed_of_a_batch_comes_again(make, fifo=False)


def _ordered(make: Make) -> Callable[[], None]:
    return lambda: Fifo().test_what_failed_comes_before_what_was_sent_after_it(make)


def _hidden(self: rehearsed.Queue) -> Any:
    return ((message.visible_at, message) for message in self.messages)


def _not_hidden(self: rehearsed.Queue, now: float) -> list[rehearsed.Message]:
    batch = [message for at, message in self._available() if at <= now][: rehearsed.BATCH]
    for message in batch:
        message.receives += 1
    return batch


QUEUES = [
    Fault(
        "simulation: a group is in no order",
        _in_place_of(simulated.FifoQueue, "_receive", simulated.Queue._receive),
        _ordered(_simulated_queue),
    ),
    Fault(
        "crash: what is hidden holds up nothing of its group",
        _in_place_of(rehearsed.Queue, "_available", _hidden),
        _ordered(_rehearsed_queue),
    ),
    Fault(
        "crash: what somebody has, others get",
        _in_place_of(rehearsed.Queue, "receive", _not_hidden),
        lambda: QueueContract().test_what_somebody_has_nobody_else_gets(_rehearsed_queue, fifo=False),
    ),
    Fault(
        "simulation: an id is taken each time",
        _in_place_of(simulated, "DEDUPLICATION_SECONDS", 0.0),
        lambda: Fifo().test_an_id_is_taken_once_even_when_it_was_finished(_simulated_queue),
    ),
    Fault(
        "crash: what failed is finished",
        lambda patch: patch.setattr(
            rehearsed.Queue, "settle", lambda self, batch, _, __: [self.messages.remove(message) for message in batch]
        ),
        _fails_once(_rehearsed_queue),
    ),
    Fault(
        "simulation: one that fails each time is never dead",
        _in_place_of(SimulatedQueue, "receives", 10**6),
        lambda: QueueContract().test_what_fails_each_time_becomes_a_dead_letter_and_holds_up_nothing(
            _simulated_queue, fifo=False
        ),
    ),
]


# ── the stream ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _goes_on(self: rehearsed.Stream, batch: Sequence[tuple[str, Item]], _: object, __: float) -> None:
    self.checkpoint += len(batch)


def _told_before(self: DisorderlyTable, writes: Sequence[Write]) -> None:
    for write in writes:
        if isinstance(write, Put) and write.key.sk.startswith("J#"):
            self._inserted(write.item)
    self.memory.write(writes)


STREAM = [
    Fault(
        "crash: a batch that failed is finished",
        _in_place_of(rehearsed.Stream, "settle", _goes_on),
        lambda: StreamContract().test_what_failed_comes_again_until_it_is_handled(RehearsedStream(), raises=True),
    ),
    Fault(
        "crash: a bad record holds up the stream for ever",
        _in_place_of(rehearsed, "STREAM_RETRIES", 10**6),
        lambda: StreamContract().test_what_fails_each_time_is_given_up_and_reported_and_all_else_is_handled(
            RehearsedStream(), raises=False
        ),
    ),
    Fault(
        "simulation: what was refused is in the stream",
        _in_place_of(DisorderlyTable, "write", _told_before),
        lambda: StreamContract().test_what_was_refused_does_not_arrive(SimulatedStream()),
    ),
    Fault(
        "simulation: what failed is lost",
        _in_place_of(_Stream, "RETRIES", 0),
        lambda: StreamContract().test_what_failed_comes_again_until_it_is_handled(SimulatedStream(), raises=True),
    ),
]


# ── executions ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _swallowing(owner: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    call = getattr(owner, name)

    def without_refusal(*arguments: Any, **given: Any) -> Any:
        with suppress(ClientError):
            return call(*arguments, **given)
        return {"executionArn": "another"}

    return _in_place_of(owner, name, without_refusal)


def _same_token(patch: pytest.MonkeyPatch) -> None:
    begin = machines.StepFunctions.__init__

    def with_one_token(self: machines.StepFunctions, *arguments: Any) -> None:
        begin(self, *arguments)
        self._tokens = itertools.count(1, 0)

    patch.setattr(machines.StepFunctions, "__init__", with_one_token)


EXECUTIONS = [
    Fault(
        "crash: a task that is tried again keeps its token",
        _same_token,
        lambda: TokenContract().test_a_task_that_is_tried_again_has_a_new_token_and_the_old_one_is_dead(
            RehearsedService()
        ),
    ),
    Fault(
        "simulation: a token is good twice",
        _swallowing(executions.StepFunctions, "send_task_success"),
        lambda: TokenContract().test_a_token_wakes_its_attempt_once(SimulatedService()),
    ),
    Fault(
        "simulation: a deadline is tried again",
        _in_place_of(executions, "_matches", lambda *_: True),
        lambda: TokenContract().test_a_deadline_is_caught_and_not_tried_again(SimulatedService()),
    ),
    Fault(
        "crash: a deadline is tried again",
        _in_place_of(machines, "_matches", lambda *_: True),
        lambda: TokenContract().test_a_deadline_is_caught_and_not_tried_again(RehearsedService()),
    ),
    Fault(
        "simulation: nothing is known by its name",
        _in_place_of(executions, "_matches", lambda names, _: "States.ALL" in names),
        lambda: TokenContract().test_an_error_is_known_by_its_class(SimulatedService()),
    ),
    Fault(
        "simulation: a name starts as often as it likes",
        _swallowing(executions.StepFunctions, "start_execution"),
        lambda: StartContract().test_a_name_with_another_input_is_refused(SimulatedService()),
    ),
    Fault(
        "crash: an execution that was stopped goes on",
        _in_place_of(machines.StepFunctions, "stop_execution", lambda _, **__: {}),
        lambda: StartContract().test_an_execution_that_is_stopped_does_nothing_more(RehearsedService()),
    ),
]

FAULTS = [*TABLE, *QUEUES, *STREAM, *EXECUTIONS]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_is_noticed(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault.test()
    fault.plant(monkeypatch)
    with pytest.raises(NOTICED):
        fault.test()
