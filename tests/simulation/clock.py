"""Virtual time: what is to happen when, and the workers in which it happens. Nothing here waits."""

from __future__ import annotations

import heapq
import itertools
import zlib
from collections.abc import Callable
from typing import TypeVar

from tests.simulation.dice import Dice, Fault
from tests.simulation.outages import Outage, Service

R = TypeVar("R")

DEPTH = 3
"""At most so many workers stand still inside one another."""

PATIENCE_SECONDS = 8.0
"""Others act within this time while a worker stands still at a call."""

_AT_A_CALL = (Fault.INTERFERENCE, Fault.SLOW_WORKER, Fault.CRASH)


class Died(BaseException):
    """The worker is dead: nothing of it goes on, not even what would clean up after it."""


class Worker:
    """One invocation: dies at a call, or when its time is over. ``key`` is the same in every run of the same seed."""

    __slots__ = ("at", "calls", "dead", "ends", "key", "name")

    def __init__(self, name: str, ends: float) -> None:
        self.name = name
        self.key = zlib.crc32(name.encode())
        self.calls = 0
        self.at = 0
        self.dead = False
        self.ends = ends


class Clock:
    """The time, what is planned, and who is at work."""

    def __init__(self, start: float, dice: Dice) -> None:
        self.now = start
        self.dice = dice
        self.worker: Worker | None = None
        self.history: list[str] | None = None
        self.outages: tuple[Outage, ...] = ()
        self._planned: list[tuple[float, int, bool, Callable[[], None]]] = []
        self._busy = 0
        self._count = itertools.count()
        self._depth = 0

    # ── what is to happen ────────────────────────────────────────────────────────────────────────────────────────────────

    def at(self, moment: float, act: Callable[[], None], *, idle: bool = False) -> None:
        """Plan something. ``idle``: it may be far away, and nobody waits for it (a timer, a look of the sweep)."""
        heapq.heappush(self._planned, (max(moment, self.now), next(self._count), idle, act))
        self._busy += not idle

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Plan something that is under way."""
        self.at(self.now + seconds, act)

    @property
    def busy(self) -> bool:
        """Whether anything is under way, beyond waits."""
        return self._busy > 0

    def next_at(self) -> float | None:
        """When the next thing happens."""
        return self._planned[0][0] if self._planned else None

    def step(self) -> None:
        """Let the next thing happen."""
        moment, _, idle, act = heapq.heappop(self._planned)
        self._busy -= not idle
        self.now = max(self.now, moment)
        act()

    def run_until(self, end: float, *, limit: int = 20_000) -> None:
        """Let everything happen that is planned up to ``end``. Raises RuntimeError when it does not come to an end."""
        for _ in range(limit):
            moment = self.next_at()
            if moment is None or moment > end:
                self.now = max(self.now, end)
                return
            self.step()
        raise RuntimeError(f"{limit} things happened and there is no end")

    # ── who is at work ───────────────────────────────────────────────────────────────────────────────────────────────────

    def work(self, name: str, seconds: float, act: Callable[[], R]) -> R:
        """Do something as a worker that has so many seconds. Raises Died when it died, and what ``act`` raises."""
        outer, self.worker = self.worker, Worker(name, self.now + seconds)
        try:
            return act()
        finally:
            self.worker = outer

    def reach(self, what: str) -> None:
        """A worker is about to make a call. Raises Died."""
        worker = self.worker
        if worker is None:
            return
        if worker.dead or self.now > worker.ends:
            worker.dead = True
            raise Died
        worker.calls += 1
        dice = self.dice
        if dice.calm:
            return
        worker.at = at = dice.at(worker.key, worker.calls)
        fault = dice.first_of(_AT_A_CALL, at)
        if fault is None:
            return
        self.note(f"  {fault} before {what}")
        if fault is Fault.INTERFERENCE:
            self._others_act(PATIENCE_SECONDS * self.dice.part(worker.key, worker.calls))
            if self.now > worker.ends:
                worker.dead = True
                raise Died
        elif fault is Fault.SLOW_WORKER:
            self._others_act(worker.ends - self.now)
            self.now = max(self.now, worker.ends - 0.1)
        else:
            worker.dead = True
            raise Died

    def reached(self, what: str) -> None:
        """A worker's call was done. Raises Died."""
        worker = self.worker
        if worker is None:
            return
        if self.dice.hit_at(Fault.CRASH, worker.at):
            self.note(f"  crash after {what}")
            worker.dead = True
            raise Died

    def hit(self, fault: Fault, what: str) -> bool:
        """Whether a fault befalls the worker's present call."""
        worker = self.worker
        if worker is None or not self.dice.hit_at(fault, worker.at):
            return False
        self.note(f"  {fault} {what}")
        return True

    def away(self, service: Service, part: str = "") -> bool:
        """Whether a service, or that part of it, is away for a worker now."""
        if not self.outages or self.worker is None or self.dice.calm:
            return False
        for outage in self.outages:  # noqa: SIM110 - spelled out, since every call asks
            if outage.service is service and outage.covers(service, part, self.now):
                return True
        return False

    def stand_still(self, seconds: float) -> None:
        """Time passes for the worker, and others act."""
        end = self.now + seconds
        self._others_act(seconds)
        self.now = max(self.now, end)

    def _others_act(self, seconds: float) -> None:
        if self._depth >= DEPTH:
            return
        worker, self._depth = self.worker, self._depth + 1
        end = self.now + seconds
        try:
            for _ in range(20):
                moment = self.next_at()
                if moment is None or moment > end:
                    return
                self.worker = None
                self.step()
        finally:
            self.worker, self._depth = worker, self._depth - 1

    def pause(self, attempt: int) -> None:
        """Contenders spread out: up to 20 ms times the number of the try, at most half a second."""
        worker = self.worker
        part = self.dice.part(worker.key, worker.calls) if worker is not None else 0.0
        self.now += min(0.5, 0.02 * attempt) * part

    def note(self, line: str) -> None:
        """A line of the run's history, where one is kept."""
        if self.history is not None:
            self.history.append(f"{self.now:.3f} {line}")
