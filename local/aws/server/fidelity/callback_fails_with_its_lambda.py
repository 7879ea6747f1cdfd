"""A `.waitForTaskToken` task fails when the function that it invokes fails.

AWS: the error of the function is the error of the task, so Retry and Catch apply at once (Step Functions developer
guide, "Wait for a callback with the task token": the task's own call must succeed before it waits).
MiniStack: swallows the error and waits for a callback that nobody will make, until the timeout.
Baton: `follow` parks the token; if it cannot, the task is tried again instead of hanging until the deadline.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack.services import stepfunctions as sfn

_waiting: ContextVar[str | None] = ContextVar(
    "token of the callback task whose function is being invoked", default=None
)


def apply() -> None:
    """Answer the task's own token with the function's failure."""
    invoke_with_callback = sfn._invoke_with_callback
    call_lambda = sfn._call_lambda

    def invoke(resource: str, given: Any, token: str, state: dict[str, Any]) -> Any:
        reset = _waiting.set(token)
        try:
            return invoke_with_callback(resource, given, token, state)
        finally:
            _waiting.reset(reset)

    def call(function: str, event: Any) -> Any:
        try:
            return call_lambda(function, event)
        except sfn._ExecutionError as failure:
            task = sfn._task_tokens.get(_waiting.get())
            # A function that called back and then failed has completed its task.
            if task is not None and not task["event"].is_set():
                task["error"] = {"Error": failure.error, "Cause": failure.cause}
                task["event"].set()
            raise

    sfn._invoke_with_callback = invoke
    sfn._call_lambda = call
