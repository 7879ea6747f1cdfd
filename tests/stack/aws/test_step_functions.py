"""What Baton's executions rely on in Step Functions."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

pytestmark = pytest.mark.stack

PASS = {"Type": "Pass", "End": True}


def asking(url: str, **more: Any) -> dict[str, Any]:
    """A callback task that sends its token and the attempt to a queue, so that a test can answer."""
    body = {"token.$": "$$.Task.Token", "attempt.$": "$$.State.RetryCount"}
    parameters = {"QueueUrl": url, "MessageBody": body}
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, "TimeoutSeconds": 60, "End": True, **more}


def asked(aws: EmbeddedAws, url: str) -> dict[str, Any]:
    """The token and the attempt of the next task that asks."""
    body: dict[str, Any] = json.loads(support.receive(aws, url)["Body"])
    return body


def answer(aws: EmbeddedAws, token: str, output: Any = None) -> str:
    """Answer a task; return OK or the error's name."""
    try:
        aws.client("stepfunctions").send_task_success(taskToken=token, output=json.dumps(output))
    except ClientError as refused:
        return str(refused.response["Error"]["Code"])
    return "OK"


@pytest.mark.wrapper("timeout_seconds_path")
def test_timeout_of_a_callback_task_comes_from_its_input(aws: EmbeddedAws) -> None:
    url = support.queue(aws)
    late = [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
    wait = {**asking(url, Catch=late), "TimeoutSecondsPath": "$.timeout"}
    del wait["TimeoutSeconds"]
    execution = support.ended(
        aws, support.start(aws, support.machine(aws, {"Wait": wait, "Late": PASS}), {"timeout": 1})
    )
    assert execution["status"] == "SUCCEEDED"
    assert support.entered(aws, execution["executionArn"]) == ["Wait", "Late"]


@pytest.mark.parametrize("given", [{}, {"timeout": "soon"}, {"timeout": 0}, {"timeout": -1}, {"timeout": 1.5}])
def test_timeout_that_is_no_whole_number_of_seconds_fails_the_execution(aws: EmbeddedAws, given: Any) -> None:
    wait = {**asking(support.queue(aws), Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Late"}])}
    del wait["TimeoutSeconds"]
    execution = support.run(aws, {"Wait": {**wait, "TimeoutSecondsPath": "$.timeout"}, "Late": PASS}, given)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.Runtime")


@pytest.mark.wrapper("callback_fails_with_its_lambda")
def test_callback_task_fails_when_its_function_raises(aws: EmbeddedAws) -> None:
    broken = support.function(aws, "def handler(event, context): raise LookupError('no such case')")
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": broken, "Payload": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 3,
        "Catch": [
            {"ErrorEquals": ["States.TaskFailed"], "Next": "Failed"},
            {"ErrorEquals": ["States.ALL"], "Next": "Late"},
        ],
        "End": True,
    }
    execution = support.run(aws, {"Wait": wait, "Failed": PASS, "Late": PASS})
    assert support.entered(aws, execution["executionArn"]) == ["Wait", "Failed"]
    assert json.loads(execution["output"])["Error"] == "LookupError"


@pytest.mark.wrapper("new_token_per_attempt")
def test_each_attempt_has_its_own_token(aws: EmbeddedAws) -> None:
    url = support.queue(aws)
    again = [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    execution = support.start(aws, support.machine(aws, {"Wait": asking(url, Retry=again)}))
    first = asked(aws, url)
    aws.client("stepfunctions").send_task_failure(taskToken=first["token"], error="Again", cause="")
    second = asked(aws, url)
    assert (first["attempt"], second["attempt"]) == (0, 1)
    assert second["token"] != first["token"]
    assert answer(aws, first["token"], "from the first") == "TaskTimedOut"
    assert answer(aws, second["token"], "from the second") == "OK"
    assert json.loads(support.ended(aws, execution)["output"]) == "from the second"


@pytest.mark.wrapper("closed_token_times_out")
def test_a_token_is_answered_once(aws: EmbeddedAws) -> None:
    url = support.queue(aws)
    execution = support.start(aws, support.machine(aws, {"Wait": asking(url)}))
    token = asked(aws, url)["token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: answer(aws, token, number), range(8)))
    assert sorted(answers) == ["OK", *["TaskTimedOut"] * 7]
    assert json.loads(support.ended(aws, execution)["output"]) == answers.index("OK")
    assert answer(aws, token) == "TaskTimedOut"


@pytest.mark.wrapper("closed_token_times_out")
def test_a_late_token_has_timed_out_and_no_token_is_invalid(aws: EmbeddedAws) -> None:
    url = support.queue(aws)
    execution = support.start(aws, support.machine(aws, {"Wait": asking(url, TimeoutSeconds=1)}))
    assert support.ended(aws, execution)["status"] == "FAILED"
    assert answer(aws, asked(aws, url)["token"]) == "TaskTimedOut"
    assert answer(aws, "never-a-token") == "InvalidToken"


@pytest.mark.wrapper("stopped_execution_stops")
def test_a_stopped_execution_does_nothing_more(aws: EmbeddedAws) -> None:
    url = support.queue(aws)
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    states = {"Wait": asking(url, TimeoutSeconds=1, Catch=caught), "Caught": PASS}
    execution = support.start(aws, support.machine(aws, states))
    token = asked(aws, url)["token"]
    aws.client("stepfunctions").stop_execution(executionArn=execution)
    assert answer(aws, token) == "TaskTimedOut"
    # A second execution of the same shape comes to its end meanwhile: what the stopped one would do, it would have done.
    other = support.ended(aws, support.start(aws, support.machine(aws, states)))
    assert asked(aws, url)["attempt"] == 0
    assert support.left(aws, url) == 0
    assert support.entered(aws, other["executionArn"]) == ["Wait", "Caught"]
    assert support.entered(aws, execution) == ["Wait"]
    assert aws.client("stepfunctions").describe_execution(executionArn=execution)["status"] == "ABORTED"


@pytest.mark.wrapper("same_start_is_idempotent")
def test_starting_a_running_execution_again_is_that_execution(aws: EmbeddedAws) -> None:
    url, client = support.queue(aws), aws.client("stepfunctions")
    machine, name = support.machine(aws, {"Wait": asking(url)}), support.name("case")
    first = client.start_execution(stateMachineArn=machine, name=name, input='{"case": "C-1"}')
    second = client.start_execution(stateMachineArn=machine, name=name, input='{"case": "C-1"}')
    assert (second["executionArn"], second["startDate"]) == (first["executionArn"], first["startDate"])
    token = asked(aws, url)["token"]
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name=name, input='{"case": "C-2"}')
    assert answer(aws, token) == "OK"
    support.ended(aws, first["executionArn"])
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name=name, input='{"case": "C-1"}')
    assert support.left(aws, url) == 0


@pytest.mark.wrapper("missing_path_fails")
@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Pass", "Parameters": {"case.$": "$.nothing.here"}, "End": True},
        {"Type": "Pass", "Parameters": {"deep": {"case.$": "$$.Execution.Input.nothing"}}, "End": True},
        {"Type": "Pass", "Parameters": {"case.$": "States.Format('{}', $.nothing)"}, "End": True},
        {"Type": "Pass", "InputPath": "$.nothing", "End": True},
        {"Type": "Pass", "OutputPath": "$.nothing", "End": True},
        {
            "Type": "Choice",
            "Choices": [{"Variable": "$.nothing", "StringEquals": "T-01", "Next": "Other"}],
            "Default": "Other",
        },
    ],
    ids=["Parameters", "context", "intrinsic", "InputPath", "OutputPath", "Choice"],
)
def test_a_path_that_selects_nothing_fails_the_execution(aws: EmbeddedAws, state: dict[str, Any]) -> None:
    execution = support.run(aws, {"First": state, "Other": PASS}, {"case": "C-1", "empty": None})
    assert (execution["status"], execution.get("error")) == ("FAILED", "States.Runtime")
    assert "nothing" in execution["cause"]


@pytest.mark.wrapper("missing_path_fails")
def test_null_is_present(aws: EmbeddedAws) -> None:
    present = {"Variable": "$.empty", "IsPresent": True, "Next": "Present"}
    absent = {"Variable": "$.nothing", "IsPresent": False, "Next": "Absent"}
    states = {
        "Empty": {"Type": "Choice", "Choices": [present], "Default": "Absent"},
        "Present": {"Type": "Choice", "Choices": [absent], "Default": "Fail"},
        "Absent": {"Type": "Pass", "Parameters": {"empty.$": "$.empty"}, "End": True},
        "Fail": {"Type": "Fail"},
    }
    execution = support.run(aws, states, {"empty": None})
    assert support.entered(aws, execution["executionArn"]) == ["Empty", "Present", "Absent"]
    assert json.loads(execution["output"]) == {"empty": None}


@pytest.mark.wrapper("runtime_errors_are_never_caught")
@pytest.mark.parametrize("names", [["States.ALL"], ["States.TaskFailed"], ["States.Runtime"]])
def test_a_runtime_error_is_not_caught(aws: EmbeddedAws, names: list[str]) -> None:
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": support.queue(aws), "MessageBody": "sent"},
        "ResultSelector": {"case.$": "$.nothing"},
        "Catch": [{"ErrorEquals": names, "Next": "Caught"}],
        "End": True,
    }
    execution = support.run(aws, {"Send": send, "Caught": PASS})
    assert (execution["status"], execution.get("error")) == ("FAILED", "States.Runtime")


@pytest.mark.wrapper("retry_delays")
def test_a_retry_waits_no_longer_than_the_longest_delay(aws: EmbeddedAws) -> None:
    again = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 40, "MaxAttempts": 1, "BackoffRate": 2}
    refused = {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:getItem",
        "Parameters": {"TableName": "missing", "Key": {"pk": {"S": "CASE#1"}}},
        "Retry": [{**again, "MaxDelaySeconds": 1, "JitterStrategy": "NONE"}],
        "End": True,
    }
    execution = support.run(aws, {"Read": refused})
    events = aws.client("stepfunctions").get_execution_history(executionArn=execution["executionArn"])["events"]
    assert execution["status"] == "FAILED"
    assert [event["type"] for event in events].count("TaskFailed") == 2


DELAYS = """
import json
from local.aws.server.fidelity.retry_delays import delay
retrier = {"IntervalSeconds": 5, "BackoffRate": 2, "MaxDelaySeconds": 100}
steady = [delay(retrier, retries) for retries in range(6)]
jittered = [delay({**retrier, "JitterStrategy": "FULL"}, 2) for _ in range(200)]
print(json.dumps({"steady": steady, "unlimited": delay({"IntervalSeconds": 5}, 5), "jittered": jittered}))
"""


def test_retry_delays_grow_to_their_limit_and_jitter_below_it() -> None:
    delays = json.loads(support.in_the_environment_of_the_server(DELAYS))
    assert delays["steady"] == [5, 10, 20, 40, 80, 100]
    assert delays["unlimited"] == 160
    assert all(0 <= seconds <= 20 for seconds in delays["jittered"])
    assert len(set(delays["jittered"])) > 100


@pytest.mark.wrapper("context_object")
def test_the_context_object_describes_the_execution(aws: EmbeddedAws) -> None:
    paths = ["Execution.Id", "Execution.Name", "Execution.Input", "Execution.RoleArn", "Execution.RedriveCount"]
    paths += ["Execution.StartTime", "State.Name", "State.EnteredTime", "StateMachine.Id", "StateMachine.Name"]
    look = {"Type": "Pass", "Parameters": {f"{path}.$": f"$$.{path}" for path in paths}, "End": True}
    machine = support.machine(aws, {"Look": look})
    execution = support.ended(aws, support.start(aws, machine, {"case": "C-1"}))
    assert execution["status"] == "SUCCEEDED"
    seen = json.loads(execution["output"])
    described = aws.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
    assert seen["Execution.Id"] == execution["executionArn"]
    assert seen["Execution.Name"] == execution["name"]
    assert seen["Execution.Input"] == {"case": "C-1"}
    assert seen["Execution.RoleArn"] == described["roleArn"]
    assert seen["Execution.RedriveCount"] == 0
    assert seen["State.Name"] == "Look"
    assert seen["StateMachine.Id"] == machine
    assert seen["StateMachine.Name"] == described["name"]
    assert seen["Execution.StartTime"]
    assert seen["State.EnteredTime"]


@pytest.mark.wrapper("execution_role_invokes")
def test_a_state_machine_invokes_only_what_its_role_allows(aws: EmbeddedAws) -> None:
    called = support.function(aws, "def handler(event, context): return 'called'")
    call = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": support.arn("lambda", f"function:{called}")},
        "End": True,
    }
    permitted = support.allow("lambda:InvokeFunction", on=support.arn("lambda", f"function:{called}"))
    may = support.ended(aws, support.start(aws, support.machine(aws, {"Call": call}, [permitted])))
    assert json.loads(may["output"])["Payload"] == "called"
    other = support.allow("lambda:InvokeFunction", on=support.arn("lambda", "function:another"))
    may_not = support.ended(aws, support.start(aws, support.machine(aws, {"Call": call}, [other])))
    assert (may_not["status"], may_not.get("error")) == ("FAILED", "Lambda.AWSLambdaException")
    assert "is not authorized to perform: lambda:InvokeFunction" in may_not["cause"]


@pytest.mark.wrapper("throttled_task_says_so")
def test_a_task_whose_function_is_throttled_says_so(aws: EmbeddedAws) -> None:
    throttled = support.function(aws, "def handler(event, context): pass")
    aws.client("lambda").put_function_concurrency(FunctionName=throttled, ReservedConcurrentExecutions=0)
    call = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": throttled},
        "Catch": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "Next": "Later"}],
        "End": True,
    }
    execution = support.run(aws, {"Call": call, "Later": PASS})
    assert support.entered(aws, execution["executionArn"]) == ["Call", "Later"]
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        support.invoke(aws, throttled)


def test_the_end_of_an_execution_is_an_event_on_the_default_bus(aws: EmbeddedAws) -> None:
    machine, url, events = (
        support.machine(aws, {"Done": {"Type": "Fail", "Error": "E"}}),
        support.queue(aws),
        support.name("rule"),
    )
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine], "status": ["FAILED"]}}
    bus = aws.client("events")
    rule = bus.put_rule(Name=events, EventPattern=json.dumps(pattern))["RuleArn"]
    permit_rule(aws, url, rule)
    bus.put_targets(Rule=events, Targets=[{"Id": "queue", "Arn": support.queue_arn(url)}])
    execution = support.start(aws, machine)
    event = json.loads(support.receive(aws, url)["Body"])
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert (event["detail"]["executionArn"], event["detail"]["status"]) == (execution, "FAILED")


def permit_rule(aws: EmbeddedAws, url: str, rule: str) -> None:
    """Let a rule send to a queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": support.queue_arn(url),
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
