"""How long it takes to compile a workflow of 1,000 states: its document, state machine, hand-off page and the texts of its pictures.

Drawing is left out: nobody could look at a picture of 1,000 states, and Node draws them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from statemachines.compile.asl import asl
from statemachines.compile.dot import dot
from statemachines.compile.handoffs import markdown
from statemachines.compile.mermaid import mermaid
from statemachines.definition import Definition, digest, dump
from tests.benchmark.verify_bench import large

ROUNDS = 3


def measure(wards: int = 100) -> dict[str, Any]:
    """Compile a workflow of ten states a ward, and one of twice the size; in seconds of one core, the best of some rounds."""
    once, twice = large(wards), large(2 * wards)
    seconds = _seconds(lambda: _compiled(once))
    return {
        "states": len(once.states),
        "transitions": len(once.transitions),
        "seconds": round(seconds, 3),
        "twice_over_once": round(_seconds(lambda: _compiled(twice)) / seconds, 2),
    }


def _compiled(definition: Definition) -> int:
    texts = (
        dump(definition),
        digest(definition),
        json.dumps(asl(definition), indent=1),
        dot(definition),
        mermaid(definition),
        markdown(definition),
    )
    return sum(map(len, texts))


def _seconds(act: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        act()
        best = min(best, time.process_time() - began)
    return best


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
