"""`baton up`, `baton down` and `baton status`: the stack that stays between commands."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from local.aws.running import RunningAws
from local.connection import Connection
from local.deploy import read_outputs
from local.paths import CHECKOUT, STATE
from local.supervisor import MODULE, READY

UP = STATE / "up"
_LOG = STATE / "up.log"
_START_SECONDS = 300
_STOP_SECONDS = 30
_SAME_START_SECONDS = 2.0
"""A process's start as the system tells it may differ by the correction of the clock meanwhile."""


class NotUp(RuntimeError):
    """No stack runs; the text says how to start one."""


class StackFailed(RuntimeError):
    """The stack did not start or stop; the text says where it tells why."""


def up() -> dict[str, Any]:
    """Start the stack in the background, showing its progress, and return its addresses. Raises StackFailed."""
    running = _ready()
    if running is not None:
        return running
    STATE.mkdir(exist_ok=True)
    with _LOG.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(UP)],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    shown = 0
    end = time.monotonic() + _START_SECONDS
    try:
        while time.monotonic() < end:
            text = _LOG.read_text()
            print(text[shown:], end="", file=sys.stderr, flush=True)
            shown = len(text)
            if process.poll() is not None:
                raise StackFailed(f"the stack did not start; its log is {_LOG}")
            found = _ready()
            if found is not None:
                return found
            time.sleep(0.2)
        raise StackFailed(f"the stack did not start within {_START_SECONDS} s; its log is {_LOG}")
    except BaseException:
        if process.poll() is None:
            process.terminate()
            process.wait(_STOP_SECONDS)
        raise


def down() -> bool:
    """Stop the stack and wait until it has ended; False when none was running. Raises StackFailed."""
    running = _ready()
    process = supervisor(running) if running is not None else None
    if running is None or process is None:
        return False
    try:
        process.terminate()
    except psutil.NoSuchProcess:
        return True  # it ended by itself in this moment
    except psutil.AccessDenied:
        raise StackFailed(f"process {process.pid} belongs to another user; stop the stack as that user") from None
    end = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < end:
        if supervisor(running) is None:
            return True
        time.sleep(0.1)
    raise StackFailed(f"process {process.pid} did not stop within {_STOP_SECONDS} s; its log is {_LOG}")


def addresses() -> dict[str, Any]:
    """Where the running stack is. Raises NotUp."""
    running = _ready()
    if running is None:
        raise NotUp("no stack is running here; start one with `baton up`")
    return running


def connect() -> Connection:
    """A connection to the running stack. Raises NotUp."""
    running = addresses()
    return Connection(RunningAws(running["aws_port"], running["aws_pid"]), read_outputs(UP / "cdk" / "outputs.json"))


def supervisor(said: dict[str, Any]) -> psutil.Process | None:
    """The very process that wrote its address; None when it has ended, even if another process has its number now."""
    try:
        process = psutil.Process(said["pid"])
        same = abs(process.create_time() - said["started"]) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE and MODULE in process.cmdline() else None
    except (KeyError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None  # whatever may not be looked at is not ours


def _ready() -> dict[str, Any] | None:
    file: Path = UP / READY
    try:
        said: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return said if supervisor(said) is not None else None
