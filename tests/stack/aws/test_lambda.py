"""What Baton's functions rely on in Lambda, CloudWatch Logs and CloudWatch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

pytestmark = pytest.mark.stack

PASS = {"Type": "Pass", "End": True}


def calling(function: str, **more: Any) -> dict[str, Any]:
    """A task that invokes a function with the execution's input."""
    parameters = {"FunctionName": function, "Payload.$": "$"}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, "End": True, **more}


def logged(aws: EmbeddedAws, group: str) -> list[str]:
    """All that was written to a log group, except the lines of the platform."""
    logs = aws.client("logs")
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    lines: list[str] = []
    for stream in streams:
        found = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
        lines += [event["message"] for event in found["events"]]
    return [line for line in lines if not line.startswith(("START ", "END ", "REPORT "))]


@pytest.mark.wrapper("environment_of_a_function")
def test_a_function_sees_what_lambda_and_its_configuration_say_and_nothing_else(aws: EmbeddedAws) -> None:
    own = {"LOG_LEVEL": "DEBUG", "TABLE": "cases"}
    function = support.function(
        aws, "import os\ndef handler(event, context): return dict(os.environ)", Environment={"Variables": own}
    )
    seen = support.invoke(aws, function)
    assert own.items() <= seen.items()
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == function
    assert seen["TZ"] == "UTC"
    assert {"AUTH", "GATEWAY_PORT", "HOME", "STATE_DIR", "MINISTACK_HOST"}.isdisjoint(seen)


@pytest.mark.wrapper("error_type_is_the_exception")
def test_the_error_of_a_task_is_the_class_of_the_exception(aws: EmbeddedAws) -> None:
    function = support.function(
        aws,
        """
        class OrderRefused(Exception): pass
        def handler(event, context): raise OrderRefused("not in stock")
        """,
    )
    caught = [{"ErrorEquals": ["OrderRefused"], "Next": "Refused"}, {"ErrorEquals": ["States.ALL"], "Next": "Other"}]
    execution = support.run(aws, {"Order": calling(function, Catch=caught), "Refused": PASS, "Other": PASS})
    assert support.entered(aws, execution["executionArn"]) == ["Order", "Refused"]
    cause = json.loads(json.loads(execution["output"])["Cause"])
    assert (cause["errorType"], cause["errorMessage"]) == ("OrderRefused", "not in stock")
    assert "raise OrderRefused" in "".join(cause["stackTrace"])
    assert cause["requestId"]


@pytest.mark.wrapper("error_type_is_the_exception")
def test_a_sandbox_outlives_an_exception(aws: EmbeddedAws) -> None:
    function = support.function(
        aws,
        """
        calls = 0
        def handler(event, context):
            global calls
            calls += 1
            if calls == 1: raise ValueError("the first")
            return calls
        """,
    )
    assert support.invoke(aws, function)["errorType"] == "ValueError"
    assert support.invoke(aws, function) == 2


@pytest.mark.wrapper("error_type_is_the_exception")
@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_package", "Runtime.ImportModuleError"),
        ("handle = 1", "Runtime.HandlerNotFound"),
        ("raise LookupError('while loading')", "LookupError"),
        ("def handler(event, context): raise SystemExit(7)", "Runtime.ExitError"),
        ("import os\ndef handler(event, context): os.kill(os.getpid(), 9)", "Runtime.ExitError"),
    ],
)
def test_a_function_that_cannot_run_says_why(aws: EmbeddedAws, source: str, error: str) -> None:
    assert support.invoke(aws, support.function(aws, source))["errorType"] == error


def test_a_function_that_takes_too_long_is_ended(aws: EmbeddedAws) -> None:
    function = support.function(aws, "import time\ndef handler(event, context): time.sleep(20)", timeout=1)
    assert support.invoke(aws, function)["errorType"] == "Sandbox.Timedout"
    assert aws.workers(function) == []


def test_a_task_whose_worker_is_killed_is_tried_again(aws: EmbeddedAws, tmp_path: Path) -> None:
    function = support.function(
        aws,
        """
        import pathlib, time
        def handler(event, context):
            begun = pathlib.Path(event["begun"])
            if begun.exists(): return "done"
            begun.touch()
            time.sleep(20)
        """,
    )
    again = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    begun = tmp_path / "begun"
    execution = support.start(
        aws, support.machine(aws, {"Work": calling(function, Retry=again)}), {"begun": str(begun)}
    )
    support.eventually(begun.exists)
    assert len(aws.kill_worker(function)) == 1
    assert json.loads(support.ended(aws, execution)["output"])["Payload"] == "done"


def test_all_that_was_printed_is_logged_when_the_invocation_has_ended(aws: EmbeddedAws) -> None:
    function = support.function(
        aws,
        """
        import sys
        def handler(event, context):
            print("printed", end="")
            for number in range(3000): print(number, file=sys.stderr)
        """,
    )
    for calls in range(1, 4):
        support.invoke(aws, function)
        lines = logged(aws, f"/aws/lambda/{function}")
        assert len(lines) == 3000 * calls
        assert lines[0] == "printed0"


# The thread that reads a worker's output is held up between two lines, as it can be on a busy machine.
HELD_UP = """
import queue, sys, threading, time
from ministack.core import lambda_runtime
from local.aws.server import fidelity
fidelity.apply(without=frozenset(sys.argv[1:]))
class Worker:
    _stderr_queue, _marked_request = queue.Queue(), "request-1"
def read():
    for line in ("first", "second", "\x1erequest-1"):
        Worker._stderr_queue.put(line)
        time.sleep(0.2)
threading.Thread(target=read).start()
print(lambda_runtime.Worker._drain_stderr_bounded(Worker).split())
"""


@pytest.mark.parametrize(
    ("without", "lines"),
    [([], "['first', 'second']"), (["every_printed_line_is_logged"], "['first']")],
    ids=["aws", "without every_printed_line_is_logged"],
)
def test_output_that_is_read_late_belongs_to_its_invocation(without: list[str], lines: str) -> None:
    assert support.in_the_environment_of_the_server(HELD_UP, *without) == lines


def test_a_function_logs_to_its_own_group(aws: EmbeddedAws) -> None:
    group = support.name("/baton/group")
    aws.client("logs").create_log_group(logGroupName=group)
    function = support.function(aws, "def handler(event, context): print('hello')", LoggingConfig={"LogGroup": group})
    support.invoke(aws, function)
    assert logged(aws, group) == ["hello"]


EMBEDDED = """
import json, time
def handler(event, context):
    print(json.dumps({
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [{
            "Namespace": event["namespace"],
            "Dimensions": [["workflow"], ["workflow", "facility"]],
            "Metrics": [{"Name": "HandOffs", "Unit": "Count"}, {"Name": "Lag", "Unit": "Milliseconds"}]}]},
        "workflow": "oxygen", "facility": "north", "case": "C-1", "HandOffs": 1, "Lag": [10, 20.5, 30]}))
    print('an ordinary line with "_aws" in it')
    for directive in ("text", {}, {"Namespace": event["namespace"], "Dimensions": [[]]}, {"Dimensions": 1, "Metrics": 2}):
        print(json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "HandOffs": 99}))
    print(json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [
        {"Namespace": event["namespace"], "Dimensions": [["missing"]], "Metrics": [{"Name": "HandOffs"}]}]}, "HandOffs": 99}))
"""


@pytest.mark.wrapper("embedded_metrics")
def test_a_line_in_the_embedded_metric_format_becomes_metrics(aws: EmbeddedAws) -> None:
    function, namespace = support.function(aws, EMBEDDED), support.name("Baton")
    for _ in range(2):
        support.invoke(aws, function, {"namespace": namespace})
    one, two = {"workflow": "oxygen"}, {"workflow": "oxygen", "facility": "north"}
    found = {
        (metric.name, tuple(metric.dimensions.items()), metric.unit): (metric.count, metric.total)
        for metric in aws.metrics(namespace)
    }
    expected = {}
    for dimensions in (one, two):
        key = tuple(dimensions.items())
        expected["HandOffs", key, "Count"] = (2, 2)
        expected["Lag", key, "Milliseconds"] = (6, 121)
    assert found == expected


@pytest.mark.wrapper("embedded_metrics")
def test_metrics_have_percentiles(aws: EmbeddedAws) -> None:
    function, namespace = support.function(aws, EMBEDDED), support.name("Baton")
    support.invoke(aws, function, {"namespace": namespace})
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName="Lag",
        Dimensions=[{"Name": "workflow", "Value": "oxygen"}],
        StartTime=time.time() - 600,
        EndTime=time.time() + 60,
        Period=3600,
        ExtendedStatistics=["p50"],
    )["Datapoints"]
    assert [point["ExtendedStatistics"]["p50"] for point in points] == [20.5]


@pytest.mark.wrapper("logging_needs_permission")
@pytest.mark.parametrize("lacking", ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"])
def test_a_function_that_may_not_log_has_neither_logs_nor_metrics(aws: EmbeddedAws, lacking: str) -> None:
    actions = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"} - {lacking}
    function, namespace = support.function(aws, EMBEDDED, [support.allow(*sorted(actions))]), support.name("Baton")
    support.invoke(aws, function, {"namespace": namespace})
    assert aws.metrics(namespace) == []
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")["logGroups"]
    assert groups == []


def test_a_worker_has_the_credentials_of_its_role(aws: EmbeddedAws) -> None:
    table = support.table(aws)
    function = support.function(
        aws,
        f"""
        import boto3
        def handler(event, context):
            dynamodb, key = boto3.client("dynamodb"), {{"pk": {{"S": "a"}}, "sk": {{"S": "b"}}}}
            said = {{"who": boto3.client("sts").get_caller_identity()["Arn"]}}
            said["read"] = dynamodb.get_item(TableName="{table}", Key=key)["ResponseMetadata"]["HTTPStatusCode"]
            try: dynamodb.put_item(TableName="{table}", Item=key)
            except dynamodb.exceptions.ClientError as refused: said["write"] = refused.response["Error"]["Code"]
            return said
        """,
        [support.allow("dynamodb:GetItem", on=support.arn("dynamodb", f"table/{table}"))],
    )
    said = support.invoke(aws, function)
    role = aws.client("lambda").get_function_configuration(FunctionName=function)["Role"].rsplit("/", 1)[-1]
    assert said["who"].split(":")[5].startswith(f"assumed-role/{role}/")
    assert (said["read"], said["write"]) == (200, "AccessDeniedException")
