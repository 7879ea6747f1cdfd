"""The same AWS operations without Baton: bus, queue, functions, one transaction, a wait under a token, stream, FIFO queue, EMR.

As many calls of each kind, writes of the same number and about the same size under the same kinds of conditions, under a key of
the account and under roles that may do just this, batches and concurrency as the stack's. What is left out is what Baton thinks,
logs and measures.
"""

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


_TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{NAME}"
_QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}"
_FIFO_ARN = f"{_QUEUE_ARN}.fifo"
_BUS_ARN = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{NAME}"
_MACHINE_ARN = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{NAME}"
_POLLS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_READS_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams")
_MAY: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "intake": [
        (_POLLS, _QUEUE_ARN),
        (("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem",
          "dynamodb:ConditionCheckItem"), _TABLE_ARN),
        (("states:StartExecution", "states:SendTaskSuccess"), _MACHINE_ARN),
    ],
    "follow": [(("dynamodb:UpdateItem",), _TABLE_ARN)],
    "relay": [
        (_READS_STREAM, f"{_TABLE_ARN}/stream/*"),
        (("sqs:SendMessage",), _FIFO_ARN),
        (("events:PutEvents",), _BUS_ARN),
    ],
    "writeback": [(_POLLS, _FIFO_ARN), (("dynamodb:GetItem", "dynamodb:UpdateItem"), _TABLE_ARN)],
    "machine": [(("lambda:InvokeFunction",), f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}-follow")],
}  # fmt: skip
"""What each function and the state machine may do, besides logging and using the key."""


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
        key = self._made_key()
        stream = self._made_table(key)
        plain = {"VisibilityTimeout": "20", "KmsMasterKeyId": key}
        events = client("sqs").create_queue(QueueName=NAME, Attributes=plain)["QueueUrl"]
        fifo = {"FifoQueue": "true", "VisibilityTimeout": "30", "DeduplicationScope": "messageGroup",
                "FifoThroughputLimit": "perMessageGroupId", "KmsMasterKeyId": key}  # fmt: skip
        writeback = client("sqs").create_queue(QueueName=f"{NAME}.fifo", Attributes=fifo)["QueueUrl"]
        client("events").create_event_bus(Name=NAME)
        code = _zipped()
        environment = {"TABLE": NAME, "QUEUE": writeback, "BUS": NAME, "MACHINE": _MACHINE_ARN, "EMR": self._emr}
        for function in ("intake", "follow", "relay", "writeback"):
            client("lambda").create_function(
                FunctionName=f"{NAME}-{function}",
                Runtime=RUNTIME,
                Handler=f"bare_functions.{function}",
                Role=self._made_role(function, key),
                Code={"ZipFile": code},
                Timeout=15,
                MemorySize=512,
                Environment={"Variables": environment},
            )
        client("stepfunctions").create_state_machine(
            name=NAME, roleArn=self._made_role("machine", key), definition=json.dumps(_machine())
        )
        self._joined(events, stream)

    def _made_key(self) -> str:
        everybody_of_ours = {"Sid": "Account", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                             "Action": "kms:*", "Resource": "*"}  # fmt: skip
        rules = {"Sid": "Events", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                 "Action": ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"], "Resource": "*"}  # fmt: skip
        policy = {"Version": "2012-10-17", "Statement": [everybody_of_ours, rules]}
        return str(self._aws.client("kms").create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"])

    def _made_table(self, key: str) -> str:
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
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        )
        return str(client.describe_table(TableName=NAME)["Table"]["LatestStreamArn"])

    def _made_role(self, actor: str, key: str) -> str:
        services = ["lambda.amazonaws.com", "states.amazonaws.com"]
        trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
        iam, name = self._aws.client("iam"), f"{NAME}-{actor}"
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        logs = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
        may = [*_MAY[actor], (("kms:Decrypt", "kms:GenerateDataKey"), key), (logs, "*")]
        statements = [{"Effect": "Allow", "Action": list(actions), "Resource": on} for actions, on in may]
        document = {"Version": "2012-10-17", "Statement": statements}
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(document))
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    def _joined(self, events: str, stream: str) -> None:
        """Rule to queue, queues and stream to functions."""
        sqs, lambda_ = self._aws.client("sqs"), self._aws.client("lambda")
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": _QUEUE_ARN}  # fmt: skip
        sqs.set_queue_attributes(QueueUrl=events, Attributes={"Policy": json.dumps({"Statement": [allow]})})
        self._aws.client("events").put_rule(
            Name=NAME, EventBusName=NAME, EventPattern=json.dumps({"source": ["bare.in"]})
        )
        self._aws.client("events").put_targets(
            Rule=NAME, EventBusName=NAME, Targets=[{"Id": "queue", "Arn": _QUEUE_ARN}]
        )
        partial = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
        for source, function, batch, at_once in ((_QUEUE_ARN, "intake", 5, 4), (_FIFO_ARN, "writeback", 10, 10)):
            lambda_.create_event_source_mapping(
                EventSourceArn=source,
                FunctionName=f"{NAME}-{function}",
                BatchSize=batch,
                ScalingConfig={"MaximumConcurrency": at_once},
                **partial,
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
