"""What Baton relies on to be there again when AWS comes back from an outage, in the embedded AWS that stops and starts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

pytestmark = pytest.mark.stack

# Notes the rows of a stream, and the bodies of a queue's messages, in the file that is named in each; the first time it
# only begins to, for one that says so.
NOTING = """
import json, pathlib, time
def handler(event, context):
    for record in event["Records"]:
        if "dynamodb" in record:
            body = {name: value["S"] for name, value in record["dynamodb"]["NewImage"].items()}
        else:
            body = json.loads(record["body"])
        begun = pathlib.Path(body["file"] + ".begun")
        if "slow" in body and not begun.exists():
            begun.touch()
            time.sleep(60)
        with pathlib.Path(body["file"]).open("a") as file: file.write(body["sk"] + "\\n")
"""


def noted(file: Path) -> list[str]:
    """What a function has noted, in order."""
    return file.read_text().split() if file.exists() else []


@pytest.mark.wrapper("stream_outlives_a_restart")
def test_a_stream_is_read_on_from_where_it_was_read_to(lasting: EmbeddedAws, tmp_path: Path) -> None:
    function, table, file = support.function(lasting, NOTING, timeout=120), support.table(lasting), tmp_path / "notes"
    support.mapping(lasting, support.stream(lasting, table), function, BatchSize=1)
    support.put(lasting, table, "CASE#1", "J#1", file={"S": str(file)})
    support.eventually(lambda: noted(file) == ["J#1"])
    support.put(lasting, table, "CASE#1", "J#2", file={"S": str(file)}, slow={"S": "yes"})
    support.put(lasting, table, "CASE#1", "J#3", file={"S": str(file)})
    support.eventually((tmp_path / "notes.begun").exists)
    lasting.restart()
    support.put(lasting, table, "CASE#1", "J#4", file={"S": str(file)})
    support.eventually(lambda: noted(file) == ["J#1", "J#2", "J#3", "J#4"])


def test_a_message_that_was_in_hand_comes_again(lasting: EmbeddedAws, tmp_path: Path) -> None:
    function, file = support.function(lasting, NOTING), tmp_path / "notes"
    url = support.queue(lasting, FifoQueue="true", VisibilityTimeout="4")
    support.mapping(lasting, support.queue_arn(url), function, BatchSize=1)
    for name, more in (("a", {"slow": "yes"}), ("b", {})):
        body = json.dumps({"sk": name, "file": str(file), **more})
        lasting.client("sqs").send_message(
            QueueUrl=url, MessageBody=body, MessageGroupId="1", MessageDeduplicationId=name
        )
    support.eventually((tmp_path / "notes.begun").exists)
    lasting.restart()
    assert noted(file) == []
    support.eventually(lambda: noted(file) == ["a", "b"])
    support.eventually(lambda: support.left(lasting, url) == 0)


def waiting(aws: EmbeddedAws, url: str) -> tuple[str, str, str]:
    """The ARNs of a state machine and its execution, and the token that it waits for."""
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 3600,
        "End": True,
    }
    machine = support.machine(aws, {"Wait": ask})
    execution = support.start(aws, machine)
    return machine, execution, json.loads(support.receive(aws, url)["Body"])["token"]


@pytest.mark.wrapper("execution_lost_in_a_restart_says_so")
def test_the_end_of_an_execution_that_a_restart_ended_is_told(lasting: EmbeddedAws) -> None:
    machine, execution, _ = waiting(lasting, support.queue(lasting))
    url, rule, bus = support.queue(lasting), support.name("rule"), lasting.client("events")
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine]}}
    rule_arn = bus.put_rule(Name=rule, EventPattern=json.dumps(pattern))["RuleArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": support.queue_arn(url),
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    lasting.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    bus.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": support.queue_arn(url)}])
    lasting.restart()
    event = json.loads(support.receive(lasting, url)["Body"])
    assert (event["detail"]["executionArn"], event["detail"]["status"]) == (execution, "FAILED")
    history = lasting.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    assert history[-1]["type"] == "ExecutionFailed"
    lasting.restart()
    assert support.left(lasting, url) == 0, "an execution ends once"


@pytest.mark.wrapper("token_outlives_a_restart")
def test_a_token_that_a_restart_spent_is_known_to_whoever_may_answer_it(lasting: EmbeddedAws) -> None:
    machine, _, token = waiting(lasting, support.queue(lasting))
    role = support.role(lasting, [support.allow("states:SendTaskSuccess", on=machine)])
    lasting.restart()
    with pytest.raises(ClientError, match="TaskTimedOut"):
        support.client_of(lasting, role, "stepfunctions").send_task_success(taskToken=token, output="{}")


def test_metrics_logs_secrets_and_keys_are_as_they_were(lasting: EmbeddedAws) -> None:
    metric = {
        "_aws": {
            "Timestamp": int(datetime.now(UTC).timestamp() * 1000),
            "CloudWatchMetrics": [
                {"Namespace": "Lasting", "Dimensions": [["facility", "workflow"]], "Metrics": [{"Name": "Moved"}]}
            ],
        },
        "facility": "northfield",
        "workflow": "oxygen",
        "Moved": [1, 2.5],
    }
    printing = support.function(lasting, "def handler(event, context): print(event['line'])")
    support.invoke(lasting, printing, {"line": json.dumps(metric)})
    secret = lasting.client("secretsmanager").create_secret(Name=support.name("secret"), SecretString="s")["ARN"]
    key = lasting.client("kms").create_key()["KeyMetadata"]["KeyId"]
    sealed = lasting.client("kms").encrypt(KeyId=key, Plaintext=b"sealed")["CiphertextBlob"]

    def seen() -> dict[str, Any]:
        logs = lasting.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{printing}")["events"]
        metrics = lasting.metrics("Lasting")
        return {
            "metrics": sorted((m.name, sorted(m.dimensions.items()), m.count, m.total) for m in metrics),
            "logs": [line["message"] for line in logs],
            "secret": lasting.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"],
            "sealed": lasting.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"],
        }

    before = seen()
    assert [(count, total) for *_, count, total in before["metrics"]] == [(2.0, 3.5)]
    assert before["sealed"] == b"sealed"
    lasting.restart()
    assert seen() == before
