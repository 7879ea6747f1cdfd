"""What else goes wrong in a demonstration that is to be disturbed: workers die at work, the EMR is away."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, field

import psutil

from local.deploy import STACK
from local.stack import LocalStack

KILLS = 5
AT_LEAST_SECONDS_APART = 0.5
_LOOK_EVERY_SECONDS = 0.02
_WAKE_EVERY_SECONDS = 2.0
_ON_A_SCHEDULE = frozenset({"reconcile"})
"""Functions that nothing in the scenario wakes; their schedule is slower than the demonstration is long."""


@dataclass(frozen=True, slots=True)
class Interference:
    """A function whose workers are killed, and for how many seconds the EMR is stopped."""

    kill: str | None = None
    emr_down_seconds: float = 0.0
    killed: list[int] = field(default_factory=list)
    """Process ids of the workers that were killed."""

    def disturb(self, stack: LocalStack, over: threading.Event) -> None:
        """Do it, until ``over`` at the latest."""
        if self.emr_down_seconds:
            stack.emr.kill()
            try:
                over.wait(self.emr_down_seconds)
            finally:
                stack.emr.restart()
        if self.kill is not None:
            self._kill(stack, f"{STACK}-{self.kill}", over)

    def _kill(self, stack: LocalStack, function: str, over: threading.Event) -> None:
        """Kill workers while they work: whoever's processor time has grown since the last look is in the middle of something."""
        used: dict[int, float] = {}
        woken = 0.0
        while len(self.killed) < KILLS and not over.wait(_LOOK_EVERY_SECONDS):
            if self.kill in _ON_A_SCHEDULE and time.monotonic() > woken + _WAKE_EVERY_SECONDS:
                woken = time.monotonic()
                wake(stack, function)
            for pid in stack.aws.workers(function):
                now = _processor_seconds(pid)
                if now is None or now <= used.setdefault(pid, now):
                    continue
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)
                over.wait(AT_LEAST_SECONDS_APART)
                break


def wake(stack: LocalStack, function: str) -> None:
    """Put an empty message on the queue that a function works off, as its schedule does."""
    (mapping,) = stack.aws.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    sqs = stack.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=mapping["EventSourceArn"].rpartition(":")[2])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")


def _processor_seconds(pid: int) -> float | None:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return None
    return float(times.user + times.system)
