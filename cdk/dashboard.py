"""The operations dashboard, generated from the definitions: first what is late, what is stuck and who is overloaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk.function import Function
from cdk.grants import Actor
from cdk.published import Version
from cdk.queues import DeadLetters, WorkQueue

NAMESPACE: Final = "Baton"
PERIOD = Duration.minutes(5)
WIDTH: Final = 24
"""Of a dashboard, in CloudWatch's units."""


class By(StrEnum):
    """What a metric is told apart by, beside workflow and version: the last dimension of its first dimension set."""

    STATE = "state"
    TRANSITION = "transition"
    ROLE = "role"


BY_FACILITY: Final = ("facility", "workflow")
"""The second dimension set of those metrics, and the only one of all others. Never a patient, a case or a person."""

METRICS: Final[Mapping[str, By]] = {
    "HandOffs": By.TRANSITION,
    "Escalations": By.TRANSITION,
    "Overrides": By.TRANSITION,
    "TimeToComplete": By.STATE,
    "DeadlinesMissed": By.STATE,
    "TimeToClaim": By.ROLE,
    "Reassignments": By.ROLE,
}
"""The metrics shown step by step, arrow by arrow or role by role. The times are in seconds."""

OUTCOMES: Final = ("moved", "recorded", "ignored", "deferred", "held_early", "refused")


class Dashboard(Construct):
    """One dashboard, named after the stack."""

    def __init__(
        self,
        scope: Construct,
        *,
        versions: Sequence[Version],
        functions: Sequence[Function],
        queues: Mapping[str, WorkQueue],
        letters: Mapping[str, DeadLetters],
        machines: Mapping[str, stepfunctions.StateMachine],
    ) -> None:
        super().__init__(scope, "Dashboard")
        self._versions = versions
        relay = next(function for function in functions if function.actor is Actor.RELAY)
        lag = relay.function.metric("IteratorAge", period=PERIOD, statistic="Maximum", label="journal to relay")
        rows = [
            [_title("What is late")],
            [
                self._each("Deadlines missed, by step and its owner", "DeadlinesMissed", "Sum"),
                self._each("Escalations, by arrow", "Escalations", "Sum"),
                _facilities("Deadlines missed, by facility", ("DeadlinesMissed", "Sum")),
            ],
            [_title("What is stuck")],
            [
                _graph(
                    "Waiting longest, seconds",
                    [
                        work.queue.metric_approximate_age_of_oldest_message(
                            period=PERIOD, statistic="Maximum", label=name
                        )
                        for name, work in queues.items()
                    ],
                ),
                _graph(
                    "Given up, waiting for a person",
                    [
                        queue.queue.metric_approximate_number_of_messages_visible(
                            period=PERIOD, statistic="Maximum", label=name
                        )
                        for name, queue in letters.items()
                    ],
                ),
                _graph(
                    "Behind the journal, milliseconds",
                    [lag],
                    _search("FollowerLag", "Maximum"),
                    _search("EmrLag", "Maximum"),
                ),
            ],
            [_title("Who is overloaded")],
            [
                self._each("Time until claimed, seconds (half are slower), by role", "TimeToClaim", "p50"),
                self._each(
                    "Time until done, seconds (half are slower), by step and its owner", "TimeToComplete", "p50"
                ),
                self._each("Passed on to someone else, by role", "Reassignments", "Sum"),
            ],
            [_title("What happens to events")],
            [
                _facilities("Events, by what became of them", *((f"Outcome_{outcome}", "Sum") for outcome in OUTCOMES)),
                _graph(
                    "Quarantined, by reason; sent twice; perhaps counted twice",
                    [],
                    _search("Quarantined", "Sum", by=("reason",)),
                    _search("Duplicates", "Sum"),
                    _search("Redelivered", "Sum"),
                ),
                _facilities("Written to the EMR", ("WritebackWritten", "Sum"), ("WritebackFailed", "Sum")),
            ],
            [
                self._each("Hand-offs, by arrow", "HandOffs", "Sum"),
                _facilities("From event to hand-off, milliseconds (1 in 20 slower)", ("EventToHandOff", "p95")),
                self._each("Overrides, by arrow", "Overrides", "Sum"),
            ],
            [_title("What Baton mended by itself, and whom it refused")],
            [
                _graph("Mended by the sweep, by what", [], _search("Mended", "Sum", by=("what",))),
                _facilities(
                    "Routed anew, executions replaced or repaired",
                    *((name, "Sum") for name in ("Reroutings", "Repairs", "Continuations")),
                ),
                _facilities(
                    "Undone in the EMR by others, and written again; duplicates retired; refused",
                    *((name, "Sum") for name in ("EmrTasksMended", "EmrDuplicatesRetired", "Refusals")),
                ),
            ],
            [_title("What only a person can put right")],
            [
                _facilities(
                    "To be undone by hand; two cases after a merge",
                    ("UndoByHand", "Sum"),
                    ("TwoCasesAfterMerge", "Sum"),
                ),
                _graph("Rows that the sweep could not look at", [_total("SweepFaults")]),
                _graph(
                    "Items of batches that failed, by function", [], _search("ItemsFailed", "Sum", by=("function",))
                ),
            ],
            [_title("What fails")],
            [
                _graph(
                    "Function errors", [f.function.metric_errors(period=PERIOD, label=str(f.actor)) for f in functions]
                ),
                _graph(
                    "Executions that failed or timed out",
                    [
                        metric
                        for name, machine in machines.items()
                        for metric in (
                            machine.metric_failed(period=PERIOD, label=f"{name} failed"),
                            machine.metric_timed_out(period=PERIOD, label=f"{name} timed out"),
                        )
                    ],
                ),
                _graph(
                    "Function duration, milliseconds (1 in 20 slower)",
                    [f.function.metric_duration(period=PERIOD, statistic="p95", label=str(f.actor)) for f in functions],
                ),
            ],
        ]
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Board",
            dashboard_name=Stack.of(self).stack_name,
            default_interval=Duration.hours(12),
            widgets=rows,
        )

    def _each(self, title: str, metric: str, statistic: str) -> cloudwatch.IWidget:
        """A graph with one line for each step, arrow or role of each version."""
        lines = {By.STATE: _steps, By.TRANSITION: _arrows, By.ROLE: _roles}[METRICS[metric]]
        return _graph(
            title,
            [
                _metric(metric, statistic, version, value, f"{version.name} {label}")
                for version in self._versions
                for value, label in lines(version)
            ],
        )


def _steps(version: Version) -> Iterator[tuple[str, str]]:
    for state in version.waiting_states:
        yield state.name, f"{state.title} ({state.owner})"


def _arrows(version: Version) -> Iterator[tuple[str, str]]:
    for transition in version.definition.transitions:
        yield transition.id, transition.id


def _roles(version: Version) -> Iterator[tuple[str, str]]:
    for role in version.definition.roles:
        yield role.code, role.title


def _metric(name: str, statistic: str, version: Version, value: str, label: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        statistic=statistic,
        period=PERIOD,
        label=label,
        dimensions_map={
            "workflow": version.definition.workflow,
            "version": str(version.definition.version),
            str(METRICS[name]): value,
        },
    )


def _total(name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(namespace=NAMESPACE, metric_name=name, statistic="Sum", period=PERIOD)


def _search(name: str, statistic: str, *, by: Sequence[str] = BY_FACILITY) -> cloudwatch.MathExpression:
    """A metric at every facility. Facilities register with a running system, so they are searched for, not listed."""
    schema = ",".join((NAMESPACE, *by))
    expression = f"SEARCH('{{{schema}}} MetricName=\"{name}\"', '{statistic}', {PERIOD.to_seconds()})"
    return cloudwatch.MathExpression(expression=expression, label="", period=PERIOD, using_metrics={})


def _facilities(title: str, *metrics: tuple[str, str]) -> cloudwatch.IWidget:
    return _graph(title, [], *(_search(name, statistic) for name, statistic in metrics))


def _graph(
    title: str, metrics: Sequence[cloudwatch.Metric], *searches: cloudwatch.MathExpression
) -> cloudwatch.IWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=[*metrics, *searches],
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        width=WIDTH // 3,
        height=6,
    )


def _title(text: str) -> cloudwatch.IWidget:
    return cloudwatch.TextWidget(markdown=f"## {text}", width=WIDTH, height=1)
