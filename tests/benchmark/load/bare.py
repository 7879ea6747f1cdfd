"""The same AWS operations without Baton: bus, queue, functions, one transaction, a wait under a token, stream, FIFO queue, EMR."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from functions.cases.table import Item, Key
from local.aws.running import ACCOUNT, REGION, RunningAws
from tests.benchmark.load.lanes import Entry

NAME = "bare"
RUNTIME = "python3.13"
_SOURCE = Path(__file__).with_name("bare_functions.py")
_KEYS = ("pk", "sk")
_INDEXES = (("worklist", "worklist", "due"), ("sweep", "sweep", "look_at"), ("cases", "facility_cases", "opened_at"))
_READY_SECONDS = 30.0


class BareLane:
    """One case of the bare pipeline, with so many hand-offs."""

    def __init__(self, case: str, hand_offs: int) -> None:
        self._case, self._hand_offs, self._sent = case, hand_offs, 0

    @property
    def row(self) -> Key:
        """See Lane.row."""
        return Key(f"CASE#{self._case}", "META")

    def next(self) -> Entry | None:
        """See Lane.next."""
        if self._sent == self._hand_offs:
            return None
        self._sent += 1
        detail = {"case": self._case, "number": self._sent, "held": "what an event holds " * 20}
        return {"Source": "bare.in", "DetailType": "moved", "Detail": json.dumps(detail)}

    def followed(self, row: Item | None) -> bool:
        """See Lane.followed."""
        return row is not None and row.get("parked") == self._sent


class Bare:
    """The pipeline, made on the embedded AWS with plain calls."""

    table = NAME

    def __init__(self, aws: RunningAws, emr: str) -> None:
        self._aws, self._emr, self._made = aws, emr, 0
        self._make()

    def put(self, entries: list[Entry]) -> None:
        """Put entries on the bare bus."""
        answer = self._aws.client("events").put_events(Entries=[{**entry, "EventBusName": NAME} for entry in entries])
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"the bare bus refused {answer['FailedEntryCount']} entries")

    def lanes(self, cases: int, hand_offs: int) -> Iterator[BareLane]:
        """New cases."""
        for _ in range(cases):
            self._made += 1
            yield BareLane(f"bare-{self._made}", hand_offs)

    def _make(self) -> None:
        client = self._aws.client
        stream = self._made_table()
        events = client("sqs").create_queue(QueueName=NAME, Attributes={"VisibilityTimeout": "20"})["QueueUrl"]
        fifo = {"FifoQueue": "true", "VisibilityTimeout": "35", "DeduplicationScope": "messageGroup",
                "FifoThroughputLimit": "perMessageGroupId"}  # fmt: skip
        writeback = client("sqs").create_queue(QueueName=f"{NAME}.fifo", Attributes=fifo)["QueueUrl"]
        machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{NAME}"
        role = self._made_role()
        client("events").create_event_bus(Name=NAME)
        code = _zipped()
        environment = {"TABLE": NAME, "QUEUE": writeback, "BUS": NAME, "MACHINE": machine, "EMR": self._emr}
        for function in ("intake", "follow", "relay", "writeback"):
            client("lambda").create_function(
                FunctionName=f"{NAME}-{function}",
                Runtime=RUNTIME,
                Handler=f"bare_functions.{function}",
                Role=role,
                Code={"ZipFile": code},
                Timeout=15,
                MemorySize=512,
                Environment={"Variables": environment},
            )
        client("stepfunctions").create_state_machine(name=NAME, roleArn=role, definition=json.dumps(_machine()))
        self._joined(events, stream)

    def _made_table(self) -> str:
        client = self._aws.client("dynamodb")
        client.create_table(
            TableName=NAME,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                *({"AttributeName": name, "AttributeType": "S"} for name in _KEYS),
                *({"AttributeName": hashed, "AttributeType": "S"} for _, hashed, _ in _INDEXES),
                *({"AttributeName": ranged, "AttributeType": "N"} for _, _, ranged in _INDEXES),
            ],
            KeySchema=_schema(*_KEYS),
            GlobalSecondaryIndexes=[
                {"IndexName": name, "KeySchema": _schema(*keys), "Projection": {"ProjectionType": "KEYS_ONLY"}}
                for name, *keys in _INDEXES
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        return str(client.describe_table(TableName=NAME)["Table"]["LatestStreamArn"])

    def _made_role(self) -> str:
        services = ["lambda.amazonaws.com", "states.amazonaws.com"]
        trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
        iam = self._aws.client("iam")
        iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName=NAME, PolicyName=NAME, PolicyDocument=json.dumps(everything))
        return f"arn:aws:iam::{ACCOUNT}:role/{NAME}"

    def _joined(self, events: str, stream: str) -> None:
        """Rule to queue, queues and stream to functions."""
        sqs, lambda_ = self._aws.client("sqs"), self._aws.client("lambda")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}"
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": arn}  # fmt: skip
        sqs.set_queue_attributes(QueueUrl=events, Attributes={"Policy": json.dumps({"Statement": [allow]})})
        self._aws.client("events").put_rule(
            Name=NAME, EventBusName=NAME, EventPattern=json.dumps({"source": ["bare.in"]})
        )
        self._aws.client("events").put_targets(Rule=NAME, EventBusName=NAME, Targets=[{"Id": "queue", "Arn": arn}])
        partial = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
        at_once: dict[str, Any] = {"ScalingConfig": {"MaximumConcurrency": 4}}
        lambda_.create_event_source_mapping(
            EventSourceArn=arn, FunctionName=f"{NAME}-intake", BatchSize=10, **at_once, **partial
        )
        lambda_.create_event_source_mapping(
            EventSourceArn=f"{arn}.fifo", FunctionName=f"{NAME}-writeback", BatchSize=10, **at_once, **partial
        )
        only = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "J#"}]}}}}
        lambda_.create_event_source_mapping(
            EventSourceArn=stream,
            FunctionName=f"{NAME}-relay",
            StartingPosition="TRIM_HORIZON",
            BatchSize=100,
            FilterCriteria={"Filters": [{"Pattern": json.dumps(only)}]},
            **partial,
        )
        end = time.monotonic() + _READY_SECONDS
        while any(m["State"] != "Enabled" for m in lambda_.list_event_source_mappings()["EventSourceMappings"]):
            if time.monotonic() > end:
                raise TimeoutError("the bare pipeline's mappings are not enabled")
            time.sleep(0.1)


def _schema(hashed: str, ranged: str) -> list[dict[str, str]]:
    return [{"AttributeName": hashed, "KeyType": "HASH"}, {"AttributeName": ranged, "KeyType": "RANGE"}]


def _machine() -> dict[str, Any]:
    """A wait under a token, and a Choice that leads to the next wait, as in a case's state machine."""
    payload = {"case.$": "$.case", "visit.$": "$.visit", "token.$": "$$.Task.Token"}
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}-follow", "Payload": payload},
        "TimeoutSeconds": 3600,
        "Next": "After",
    }
    after = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.on", "BooleanEquals": True, "Next": "Wait"}],
        "Default": "Done",
    }
    return {"StartAt": "Wait", "States": {"Wait": wait, "After": after, "Done": {"Type": "Succeed"}}}


def _zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.write(_SOURCE, _SOURCE.name)
    return packed.getvalue()
