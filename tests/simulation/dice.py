"""Which faults befall a run. Each throw depends on the seed, on who throws and how often, and on nothing else.

So a fault keeps its place when another fault or an event is left out, which is what makes a failing run shrink.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from itertools import accumulate

_MASK = (1 << 64) - 1


class Fault(StrEnum):
    """What can go wrong, each within what the real service promises."""

    INTERFERENCE = "interference"  # others act between two calls of one worker
    CRASH = "crash"  # a worker dies before or after a call
    SLOW_WORKER = "slow_worker"  # a function stands still until its time is over
    CONFLICT = "conflict"  # TransactionConflict, or a write that is throttled
    THROTTLED_READ = "throttled_read"
    LOST_ANSWER = "lost_answer"  # a write was done, its answer lost, and the client library tried it again
    STALE_INDEX = "stale_index"
    DELIVERED_TWICE = "delivered_twice"  # SQS: at least once
    DELAYED = "delayed"  # a message takes long
    STREAM_AGAIN = "stream_again"
    STREAM_LATE = "stream_late"
    SIGNAL_FAILS = "signal_fails"  # Step Functions answers an error, before or after doing it
    LATE_INVOCATION = "late_invocation"  # Step Functions gives an invocation up; the function runs all the same, later
    INVOCATION_THROTTLED = "invocation_throttled"
    SLOW_EXECUTION = "slow_execution"
    EXECUTION_ENDS = "execution_ends"  # an execution fails, times out or is aborted
    LOST_WAKING = "lost_waking"  # the event about an execution that ended does not arrive
    EMR_BUSY = "emr_busy"
    EMR_FAILS = "emr_fails"  # 500, or no connection: nothing was done
    EMR_UNKNOWN = "emr_unknown"  # done, and the answer lost
    EMR_EDITED = "emr_edited"  # somebody else changes the resource just before: 412
    EMR_SEARCH_LAGS = "emr_search_lags"
    STEP_FAILS = "step_fails"  # a system step raises
    BUS_REFUSES = "bus_refuses"
    QUEUE_REFUSES = "queue_refuses"
    EMR_SLOW = "emr_slow"  # others act while it writes
    TIMER_LATE = "timer_late"  # a deadline's timer fires minutes too late
    TIMER_LOST = "timer_lost"  # and some never: those of an execution that did not outlive a restart of its service
    AWAY_EXECUTIONS = "away_executions"  # for some minutes; see outages
    AWAY_MACHINE = "away_machine"  # the executions of one state machine only
    AWAY_TABLE = "away_table"
    AWAY_EMR = "away_emr"


USUAL: Mapping[Fault, float] = {
    Fault.INTERFERENCE: 0.06,
    Fault.CRASH: 0.012,
    Fault.SLOW_WORKER: 0.004,
    Fault.CONFLICT: 0.06,
    Fault.THROTTLED_READ: 0.01,
    Fault.LOST_ANSWER: 0.03,
    Fault.STALE_INDEX: 0.2,
    Fault.DELIVERED_TWICE: 0.12,
    Fault.DELAYED: 0.12,
    Fault.STREAM_AGAIN: 0.1,
    Fault.STREAM_LATE: 0.1,
    Fault.SIGNAL_FAILS: 0.05,
    Fault.LATE_INVOCATION: 0.06,
    Fault.INVOCATION_THROTTLED: 0.05,
    Fault.SLOW_EXECUTION: 0.12,
    Fault.EXECUTION_ENDS: 0.015,
    Fault.LOST_WAKING: 0.3,
    Fault.EMR_BUSY: 0.06,
    Fault.EMR_FAILS: 0.06,
    Fault.EMR_UNKNOWN: 0.08,
    Fault.EMR_EDITED: 0.06,
    Fault.EMR_SEARCH_LAGS: 0.15,
    Fault.STEP_FAILS: 0.4,
    Fault.BUS_REFUSES: 0.04,
    Fault.QUEUE_REFUSES: 0.04,
    Fault.EMR_SLOW: 0.2,
    Fault.TIMER_LATE: 0.2,
    Fault.TIMER_LOST: 0.05,
    Fault.AWAY_EXECUTIONS: 0.2,
    Fault.AWAY_MACHINE: 0.3,
    Fault.AWAY_TABLE: 0.15,
    Fault.AWAY_EMR: 0.2,
}
"""How likely each fault is at one throw, where a run has it at all."""

_SALTS = {fault: (number + 1) * 0x9E3779B97F4A7C15 & _MASK for number, fault in enumerate(Fault)}

_FIRST_SALT = (len(_SALTS) + 1) * 0x9E3779B97F4A7C15 & _MASK


def _mixed(value: int) -> int:
    # splitmix64 (Steele, Lea, Flood 2014): spreads neighbouring numbers over all 64 bits.
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def likelihoods(seed: int) -> dict[Fault, float]:
    """Which faults a run has and how likely each is: some runs have all, most have a few, so that none hides another."""
    random_ = random.Random(f"faults {seed}")
    share = random_.choice((0.2, 0.5, 0.5, 1.0))
    return {
        fault: usual * random_.choice((0.3, 1.0, 1.0, 2.5))
        for fault, usual in USUAL.items()
        if random_.random() < share
    }


class Dice:
    """Throws for faults until ``calm`` is set. ``only``: of the throws that hit, no others count."""

    def __init__(self, seed: int, likely: Mapping[Fault, float], only: frozenset[int] | None = None) -> None:
        self.calm = False
        self.hits: Counter[Fault] = Counter()
        self.throws: list[int] = []
        self._seed = _mixed(seed & _MASK)
        self._likely = {fault: int(chance * _MASK) for fault, chance in likely.items()}
        self._first = self._seed ^ _FIRST_SALT
        self._salted = {fault: self._seed ^ _SALTS[fault] for fault in likely}
        self._first_of: dict[tuple[Fault, ...], tuple[tuple[int, Fault], ...]] = {}
        self._only = only

    def may(self, fault: Fault) -> bool:
        """Whether the run has the fault at all."""
        return fault in self._likely

    def at(self, who: int, count: int) -> int:
        """Whose throw it is, for ``hit_at``: several faults may befall one call."""
        return _mixed((who << 20) + count)

    def hit_at(self, fault: Fault, at: int) -> bool:
        """See hit."""
        if self.calm or (limit := self._likely.get(fault)) is None:
            return False
        number = _mixed(self._salted[fault] ^ at)
        return number < limit and self._counts(fault, number)

    def hit(self, fault: Fault, who: int, count: int) -> bool:
        """Whether the fault happens at this throw. ``who`` and ``count`` say whose throw it is."""
        if self.calm or (limit := self._likely.get(fault)) is None:
            return False
        number = _mixed(self._salted[fault] ^ _mixed((who << 20) + count))
        return number < limit and self._counts(fault, number)

    def first_of(self, faults: tuple[Fault, ...], at: int) -> Fault | None:
        """The one of several faults that happens at one throw; cheaper than a throw for each."""
        if self.calm:
            return None
        limits = self._first_of.get(faults)
        if limits is None:
            ends = accumulate(self._likely.get(fault, 0) for fault in faults)
            limits = self._first_of[faults] = tuple(zip(ends, faults, strict=True))
        if not limits[-1][0]:
            return None
        number = _mixed(self._first ^ at)
        if number >= limits[-1][0]:
            return None
        fault = next(fault for past, fault in limits if number < past)
        return fault if self._counts(fault, number) else None

    def _counts(self, fault: Fault, number: int) -> bool:
        if self._only is not None and number not in self._only:
            return False
        self.hits[fault] += 1
        self.throws.append(number)
        return True

    def part(self, who: int, count: int) -> float:
        """A number from 0 up to 1: how long, or which."""
        return _mixed(self._seed ^ _mixed((who << 20) + count + (1 << 19))) / (_MASK + 1)
