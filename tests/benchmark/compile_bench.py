"""How long it takes to compile a workflow of 1,000 states: document, state machine, hand-off page and table, pictures' texts.

Drawing is left out: nobody could look at a picture of 1,000 states, and Node draws them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from statemachines.compile.asl import asl
from statemachines.compile.dot import dot
from statemachines.compile.handoffs import csv_rows, markdown
from statemachines.compile.mermaid import mermaid
from statemachines.compile.wording import Wording
from statemachines.definition import Definition, dump
from statemachines.uncollected import nothing_collected
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
    with nothing_collected():  # as local.compile does
        wording = Wording(definition)
        texts = (
            dump(definition),
            wording.digest,
            json.dumps(asl(definition, wording), indent=1, ensure_ascii=False),
            dot(definition, wording),
            mermaid(definition, wording),
            markdown(definition, wording),
            csv_rows(definition, wording),
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
