"""The executions port on Step Functions: what is harmless there is harmless here, and everything else is a fault."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.cases.adapters.stepfunctions import StepFunctions, name
from tests.support.aws import REGION, forget_everything

PREFIX = f"arn:aws:states:{REGION}:123456789012:stateMachine:baton-"
CASE = "0123456789abcdef0123456789abcdef"
SIGNAL = {
    "case": CASE,
    "generation": 1,
    "visit": 1,
    "entry": 0,
    "transition": "T-01",
    "state": "ordered",
    "timeout": 60,
}


@pytest.fixture
def client(aws: None) -> Any:  # noqa: ARG001 - it must be there first
    forget_everything()
    made = boto3.client("stepfunctions")
    made.create_state_machine(
        name="baton-oxygen-v1",
        roleArn="arn:aws:iam::123456789012:role/machines",
        definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
    )
    return made


@pytest.fixture
def executions(client: Any) -> StepFunctions:
    return StepFunctions(client, PREFIX)


def test_an_execution_is_started_once_per_generation(client: Any, executions: StepFunctions) -> None:
    executions.start("oxygen", 1, CASE, 1, SIGNAL)
    executions.start("oxygen", 1, CASE, 1, SIGNAL)
    executions.start("oxygen", 1, CASE, 1, {**SIGNAL, "timeout": 59})
    executions.start("oxygen", 1, CASE, 2, {**SIGNAL, "generation": 2})
    found = client.list_executions(stateMachineArn=PREFIX + "oxygen-v1")["executions"]
    assert sorted(e["name"] for e in found) == [f"{CASE}-1", f"{CASE}-2"]
    first = next(e for e in found if e["name"] == f"{CASE}-1")
    assert json.loads(client.describe_execution(executionArn=first["executionArn"])["input"]) == SIGNAL


def test_a_version_that_is_not_deployed_is_a_fault(executions: StepFunctions) -> None:
    with pytest.raises(ClientError):
        executions.start("oxygen", 2, CASE, 1, SIGNAL)


def test_the_status_of_an_execution(client: Any, executions: StepFunctions) -> None:
    assert executions.status("oxygen", 1, CASE, 1) is None
    executions.start("oxygen", 1, CASE, 1, SIGNAL)
    assert executions.status("oxygen", 1, CASE, 1) == "RUNNING"
    (execution,) = client.list_executions(stateMachineArn=PREFIX + "oxygen-v1")["executions"]
    client.stop_execution(executionArn=execution["executionArn"])
    assert executions.status("oxygen", 1, CASE, 1) == "ABORTED"


def test_a_name_is_unique_and_short_enough() -> None:
    """At most 80 characters (AWS Step Functions API reference, StartExecution)."""
    assert name(CASE, 1) != name(CASE, 11)
    assert len(name(CASE, 9999)) <= 80


class Answering:
    """A client whose every answer is one error."""

    class exceptions:  # noqa: N801 - as boto3 calls it
        ClientError = ClientError
        ExecutionAlreadyExists = type("ExecutionAlreadyExists", (ClientError,), {})
        ExecutionDoesNotExist = type("ExecutionDoesNotExist", (ClientError,), {})

    def __init__(self, code: str) -> None:
        self._code = code

    def send_task_success(self, **_: object) -> None:
        raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "SendTaskSuccess")


@pytest.mark.parametrize("code", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
def test_a_token_that_is_spent_is_harmless(code: str) -> None:
    client: Any = Answering(code)
    StepFunctions(client, PREFIX).succeed("token", SIGNAL)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InvalidOutput"])
def test_any_other_answer_to_a_signal_is_a_fault(code: str) -> None:
    client: Any = Answering(code)
    with pytest.raises(ClientError, match=code):
        StepFunctions(client, PREFIX).succeed("token", SIGNAL)
