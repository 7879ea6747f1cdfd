"""The services of the embedded AWS under contract."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cdk.relay import NEW_JOURNAL_ENTRIES
from functions.cases.adapters.codec import decode_item
from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.table import Key, Put
from local.aws.embedded import EmbeddedAws
from tests.contract import executions
from tests.contract.queues import MOST_IN_A_BATCH, Handle, Letter
from tests.contract.stream import Batch, Record
from tests.stack.aws import support

BRIEFLY = 1
"""Seconds that a message is hidden where a test waits for it to come again."""
LONG = 30


class EmbeddedQueue:
    """An SQS queue, worked off as an event source mapping does it: partial failures, and nothing else made visible early."""

    receives = 2
    again = True  # what is handled slowly on a busy machine becomes visible again

    def __init__(self, aws: EmbeddedAws, *, fifo: bool = False, hides: bool = False) -> None:
        self._aws, self._sqs = aws, aws.client("sqs")
        self.visibility: int = LONG if hides else BRIEFLY
        kind = {"FifoQueue": "true"} if fifo else {}
        self._dead = support.queue(aws, **kind)
        redrive = {"deadLetterTargetArn": support.queue_arn(self._dead), "maxReceiveCount": str(self.receives)}
        self._url = support.queue(
            aws, VisibilityTimeout=str(self.visibility), RedrivePolicy=json.dumps(redrive), **kind
        )
        self._handle: Handle = lambda _: ()

    def send(self, body: str, group: str = "", once: str = "") -> None:
        """See Queue.send."""
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": once} if group else {}
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body, **fifo)

    def work(self, handle: Handle) -> None:
        """See Queue.work."""
        self._handle = handle
        end = time.monotonic() + support.Patience.seconds
        while support.left(self._aws, self._url):
            assert time.monotonic() < end, "the queue is not worked off"
            self._poll()

    def rest(self, seconds: float) -> None:
        """See Queue.rest."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._poll()

    def _poll(self) -> None:
        found = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=MOST_IN_A_BATCH, AttributeNames=["All"]
        ).get("Messages", [])
        if not found:
            time.sleep(0.05)
            return
        batch = [
            Letter(
                message["MessageId"],
                message["Body"],
                message["Attributes"].get("MessageGroupId", ""),
                int(message["Attributes"]["ApproximateReceiveCount"]),
            )
            for message in found
        ]
        failed: Collection[str]
        try:
            failed = self._handle(batch)
        except RuntimeError:
            return
        for message in found:
            if message["MessageId"] not in failed:
                self._delete(message["ReceiptHandle"])

    def _delete(self, receipt: str) -> None:
        try:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
        except self._sqs.exceptions.ReceiptHandleIsInvalid:
            return  # others received it meanwhile, and have finished it

    def dead(self) -> list[str]:
        """See Queue.dead."""
        found = self._sqs.receive_message(QueueUrl=self._dead, MaxNumberOfMessages=MOST_IN_A_BATCH, VisibilityTimeout=0)
        return [message["Body"] for message in found.get("Messages", [])]

    def redrive(self) -> None:
        """See Queue.redrive."""
        for message in self._sqs.receive_message(QueueUrl=self._dead).get("Messages", []):
            self._sqs.send_message(QueueUrl=self._url, MessageBody=message["Body"])
            self._sqs.delete_message(QueueUrl=self._dead, ReceiptHandle=message["ReceiptHandle"])


# What tests.contract.stream.Function does in this process: notes each batch, and fails as often as it is told.
_RELAY = """
import collections, json, os, pathlib
notes = pathlib.Path(os.environ["NOTES"])
def handler(event, context):
    plan = json.loads((notes / "plan").read_text())
    failed = None
    for place, record in enumerate(event["Records"]):
        name = record["dynamodb"]["Keys"]["sk"]["S"]
        if plan["fails"].get(name, 0) > 0:
            plan["fails"][name] -= 1
            (notes / "plan").write_text(json.dumps(plan))
            failed = place
            break
    finished = len(event["Records"]) if failed is None else 0 if plan["raises"] else failed
    with (notes / "batches").open("a") as file:
        file.write(json.dumps({"records": [record["dynamodb"] for record in event["Records"]], "finished": finished}) + "\\n")
    if failed is None: return {"batchItemFailures": []}
    if plan["raises"]: raise RuntimeError("a record failed")
    return {"batchItemFailures": [{"itemIdentifier": event["Records"][failed]["dynamodb"]["SequenceNumber"]}]}
"""

_SENTINEL = "SENTINEL"


class EmbeddedStream:
    """A table of the embedded AWS, and a function that a mapping like the relay's feeds from its stream."""

    retries = 2
    again = True

    def __init__(self, aws: EmbeddedAws, notes: Path) -> None:
        self._aws, self._notes = aws, notes
        self._name = support.table(aws)
        self.table = DynamoTable(aws.client("dynamodb"), self._name)
        self._reports = support.queue(aws)
        self._rounds = self._read = 0

    def deliver(self, fails: Mapping[str, int], *, raises: bool) -> list[Batch]:
        """See Stream.deliver."""
        (self._notes / "plan").write_text(json.dumps({"fails": fails, "raises": raises}))
        self._rounds += 1
        # The embedded AWS has one shard, in order: when this has arrived, so has all that was written before it.
        last = Key(_SENTINEL, f"J#{self._rounds}")
        self.table.write((Put(last._asdict()),))
        if self._rounds == 1:
            self._map()
        support.eventually(lambda: any(last in [r.key for r in b.records[: b.finished]] for b in self._batches()))
        batches = self._batches()[self._read :]
        self._read += len(batches)
        return [
            Batch(kept, sum(record in kept for record in batch.records[: batch.finished]))
            for batch in batches
            if (kept := tuple(record for record in batch.records if record.key.pk != _SENTINEL))
        ]

    def _map(self) -> None:
        support.mapping(
            self._aws,
            support.stream(self._aws, self._name),
            support.function(self._aws, _RELAY, Environment={"Variables": {"NOTES": str(self._notes)}}),
            BatchSize=100,
            FilterCriteria={"Filters": [{"Pattern": json.dumps(NEW_JOURNAL_ENTRIES)}]},
            FunctionResponseTypes=["ReportBatchItemFailures"],
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=self.retries,
            DestinationConfig={"OnFailure": {"Destination": support.queue_arn(self._reports)}},
        )

    def _batches(self) -> list[Batch]:
        path = self._notes / "batches"
        lines = path.read_text().splitlines() if path.exists() else []
        return [
            Batch(
                tuple(Record(Key(**decode_item(r["Keys"])), decode_item(r["NewImage"])) for r in noted["records"]),
                noted["finished"],
            )
            for noted in map(json.loads, lines)
        ]

    def given_up(self) -> int:
        """See Stream.given_up."""
        return support.left(self._aws, self._reports)


# What tests.contract.executions.Function does in this process.
_FOLLOW = """
import json, os, pathlib
import boto3
notes = pathlib.Path(os.environ["NOTES"])
def handler(event, context):
    if event["action"] == "park":
        with (notes / "asked").open("a") as file: file.write(json.dumps([event["token"], event["attempt"]]) + "\\n")
    raises, answers = json.loads((notes / "behaviour").read_text())
    signal = json.loads(os.environ["SIGNAL"])
    if raises:
        (notes / "behaviour").write_text(json.dumps([raises - 1, answers]))
        if answers:
            boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output=json.dumps(signal))
        raise LookupError("no such case")
    return {**signal, "visit": event.get("visit", 0) + 1}
"""


class EmbeddedService:
    """Step Functions of the embedded AWS, and a Lambda function."""

    def __init__(self, aws: EmbeddedAws, notes: Path) -> None:
        self._aws, self._notes, self._looked_at = aws, notes, 0
        self.client: Any = aws.client("stepfunctions")
        signal = json.dumps({**executions.IDS, "timeout": executions.LONG})
        self._function = support.function(
            aws, _FOLLOW, Environment={"Variables": {"NOTES": str(notes), "SIGNAL": signal}}
        )
        self.behave(executions.Behaviour())

    def publish(self, states: dict[str, Any]) -> str:
        """See Service.publish."""
        definition = json.dumps({"StartAt": next(iter(states)), "States": states})
        made = self.client.create_state_machine(
            name=support.name("contract") + "-v1", definition=definition, roleArn=support.role(self._aws)
        )
        return str(made["stateMachineArn"])

    def function_name(self) -> str:
        """See Service.function_name."""
        return self._function

    def behave(self, behaviour: executions.Behaviour) -> None:
        """See Service.behave."""
        (self._notes / "behaviour").write_text(json.dumps(behaviour))

    def asked(self) -> executions.Asked:
        """See Service.asked."""
        first = json.loads(support.eventually(lambda: self._asks()[self._looked_at :])[0])
        self._looked_at += 1
        return executions.Asked(*first)

    def asks(self) -> int:
        """See Service.asks."""
        return len(self._asks())

    def _asks(self) -> list[str]:
        path = self._notes / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def ended(self, execution: str) -> tuple[str, list[str]]:
        """See Service.ended."""
        return support.ended(self._aws, execution)["status"], support.entered(self._aws, execution)
