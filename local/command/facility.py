"""The registered facilities."""

from __future__ import annotations

import argparse
from pathlib import Path

from local.command.adding import Add


def add_to(add: Add) -> None:
    """Add the command and what it takes."""
    facility = add("facility", "list the registered facilities, or register one", _list)
    what = facility.add_subparsers(dest="what", metavar="WHAT", required=True)
    what.add_parser("list", help="list the registered facilities").set_defaults(handler=_list)
    register = what.add_parser("register", help="register a facility, or give it a new policy for new cases")
    register.add_argument("file", type=Path, metavar="FILE", help="its policy, as in statemachines/facilities")
    register.set_defaults(handler=_register)


def _list(_: argparse.Namespace) -> int:
    from local.facility import listed
    from local.running import connect

    print(
        "\n".join(listed(connect().facilities())) or "no facility is registered; `baton facility register FILE` does it"
    )
    return 0


def _register(given: argparse.Namespace) -> int:
    from local.facility import read, register
    from local.running import connect
    from local.stack import newest

    policy = read(given.file)
    connection = connect()
    print(register(connection.table, policy, newest(connection), connection.definitions))
    return 0
