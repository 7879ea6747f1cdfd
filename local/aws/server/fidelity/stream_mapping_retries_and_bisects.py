"""A DynamoDB stream's event source mapping honours its error handling, and waits for no other mapping.

AWS: a failed batch is tried again from its first failed record (ReportBatchItemFailures), in halves
(BisectBatchOnFunctionError, which costs no retry), until MaximumRetryAttempts or MaximumRecordAgeInSeconds; then its
place in the stream goes to the OnFailure destination and the records behind it are read (developer guide, "Using
Lambda with Amazon DynamoDB").
MiniStack: takes a partial failure for success, never bisects, never gives up by count; and it runs the function on
the thread that polls all mappings, so that a slow one holds up every queue.
Baton: the relay reads the journal from the stream; a record it could not pass on must come again, and no other must
wait for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import (
    _request_account_id,
    _request_region,
    get_account_id,
    get_region,
)
from ministack.services import dynamodb, lambda_svc

from local.aws.server.fidelity.unreadable_batch_response_fails_the_batch import failed_items

UNLIMITED = -1


@dataclass(slots=True)
class Trouble:
    """What befell the records at a mapping's position: how often they failed, and how many to try at once now."""

    failures: int = 0
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Records from `position` on: all that were read, and those that the filter lets through, by their place."""

    mapping: dict[str, Any]
    function: dict[str, Any]
    position: int
    read: int
    places: list[int]
    records: list[dict[str, Any]]


_trouble: dict[str, Trouble] = {}


def apply() -> None:
    """Put this poller in the place of MiniStack's."""
    lambda_svc._poll_dynamodb_streams = poll


def poll() -> bool:
    """Hand each idle mapping its next batch; True if any mapping got on."""
    progress = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        in_account, in_region = _request_account_id.set(account), _request_region.set(region)
        try:
            batch = next_batch(mapping)
            if batch is None:
                continue
            progress = True
            if batch.records:
                lambda_svc._dispatch_esm_batch(mapping["UUID"], run, batch)
            else:
                advance(batch, batch.read)
        finally:
            _request_account_id.reset(in_account)
            _request_region.reset(in_region)
    return progress


def next_batch(mapping: dict[str, Any]) -> Batch | None:
    """The records that `mapping` should be handed now, if any."""
    name, identity = table_name(mapping), mapping["UUID"]
    table = dynamodb._tables.get(name) if name else None
    busy = lambda_svc._esm_inflight.get(identity, 0) or lambda_svc._esm_backoff_until.get(identity, 0) > time.time()
    if (
        not mapping.get("Enabled", True)
        or busy
        or not table
        or table.get("LatestStreamArn") != mapping["EventSourceArn"]
    ):
        return None
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if function is None:
        return None
    lambda_svc._init_stream_position(identity, mapping["EventSourceArn"], mapping.get("StartingPosition", "LATEST"))
    with lambda_svc._dynamodb_stream_positions_lock:
        position = max(lambda_svc._dynamodb_stream_positions[identity], dynamodb.stream_start_position(name))
    size = _trouble.setdefault(identity, Trouble()).size or int(mapping.get("BatchSize", 100))
    read = dynamodb.stream_records_since(name, position, size)
    if not read:
        return None
    places = [place for place, record in enumerate(read) if lambda_svc._apply_filter_criteria([record], mapping)]
    return Batch(mapping, function, position, len(read), places, [read[place] for place in places])


def table_name(mapping: dict[str, Any]) -> str | None:
    """The table whose stream `mapping` reads, if it reads one of this account and region."""
    try:
        source = parse_arn(mapping.get("EventSourceArn", ""))
    except ArnParseError:
        return None
    if source.service != "dynamodb" or (source.account_id, source.region) != (get_account_id(), get_region()):
        return None
    found = lambda_svc._dynamodb_stream_table_from_arn_spec(source)
    return str(found[0]) if found else None


def run(batch: Batch) -> None:
    """Invoke the function and move on as its answer allows."""
    result = lambda_svc._execute_function(batch.function, {"Records": batch.records})
    first = first_failure(batch, result)
    if first is None:
        batch.mapping["LastProcessingResult"] = f"OK - {len(batch.records)} records"
        advance(batch, batch.read)
        return
    batch.mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
    if first > 0:
        advance(batch, batch.places[first])
        _trouble[batch.mapping["UUID"]].failures = 1
        return
    trouble = _trouble[batch.mapping["UUID"]]
    if batch.mapping.get("BisectBatchOnFunctionError") and len(batch.records) > 1:
        trouble.size = max(1, batch.read // 2)
        return
    trouble.failures += 1
    condition = given_up(batch, trouble)
    if condition is None:
        lambda_svc._esm_backoff_until[batch.mapping["UUID"]] = time.time() + lambda_svc._ESM_BACKOFF_SECONDS
        return
    lambda_svc._send_ddb_stream_failure_record(
        batch.mapping, batch.function, batch.records, batch.mapping["EventSourceArn"], result, condition
    )
    advance(batch, batch.read)


def first_failure(batch: Batch, result: dict[str, Any]) -> int | None:
    """The index of the first record that failed, None if none did."""
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in batch.mapping.get("FunctionResponseTypes", ()):
        return None
    failed = failed_items(result.get("body"))
    if failed is None:
        return 0
    numbers = [str(record["dynamodb"]["SequenceNumber"]) for record in batch.records]
    # An identifier that is none of the batch's says nothing that could be kept to: all of it again.
    return min((numbers.index(item) if item in numbers else 0 for item in failed), default=None)


def given_up(batch: Batch, trouble: Trouble) -> str | None:
    """Why these records are not tried again, in AWS's words, or None if they are."""
    retries = int(batch.mapping.get("MaximumRetryAttempts", UNLIMITED))
    if retries != UNLIMITED and trouble.failures > retries:
        return "RetryAttemptsExhausted"
    longest = int(batch.mapping.get("MaximumRecordAgeInSeconds", UNLIMITED))
    oldest = float(batch.records[0]["dynamodb"]["ApproximateCreationDateTime"])
    if longest != UNLIMITED and time.time() - oldest > longest:
        return "RecordAgeExceeded"
    return None


def advance(batch: Batch, by: int) -> None:
    """Move the mapping past `by` records; what befell the ones before is forgotten."""
    identity = batch.mapping["UUID"]
    with lambda_svc._dynamodb_stream_positions_lock:
        if identity in lambda_svc._dynamodb_stream_positions:
            lambda_svc._dynamodb_stream_positions[identity] = batch.position + by
    _trouble[identity] = Trouble()
    lambda_svc._esm_backoff_until.pop(identity, None)
