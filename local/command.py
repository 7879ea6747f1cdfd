"""The `baton` command: Baton on one machine."""

from __future__ import annotations

import argparse
import importlib
import sys
import uuid
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from local.paths import STATE

if TYPE_CHECKING:
    from functions.cases.commands import Person
    from functions.cases.ports import Services

Handler = Callable[[argparse.Namespace], int]

EPILOG = """\
Try `baton demo` first: it starts everything, plays a night at three hospitals and checks itself.
To play yourself:

  baton up                              start everything; it stays up
  baton send --now local/try.json       somebody's oxygen is ordered and started, now
  baton cases                           who owns the next step, and until when
  baton claim ID --as RT-LINDEN:RT      take it; ID is the beginning of the case's id
  baton down
"""

MODULES = {
    "replay": (
        "local.replay.command",
        "send real clinical data through the same path, and say what became of every record",
    ),
    "check": ("local.check", "verify workflows: every finding with its place and how to mend it"),
    "diff": ("local.diff", "say what differs between two versions of a workflow"),
    "migrate": ("local.migrate", "plan how open cases move to another version"),
    "draft": ("local.draft", "draft a workflow for somebody to review"),
}
"""Commands with a module of their own, which has add_arguments and run; loaded only when it is asked for."""


def parser(asked: str | None = None) -> argparse.ArgumentParser:
    """The command's arguments and help; of MODULES, the arguments of the command that is ``asked`` for only."""
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

    _add_demo(add("demo", "play a scenario on a stack of its own, show who owns what, and check that all agree", _demo))
    add("up", "start the embedded AWS and EMR, deploy, register the facilities; stays up", _up)
    add("down", "stop what `up` started", _down)
    add("status", "say what is running and whether anything is late or stuck", _status)
    send = add("send", "put events from files on the bus, and say what became of each", _send)
    send.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="one event, a JSON array, or one event a line"
    )
    send.add_argument(
        "--now",
        action="store_true",
        help="move the events in time together, as new ones, so that the newest happens now",
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
        act.add_argument(
            "--as", dest="by", required=True, type=_person, metavar="PERSON:ROLE", help="who you are, e.g. RT-LINDEN:RT"
        )
        if name == "reassign":
            act.add_argument("--to", required=True, type=_person, metavar="PERSON:ROLE", help="who takes over")
        if name == "override":
            act.add_argument("--transition", required=True, metavar="ID", help="the arrow to take, e.g. T-25")
        if name != "claim":
            act.add_argument("--reason", required=True, help="why")
    _add_quarantine(add("quarantine", "list, show or send through again what could not be placed", _quarantine_list))
    _add_facility(add("facility", "list the registered facilities, or register one", _facility_list))
    compile_ = add(
        "compile", "verify the workflows and publish them: definition, state machine, diagram, hand-off table", _compile
    )
    how = compile_.add_mutually_exclusive_group()
    how.add_argument(
        "--check", action="store_true", help="write nothing; fail when something published is stale, changed or faulty"
    )
    how.add_argument(
        "--release",
        nargs="*",
        metavar="WORKFLOW",
        help="list what is published of these workflows (none named: of all) as released: it never changes again",
    )
    for name, (module, what) in MODULES.items():
        if find_spec(module) is not None:
            made = add(name, what, _module)
            if name == asked:
                importlib.import_module(module).add_arguments(made)
    return top


def _add_demo(demo: argparse.ArgumentParser) -> None:
    from cdk.grants import FUNCTIONS

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


def _add_facility(facility: argparse.ArgumentParser) -> None:
    what = facility.add_subparsers(dest="what", metavar="WHAT", required=True)
    what.add_parser("list", help="list the registered facilities").set_defaults(handler=_facility_list)
    register = what.add_parser("register", help="register a facility, or give it a new policy for new cases")
    register.add_argument("file", type=Path, metavar="FILE", help="its policy, as in statemachines/facilities")
    register.set_defaults(handler=_facility_register)


def _add_quarantine(quarantine: argparse.ArgumentParser) -> None:
    quarantine.set_defaults(reason=None, facility=None, stack=None)  # without a word more, it lists all
    what = quarantine.add_subparsers(dest="what", metavar="WHAT")

    def narrowed(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
        command.add_argument("--reason", metavar="REASON", help="only what is there for this reason, e.g. no_case")
        command.add_argument("--facility", metavar="FACILITY", help="only what says that it is from this facility")
        return command

    listing = what.add_parser(
        "list", help="what waits, why, where, since when, and how it is mended; no patient's data"
    )
    narrowed(listing).set_defaults(handler=_quarantine_list)
    show = what.add_parser("show", help="all that is known of one message, but not what it says")
    show.add_argument("id", metavar="ID", help="the message's id, or the beginning of it")
    show.add_argument(
        "--phi",
        action="store_true",
        help="print the message itself: patients' data, for those who are allowed to read them (docs/operating.md)",
    )
    show.set_defaults(handler=_quarantine_show)
    redrive = narrowed(what.add_parser("redrive", help="send through again, once the cause is mended"))
    redrive.add_argument("ids", nargs="*", metavar="ID", help="the messages' ids, or the beginnings of them")
    redrive.add_argument("--all", action="store_true", help="everything that waits")
    redrive.add_argument(
        "--with",
        dest="corrected",
        type=Path,
        metavar="FILE",
        help="place this corrected event in the one message's stead",
    )
    redrive.set_defaults(handler=_quarantine_redrive, refuse=redrive.error)
    for command in (listing, show, redrive):
        command.add_argument(
            "--stack", metavar="STACK", help="of this stack in your AWS account, instead of the one on this machine"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code says whether it did what was asked."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    given = parser(next((word for word in words if not word.startswith("-")), None)).parse_args(words)
    try:
        return int(given.handler(given))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has seen enough; nothing is to be said on leaving
        return 0
    except Exception as error:
        from local.problem import mendable

        said = mendable(error)
        if said is None:
            raise
        print(f"baton {given.command}: {said}", file=sys.stderr)
        return 1


def _demo(given: argparse.Namespace) -> int:
    from local.demo.interference import Interference
    from local.demo.run import demo

    return demo(
        STATE / "demo",
        as_json=given.json,
        interference=Interference(given.kill, given.emr_down, given.restart_aws),
        settle_seconds=given.settle,
    )


def _up(_: argparse.Namespace) -> int:
    from local.running import up

    running = up()
    print(f"AWS is at  {running['aws_endpoint']}\nEMR is at  {running['emr']}")
    return 0


def _down(_: argparse.Namespace) -> int:
    from local.running import down

    print("stopped" if down() else "nothing was running")
    return 0


def _status(_: argparse.Namespace) -> int:
    from local.running import addresses, connect
    from local.status import status

    return status(connect(), addresses())


def _send(given: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from local.running import addresses, connect
    from local.send import admit, deliver, moved_to, read

    events = read(given.files)  # all of them are good, or none is sent
    connection = connect()
    if given.now:
        events = moved_to(events, datetime.now(UTC))
    admit(connection, addresses()["emr"], events)
    for line in deliver(connection, events):
        print(line, flush=True)
    return 0


def _cases(_: argparse.Namespace) -> int:
    from rich.console import Console

    from local.demo.screen import owners
    from local.running import connect

    Console(width=_width()).print(owners(connect().all_cases()))
    return 0


def _width() -> int | None:
    """The terminal's own width; enough for whole lines where there is no terminal."""
    return None if sys.stdout.isatty() else 160


def _case(given: argparse.Namespace) -> int:
    from rich.console import Console

    from local.demo.screen import line, owners
    from local.running import connect

    connection = connect()
    row = connection.find(given.id)
    console = Console(width=_width())
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

    connection = connect()
    services = connection.services
    command = Command(uuid.uuid4().hex, connection.find(given.id).id, given.by)
    match given.command:
        case "claim":
            row = commands.claim(services, command)
        case "decline":
            row = commands.decline(services, command, reason=given.reason)
        case "reassign":
            row = commands.reassign(services, command, to=given.to, reason=given.reason)
        case _:
            row = commands.override(services, command, transition=given.transition, reason=given.reason)
    owner = row.task.owner if row.task is not None else "nobody: it has ended"
    print(f"case {row.id[:8]} is in {row.state}; owner: {owner}")
    return 0


def _person(text: str) -> Person:
    from functions.cases.commands import Person

    name, _, role = text.partition(":")
    if not name or not role:
        raise argparse.ArgumentTypeError(f"{text!r} is not PERSON:ROLE, e.g. RT-LINDEN:RT")
    return Person(name, role)


def _operated(given: argparse.Namespace) -> Services:
    """The stack that is meant: in an AWS account, or the one that runs on this machine."""
    if given.stack is not None:
        from local.deployed import services

        return services(given.stack)
    from local.running import connect

    return connect().services


def _quarantine_list(given: argparse.Namespace) -> int:
    from local.mend import listed

    found = listed(_operated(given), reason=given.reason, facility=given.facility)
    print("\n".join(found) or "nothing is in quarantine")
    return 0


def _quarantine_show(given: argparse.Namespace) -> int:
    from local.mend import phi, shown

    services = _operated(given)
    print("\n".join(shown(services, given.id)), file=sys.stderr if given.phi else sys.stdout)
    if given.phi:
        print(phi(services, given.id))
    return 0


def _quarantine_redrive(given: argparse.Namespace) -> int:
    narrowed = given.reason is not None or given.facility is not None
    if sum((bool(given.ids), narrowed, given.all)) != 1:
        given.refuse("name messages by ID, or by --reason and --facility, or say --all")
    if given.corrected is not None and len(given.ids) != 1:
        given.refuse("--with FILE corrects one message; name it by its ID")

    from local.mend import redrive, redrive_all, told

    services = _operated(given)
    again = (
        (redrive(services, id, given.corrected) for id in given.ids)
        if given.ids
        else redrive_all(services, reason=given.reason, facility=given.facility)
    )
    return 0 if told(again, lambda line: print(line, flush=True)) else 1


def _facility_list(_: argparse.Namespace) -> int:
    from local.facility import listed
    from local.running import connect

    print(
        "\n".join(listed(connect().facilities())) or "no facility is registered; `baton facility register FILE` does it"
    )
    return 0


def _facility_register(given: argparse.Namespace) -> int:
    from local.facility import read, register
    from local.running import connect
    from local.stack import newest

    policy = read(given.file)
    connection = connect()
    print(register(connection.table, policy, newest(connection), connection.definitions))
    return 0


def _module(given: argparse.Namespace) -> int:
    module, _ = MODULES[given.command]
    return int(importlib.import_module(module).run(given))


def _compile(given: argparse.Namespace) -> int:
    from local.compile import compile_workflows, release

    if given.release is not None:
        print("\n".join(release(given.release)) or "everything that is published is released already")
        return 0
    lines = compile_workflows(check=given.check)
    for text in lines:
        print(text)
    return 1 if given.check and lines else 0


if __name__ == "__main__":
    sys.exit(main())
