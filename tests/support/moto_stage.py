"""Executions in moto's interpreter of the Amazon States Language, which is independent of the embedded AWS's.

It runs in this process: where it would invoke a Lambda function, it calls the use case. Not to be had from it (moto 5.2): a
stopped execution that does nothing more, and cheap waits, since each is a thread of its own.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from functions.cases.adapters.memory import MemoryTable
from functions.cases.adapters.stepfunctions import StepFunctions, name
from functions.cases.follow import dispatch
from functions.cases.keys import Keyring
from functions.cases.ports import Services, Signal
from functions.cases.rows import CaseRow
from functions.cases.table import Index, Item, Key, Page, Update, Write
from functions.cases.wiring import pause
from functions.cases.work import perform
from statemachines.compile import asl
from statemachines.definition import Definition
from tests.support.aws import ENVIRONMENT, REGION
from tests.support.differential import Trail
from tests.support.random_courses import SECRET, Course
from tests.support.scripted import Scripted, TableLibrary, stumble
from tests.support.tables import Through

ACCOUNT = "123456789012"
PREFIX = "differential-"
BEGIN_SECONDS = 10.0


class Locked(Through):
    """Takes one call after another, from whichever thread."""

    def __init__(self) -> None:
        super().__init__(MemoryTable())
        self._lock = threading.RLock()

    def get(self, key: Key) -> Item | None:
        with self._lock:
            return super().get(key)

    def query(self, pk: str, prefix: str = "", *, start: Any | None = None, limit: int | None = None) -> Page:
        with self._lock:
            return super().query(pk, prefix, start=start, limit=limit)

    def query_index(
        self, index: Index, value: str, *, upto: float | None = None, start: Any | None = None, limit: int | None = None
    ) -> Page:
        with self._lock:
            return super().query_index(index, value, upto=upto, start=start, limit=limit)

    def write(self, writes: Sequence[Write]) -> None:
        with self._lock:
            super().write(writes)

    def update(self, update: Update) -> Item:
        with self._lock:
            return super().update(update)


class OneAtATime(StepFunctions):
    """Nothing is answered while an execution is only about to begin: moto's answers look at every execution there is."""

    def __init__(self, client: Any, prefix: str) -> None:
        super().__init__(client, prefix)
        self._moto = client
        self._lock = threading.RLock()

    def start(self, workflow: str, version: int, case: str, generation: int, signal: Signal) -> None:
        """See Executions.start."""
        with self._lock:
            super().start(workflow, version, case, generation, signal)
            arn = self._execution(workflow, version, case, generation)
            end = time.monotonic() + BEGIN_SECONDS
            while not self._moto.get_execution_history(executionArn=arn)["events"] and time.monotonic() < end:
                time.sleep(0.001)

    def succeed(self, token: str, signal: Signal) -> None:
        """See Executions.succeed."""
        with self._lock:
            super().succeed(token, signal)


class MotoStage:
    """A state machine for each course, and the use cases in this process."""

    def __init__(self, compile_text: Callable[[Definition], str] = asl.asl_text) -> None:
        self._compile = compile_text
        self._client = boto3.client("stepfunctions")
        self._prefix = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{PREFIX}"
        self._table = Locked()
        self._services = Services(
            table=self._table,
            library=TableLibrary(self._table),
            now=time.time,
            executions=OneAtATime(self._client, self._prefix),
            keys=Keyring(SECRET),
            pause=pause,
        )

    # ── see Stage ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def deploy(self, course: Course) -> Services:
        """See Stage.deploy."""
        text = self._compile(course.definition)
        for placeholder, function in ((asl.FOLLOW, "follow"), (asl.WORK, "work")):
            text = text.replace(placeholder, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
        version = f"{PREFIX}{course.workflow}-v{course.definition.version}"
        self._client.create_state_machine(
            name=version, definition=text, roleArn=f"arn:aws:iam::{ACCOUNT}:role/machines"
        )
        return replace(self._services, library=TableLibrary(self._table, [course.definition]))

    def trail(self, course: Course, row: CaseRow) -> Trail:
        """See Stage.trail."""
        states: list[str] = []
        status = "RUNNING"
        for generation in range(1, row.generation + 1):
            arn = self._execution(course, row, generation)
            status = self._client.describe_execution(executionArn=arn)["status"]
            events = self._client.get_execution_history(executionArn=arn, maxResults=1000)["events"]
            states += [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]
        return Trail(status, states)

    def stop(self, course: Course, row: CaseRow) -> None:
        """See Stage.stop."""
        self._client.stop_execution(executionArn=self._execution(course, row, row.generation))

    def _execution(self, course: Course, row: CaseRow, generation: int) -> str:
        machine = f"{self._prefix}{course.workflow}-v{course.definition.version}"
        return f"{machine.replace(':stateMachine:', ':execution:')}:{name(row.id, generation)}"

    # ── the functions ────────────────────────────────────────────────────────────────────────────────────────────────────

    def invoke(self, parameters: Mapping[str, Any], region: str, state_credentials: object) -> dict[str, Any]:  # noqa: ARG002
        """What a Lambda function answers, its failure included."""
        request = json.loads(parameters["Payload"])
        function = str(parameters["FunctionName"]).rsplit(":", 1)[-1]
        try:
            answer = self._follow(request) if function == "follow" else self._work(request)
        except Exception as failure:  # noqa: BLE001 - what a function raises is what its caller is told
            said = {"errorType": type(failure).__name__, "errorMessage": str(failure)}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": said}
        return {"StatusCode": 200, "Payload": json.loads(json.dumps(answer))}

    def _follow(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        stumble(self._table, request["case"], int(request["visit"]), request["action"])
        answer = dispatch(self._services, request)
        return dict(answer.signal) if answer.signal is not None else None

    def _work(self, request: Mapping[str, Any]) -> dict[str, Any]:
        case, generation, visit = request["case"], int(request["generation"]), int(request["visit"])
        return dict(perform(self._services, case, generation, visit, request["work"], Scripted(self._table)))


@contextmanager
def moto_stage(compile_text: Callable[[Definition], str] = asl.asl_text) -> Iterator[MotoStage]:
    """A stage in moto, which executes state machines as long as this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in ENVIRONMENT.items():
            patch.setenv(variable, value)
        for variable in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
            patch.delenv(variable, raising=False)
        with mock_aws(config={"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}):
            stage = MotoStage(compile_text)
            patch.setattr(lambda_eval_utils, "_invoke_lambda_function", stage.invoke)
            yield stage
