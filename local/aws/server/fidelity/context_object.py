"""The context object names the execution's role and how often it was redriven.

AWS: `$$.Execution` has Id, Input, Name, RoleArn, StartTime and RedriveCount (developer guide, "Context object";
recorded against AWS in LocalStack's `test_context_object`).
MiniStack: no RoleArn, no RedriveCount.
Baton: the shapes that its state machines may read are those of AWS, so that a path into them does not fail here only.
"""

from __future__ import annotations

from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    """Add them before a path of the context is read."""
    resolve_path_or_ctx = sfn._resolve_path_or_ctx
    resolve_ctx_path = sfn._resolve_ctx_path

    def path_or_context(path: str, data: Any, context: Any) -> Any:
        return resolve_path_or_ctx(path, data, complete(context))

    def context_path(path: str, context: Any) -> Any:
        return resolve_ctx_path(path, complete(context))

    sfn._resolve_path_or_ctx = path_or_context
    sfn._resolve_ctx_path = context_path


def complete(context: Any) -> Any:
    """`context` with the two fields."""
    execution = (context or {}).get("Execution")
    machine = sfn._state_machines.get((context or {}).get("StateMachine", {}).get("Id"))
    if execution is not None and machine is not None:
        execution.setdefault("RoleArn", machine["roleArn"])
        execution.setdefault("RedriveCount", 0)
    return context
