"""All functions on AWS in this process, wired by their own environment, called as Lambda calls them."""

from __future__ import annotations

import importlib
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from functions.cases import wiring
from functions.cases.adapters.codec import encode_item
from functions.cases.facilities import register
from functions.cases.rows import CaseRow, case_from
from functions.cases.table import Index, Item, Key, Table, read_all
from functions.emr.client import FhirClient
from statemachines import published
from statemachines.facilities import facilities
from tests.support.aws import REGION, TABLE, create_table, lambda_context
from tests.support.world import STAFF, message
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr

FUNCTIONS = ("intake", "follow", "work", "relay", "writeback", "reconcile")
MACHINE = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp()


class Deployment:
    """Call functions with ``call`` and its shorthands; what they said is in ``logs``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        self.emr = FakeEmr()
        self.logs = io.StringIO()
        self._ids = itertools.count(1)
        _forget()
        monkeypatch.setattr(wiring, "time", SimpleNamespace(time=lambda: self.now, sleep=lambda _: None))
        create_table(wiring.client("dynamodb"))
        queue = wiring.client("sqs").create_queue(
            QueueName="writeback.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "false"}
        )
        wiring.client("events").create_event_bus(Name="baton-bus")
        secret = wiring.client("secretsmanager").create_secret(Name="hmac", SecretString="a secret made for tests")
        prefix = f"arn:aws:states:{REGION}:123456789012:stateMachine:baton-"
        for name, value in {
            "TABLE_NAME": TABLE,
            "HMAC_SECRET_ARN": secret["ARN"],
            "STATE_MACHINE_ARN_PREFIX": prefix,
            "WRITEBACK_QUEUE_URL": queue["QueueUrl"],
            "BUS_NAME": "baton-bus",
            "EMR_BASE_URL": BASE_URL,
        }.items():
            monkeypatch.setenv(name, value)
        self.queue_url = queue["QueueUrl"]
        # One workflow: what an event costs and becomes there is not the others' affair.
        monkeypatch.setattr(published, "versions", lambda: (("oxygen", 1),))
        definitions = [published.published(*version) for version in published.versions()]
        for definition in definitions:
            self.create_machine(definition.workflow, definition.version)
        for policy in facilities().values():
            register(self.table, policy, {d.workflow: d.version for d in definitions}, definitions)
        self.modules = {name: importlib.import_module(f"functions.{name}.handler") for name in FUNCTIONS}
        for module in self.modules.values():
            _forget(module)
            module.logger.registered_handler.setStream(self.logs)
            if hasattr(module, "FhirClient"):
                monkeypatch.setattr(module, "FhirClient", partial(FhirClient, transport=self.emr))

    def create_machine(self, workflow: str, version: int) -> str:
        """The state machine of a version; it does nothing, its executions only exist."""
        made = wiring.client("stepfunctions").create_state_machine(
            name=f"baton-{workflow}-v{version}", definition=MACHINE, roleArn="arn:aws:iam::123456789012:role/machines"
        )
        return str(made["stateMachineArn"])

    @property
    def table(self) -> Table:
        """The table that the functions use."""
        return wiring.table()

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, function: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function."""
        return self.modules[function].handler(dict(event), lambda_context(function))

    def message(self, type: str, *, at: float | None = None, **event: Any) -> str:
        """An event's message; see tests.support.world.message."""
        id = event.pop("id", None) or f"event-{next(self._ids)}"
        return message(type, at=self.now if at is None else at, id=id, **{"encounter": "E-1", **event})

    def intake(self, *bodies: str, receives: int = 1) -> list[str]:
        """A batch of messages for intake, which got each so often; returns the ids ("m-0", …) of those to be delivered again."""
        records = [sqs_record(f"m-{n}", body, receives=receives) for n, body in enumerate(bodies)]
        return failed(self.call("intake", {"Records": records}))

    def staff(self, facility: str = "northfield") -> None:
        """Put one person in each role on shift for a day."""
        until = datetime.fromtimestamp(self.now + 86_400, UTC).isoformat()
        shifts = [person.split(":") for person in STAFF]
        assert not self.intake(
            *(
                self.message("shift_started", facility=facility, staff_id=staff, roles=[role], until=until)
                for staff, role in shifts
            )
        )

    def relay(self, entries: Sequence[Item]) -> list[str]:
        """A batch of the table's stream; returns the sequence numbers of those to be delivered again."""
        records = [stream_record(str(n), entry) for n, entry in enumerate(entries, start=1)]
        return failed(self.call("relay", {"Records": records}))

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────────

    def case(self, facility: str = "northfield") -> CaseRow:
        """The facility's one case."""
        (hint,) = self.table.query_index(Index.CASES, facility).items
        row = self.table.get(Key(hint["pk"], hint["sk"]))
        assert row is not None
        return case_from(row)

    def journal(self, facility: str = "northfield") -> list[Item]:
        """The journal of the facility's one case."""
        return read_all(self.table, f"CASE#{self.case(facility).id}", "J#")

    def queued(self) -> list[dict[str, Any]]:
        """Every message in the write-back queue, taken out."""
        found: list[dict[str, Any]] = []
        client = wiring.client("sqs")
        for _ in range(100):
            answer = client.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10, AttributeNames=["All"], WaitTimeSeconds=0
            )
            if not answer.get("Messages"):
                break
            for got in answer["Messages"]:
                found.append(got)
                client.delete_message(QueueUrl=self.queue_url, ReceiptHandle=got["ReceiptHandle"])
        return found

    def log_lines(self) -> list[dict[str, Any]]:
        """What the functions logged."""
        return [json.loads(line) for line in self.logs.getvalue().splitlines()]


def _forget(module: ModuleType = wiring) -> None:
    """As in a new container, but for the clients: making them takes longer than all that a test does with them."""
    for name, kept in vars(module).items():
        if name != "client" and hasattr(kept, "cache_clear"):
            kept.cache_clear()


@contextmanager
def deployed() -> Iterator[Deployment]:
    """A deployment on a simulated AWS that is there already."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Deployment(monkeypatch)
    _forget()


def failed(answer: Mapping[str, Any]) -> list[str]:
    """The items of a batch that are to be delivered again."""
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def sqs_record(id: str, body: str, *, group: str | None = None, receives: int = 1) -> dict[str, Any]:
    """A message as Lambda gets it from SQS."""
    attributes = {
        "ApproximateReceiveCount": str(receives),
        "SentTimestamp": "1772438400000",
        "SenderId": "AIDA",
        "ApproximateFirstReceiveTimestamp": "1772438400000",
    }
    return {
        "messageId": id,
        "receiptHandle": f"receipt-{id}",
        "body": body,
        "attributes": attributes if group is None else {**attributes, "MessageGroupId": group},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:queue",
        "awsRegion": REGION,
    }


def stream_record(sequence: str, row: Item) -> dict[str, Any]:
    """The insert of a row as Lambda gets it from the table's stream."""
    return {
        "eventID": sequence,
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:123456789012:table/{TABLE}/stream/1",
        "dynamodb": {
            "Keys": encode_item({"pk": row["pk"], "sk": row["sk"]}),
            "NewImage": encode_item(row),
            "SequenceNumber": sequence,
            "SizeBytes": 100,
            "StreamViewType": "NEW_IMAGE",
        },
    }
