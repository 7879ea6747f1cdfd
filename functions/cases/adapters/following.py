"""The executions port in memory: executions that follow cases as the generated state machines do, on a clock of their own.

For tests and for replays: what waits is parked under a token, a deadline fires when the clock passes it, a step of the system
is performed at once. Each execution keeps the path of states it visited.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from functions.cases.follow import REWAIT, deadline, park
from functions.cases.ports import Services, Signal
from functions.cases.rows import SUPERSEDED, Park
from statemachines.definition import Definition, StateKind

Perform = Callable[[Services, str, int, int, str], Signal]
"""Performs a system step: (services, case, generation, visit, work) → the execution's next input."""


_STARTED = 3  # ExecutionStarted, and the Choice of the state to begin in
_WAITS = 4  # TaskStateEntered, TaskScheduled, TaskStarted, TaskSubmitted
_WOKEN = 4  # TaskSucceeded, TaskStateExited, and the Choice of the arrow
_TIMED_OUT = 2  # TaskTimedOut, TaskStateExited
_ASKED = 7  # TaskStateEntered, TaskScheduled, TaskStarted, TaskSucceeded, TaskStateExited, and the Choice of the arrow
_ENDED = 3  # SucceedStateEntered, SucceedStateExited, ExecutionSucceeded


@dataclass
class Execution:
    """One execution: its status, the states it visited in order, what it waits for, and how long its history is.

    ``visits`` are the case's visits by number, beside ``path``; ``events`` counts what AWS Step Functions writes to the
    history of an execution in which nothing has to be tried again.
    """

    definition: Definition
    status: str = "RUNNING"
    path: list[str] = field(default_factory=list)
    visits: list[int] = field(default_factory=list)
    events: int = _STARTED
    token: str | None = None
    waits: tuple[str, int, int, int] | None = None


class FollowingExecutions:
    """Every execution there is. ``run`` lets them act; nothing happens in between, as in a service that lags."""

    def __init__(self, definitions: Mapping[tuple[str, int], Definition], perform: Perform) -> None:
        self.services: Services | None = None
        self.executions: dict[tuple[str, int], Execution] = {}
        self._definitions = definitions
        self._perform = perform
        self._tokens: dict[str, tuple[str, int]] = {}
        self._inputs: list[tuple[tuple[str, int], Signal]] = []
        self._timers: list[tuple[float, int, str]] = []
        self._count = itertools.count(1)

    # ── the port ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, workflow: str, version: int, case: str, generation: int, signal: Signal) -> None:
        """See Executions.start."""
        if (case, generation) in self.executions:
            return
        self.executions[case, generation] = Execution(self._definitions[workflow, version])
        self._inputs.append(((case, generation), signal))

    def succeed(self, token: str, signal: Signal) -> None:
        """See Executions.succeed."""
        name = self._tokens.pop(token, None)
        if name is None or self.executions[name].token != token:
            return
        self.executions[name].token = None
        self.executions[name].events += _WOKEN
        self._inputs.append((name, signal))

    def status(self, workflow: str, version: int, case: str, generation: int) -> str | None:
        """See Executions.status."""
        execution = self.executions.get((case, generation))
        return execution.status if execution is not None else None

    def followed(self, case: str) -> list[str]:
        """The states that a case's executions visited; a visit at which one took over from another counts once."""
        path: list[str] = []
        last, generation = 0, 1
        while (execution := self.executions.get((case, generation))) is not None:
            for visit, state in zip(execution.visits, execution.path, strict=True):
                if visit > last:
                    path.append(state)
                    last = visit
            generation += 1
        return path

    # ── the service ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def next_timer(self) -> float | None:
        """When the next deadline fires, in epoch seconds."""
        while self._timers and self._tokens.get(self._timers[0][2]) is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def run(self, *, limit: int = 10_000) -> None:
        """Let every execution act until all wait, and fire the deadlines that are past by the services' clock."""
        services = self._services()
        for _ in range(limit):
            if self._inputs:
                name, signal = self._inputs.pop(0)
                self._enter(name, signal)
                continue
            due = self.next_timer()
            if due is None or due > services.now():
                return
            self._time_out(heapq.heappop(self._timers)[2])
        raise RuntimeError(f"executions did not come to rest in {limit} steps")

    def _services(self) -> Services:
        if self.services is None:
            raise RuntimeError("give the executions their services first")
        return self.services

    def _enter(self, name: tuple[str, int], signal: Signal) -> None:
        execution = self.executions[name]
        if execution.status != "RUNNING":
            return
        if signal["transition"] == SUPERSEDED:
            execution.status = "SUCCEEDED"
            execution.events += _ENDED
            return
        state = execution.definition.state(str(signal["state"]))
        if signal["transition"] != REWAIT:
            execution.path.append(state.name)
            execution.visits.append(int(signal["visit"]))
        case, generation, visit = str(signal["case"]), int(signal["generation"]), int(signal["visit"])
        services = self._services()
        if state.kind is StateKind.END:
            execution.status = "SUCCEEDED"
            execution.events += _ENDED
        elif state.kind is StateKind.SYSTEM and state.work is not None:
            execution.events += _ASKED
            self._inputs.append((name, self._perform(services, case, generation, visit, state.work.name)))
        else:
            token = f"token-{next(self._count)}"
            self._tokens[token] = name
            execution.token = token
            execution.events += _WAITS
            execution.waits = (case, generation, visit, int(signal["entry"]))
            heapq.heappush(self._timers, (services.now() + int(signal["timeout"]), next(self._count), token))
            park(services, case, Park(generation, visit, int(signal["entry"]), 0, token))

    def _time_out(self, token: str) -> None:
        name = self._tokens.pop(token, None)
        if name is None:
            return
        execution = self.executions[name]
        if execution.token != token or execution.waits is None:
            return
        execution.token = None
        execution.events += _TIMED_OUT + _ASKED
        case, generation, visit, entry = execution.waits
        self._inputs.append((name, deadline(self._services(), case, generation, visit, entry)))
