"""What runs on this machine: start it, stop it, and say how it is."""

from __future__ import annotations

import argparse

from local.command.adding import Add


def add_to(add: Add) -> None:
    """Add the commands and what they take."""
    add("up", "start the embedded AWS and EMR, deploy, register the facilities; stays up", _up)
    add("down", "stop what `up` started", _down)
    add("status", "say what is running and whether anything is late or stuck", _status)


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
