"""``python -m tests.mutation``: takes each guard away, one at a time, in a copy, and prints which test notices.

Exit code 0: no guard can be lost unnoticed; 1: some can, or the proof is not sound (a test fails without any mutation).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.mutation.copy import make_copy
from tests.mutation.deployed import deployed, template_of
from tests.mutation.discovery import discovered, parses
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.listed import listed
from tests.mutation.mutation import Kind
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
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the table to this file as well")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument(
        "--quick", action="store_true", help="no test that takes many seconds; what survives may be noticed by one"
    )
    parser.add_argument("--survivors", action="store_true", help="only those that nothing noticed the last time")
    parser.add_argument("--equivalent", action="store_true", help="try also what is listed as changing nothing")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one mutation")
    parser.add_argument(
        "--anew",
        action="store_true",
        help="try also what was tried with these very sources; the last killer goes first",
    )
    given = parser.parse_args()
    # The checkout may be edited while this runs: from here on it is looked at no more.
    with tempfile.TemporaryDirectory(prefix="baton-mutation-") as folder:
        snapshot = Path(folder, "snapshot")
        make_copy(CHECKOUT, snapshot)
        return _run(given, parser, snapshot)


def _run(given: argparse.Namespace, parser: argparse.ArgumentParser, snapshot: Path) -> int:
    known = [*discovered(snapshot), *listed(snapshot)]
    if not (given.only and all(text.startswith("functions/") for text in given.only)):
        known += deployed(snapshot, template_of(snapshot))
    mutations = [
        each
        for each in known
        if (given.all or not each.wide) and (not given.only or any(text in each.name for text in given.only))
    ]
    unreadable = [each.name for each in mutations if not parses(each, snapshot)]
    if unreadable:
        parser.error(f"these leave no Python: {unreadable}")
    if given.list:
        print("\n".join(f"{each.file}:{each.line} {each.function}: {each.what}" for each in mutations))
        print(f"{len(mutations)} mutations")
        return 0
    proof = Proof(
        snapshot,
        CHECKOUT / ".baton" / "mutation",
        jobs=given.jobs,
        timeout=given.timeout,
        quick=given.quick,
        excused=not given.equivalent,
        anew=given.anew,
    )
    if given.survivors:
        mutations = [each for each in mutations if not proof.was_noticed(each)]
    results = proof.run(mutations)
    text = table(results)
    if given.table is not None:
        given.table.write_text(text)
    print(json.dumps(as_json(results, proof.unsound, proof.seconds), indent=1) if given.json else text)
    for name in proof.unsound:
        print(f"fails without any mutation: {name}", file=sys.stderr)
    stale = sorted(set(EQUIVALENT) - {each.name for each in known})
    for name in stale:
        print(f"there is no such mutation any more; take it out of equivalent.py: {name}", file=sys.stderr)
    lost = any(each.verdict in (Verdict.SURVIVED, Verdict.BROKEN) for each in results)
    return 1 if lost or proof.unsound or stale else 0


def as_json(results: list[Result], unsound: list[str], seconds: float) -> dict[str, object]:
    """The proof for machines."""
    counts = {str(verdict): sum(each.verdict is verdict for each in results) for verdict in Verdict}
    rows = [
        {
            "mutation": each.mutation.name,
            "kind": str(each.mutation.kind),
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
    """The proof for people: Markdown, a section for each kind of guard, what nothing noticed first."""
    lines = [
        "# What notices when a guard is gone",
        "",
        "Each line is one guard, taken away by itself from a copy of the sources, and the first test that failed then.",
        "",
        "| guards | tried | killed | equivalent | survived | broken |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    by_kind = {kind: [each for each in results if each.mutation.kind is kind] for kind in Kind}
    for name, some in [*by_kind.items(), ("all", results)]:
        lines.append(f"| {name} | {' | '.join(str(count) for count in _counts(some))} |")
    for kind, some in by_kind.items():
        if some:
            lines += [
                "",
                f"## {kind.capitalize()}",
                "",
                "| guard | where | first test that failed |",
                "| --- | --- | --- |",
            ]
            lines += [_line(each) for each in sorted(some, key=_rank)]
    return "\n".join(lines) + "\n"


def _counts(results: list[Result]) -> list[int]:
    """How many were tried, and of these how many were killed, survived or said nothing; equivalent ones are not tried."""
    of = {verdict: sum(each.verdict is verdict for each in results) for verdict in Verdict}
    tried = len(results) - of[Verdict.EQUIVALENT]
    return [tried, of[Verdict.KILLED], of[Verdict.EQUIVALENT], of[Verdict.SURVIVED], of[Verdict.BROKEN]]


def _rank(result: Result) -> tuple[int, str, int]:
    order = [Verdict.BROKEN, Verdict.SURVIVED, Verdict.EQUIVALENT, Verdict.KILLED]
    return order.index(result.verdict), result.mutation.file, result.mutation.line


def _line(result: Result) -> str:
    mutation = result.mutation
    about = f" ({mutation.about})" if mutation.about else ""
    guard = f"{mutation.function}: `{mutation.what}`{about}"
    by = f"`{result.killed_by}`" if result.verdict is Verdict.KILLED else f"**{result.verdict}**: {result.why}"
    return f"| {_cell(guard)} | {mutation.file}:{mutation.line} | {_cell(by)} |"


def _cell(text: str) -> str:
    return text.replace("|", "¦").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
