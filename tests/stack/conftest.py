"""One deployed stack for all tests of the whole: a night is played on it first, then it serves the others."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from rich.console import Console

from cdk.grants import FUNCTIONS, Actor
from functions.cases.rows import CaseRow
from functions.cases.table import Item
from local.agreement import Report
from local.demo.interference import Interference
from local.demo.run import PACE, night, policies
from local.emr.faults import FaultMode
from local.stack import LocalStack
from tests.stack.lambdas import Lambdas

SETTLE_SECONDS = 120.0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "faults: takes a night of its own, or seconds for little more; `make test-faults` runs these"
    )


@dataclass(frozen=True, slots=True)
class Night:
    """What was played, and what there was to see when it was over."""

    stack: LocalStack
    report: Report
    rows: Mapping[str, CaseRow]
    """The cases by the name of their facility and their number there, oldest first, as in northfield-1."""
    journals: Mapping[str, list[Item]]
    """By the same names."""
    logs: Mapping[Actor, str]
    refused_by_emr: int
    """How many requests the EMR answered with an error because it was told to."""

    def lines(self, function: Actor, message: str) -> list[dict[str, Any]]:
        """What a function logged under a message."""
        lines = (json.loads(line) for line in self.logs[function].splitlines() if line.startswith('{"level"'))
        return [line for line in lines if line["message"] == message]


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """A night on a deployed stack, undisturbed. The stack goes on running until all tests are over."""
    began = time.time()
    with LocalStack(tmp_path_factory.mktemp("night"), policies()) as stack:
        report = night(stack, Console(file=sys.stderr, width=160), Interference(), SETTLE_SECONDS)
        lambdas = Lambdas(stack.aws)
        rows = {
            f"{facility}-{number}": row
            for facility in PACE
            for number, row in enumerate(stack.connection.cases([facility]), start=1)
        }
        yield Night(
            stack,
            report,
            rows,
            {name: stack.connection.journal(row.id) for name, row in rows.items()},
            {function: lambdas.log(function, began) for function in FUNCTIONS},
            stack.emr.faults.injected().get(FaultMode.STATUS, 0),
        )
