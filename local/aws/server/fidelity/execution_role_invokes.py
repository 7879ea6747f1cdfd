"""A state machine invokes a function only where its role allows it.

AWS: without lambda:InvokeFunction the task fails with Lambda.AWSLambdaException, and the cause says who lacks what.
MiniStack: invokes any function, whatever the role of the state machine says.
Baton: the template's least-privilege roles are those that the embedded AWS runs under.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn

from local.aws.server import roles

_running: ContextVar[dict[str, Any] | None] = ContextVar("execution whose state this thread runs", default=None)


def apply() -> None:
    """Ask IAM before each invocation."""
    execute_task = sfn._execute_task
    call_lambda = sfn._call_lambda

    def run_task(state: dict[str, Any], given: Any, execution: Any, context: dict[str, Any]) -> Any:
        reset = _running.set(execution)
        try:
            return execute_task(state, given, execution, context)
        finally:
            _running.reset(reset)

    def call(function: str, event: Any) -> Any:
        refuse_unless_allowed(function)
        return call_lambda(function, event)

    sfn._execute_task = run_task
    sfn._call_lambda = call


def refuse_unless_allowed(function: str) -> None:
    """Raise MiniStack's execution error where the running execution's role may not invoke `function`."""
    execution = _running.get()
    machine = sfn._state_machines.get(execution["stateMachineArn"]) if execution else None
    if execution is None or machine is None:
        return
    arn = function if function.startswith("arn:") else lambda_svc._func_arn(function)
    why = roles.denied(machine["roleArn"], execution["name"], "lambda:InvokeFunction", arn)
    if why is not None:
        cause = f"{why} (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException)"
        raise sfn._ExecutionError("Lambda.AWSLambdaException", cause)
