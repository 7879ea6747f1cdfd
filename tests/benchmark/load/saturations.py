"""What the firehose sends: saturations made up, or as somebody charted them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import cycle
from pathlib import Path

from local.replay.mapping import chart_events, fhir
from local.replay.readers.files import records, sources
from local.replay.readers.record import Format
from local.replay.statements import Kind, Statement
from local.replay.times import Times

SWING = 1.2
CENTRE, LOWEST, HIGHEST = 96.0, 85, 100
FEWEST = 10
"""A charted series shorter than this says too little of how a saturation goes on."""

Percent = float


class NoSeries(ValueError):
    """There is no series of saturations; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Saturations:
    """Where they come from, in words, and the charted series; without one they are made up."""

    origin: str
    charted: Sequence[Sequence[Percent]] = ()

    def of(self, patients: int) -> list[Iterator[Percent]]:
        """A series without end for each patient; charted ones by turns, each begun again when it is over."""
        if self.charted:
            return [cycle(self.charted[number % len(self.charted)]) for number in range(patients)]
        return [_made_up(random.Random(f"patient {number}")) for number in range(patients)]


MADE_UP = Saturations("made up")


def charted(path: Path) -> Saturations:
    """The saturations in a file or folder that `baton replay` can read, each encounter's in the order in which they were true.

    Only that order is used of the times, so an offset that is missing does no harm. Raises NoSeries, FileNotFoundError.
    """
    times = Times(UTC)
    of: defaultdict[str, list[tuple[float, Percent]]] = defaultdict(list)
    for source in sources(path):
        if source.format not in (Format.CHART_EVENTS, Format.RESOURCES):
            continue
        for record in records(source):
            if record.content is None:
                continue
            if source.format is Format.CHART_EVENTS:
                stated = chart_events.chart_event(record.content, times, None)
            else:
                stated, _ = fhir.resource(record.content, times)
            if isinstance(stated, Statement) and stated.kind is Kind.SATURATION:
                of[stated.encounter].append((stated.true_at, float(stated.values["spo2_percent"])))
    series = [[percent for _, percent in sorted(each)] for each in of.values() if len(each) >= FEWEST]
    if not series:
        raise NoSeries(f"nobody charted {FEWEST} saturations of one encounter under {path}")
    number = sum(map(len, series))
    return Saturations(f"charted: {number} of {len(series)} encounters", series)


def _made_up(chance: random.Random) -> Iterator[Percent]:
    """Saturations that wander about their centre."""
    level = CENTRE
    while True:
        level += 0.2 * (CENTRE - level) + chance.gauss(0, SWING)
        yield min(HIGHEST, max(LOWEST, round(level)))
