"""What else goes wrong in a demonstration that is to be disturbed: workers die at work, the EMR is away, AWS is."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from cdk.grants import FUNCTIONS
from local.deploy import STACK
from local.stack import LocalStack

KILLS = 5
KILLS_OF_THE_PULSED = 15
"""Of a function that the pulse wakes too: some die with nothing else in hand, and one at least must have had work."""
AT_LEAST_SECONDS_APART = 0.5
RESTARTS = 3
RESTARTS_AT_LEAST_SECONDS_APART = 10.0
STARTING_SECONDS = 1.0
_LOOK_EVERY_SECONDS = 0.004
_LIST_EVERY_SECONDS = 0.25
_LOOKS_AT_A_TIME = 10
_UNKNOWN = -1
_WAKE_EVERY_SECONDS = 2.0
_ON_A_SCHEDULE = frozenset({"reconcile"})
"""Functions that nothing in the scenario wakes; their schedule is slower than the demonstration is long."""
_PULSED = frozenset({"relay"})


@dataclass(frozen=True, slots=True)
class Interference:
    """A function whose workers are killed, for how many seconds the EMR is stopped, and whether AWS is stopped and started."""

    kill: str | None = None
    emr_down_seconds: float = 0.0
    restart_aws: bool = False
    killed: list[int] = field(default_factory=list)
    """Process ids of the workers that were killed."""
    restarted: list[float] = field(default_factory=list)
    """When AWS was there again, each time that it was stopped in the midst of work, in seconds of the monotonic clock."""
    _begun: threading.Event = field(default_factory=threading.Event)
    _talking: threading.Lock = field(default_factory=threading.Lock)
    """Held while AWS is asked something, or is away."""

    def disturb(self, stack: LocalStack, over: threading.Event) -> None:
        """Do it, until ``over`` at the latest; but for AWS, which is stopped ``between`` what it is asked."""
        self._begun.set()
        if self.emr_down_seconds:
            stack.emr.kill()
            try:
                over.wait(self.emr_down_seconds)
            finally:
                stack.emr.restart()
        if self.kill is not None:
            self._kill(stack, f"{STACK}-{self.kill}", over)

    def between(self, stack: LocalStack) -> None:
        """Stop AWS and start it again if that is to be and one of its workers is at work; whoever calls is asking it nothing.

        People wait while AWS is away, as they do for any server; what it has taken from them is its own to keep.
        """
        since = time.monotonic() - self.restarted[-1] if self.restarted else RESTARTS_AT_LEAST_SECONDS_APART
        done = len(self.restarted) >= RESTARTS or since < RESTARTS_AT_LEAST_SECONDS_APART
        if not self.restart_aws or not self._begun.is_set() or done:
            return
        slept = {pid: _UNKNOWN for function in FUNCTIONS for pid in stack.aws.workers(f"{STACK}-{function}")}
        for _ in range(_LOOKS_AT_A_TIME):
            if _woken(slept) is not None:
                with self._talking:
                    stack.aws.restart()
                self.restarted.append(time.monotonic())
                return
            time.sleep(_LOOK_EVERY_SECONDS)

    def _kill(self, stack: LocalStack, function: str, over: threading.Event) -> None:
        """Kill workers while they work: a worker sleeps between invocations, and one that has woken is in the middle of one."""
        woken = looked = 0.0
        slept: dict[int, int] = {}
        kills = KILLS_OF_THE_PULSED if self.kill in _PULSED else KILLS
        while len(self.killed) < kills and not over.wait(_LOOK_EVERY_SECONDS):
            now = time.monotonic()
            if self.kill in _ON_A_SCHEDULE and now > woken + _WAKE_EVERY_SECONDS:
                woken = now
                with self._talking:
                    wake(stack, function)
            if now > looked + _LIST_EVERY_SECONDS:
                looked = now
                slept = {pid: slept.get(pid, _UNKNOWN) for pid in stack.aws.workers(function)}
            pid = _woken(slept)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)
                over.wait(AT_LEAST_SECONDS_APART)
                looked = 0.0


@contextmanager
def standing_still(stack: LocalStack, function: str) -> Iterator[None]:
    """Let nobody invoke a function for a while: it is throttled, as when a region runs out of concurrency."""
    client = stack.aws.client("lambda")
    name = f"{STACK}-{function}"
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        client.delete_function_concurrency(FunctionName=name)


def wake(stack: LocalStack, function: str) -> None:
    """Put an empty message on the queue that a function works off, as its schedule does."""
    (mapping,) = stack.aws.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    sqs = stack.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=mapping["EventSourceArn"].rpartition(":")[2])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")


def _woken(slept: dict[int, int]) -> int | None:
    """A process that has woken since the last look, if any; ``slept`` is how often each had gone to sleep by then."""
    for pid, before in slept.items():
        times = _sleeps(pid)
        slept[pid] = _UNKNOWN if times is None else times
        if times is not None and before not in (_UNKNOWN, times):
            return pid
    return None


def _sleeps(pid: int) -> int | None:
    """How often a process has gone to sleep; None while it is starting, and when it has ended."""
    try:
        process = psutil.Process(pid)
        age = time.time() - process.create_time()
        return int(process.num_ctx_switches().voluntary) if age > STARTING_SECONDS else None
    except psutil.NoSuchProcess:
        return None
