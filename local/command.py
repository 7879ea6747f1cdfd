"""The `baton` command: Baton on one machine."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from local.paths import STATE

if TYPE_CHECKING:
    from functions.cases.commands import Person

Handler = Callable[[argparse.Namespace], int]

EPILOG = """\
Try `baton demo` first: it starts everything, plays a night at three hospitals and checks itself.
To play yourself: `baton up`, then `baton send events/samples/shift_started.json`, `baton cases`, `baton down`.
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments and help."""
    top = argparse.ArgumentParser(
        prog="baton",
        description="Passes each clinical case from owner to owner without dropping it. This runs it on one machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, help: str, handler: Handler) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help[:1].upper() + help[1:] + ".")
        made.set_defaults(handler=handler)
        return made

    demo = add("demo", "play a scenario on a stack of its own, show who owns what, and check that all agree", _demo)
    demo.add_argument("--json", action="store_true", help="print the report as JSON on standard output")
    demo.add_argument(
        "--kill", metavar="FUNCTION", help="kill this function's workers in the middle (intake, follow, …)"
    )
    demo.add_argument(
        "--emr-down", type=float, default=0.0, metavar="SECONDS", help="stop the EMR for so long in the middle"
    )
    demo.add_argument(
        "--settle", type=float, default=90.0, metavar="SECONDS", help="let followers catch up for so long (90)"
    )
    add("up", "start the embedded AWS and EMR, deploy, register the facilities; stays up", _up)
    add("down", "stop what `up` started", _down)
    add("status", "say what is running and whether anything is stuck", _status)
    send = add("send", "put events from files on the bus", _send)
    send.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="one event, a JSON array, or one event a line"
    )
    add("cases", "list the cases: where each stands and who owns the next step", _cases)
    case = add("case", "show a case's course, with reasons", _case)
    case.add_argument("id", help="the case's id, or the beginning of it")
    for name, what in (
        ("claim", "claim the open task of a case"),
        ("decline", "give the open task back, with a reason"),
        ("reassign", "hand the open task to somebody else, with a reason"),
        ("override", "take an arrow in spite of its guard, with a reason"),
    ):
        act = add(name, what, _act)
        act.add_argument("id", help="the case's id, or the beginning of it")
        act.add_argument("--as", dest="by", required=True, metavar="PERSON:ROLE", help="who you are, e.g. RT-LINDEN:RT")
        if name == "reassign":
            act.add_argument("--to", required=True, metavar="PERSON:ROLE", help="who takes over")
        if name == "override":
            act.add_argument("--transition", required=True, metavar="ID", help="the arrow to take, e.g. T-25")
        if name != "claim":
            act.add_argument("--reason", required=True, help="why")
    replay = add(
        "replay", "send real clinical data through the same path, and say what became of every record", _replay
    )
    from local.replay.command import add_arguments

    add_arguments(replay)
    compile_ = add("compile", "publish the workflows: definition, state machine, diagram, hand-off table", _compile)
    compile_.add_argument("--check", action="store_true", help="write nothing; fail when something published is stale")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code says whether it did what was asked."""
    from functions.cases.commands import Refused
    from local.aws.embedded import AwsNotStarted
    from local.deploy import DeployFailed
    from local.emr.embedded import EmrNotStarted
    from local.running import NotUp

    given = parser().parse_args(arguments)
    try:
        return int(given.handler(given))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except (AwsNotStarted, DeployFailed, EmrNotStarted, NotUp, Refused, LookupError) as problem:
        print(f"baton {given.command}: {problem.args[0] if problem.args else problem}", file=sys.stderr)
        return 1


def _demo(given: argparse.Namespace) -> int:
    from local.demo.interference import Interference
    from local.demo.run import demo

    return demo(
        STATE / "demo",
        as_json=given.json,
        interference=Interference(given.kill, given.emr_down),
        settle_seconds=given.settle,
    )


def _up(_: argparse.Namespace) -> int:
    from local.running import up

    for name, value in up().items():
        print(f"{name:14} {value}")
    return 0


def _down(_: argparse.Namespace) -> int:
    from local.running import down

    print("stopped" if down() else "nothing was running")
    return 0


def _status(_: argparse.Namespace) -> int:
    from local.running import addresses, connect
    from local.status import status

    for name, value in addresses().items():
        print(f"{name:14} {value}")
    return status(connect())


def _send(given: argparse.Namespace) -> int:
    from events.files import EventFileError, load_events
    from local.connection import NotSent
    from local.running import connect

    connection = connect()
    for path in given.files:
        try:
            count = connection.send((event.envelope, event.source) for event in load_events(path))
        except (EventFileError, NotSent, OSError) as problem:
            print(f"baton send: {problem}", file=sys.stderr)
            return 1
        print(f"{path}: {count} sent")
    return 0


def _cases(_: argparse.Namespace) -> int:
    from rich.console import Console

    from local.demo.screen import owners
    from local.running import connect
    from statemachines.facilities import facilities

    Console().print(owners(connect().cases(facilities())))
    return 0


def _find(prefix: str) -> str:
    from local.running import connect
    from statemachines.facilities import facilities

    found = [row.id for row in connect().cases(facilities()) if row.id.startswith(prefix)]
    if len(found) != 1:
        raise LookupError(f"{len(found)} cases begin with {prefix!r}; `baton cases` lists them")
    return found[0]


def _case(given: argparse.Namespace) -> int:
    from rich.console import Console

    from functions.cases.store import load_case
    from local.demo.screen import line, owners
    from local.running import connect

    connection = connect()
    row = load_case(connection.services, _find(given.id))
    if row is None:
        raise LookupError(f"no case {given.id}")
    console = Console()
    console.print(owners([row]))
    for entry in connection.journal(row.id):
        console.print(line(row, entry), highlight=False)
        for reason in entry.get("routing", ()):
            console.print(f"          [dim]{reason}[/dim]", highlight=False)
    return 0


def _act(given: argparse.Namespace) -> int:
    from functions.cases import commands
    from functions.cases.commands import Command
    from local.running import connect

    services = connect().services
    command = Command(uuid.uuid4().hex, _find(given.id), _person(given.by))
    match given.command:
        case "claim":
            row = commands.claim(services, command)
        case "decline":
            row = commands.decline(services, command, reason=given.reason)
        case "reassign":
            row = commands.reassign(services, command, to=_person(given.to), reason=given.reason)
        case _:
            row = commands.override(services, command, transition=given.transition, reason=given.reason)
    owner = row.task.owner if row.task is not None else "nobody: it has ended"
    print(f"case {row.id[:8]} is in {row.state}; owner: {owner}")
    return 0


def _person(text: str) -> Person:
    from functions.cases.commands import Person

    name, _, role = text.partition(":")
    if not name or not role:
        raise LookupError(f"{text!r} is not PERSON:ROLE, e.g. RT-LINDEN:RT")
    return Person(name, role)


def _replay(given: argparse.Namespace) -> int:
    from local.replay.command import run

    return run(given)


def _compile(given: argparse.Namespace) -> int:
    from local.compile import compile_workflows

    lines = compile_workflows(check=given.check)
    for text in lines:
        print(text)
    return 1 if given.check and lines else 0


if __name__ == "__main__":
    sys.exit(main())
