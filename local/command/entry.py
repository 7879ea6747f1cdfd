"""The command itself: its groups, its help, and how a failure is told."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from local.command import cases, demo, facility, publish, quarantine, running, send, tasks
from local.command.adding import Handler

EPILOG = """\
Try `baton demo` first: it starts everything, plays a night at three hospitals and checks itself.
To play yourself:

  baton up                              start everything; it stays up
  baton send --now local/try.json       somebody's oxygen is ordered and started, now
  baton cases                           who owns the next step, and until when
  baton claim ID --as RT-LINDEN:RT      take it; ID is the beginning of the case's id
  baton down
"""

GROUPS = (demo, running, send, cases, tasks, quarantine, facility, publish)
"""Each adds its commands in the order of the help; what they need is loaded when they run."""

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

    for group in GROUPS:
        group.add_to(add)
    for name, (module, what) in MODULES.items():
        if find_spec(module) is not None:
            made = add(name, what, _module)
            if name == asked:
                importlib.import_module(module).add_arguments(made)
    return top


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


def _module(given: argparse.Namespace) -> int:
    module, _ = MODULES[given.command]
    return int(importlib.import_module(module).run(given))
