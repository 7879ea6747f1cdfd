"""What people do with the open task of a case."""

from __future__ import annotations

import argparse
import uuid
from typing import TYPE_CHECKING

from local.command.adding import Add

if TYPE_CHECKING:
    from functions.cases.commands import Person


def add_to(add: Add) -> None:
    """Add the commands and what they take."""
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
