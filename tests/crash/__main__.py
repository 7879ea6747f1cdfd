"""``python -m tests.crash``: dies at every point, or at one with a readable trace, and prints what was survived as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from tests.crash.deaths import enumerate_points, twice
from tests.crash.runs import find, survive
from tests.crash.scenarios import SCENARIOS


def main() -> int:
    """Exit code 0 when everything was survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--point", help='one point again, with its trace: "scenario:number:before" or "…:after"')
    parser.add_argument("--scenario", action="append", help="only this scenario; may be given several times")
    parser.add_argument("--stride", type=int, default=1, help="only every so manieth moment")
    parser.add_argument("--all", action="store_true", help="play every point, also those that are the same moment")
    parser.add_argument(
        "--twice", type=int, default=0, metavar="N", help="also N runs of each scenario in which two die"
    )
    parser.add_argument("--seed", type=int, default=1, help="which runs in which two die")
    given = parser.parse_args()
    if given.point:
        return _again(given.point)
    chosen = [s for s in SCENARIOS if not given.scenario or s.name in given.scenario]
    once = enumerate_points(chosen, stride=given.stride, each=given.all)
    report = once.report()
    if given.twice:
        report["two_crashes"] = twice(chosen, given.seed, given.twice).report()
    json.dump(report, sys.stdout, indent=1)
    print()
    return 1 if report["not_survived"] or report.get("two_crashes", {}).get("not_survived") else 0


def _again(name: str) -> int:
    recording, point = find(name)
    result = survive(recording, point, traced=True)
    print(f"{point}\nthrough {' → '.join(point.call.through)}\n")
    print("\n".join(result.trace))
    print()
    counted = Counter(result.wrong)
    print("\n".join(f"✗ {wrong}" for wrong in counted) or "survived: nothing is wrong, and it ended as without a crash")
    return 1 if result.wrong else 0


sys.exit(main())
