"""Relay: passes each journal entry on, to metrics, to the bus, and to write-back.

Trigger: the table's stream, inserts of journal entries, and the pulse, which says only that the stream is read. Writes:
metrics, one event on the bus, one message per entry to the FIFO queue whose group is the case. Delivery is at least once, so
metrics may exceed the journal by what was delivered again.
Keeps I5, and I7: what leaves here has no patient in it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.batch import batch
from functions.cases import keys, wiring
from functions.cases.telemetry import Telemetry
from functions.relay.measures import CALLS_FOR_A_PERSON, measures_of
from functions.relay.outlets import Outlets

logger, tracer, telemetry = Logger(), Tracer(), Telemetry()
processor = batch(EventType.DynamoDBStreams, logger)


@cache
def outlets() -> Outlets:
    """Where entries go, wired once per container."""
    return Outlets(wiring.mirrors(), wiring.client("events"), wiring.setting("BUS_NAME"))


def handle_record(record: DynamoDBRecord) -> None:
    """One journal entry. What can fail comes first, so that a try that failed has counted nothing."""
    image = record.dynamodb.new_image if record.dynamodb is not None else None
    if image is None:
        raise LookupError("a stream record without a new image; the table's stream must carry new images")
    entry = dict(image)
    if entry["pk"] == keys.PULSE.pk:
        return
    case = str(entry["pk"]).removeprefix("CASE#")
    outlets().pass_on(case, entry)
    telemetry.emit(measures_of(entry))
    if entry.get("reason") in CALLS_FOR_A_PERSON:
        logger.warning("calls for a person", case=case, seq=int(entry["seq"]), reason=entry["reason"])
    logger.info("relayed", case=case, seq=int(entry["seq"]), kind=entry["kind"])


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """A batch of the stream; a failed record is delivered again with those after it."""
    return process_partial_response(event=event, record_handler=handle_record, processor=processor, context=context)
