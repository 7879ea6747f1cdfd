"""Keeps the local stack running in the background between `baton up` and `baton down`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from local.stack import LocalStack
from statemachines.facilities import facilities

PID = "supervisor.pid"
READY = "ready.json"


def main(folder: Path) -> int:
    """Start everything, say that it is ready, and wait for SIGTERM."""
    enough = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: enough.set())
    with LocalStack(folder, facilities().values()) as stack:
        outputs = stack.connection.outputs
        ready = {
            "pid": os.getpid(),
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
        enough.wait()
        (folder / READY).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
