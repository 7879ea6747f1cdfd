"""What our own processes hold in memory over a run: the functions' workers and this one, not the embedded AWS and EMR."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

from cdk.grants import FUNCTIONS
from local.aws.running import RunningAws
from local.deploy import STACK

EVERY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Held:
    """Resident MB of an average worker of each function, and of this process: at first, warmed up, and at the end."""

    at_first: Mapping[str, float]
    warmed_up: Mapping[str, float]
    at_the_end: Mapping[str, float]

    @property
    def growth(self) -> float:
        """The size at the end over that after warming up, of the function that grew most: 1 is flat."""
        grown = [self.at_the_end[each] / size for each, size in self.warmed_up.items() if each in self.at_the_end]
        return max(grown)


class Watch:
    """Looks every few seconds, from entry to exit.

    A worker grows while it warms up: it imports, and it keeps each facility's policy when it first meets it. So what counts
    is what it grows by after ``warm``.
    """

    def __init__(self, aws: RunningAws) -> None:
        self._aws = aws
        self._own = psutil.Process()
        self._looks: list[dict[str, float]] = []
        self._warm = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def warm(self) -> None:
        """From now on, whatever grows is no warming up."""
        self._warm = len(self._looks)

    def held(self) -> Held:
        """The sizes. Raises RuntimeError when the run was too short to tell."""
        after = self._looks[self._warm :]
        if len(after) < 8:
            raise RuntimeError(f"the run was too short to tell: {len(after)} looks at memory, 8 are needed")
        quarter = len(after) // 4
        return Held(_typical(self._looks[:quarter]), _typical(after[:quarter]), _typical(after[-quarter:]))

    def _look(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            look = {"this process": self._own.memory_info().rss / 1e6}
            for function in FUNCTIONS:
                sizes = []
                for pid in self._aws.workers(f"{STACK}-{function}"):
                    try:
                        sizes.append(psutil.Process(pid).memory_info().rss / 1e6)
                    except psutil.NoSuchProcess:
                        continue
                if sizes:
                    look[str(function)] = statistics.mean(sizes)
            self._looks.append(look)


def _typical(looks: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each."""
    names = sorted({name for look in looks for name in look})
    return {name: round(statistics.median(look[name] for look in looks if name in look), 1) for name in names}
