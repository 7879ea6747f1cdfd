"""Step Functions: the published state machines, interpreted as the Amazon States Language defines them.

Retry, Catch, task tokens and time limits are those of the AWS Step Functions guide; jitter is left out, so that a run is the
same each time.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from statemachines import published
from tests.crash.tape import Crash

Invoke = Callable[[str, dict[str, Any]], Any]
"""Invokes a Lambda function by its name. Raises what it raises; Crash when its process died."""


def error(code: str, kind: type[ClientError] = ClientError) -> ClientError:
    """An error as the client raises it."""
    return kind({"Error": {"Code": code, "Message": code}}, "call")


class ExecutionAlreadyExists(ClientError):
    """See the Step Functions API."""


class ExecutionDoesNotExist(ClientError):
    """See the Step Functions API."""


class _Errors:
    ClientError = ClientError
    ExecutionAlreadyExists = ExecutionAlreadyExists
    ExecutionDoesNotExist = ExecutionDoesNotExist


@dataclass
class Execution:
    """One execution: where it stands, with which data, and when it goes on.

    ``path`` are the workflow's states it entered,
    ``visits`` the case's visits beside them."""

    name: str
    states: Mapping[str, Any]
    workflow_states: frozenset[str]
    at: str
    data: Any
    input: str
    due: float | None
    status: str = "RUNNING"
    path: list[str] = field(default_factory=list)
    visits: list[int] = field(default_factory=list)
    token: str | None = None
    times_out_at: float | None = None
    retries: dict[int, int] = field(default_factory=dict)
    entered: bool = False
    tries: int = 0
    """How often it has invoked a function; only the last one's answer is heard."""

    @property
    def next_at(self) -> float | None:
        """When it acts by itself, in epoch seconds."""
        if self.status != "RUNNING":
            return None
        return self.due if self.due is not None else self.times_out_at


class StepFunctions:
    """What a client sees of the service; ``act`` lets the execution that is due act."""

    exceptions = _Errors

    def __init__(self, invoke: Invoke, now: Callable[[], float]) -> None:
        self._invoke, self._now = invoke, now
        self.executions: dict[str, Execution] = {}
        self.ended: list[tuple[str, str]] = []
        """Executions that ended other than well, since somebody last looked."""
        self._machines: dict[str, tuple[Mapping[str, Any], frozenset[str]]] = {}
        self._tokens = itertools.count(1)
        self._given: set[str] = set()

    # ── what a client can call ───────────────────────────────────────────────────────────────────────────────────────────

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803
        """See the Step Functions API."""
        arn = f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"
        existing = self.executions.get(arn)
        if existing is not None:
            if existing.input == input and existing.status == "RUNNING":
                return {"executionArn": arn}
            raise error("ExecutionAlreadyExists", ExecutionAlreadyExists)
        machine, names = self._machine(stateMachineArn.rpartition(":")[2])
        self.executions[arn] = Execution(
            name, machine["States"], names, machine["StartAt"], json.loads(input), input, self._now()
        )
        return {"executionArn": arn}

    def send_task_success(self, *, taskToken: str, output: str) -> dict[str, Any]:  # noqa: N803
        """See the Step Functions API."""
        for execution in self.executions.values():
            if execution.token == taskToken and execution.status == "RUNNING":
                self._leave(execution, json.loads(output))
                return {}
        raise error("TaskTimedOut" if taskToken in self._given else "InvalidToken")

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        """See the Step Functions API."""
        execution = self.executions.get(executionArn)
        if execution is None:
            raise error("ExecutionDoesNotExist", ExecutionDoesNotExist)
        return {"executionArn": executionArn, "name": execution.name, "status": execution.status}

    def stop_execution(self, *, executionArn: str, **_: str) -> dict[str, Any]:  # noqa: N803
        """See the Step Functions API."""
        execution = self.executions.get(executionArn)
        if execution is None:
            raise error("ExecutionDoesNotExist", ExecutionDoesNotExist)
        self._end(execution, "ABORTED")
        return {}

    # ── what happens to it ───────────────────────────────────────────────────────────────────────────────────────────────

    def give_up_a_try(self, name: str) -> None:
        """The function that an execution has invoked is late: it is at work still, and nobody hears what it answers."""
        execution = next(e for e in self.executions.values() if e.name == name)
        execution.tries += 1
        self._failed(execution, "States.Timeout")

    # ── the service ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def next_at(self) -> float | None:
        """When the next execution acts, in epoch seconds."""
        return min((at for e in self.executions.values() if (at := e.next_at) is not None), default=None)

    def act(self) -> None:
        """Let one execution that is due act: enter its state, try again, or time out."""
        now = self._now()
        execution = next(e for e in self.executions.values() if e.next_at is not None and e.next_at <= now)
        if execution.due is not None:
            self._enter(execution)
        else:
            execution.token, execution.times_out_at = None, None
            self._failed(execution, "States.Timeout")

    def _machine(self, name: str) -> tuple[Mapping[str, Any], frozenset[str]]:
        if name not in self._machines:
            workflow, _, version = name.removeprefix("baton-").rpartition("-v")
            if (workflow, int(version)) not in published.versions():
                raise error("StateMachineDoesNotExist")
            text = (published.folder(workflow, int(version)) / "asl.json").read_text()
            definition = published.published(workflow, int(version))
            self._machines[name] = json.loads(text), frozenset(s.name for s in definition.states)
        return self._machines[name]

    def _enter(self, execution: Execution) -> None:
        state = execution.states[execution.at]
        if not execution.entered:
            execution.entered, execution.retries = True, {}
            if execution.at in execution.workflow_states and execution.data.get("transition") != "rewait":
                execution.path.append(execution.at)
                execution.visits.append(int(execution.data["visit"]))
        execution.due = None
        match state["Type"]:
            case "Choice":
                taken = (
                    c["Next"] for c in state["Choices"] if _path(c["Variable"], execution, {}) == c["StringEquals"]
                )
                self._go(execution, next(taken, state["Default"]))
            case "Succeed":
                self._end(execution, "SUCCEEDED")
            case "Fail":
                self._end(execution, "FAILED")
            case "Task":
                self._task(execution, state)
            case other:
                raise NotImplementedError(f"the interpreter does not know the ASL state type {other}")

    def _task(self, execution: Execution, state: Mapping[str, Any]) -> None:
        waits = state["Resource"].endswith(".waitForTaskToken")
        context: dict[str, Any] = {"State": {"RetryCount": sum(execution.retries.values())}, "Task": {}}
        token = None
        if waits:
            token = f"token-{next(self._tokens)}"
            context["Task"] = {"Token": token}
            execution.token = token
            self._given.add(token)
            execution.times_out_at = self._now() + float(_path(state["TimeoutSecondsPath"], execution, context))
        parameters = _filled(state["Parameters"], execution, context)
        function = re.fullmatch(r"\$\{(\w+)FunctionArn\}", parameters["FunctionName"])
        assert function is not None, parameters["FunctionName"]
        execution.tries = this_try = execution.tries + 1
        try:
            answer = self._invoke(function[1].lower(), json.loads(json.dumps(parameters["Payload"])))
        except (Exception, Crash) as failure:  # noqa: BLE001 - whatever it was, the service only sees that the function failed
            if (waits and execution.token != token) or execution.tries != this_try:
                return  # its token was used before it died: the task has succeeded; or it is another try's by now
            execution.token = execution.times_out_at = None
            self._failed(execution, "Lambda.Unknown" if isinstance(failure, Crash) else type(failure).__name__)
            return
        if not waits and execution.tries == this_try:
            self._leave(execution, json.loads(json.dumps(answer)))

    def _leave(self, execution: Execution, output: Any) -> None:
        execution.token = execution.times_out_at = None
        execution.data = output
        self._go(execution, execution.states[execution.at]["Next"])

    def _failed(self, execution: Execution, name: str) -> None:
        state = execution.states[execution.at]
        for number, retry in enumerate(state.get("Retry", ())):
            if _matches(retry["ErrorEquals"], name):
                done = execution.retries.get(number, 0)
                if done < retry["MaxAttempts"]:
                    execution.retries[number] = done + 1
                    pause = retry["IntervalSeconds"] * retry["BackoffRate"] ** done
                    execution.due = self._now() + min(pause, retry.get("MaxDelaySeconds", pause))
                    return
                break
        for catch in state.get("Catch", ()):
            if _matches(catch["ErrorEquals"], name):
                assert catch["ResultPath"] is None
                self._go(execution, catch["Next"])
                return
        self._end(execution, "FAILED")

    def _go(self, execution: Execution, to: str) -> None:
        execution.at, execution.entered, execution.due = to, False, self._now()

    def _end(self, execution: Execution, status: str) -> None:
        execution.status, execution.due, execution.token, execution.times_out_at = status, None, None, None
        if status != "SUCCEEDED":
            self.ended.append((execution.name, status))


def _matches(patterns: list[str], name: str) -> bool:
    return (
        name in patterns or "States.ALL" in patterns or ("States.TaskFailed" in patterns and name != "States.Timeout")
    )


def _path(path: str, execution: Execution, context: Mapping[str, Any]) -> Any:
    found: Any = context if path.startswith("$$.") else execution.data
    for part in path.lstrip("$").removeprefix(".").split("."):
        found = found[part]
    return found


def _filled(template: Any, execution: Execution, context: Mapping[str, Any]) -> Any:
    if not isinstance(template, dict):
        return template
    return {
        name.removesuffix(".$"): _path(value, execution, context)
        if name.endswith(".$")
        else _filled(value, execution, context)
        for name, value in template.items()
    }
