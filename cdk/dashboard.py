"""The operations dashboard, generated from the definitions: first what is late, what is stuck and who is overloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk.function import Function
from cdk.grants import Actor
from cdk.parts import by_arrow, called, each
from cdk.published import Version
from cdk.queues import DeadLetters, WorkQueue
from cdk.series import Line, Search, at_facilities, counted_by, value
from cdk.widgets import PERIOD, graph, heading
from statemachines.decide import Outcome

OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.MOVED: "moved a case",
    Outcome.RECORDED: "recorded",
    Outcome.IGNORED: "needed nothing",
    Outcome.DEFERRED: "deferred",
    Outcome.HELD_EARLY: "early, held",
    Outcome.REFUSED: "refused",
}


class Dashboard(Construct):
    """One dashboard, named after the stack. Its titles fit a third of a screen, its lines are told apart by words."""

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
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Board",
            dashboard_name=Stack.of(self).stack_name,
            default_interval=Duration.hours(12),
            widgets=[
                [heading("What is late")],
                _late(versions),
                [heading("What is stuck")],
                _stuck(functions, queues, letters),
                [heading("Who is overloaded")],
                _overloaded(versions),
                [heading("What happens to events")],
                _events(),
                [heading("How cases move")],
                _moves(),
                _people(versions),
                [heading("What Baton mended by itself")],
                _mended(),
                [heading("What only a person can put right")],
                _by_hand(),
                [heading("What fails")],
                _failures(functions, versions, machines),
            ],
        )


def _late(versions: Sequence[Version]) -> list[cloudwatch.IWidget]:
    return [
        graph("Deadlines missed, by step and its owner", *each("DeadlinesMissed", "Sum", versions)),
        graph("Escalations, from step to step", *each("Escalations", "Sum", versions)),
        graph("Deadlines missed, by facility", at_facilities("DeadlinesMissed", "Sum", "missed")),
    ]


def _stuck(
    functions: Sequence[Function], queues: Mapping[str, WorkQueue], letters: Mapping[str, DeadLetters]
) -> list[cloudwatch.IWidget]:
    """Queues and dead letters bear the names that their alarms have in the runbook."""
    relay = next(function for function in functions if function.actor is Actor.RELAY)
    label = "until it is counted and told to others (relay)"
    lag = relay.function.metric("IteratorAge", period=PERIOD, statistic="Maximum", label=label)
    return [
        graph(
            "Oldest message that waits, seconds",
            *(
                work.queue.metric_approximate_age_of_oldest_message(period=PERIOD, statistic="Maximum", label=name)
                for name, work in queues.items()
            ),
        ),
        graph(
            "Given up, waiting for a person",
            *(
                letter.queue.metric_approximate_number_of_messages_visible(
                    period=PERIOD, statistic="Maximum", label=name
                )
                for name, letter in letters.items()
            ),
        ),
        graph(
            "Delay after a case changed, milliseconds",
            lag,
            at_facilities("FollowerLag", "Maximum", "until its execution knows"),
            at_facilities("EmrLag", "Maximum", "until the EMR shows it"),
        ),
    ]


def _overloaded(versions: Sequence[Version]) -> list[cloudwatch.IWidget]:
    """A task that is passed on or declined is counted for the role that has it then."""
    return [
        graph("Seconds until claimed, median, by role", *each("TimeToClaim", "p50", versions)),
        graph("Seconds until done, median, by step", *each("TimeToComplete", "p50", versions)),
        graph(
            "Passed on or declined, by the role it went to",
            *each("Reassignments", "Sum", versions, "passed on to "),
            *each("Declined", "Sum", versions, "declined, now "),
        ),
    ]


def _events() -> list[cloudwatch.IWidget]:
    return [
        graph(
            "Events, by what became of them",
            *(at_facilities(f"Outcome_{outcome}", "Sum", words) for outcome, words in OUTCOMES.items()),
        ),
        graph("Quarantined, by reason", counted_by("Quarantined", "reason", "kept, ")),
        graph(
            "Sent, counted or decided more than once",
            at_facilities("Duplicates", "Sum", "sent again by its sender"),
            at_facilities("Redelivered", "Sum", "perhaps counted twice"),
            at_facilities("LostRaces", "Sum", "decided again, another change came first"),
        ),
    ]


def _moves() -> list[cloudwatch.IWidget]:
    """By facility, a place where nothing moves any more shows; by arrow, one that is taken over and over."""
    return [
        graph("Hand-offs, by facility", at_facilities("HandOffs", "Sum", "handed off")),
        graph("Hand-offs, by arrow of the diagram", by_arrow("HandOffs", "Sum")),
        graph("Event to hand-off, ms (1 in 20 slower)", at_facilities("EventToHandOff", "p95", "until handed off")),
    ]


def _people(versions: Sequence[Version]) -> list[cloudwatch.IWidget]:
    """What was demanded in spite of a guard, what was refused, and what the EMR was told."""
    reason = f"refused, {value('reason')}, {value('workflow')}, version {value('version')}"
    return [
        graph("Overrides, from step to step", *each("Overrides", "Sum", versions)),
        graph("Refused, by reason", Search("Refusals", "Sum", reason, ("reason", "version", "workflow"))),
        graph(
            "Written to the EMR",
            at_facilities("WritebackWritten", "Sum", "written"),
            at_facilities("WritebackFailed", "Sum", "refused by the EMR"),
        ),
    ]


def _mended() -> list[cloudwatch.IWidget]:
    return [
        graph("Mended by the sweep, by what it found", counted_by("Mended", "what", "mended, ")),
        graph(
            "Routed to others, executions replaced",
            at_facilities("Reroutings", "Sum", "task not seen, routed to another"),
            at_facilities("Repairs", "Sum", "execution ended too early, replaced"),
            at_facilities("Continuations", "Sum", "execution grew old, continued in another"),
        ),
        graph(
            "Put right in the EMR",
            at_facilities("EmrTasksMended", "Sum", "changed by others, written again"),
            at_facilities("EmrDuplicatesRetired", "Sum", "duplicate retired"),
        ),
    ]


def _by_hand() -> list[cloudwatch.IWidget]:
    return [
        graph(
            "To be undone by hand; two cases of a patient",
            at_facilities("UndoByHand", "Sum", "undo by hand"),
            at_facilities("TwoCasesAfterMerge", "Sum", "two cases after a merge"),
        ),
        graph(
            "Cases and waiting events not looked at",
            Line("SweepFaults", "Sum", "could not be looked at by the sweep"),
        ),
        graph("Failed tries of single messages", counted_by("ItemsFailed", "function", "failed in ")),
    ]


def _failures(
    functions: Sequence[Function], versions: Sequence[Version], machines: Mapping[str, stepfunctions.StateMachine]
) -> list[cloudwatch.IWidget]:
    """Executions bear their state machine's name as well: the runbook's commands want it."""
    words = {version.name: f"{called(version)} ({version.name})" for version in versions}
    return [
        graph(
            "Function errors",
            *(f.function.metric_errors(period=PERIOD, label=str(f.actor)) for f in functions),
        ),
        graph(
            "Executions that failed or timed out",
            *(
                metric
                for name, machine in machines.items()
                for metric in (
                    machine.metric_failed(period=PERIOD, label=f"failed: {words[name]}"),
                    machine.metric_timed_out(period=PERIOD, label=f"timed out: {words[name]}"),
                )
            ),
        ),
        graph(
            "Function duration, ms (1 in 20 slower)",
            *(f.function.metric_duration(period=PERIOD, statistic="p95", label=str(f.actor)) for f in functions),
        ),
    ]
