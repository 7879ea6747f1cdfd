"""Write-back: makes the EMR's Task say what the case says.

Trigger: the FIFO queue ``writeback``, one message group per case. Reads: case row, ledger. Writes: ledger; the EMR's Task.
Keeps I3 (ledger, If-Match), I5 (level-triggered: what is written is a function of the case as it is now).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.batch import fifo_batch
from functions.cases import wiring
from functions.emr.client import FhirClient
from functions.emr.table_ledger import TableLedger
from functions.writeback.bring import Writeback

logger, tracer = Logger(), Tracer()
processor = fifo_batch(logger)


@cache
def writeback() -> Writeback:
    """The use case, wired once per container."""
    client = FhirClient(wiring.setting("EMR_BASE_URL"), emr="emr")
    return Writeback(wiring.reading(), client, TableLedger(wiring.table()))


def handle_record(record: SQSRecord) -> None:
    """One message: the case it names, as it is now; with ``check``, whatever of it the EMR has."""
    case, check = record.json_body["case"], bool(record.json_body.get("check"))
    result = writeback().bring(case, check=check)
    outcome = str(result.outcome) if result else "nothing_to_show"
    logger.info("mirrored", case=case, outcome=outcome, check=check)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """A batch; a failed message holds back only its own case."""
    return process_partial_response(event=event, record_handler=handle_record, processor=processor, context=context)
