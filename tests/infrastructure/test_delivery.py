"""Nothing that is sent is lost silently: what cannot be delivered or handled ends in a queue that rings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.infrastructure.template import Allowed, Template, allowed, named, of_type, role_of, statements, text

RULE = "AWS::Events::Rule"
BUS = "AWS::Events::EventBus"
QUEUE = "AWS::SQS::Queue"
MAPPING = "AWS::Lambda::EventSourceMapping"


def defects(template: Template) -> list[str]:
    """Everything that could be lost silently, in words."""
    return [
        *_of_queues(template),
        *_of_rules(template),
        *_of_buses(template),
        *_of_mappings(template),
        *_of_asynchrony(template),
    ]


def dead_letter_queues(template: Template) -> set[str]:
    """The logical ids of all queues that something names as its dead-letter queue."""
    found = {_dead_letters_of(queue) for queue in of_type(template, QUEUE).values()}
    found |= {_target_letters(target) for rule in of_type(template, RULE).values() for target in rule["Targets"]}
    found |= {named(bus.get("DeadLetterConfig", {}).get("Arn")) for bus in of_type(template, BUS).values()}
    found |= {_on_failure(mapping) for mapping in of_type(template, MAPPING).values()}
    return {name for name in found if name is not None}


def _dead_letters_of(queue: dict[str, Any]) -> str | None:
    return named(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"))


def _target_letters(target: dict[str, Any]) -> str | None:
    return named(target.get("DeadLetterConfig", {}).get("Arn"))


def _on_failure(mapping: dict[str, Any]) -> str | None:
    return named(mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))


def _of_queues(template: Template) -> Iterator[str]:
    queues, letters = of_type(template, QUEUE), dead_letter_queues(template)
    for name, queue in queues.items():
        if name in letters:
            if "RedrivePolicy" in queue:
                yield f"{name}: dead letters go on to another queue"
            if not _alarmed(template, name, "ApproximateNumberOfMessagesVisible"):
                yield f"{name}: dead letters without an alarm"
            if queue.get("MessageRetentionPeriod") != 14 * 24 * 3600:
                yield f"{name}: dead letters are not kept as long as they can be"
            continue
        behind = _dead_letters_of(queue)
        if behind is None:
            yield f"{name}: no dead-letter queue"
        elif queues[behind].get("FifoQueue") != queue.get("FifoQueue"):
            yield f"{name}: its dead-letter queue is of another kind"
        if not _alarmed(template, name, "ApproximateAgeOfOldestMessage"):
            yield f"{name}: nobody hears that messages wait"


def _alarmed(template: Template, queue: str, metric: str) -> bool:
    return any(
        alarm["MetricName"] == metric and alarm.get("AlarmActions") and named(alarm["Dimensions"][0]["Value"]) == queue
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
    )


def _of_rules(template: Template) -> Iterator[str]:
    for name, rule in of_type(template, RULE).items():
        for target in rule["Targets"]:
            letters = _target_letters(target)
            if letters is None:
                yield f"{name}: a target without a dead-letter queue"
            elif not _may_send(template, letters, name):
                yield f"{name}: may not send to its dead-letter queue"
            if not _may_send(template, named(target["Arn"]) or "", name):
                yield f"{name}: may not send to its target"


def _of_buses(template: Template) -> Iterator[str]:
    for name, bus in of_type(template, BUS).items():
        letters = named(bus.get("DeadLetterConfig", {}).get("Arn"))
        if letters is None:
            yield f"{name}: no dead-letter queue for what cannot be encrypted"
        elif not _may_send(template, letters, f"event-bus/{bus['Name']}"):
            yield f"{name}: may not send to its dead-letter queue"


def _may_send(template: Template, queue: str, source: str) -> bool:
    """Whether the queue lets EventBridge send for `source`: a rule's logical id, or the end of a bus's ARN."""
    for statement in statements(template, "AWS::SQS::QueuePolicy", queue, "Queues"):
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": "events.amazonaws.com"}:
            given = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
            for arn in given if isinstance(given, list) else [given]:
                if named(arn) == source or str(arn).find(source) >= 0:
                    return bool(statement["Action"] == "sqs:SendMessage")
    return False


def _of_mappings(template: Template) -> Iterator[str]:
    functions, queues = of_type(template, "AWS::Lambda::Function"), of_type(template, QUEUE)
    for name, mapping in of_type(template, MAPPING).items():
        function = functions[named(mapping["FunctionName"]) or ""]
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: one bad message fails its whole batch"
        queue = queues.get(named(mapping["EventSourceArn"]) or "")
        if queue is not None:
            if queue["VisibilityTimeout"] < function["Timeout"]:
                yield f"{name}: a message is delivered again while it is still worked on"
            if "MaximumConcurrency" not in mapping.get("ScalingConfig", {}):
                yield f"{name}: unbounded"
            continue
        letters = _on_failure(mapping)
        if letters is None:
            yield f"{name}: nobody hears of records that were given up"
        elif Allowed("sqs:SendMessage", f"<{letters}.Arn>") not in set(allowed(role_of(template, function))):
            yield f"{name}: its function's role may not send to its dead-letter queue"
        if not mapping.get("BisectBatchOnFunctionError") or mapping.get("MaximumRetryAttempts", -1) < 0:
            yield f"{name}: one bad record holds up its shard for a day"


def _of_asynchrony(template: Template) -> Iterator[str]:
    """Services that invoke a function without waiting need a permission on it; nobody hears of what then fails."""
    heard = {named(config["FunctionName"]) for config in of_type(template, "AWS::Lambda::EventInvokeConfig").values()}
    for name, permission in of_type(template, "AWS::Lambda::Permission").items():
        if named(permission["FunctionName"]) not in heard:
            yield f"{name}: invokes a function asynchronously without a destination for failures"


def test_nothing_is_lost_silently(template: Template) -> None:
    assert defects(template) == []


def test_every_way_in_is_looked_at(template: Template) -> None:
    assert len(of_type(template, RULE)) == 3
    assert len(of_type(template, MAPPING)) == 4
    assert len(dead_letter_queues(template)) == 4


def _forget(kind: str, *path: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        for properties in of_type(template, kind).values():
            at: Any = properties
            for step in path[:-1]:
                at = at[int(step)] if isinstance(at, list) else at.get(step, {})
            if path[-1] in at:
                del at[path[-1]]
                return
        raise AssertionError("nothing to forget")

    return change


def _all_gone(kind: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        for name in of_type(template, kind):
            del template["Resources"][name]

    return change


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_forget(QUEUE, "RedrivePolicy"), "no dead-letter queue"),
        (_forget(RULE, "Targets", "0", "DeadLetterConfig"), "a target without a dead-letter queue"),
        (_forget(BUS, "DeadLetterConfig"), "no dead-letter queue for what cannot be encrypted"),
        (_forget(MAPPING, "DestinationConfig"), "nobody hears of records that were given up"),
        (_forget(MAPPING, "FunctionResponseTypes"), "one bad message fails its whole batch"),
        (_forget(MAPPING, "BisectBatchOnFunctionError"), "one bad record holds up its shard for a day"),
        (_forget(MAPPING, "ScalingConfig"), "unbounded"),
        (_all_gone("AWS::SQS::QueuePolicy"), "may not send to its target"),
        (_all_gone("AWS::SQS::QueuePolicy"), "may not send to its dead-letter queue"),
        (_all_gone("AWS::CloudWatch::Alarm"), "dead letters without an alarm"),
        (_all_gone("AWS::CloudWatch::Alarm"), "nobody hears that messages wait"),
    ],
)
def test_what_could_be_lost_is_found(template: Template, change: Callable[[Template], None], found: str) -> None:
    change(template)
    assert any(defect.endswith(found) for defect in defects(template))


def test_relay_reads_new_journal_entries_only(template: Template) -> None:
    (mapping,) = (each for each in of_type(template, MAPPING).values() if "StartingPosition" in each)
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert pattern["Pattern"] == '{"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "J#"}]}}}}'
    # From the stream's oldest record: what was committed before the mapping existed counts too.
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


def test_writes_to_the_emr_are_in_order_per_case(template: Template) -> None:
    (queue,) = (each for each in of_type(template, QUEUE).values() if each.get("FifoQueue") and "RedrivePolicy" in each)
    assert (queue["DeduplicationScope"], queue["FifoThroughputLimit"]) == ("messageGroup", "perMessageGroupId")


def test_an_emr_may_be_away_for_hours(template: Template) -> None:
    (queue,) = (each for each in of_type(template, QUEUE).values() if each.get("FifoQueue") and "RedrivePolicy" in each)
    assert queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"] >= 4 * 3600


def test_intake_takes_in_every_source_but_its_own(template: Template) -> None:
    (rule,) = (each for each in of_type(template, RULE).values() if "EventBusName" in each)
    assert rule["EventPattern"] == {"source": ["baton.platform", "baton.emr", "baton.roster"]}
    (bus,) = of_type(template, BUS).values()
    (statement,) = bus["Policy"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "events:PutEvents")
    assert statement["Condition"]["ForAnyValue:StringNotEquals"]["events:source"] == [
        "baton.platform",
        "baton.emr",
        "baton.roster",
        "baton.orchestrator",
    ]


def test_reconcile_wakes_every_minute_and_when_an_execution_ends_badly(template: Template) -> None:
    rules = [each for each in of_type(template, RULE).values() if "EventBusName" not in each]
    assert [rule["ScheduleExpression"] for rule in rules if "ScheduleExpression" in rule] == ["rate(1 minute)"]
    (pattern,) = (rule["EventPattern"] for rule in rules if "EventPattern" in rule)
    assert pattern["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    (machine,) = pattern["detail"]["stateMachineArn"]
    assert text(machine["prefix"]).endswith(":stateMachine:Baton-")


def test_every_failure_rings(template: Template) -> None:
    metrics = [
        (alarm["Namespace"], alarm["MetricName"], named(alarm["Dimensions"][0]["Value"]))
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        if alarm["AlarmActions"]
    ]
    for function in of_type(template, "AWS::Lambda::Function"):
        assert {("AWS/Lambda", "Errors", function), ("AWS/Lambda", "Throttles", function)} <= set(metrics)
    for machine in of_type(template, "AWS::StepFunctions::StateMachine"):
        failures = {("AWS/States", name, machine) for name in ("ExecutionsFailed", "ExecutionsTimedOut")}
        assert failures <= set(metrics)
    assert [metric for _, metric, _ in metrics].count("IteratorAge") == 1


def test_a_sweep_that_stopped_rings(template: Template) -> None:
    (alarm,) = (
        each for each in of_type(template, "AWS::CloudWatch::Alarm").values() if each["MetricName"] == "Invocations"
    )
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("LessThanThreshold", "breaching")
    assert "Reconcile" in (named(alarm["Dimensions"][0]["Value"]) or "")
