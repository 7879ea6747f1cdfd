"""What Baton's events rely on in EventBridge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

pytestmark = pytest.mark.stack


def ruled(aws: EmbeddedAws, target: dict[str, Any]) -> tuple[str, str]:
    """A bus with a rule that sends everything from `platform` to `target`; the names of the bus and of the rule's ARN."""
    events, bus, rule = aws.client("events"), support.name("bus"), support.name("rule")
    events.create_event_bus(Name=bus)
    made = events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps({"source": ["platform"]}))["RuleArn"]
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "target", **target}])
    return bus, made


def admit(aws: EmbeddedAws, url: str, *rules: str) -> None:
    """Let rules send to a queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": support.queue_arn(url),
        "Condition": {"ArnEquals": {"aws:SourceArn": list(rules)}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def put(client: Any, bus: str, source: str = "platform", kind: str = "oxygen_changed") -> None:
    """Put an event on a bus; a ClientError where that is refused."""
    entry = {"EventBusName": bus, "Source": source, "DetailType": kind, "Detail": '{"spo2": 91}'}
    answer = client.put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0


@pytest.mark.wrapper("rule_target_needs_permission")
def test_a_rule_sends_only_to_a_queue_that_admits_it_and_the_rest_to_its_dead_letters(aws: EmbeddedAws) -> None:
    url, letters = support.queue(aws), support.queue(aws)
    target = {"Arn": support.queue_arn(url), "DeadLetterConfig": {"Arn": support.queue_arn(letters)}}
    bus, rule = ruled(aws, target)
    admit(aws, letters, rule)
    admit(aws, url, "arn:aws:events:us-east-1:000000000000:rule/another")
    put(aws.client("events"), bus)
    letter = support.receive(aws, letters)
    said = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (said["RULE_ARN"], said["TARGET_ARN"], said["ERROR_CODE"]) == (rule, target["Arn"], "NO_PERMISSIONS")
    assert json.loads(letter["Body"])["detail"] == {"spo2": 91}
    assert support.left(aws, url) == 0
    admit(aws, url, rule)
    put(aws.client("events"), bus)
    assert json.loads(support.receive(aws, url)["Body"])["detail-type"] == "oxygen_changed"
    assert support.left(aws, letters) == 0


@pytest.mark.wrapper("rule_target_needs_permission")
def test_an_event_for_a_queue_that_is_gone_is_a_dead_letter(aws: EmbeddedAws) -> None:
    letters = support.queue(aws)
    missing = {"Arn": support.arn("sqs", "gone"), "DeadLetterConfig": {"Arn": support.queue_arn(letters)}}
    bus, rule = ruled(aws, missing)
    admit(aws, letters, rule)
    put(aws.client("events"), bus)
    assert json.loads(support.receive(aws, letters)["Body"])["detail"] == {"spo2": 91}


@pytest.mark.wrapper("rule_target_needs_permission")
def test_a_rule_invokes_only_a_function_that_admits_it(aws: EmbeddedAws) -> None:
    url = support.queue(aws)
    telling = support.function(
        aws,
        f"""
        import boto3
        def handler(event, context): boto3.client("sqs").send_message(QueueUrl="{url}", MessageBody=event["source"])
        """,
    )
    letters = support.queue(aws)
    target = {
        "Arn": support.arn("lambda", f"function:{telling}"),
        "DeadLetterConfig": {"Arn": support.queue_arn(letters)},
    }
    bus, rule = ruled(aws, target)
    admit(aws, letters, rule)
    put(aws.client("events"), bus)
    assert support.receive(aws, letters)["Body"]
    assert support.left(aws, url) == 0
    aws.client("lambda").add_permission(
        FunctionName=telling,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    put(aws.client("events"), bus)
    assert support.receive(aws, url)["Body"] == "platform"


@pytest.mark.wrapper("rule_invokes_with_retries")
def test_a_function_that_a_rule_invokes_is_tried_again(aws: EmbeddedAws, tmp_path: Path) -> None:
    failing = support.function(
        aws,
        """
        import pathlib
        def handler(event, context):
            tried = pathlib.Path(event["detail"]["tried"])
            with tried.open("a") as file: file.write("x")
            if len(tried.read_text()) < 2: raise ValueError("the first time")
        """,
    )
    bus, rule = ruled(aws, {"Arn": support.arn("lambda", f"function:{failing}")})
    aws.client("lambda").add_permission(
        FunctionName=failing,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    entry = {"EventBusName": bus, "Source": "platform", "DetailType": "x"}
    tried = tmp_path / "tried"
    aws.client("events").put_events(Entries=[{**entry, "Detail": json.dumps({"tried": str(tried)})}])
    support.eventually(lambda: tried.exists() and tried.read_text() == "xx")


@pytest.mark.wrapper("event_source_conditions")
def test_who_may_put_which_event_depends_on_its_source_and_type(aws: EmbeddedAws) -> None:
    bus = support.name("bus")
    aws.client("events").create_event_bus(Name=bus)
    only = {"StringEquals": {"events:source": "baton", "events:detail-type": ["hand_off", "escalation"]}}
    statement = {**support.allow("events:PutEvents", on=support.arn("events", f"event-bus/{bus}")), "Condition": only}
    client = support.client_of(aws, support.role(aws, [statement]), "events")
    put(client, bus, "baton", "hand_off")
    for source, kind in (("platform", "hand_off"), ("baton", "oxygen_changed")):
        with pytest.raises(ClientError, match="AccessDenied"):
            put(client, bus, source, kind)
    allowed = {"EventBusName": bus, "Source": "baton", "DetailType": "hand_off", "Detail": "{}"}
    with pytest.raises(ClientError, match="AccessDenied"):
        client.put_events(Entries=[allowed, {**allowed, "Source": "platform"}])
    with pytest.raises(ClientError, match="AccessDenied"):
        put(client, "default", "baton", "hand_off")


@pytest.mark.wrapper("event_source_conditions")
def test_the_policy_of_a_bus_denies(aws: EmbeddedAws) -> None:
    bus, events = support.name("bus"), aws.client("events")
    events.create_event_bus(Name=bus)
    deny = {
        "Sid": "sources",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": support.arn("events", f"event-bus/{bus}"),
        "Condition": {"StringNotEquals": {"events:source": "platform"}},
    }
    events.put_permission(EventBusName=bus, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    client = support.client_of(aws, support.role(aws), "events")
    put(client, bus, "platform")
    with pytest.raises(ClientError, match="AccessDenied"):
        put(client, bus, "emr")
