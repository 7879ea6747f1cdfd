"""Whatever dies in the middle of a night, everything tells the same story in the end. Run by `make test-faults`."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from cdk.grants import FUNCTIONS, Actor
from local.agreement import Report
from local.aws.embedded import EmbeddedAws
from local.demo.interference import RESTARTS, Interference
from local.demo.run import PACE, night, policies
from local.stack import LocalStack
from tests.stack.aws import support
from tests.stack.lambdas import Invocation, Lambdas, invocations

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(900)]

SETTLE_SECONDS = 300.0
"""What a killed worker held comes again when its message becomes visible, and a write to the EMR when its lease is over."""


def disturbed(folder: Path, interference: Interference) -> tuple[Report, Mapping[Actor, list[Invocation]]]:
    """A night of its own stack, with something going wrong in the middle; and each function's invocations in it."""
    with LocalStack(folder, policies()) as stack:
        began = time.time()
        report = night(stack, Console(file=sys.stderr, width=160), interference, SETTLE_SECONDS)
        lambdas = Lambdas(stack.aws)
        return report, {function: invocations(lambdas.log(function, began)) for function in FUNCTIONS}


def cut_off(function: Actor, invoked: Sequence[Invocation]) -> list[Invocation]:
    """The invocations that were killed with work in hand, as the function's own log tells.

    An invocation that was killed had been handed an event. That is work for every function but one: relay is also handed the
    pulse, of which it prints nothing. What it held comes again in its next invocation, so that one tells what it was.
    """
    if function is not Actor.RELAY:
        return [invocation for invocation in invoked if invocation.died]
    return [
        killed
        for killed, again in pairwise(invoked)
        if killed.died and any('"message":"relayed"' in line for line in again.printed)
    ]


def test_a_worker_is_heard_to_have_died_only_if_it_was_at_work(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with EmbeddedAws(tmp_path / "aws") as aws, ThreadPoolExecutor(1) as caller:
        function = support.function(
            aws,
            """
            import pathlib, time
            def handler(event, context):
                if event:
                    pathlib.Path(event["begun"]).touch()
                    time.sleep(20)
            """,
        )
        support.invoke(aws, function)
        assert len(aws.kill_worker(function)) == 1, "nobody waited for work"
        support.eventually(lambda: not aws.workers(function))
        support.invoke(aws, function)
        at_work = caller.submit(support.invoke, aws, function, {"begun": str(begun)})
        support.eventually(begun.exists)
        assert len(aws.kill_worker(function)) == 1
        assert at_work.result()["errorType"] == "Runtime.ExitError"
        events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    assert [each.died for each in invocations("\n".join(event["message"] for event in events))] == [False, False, True]


def test_a_relay_that_died_with_nothing_but_the_pulse_had_no_work_in_hand() -> None:
    relayed = Invocation("other", ('{"level":"INFO","message":"relayed"}',))
    died, silent = Invocation("first", ("Worker process died",)), Invocation("again", ())
    assert cut_off(Actor.RELAY, [died, silent, relayed]) == []
    assert cut_off(Actor.RELAY, [relayed, silent]) == []
    assert cut_off(Actor.RELAY, [silent, died, relayed]) == [died]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_workers_that_die_at_work_leave_no_trace(tmp_path: Path, function: Actor) -> None:
    interference = Interference(kill=function)
    report, invoked = disturbed(tmp_path / "night", interference)
    assert interference.killed, f"no worker of {function} was at work when it was to be killed"
    assert cut_off(function, invoked[function]), "those that were killed had nothing in hand"
    assert report.agrees, report.as_json()


def test_an_emr_that_is_away_is_brought_up_to_date(tmp_path: Path) -> None:
    report, _ = disturbed(tmp_path / "night", Interference(emr_down_seconds=20.0))
    assert report.agrees, report.as_json()


@pytest.mark.parametrize("emr_down_seconds", [0.0, 20.0], ids=["AWS", "AWS and EMR"])
def test_a_stack_that_was_stopped_goes_on_where_it_was(tmp_path: Path, emr_down_seconds: float) -> None:
    interference = Interference(emr_down_seconds=emr_down_seconds, restart_aws=True)
    with LocalStack(tmp_path / "night", policies(), persist=True) as stack:
        report = night(stack, Console(file=sys.stderr, width=160), interference, SETTLE_SECONDS)
        rows = stack.connection.cases(PACE)
    assert len(interference.restarted) == RESTARTS
    assert any(row.generation > 1 for row in rows), (
        "every execution outlived it: none was lost, so none had to be replaced"
    )
    assert report.agrees, report.as_json()
