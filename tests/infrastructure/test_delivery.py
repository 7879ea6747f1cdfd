"""Nothing that is sent is lost silently: what cannot be delivered or handled ends in a queue that rings."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.cases.quarantine import measured
from functions.cases.sweep import FAULT_SECONDS, RUN_SECONDS, SweepFaults
from functions.cases.telemetry import Measure
from functions.reconcile.measures import not_looked_at
from tests.infrastructure.delivery import ALARM, BUS, MAPPING, QUEUE, RULE, dead_letter_queues, defects, rule_named
from tests.infrastructure.template import Template, named, of_type, statements, text


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
        (_forget(MAPPING, "MaximumRecordAgeInSeconds"), "may leave the stream before it is given up"),
        (_all_gone("AWS::SQS::QueuePolicy"), "may not send to its target"),
        (_all_gone("AWS::SQS::QueuePolicy"), "may not send to its dead-letter queue"),
        (_all_gone("AWS::CloudWatch::Alarm"), "dead letters without an alarm"),
        (_all_gone("AWS::CloudWatch::Alarm"), "nobody hears that messages wait"),
        (_all_gone("AWS::CloudWatch::Alarm"), "nobody hears that it has stopped"),
        (_all_gone("AWS::CloudWatch::Alarm"), "nobody hears of FailedInvocations"),
    ],
)
def test_what_could_be_lost_is_found(template: Template, change: Callable[[Template], None], found: str) -> None:
    change(template)
    assert any(defect.endswith(found) for defect in defects(template))


def _places_for_failures(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in a document a place for failures is named."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in below:
        if key in ("RedrivePolicy", "DeadLetterConfig", "DestinationConfig"):
            yield (*path, key)
        else:
            yield from _places_for_failures(each, (*path, key))


def test_each_dead_letter_queue_that_goes_missing_is_named(template: Template) -> None:
    letters = dead_letter_queues(template)
    assert letters
    for name in letters:
        mutant = copy.deepcopy(template)
        del mutant["Resources"][name]
        assert any(f"dead-letter queue {name} does not exist" in defect for defect in defects(mutant)), name


def test_whoever_loses_the_place_for_its_failures_is_named(template: Template) -> None:
    tried = 0
    for name, resource in template["Resources"].items():
        for path in _places_for_failures(resource.get("Properties", {})):
            mutant = copy.deepcopy(template)
            at = mutant["Resources"][name]["Properties"]
            for step in path[:-1]:
                at = at[step]
            del at[path[-1]]
            assert any(defect.startswith(f"{name}: ") for defect in defects(mutant)), (name, path)
            tried += 1
    assert tried == 3 + 3 + 1 + 1, "queues, targets, bus, stream"


@pytest.mark.parametrize(
    "metric",
    ["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "ExecutionsFailed", "ExecutionsTimedOut"],
)
def test_each_alarm_that_goes_missing_or_mute_is_named(template: Template, metric: str) -> None:
    alarms = {name: alarm for name, alarm in of_type(template, ALARM).items() if alarm["MetricName"] == metric}
    assert alarms
    for name, alarm in alarms.items():
        watched = named(alarm["Dimensions"][0]["Value"])
        gone, mute = copy.deepcopy(template), copy.deepcopy(template)
        del gone["Resources"][name]
        mute["Resources"][name]["Properties"]["AlarmActions"] = []
        for mutant in (gone, mute):
            assert any(defect.startswith(f"{watched}: ") for defect in defects(mutant)), name


def _set(value: Any, *path: str) -> Callable[[Any], None]:
    def change(properties: Any) -> None:
        at = properties
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_set(1, "RedrivePolicy", "maxReceiveCount"), "tried too seldom"),
        (_set(14 * 24 * 3600, "MessageRetentionPeriod"), "not kept longer than itself"),
        (_set("alias/aws/sqs", "KmsMasterKeyId"), "not under the customer key"),
        (_set("patient-events", "QueueName"), "its name tells of a person"),
    ],
)
def test_each_queue_is_held_to_the_rules(template: Template, change: Callable[[Any], None], found: str) -> None:
    for name, queue in of_type(template, QUEUE).items():
        if "RedrivePolicy" in queue:
            mutant = copy.deepcopy(template)
            change(mutant["Resources"][name]["Properties"])
            assert any(defect.startswith(f"{name}: ") and found in defect for defect in defects(mutant))


ADDED: list[tuple[str, dict[str, Any], str]] = [
    (QUEUE, {}, "no dead-letter queue"),
    (QUEUE, {}, "not under the customer key"),
    (RULE, {"Targets": [{"Arn": {"Fn::GetAtt": ["Elsewhere", "Arn"]}}]}, "a target without a dead-letter queue"),
    (BUS, {"Name": "Second"}, "no dead-letter queue for what cannot be encrypted"),
    ("AWS::Scheduler::Schedule", {"Target": {"Arn": "a"}}, "a schedule without a dead-letter queue"),
    ("AWS::Pipes::Pipe", {"Source": {"Fn::GetAtt": ["T", "StreamArn"]}}, "a pipe without a dead-letter queue"),
    ("AWS::SNS::Subscription", {"Protocol": "sqs"}, "a subscription without a dead-letter queue"),
    ("AWS::Lambda::Permission", {"FunctionName": {"Ref": "F"}}, "asynchronously without a destination for failures"),
    ("AWS::Lambda::EventInvokeConfig", {"FunctionName": {"Ref": "F"}}, "without a destination for failures"),
    ("AWS::KinesisFirehose::DeliveryStream", {}, "nobody has said what a AWS::KinesisFirehose::DeliveryStream can lose"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "properties", "found"), ADDED)
def test_what_is_added_later_is_found(template: Template, kind: str, properties: dict[str, Any], found: str) -> None:
    template["Resources"]["Later"] = {"Type": kind, "Properties": properties}
    assert [defect for defect in defects(template) if defect.startswith("Later: ") and defect.endswith(found)]


STATE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Catch": [{"ErrorEquals": ["States.ALL"]}]}


def test_executions_that_nobody_looks_after_are_found(template: Template) -> None:
    for rule in of_type(template, RULE).values():
        if "EventPattern" in rule and "status" in rule["EventPattern"].get("detail", {}):
            rule["EventPattern"]["detail"]["status"] = ["FAILED"]
    for machine in of_type(template, "AWS::StepFunctions::StateMachine"):
        assert f"{machine}: nothing looks after an execution that ended as ABORTED" in defects(template)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ({**STATE, "Catch": []}, "nothing catches its failure, and it is not tried again"),
        ({**STATE, "Resource": "arn:aws:states:::sqs:sendMessage"}, "nobody has said what a call of sqs:sendMessage"),
        ({**STATE, "Parameters": {"InvocationType": "Event"}}, "invokes a function asynchronously"),
    ],
)
def test_a_step_of_a_machine_that_nobody_hears_of_is_found(
    template: Template, state: dict[str, Any], found: str
) -> None:
    inner = {"StartAt": "S", "States": {"S": state}}
    definition = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [inner]}}}
    machine = next(iter(of_type(template, "AWS::StepFunctions::StateMachine").values()))
    machine["DefinitionString"] = json.dumps(definition)
    assert [defect for defect in defects(template) if f": S: {found}" in defect]


def test_relay_reads_new_journal_entries_and_the_pulse_only(template: Template) -> None:
    (mapping,) = (each for each in of_type(template, MAPPING).values() if "StartingPosition" in each)
    assert [each["Pattern"] for each in mapping["FilterCriteria"]["Filters"]] == [
        '{"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "J#"}]}}}}',
        '{"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"pk": {"S": ["PULSE"]}}}}',
    ]
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


def test_a_rule_tries_as_long_and_as_often_as_eventbridge_can(template: Template) -> None:
    """A day and 185 times: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html."""
    for rule in of_type(template, RULE).values():
        for target in rule["Targets"]:
            assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


def test_reconcile_wakes_every_minute_and_when_an_execution_ends_badly(template: Template) -> None:
    rules = [each for each in of_type(template, RULE).values() if "EventBusName" not in each]
    assert [rule["ScheduleExpression"] for rule in rules if "ScheduleExpression" in rule] == ["rate(1 minute)"]
    (pattern,) = (rule["EventPattern"] for rule in rules if "EventPattern" in rule)
    assert pattern["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    (machine,) = pattern["detail"]["stateMachineArn"]
    assert text(machine["prefix"]).endswith(":stateMachine:Baton-")


def test_a_message_in_quarantine_rings(template: Template) -> None:
    """Intake counts each, by reason and altogether; an alarm watches one series only, the one without dimensions."""
    (alarm,) = (each for each in of_type(template, ALARM).values() if each["MetricName"] == "Quarantined")
    assert (alarm["Namespace"], alarm.get("Dimensions", []), alarm["Threshold"]) == ("Baton", [], 1)
    assert alarm["AlarmActions"]
    assert Measure("Quarantined", 1, "Count", {}) in measured("no_case")


@pytest.mark.parametrize("metric", ["FailedInvocations", "InvocationsFailedToBeSentToDlq"])
def test_each_rules_alarm_that_goes_missing_or_watches_another_bus_is_named(template: Template, metric: str) -> None:
    alarms = {name: alarm for name, alarm in of_type(template, ALARM).items() if alarm["MetricName"] == metric}
    assert len(alarms) == len(of_type(template, RULE))
    for name, alarm in alarms.items():
        said = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        watched, _ = rule_named(said["RuleName"])
        gone, elsewhere = copy.deepcopy(template), copy.deepcopy(template)
        del gone["Resources"][name]
        elsewhere["Resources"][name]["Properties"]["Dimensions"] = [{"Name": "RuleName", "Value": "another"}]
        for mutant in (gone, elsewhere):
            assert f"{watched}: nobody hears of {metric}" in defects(mutant)
        without = [{"Name": name, "Value": value} for name, value in said.items() if name != "EventBusName"]
        if len(without) < len(said):  # EventBridge says nothing under these dimensions of a rule on a bus of one's own
            elsewhere["Resources"][name]["Properties"]["Dimensions"] = without
            assert f"{watched}: nobody hears of {metric}" in defects(elsewhere)


def test_a_relay_that_stopped_rings_though_nothing_comes(template: Template) -> None:
    (mapping,) = (name for name, each in of_type(template, MAPPING).items() if "StartingPosition" in each)
    for alarm in of_type(template, ALARM).values():
        if alarm["MetricName"] == "Invocations":
            alarm["TreatMissingData"] = "notBreaching"
    assert f"{mapping}: nobody hears that it has stopped" in defects(template)


def test_no_worker_is_killed_by_the_looks_of_one_batch(template: Template) -> None:
    functions = of_type(template, "AWS::Lambda::Function")
    (mapping,) = (
        each for each in of_type(template, MAPPING).values() if "Reconcile" in (named(each["FunctionName"]) or "")
    )
    assert mapping["BatchSize"] * RUN_SECONDS < functions[named(mapping["FunctionName"]) or ""]["Timeout"] - 10


def test_a_row_that_can_never_be_looked_at_rings_and_goes_on_ringing(template: Template) -> None:
    """The sweep comes back to it when FAULT_SECONDS are over and its next minute has come."""
    (alarm,) = (each for each in of_type(template, ALARM).values() if each["MetricName"] == "SweepFaults")
    assert (alarm["Namespace"], alarm.get("Dimensions", []), alarm["EvaluationPeriods"]) == ("Baton", [], 1)
    assert alarm["Period"] // (FAULT_SECONDS + 60) >= alarm["Threshold"]
    assert Measure("SweepFaults", 2, "Count", {}) in not_looked_at(SweepFaults("two", [LookupError(), LookupError()]))


def test_what_calls_for_a_person_and_what_was_a_fault_of_ours_rings(template: Template) -> None:
    series = {
        (alarm["MetricName"], *((each["Name"], each["Value"]) for each in alarm.get("Dimensions", [])))
        for alarm in of_type(template, ALARM).values()
        if alarm.get("Namespace") == "Baton" and alarm["AlarmActions"]
    }
    assert {("UndoByHand",), ("TwoCasesAfterMerge",)} <= series
    assert {("Mended", ("what", "overdue")), ("Mended", ("what", "restarted"))} <= series


def test_every_failure_rings(template: Template) -> None:
    metrics = [
        (alarm["Namespace"], alarm["MetricName"], named(alarm["Dimensions"][0]["Value"]))
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        if alarm["AlarmActions"] and alarm.get("Dimensions")
    ]
    for function in of_type(template, "AWS::Lambda::Function"):
        assert {("AWS/Lambda", "Errors", function), ("AWS/Lambda", "Throttles", function)} <= set(metrics)
    for machine in of_type(template, "AWS::StepFunctions::StateMachine"):
        failures = {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"}
        assert {("AWS/States", name, machine) for name in failures} <= set(metrics)
    assert [metric for _, metric, _ in metrics].count("IteratorAge") == 1


def test_alarms_may_tell_the_topic_and_nobody_of_another_account_may(template: Template) -> None:
    (topic,) = of_type(template, "AWS::SNS::Topic")
    policies = statements(template, "AWS::SNS::TopicPolicy", topic, "Topics")
    (statement,) = [each for each in policies if each["Effect"] == "Allow"]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert named(statement["Resource"]) == topic
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_sweep_that_stopped_rings(template: Template) -> None:
    (alarm,) = (
        each
        for each in of_type(template, ALARM).values()
        if each["MetricName"] == "Invocations" and "Reconcile" in (named(each["Dimensions"][0]["Value"]) or "")
    )
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("LessThanThreshold", "breaching")
