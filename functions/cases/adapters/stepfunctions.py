"""The executions port on Step Functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from functions.cases.ports import Signal

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_SPENT = frozenset({"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"})


class StepFunctions:
    """Executions of the workflows' state machines; one machine per published version, one execution per generation."""

    def __init__(self, client: SFNClient, machine_prefix: str) -> None:
        """``machine_prefix`` is the ARN of every machine up to its workflow's name."""
        self._client = client
        self._prefix = machine_prefix

    def _machine(self, workflow: str, version: int) -> str:
        return f"{self._prefix}{workflow}-v{version}"

    def _execution(self, workflow: str, version: int, case: str, generation: int) -> str:
        machine = self._machine(workflow, version)
        return f"{machine.replace(':stateMachine:', ':execution:')}:{name(case, generation)}"

    def start(self, workflow: str, version: int, case: str, generation: int, signal: Signal) -> None:
        """See Executions.start."""
        try:
            self._client.start_execution(
                stateMachineArn=self._machine(workflow, version), name=name(case, generation), input=json.dumps(signal)
            )
        except self._client.exceptions.ExecutionAlreadyExists:
            return  # a generation has one execution; its timeout differs by the seconds between two tries

    def succeed(self, token: str, signal: Signal) -> None:
        """See Executions.succeed."""
        try:
            self._client.send_task_success(taskToken=token, output=json.dumps(signal))
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in _SPENT:
                raise

    def status(self, workflow: str, version: int, case: str, generation: int) -> str | None:
        """See Executions.status."""
        try:
            return self._client.describe_execution(executionArn=self._execution(workflow, version, case, generation))[
                "status"
            ]
        except self._client.exceptions.ExecutionDoesNotExist:
            return None


def name(case: str, generation: int) -> str:
    """An execution's name: at most 80 characters, and never used twice."""
    return f"{case}-{generation}"
