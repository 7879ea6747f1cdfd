"""How much of this machine Lambda may take: a limit of the embedded AWS, not a behaviour of AWS.

AWS runs a function in as many sandboxes as there are invocations, up to a thousand. Here a sandbox is a process of
some 30 to 60 MB, so that a burst which starts many executions at once would take gigabytes. An invocation that finds
all of its function's sandboxes busy waits its turn instead; it is throttled, as on AWS, if that takes too long.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from ministack.services import lambda_svc

LONGEST_WAIT = 60.0


def apply(sandboxes: int) -> None:
    """Let at most `sandboxes` invocations of a function run at once."""
    execute_function_dispatch = lambda_svc._execute_function_dispatch
    turns: defaultdict[str, threading.BoundedSemaphore] = defaultdict(lambda: threading.BoundedSemaphore(sandboxes))
    making = threading.Lock()

    def dispatch(function: Any, config: dict[str, Any], event: Any, request_id: str, started: float) -> Any:
        with making:
            turn = turns[lambda_svc._inflight_key(config)]
        if not turn.acquire(timeout=LONGEST_WAIT):
            return lambda_svc._throttle_response(
                reason_code="ConcurrentInvocationLimitExceeded",
                msg=f"Rate Exceeded: all {sandboxes} sandboxes of {config.get('FunctionName')} stayed busy",
            )
        try:
            return execute_function_dispatch(function, config, event, request_id, started)
        finally:
            turn.release()

    lambda_svc._execute_function_dispatch = dispatch
