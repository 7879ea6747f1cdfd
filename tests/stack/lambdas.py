"""Invokes deployed functions directly, and says what they were refused."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk.grants import Actor
from local.aws.running import REGION, RunningAws
from local.deploy import STACK

_DIED = "Worker process died"
"""What is logged, in the place of an answer, for an invocation whose sandbox ended after it was handed the event."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation, as a function's log shows it."""

    request: str
    printed: tuple[str, ...]

    @property
    def died(self) -> bool:
        """Whether its sandbox was killed in the midst of it. A sandbox that had nothing in hand dies without a word."""
        return _DIED in self.printed


class Lambdas:
    """The deployed functions."""

    def __init__(self, aws: RunningAws) -> None:
        self._aws = aws
        self._client = aws.client("lambda")
        self._logs = aws.client("logs")

    def failure(self, actor: Actor, event: Mapping[str, Any]) -> str | None:
        """Invoke a function; None when it went well, else all that it and its log say of the failure."""
        since = time.time()
        answer = self._client.invoke(FunctionName=name(actor), Payload=json.dumps(event))
        said = json.loads(answer["Payload"].read())
        failed = "FunctionError" in answer or (isinstance(said, dict) and bool(said.get("batchItemFailures")))
        return f"{said}\n{self.log(actor, since)}" if failed else None

    def forget(self, actor: Actor) -> None:
        """End a function's workers, so that the next invocation starts cold."""
        self._aws.kill_worker(name(actor))

    def log(self, actor: Actor, since: float) -> str:
        """What a function has logged since a moment (epoch seconds)."""
        group = self._client.get_function_configuration(FunctionName=name(actor))["LoggingConfig"]["LogGroup"]
        # CloudWatch's times are whole milliseconds.
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=int(since * 1000))
        return "\n".join(event["message"] for page in pages for event in page["events"])

    def mapping(self, actor: Actor) -> dict[str, Any]:
        """The event source mapping that feeds a function."""
        (found,) = self._client.list_event_source_mappings(FunctionName=name(actor))["EventSourceMappings"]
        return dict(found)


def invocations(log: str) -> list[Invocation]:
    """The invocations of which a function's log tells, in the order in which they ended."""
    found: list[Invocation] = []
    request, printed = "", list[str]()
    # The embedded AWS writes an invocation's lines when it has ended, all at once: they never mingle with another's.
    for line in log.splitlines():
        if line.startswith("START RequestId: "):
            request, printed = line.split()[2], []
        elif line == f"END RequestId: {request}":
            found.append(Invocation(request, tuple(printed)))
        else:
            printed.append(line)
    return found


def name(actor: Actor) -> str:
    """A function's name."""
    return f"{STACK}-{actor}"


def from_queue(body: object, group: str | None = None) -> dict[str, Any]:
    """The event with which a queue's mapping invokes a function, of one message; ``group`` for a FIFO queue."""
    text = body if isinstance(body, str) else json.dumps(body)
    attributes = {"ApproximateReceiveCount": "1"} | ({"MessageGroupId": group} if group is not None else {})
    record = {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "none",
        "body": text,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs",
        "awsRegion": REGION,
    }
    return {"Records": [record]}


def from_stream(image: Mapping[str, Any]) -> dict[str, Any]:
    """The event with which the stream's mapping invokes a function, of one row that was inserted."""
    number = str(next(_numbers))
    record = {
        "eventID": number,
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "Keys": {key: image[key] for key in ("pk", "sk")},
            "NewImage": dict(image),
            "SequenceNumber": number,
            "SizeBytes": 1,
            "StreamViewType": "NEW_IMAGE",
        },
    }
    return {"Records": [record]}
