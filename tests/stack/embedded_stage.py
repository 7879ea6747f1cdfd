"""Executions on the embedded AWS: the generated state machine, deployed through the API, with the functions' real code."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from copy import copy
from pathlib import Path

from cdk.bundling import bundle
from cdk.imports import needs
from cdk.target import ROOT, Target
from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.adapters.stepfunctions import StepFunctions, name
from functions.cases.keys import Keyring
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.wiring import pause
from local.aws.running import ACCOUNT, REGION, RunningAws
from statemachines.compile import asl
from statemachines.definition import Definition
from tests.stack.aws import support
from tests.support.aws import create_table
from tests.support.differential import Trail
from tests.support.random_courses import SECRET, Course
from tests.support.scripted import TableLibrary

TABLE = "differential"
PREFIX = "differential-"
FUNCTIONS = "tests.stack.differential_functions"
OWN = (
    "tests/__init__.py",
    "tests/support/__init__.py",
    "tests/support/scripted.py",
    "tests/stack/differential_functions.py",
)


class EmbeddedStage:
    """One table and two functions for all courses, and a state machine for each."""

    def __init__(self, aws: RunningAws) -> None:
        self._aws = aws
        self._compile: Callable[[Definition], str] = asl.asl_text
        self._machines = aws.client("stepfunctions")
        create_table(aws.client("dynamodb"), TABLE)
        secret = aws.client("secretsmanager").create_secret(Name=TABLE, SecretString=SECRET.decode())
        self._role = support.role(aws)
        self._prefix = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{PREFIX}"
        environment = {
            "TABLE_NAME": TABLE,
            "HMAC_SECRET_ARN": secret["ARN"],
            "STATE_MACHINE_ARN_PREFIX": self._prefix,
            "POWERTOOLS_SERVICE_NAME": TABLE,
            "POWERTOOLS_METRICS_NAMESPACE": "Differential",
            "POWERTOOLS_TRACE_DISABLED": "true",
        }
        code = _code()
        self._functions = {what: self._function(what, code, environment) for what in ("follow", "work")}

    def _function(self, what: str, code: bytes, environment: dict[str, str]) -> str:
        made = self._aws.client("lambda").create_function(
            FunctionName=PREFIX + what,
            Runtime="python3.13",
            Handler=f"{FUNCTIONS}.{what}",
            Role=self._role,
            Code={"ZipFile": code},
            Timeout=60,
            Environment={"Variables": environment},
        )
        return str(made["FunctionArn"])

    def with_compiler(self, compile_text: Callable[[Definition], str]) -> EmbeddedStage:
        """The same stage, for machines that another compiler makes."""
        other = copy(self)
        other._compile = compile_text
        return other

    # ── see Stage ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def deploy(self, course: Course) -> Services:
        """See Stage.deploy."""
        text = self._compile(course.definition)
        text = text.replace(asl.FOLLOW, self._functions["follow"]).replace(asl.WORK, self._functions["work"])
        version = f"{PREFIX}{course.workflow}-v{course.definition.version}"
        self._machines.create_state_machine(name=version, definition=text, roleArn=self._role)
        table = DynamoTable(self._aws.client("dynamodb"), TABLE)
        return Services(
            table=table,
            library=TableLibrary(table, [course.definition]),
            now=time.time,
            executions=StepFunctions(self._machines, self._prefix),
            keys=Keyring(SECRET),
            pause=pause,
        )

    def trail(self, course: Course, row: CaseRow) -> Trail:
        """See Stage.trail."""
        executions = [self._execution(course, row, generation) for generation in range(1, row.generation + 1)]
        status = self._machines.describe_execution(executionArn=executions[-1])["status"]
        return Trail(status, [state for execution in executions for state in support.entered(self._aws, execution)])

    def stop(self, course: Course, row: CaseRow) -> None:
        """See Stage.stop."""
        execution = self._execution(course, row, row.generation)
        if self._machines.describe_execution(executionArn=execution)["status"] == "RUNNING":
            self._machines.stop_execution(executionArn=execution)

    def _execution(self, course: Course, row: CaseRow, generation: int) -> str:
        machine = f"{self._prefix}{course.workflow}-v{course.definition.version}"
        return f"{machine.replace(':stateMachine:', ':execution:')}:{name(row.id, generation)}"


def _code() -> bytes:
    """The zip of follow as it is deployed, with what work needs of the project and what the test puts in the world's place."""
    archive = io.BytesIO(bundle("follow", Target.LOCAL).path.read_bytes())
    with zipfile.ZipFile(archive, "a") as zipped:
        there = set(zipped.namelist())
        ours = {file.relative_to(ROOT) for file in needs(ROOT, "functions.cases.work").files} | {
            Path(own) for own in OWN
        }
        for file in sorted(ours):
            if file.as_posix() not in there:
                zipped.write(ROOT / file, file.as_posix())
    return archive.getvalue()
