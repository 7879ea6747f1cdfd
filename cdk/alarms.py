"""The alarms, all to one topic: what was given up, waits too long or fails, what only a person can put right, what was mended
and is a fault of ours all the same, and a sweep or a relay that stopped.

Each names its section of the runbook, docs/operating.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Aws, Duration, Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk.foundation import Foundation
from cdk.function import Function
from cdk.grants import Actor
from cdk.queues import DeadLetters, Rule, WorkQueue
from functions.cases.telemetry import NAMESPACE
from functions.reconcile.measures import FAULTS_OF_OURS
from functions.relay.measures import CALLS_FOR_A_PERSON

PERIOD = Duration.minutes(1)
STUCK = Duration.minutes(20)
"""A row that the sweep can never look at fails three times in this time; two rows that each failed once are no such row."""
RUNBOOK = "docs/operating.md"


class Alarms(Construct):
    """One alarm per thing that can go wrong, named for it. Whom the topic tells is the hospital's to say."""

    def __init__(
        self,
        scope: Construct,
        foundation: Foundation,
        *,
        functions: Sequence[Function],
        queues: Mapping[str, tuple[WorkQueue, Duration]],
        letters: Mapping[str, DeadLetters],
        machines: Mapping[str, stepfunctions.StateMachine],
    ) -> None:
        """`queues` are by name, each with the age of its oldest message that is too old; `letters` are by name too."""
        super().__init__(scope, "Alarms")
        self.topic = sns.Topic(self, "Topic", master_key=foundation.key, enforce_ssl=True)
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="FromAlarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        self._counted()
        for each in queues.values():
            for rule in each[0].rules:
                self._undelivered(rule)
        for name, queue in letters.items():
            visible = queue.queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum")
            self._alarm(f"{name} given up", "Dead letters wait for a person", visible, see=f"{name} given up")
        for name, (work, limit) in queues.items():
            age = work.queue.metric_approximate_age_of_oldest_message(period=PERIOD, statistic="Maximum")
            self._alarm(
                f"{name} waiting", "The oldest message waits too long", age, limit.to_seconds(), see=f"{name} waiting"
            )
        for function in functions:
            made, name = function.function, str(function.actor)
            errors, throttles = made.metric_errors(period=PERIOD), made.metric_throttles(period=PERIOD)
            self._alarm(f"{name} failing", "The function fails", errors, minutes=3, see="function failing")
            self._alarm(f"{name} throttled", "The function may not run", throttles, minutes=3, see="function throttled")
            if function.actor is Actor.RELAY:
                self._alarm(
                    "relay stopped",
                    "Not even the pulse of each minute comes out of the stream",
                    made.metric_invocations(period=PERIOD),
                    minutes=5,
                    below=True,
                    see="relay stopped",
                )
                lag = made.metric("IteratorAge", period=PERIOD, statistic="Maximum")
                self._alarm(
                    f"{name} behind",
                    "Journal entries wait (milliseconds)",
                    lag,
                    60_000,
                    minutes=3,
                    see=f"{name} behind",
                )
            if function.actor is Actor.RECONCILE:
                self._alarm(
                    "sweep stopped",
                    "Nothing looks for what is overdue or unfollowed",
                    made.metric_invocations(period=PERIOD),
                    minutes=5,
                    below=True,
                    see="sweep stopped",
                )
        for name, machine in machines.items():
            self._alarm(
                f"{name} failed",
                "An execution failed",
                machine.metric_failed(period=PERIOD),
                see="execution failed",
            )
            self._alarm(
                f"{name} timed out",
                "An execution timed out",
                machine.metric_timed_out(period=PERIOD),
                see="execution timed out",
            )
            self._alarm(
                f"{name} throttled",
                "Executions wait for AWS's limits",
                machine.metric_throttled(period=PERIOD),
                minutes=5,
                see="execution throttled",
            )

    def _counted(self) -> None:
        """What Baton itself counts; an alarm watches one series only, so each of these is counted without other dimensions."""
        self._alarm(
            "messages quarantined",
            "What could not be placed waits for a person",
            _ours("Quarantined"),
            see="messages quarantined",
        )
        self._alarm(
            "items failing",
            "Items of a batch fail, and are tried again",
            _ours("ItemsFailed"),
            minutes=3,
            see="items failing",
        )
        self._alarm(
            "cases not looked at",
            "The sweep cannot look at a case or a waiting event",
            _ours("SweepFaults", period=STUCK),
            3,
            see="cases not looked at",
        )
        for reason, metric in CALLS_FOR_A_PERSON.items():
            see = reason.replace("_", " ")
            self._alarm(see, "Nobody but a person can put this right, and it is nobody's task", _ours(metric), see=see)
        for what in FAULTS_OF_OURS:
            mended = _ours("Mended", what=str(what))
            self._alarm(f"mended {what}", "The sweep mended what should not have failed", mended, see=f"mended {what}")

    def _undelivered(self, rule: Rule) -> None:
        """What a rule could not deliver, and what it could not even leave as a dead letter: that is lost."""
        # Metrics of a rule on a bus of one's own bear the bus's name as well:
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html.
        name = Fn.select(1 if rule.bus is None else 2, Fn.split("/", rule.made.attr_arn))
        of = {"RuleName": name} if rule.bus is None else {"EventBusName": rule.bus, "RuleName": name}
        for metric, meaning in {
            "FailedInvocations": "EventBridge could not deliver",
            "InvocationsFailedToBeSentToDlq": "EventBridge could neither deliver nor leave a dead letter",
        }.items():
            self._alarm(
                f"{rule.made.node.id} {metric}",
                meaning,
                cloudwatch.Metric(
                    namespace="AWS/Events", metric_name=metric, dimensions_map=of, statistic="Sum", period=PERIOD
                ),
                see="events undelivered",
            )

    def _alarm(
        self,
        id: str,
        meaning: str,
        metric: cloudwatch.Metric,
        limit: float = 1,
        *,
        see: str,
        minutes: int = 1,
        below: bool = False,
    ) -> None:
        """Alarm when `metric` reaches `limit` in each of so many minutes; with `below`, when it does not, or says nothing.

        `see` is the heading in the runbook that says what to do.
        """
        operator = cloudwatch.ComparisonOperator
        treatment = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_description=f"{meaning}. What to do: {RUNBOOK}#{see.replace(' ', '-')}",
            metric=metric,
            threshold=limit,
            evaluation_periods=minutes,
            comparison_operator=(
                operator.LESS_THAN_THRESHOLD if below else operator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            ),
            treat_missing_data=treatment.BREACHING if below else treatment.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))


def _ours(name: str, *, period: Duration = PERIOD, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE, metric_name=name, dimensions_map=dimensions, statistic="Sum", period=period
    )
