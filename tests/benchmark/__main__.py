"""Measures everything and prints JSON on standard output; progress and a table go to standard error."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.progress import step
from local.stack import LocalStack
from statemachines.facilities import facilities
from tests.benchmark import calls, compile_bench, contention, decisions, demonstration, throughput, verify_bench
from tests.stack.ward import Ward


def main() -> int:
    """Measure; 0 unless something could not be measured or the demonstration does not agree."""
    argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__).parse_args()
    found: dict[str, Any] = {}
    with step("decisions of the pure core"):
        pure = decisions.measure()
    found["decisions_per_second"] = {name: round(value) for name, value in asdict(pure).items()}
    found["decisions_per_bare_event_of_transitions"] = round(pure.ratio, 2)
    with step("verification of 1,000 states under 160 facilities, and of 2,000"):
        found["verification"] = verify_bench.measure()
    with step("compilation of 1,000 states"):
        found["compilation"] = compile_bench.measure()
    with step("seeded disorder"):
        found["simulation"] = simulation()
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        with LocalStack(Path(folder) / "stack", facilities().values()) as stack:
            ward = Ward(stack)
            with step("AWS calls per event"):
                found["aws_calls"] = {
                    what: {**calls.kinds(counted), "calls": dict(sorted(counted.items()))}
                    for what, counted in calls.per_event(ward).items()
                }
                found["step_functions_transitions_per_hand_off"] = calls.transitions_per_hand_off(ward)
            with step("fifty events at once on one case"):
                found["contention"] = asdict(contention.measure(ward))
            with step("events through the embedded stack"):
                out_of_time = stack.aws.out_of_time()
                through = throughput.measure(stack)
                out_of_time = stack.aws.out_of_time() - out_of_time
        found["end_to_end"] = {
            "hand_offs": through.baton.events,
            "hand_offs_per_second": round(through.baton.rate, 1),
            "slowest_seconds": round(through.baton.slowest, 2),
            "bare_hand_offs_per_second": round(through.bare.rate, 1),
            "hand_offs_per_bare_one": round(through.ratio, 3),
            "invocations_out_of_time": out_of_time,
        }
        with step("the demonstration"):
            demo = demonstration.measure(Path(folder) / "demo")
    found["demo"] = {
        "agrees": demo.agrees,
        "seconds": round(demo.seconds, 1),
        "peak_mb": round(demo.peak_mb),
        "processes": demo.processes,
    }
    print(json.dumps(found, indent=2))
    show(found)
    return 0 if demo.agrees else 1


def simulation(runs: int = 300) -> dict[str, Any]:
    """Whole runs of the use cases amid seeded faults, in processes of their own."""
    words = [sys.executable, "-m", "tests.simulation", "--runs", str(runs), "--no-shrink"]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=False)
    told = json.loads(done.stdout)
    return {
        "runs": told["runs"],
        "seconds": told["seconds"],
        "runs_per_second": round(told["runs"] / told["seconds"], 1),
        "violations": told["violations"],
    }


def show(found: Mapping[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table(title="Speed and memory", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for name, value in _flat(found):
        table.add_row(
            name, f"{value:,}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
        )
    Console(file=sys.stderr, width=None if sys.stderr.isatty() else 120).print(table)


def _flat(found: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            if name != "calls":
                yield from _flat(value, f"{under}{name}: ")
        else:
            yield under + name, value


if __name__ == "__main__":
    sys.exit(main())
