"""Reconcile: the sweep outside Step Functions.

Trigger: the SQS queue ``reconcile``, fed by a schedule and by executions that ended unexpectedly. Reads: the sweep's index as a
hint, then the case itself. Writes: signals, a new generation, an overdue deadline's hand-off, the pulse. Keeps I4 and I5.
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
from functions.cases.ports import Services
from functions.cases.sweep import Looked, SweepFaults, mend_followed, sweep
from functions.cases.telemetry import Telemetry
from functions.reconcile.measures import measures_of, not_looked_at
from functions.reconcile.pulse import beat

logger, tracer, telemetry = Logger(), Tracer(), Telemetry()
processor = batch(EventType.SQS, logger)


def handle_record(record: SQSRecord) -> None:
    """One reason to look: an execution that ended, or the time."""
    detail = record.json_body.get("detail") or {}
    execution = detail.get("name")
    services = wiring.services()
    if execution:
        for looked in mend_followed(services, str(execution).rpartition("-")[0], wiring.mirrors()):
            _tell(looked)
        return
    try:
        _sweep(services)
    finally:
        beat(services.table, services.now())


def _sweep(services: Services) -> None:
    try:
        for looked in sweep(services, wiring.mirrors()):
            _tell(looked)
    except SweepFaults as faults:
        telemetry.emit(not_looked_at(faults))
        raise


def _tell(looked: Looked) -> None:
    measures = measures_of(looked)
    if measures:
        logger.warning("mended", case=looked.case, what=str(looked.mended))
        telemetry.emit(measures)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """A batch of reasons to look."""
    return process_partial_response(event=event, record_handler=handle_record, processor=processor, context=context)
