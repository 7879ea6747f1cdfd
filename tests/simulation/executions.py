"""Step Functions in memory: the published state machines, run as they are, with the service's rules about tokens and retries.

States are those that the compiler writes: Choice, Task (with and without a token), Succeed and Fail, in JSONPath. Sources: AWS
Step Functions developer guide, on wait for callback with task token, on error handling, and API reference of the calls.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.simulation.clock import Clock
from tests.simulation.dice import Fault
from tests.simulation.outages import Service

Invoke = Callable[[str, Mapping[str, Any]], Any]
"""Runs a function: (what for, payload) → its answer. Raises when the function failed."""

FOLLOW_SECONDS = 15.0
DESCRIBE_LAGS_SECONDS = 5.0
RUNNING = "RUNNING"
TIMER_SECONDS, TIMER_LATE_SECONDS = 1.0, 600.0
"""So late a timer fires, and one that is late."""


class Entered(NamedTuple):
    """A state of the workflow that an execution entered, for a visit; ``again``: it had not left it, and waits anew."""

    visit: int
    state: str
    again: bool


@dataclass(slots=True)
class Execution:
    """One execution. ``serial`` is that of its present attempt; what another attempt says is of no interest any more."""

    name: str
    workflow: str
    states: Mapping[str, Any]
    data: dict[str, Any]
    started: str
    status: str = RUNNING
    state: str = ""
    serial: int = 0
    retries: dict[int, int] = field(default_factory=dict)
    token: str | None = None
    fires_at: float | None = None
    ended_at: float | None = None
    path: list[Entered] = field(default_factory=list)


class _Exceptions:
    """What a client of Step Functions knows by name."""

    class ExecutionAlreadyExists(ClientError):
        """The name was used, with another input."""

    class ExecutionDoesNotExist(ClientError):
        """No execution has that ARN."""

    class StateMachineDoesNotExist(ClientError):
        """No state machine has that ARN."""

    ClientError = ClientError


def _error(code: str) -> Any:
    return {"Error": {"Code": code, "Message": code}}


class StepFunctions:
    """The service, and the client that the adapter calls."""

    exceptions = _Exceptions

    def __init__(
        self,
        clock: Clock,
        states: Mapping[str, frozenset[str]],
        machines: Mapping[str, Mapping[str, Any]],
        invoke: Invoke,
        ended: Callable[[str], None],
    ) -> None:
        """``machines`` by name, as published; ``states``: those of the workflow in each. ``ended`` is told who did not finish."""
        self.executions: dict[str, Execution] = {}
        """By name, which in Baton says all: no two machines have executions of the same one."""
        self.inputs: list[str] = []
        self._clock = clock
        self._states = states
        self._machines = machines
        self._invoke, self._ended = invoke, ended
        self._by_arn: dict[str, Execution] = {}
        self._tokens: dict[str, tuple[Execution, int]] = {}

    # ── the client ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        """StartExecution: the same name with the same input is the same execution while it runs, else it is refused."""
        machine = stateMachineArn.rpartition(":")[2]
        self._reach("StartExecution", machine)
        arn = f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"
        existing = self._by_arn.get(arn)
        if existing is not None:
            if existing.status == RUNNING and existing.started == input:
                return {"executionArn": arn}
            raise _Exceptions.ExecutionAlreadyExists(_error("ExecutionAlreadyExists"), "StartExecution")
        self.inputs.append(name + input)
        if machine not in self._machines:
            raise _Exceptions.StateMachineDoesNotExist(_error("StateMachineDoesNotExist"), "StartExecution")
        states = self._machines[machine]
        execution = Execution(name, machine, states["States"], json.loads(input), input)
        self.executions[name] = self._by_arn[arn] = execution
        self._go(execution, states["StartAt"])
        self._did("StartExecution")
        return {"executionArn": arn}

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803 - AWS's names
        """SendTaskSuccess: only for the token of the present attempt."""
        self._reach("SendTaskSuccess", taskToken.partition(":")[0])
        self.inputs.append(output)
        execution, serial = self._tokens.get(taskToken, (None, 0))
        if execution is None:
            raise ClientError(_error("InvalidToken"), "SendTaskSuccess")
        if execution.serial != serial or execution.token is None or execution.status != RUNNING:
            raise ClientError(_error("TaskTimedOut"), "SendTaskSuccess")
        self._leave(execution, json.loads(output))
        self._did("SendTaskSuccess")

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        """DescribeExecution."""
        self._reach("DescribeExecution", executionArn.split(":")[-2])
        execution = self._by_arn.get(executionArn)
        if execution is None:
            raise _Exceptions.ExecutionDoesNotExist(_error("ExecutionDoesNotExist"), "DescribeExecution")
        return {"status": RUNNING if self._lags(execution) else execution.status}

    def _lags(self, execution: Execution) -> bool:
        # DescribeExecution is eventually consistent (AWS Step Functions API reference).
        key, dice = zlib.crc32(execution.name.encode()), self._clock.dice
        if execution.ended_at is None or not dice.hit(Fault.SLOW_EXECUTION, key, 0):
            return False
        return self._clock.now < execution.ended_at + DESCRIBE_LAGS_SECONDS * dice.part(key, 0)

    def stop_execution(self, *, executionArn: str) -> None:  # noqa: N803 - AWS's names
        """StopExecution."""
        self._reach("StopExecution", executionArn.split(":")[-2])
        if executionArn not in self._by_arn:
            raise _Exceptions.ExecutionDoesNotExist(_error("ExecutionDoesNotExist"), "StopExecution")
        self._end(self._by_arn[executionArn], "ABORTED")
        self._did("StopExecution")

    def _reach(self, what: str, machine: str) -> None:
        self._clock.reach(what)
        if self._clock.away(Service.EXECUTIONS, machine):
            raise ClientError(_error("ServiceUnavailable"), what)
        if self._clock.hit(Fault.SIGNAL_FAILS, what):
            raise ClientError(_error("ThrottlingException"), what)

    def _did(self, what: str) -> None:
        self._clock.reached(what)

    # ── the service ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _go(self, execution: Execution, state: str) -> None:
        """Enter a state, a little later."""
        execution.state, execution.retries = state, {}
        serial = execution.serial = execution.serial + 1
        execution.token = execution.fires_at = None
        key, dice = zlib.crc32(execution.name.encode()), self._clock.dice
        wait = 0.03 + 0.1 * dice.part(key, serial)
        if dice.hit(Fault.SLOW_EXECUTION, key, serial):
            wait += 90 * dice.part(key, serial + 1)
        self._clock.after(wait, lambda: self._enter(execution, serial))

    def _enter(self, execution: Execution, serial: int) -> None:
        while execution.serial == serial and execution.status == RUNNING:
            state = execution.states[execution.state]
            match state["Type"]:
                case "Choice":
                    execution.state = next(
                        (
                            choice["Next"]
                            for choice in state["Choices"]
                            if execution.data[choice["Variable"][2:]] == choice["StringEquals"]
                        ),
                        state["Default"],
                    )
                case "Succeed":
                    if execution.state in self._states[execution.workflow]:
                        self._arrive(execution)
                    execution.status, execution.ended_at = "SUCCEEDED", self._clock.now
                case "Fail":
                    self._end(execution, "FAILED")
                case "Task":
                    if execution.state in self._states[execution.workflow]:
                        self._arrive(execution)
                    self._attempt(execution)
                    return
                case kind:
                    raise AssertionError(kind)

    def _arrive(self, execution: Execution) -> None:
        data = execution.data
        execution.path.append(Entered(data["visit"], execution.state, data["transition"] == "rewait"))
        key = zlib.crc32(execution.name.encode())
        if self._clock.dice.hit(Fault.EXECUTION_ENDS, key, execution.serial):
            part = self._clock.dice.part(key, execution.serial)
            status = ("FAILED", "TIMED_OUT", "ABORTED")[int(3 * part)]
            self._clock.after(300 * part * part, lambda: self._end(execution, status))

    def _end(self, execution: Execution, status: str) -> None:
        if execution.status != RUNNING:
            return
        execution.status, execution.token, execution.fires_at = status, None, None
        execution.ended_at = self._clock.now
        execution.serial += 1
        self._clock.note(f"execution {execution.name} ends: {status}")
        self._ended(execution.name)

    def _attempt(self, execution: Execution) -> None:
        """Begin an attempt of a task: a new token where it waits for one, and an invocation of its function."""
        state = execution.states[execution.state]
        serial = execution.serial = execution.serial + 1
        waits = state["Resource"].endswith(".waitForTaskToken")
        context = {"$$.State.RetryCount": sum(execution.retries.values())}
        if waits:
            execution.token = context["$$.Task.Token"] = f"{execution.workflow}:{execution.name}/{serial}"  # type: ignore[assignment]
            self._tokens[execution.token] = (execution, serial)
            seconds = execution.data[state["TimeoutSecondsPath"][2:]]
        else:
            seconds = state["TimeoutSeconds"]
        execution.fires_at = self._clock.now + seconds
        payload = {
            name.removesuffix(".$"): value
            if not name.endswith(".$")
            else context[value]
            if value.startswith("$$")
            else execution.data[value[2:]]
            for name, value in state["Parameters"]["Payload"].items()
        }
        key, dice = zlib.crc32(execution.name.encode()), self._clock.dice
        late = TIMER_SECONDS * dice.part(key, serial)
        if waits and dice.hit(Fault.TIMER_LATE, key, serial):
            late = TIMER_LATE_SECONDS * dice.part(key, serial + 1) ** 2
        if not waits or not dice.hit(Fault.TIMER_LOST, key, serial):
            fires = execution.fires_at + late
            self._clock.at(fires, lambda: self._failed(execution, serial, "States.Timeout"), idle=True)
        if dice.hit(Fault.INVOCATION_THROTTLED, key, serial):
            self._clock.after(0.1, lambda: self._failed(execution, serial, "Lambda.TooManyRequestsException"))
            return
        wait = 0.02 + 0.2 * dice.part(key, serial)
        if dice.hit(Fault.LATE_INVOCATION, key, serial):
            self._clock.after(wait, lambda: self._failed(execution, serial, "Lambda.SdkClientException"))
            wait += 20 * dice.part(key, serial + 1)
        self._clock.after(wait, lambda: self._call(execution, serial, payload, waits))

    def _call(self, execution: Execution, serial: int, payload: Mapping[str, Any], waits: bool) -> None:
        self.inputs.append(repr(payload))
        try:
            answer = self._invoke(f"{payload['action']} {execution.name}/{serial}", payload)
        except Exception as error:  # noqa: BLE001 - a function's own exception is an error name to the state machine
            self._failed(execution, serial, type(error).__name__)
            return
        if not waits and execution.serial == serial and execution.status == RUNNING:
            self._leave(execution, answer)

    def _leave(self, execution: Execution, data: dict[str, Any]) -> None:
        execution.data = data
        self._go(execution, execution.states[execution.state]["Next"])

    def _failed(self, execution: Execution, serial: int, error: str) -> None:
        """An attempt failed: it is tried again, or caught, or ends the execution."""
        if execution.serial != serial or execution.status != RUNNING:
            return
        state = execution.states[execution.state]
        for number, retrier in enumerate(state.get("Retry", ())):
            if _matches(retrier["ErrorEquals"], error):
                done = execution.retries.get(number, 0)
                if done < retrier["MaxAttempts"]:
                    longest = min(
                        retrier["IntervalSeconds"] * retrier["BackoffRate"] ** done,
                        retrier["MaxDelaySeconds"],
                    )
                    execution.retries[number] = done + 1
                    execution.serial += 1
                    execution.token = execution.fires_at = None
                    self._later(execution, longest)
                    return
                break
        for catcher in state.get("Catch", ()):
            if _matches(catcher["ErrorEquals"], error):
                self._go(execution, catcher["Next"])
                return
        self._end(execution, "FAILED")

    def _later(self, execution: Execution, longest: float) -> None:
        serial = execution.serial
        part = self._clock.dice.part(zlib.crc32(execution.name.encode()), serial)
        self._clock.after(longest * part, lambda: self._again(execution, serial))

    def _again(self, execution: Execution, serial: int) -> None:
        if execution.serial == serial and execution.status == RUNNING:
            self._attempt(execution)


def _matches(names: list[str], error: str) -> bool:
    return error in names or "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")
