"""A firehose of vital signs on open cases, at a steady rate with bursts: few move a case, and none may be lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from functions.cases.table import Item, Key
from tests.benchmark.load.baton import CaseLane, Hospitals
from tests.benchmark.load.lanes import EVENTS_A_CALL, Entry, TooSlow
from tests.benchmark.load.saturations import Saturations

BURST_EVERY, BURST = 20, 10
"""Every so many calls, so many come at once."""


@dataclass(frozen=True, slots=True)
class Fired:
    """How many vital signs came in how many seconds, and what became of them by outcome; the last to be placed waited so long."""

    vitals: int
    seconds: float
    outcomes: Mapping[str, int]
    behind_seconds: float

    @property
    def rate(self) -> float:
        """Placed a second."""
        return self.vitals / (self.seconds + self.behind_seconds)


def fire(
    hospitals: Hospitals,
    lanes: Sequence[CaseLane],
    *,
    vitals: int,
    saturations: Saturations,
    rate: float,
    put: Callable[[list[Entry]], object],
    read: Callable[[Sequence[Key]], Mapping[Key, Item]],
    longest_seconds: float,
) -> Fired:
    """Send so many saturations of these cases, ``rate`` a second, then wait until each has its mark. Raises TooSlow."""
    began = time.perf_counter()
    unmarked: list[Key] = []
    for calls, batch in enumerate(_batches(_series(hospitals, lanes, vitals, saturations)), start=1):
        put([entry for _, entry in batch])
        unmarked += [key for facility, entry in batch for key in hospitals.marks(facility, [entry])]
        if calls % BURST_EVERY >= BURST:  # what the burst came early is waited for here
            time.sleep(max(0.0, began + calls * EVENTS_A_CALL / rate - time.perf_counter()))
    sent = time.perf_counter()
    outcomes: dict[str, int] = {}
    while unmarked:
        marks = read(unmarked)
        for mark in marks.values():
            outcome = str(mark.get("outcome", "moved"))
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        unmarked = [key for key in unmarked if key not in marks]
        if time.perf_counter() - began > longest_seconds:
            raise TooSlow(f"{len(unmarked)} of {vitals} vital signs were not placed in {longest_seconds:.0f} s")
        time.sleep(0.2 if unmarked else 0)
    return Fired(vitals, sent - began, outcomes, time.perf_counter() - sent)


def _series(
    hospitals: Hospitals, lanes: Sequence[CaseLane], vitals: int, saturations: Saturations
) -> Iterator[tuple[str, Entry]]:
    """Saturations of all patients by turns."""
    series = saturations.of(len(lanes))
    for number in range(vitals):
        place = number % len(lanes)
        lane, percent = lanes[place], next(series[place])
        yield lane.facility, hospitals.entry(lane.facility, "spo2_observed", lane.encounter, spo2_percent=percent)


def _batches(series: Iterator[tuple[str, Entry]]) -> Iterator[list[tuple[str, Entry]]]:
    batch: list[tuple[str, Entry]] = []
    for each in series:
        batch.append(each)
        if len(batch) == EVENTS_A_CALL:
            yield batch
            batch = []
    if batch:
        yield batch
