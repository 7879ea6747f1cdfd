"""``python -m tests.mutation``: takes each guard away, one at a time, in a copy, and prints which test notices.

Exit code 0: no guard can be lost unnoticed; 1: some can, or the proof is not sound (a test fails without any mutation).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.mutation.discovery import discovered, parses
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.listed import listed
from tests.mutation.mutation import Mutation
from tests.mutation.proof import Proof, Result, Verdict

CHECKOUT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", action="append", metavar="TEXT", help="only mutations whose name holds this text")
    parser.add_argument(
        "--all", action="store_true", help="also rules that are no fence against repetition or disorder"
    )
    parser.add_argument("--list", action="store_true", help="name the mutations, and run nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--table", type=Path, help="write the table to this file as well")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument(
        "--quick", action="store_true", help="of tests with many parameters a few only, and no long ones"
    )
    parser.add_argument("--survivors", action="store_true", help="only those that nothing noticed the last time")
    parser.add_argument("--equivalent", action="store_true", help="try also what is listed as changing nothing")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one mutation")
    given = parser.parse_args()
    mutations = [
        each
        for each in (*discovered(CHECKOUT), *listed(CHECKOUT))
        if (given.all or not each.wide) and (not given.only or any(text in each.name for text in given.only))
    ]
    unreadable = [each.name for each in mutations if not parses(each, CHECKOUT)]
    if unreadable:
        parser.error(f"these leave no Python: {unreadable}")
    if given.list:
        print("\n".join(f"{each.file}:{each.line} {each.function}: {each.what}" for each in mutations))
        print(f"{len(mutations)} mutations")
        return 0
    proof = Proof(CHECKOUT, jobs=given.jobs, timeout=given.timeout, quick=given.quick, excused=not given.equivalent)
    if given.survivors:
        mutations = [each for each in mutations if not proof.was_noticed(each)]
    results = proof.run(mutations)
    unsound = proof.unsound
    text = table(results)
    if given.table is not None:
        given.table.write_text(text)
    print(json.dumps(as_json(results, unsound, proof.seconds), indent=1) if given.json else text)
    for name in unsound:
        print(f"fails without any mutation: {name}", file=sys.stderr)
    stale = sorted(set(EQUIVALENT) - {each.name for each in (*discovered(CHECKOUT), *listed(CHECKOUT))})
    for name in stale:
        print(f"there is no such mutation any more; take it out of equivalent.py: {name}", file=sys.stderr)
    lost = any(each.verdict in (Verdict.SURVIVED, Verdict.BROKEN) for each in results)
    return 1 if lost or unsound or stale else 0


def as_json(results: list[Result], unsound: list[str], seconds: float) -> dict[str, object]:
    """The proof for machines."""
    counts = {str(verdict): sum(each.verdict is verdict for each in results) for verdict in Verdict}
    rows = [
        {
            "mutation": each.mutation.name,
            "line": each.mutation.line,
            "verdict": str(each.verdict),
            "killed_by": each.killed_by,
            "why": each.why,
            "seconds": each.seconds,
        }
        for each in results
    ]
    return {"mutations": len(results), **counts, "seconds": seconds, "fails_without": unsound, "results": rows}


def table(results: list[Result]) -> str:
    """The proof for people: Markdown."""
    order = {Verdict.BROKEN: 0, Verdict.SURVIVED: 1, Verdict.EQUIVALENT: 2, Verdict.KILLED: 3}
    counts = ", ".join(f"{sum(each.verdict is verdict for each in results)} {verdict}" for verdict in Verdict)
    lines = [f"{len(results)} mutations: {counts}", "", "| taken away | noticed by | s |", "| --- | --- | --- |"]
    for each in sorted(results, key=lambda each: (order[each.verdict], each.mutation.file, each.mutation.line)):
        by = each.killed_by if each.verdict is Verdict.KILLED else f"**{each.verdict}** {each.why}"
        lines.append(f"| {_cell(each.mutation)} | {str(by).replace('|', '¦')} | {each.seconds} |")
    return "\n".join(lines) + "\n"


def _cell(mutation: Mutation) -> str:
    return f"{mutation.file}:{mutation.function}: `{mutation.what}`".replace("|", "¦")


if __name__ == "__main__":
    sys.exit(main())
