"""Work: the steps in which Baton itself acts.

Trigger: Step Functions. Reads: case row, journal, ledger. Writes: the EMR through the ledger; the outcome's hand-off.
Keeps I3 (the step can be repeated) and I5; a case that has moved on is left alone.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.cases import wiring
from functions.cases.work import perform
from functions.emr.client import FhirClient
from functions.emr.table_ledger import TableLedger
from functions.work.steps import step

logger, tracer = Logger(), Tracer()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One step of one visit of one case; ids only."""
    logger.info("asked", work=event["work"], case=event["case"], visit=event["visit"])
    services = wiring.services()
    doing = step(
        event["work"], services, FhirClient(wiring.setting("EMR_BASE_URL"), emr="emr"), TableLedger(wiring.table())
    )
    return dict(perform(services, event["case"], int(event["generation"]), int(event["visit"]), event["work"], doing))
