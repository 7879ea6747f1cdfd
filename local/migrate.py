"""`baton migrate --plan OLD NEW`: whether cases in flight can go on under another version, state by state."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from local.definitions import VERSION_HELP, NotReadable, add_facilities, definition, policies
from statemachines.compare.migration import UnknownInMapping

EPILOG = """\
For each state of OLD the plan names the state of NEW in which its cases go on (the one of the same name, or as mapped), and
proves that there they have a way on and an end, an owner in every shift of every facility, a timer, the facts that NEW
relies on, somebody who takes what was deferred, and a Task status that the EMR's Task may take. A state whose cases cannot
move is listed with the reason and what to do. Nothing is moved.

A mapping file is JSON ({"old": "new"}) or lines of old=new. old@facility=new is for the cases of one facility only, where
the state of the others is mapped otherwise or not at all.

The exit code is 0 when every case can move, 1 when some stay, 2 when the plan could not be made.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments and help."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--plan", action="store_true", required=True, help="make the plan; moves nothing")
    parser.add_argument("old", metavar="OLD", help=VERSION_HELP)
    parser.add_argument("new", metavar="NEW", help="the same")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="OLD[@FACILITY]=NEW|FILE",
        help="the state in which the cases of a state go on, everywhere or at one facility; or a file of such lines. "
        "May be repeated",
    )
    add_facilities(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print Markdown")
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--brief", action="store_true", help="leave out what was proven for the states that can move")


def run(given: argparse.Namespace) -> int:
    """Print the plan."""
    from statemachines.compare import plan
    from statemachines.compare.report.document import plan_document
    from statemachines.compare.report.markdown import plan_markdown
    from statemachines.compare.report.text import plan_text

    try:
        old, new = definition(given.old), definition(given.new)
        made = plan(old, new, policies(given, (old, new)), mapping(given.map))
    except (NotReadable, UnknownInMapping) as problem:
        print(f"baton migrate: {problem.args[0]}", file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps(plan_document(made), indent=2, ensure_ascii=False))
    elif given.markdown:
        print(plan_markdown(made), end="")
    else:
        print(plan_text(made, proofs=not given.brief), end="")
    return 0 if made.complete else 1


def mapping(given: Iterable[str]) -> dict[str, str]:
    """The pairs that the arguments name: a state, or a state at a facility, and its target; a later pair counts.

    Raises NotReadable.
    """
    found: dict[str, str] = {}
    for each in given:
        if "=" in each:
            found.update([_pair(each, each)])
        else:
            found.update(_read(Path(each)))
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise NotReadable(f"{path}: neither OLD=NEW nor a file that can be read ({problem.strerror})") from problem
    if text.lstrip().startswith("{"):
        try:
            pairs = json.loads(text)
        except json.JSONDecodeError as problem:
            raise NotReadable(f"{path}: line {problem.lineno}: {problem.msg}") from problem
        if not all(isinstance(target, str) for target in pairs.values()):
            raise NotReadable(f'{path}: every state maps to the name of a state: {{"old": "new"}}')
        return {str(state): str(target) for state, target in pairs.items()}
    lines = [line.strip() for line in text.splitlines()]
    return dict(_pair(line, f"{path}: {line}") for line in lines if line and not line.startswith("#"))


def _pair(text: str, place: str) -> tuple[str, str]:
    old, equals, new = (part.strip() for part in text.partition("="))
    if not equals or not old or not new:
        raise NotReadable(f"{place}: not OLD=NEW")
    return old, new
