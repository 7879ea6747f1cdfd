"""Whatever dies in the middle of a night, everything tells the same story in the end. Run by `make test-faults`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from cdk.grants import FUNCTIONS, Actor
from local.agreement import Report
from local.demo.interference import RESTARTS, Interference
from local.demo.run import PACE, night, policies
from local.stack import LocalStack
from tests.stack.lambdas import name

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(900)]

SETTLE_SECONDS = 300.0
"""What a killed worker held comes again when its message becomes visible, and a write to the EMR when its lease is over."""


def disturbed(folder: Path, interference: Interference) -> tuple[Report, str]:
    """A night of its own stack, with something going wrong in the middle; and what was said of it: by the log of the embedded
    AWS, and by the histories of executions, whose tasks are invoked without a word in the log.
    """
    with LocalStack(folder, policies()) as stack:
        report = night(stack, Console(file=sys.stderr, width=160), interference, SETTLE_SECONDS)
        states = stack.aws.client("stepfunctions")
        said = [stack.aws.log.read_text(errors="replace")]
        for machine in states.list_state_machines()["stateMachines"]:
            for execution in states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
                history = states.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)
                said.append(json.dumps(history["events"], default=str))
        return report, "\n".join(said)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_workers_that_die_at_work_leave_no_trace(tmp_path: Path, function: Actor) -> None:
    interference = Interference(kill=function)
    report, said = disturbed(tmp_path / "night", interference)
    assert interference.killed, f"no worker of {function} was at work when it was to be killed"
    died = f"worker execution error for {name(function)}" in said or "Worker process died" in said
    assert died, "those that were killed had nothing in hand"
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
