"""`baton up`, `baton down` and `baton status`: the stack that stays between commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from local.aws.running import RunningAws
from local.connection import Connection
from local.deploy import read_outputs
from local.paths import CHECKOUT, STATE
from local.supervisor import READY

UP = STATE / "up"
_LOG = STATE / "up.log"
_START_SECONDS = 300
_STOP_SECONDS = 30


class NotUp(RuntimeError):
    """No stack runs; the text says how to start one."""


def up() -> dict[str, Any]:
    """Start the stack in the background, showing its progress, and return its addresses. Raises RuntimeError when it fails."""
    running = _ready()
    if running is not None:
        return running
    STATE.mkdir(exist_ok=True)
    with _LOG.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.supervisor", str(UP)],
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
                raise RuntimeError(f"the stack did not start; its log is {_LOG}")
            found = _ready()
            if found is not None:
                return found
            time.sleep(0.2)
        raise RuntimeError(f"the stack did not start within {_START_SECONDS} s; its log is {_LOG}")
    except BaseException:
        if process.poll() is None:
            process.terminate()
            process.wait(_STOP_SECONDS)
        raise


def down() -> bool:
    """Stop the stack and wait until it has ended; False when none was running."""
    running = _ready()
    if running is None:
        return False
    os.kill(running["pid"], signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < end:
        try:
            os.kill(running["pid"], 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    raise RuntimeError(f"process {running['pid']} did not stop within {_STOP_SECONDS} s")


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


def _ready() -> dict[str, Any] | None:
    file: Path = UP / READY
    try:
        said: dict[str, Any] = json.loads(file.read_text())
        os.kill(said["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return said
