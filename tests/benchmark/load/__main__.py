"""A network of 160 facilities and 2,000 cases through the embedded stack, then a firehose of vital signs; prints JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from functions.cases import keys
from functions.cases.store import load_case
from functions.cases.table import read_all
from local.connection import Connection
from local.progress import step
from local.stack import LocalStack
from tests.benchmark.load.bare import Bare
from tests.benchmark.load.baton import HAND_OFFS, Hospitals
from tests.benchmark.load.firehose import fire
from tests.benchmark.load.lanes import Passed, drive, read_rows
from tests.benchmark.load.memory import Watch
from tests.benchmark.load.saturations import MADE_UP, Saturations, charted

AT_ONCE, AT_ONCE_IN_BURST = 24, 200
BARE_CASES = 150


def main() -> int:
    """Run the load; 0 when every event was followed and every vital sign placed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--facilities", type=int, default=160)
    asked.add_argument("--cases", type=int, default=2000)
    asked.add_argument("--vitals", type=int, default=10_000)
    asked.add_argument("--rate", type=float, default=40.0, help="vital signs a second")
    asked.add_argument(
        "--oxygen",
        type=Path,
        default=os.environ.get("BATON_OXYGEN"),
        metavar="PATH",
        help="send saturations that were charted, from data that `baton replay` reads, not made-up ones (BATON_OXYGEN)",
    )
    asked.add_argument("--longest", type=float, default=1500.0, help="seconds that each part may take")
    given = asked.parse_args()
    began = time.monotonic()
    saturations = MADE_UP if given.oxygen is None else charted(given.oxygen)
    with tempfile.TemporaryDirectory(prefix="baton-load-") as folder, LocalStack(Path(folder) / "stack", ()) as stack:
        found = _loaded(stack, given, saturations)
    found["seconds"] = round(time.monotonic() - began)
    print(json.dumps(found, indent=2))
    return 0


def _loaded(stack: LocalStack, given: argparse.Namespace, saturations: Saturations) -> dict[str, Any]:
    connection = stack.connection
    with step(f"register {given.facilities} facilities and their shifts"):
        hospitals = Hospitals(connection, given.facilities)
    put, read = connection.put, partial(read_rows, stack.aws, connection.outputs.table)
    go = partial(drive, put=put, read=read, longest_seconds=given.longest)
    burst, steady = given.cases // 4, given.cases - given.cases // 4
    bare = Bare(stack.aws, stack.emr.base_url)
    go_bare = partial(
        drive,
        put=bare.put, read=partial(read_rows, stack.aws, bare.table), at_once=AT_ONCE, longest_seconds=given.longest,
    )  # fmt: skip

    def without_baton() -> Passed:
        with step("the same AWS operations without Baton"):
            go_bare(bare.lanes(AT_ONCE, len(HAND_OFFS)))
            return go_bare(bare.lanes(min(given.cases, BARE_CASES), len(HAND_OFFS)))

    before = without_baton()
    with step("warm up"):
        go(hospitals.lanes(2 * AT_ONCE), at_once=AT_ONCE)
    with Watch(stack.aws) as watch:
        with step(f"{steady} cases, {AT_ONCE} at once"):
            calm = list(hospitals.lanes(steady))
            paced = go(iter(calm), at_once=AT_ONCE)
        watch.warm()  # by now each worker has met nearly all facilities
        with step(f"{burst} cases in a burst, {AT_ONCE_IN_BURST} at once"):
            crowd = list(hospitals.lanes(burst))
            crowded = go(iter(crowd), at_once=AT_ONCE_IN_BURST)
        with step(f"{given.vitals} vital signs, {saturations.origin}"):
            fired = fire(
                hospitals, calm + crowd,
                vitals=given.vitals, saturations=saturations,
                rate=given.rate, put=put, read=read, longest_seconds=given.longest,
            )  # fmt: skip
    after = without_baton()
    alone = max(before, after, key=lambda passed: passed.rate)
    with step("every case's journal and execution"):
        wrong = _unlike(connection, [lane.row.pk.removeprefix("CASE#") for lane in calm + crowd])
    held = watch.held()
    return {
        "facilities": given.facilities,
        "cases": given.cases,
        "steady": {"hand_offs": paced.events, "per_second": round(paced.rate, 1), "slowest_seconds": round(paced.slowest, 2)},
        "burst": {"hand_offs": crowded.events, "per_second": round(crowded.rate, 1), "slowest_seconds": round(crowded.slowest, 2)},
        "bare": {"hand_offs": alone.events, "per_second": round(alone.rate, 1), "slowest_seconds": round(alone.slowest, 2)},
        "hand_offs_per_bare_one": round(paced.rate / alone.rate, 3),
        "vital_signs": {"saturations": saturations.origin, **asdict(fired), "placed_per_second": round(fired.rate, 1)},
        "memory_mb": {**asdict(held), "growth_after_warming_up": round(held.growth, 3)},
        "invocations_out_of_time": stack.aws.out_of_time(),
        "cases_whose_execution_differs_from_their_journal": wrong,
    }  # fmt: skip


def _unlike(connection: Connection, cases: list[str], looked_at: int = 100) -> int:
    """How many of some cases, evenly taken, have an execution that visited other states than their journal."""
    some = cases[:: max(1, len(cases) // looked_at)]
    time.sleep(2.0)  # what has just been signalled
    wrong = 0
    for case in some:
        row = load_case(connection.services, case)
        if row is None:
            raise LookupError(f"case {case} is gone")
        visits = [visit["to"] for visit in read_all(connection.table, keys.case_pk(case), "V#")]
        wrong += connection.executed(row) != visits
    return wrong


if __name__ == "__main__":
    sys.exit(main())
