"""Keeps the local stack running in the background between `baton up` and `baton down`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import psutil

from local.stack import LocalStack
from statemachines.facilities import facilities

MODULE = "local.supervisor"
READY = "ready.json"
_LOOK_SECONDS = 1.0


def main(folder: Path) -> int:
    """Start everything, say that it is ready, and wait for SIGTERM; 1 when one of the servers ended before that."""
    enough = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: enough.set())
    with LocalStack(folder, facilities().values()) as stack:
        outputs = stack.connection.outputs
        ready = {
            "pid": os.getpid(),
            "started": psutil.Process().create_time(),
            "aws_endpoint": stack.aws.endpoint,
            "aws_port": stack.aws.port,
            "aws_pid": stack.aws.pid,
            "emr": stack.emr.base_url,
            "bus": outputs.bus,
            "table": outputs.table,
        }
        part = folder / (READY + ".part")
        part.write_text(json.dumps(ready, indent=2) + "\n")
        part.replace(folder / READY)
        try:
            return wait(stack, enough)
        finally:
            (folder / READY).unlink()


def wait(stack: LocalStack, enough: threading.Event, look_seconds: float = _LOOK_SECONDS) -> int:
    """Wait until it is enough, then 0; or until a server has ended by itself, then 1: half a stack helps nobody."""
    while not enough.wait(look_seconds):
        ended = [name for name, server in (("AWS", stack.aws), ("EMR", stack.emr)) if server.pid is None]
        if ended:
            print(f"the embedded {' and '.join(ended)} ended by itself; so the stack ends", file=sys.stderr, flush=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
