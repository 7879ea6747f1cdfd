"""A queue under the customer key with its dead-letter queue, and EventBridge rules that deliver to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.foundation import KEPT, Foundation
from cdk.function import Function

LONGEST = Duration.days(14)
"""SQS keeps a message no longer. Dead letters are kept so long, counted from when they were first sent."""

WAITS = Duration.days(7)
"""How long a message waits to be worked off. Half of LONGEST: one that becomes a dead letter on its last day is kept as long again."""


class DeadLetters(Construct):
    """A queue for what could not be handled. Emptying it needs a person: whoever reads it sees patients' data."""

    def __init__(self, scope: Construct, id: str, foundation: Foundation, *, fifo: bool = False) -> None:
        super().__init__(scope, id)
        self.queue = _queue(self, foundation, fifo=fifo, retention_period=LONGEST)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that delivers to a queue. ``bus`` is the name of its bus; None: the account's default bus."""

    made: events.CfnRule
    bus: str | None


class WorkQueue(Construct):
    """A queue that one function works off, and its dead letters."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        foundation: Foundation,
        *,
        function_timeout: Duration,
        receives: int,
        fifo: bool = False,
    ) -> None:
        """`receives` is how often a message may be tried, about once per `function_timeout` plus 5 s, before it is a dead letter."""
        super().__init__(scope, id)
        self.rules: list[Rule] = []
        self.letters = DeadLetters(self, "DeadLetters", foundation, fifo=fifo)
        self.queue = _queue(
            self,
            foundation,
            fifo=fifo,
            retention_period=WAITS,
            # Barely longer than the function can run, so that what a killed worker held is tried again soon. The usual six
            # times is for mappings without a concurrency limit, which receive more than they can hand over.
            visibility_timeout=Duration.seconds(function_timeout.to_seconds() + 5),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.letters.queue, max_receive_count=receives),
        )

    def feed(self, function: Function, *, batch: int, concurrency: int) -> None:
        """Let `function` work the queue off, `batch` messages at a time, up to `concurrency` at once (2 or more)."""
        lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=function.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=batch,
            max_concurrency=concurrency,
            report_batch_item_failures=True,
        )

    def take(
        self,
        id: str,
        *,
        description: str,
        bus: str | None = None,
        pattern: Mapping[str, object] | None = None,
        schedule: str | None = None,
    ) -> None:
        """Let an EventBridge rule deliver here what matches `pattern`, or a message on `schedule`.

        What it cannot deliver becomes a dead letter. `bus` is a bus's name; without it, it is the account's default bus.
        """
        made = events.CfnRule(
            self,
            id,
            description=description,
            event_bus_name=bus,
            event_pattern=pattern,
            schedule_expression=schedule,
            targets=[
                events.CfnRule.TargetProperty(
                    id="Queue",
                    arn=self.queue.queue_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.letters.queue.queue_arn),
                    # As long and as often as EventBridge can.
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=24 * 3600, maximum_retry_attempts=185
                    ),
                )
            ],
        )
        self.rules.append(Rule(made, bus))
        for queue in (self.queue, self.letters.queue):
            allow_events(queue, [made.attr_arn], sid=f"From{id}")


def allow_events(queue: sqs.Queue, sources: Sequence[str], sid: str) -> None:
    """Let EventBridge send to `queue` for the rules or buses with these ARNs, and for no others."""
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            sid=sid,
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": list(sources)}},
        )
    )


def _queue(
    scope: Construct,
    foundation: Foundation,
    *,
    fifo: bool,
    retention_period: Duration,
    visibility_timeout: Duration | None = None,
    dead_letter_queue: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    return sqs.Queue(
        scope,
        "Queue",
        # A queue that is not FIFO must not say so at all.
        fifo=True if fifo else None,
        deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if fifo else None,
        fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if fifo else None,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=foundation.key,
        enforce_ssl=True,
        retention_period=retention_period,
        visibility_timeout=visibility_timeout,
        dead_letter_queue=dead_letter_queue,
        removal_policy=KEPT,
    )
