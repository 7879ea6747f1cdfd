"""Playing a night at three hospitals."""

from __future__ import annotations

import argparse

from local.command.adding import Add
from local.paths import STATE


def add_to(add: Add) -> None:
    """Add the command and what it takes."""
    from cdk.grants import FUNCTIONS

    demo = add("demo", "play a scenario on a stack of its own, show who owns what, and check that all agree", _demo)
    demo.add_argument("--json", action="store_true", help="print the report as JSON on standard output")
    demo.add_argument(
        "--kill",
        metavar="FUNCTION",
        choices=[str(function) for function in FUNCTIONS],
        help=f"kill this function's workers in the middle ({', '.join(FUNCTIONS)})",
    )
    demo.add_argument(
        "--emr-down", type=float, default=0.0, metavar="SECONDS", help="stop the EMR for so long in the middle"
    )
    demo.add_argument(
        "--restart-aws", action="store_true", help="stop AWS in the middle, in the midst of work, and start it again"
    )
    demo.add_argument(
        "--settle", type=float, default=90.0, metavar="SECONDS", help="let followers catch up for so long (90)"
    )


def _demo(given: argparse.Namespace) -> int:
    from local.demo.interference import Interference
    from local.demo.run import demo

    return demo(
        STATE / "demo",
        as_json=given.json,
        interference=Interference(given.kill, given.emr_down, given.restart_aws),
        settle_seconds=given.settle,
    )
