"""Reconcile: the sweep outside Step Functions.

Trigger: the SQS queue ``reconcile``, fed by a schedule and by executions that ended unexpectedly. Reads: the sweep's index as a
hint, then the case itself. Writes: signals, a new generation, an overdue deadline's hand-off. Keeps I4 and I5.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.batch import batch
from functions.cases import wiring
from functions.cases.sweep import Looked, Mended, mend_followed, sweep
from functions.cases.telemetry import Measure, Telemetry

logger, tracer, telemetry = Logger(), Tracer(), Telemetry()
processor = batch(EventType.SQS, logger)


def handle_record(record: SQSRecord) -> None:
    """One reason to look: an execution that ended, or the time."""
    detail = record.json_body.get("detail") or {}
    execution = detail.get("name")
    services = wiring.services()
    looked: Iterable[Looked] = (
        mend_followed(services, str(execution).rpartition("-")[0], wiring.mirrors())
        if execution
        else sweep(services, wiring.mirrors())
    )
    for case, mended in looked:
        if mended is not Mended.NOTHING:
            logger.warning("mended", case=case, what=str(mended))
            telemetry.emit([Measure("Mended", 1, "Count", {"what": str(mended)})])


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """A batch of reasons to look."""
    return process_partial_response(event=event, record_handler=handle_record, processor=processor, context=context)
