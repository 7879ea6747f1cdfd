"""The timeout of a task can come from its input: `TimeoutSecondsPath`.

AWS: the path is read from the state's input and must select a positive whole number; where it does not, the execution
fails with States.Runtime, which nothing catches (Amazon States Language, Task State; recorded against AWS in
LocalStack's `test_fixed_timeout_service_lambda_with_path` and `test_invalid_jsonpath`).
MiniStack: reads only the literal `TimeoutSeconds`, and waits 99,999 s without one.
Baton: every deadline is absolute, so a wait is given the seconds that are left.
"""

from __future__ import annotations

from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    """Turn the path into the literal that MiniStack reads."""
    execute_task = sfn._execute_task

    def execute_task_with_path(state: dict[str, Any], given: Any, execution: Any, context: dict[str, Any]) -> Any:
        path = state.get("TimeoutSecondsPath")
        if path is not None:
            state = {**state, "TimeoutSeconds": seconds(path, given, context)}
        return execute_task(state, given, execution, context)

    sfn._execute_task = execute_task_with_path


def seconds(path: str, given: Any, context: dict[str, Any]) -> int:
    """The seconds that `path` selects. Raises MiniStack's execution error with States.Runtime."""
    value = sfn._resolve_path_or_ctx(path, given, context)
    where = f"An error occurred while executing the state '{context['State']['Name']}'. "
    if value is None:
        raise sfn._ExecutionError("States.Runtime", f"{where}Invalid path '{path}' : No results for path: {path}")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise sfn._ExecutionError(
            "States.Runtime",
            f'{where}The TimeoutSecondsPath field refers to value "{value}" which is not a valid integer: {path}',
        )
    return value
