"""`baton demo`: start everything, play the scenario, let it settle, report; nothing is left running."""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from local.agreement import Report, examine
from local.demo.interference import Interference, standing_still
from local.demo.people import PATIENTS, resources
from local.demo.scenario import Props, play
from local.demo.screen import Screen
from local.demo.shown import unshown
from local.demo.stage import Stage
from local.demo.summary import show
from local.pace import compressed
from local.progress import step
from local.stack import LocalStack
from statemachines.facilities import facilities
from statemachines.policy import Policy
from statemachines.workflows import WORKFLOWS

PACE = {"northfield": 1.0, "southgate": 1.0, "lakeside": 1.0}
"""Seconds that a minute of a deadline lasts."""
FOLLOW = "follow"
HURRIED = {"southgate": {"assess_adult": 0.1}}
"""The one deadline that nobody is to keep is short, so that it need not be waited for long; the others leave a slow machine time."""


def demo(folder: Path, *, as_json: bool, interference: Interference, settle_seconds: float) -> int:
    """Run the demonstration; 0 when the report agrees."""
    console = Console(file=sys.stderr, width=None if sys.stderr.isatty() else 180)
    with LocalStack(folder, policies(), persist=interference.restart_aws) as stack:
        report = night(stack, console, interference, settle_seconds)
        show(report, console)
        if as_json:
            print(report.as_json())
        with step("stop everything"):
            stack.stop()
    if interference.kill is not None and not interference.killed:
        print(f"baton demo: no worker of {interference.kill!r} was at work when it was to be killed", file=sys.stderr)
        return 1
    if interference.restart_aws and not interference.restarted:
        print("baton demo: no worker was at work when AWS was to be stopped", file=sys.stderr)
        return 1
    if interference.restarted:
        print(f"  stopped AWS at work and started it again, {len(interference.restarted)} times", file=sys.stderr)
    if interference.killed:
        print(f"  killed {len(interference.killed)} workers of {interference.kill} at work", file=sys.stderr)
    return 0 if report.agrees else 1


def policies() -> list[Policy]:
    """The facilities' policies, on the demonstration's clock."""
    return [
        compressed(policy, WORKFLOWS.values(), PACE[name], HURRIED.get(name, {}))
        for name, policy in facilities().items()
        if name in PACE
    ]


def night(stack: LocalStack, console: Console, interference: Interference, settle_seconds: float) -> Report:
    """Play the scenario on a stack with the demonstration's facilities, let followers catch up, and report.

    Raises TooLate when something that must happen does not.
    """
    for patient in PATIENTS.values():
        for resource in resources(patient):
            stack.emr.put(resource)
    began = datetime.now(UTC) - timedelta(seconds=1)
    with Screen(stack.connection, PACE, console) as screen:

        def watch() -> None:
            screen.tick()
            interference.between(stack)

        stage = Stage(stack.connection, watch)
        over = threading.Event()
        disturb = threading.Thread(target=interference.disturb, args=(stack, over), daemon=True)
        try:
            props = Props(stack.emr.faults, screen.say, disturb.start, lambda: standing_still(stack, FOLLOW))
            play(stage, props)
        finally:
            over.set()
            if disturb.ident is not None:
                disturb.join()
        screen.say("Everything has been sent; followers catch up.")
        return _settled(stack, stage, screen, began, settle_seconds)


def _settled(stack: LocalStack, stage: Stage, screen: Screen, began: datetime, seconds: float) -> Report:
    end = time.monotonic() + seconds
    while True:
        screen.tick()
        report = examine(stack.connection, stack.emr, PACE, stage.sent, began)
        report.unshown = unshown(report)
        if report.agrees or time.monotonic() > end:
            return report
        time.sleep(1)
