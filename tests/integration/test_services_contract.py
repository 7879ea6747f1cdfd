"""The services of the simulation and of the crash harness keep what AWS's promise, and promise no more."""

from __future__ import annotations

import pytest

from tests.contract.executions import PortContract, Service, StartContract, StepContract, TokenContract
from tests.contract.queues import (
    DeduplicationIntervalContract,
    FifoContract,
    Make,
    QueueContract,
    RedriveContract,
    Redriven,
)
from tests.contract.rehearsed import RehearsedQueue, RehearsedService, RehearsedStream
from tests.contract.simulated import SimulatedQueue, SimulatedService, SimulatedStream
from tests.contract.stream import Stream, StreamContract
from tests.simulation.dice import Fault


def _simulated(*faults: Fault) -> Make:
    return lambda *, fifo=False, hides=False: SimulatedQueue(*faults, fifo=fifo)  # noqa: ARG005 - time is virtual


def _rehearsed(*, fifo: bool = False, hides: bool = False) -> RehearsedQueue:  # noqa: ARG001 - time is virtual
    return RehearsedQueue(fifo=fifo)


_QUEUES: dict[str, Make] = {
    "simulation": _simulated(),
    "simulation, disorderly": _simulated(Fault.DELIVERED_TWICE, Fault.DELAYED),
    "crash": _rehearsed,
}


class TestQueue(QueueContract):
    @pytest.fixture(params=list(_QUEUES))
    def make(self, request: pytest.FixtureRequest) -> Make:
        return _QUEUES[request.param]


class TestRedrive(RedriveContract):
    @pytest.fixture(params=[(), (Fault.DELIVERED_TWICE, Fault.DELAYED)], ids=["simulation", "simulation, disorderly"])
    def redriven(self, request: pytest.FixtureRequest) -> Redriven:
        return SimulatedQueue(*request.param)


class TestFifo(FifoContract):
    @pytest.fixture(params=list(_QUEUES))
    def make(self, request: pytest.FixtureRequest) -> Make:
        return _QUEUES[request.param]


class TestDeduplicationInterval(DeduplicationIntervalContract):
    @pytest.fixture(params=["simulation", "crash"])
    def make(self, request: pytest.FixtureRequest) -> Make:
        return _QUEUES[request.param]


class TestStream(StreamContract):
    @pytest.fixture(params=["simulation", "simulation, disorderly", "crash"])
    def stream(self, request: pytest.FixtureRequest) -> Stream:
        match request.param:
            case "simulation":
                return SimulatedStream()
            case "crash":
                return RehearsedStream()
            case _:
                return SimulatedStream(Fault.STREAM_AGAIN, Fault.STREAM_LATE)


@pytest.fixture(params=["simulation", "simulation, slow", "crash"])
def service(request: pytest.FixtureRequest) -> Service:
    """Each Step Functions in turn."""
    match request.param:
        case "simulation":
            return SimulatedService()
        case "crash":
            return RehearsedService()
        case _:
            return SimulatedService(Fault.SLOW_EXECUTION)


class TestStart(StartContract):
    pass


class TestTokens(TokenContract):
    pass


class TestSteps(StepContract):
    pass


class TestPort(PortContract):
    pass
