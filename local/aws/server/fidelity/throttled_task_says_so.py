"""A task whose function is throttled fails with Lambda.TooManyRequestsException.

AWS: Lambda's own refusals reach the state machine under their names (developer guide, "Handle transient Lambda
service exceptions").
MiniStack: Lambda.Unknown.
Baton: tasks retry what Lambda refuses for a moment, by that name.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn

_invoking: ContextVar[bool] = ContextVar("whether this thread invokes a function for a task", default=False)


def apply() -> None:
    """Name the refusal where a task meets it; to others it is an HTTP response of its own."""
    call_lambda = sfn._call_lambda
    execute = lambda_svc._execute_function_with_config_scope

    def call(function: str, event: Any) -> Any:
        reset = _invoking.set(True)
        try:
            return call_lambda(function, event)
        finally:
            _invoking.reset(reset)

    def execute_and_name(function: Any, event: Any) -> Any:
        result = execute(function, event)
        if _invoking.get() and result.get("throttle"):
            said = result["body"]
            named = {"errorType": "Lambda.TooManyRequestsException", "errorMessage": said.get("message", "")}
            return {**result, "body": {**said, **named}}
        return result

    sfn._call_lambda = call
    lambda_svc._execute_function_with_config_scope = execute_and_name
