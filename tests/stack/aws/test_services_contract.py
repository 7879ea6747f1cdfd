"""The services of the embedded AWS keep the promises that the simulation and the crash harness rely on.

MiniStack by itself does not: it passes by its wrappers in local/aws/server/fidelity (a time limit from the input, a new token for
each attempt, a spent token's error, a start that is idempotent, a stopped execution, the errors of a function by their class,
a stream's retries). What it never does is held to AWS's documentation alone, in tests/integration: an index that lags, a
record or a message that comes twice, several shards, and the end of the five minutes in which an id is taken once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from local.aws.embedded import EmbeddedAws
from tests.contract.embedded import EmbeddedQueue, EmbeddedService, EmbeddedStream
from tests.contract.executions import PortContract, Service, StartContract, StepContract, TokenContract
from tests.contract.queues import FifoContract, Make, QueueContract, RedriveContract, Redriven
from tests.contract.stream import Stream, StreamContract

pytestmark = pytest.mark.stack


@pytest.fixture
def make(whole: EmbeddedAws) -> Make:
    """Makes queues."""
    return lambda *, fifo=False, hides=False: EmbeddedQueue(whole, fifo=fifo, hides=hides)


class TestQueue(QueueContract):
    pass


class TestRedrive(RedriveContract):
    @pytest.fixture
    def redriven(self, whole: EmbeddedAws) -> Redriven:
        return EmbeddedQueue(whole)


class TestFifo(FifoContract):
    pass


class TestStream(StreamContract):
    @pytest.fixture
    def stream(self, whole: EmbeddedAws, tmp_path: Path) -> Stream:
        return EmbeddedStream(whole, tmp_path)


@pytest.fixture
def service(whole: EmbeddedAws, tmp_path: Path) -> Service:
    """Step Functions and a function."""
    return EmbeddedService(whole, tmp_path)


class TestStart(StartContract):
    pass


class TestTokens(TokenContract):
    pass


class TestSteps(StepContract):
    pass


class TestPort(PortContract):
    pass
