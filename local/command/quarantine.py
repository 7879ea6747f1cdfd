"""What could not be placed: on this machine, or in an AWS account."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.command.adding import Add

if TYPE_CHECKING:
    from functions.cases.ports import Services


def add_to(add: Add) -> None:
    """Add the command and what it takes."""
    quarantine = add("quarantine", "list, show or send through again what could not be placed", _list)
    quarantine.set_defaults(reason=None, facility=None, stack=None)  # without a word more, it lists all
    what = quarantine.add_subparsers(dest="what", metavar="WHAT")

    def narrowed(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
        command.add_argument("--reason", metavar="REASON", help="only what is there for this reason, e.g. no_case")
        command.add_argument("--facility", metavar="FACILITY", help="only what says that it is from this facility")
        return command

    listing = what.add_parser(
        "list", help="what waits, why, where, since when, and how it is mended; no patient's data"
    )
    narrowed(listing).set_defaults(handler=_list)
    show = what.add_parser("show", help="all that is known of one message, but not what it says")
    show.add_argument("id", metavar="ID", help="the message's id, or the beginning of it")
    show.add_argument(
        "--phi",
        action="store_true",
        help="print the message itself: patients' data, for those who are allowed to read them (docs/operating.md)",
    )
    show.set_defaults(handler=_show)
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
    redrive.set_defaults(handler=_redrive, refuse=redrive.error)
    for command in (listing, show, redrive):
        command.add_argument(
            "--stack", metavar="STACK", help="of this stack in your AWS account, instead of the one on this machine"
        )


def _list(given: argparse.Namespace) -> int:
    from local.mend import listed

    found = listed(_operated(given), reason=given.reason, facility=given.facility)
    print("\n".join(found) or "nothing is in quarantine")
    return 0


def _show(given: argparse.Namespace) -> int:
    from local.mend import phi, shown

    services = _operated(given)
    print("\n".join(shown(services, given.id)), file=sys.stderr if given.phi else sys.stdout)
    if given.phi:
        print(phi(services, given.id))
    return 0


def _redrive(given: argparse.Namespace) -> int:
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


def _operated(given: argparse.Namespace) -> Services:
    """The stack that is meant: in an AWS account, or the one that runs on this machine."""
    if given.stack is not None:
        from local.deployed import services

        return services(given.stack)
    from local.running import connect

    return connect().services
