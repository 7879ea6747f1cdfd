"""A coverage-guided loop of our own: an input that reaches a line not reached before is kept, and mangled further."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Sequence

from tests.fuzz.found import Found, joined, split
from tests.fuzz.mutate import mutate
from tests.fuzz.seen import Line, lines


def guided(found: Found, start: Sequence[bytes], seconds: float, seed: int) -> tuple[list[bytes], set[Line]]:
    """Run for so long; returns the inputs that were worth keeping, and the lines that they reach."""
    rng = random.Random(seed)
    kept: dict[str, list[bytes]] = defaultdict(list)
    reached: set[Line] = set()
    end = time.monotonic() + seconds

    def run(data: bytes) -> None:
        before = len(reached)
        with lines(reached):
            found.one(data)
        if len(reached) > before:
            name, given = split(data)
            kept[name].append(given)

    for data in start:
        run(data)
    while time.monotonic() < end:
        name = rng.choice(sorted(kept))
        # The newest are the likeliest to lead on; every other time any will do.
        given = rng.choice(kept[name][-20:] if rng.random() < 0.5 else kept[name])
        run(joined(name, mutate(given, rng, kept[name])))
    return [joined(name, given) for name, inputs in kept.items() for given in inputs], reached
