"""Intake: takes events in from the bus.

Trigger: the SQS queue ``events``, fed by the bus's rule. Reads: correlation, case, roster. Writes: one transaction per event.
Keeps I2 (each message ends as one outcome or in quarantine, counted) and I3 (the event's mark).
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.batch import batch
from functions.cases import wiring
from functions.cases.intake import take_in
from functions.cases.telemetry import Telemetry
from functions.intake.measures import measures_of

logger, tracer, telemetry = Logger(), Tracer(), Telemetry()
processor = batch(EventType.SQS, logger)


def handle_record(record: SQSRecord) -> None:
    """One message."""
    services = wiring.services()
    result = take_in(services, record.body)
    delivered_again = int(record.attributes.approximate_receive_count) > 1
    telemetry.emit(measures_of(result, services.now(), delivered_again=delivered_again))
    for line in result if isinstance(result, list) else [result]:
        logger.info(
            "placed",
            extra={
                k: v
                for k, v in line._asdict().items()
                if k in ("workflow", "case", "outcome", "reason", "transitions", "duplicate", "attempts", "id")
            },
        )


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """A batch; a message that fails is delivered again, the others are not held up."""
    return process_partial_response(event=event, record_handler=handle_record, processor=processor, context=context)
