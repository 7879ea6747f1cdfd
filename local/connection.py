"""A connection to a deployed stack: the same use cases, over the same adapters, under this machine's own credentials."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from events.envelope import Envelope, Source
from events.publish import to_eventbridge
from functions.cases import keys
from functions.cases.adapters.codec import decode_item
from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.adapters.stepfunctions import StepFunctions, name
from functions.cases.keys import Keyring
from functions.cases.library import Library
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, case_from
from functions.cases.table import Index, Item, Table, read_all
from functions.cases.wiring import pause
from local.aws.running import RunningAws
from local.deploy import Outputs
from local.problem import Problem
from statemachines import published
from statemachines.definition import Definition

PUT_EVENTS_LIMIT = 10


class NotSent(RuntimeError):
    """The bus did not take an event; the text says which and why."""


class Connection:
    """One deployed stack, and what people and reports ask of it."""

    def __init__(self, aws: RunningAws, outputs: Outputs) -> None:
        self.aws, self.outputs = aws, outputs
        self._bus = aws.client("events")
        self._machines = aws.client("stepfunctions")
        secret = aws.client("secretsmanager").get_secret_value(SecretId=outputs.hmac_secret)["SecretString"]
        self.table = DynamoTable(aws.client("dynamodb"), outputs.table)
        self.definitions: list[Definition] = [published.published(*version) for version in published.versions()]
        self.services = Services(
            table=self.table,
            library=Library(self.table, self.definitions),
            now=time.time,
            executions=StepFunctions(self._machines, outputs.machine_prefix),
            keys=Keyring(secret.encode()),
            pause=pause,
        )

    def send(self, events: Iterable[tuple[Envelope, Source]]) -> int:
        """Put events on the bus; returns how many. Raises NotSent."""
        return self.put([{**to_eventbridge(envelope, source)} for envelope, source in events])

    def put(self, entries: list[dict[str, Any]]) -> int:
        """Put entries on the bus as they are. Raises NotSent."""
        for start in range(0, len(entries), PUT_EVENTS_LIMIT):
            batch = [{**entry, "EventBusName": self.outputs.bus} for entry in entries[start : start + PUT_EVENTS_LIMIT]]
            answer = self._bus.put_events(Entries=batch)
            for entry, said in zip(batch, answer["Entries"], strict=True):
                if "ErrorCode" in said:
                    raise NotSent(
                        f"the bus refused {entry['DetailType']}: {said['ErrorCode']} {said.get('ErrorMessage', '')}"
                    )
        return len(entries)

    def enqueue(self, body: str) -> None:
        """Put a message on intake's queue as it is, past the bus."""
        self.aws.client("sqs").send_message(QueueUrl=self.outputs.events_queue, MessageBody=body)

    def cases(self, facilities: Iterable[str]) -> list[CaseRow]:
        """The cases of facilities, oldest first."""
        return cases_of(self.table, facilities)

    def facilities(self) -> list[Item]:
        """Every registered facility's active row, by name: its title, its policy's version, the workflow versions it starts."""
        pages = (
            self.aws.client("dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=self.outputs.table,
                FilterExpression="begins_with(pk, :facility) AND sk = :active",
                ExpressionAttributeValues={
                    ":facility": {"S": keys.facility_active("").pk},
                    ":active": {"S": keys.facility_active("").sk},
                },
            )
        )
        rows = [decode_item(item) for page in pages for item in page["Items"]]
        return sorted(
            ({**row, "facility": row["pk"].removeprefix(keys.facility_active("").pk)} for row in rows),
            key=lambda row: str(row["facility"]),
        )

    def all_cases(self) -> list[CaseRow]:
        """The cases of every registered facility, oldest first."""
        return self.cases(row["facility"] for row in self.facilities())

    def find(self, prefix: str) -> CaseRow:
        """The one case whose id begins so. Raises Problem."""
        found = [row for row in self.all_cases() if row.id.startswith(prefix)]
        if len(found) != 1:
            raise Problem(f"{len(found) or 'no'} cases begin with {prefix!r}; `baton cases` lists them")
        return found[0]

    def journal(self, case: str) -> list[Item]:
        """A case's journal in order."""
        return read_all(self.table, keys.case_pk(case), "J#")

    def visits(self, case: str) -> list[Item]:
        """A case's state entries in order."""
        return read_all(self.table, keys.case_pk(case), "V#")

    def mark(self, facility: str, event_id: str, workflow: str) -> Item | None:
        """What became of an event in a workflow."""
        return self.table.get(self.services.keys.mark(facility, event_id, workflow))

    def executed(self, row: CaseRow) -> list[str]:
        """The workflow states that the case's executions visited, from their histories; a wait that was resumed counts once."""
        definition = published.published(row.workflow, row.version)
        known = {state.name for state in definition.states}
        path: list[tuple[int, str]] = []
        for generation in range(1, row.generation + 1):
            for entered in self._entered(row, generation):
                state, visit = entered["name"], int(json.loads(entered["input"])["visit"])
                if state in known and (not path or path[-1][0] < visit):
                    path.append((visit, state))
        return [state for _, state in path]

    def _entered(self, row: CaseRow, generation: int) -> Iterator[Mapping[str, Any]]:
        machine = f"{self.outputs.machine_prefix}{row.workflow}-v{row.version}"
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name(row.id, generation)}"
        if self.services.executions.status(row.workflow, row.version, row.id, generation) is None:
            return
        pages = self._machines.get_paginator("get_execution_history").paginate(executionArn=arn)
        for page in pages:
            for event in page["events"]:
                if "stateEnteredEventDetails" in event:
                    yield event["stateEnteredEventDetails"]


def cases_of(table: Table, facilities: Iterable[str]) -> list[CaseRow]:
    """The cases of facilities, oldest first. The index only says where to look, page by page; the rows are read themselves."""
    rows = []
    for facility in facilities:
        start = None
        while True:
            page = table.query_index(Index.CASES, facility, start=start)
            for hint in page.items:
                row = table.get(keys.meta(hint["pk"].removeprefix("CASE#")))
                if row is not None:
                    rows.append(case_from(row))
            start = page.next
            if start is None:
                break
    return sorted(rows, key=lambda row: row.opened_at)
