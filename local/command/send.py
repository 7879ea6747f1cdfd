"""Sending events."""

from __future__ import annotations

import argparse
from pathlib import Path

from local.command.adding import Add


def add_to(add: Add) -> None:
    """Add the command and what it takes."""
    send = add("send", "put events from files on the bus, and say what became of each", _send)
    send.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="one event, a JSON array, or one event a line"
    )
    send.add_argument(
        "--now",
        action="store_true",
        help="move the events in time together, as new ones, so that the newest happens now",
    )


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
