"""What Step Functions does with executions and task tokens, as Baton's state machines use it.

Allowed: that anything an execution does by itself comes late, and that DescribeExecution says for a moment what was before (AWS
Step Functions API reference). Not allowed: a token that two attempts share, an answer to an attempt that is over, or two
executions of one name in one machine.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import pytest
from botocore.exceptions import ClientError

from functions.cases.adapters.stepfunctions import StepFunctions, name

DONE = {"Type": "Succeed"}
IDS = {"visit": 1, "entry": 0, "transition": "T-01", "state": "wait"}
LONG = 60


class Asked(NamedTuple):
    """What a task that waits for a token told its function."""

    token: str
    attempt: int


class Behaviour(NamedTuple):
    """What the function does: raises LookupError so many times; ``answers``: it uses its token before it comes to its end."""

    raises: int = 0
    answers: bool = False


class Function:
    """The function, in this process."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.asks = 0
        self.behaviour = Behaviour()
        self.client: Any = None

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What it returns. Raises LookupError when it is told to."""
        if payload["action"] == "park":
            self.asks += 1
            self.asked.append(Asked(payload["token"], payload["attempt"]))
        if self.behaviour.raises:
            self.behaviour = self.behaviour._replace(raises=self.behaviour.raises - 1)
            if self.behaviour.answers:
                self.client.send_task_success(taskToken=payload["token"], output=json.dumps({**IDS, "timeout": LONG}))
            raise LookupError("no such case")
        return {**IDS, "visit": payload.get("visit", 0) + 1, "timeout": LONG}


class Service(Protocol):
    """Step Functions, and the function that its tasks invoke."""

    client: Any
    """boto3's client, or what stands in its place."""

    def publish(self, states: dict[str, Any]) -> str:
        """The ARN of a new machine that begins with the first of the states. Its name ends in -v1."""

    def function_name(self) -> str:
        """The function's name in the definition of a machine."""

    def behave(self, behaviour: Behaviour) -> None:
        """Let the function behave so from now on; until told, it notes what it is asked and answers nothing."""

    def asked(self) -> Asked:
        """What the next attempt told the function; the earliest that was not looked at."""

    def asks(self) -> int:
        """How many attempts have told the function anything so far."""

    def ended(self, execution: str) -> tuple[str, list[str]]:
        """How an execution ended, when it has, and which states it entered."""


_names = (f"contract-{time.time_ns()}-{number}" for number in itertools.count())


def retry(attempts: int, *errors: str) -> dict[str, Any]:
    """A retrier that does not wait for long."""
    names = list(errors or ("States.TaskFailed",))
    steady = {"IntervalSeconds": 1, "BackoffRate": 1, "MaxDelaySeconds": 1}
    return {"ErrorEquals": names, "MaxAttempts": attempts, **steady}


def catch(to: str, *errors: str) -> dict[str, Any]:
    """A catcher that keeps the data."""
    return {"ErrorEquals": list(errors or ("States.ALL",)), "ResultPath": None, "Next": to}


class _Driven:
    """What the tests have in common."""

    @staticmethod
    def wait(service: Service, **more: Any) -> dict[str, Any]:
        """A task that waits for a token, as the compiler writes it."""
        payload = {"action": "park", "token.$": "$$.Task.Token", "attempt.$": "$$.State.RetryCount"}
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": service.function_name(), "Payload": payload},
            "TimeoutSecondsPath": "$.timeout",
            "Next": "Done",
            **more,
        }

    @staticmethod
    def call(service: Service, **more: Any) -> dict[str, Any]:
        """A task that goes on with what its function returns: what it was given, at the next visit."""
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {
                "FunctionName": service.function_name(),
                "Payload": {"action": "work", "visit.$": "$.visit"},
            },
            "OutputPath": "$.Payload",
            "TimeoutSeconds": LONG,
            "Next": "Done",
            **more,
        }

    @staticmethod
    def begin(service: Service, machine: str, *, timeout: int = LONG, name: str | None = None) -> str:
        """The ARN of a new execution."""
        given = json.dumps({**IDS, "timeout": timeout})
        started = service.client.start_execution(stateMachineArn=machine, name=name or next(_names), input=given)
        return str(started["executionArn"])

    def waiting(self, service: Service, *, timeout: int = LONG, **more: Any) -> str:
        """The ARN of a new execution of a machine that waits once."""
        states = {"Wait": self.wait(service, **more), "Late": DONE, "Broken": DONE, "Done": DONE}
        return self.begin(service, service.publish(states), timeout=timeout)

    @staticmethod
    def answer(service: Service, token: str, **more: Any) -> str:
        """OK, or the error's code."""
        output = json.dumps({**IDS, "visit": 2, "timeout": LONG, **more})
        try:
            service.client.send_task_success(taskToken=token, output=output)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "OK"


class StartContract(_Driven):
    """StartExecution and DescribeExecution."""

    def test_a_name_with_the_same_input_is_the_execution_that_runs(self, service: Service) -> None:
        machine, name = service.publish({"Wait": self.wait(service), "Done": DONE}), next(_names)
        execution = self.begin(service, machine, name=name)
        assert self.begin(service, machine, name=name) == execution
        token, _ = service.asked()
        assert self.answer(service, token) == "OK"
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Done"])

    def test_a_name_with_another_input_is_refused(self, service: Service) -> None:
        machine, name = service.publish({"Wait": self.wait(service), "Done": DONE}), next(_names)
        self.begin(service, machine, name=name)
        with pytest.raises(service.client.exceptions.ExecutionAlreadyExists):
            self.begin(service, machine, name=name, timeout=LONG - 1)

    def test_the_name_of_an_execution_that_ended_is_not_used_again(self, service: Service) -> None:
        machine, name = service.publish({"Done": DONE}), next(_names)
        assert service.ended(self.begin(service, machine, name=name))[0] == "SUCCEEDED"
        with pytest.raises(service.client.exceptions.ExecutionAlreadyExists):
            self.begin(service, machine, name=name)

    def test_a_name_belongs_to_its_machine(self, service: Service) -> None:
        one, other = (service.publish({"Wait": self.wait(service), "Done": DONE}) for _ in range(2))
        name = next(_names)
        executions = {self.begin(service, one, name=name), self.begin(service, other, name=name)}
        assert len(executions) == 2
        first, second = service.asked(), service.asked()
        assert first.token != second.token
        assert self.answer(service, first.token) == self.answer(service, second.token) == "OK"
        assert {service.ended(execution)[0] for execution in executions} == {"SUCCEEDED"}

    def test_what_was_never_there_is_said_not_to_exist(self, service: Service) -> None:
        machine = service.publish({"Done": DONE})
        with pytest.raises(service.client.exceptions.ExecutionDoesNotExist):
            service.client.describe_execution(executionArn=machine.replace(":stateMachine:", ":execution:") + ":nobody")
        with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
            self.begin(service, machine.removesuffix("-v1") + "-v2")

    def test_an_execution_runs_until_it_has_ended(self, service: Service) -> None:
        execution = self.waiting(service)
        service.asked()
        assert service.client.describe_execution(executionArn=execution)["status"] == "RUNNING"

    def test_an_execution_that_is_stopped_does_nothing_more(self, service: Service) -> None:
        execution = self.waiting(service, Catch=[catch("Late")])
        token, _ = service.asked()
        service.client.stop_execution(executionArn=execution)
        assert service.ended(execution) == ("ABORTED", ["Wait"])
        assert self.answer(service, token) == "TaskTimedOut"


class TokenContract(_Driven):
    """Tasks that wait for a token. A token is good for one answer while its own attempt waits.

    The embedded AWS tells a spent token (TaskTimedOut) from one that never was (InvalidToken) by a wrapper; without it, it
    answers TaskDoesNotExist to both.
    """

    def test_a_token_wakes_its_attempt_once(self, service: Service) -> None:
        execution = self.waiting(service)
        token, attempt = service.asked()
        assert attempt == 0
        assert self.answer(service, token) == "OK"
        assert self.answer(service, token) == "TaskTimedOut"
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Done"])
        assert self.answer(service, token) == "TaskTimedOut"

    @pytest.mark.parametrize("token", ["nobody's", "token-4711", "contract/1"])
    def test_a_token_that_nobody_was_given_is_invalid(self, service: Service, token: str) -> None:
        assert self.answer(service, token) == "InvalidToken"

    def test_what_is_answered_is_what_the_execution_goes_on_with(self, service: Service) -> None:
        taken = {"Variable": "$.transition", "StringEquals": "T-02", "Next": "Second"}
        after = {"Type": "Choice", "Choices": [taken], "Default": "Unknown"}
        states = {
            "First": self.wait(service, Next="After"),
            "After": after,
            "Second": self.wait(service),
            "Unknown": {"Type": "Fail", "Error": "UnknownTransition"},
            "Done": DONE,
        }
        machine = service.publish(states)
        execution = self.begin(service, machine)
        first = service.asked().token
        assert self.answer(service, first, transition="T-02") == "OK"
        second = service.asked().token
        assert first != second
        assert self.answer(service, first) == "TaskTimedOut"
        assert self.answer(service, second) == "OK"
        status, entered = service.ended(execution)
        assert (status, [state for state in entered if state != "After"]) == ("SUCCEEDED", ["First", "Second", "Done"])
        unknown = self.begin(service, machine)
        assert self.answer(service, service.asked().token, transition="T-99") == "OK"
        assert service.ended(unknown)[0] == "FAILED"

    def test_a_task_that_is_tried_again_has_a_new_token_and_the_old_one_is_dead(self, service: Service) -> None:
        service.behave(Behaviour(raises=1))
        execution = self.waiting(service, Retry=[retry(2)])
        first, second = service.asked(), service.asked()
        assert (first.attempt, second.attempt) == (0, 1)
        assert first.token != second.token
        assert self.answer(service, first.token) == "TaskTimedOut"
        assert service.client.describe_execution(executionArn=execution)["status"] == "RUNNING"
        assert self.answer(service, second.token) == "OK"
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Done"])

    def test_a_function_that_answered_before_it_failed_has_answered(self, service: Service) -> None:
        service.behave(Behaviour(raises=1, answers=True))
        execution = self.waiting(service, Retry=[retry(2)], Catch=[catch("Broken")])
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Done"])
        assert service.asks() == 1
        assert self.answer(service, service.asked().token) == "TaskTimedOut"

    def test_a_deadline_is_caught_and_not_tried_again(self, service: Service) -> None:
        """States.TaskFailed stands for every error but States.Timeout (AWS Step Functions developer guide)."""
        execution = self.waiting(service, timeout=1, Retry=[retry(5)], Catch=[catch("Late")])
        token, _ = service.asked()
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Late"])
        assert service.asks() == 1
        assert self.answer(service, token) == "TaskTimedOut"

    def test_a_deadline_that_is_tried_again_has_a_new_token_and_all_its_time(self, service: Service) -> None:
        again, caught = [retry(1, "States.Timeout")], [catch("Broken", "States.TaskFailed"), catch("Late")]
        execution = self.waiting(service, timeout=1, Retry=again, Catch=caught)
        first, second = service.asked(), service.asked()
        assert (first.attempt, second.attempt) == (0, 1)
        assert first.token != second.token
        assert self.answer(service, first.token) == "TaskTimedOut"
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Late"])
        assert service.asks() == 2
        assert self.answer(service, second.token) == "TaskTimedOut"

    def test_what_is_tried_often_enough_is_caught(self, service: Service) -> None:
        service.behave(Behaviour(raises=3))
        execution = self.waiting(service, Retry=[retry(2)], Catch=[catch("Broken")])
        asked = [service.asked() for _ in range(3)]
        assert [each.attempt for each in asked] == [0, 1, 2]
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Broken"])
        assert service.asks() == 3
        assert {self.answer(service, each.token) for each in asked} == {"TaskTimedOut"}

    def test_what_nothing_catches_ends_the_execution(self, service: Service) -> None:
        service.behave(Behaviour(raises=1))
        execution = self.waiting(service, Catch=[catch("Late", "States.Timeout")])
        token, _ = service.asked()
        assert service.ended(execution) == ("FAILED", ["Wait"])
        assert self.answer(service, token) == "TaskTimedOut"

    def test_an_error_is_known_by_its_class(self, service: Service) -> None:
        service.behave(Behaviour(raises=1))
        catchers = [catch("Late", "KeyError", "States.Timeout"), catch("Broken", "LookupError"), catch("Late")]
        execution = self.waiting(service, Catch=catchers)
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Broken"])

    def test_each_retrier_counts_its_own_errors(self, service: Service) -> None:
        service.behave(Behaviour(raises=1))
        again = [retry(1, "LookupError"), retry(1, "States.Timeout")]
        execution = self.waiting(service, timeout=1, Retry=again, Catch=[catch("Late")])
        assert [service.asked().attempt for _ in range(3)] == [0, 1, 2]
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Late"])


class StepContract(_Driven):
    """Tasks that go on with what their function returns."""

    def stepping(self, service: Service, **more: Any) -> str:
        """The ARN of a new execution of a machine with one step, and a wait by which to see what it came to."""
        states = {"Step": self.call(service, **more), "Broken": DONE, "Done": DONE}
        return self.begin(service, service.publish(states))

    def test_a_step_goes_on_when_its_function_has_returned(self, service: Service) -> None:
        assert service.ended(self.stepping(service)) == ("SUCCEEDED", ["Step", "Done"])

    def test_a_step_that_fails_is_tried_again(self, service: Service) -> None:
        service.behave(Behaviour(raises=2))
        execution = self.stepping(service, Retry=[retry(2, "States.ALL")], Catch=[catch("Broken")])
        assert service.ended(execution) == ("SUCCEEDED", ["Step", "Done"])

    def test_a_step_that_fails_each_time_is_caught(self, service: Service) -> None:
        service.behave(Behaviour(raises=3))
        execution = self.stepping(service, Retry=[retry(2, "States.ALL")], Catch=[catch("Broken")])
        assert service.ended(execution) == ("SUCCEEDED", ["Step", "Broken"])


class PortContract(_Driven):
    """The port on Step Functions through its adapter: what is harmless is harmless on each service."""

    def test_a_generation_is_started_once_and_its_status_is_known(self, service: Service) -> None:
        machine = service.publish({"Wait": self.wait(service), "Done": DONE})
        prefix, _, named = machine.rpartition(":")
        workflow, case = named.removesuffix("-v1"), next(_names)
        executions = StepFunctions(service.client, f"{prefix}:")
        signal = {**IDS, "timeout": LONG}
        assert executions.status(workflow, 1, case, 1) is None
        executions.start(workflow, 1, case, 1, signal)
        executions.start(workflow, 1, case, 1, signal)
        executions.start(workflow, 1, case, 1, {**signal, "timeout": LONG - 1})
        token, _ = service.asked()
        assert executions.status(workflow, 1, case, 1) == "RUNNING"
        executions.succeed(token, signal)
        executions.succeed(token, signal)
        executions.succeed("nobody's", signal)
        execution = f"{machine.replace(':stateMachine:', ':execution:')}:{name(case, 1)}"
        assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Done"])
        assert executions.status(workflow, 1, case, 1) == "SUCCEEDED"
        executions.start(workflow, 1, case, 1, signal)
        assert executions.status(workflow, 1, case, 2) is None
