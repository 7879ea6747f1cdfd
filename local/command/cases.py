"""Looking at cases."""

from __future__ import annotations

import argparse
import sys

from local.command.adding import Add


def add_to(add: Add) -> None:
    """Add the commands and what they take."""
    add("cases", "list the cases: where each stands and who owns the next step", _cases)
    case = add("case", "show a case's course, with reasons", _case)
    case.add_argument("id", help="the case's id, or the beginning of it")


def _cases(_: argparse.Namespace) -> int:
    from rich.console import Console

    from local.demo.screen import owners
    from local.running import connect

    Console(width=_width()).print(owners(connect().all_cases()))
    return 0


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


def _width() -> int | None:
    """The terminal's own width; enough for whole lines where there is no terminal."""
    return None if sys.stdout.isatty() else 160
