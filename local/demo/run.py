"""`baton demo`: start everything, play the scenario, let it settle, report; nothing is left running."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from local.agreement import Report, examine
from local.demo.people import PATIENTS, resources
from local.demo.scenario import Props, play
from local.demo.screen import Screen
from local.demo.stage import Stage
from local.demo.summary import show
from local.deploy import STACK
from local.pace import compressed
from local.progress import step
from local.stack import LocalStack
from statemachines.facilities import facilities
from statemachines.workflows import WORKFLOWS

PACE = {"northfield": 1.0, "southgate": 0.1, "lakeside": 1.0}
"""Seconds that a minute of a deadline lasts. Southgate's is shortest, so that a missed deadline need not be waited for long."""


KILLS = 5
KILL_EVERY_SECONDS = 0.7


@dataclass(frozen=True, slots=True)
class Interference:
    """What else is to go wrong: a function whose workers are killed, and for how many seconds the EMR is stopped."""

    kill: str | None = None
    emr_down_seconds: float = 0.0
    killed: list[int] = field(default_factory=list)
    """Process ids of the workers that were killed."""


def demo(folder: Path, *, as_json: bool, interference: Interference, settle_seconds: float) -> int:
    """Run the demonstration; 0 when the report agrees."""
    console = Console(file=sys.stderr, width=None if sys.stderr.isatty() else 180)
    policies = [
        compressed(policy, WORKFLOWS.values(), PACE[name]) for name, policy in facilities().items() if name in PACE
    ]
    with LocalStack(folder, policies) as stack:
        for patient in PATIENTS.values():
            for resource in resources(patient):
                stack.emr.put(resource)
        began = datetime.now(UTC) - timedelta(seconds=1)
        with Screen(stack.connection, PACE, console) as screen:
            stage = Stage(stack.connection, screen.tick)
            over = threading.Event()
            disturb = threading.Thread(target=_interfere, args=(stack, interference, over), daemon=True)
            try:
                play(stage, Props(stack.emr.faults, screen.say, disturb.start))
            finally:
                over.set()
            disturb.join()
            screen.say("Everything has been sent; followers catch up.")
            report = _settled(stack, stage, screen, began, settle_seconds)
        show(report, console)
        if as_json:
            print(report.as_json())
        with step("stop everything"):
            stack.stop()
    if interference.kill is not None and not interference.killed:
        print(f"baton demo: no worker of {interference.kill!r} ran when it was to be killed", file=sys.stderr)
        return 1
    if interference.killed:
        print(f"  killed {len(interference.killed)} workers of {interference.kill}", file=sys.stderr)
    return 0 if report.agrees else 1


def _settled(stack: LocalStack, stage: Stage, screen: Screen, began: datetime, seconds: float) -> Report:
    end = time.monotonic() + seconds
    while True:
        screen.tick()
        report = examine(stack.connection, stack.emr, PACE, stage.sent, began)
        if report.agrees or time.monotonic() > end:
            return report
        time.sleep(1)


def _interfere(stack: LocalStack, interference: Interference, over: threading.Event) -> None:
    if interference.emr_down_seconds:
        print(f"  the EMR is down for {interference.emr_down_seconds:.0f} s", file=sys.stderr)
        stack.emr.kill()
        over.wait(interference.emr_down_seconds)
        stack.emr.restart()
    while interference.kill is not None and len(interference.killed) < KILLS and not over.wait(KILL_EVERY_SECONDS):
        interference.killed.extend(stack.aws.kill_worker(f"{STACK}-{interference.kill}"))
