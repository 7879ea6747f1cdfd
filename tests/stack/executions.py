"""State machines of the deployed stack, and what their executions went through."""

from __future__ import annotations

from typing import Any

from functions.cases.adapters.stepfunctions import name
from functions.cases.rows import CaseRow
from local.connection import Connection
from local.stack import newest

WORKFLOW = "oxygen"


def machine(connection: Connection) -> str:
    """The ARN of the oxygen workflow's newest machine."""
    return f"{connection.outputs.machine_prefix}{WORKFLOW}-v{newest(connection)[WORKFLOW]}"


def history(connection: Connection, row: CaseRow) -> list[dict[str, Any]]:
    """Every event of the execution that follows a case now."""
    arn = f"{connection.outputs.machine_prefix}{row.workflow}-v{row.version}".replace(":stateMachine:", ":execution:")
    client = connection.aws.client("stepfunctions")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=f"{arn}:{name(row.id, row.generation)}")
    return [event for page in pages for event in page["events"]]


def entered(connection: Connection, row: CaseRow) -> list[dict[str, Any]]:
    """Every entry of a state of that execution."""
    return [event for event in history(connection, row) if "stateEnteredEventDetails" in event]
