"""What our own processes hold in memory over a run: the functions' workers and this one, not the embedded AWS and EMR."""

from __future__ import annotations

import statistics
import threading
from dataclasses import dataclass

import psutil

from cdk.grants import FUNCTIONS
from local.aws.running import RunningAws
from local.deploy import STACK

EVERY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Held:
    """Resident MB of an average worker in the run's second and last quarter; and of this process."""

    worker_early: float
    worker_late: float
    driver_early: float
    driver_late: float

    @property
    def growth(self) -> float:
        """The late size of a worker over its early one: 1 is flat."""
        return self.worker_late / self.worker_early


class Watch:
    """Looks every few seconds, from entry to exit. The first quarter, in which workers start and import, does not count."""

    def __init__(self, aws: RunningAws) -> None:
        self._aws = aws
        self._own = psutil.Process()
        self._workers: list[float] = []
        self._driver: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def held(self) -> Held:
        """The sizes. Raises RuntimeError when the run was too short to tell."""
        if len(self._workers) < 8:
            raise RuntimeError(f"the run was too short to tell: {len(self._workers)} looks at memory, 8 are needed")
        return Held(*_quarters(self._workers), *_quarters(self._driver))

    def _look(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            sizes = []
            for function in FUNCTIONS:
                for pid in self._aws.workers(f"{STACK}-{function}"):
                    try:
                        sizes.append(psutil.Process(pid).memory_info().rss / 1e6)
                    except psutil.NoSuchProcess:
                        continue
            if sizes:
                self._workers.append(statistics.mean(sizes))
                self._driver.append(self._own.memory_info().rss / 1e6)


def _quarters(sizes: list[float]) -> tuple[float, float]:
    """The median of the second quarter and of the last."""
    quarter = len(sizes) // 4
    return statistics.median(sizes[quarter : 2 * quarter]), statistics.median(sizes[-quarter:])
