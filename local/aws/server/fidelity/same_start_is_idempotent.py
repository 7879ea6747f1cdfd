"""StartExecution with the name and the input of a running execution is that execution.

AWS: "If StartExecution is called with the same name and input as a running execution, the call succeeds and return
the same response as the original request" (API reference); another input, or a closed execution, is
ExecutionAlreadyExists.
MiniStack: ExecutionAlreadyExists in every case.
Baton: `settle` starts the execution of a case after every commit and on every redelivery.
"""

from __future__ import annotations

from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    """Answer with the running execution where there is one."""
    start_execution = sfn._start_execution

    def start(data: dict[str, Any]) -> Any:
        running = same(data)
        if running is None:
            return start_execution(data)
        return sfn.json_response({"executionArn": running["executionArn"], "startDate": running["startDate"]})

    sfn._start_execution = start


def same(data: dict[str, Any]) -> dict[str, Any] | None:
    """The running execution that has this name and input, if any."""
    machine = sfn._resolve_state_machine_arn(data.get("stateMachineArn", "").split("#")[0])
    if machine is None or not data.get("name"):
        return None
    arn = machine.replace(":stateMachine:", ":execution:") + ":" + data["name"]
    execution: dict[str, Any] | None = sfn._executions.get(arn)
    if execution is None or execution["status"] != "RUNNING" or execution["input"] != data.get("input", "{}"):
        return None
    return execution
