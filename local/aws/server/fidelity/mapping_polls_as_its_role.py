"""An event source mapping polls in the name of its function's role.

AWS: without sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes, or dynamodb:DescribeStream, GetRecords,
GetShardIterator and ListStreams, nothing is delivered and the mapping's LastProcessingResult says what is missing; a
failure record needs sqs:SendMessage on its destination (developer guide, "Using Lambda with Amazon SQS" and "with
Amazon DynamoDB", permissions).
MiniStack: polls whatever the role says.
Baton: the template's least-privilege roles are those that the embedded AWS runs under.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import _request_account_id, _request_region
from ministack.services import lambda_svc

from local.aws.server import roles

logger = logging.getLogger("mapping_polls_as_its_role")

SQS_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
STREAM_ACTIONS = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    # Granted on `*` by AWSLambdaDynamoDBExecutionRole and on the stream by the CDK's TableV2; both work.
    "dynamodb:ListStreams",
)

# The poll loop spins while there is work: a role is asked again after this many seconds.
ASKED_AGAIN_AFTER = 0.5

_asked: dict[str, tuple[float, str | None]] = {}


def apply() -> None:
    """Pass over the mappings whose role may not poll."""
    iter_all_esms = lambda_svc._iter_all_esms
    send_failure_record = lambda_svc._send_ddb_stream_failure_record

    def allowed() -> Iterator[tuple[str, str, dict[str, Any]]]:
        for account, region, mapping in iter_all_esms():
            if refusal(account, region, mapping) is None:
                yield account, region, mapping

    def send(mapping: dict[str, Any], *rest: Any) -> None:
        target = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        why = roles.denied(role(mapping), mapping["FunctionName"], "sqs:SendMessage", target) if target else None
        if why is None:
            send_failure_record(mapping, *rest)
        else:
            logger.warning("failure record dropped: %s", why)

    lambda_svc._iter_all_esms = allowed
    lambda_svc._send_ddb_stream_failure_record = send


def refusal(account: str, region: str, mapping: dict[str, Any]) -> str | None:
    """Why this mapping's role may not poll its source, or None; said in the mapping and, once, in the log."""
    at, why = _asked.get(mapping["UUID"], (0.0, None))
    if time.monotonic() - at < ASKED_AGAIN_AFTER:
        return why
    in_account, in_region = _request_account_id.set(account), _request_region.set(region)
    try:
        now_why = next((said for said in refusals(mapping) if said is not None), None)
    finally:
        _request_account_id.reset(in_account)
        _request_region.reset(in_region)
    _asked[mapping["UUID"]] = (time.monotonic(), now_why)
    if now_why is not None:
        mapping["LastProcessingResult"] = f"PROBLEM: {now_why}"
        if now_why != why:
            logger.warning("nothing is delivered to %s: %s", mapping["FunctionName"], now_why)
    return now_why


def refusals(mapping: dict[str, Any]) -> Iterator[str | None]:
    """For each thing that polling needs, why it is denied, or None."""
    source, session = mapping.get("EventSourceArn", ""), mapping["FunctionName"]
    for action in SQS_ACTIONS if ":sqs:" in source else STREAM_ACTIONS if ":dynamodb:" in source else ():
        yield roles.denied(role(mapping), session, action, source)


def role(mapping: dict[str, Any]) -> str:
    """The ARN of the function's role; empty for a function that is gone."""
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    return str(((function or {}).get("config") or {}).get("Role", ""))
