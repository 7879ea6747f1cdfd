"""StopExecution ends the execution: its task waits no longer, nothing is retried or caught, its token is dead.

AWS: a stopped execution is ABORTED and does nothing more; SendTaskSuccess for its task answers TaskTimedOut.
MiniStack: the running state runs on. Its token still takes answers, its retries still invoke functions, its Catch
still leads to a handler when the timeout fires, and a late failure turns ABORTED into FAILED.
Baton: an execution that ended unexpectedly is found and replaced; a second one that still acts would be two
followers.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any

from ministack.services import stepfunctions as sfn

_running: ContextVar[dict[str, Any] | None] = ContextVar("execution whose state this thread runs", default=None)
_lock = threading.Lock()
# Execution ARN -> the tokens that its tasks wait for.
_waiting: dict[str, set[str]] = {}


class StoppedError(SystemExit):
    """Ends the thread of a stopped execution: no `except Exception` of the interpreter sees it, no trace is printed."""


def apply() -> None:
    """Wake the waiting task of a stopped execution and end its thread at the next step."""
    stop_execution = sfn._stop_execution
    fail_execution = sfn._fail_execution
    execute_task = sfn._execute_task
    invoke_with_callback = sfn._invoke_with_callback
    find_matching_retrier = sfn._find_matching_retrier

    def stop(data: dict[str, Any]) -> Any:
        response = stop_execution(data)
        with _lock:
            tokens = list(_waiting.get(data.get("executionArn", ""), ()))
        for token in tokens:
            task = sfn._task_tokens.get(token)
            if task is not None:
                task["error"] = {"Error": "ExecutionAborted", "Cause": ""}
                task["event"].set()
        return response

    def fail(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail_execution(execution, error, cause)

    def run_task(state: dict[str, Any], given: Any, execution: Any, context: dict[str, Any]) -> Any:
        reset = _running.set(execution)
        try:
            return execute_task(state, given, execution, context)
        finally:
            _running.reset(reset)

    def invoke(resource: str, given: Any, token: str, state: dict[str, Any]) -> Any:
        execution = _running.get()
        if execution is None:
            return invoke_with_callback(resource, given, token, state)
        arn = execution["executionArn"]
        with _lock:
            _waiting.setdefault(arn, set()).add(token)
        try:
            end_if_stopped()
            result = invoke_with_callback(resource, given, token, state)
        except sfn._ExecutionError:
            end_if_stopped()
            raise
        finally:
            with _lock:
                _waiting[arn].discard(token)
                if not _waiting[arn]:
                    del _waiting[arn]
        end_if_stopped()
        return result

    def retrier(retriers: Any, error: str, counts: Any) -> Any:
        end_if_stopped()
        found = find_matching_retrier(retriers, error, counts)
        # The delay may have been slept there.
        end_if_stopped()
        return found

    sfn._stop_execution = stop
    sfn._fail_execution = fail
    sfn._execute_task = run_task
    sfn._invoke_with_callback = invoke
    sfn._find_matching_retrier = retrier


def end_if_stopped() -> None:
    """End this thread if its execution was stopped. Raises StoppedError."""
    execution = _running.get()
    if execution is not None and execution["status"] == "ABORTED":
        raise StoppedError
