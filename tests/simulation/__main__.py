"""`python -m tests.simulation --runs N`: play seeds and print what was found, as JSON; of a failing seed, its smallest story.

Exit code 0: no violation; 1: some.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.run import Part, Run, run
from tests.simulation.shrink import command, shrunk, story_of

CHUNK = 50


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="how many seeds")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--only", help="names of the events and commands that happen, of one seed")
    parser.add_argument("--throws", help="numbers of the throws of the dice that count, of one seed")
    parser.add_argument("--story", action="store_true", help="tell what happens in the one seed, instead of JSON")
    parser.add_argument("--no-shrink", action="store_true", help="name failing seeds only")
    given = parser.parse_args(arguments)
    part = Part(_names(given.only), _numbers(given.throws))
    if given.story:
        print(story_of(given.seed, part))
        return 0
    started = time.monotonic()
    events, faults, kinds, answers = 0, Counter[str](), Counter[str](), Counter[str]()
    failed: list[Run] = []
    for done in _runs(range(given.seed, given.seed + given.runs), given.jobs, part):
        events += done.events
        faults.update({str(fault): times for fault, times in done.faults.items()})
        kinds.update(done.kinds)
        answers.update(done.answers)
        if done.wrong:
            failed.append(done)
    report = {
        "runs": given.runs,
        "events": events,
        "violations": len(failed),
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(_cpu_seconds(), 1),
        "processes": given.jobs,
        "faults": dict(faults.most_common()),
        "kinds_of_event": dict(kinds.most_common()),
        "answers": dict(answers.most_common()),
        "failed": [{"seed": one.seed, "wrong": one.wrong[:5], "again": command(one.seed, part)} for one in failed[:20]],
    }
    print(json.dumps(report, indent=1))
    if failed and not given.no_shrink and part == Part():
        smallest = shrunk(failed[0].seed)
        print(story_of(failed[0].seed, smallest), file=sys.stderr)
        print(command(failed[0].seed, smallest), file=sys.stderr)
    return 1 if failed else 0


def _cpu_seconds() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _runs(seeds: range, jobs: int, part: Part) -> Iterator[Run]:
    if jobs <= 1 or len(seeds) <= CHUNK:
        _spare()
        yield from (run(seed, part) for seed in seeds)
        return
    pieces = [list(seeds[at : at + CHUNK]) for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(jobs, initializer=_spare) as pool:
        for piece in pool.map(_piece, pieces):
            yield from piece


def _spare() -> None:
    """Look for cycles less often: most of what a run makes lives as long as the run, and goes with it."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 20)


def _piece(seeds: Sequence[int]) -> list[Run]:
    return [run(seed) for seed in seeds]


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(text.split(",")) - {"nothing"}


def _numbers(text: str | None) -> frozenset[int] | None:
    return None if text is None else frozenset(int(number) for number in text.split(",") if number != "none")


if __name__ == "__main__":
    sys.exit(main())
