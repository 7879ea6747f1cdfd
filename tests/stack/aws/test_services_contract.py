"""What the simulation takes for granted of Step Functions and SQS. The same tests run against its own services, in memory and on
virtual time, and against the embedded AWS, so that what holds in ten thousand simulated runs holds there."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError

from local.aws.embedded import EmbeddedAws
from tests.simulation.clock import Clock
from tests.simulation.dice import Dice
from tests.simulation.executions import StepFunctions
from tests.simulation.queues import FifoQueue, Message, Queue
from tests.stack.aws import support

pytestmark = pytest.mark.stack

DONE = {"Type": "Succeed"}
SPENT = {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"}
IDS = {"visit": 1, "transition": "T-01"}


class Service(Protocol):
    """Step Functions with one state machine, and whoever is asked by its tasks that wait for a token."""

    client: Any

    def publish(self, states: dict[str, Any]) -> str:
        """The ARN of a machine that begins with the first of the states."""

    def wait(self, **more: Any) -> dict[str, Any]:
        """A task that waits for a token."""

    def asked(self) -> tuple[str, int]:
        """Token and number of the next attempt that asks."""

    def ended(self, execution: str) -> tuple[str, list[str]]:
        """How an execution ended, and which tasks it entered."""


class Simulated:
    """The simulation's Step Functions on virtual time."""

    def __init__(self) -> None:
        self.clock = Clock(0.0, Dice(0, {}))
        self._machines: dict[str, Any] = {}
        self._states: dict[str, frozenset[str]] = {}
        self._asked: list[tuple[str, int]] = []
        self.client: Any = StepFunctions(self.clock, self._states, self._machines, self._invoke, lambda _: None)

    def _invoke(self, _: str, payload: Any) -> None:
        self._asked.append((payload["token"], payload["attempt"]))

    def publish(self, states: dict[str, Any]) -> str:
        name = f"machine-{len(self._machines)}"
        self._machines[name] = {"StartAt": next(iter(states)), "States": states}
        self._states[name] = frozenset(states)
        return f"arn:aws:states:here:0:stateMachine:{name}"

    def wait(self, **more: Any) -> dict[str, Any]:
        payload = {"action": "park", "token.$": "$$.Task.Token", "attempt.$": "$$.State.RetryCount"}
        resource = "arn:aws:states:::lambda:invoke.waitForTaskToken"
        parameters = {"FunctionName": "follow", "Payload": payload}
        return {
            "Type": "Task",
            "Resource": resource,
            "Parameters": parameters,
            "TimeoutSecondsPath": "$.timeout",
            **more,
        }

    def asked(self) -> tuple[str, int]:
        while not self._asked:
            self.clock.step()
        return self._asked.pop(0)

    def ended(self, execution: str) -> tuple[str, list[str]]:
        found = self.client.executions[execution]
        while found.status == "RUNNING":
            self.clock.step()
        return found.status, [entered.state for entered in found.path]


class Embedded:
    """Step Functions of the embedded AWS."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._aws, self._url = aws, support.queue(aws)
        self.client: Any = aws.client("stepfunctions")

    def publish(self, states: dict[str, Any]) -> str:
        return support.machine(self._aws, states)

    def wait(self, **more: Any) -> dict[str, Any]:
        body = {"token.$": "$$.Task.Token", "attempt.$": "$$.State.RetryCount"}
        resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
        parameters = {"QueueUrl": self._url, "MessageBody": body}
        return {
            "Type": "Task",
            "Resource": resource,
            "Parameters": parameters,
            "TimeoutSecondsPath": "$.timeout",
            **more,
        }

    def asked(self) -> tuple[str, int]:
        body = json.loads(support.receive(self._aws, self._url)["Body"])
        return body["token"], int(body["attempt"])

    def ended(self, execution: str) -> tuple[str, list[str]]:
        return support.ended(self._aws, execution)["status"], support.entered(self._aws, execution)


@pytest.fixture(params=["simulated", "embedded"])
def service(request: pytest.FixtureRequest) -> Service:
    """Each Step Functions in turn."""
    return Simulated() if request.param == "simulated" else Embedded(request.getfixturevalue("whole"))


_names = (f"contract-{time.time_ns()}-{number}" for number in itertools.count())


def begin(service: Service, machine: str, *, timeout: int = 60, name: str | None = None) -> str:
    """The ARN of a new execution."""
    given = json.dumps({**IDS, "timeout": timeout})
    started = service.client.start_execution(stateMachineArn=machine, name=name or next(_names), input=given)
    return str(started["executionArn"])


def answer(call: Callable[..., Any], **arguments: Any) -> str:
    """OK, or the error's code."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "OK"


def output() -> str:
    return json.dumps({**IDS, "visit": 2, "timeout": 60})


def test_a_name_starts_one_execution(service: Service) -> None:
    machine, name = service.publish({"Wait": service.wait(Next="Done"), "Done": DONE}), next(_names)
    assert begin(service, machine, name=name) == begin(service, machine, name=name)
    with pytest.raises(service.client.exceptions.ExecutionAlreadyExists):
        begin(service, machine, name=name, timeout=59)


def test_an_execution_that_was_never_started_does_not_exist(service: Service) -> None:
    machine = service.publish({"Done": DONE})
    unknown = machine.replace(":stateMachine:", ":execution:") + ":nobody"
    with pytest.raises(service.client.exceptions.ExecutionDoesNotExist):
        service.client.describe_execution(executionArn=unknown)


def test_a_token_wakes_its_attempt_once(service: Service) -> None:
    execution = begin(service, service.publish({"Wait": service.wait(Next="Done"), "Done": DONE}))
    token, attempt = service.asked()
    assert attempt == 0
    assert service.client.describe_execution(executionArn=execution)["status"] == "RUNNING"
    assert answer(service.client.send_task_success, taskToken=token, output=output()) == "OK"
    assert answer(service.client.send_task_success, taskToken=token, output=output()) in SPENT
    assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Done"])
    assert answer(service.client.send_task_success, taskToken=token, output=output()) in SPENT


def test_a_token_that_nobody_gave_is_refused(service: Service) -> None:
    assert answer(service.client.send_task_success, taskToken="nobody's", output=output()) in SPENT


def test_a_retried_task_has_a_new_token_and_the_old_one_is_dead(service: Service) -> None:
    again = [
        {
            "ErrorEquals": ["States.TaskFailed"],
            "IntervalSeconds": 1,
            "BackoffRate": 1,
            "MaxDelaySeconds": 1,
            "MaxAttempts": 1,
        }
    ]
    execution = begin(service, service.publish({"Wait": service.wait(Next="Done", Retry=again), "Done": DONE}))
    first, _ = service.asked()
    assert answer(service.client.send_task_failure, taskToken=first, error="Broken", cause="") == "OK"
    second, attempt = service.asked()
    assert (attempt, second != first) == (1, True)
    assert answer(service.client.send_task_success, taskToken=first, output=output()) in SPENT
    assert service.client.describe_execution(executionArn=execution)["status"] == "RUNNING"
    assert answer(service.client.send_task_success, taskToken=second, output=output()) == "OK"
    assert service.ended(execution)[0] == "SUCCEEDED"


def test_a_deadline_is_caught_and_not_retried(service: Service) -> None:
    again = [
        {
            "ErrorEquals": ["States.TaskFailed"],
            "IntervalSeconds": 1,
            "BackoffRate": 1,
            "MaxDelaySeconds": 1,
            "MaxAttempts": 5,
        }
    ]
    late = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Late"}]
    states = {"Wait": service.wait(Next="Done", Retry=again, Catch=late), "Late": DONE, "Done": DONE}
    execution = begin(service, service.publish(states), timeout=1)
    token, _ = service.asked()
    assert service.ended(execution) == ("SUCCEEDED", ["Wait", "Late"])
    assert answer(service.client.send_task_success, taskToken=token, output=output()) in SPENT


def test_a_failure_that_nothing_catches_ends_the_execution(service: Service) -> None:
    execution = begin(service, service.publish({"Wait": service.wait(Next="Done"), "Done": DONE}))
    token, _ = service.asked()
    assert answer(service.client.send_task_failure, taskToken=token, error="Broken", cause="") == "OK"
    assert service.ended(execution)[0] == "FAILED"
    assert answer(service.client.send_task_success, taskToken=token, output=output()) in SPENT


# ── queues ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

Fails = Callable[[str, int], bool]
"""Whether a message fails when it is received for the nth time."""


class Letters(Protocol):
    """A queue, its dead letters after three receives, and whoever works it off."""

    def send(self, body: str, group: str = "", once: str = "") -> None:
        """Put a message in."""

    def work(self, fails: Fails, received: int) -> list[str]:
        """Work off until so many were received; their bodies in order."""

    def dead(self) -> list[str]:
        """The dead letters."""

    def redrive(self) -> None:
        """Send the dead letters through again."""


class SimulatedLetters:
    """The simulation's queue."""

    def __init__(self, *, fifo: bool) -> None:
        self._clock = Clock(0.0, Dice(0, {}))
        kind = FifoQueue if fifo else Queue
        self._queue = kind("letters", self._clock, self._take, visibility=1, receives=3)
        self._seen: list[str] = []
        self._fails: Fails = lambda _, __: False

    def _take(self, batch: list[Message]) -> set[int]:
        done = set()
        for message in batch:
            self._seen.append(message.body)
            if self._fails(message.body, message.received):
                if message.group:
                    break
            else:
                done.add(message.number)
        return done

    def send(self, body: str, group: str = "", once: str = "") -> None:
        if isinstance(self._queue, FifoQueue):
            self._queue.send_once(group, once, body)
        else:
            self._queue.send(body, body)

    def work(self, fails: Fails, received: int) -> list[str]:
        self._seen, self._fails = [], fails
        while len(self._seen) < received or (self._clock.next_at() or 1e9) < self._clock.now + 3:
            self._clock.step()
        return self._seen

    def dead(self) -> list[str]:
        return [letter.body for letter in self._queue.dead]

    def redrive(self) -> None:
        self._queue.redrive()


class EmbeddedLetters:
    """A queue of the embedded AWS, worked off as an event source mapping does."""

    def __init__(self, aws: EmbeddedAws, *, fifo: bool) -> None:
        self._aws, self._sqs = aws, aws.client("sqs")
        kind = {"FifoQueue": "true"} if fifo else {}
        self._dead = support.queue(aws, **kind)
        policy = json.dumps({"deadLetterTargetArn": support.queue_arn(self._dead), "maxReceiveCount": "3"})
        self._url = support.queue(aws, VisibilityTimeout="1", RedrivePolicy=policy, **kind)

    def send(self, body: str, group: str = "", once: str = "") -> None:
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": once} if group else {}
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body, **fifo)

    def work(self, fails: Fails, received: int) -> list[str]:
        seen: list[str] = []
        quiet_since = time.monotonic()
        while len(seen) < received or time.monotonic() - quiet_since < 2.5:
            assert time.monotonic() - quiet_since < support.Patience.seconds, seen
            found = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, AttributeNames=["All"], WaitTimeSeconds=1
            )
            failed: set[str] = set()
            for message in found.get("Messages", []):
                quiet_since = time.monotonic()
                group = message["Attributes"].get("MessageGroupId", "")
                if group in failed:
                    continue
                seen.append(message["Body"])
                if fails(message["Body"], int(message["Attributes"]["ApproximateReceiveCount"])):
                    if group:
                        failed.add(group)
                else:
                    self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return seen

    def dead(self) -> list[str]:
        found = self._sqs.receive_message(QueueUrl=self._dead, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in found.get("Messages", [])]

    def redrive(self) -> None:
        found = self._sqs.receive_message(QueueUrl=self._dead, MaxNumberOfMessages=10)
        for message in found.get("Messages", []):
            self._sqs.send_message(QueueUrl=self._url, MessageBody=message["Body"])
            self._sqs.delete_message(QueueUrl=self._dead, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture(params=["simulated", "embedded"])
def letters(request: pytest.FixtureRequest) -> Callable[[bool], Letters]:
    """Makes a queue, FIFO or not, of each kind in turn."""
    if request.param == "simulated":
        return lambda fifo: SimulatedLetters(fifo=fifo)
    aws = request.getfixturevalue("whole")
    return lambda fifo: EmbeddedLetters(aws, fifo=fifo)


Make = Callable[[bool], Letters]


def test_a_message_that_fails_is_delivered_again(letters: Make) -> None:
    queue = letters(False)
    queue.send("a")
    queue.send("b")
    seen = queue.work(lambda body, times: body == "a" and times < 3, 4)
    assert sorted(seen) == ["a", "a", "a", "b"]
    assert queue.dead() == []


def test_a_message_that_always_fails_is_a_dead_letter_and_can_be_redriven(letters: Make) -> None:
    queue = letters(False)
    queue.send("a")
    assert queue.work(lambda _, __: True, 3) == ["a", "a", "a"]
    assert queue.dead() == ["a"]
    queue.redrive()
    assert queue.work(lambda _, __: False, 1) == ["a"]
    assert queue.dead() == []


def test_a_fifo_queue_takes_an_id_once(letters: Make) -> None:
    queue = letters(True)
    queue.send("a", "case-1", "case-1-1")
    queue.send("a", "case-1", "case-1-1")
    assert queue.work(lambda _, __: False, 1) == ["a"]
    queue.send("a", "case-1", "case-1-1")
    queue.send("b", "case-1", "case-1-2")
    assert queue.work(lambda _, __: False, 1) == ["b"]


def test_a_group_is_in_order_and_holds_up_no_other(letters: Make) -> None:
    queue = letters(True)
    for number in range(3):
        queue.send(f"a{number}", "case-a", f"a{number}")
    queue.send("b0", "case-b", "b0")
    seen = queue.work(lambda body, times: body == "a0" and times == 1, 5)
    assert [body for body in seen if body.startswith("a")] == ["a0", "a0", "a1", "a2"]
    assert seen.count("b0") == 1
    assert seen.index("b0") < len(seen) - 2, "the other group did not wait"
