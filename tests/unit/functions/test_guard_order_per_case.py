"""Writes to the EMR keep their order within a case, and no case waits for another."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from functions.batch import fifo_batch
from functions.cases.adapters.writeback_queue import WritebackQueue


class Sent:
    """An SQS that remembers what it was sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.messages.append(message)


def test_a_case_is_a_group_and_an_entry_a_message() -> None:
    sqs: Any = Sent()
    queue = WritebackQueue(sqs, "url")
    queue.ask("c1", "1")
    queue.ask("c1", "2")
    queue.ask("c2", "1")
    queue.ask("c1", "1")
    groups = [message["MessageGroupId"] for message in sqs.messages]
    assert groups == ["c1", "c1", "c2", "c1"]
    first, second, other, again = (message["MessageDeduplicationId"] for message in sqs.messages)
    assert first == again
    assert len({first, second, other}) == 3


def sqs_record(number: int, group: str) -> dict[str, Any]:
    return {
        "messageId": str(number),
        "body": json.dumps(group),
        "attributes": {"MessageGroupId": group},
        "eventSource": "aws:sqs",
    }


@pytest.mark.parametrize(
    ("groups", "bad", "left"), [("aab", {0}, ["0", "1"]), ("aba", {0}, ["0", "2"]), ("ab", {0, 1}, ["0", "1"])]
)
def test_a_failed_message_holds_back_its_own_group_only(groups: str, bad: set[int], left: list[str]) -> None:
    def handle(record: SQSRecord) -> None:
        if int(record.message_id) in bad:
            raise RuntimeError("the EMR is away")

    logger = Logger(service="test", level=logging.CRITICAL)
    event = {"Records": [sqs_record(number, group) for number, group in enumerate(groups)]}
    answer = process_partial_response(event=event, record_handler=handle, processor=fifo_batch(logger), context=None)
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == left
