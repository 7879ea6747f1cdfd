"""Bringing the embedded AWS to a standstill before it saves its state: what is at work stops where it is.

What is saved is then what AWS would know of at an outage: a message is still in flight, a stream record not yet passed
on, an execution in the state that it waits or works in. Nothing is answered that is not saved, nothing is saved twice.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc

UNINTERRUPTED_SECONDS = 60.0
"""Longer than saving takes."""

_ending = threading.Event()


class StoppedError(SystemExit):
    """Ends a thread without a trace: no `except Exception` of MiniStack takes it for an answer."""


def stand_still() -> None:
    """Hold every Lambda worker in the midst of what it does, and let nothing new begin. There is no way back."""
    lambda_svc._execute_function_dispatch = _never
    lambda_svc._iter_all_esms = _no_mappings
    eventbridge._tick_scheduled_rules = _no_schedule
    _signal_workers(signal.SIGSTOP)
    # MiniStack copies each service's state while other threads may still write there; a copy of a dictionary that grows
    # meanwhile fails, and that service would not be saved. So its thread is not interrupted while it copies.
    sys.setswitchinterval(UNINTERRUPTED_SECONDS)


def end_workers() -> None:
    """End every Lambda worker and remove its folder; one that is held would not hear of an orderly end.

    Whatever their invocations come to now has been saved as in hand.
    """
    _ending.set()
    _signal_workers(signal.SIGKILL)
    lambda_runtime.reset()


def _signal_workers(number: signal.Signals) -> None:
    with lambda_runtime._lock:
        processes = [worker._proc for workers in lambda_runtime._workers.values() for worker in workers]
    for process in processes:
        if process is not None and process.poll() is None:
            os.kill(process.pid, number)


def _never(*_: Any, **__: Any) -> NoReturn:
    _ending.wait()  # not for ever: the event loop waits for its threads before it ends
    raise StoppedError


def _no_mappings() -> Iterator[Any]:
    return iter(())


def _no_schedule() -> None:
    return
