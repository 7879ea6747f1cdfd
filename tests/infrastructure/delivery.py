"""Finds in a template whatever could lose something silently, by looking at every resource there is.

What is added later is found too: a type of resource that no rule knows is a defect until somebody has said what it can lose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.template import (
    Allowed,
    Resource,
    Template,
    allowed,
    many,
    named,
    of_type,
    role_of,
    statements,
    text,
    words,
)

RULE = "AWS::Events::Rule"
BUS = "AWS::Events::EventBus"
QUEUE = "AWS::SQS::Queue"
MAPPING = "AWS::Lambda::EventSourceMapping"
MACHINE = "AWS::StepFunctions::StateMachine"
SCHEDULE = "AWS::Scheduler::Schedule"
PIPE = "AWS::Pipes::Pipe"
SUBSCRIPTION = "AWS::SNS::Subscription"
ASYNCHRONOUS = "AWS::Lambda::EventInvokeConfig"
ALARM = "AWS::CloudWatch::Alarm"

DELIVERING = frozenset(
    {RULE, BUS, QUEUE, MAPPING, MACHINE, SCHEDULE, PIPE, SUBSCRIPTION, ASYNCHRONOUS, "AWS::Lambda::Permission"}
)
"""What passes something on; the rules below look at each."""

PASSIVE = frozenset(
    {
        ALARM,
        "AWS::CDK::Metadata",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::SecretsManager::Secret",
    }
)
"""What passes nothing on by itself: whoever takes something out of it is in DELIVERING."""

DAY = 24 * 3600
TELLING = frozenset({"patient", "mrn", "birth", "dob", "ssn", "person", "encounter", "name"})
UNDELIVERED = ("FailedInvocations", "InvocationsFailedToBeSentToDlq")
LEAST_RECEIVES = 3
"""A worker that is killed, and one deployment, must not make a dead letter."""


def defects(template: Template) -> list[str]:
    """Everything that could be lost silently, in words that begin with what loses it."""
    return [
        *_of_unknown_types(template),
        *_of_queues(template),
        *_of_rules(template),
        *_of_buses(template),
        *_of_mappings(template),
        *_of_asynchrony(template),
        *_of_schedules(template),
        *_of_pipes(template),
        *_of_subscriptions(template),
        *_of_machines(template),
    ]


def dead_letter_queues(template: Template) -> set[str]:
    """The logical ids of all queues that something names as the place for what it could not deliver."""
    return {name for name, _ in _letters(template) if name is not None}


def _letters(template: Template) -> Iterator[tuple[str | None, str]]:
    """What is named as a place for failures, and by whom, wherever in a template it is named."""
    for owner, resource in template["Resources"].items():
        if resource["Type"] in DELIVERING:
            yield from ((name, owner) for name in _named_for_failures(resource.get("Properties", {})))


def _named_for_failures(value: Any) -> Iterator[str | None]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            if key in ("DeadLetterConfig", "OnFailure") and isinstance(below, Mapping):
                yield named(below.get("Arn", below.get("Destination")))
            elif key == "RedrivePolicy" and isinstance(below, Mapping):
                yield named(below.get("deadLetterTargetArn"))
            else:
                yield from _named_for_failures(below)
    elif isinstance(value, list):
        for below in value:
            yield from _named_for_failures(below)


def _of_unknown_types(template: Template) -> Iterator[str]:
    for name, resource in template["Resources"].items():
        if resource["Type"] not in DELIVERING | PASSIVE:
            yield f"{name}: nobody has said what a {resource['Type']} can lose"


def _of_queues(template: Template) -> Iterator[str]:
    queues, letters = of_type(template, QUEUE), dead_letter_queues(template)
    for missing, owner in _letters(template):
        if missing is not None and missing not in queues:
            yield f"{owner}: its dead-letter queue {missing} does not exist"
    for name, queue in queues.items():
        yield from _of_any_queue(template, name, queue)
        if name in letters:
            yield from _of_dead_letters(template, name, queue)
        else:
            yield from _of_source(template, name, queue)


def _of_any_queue(template: Template, name: str, queue: Resource) -> Iterator[str]:
    if named(queue.get("KmsMasterKeyId")) not in of_type(template, "AWS::KMS::Key"):
        yield f"{name}: not under the customer key"
    if words(f"{name} {queue.get('QueueName', '')}") & TELLING:
        yield f"{name}: its name tells of a person"


def _of_dead_letters(template: Template, name: str, queue: Resource) -> Iterator[str]:
    if "RedrivePolicy" in queue:
        yield f"{name}: dead letters go on to another queue"
    if not alarmed(template, name, "ApproximateNumberOfMessagesVisible"):
        yield f"{name}: dead letters without an alarm"
    if _kept(queue) != 14 * DAY:
        yield f"{name}: dead letters are not kept as long as they can be"


def _of_source(template: Template, name: str, queue: Resource) -> Iterator[str]:
    letters = of_type(template, QUEUE).get(named(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")) or "")
    if "RedrivePolicy" not in queue:
        yield f"{name}: no dead-letter queue"
    elif letters is not None:
        if letters.get("FifoQueue") != queue.get("FifoQueue"):
            yield f"{name}: its dead-letter queue is of another kind"
        if not _kept(queue) < _kept(letters):
            # A dead letter's age counts from when it was first sent: kept no longer, it would be gone when it arrives.
            yield f"{name}: its dead letters are not kept longer than itself"
        if not LEAST_RECEIVES <= queue["RedrivePolicy"].get("maxReceiveCount", 0) <= 1000:
            yield f"{name}: its messages are tried too seldom, or for ever"
    if not alarmed(template, name, "ApproximateAgeOfOldestMessage"):
        yield f"{name}: nobody hears that messages wait"


def _kept(queue: Resource) -> int:
    return int(queue.get("MessageRetentionPeriod", 4 * DAY))


def alarmed(template: Template, queue: str, metric: str) -> bool:
    """Whether somebody is told when this metric of the queue is too high."""
    return any(
        alarm.get("MetricName") == metric
        and alarm.get("AlarmActions")
        and alarm.get("ActionsEnabled", True)
        and named(alarm["Dimensions"][0]["Value"]) == queue
        for alarm in of_type(template, ALARM).values()
    )


def _rings(alarm: Resource) -> bool:
    return bool(alarm.get("AlarmActions") and alarm.get("ActionsEnabled", True))


def _undelivered_rings(template: Template, rule: str, metric: str) -> bool:
    """Whether somebody is told what EventBridge says of this rule alone, under the dimensions that it says it with."""
    bus = of_type(template, RULE)[rule].get("EventBusName")
    wanted = {"RuleName"} if bus is None else {"RuleName", "EventBusName"}
    for alarm in of_type(template, ALARM).values():
        if (alarm.get("Namespace"), alarm.get("MetricName")) == ("AWS/Events", metric) and _rings(alarm):
            said = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
            if rule_named(said.get("RuleName")) == (rule, bus is None) and set(said) == wanted:
                return said.get("EventBusName") == bus
    return False


def rule_named(value: Any) -> tuple[str | None, bool]:
    """The rule whose name is cut out of its ARN, and whether as that of one on the default bus: rule/NAME, else rule/BUS/NAME."""
    if not isinstance(value, Mapping) or "Fn::Select" not in value:
        return None, False
    index, parts = value["Fn::Select"]
    separator, arn = parts["Fn::Split"]
    assert separator == "/"
    return named(arn), int(index) == 1


def _of_rules(template: Template) -> Iterator[str]:
    for name, rule in of_type(template, RULE).items():
        for metric in UNDELIVERED:
            if not _undelivered_rings(template, name, metric):
                yield f"{name}: nobody hears of {metric}"
        for target in rule["Targets"]:
            letters = named(target.get("DeadLetterConfig", {}).get("Arn"))
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
            for arn in many(statement["Condition"]["ArnEquals"]["aws:SourceArn"]):
                if named(arn) == source or str(arn).find(source) >= 0:
                    return bool(statement["Action"] == "sqs:SendMessage")
    return False


def _silence_rings(template: Template, function: str) -> bool:
    """Whether somebody is told when the function is not invoked any more. A queue that is not worked off says so itself."""
    return any(
        (alarm.get("Namespace"), alarm.get("MetricName")) == ("AWS/Lambda", "Invocations")
        and _rings(alarm)
        and named(alarm["Dimensions"][0]["Value"]) == function
        and (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("LessThanThreshold", "breaching")
        for alarm in of_type(template, ALARM).values()
    )


def _of_mappings(template: Template) -> Iterator[str]:
    functions, queues = of_type(template, "AWS::Lambda::Function"), of_type(template, QUEUE)
    for name, mapping in of_type(template, MAPPING).items():
        function = functions[named(mapping["FunctionName"]) or ""]
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: one bad message fails its whole batch"
        source = text(mapping["EventSourceArn"])
        queue = queues.get(named(mapping["EventSourceArn"]) or "")
        if queue is not None:
            if queue["VisibilityTimeout"] < function["Timeout"]:
                yield f"{name}: a message is delivered again while it is still worked on"
            if "MaximumConcurrency" not in mapping.get("ScalingConfig", {}):
                yield f"{name}: unbounded"
            continue
        if not _silence_rings(template, named(mapping["FunctionName"]) or ""):
            yield f"{name}: nobody hears that it has stopped"
        if "StreamArn" not in source:
            yield f"{name}: nobody has said what a mapping of {source} can lose"
        letters = named(mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        if letters is None:
            yield f"{name}: nobody hears of records that were given up"
        elif Allowed("sqs:SendMessage", f"<{letters}.Arn>") not in set(allowed(role_of(template, function))):
            yield f"{name}: its function's role may not send to its dead-letter queue"
        if not mapping.get("BisectBatchOnFunctionError") or mapping.get("MaximumRetryAttempts", -1) < 0:
            yield f"{name}: one bad record holds up its shard for a day"
        if not 0 < mapping.get("MaximumRecordAgeInSeconds", -1) < DAY:
            yield f"{name}: a record may leave the stream before it is given up"


def _of_asynchrony(template: Template) -> Iterator[str]:
    """Services that invoke a function without waiting need a permission on it; nobody hears of what then fails."""
    heard = set()
    for name, config in of_type(template, ASYNCHRONOUS).items():
        if named(config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")) is None:
            yield f"{name}: asynchronous invocations without a destination for failures"
        else:
            heard.add(named(config["FunctionName"]))
    for name, permission in of_type(template, "AWS::Lambda::Permission").items():
        if named(permission["FunctionName"]) not in heard:
            yield f"{name}: invokes a function asynchronously without a destination for failures"


def _of_schedules(template: Template) -> Iterator[str]:
    for name, schedule in of_type(template, SCHEDULE).items():
        if named(schedule["Target"].get("DeadLetterConfig", {}).get("Arn")) is None:
            yield f"{name}: a schedule without a dead-letter queue"


def _of_pipes(template: Template) -> Iterator[str]:
    for name, pipe in of_type(template, PIPE).items():
        if named(pipe["Source"]) not in of_type(template, QUEUE) and not list(
            _named_for_failures(pipe.get("SourceParameters", {}))
        ):
            yield f"{name}: a pipe without a dead-letter queue"


def _of_subscriptions(template: Template) -> Iterator[str]:
    for name, subscription in of_type(template, SUBSCRIPTION).items():
        if named(subscription.get("RedrivePolicy", {}).get("deadLetterTargetArn")) is None:
            yield f"{name}: a subscription without a dead-letter queue"


def _of_machines(template: Template) -> Iterator[str]:
    """A step that fails is tried again or caught; an execution that fails rings and wakes the sweep; nothing is sent off unheard."""
    ended = {
        status
        for rule in of_type(template, RULE).values()
        if rule.get("EventPattern", {}).get("detail-type") == ["Step Functions Execution Status Change"]
        for status in rule["EventPattern"]["detail"]["status"]
    }
    for name, machine in of_type(template, MACHINE).items():
        definition = machine["DefinitionString"]
        for step, state in steps(json.loads(definition if isinstance(definition, str) else text(definition))):
            if state["Type"] == "Task":
                yield from (f"{name}: {step}: {fault}" for fault in _of_step(state))
        for status in sorted({"FAILED", "TIMED_OUT", "ABORTED"} - ended):
            yield f"{name}: nothing looks after an execution that ended as {status}"
        for metric in ("ExecutionsFailed", "ExecutionsTimedOut"):
            if not alarmed(template, name, metric):
                yield f"{name}: nobody hears of {metric}"


def _of_step(state: Mapping[str, Any]) -> Iterator[str]:
    calls = str(state["Resource"]).rpartition(":::")[2]
    if calls not in ("lambda:invoke", "lambda:invoke.waitForTaskToken"):
        yield f"nobody has said what a call of {calls} can lose"
    if state.get("Parameters", state.get("Arguments", {})).get("InvocationType", "RequestResponse") == "Event" and (
        calls == "lambda:invoke"
    ):
        yield "invokes a function asynchronously without a destination for failures"
    heeded = {error for each in (*state.get("Catch", ()), *state.get("Retry", ())) for error in each["ErrorEquals"]}
    if not heeded & {"States.ALL", "States.TaskFailed"}:
        yield "nothing catches its failure, and it is not tried again"


def steps(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every state of a state machine, those of its branches and maps too."""
    for name, state in definition["States"].items():
        yield name, state
        for inner in (*state.get("Branches", ()), state.get("ItemProcessor", state.get("Iterator"))):
            if inner is not None:
                yield from steps(inner)
