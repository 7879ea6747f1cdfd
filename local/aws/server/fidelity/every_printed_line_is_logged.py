"""All that a function prints during an invocation is in its log group, and is there when the invocation has ended.

AWS: each line of standard output and standard error becomes a log event.
MiniStack: takes what has arrived within some milliseconds; later lines appear with the next invocation, or never.
Baton: metrics are printed lines, and their counts are compared with the journal.
"""

from __future__ import annotations

import queue
import time
from typing import Any

from ministack.core import lambda_runtime

from local.aws.server import worker_script

# Written to standard error after the handler's last line, with the request's id.
MARK = "\x1e"
LONGEST_WAIT = 10.0


def apply() -> None:
    """Have the worker mark the end of its output, and read up to the mark."""
    worker_script.replace(
        "            result = handler_fn(event, context)\n",
        "            try:\n"
        "                result = handler_fn(event, context)\n"
        "            finally:\n"
        f"                print({MARK!r} + _ms_ctx.get('request_id', ''), file=sys.stderr, flush=True)\n",
    )
    invoke = lambda_runtime.Worker.invoke
    read_stderr = lambda_runtime.Worker._read_stderr

    def invoke_worker(worker: Any, event: Any, request_id: str, **invocation: Any) -> Any:
        worker._marked_request = request_id
        return invoke(worker, event, request_id, **invocation)

    def read(worker: Any) -> None:
        lines = worker._stderr_queue
        try:
            read_stderr(worker)
        finally:
            # The process ended: nothing more will come.
            lines.put(MARK)

    lambda_runtime.Worker.invoke = invoke_worker
    lambda_runtime.Worker._read_stderr = read
    lambda_runtime.Worker._drain_stderr_bounded = drain


def drain(worker: Any) -> str:
    """All lines up to the mark of the worker's present request, or to the end of its output."""
    lines: list[str] = []
    end = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            line = worker._stderr_queue.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        text, mark, request = line.partition(MARK)
        if text or not mark:
            lines.append(text)
        if mark and request in ("", worker._marked_request):
            break
    return "\n".join(lines)
