"""One deployed stack for all tests of the whole: a night is played on it first, then it serves the others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from rich.console import Console

from local.agreement import Report
from local.demo.interference import Interference
from local.demo.run import night, policies
from local.stack import LocalStack

SETTLE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Night:
    """What was played, and what the report says of it."""

    stack: LocalStack
    report: Report


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """A night on a deployed stack, undisturbed. The stack goes on running until all tests are over."""
    with LocalStack(tmp_path_factory.mktemp("night"), policies()) as stack:
        report = night(stack, Console(file=sys.stderr, width=160), Interference(), SETTLE_SECONDS)
        yield Night(stack, report)
