"""What every queue does: Amazon SQS, standard and FIFO, as a function works it off that reports what it failed with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

import pytest

MOST_IN_A_BATCH = 10


class Letter(NamedTuple):
    """A message as a function gets it. ``received`` counts from 1."""

    id: str
    body: str
    group: str
    received: int


Handle = Callable[[Sequence[Letter]], Collection[str]]
"""Works a batch off; the ids of those that failed. When it raises, all did."""


class Queue(Protocol):
    """A queue with its dead-letter queue, and the function that works it off."""

    @property
    def receives(self) -> int:
        """How often a message is received before it is a dead letter; at least twice."""

    @property
    def visibility(self) -> float:
        """How many seconds a message is hidden that was received."""

    @property
    def again(self) -> bool:
        """Whether it may deliver once more what was finished: at least once, as SQS promises."""

    def send(self, body: str, group: str = "", once: str = "") -> None:
        """Put a message in; group and deduplication id are those of a FIFO queue."""

    def work(self, handle: Handle) -> None:
        """Let a function work the queue off until nothing is left in it."""

    def rest(self, seconds: float) -> None:
        """Let time pass; within ``handle``, others go on working the queue off meanwhile."""

    def dead(self) -> list[str]:
        """The bodies of the dead letters."""


class Redriven(Queue, Protocol):
    """A queue whose dead letters can be sent through again."""

    def redrive(self) -> None:
        """Send them through again."""


class Make(Protocol):
    """Makes an empty queue. ``hides``: for so long that no work is slow enough to notice; else no longer than necessary."""

    def __call__(self, *, fifo: bool = False, hides: bool = False) -> Queue: ...


class Worker:
    """A function that fails with some messages; in a group, with what follows them in the batch, too."""

    def __init__(self, fails: Callable[[Letter], bool] = lambda _: False) -> None:
        self.batches: list[list[Letter]] = []
        self.finished: list[list[str]] = []
        """By batch: the bodies of what it did not fail with."""
        self._fails = fails

    def __call__(self, batch: Sequence[Letter]) -> Collection[str]:
        """See Handle."""
        self.batches.append(list(batch))
        failed: list[str] = []
        stuck: set[str] = set()
        for letter in batch:
            if letter.group in stuck or self._fails(letter):
                failed.append(letter.id)
                stuck |= {letter.group} - {""}
        self.finished.append([letter.body for letter in batch if letter.id not in failed])
        return failed

    @property
    def seen(self) -> list[str]:
        """The bodies of all that it was given, in order."""
        return [letter.body for batch in self.batches for letter in batch]

    def counts(self, body: str) -> list[int]:
        """How often a message had been received, each time that it was, by the message's id."""
        letters = [letter for batch in self.batches for letter in batch if letter.body == body]
        first = letters[0].id
        return [letter.received for letter in letters if letter.id == first]


class QueueContract:
    """Any queue. Allowed in a standard queue: any order, delay, and delivery of a message more than once.

    Not allowed: a message that is neither handled nor a dead letter, and one that is received while somebody has it.
    """

    @pytest.fixture(params=["standard", "fifo"])
    def fifo(self, request: pytest.FixtureRequest) -> bool:
        """Of either kind."""
        return bool(request.param == "fifo")

    def put(self, queue: Queue, fifo: bool, *bodies: str) -> None:
        """Put messages in, each in a group of its own."""
        for body in bodies:
            queue.send(body, *([f"group {body}", f"id {body}"] if fifo else []))

    def test_every_message_is_handled_as_it_was_sent(self, make: Make, fifo: bool) -> None:
        queue, worker = make(fifo=fifo), Worker()
        bodies = [f'{{"n": {n}, "text": "ü→🫁"}}' for n in range(25)]
        self.put(queue, fifo, *bodies)
        queue.work(worker)
        assert set(worker.seen) == set(bodies)
        assert queue.again or len(worker.seen) == len(bodies)
        assert all(0 < len(batch) <= MOST_IN_A_BATCH for batch in worker.batches)
        assert queue.dead() == []

    def test_only_what_failed_of_a_batch_comes_again(self, make: Make, fifo: bool) -> None:
        queue = make(fifo=fifo)
        worker = Worker(lambda letter: letter.body == "b" and letter.received < queue.receives)
        self.put(queue, fifo, "a", "b", "c")
        queue.work(worker)
        assert worker.counts("b") == list(range(1, queue.receives + 1))
        assert queue.again or Counter(worker.seen) == {"a": 1, "b": queue.receives, "c": 1}
        assert set(worker.seen) == {"a", "b", "c"}
        assert queue.dead() == []

    def test_a_function_that_raises_has_finished_nothing(self, make: Make, fifo: bool) -> None:
        queue, worker = make(fifo=fifo), Worker()
        raised: list[Letter] = []

        def handle(batch: Sequence[Letter]) -> Collection[str]:
            if not raised:
                raised.extend(batch)
                raise RuntimeError("the whole batch")
            return worker(batch)

        self.put(queue, fifo, "a", "b")
        queue.work(handle)
        assert set(worker.seen) == {"a", "b"}
        assert all(worker.counts(letter.body)[0] >= 1 for letter in raised)
        again = {letter.id for batch in worker.batches for letter in batch}
        assert {letter.id for letter in raised} <= again

    def test_what_fails_each_time_becomes_a_dead_letter_and_holds_up_nothing(self, make: Make, fifo: bool) -> None:
        queue, worker = make(fifo=fifo), Worker(lambda letter: letter.body == "bad")
        self.put(queue, fifo, "bad", "good")
        queue.work(worker)
        assert worker.counts("bad") == list(range(1, queue.receives + 1))
        assert "good" in worker.seen
        assert set(queue.dead()) == {"bad"}

    def test_what_somebody_has_nobody_else_gets(self, make: Make, fifo: bool) -> None:
        queue = make(fifo=fifo, hides=True)
        had: set[str] = set()
        twice: list[str] = []

        def handle(batch: Sequence[Letter]) -> Collection[str]:
            twice.extend(letter.id for letter in batch if letter.id in had)
            had.update(letter.id for letter in batch)
            if len(had) == len(batch):
                queue.rest(queue.visibility / 50)
            return ()

        self.put(queue, fifo, *"abcdefghijkl")
        queue.work(handle)
        assert twice == []

    def test_what_somebody_has_for_too_long_others_get(self, make: Make, fifo: bool) -> None:
        queue = make(fifo=fifo)
        worker = Worker()
        inner: list[Letter] = []

        def handle(batch: Sequence[Letter]) -> Collection[str]:
            worker(batch)
            if len(worker.batches) == 1:
                queue.rest(queue.visibility * 1.5)
                inner.extend(letter for batch in worker.batches[1:] for letter in batch)
            return ()

        self.put(queue, fifo, "a")
        queue.work(handle)
        assert [(letter.body, letter.received) for letter in inner][:1] == [("a", 2)]
        assert queue.dead() == []


class RedriveContract:
    """Dead letters can be sent through again. The fixture `redriven`: an empty standard queue."""

    def test_a_dead_letter_that_is_redriven_begins_anew(self, redriven: Redriven) -> None:
        queue, worker = redriven, Worker(lambda _: True)
        queue.send("a")
        queue.work(worker)
        assert set(queue.dead()) == {"a"}
        worker = Worker(lambda letter: letter.received < 2)
        queue.redrive()
        queue.work(worker)
        assert worker.counts("a")[:2] == [1, 2]
        assert queue.dead() == []


class FifoContract:
    """A FIFO queue. Allowed: any order between groups, several groups in a batch.

    Not allowed: that a message of a group is received before one that was sent to it earlier and is neither finished nor dead
    (Amazon SQS developer guide, on FIFO delivery logic).
    """

    def put(self, queue: Queue, *bodies: str) -> None:
        """Put messages in; a body's first letter is its group."""
        for body in bodies:
            queue.send(body, body[0], body)

    def test_an_id_is_taken_once_even_when_it_was_finished(self, make: Make) -> None:
        """Amazon SQS developer guide: for five minutes, whatever became of the first."""
        queue, worker = make(fifo=True), Worker()
        self.put(queue, "a1", "a1", "a2")
        queue.work(worker)
        self.put(queue, "a1", "a3")
        queue.work(worker)
        assert worker.seen == ["a1", "a2", "a3"]

    def test_the_same_text_under_two_ids_is_two_messages(self, make: Make) -> None:
        queue, worker = make(fifo=True), Worker()
        queue.send("same", "a", "one")
        queue.send("same", "a", "two")
        queue.work(worker)
        assert worker.seen == ["same", "same"]

    def test_a_group_comes_in_the_order_of_sending(self, make: Make) -> None:
        queue, worker = make(fifo=True), Worker()
        self.put(queue, *(f"{group}{n:02d}" for n in range(12) for group in "ab"))
        queue.work(worker)
        for group in "ab":
            assert [body for body in worker.seen if body[0] == group] == [f"{group}{n:02d}" for n in range(12)]

    def test_what_failed_comes_before_what_was_sent_after_it(self, make: Make) -> None:
        queue = make(fifo=True)

        def fails(letter: Letter) -> bool:
            if letter.body == "a2" and letter.received == 1:
                self.put(queue, "a4")  # while a2 and a3 are hidden, this is not
            return letter.body == "a2" and letter.received < queue.receives

        worker = Worker(fails)
        self.put(queue, "a1", "a2", "a3")
        queue.work(worker)
        unfinished = ["a1", "a2", "a3", "a4"]
        for batch, finished in zip(worker.batches, worker.finished, strict=True):
            assert [letter.body for letter in batch] == unfinished[: len(batch)]
            unfinished = unfinished[len(finished) :]
        assert worker.counts("a2") == list(range(1, queue.receives + 1))
        assert unfinished == []

    def test_a_group_that_fails_holds_up_no_other(self, make: Make) -> None:
        queue = make(fifo=True)
        worker = Worker(lambda letter: letter.body == "a1" and letter.received < queue.receives)
        self.put(queue, "a1", "b1", "b2", "a2")
        queue.work(worker)
        assert worker.seen.count("b1") == worker.seen.count("b2") == 1
        assert max(worker.seen.index(body) for body in ("b1", "b2")) < worker.seen.index("a2", worker.seen.index("b2"))

    def test_while_somebody_has_some_of_a_group_nobody_gets_more_of_it(self, make: Make) -> None:
        queue, worker = make(fifo=True, hides=True), Worker()
        meanwhile: list[str] = []

        def handle(batch: Sequence[Letter]) -> Collection[str]:
            worker(batch)
            if len(worker.batches) == 1:
                self.put(queue, "a2", "b1")
                queue.rest(queue.visibility / 25)
                meanwhile.extend(letter.body for batch in worker.batches[1:] for letter in batch)
            return ()

        self.put(queue, "a1")
        queue.work(handle)
        assert meanwhile == ["b1"]
        assert worker.seen == ["a1", "b1", "a2"]

    def test_a_dead_letter_lets_its_group_go_on(self, make: Make) -> None:
        queue, worker = make(fifo=True), Worker(lambda letter: letter.body == "a1")
        self.put(queue, "a1")
        queue.work(worker)
        self.put(queue, "a2")
        queue.work(worker)
        assert worker.seen == ["a1"] * queue.receives + ["a2"]
        assert queue.dead() == ["a1"]


class DeduplicationIntervalContract:
    """For queues whose time can be let pass: nobody waits for five minutes on the embedded AWS."""

    @pytest.mark.parametrize(("seconds", "taken"), [(290, 1), (310, 2)])
    def test_an_id_is_taken_again_after_five_minutes(self, make: Make, seconds: float, taken: int) -> None:
        """Amazon SQS developer guide, on the deduplication interval."""
        queue, worker = make(fifo=True), Worker()
        queue.send("a", "a", "once")
        queue.work(worker)
        queue.rest(seconds)
        queue.send("a", "a", "once")
        queue.work(worker)
        assert worker.seen == ["a"] * taken
