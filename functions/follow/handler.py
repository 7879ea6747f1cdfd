"""Follow: what an execution asks of Baton (park, deadline, give up).

Trigger: Step Functions. Reads: case row, state entries, roster. Writes: park on the case row; a deadline's hand-off.
Keeps I1, I4 (a deadline is decided once, against the visit it waited for) and I5.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.cases import wiring
from functions.cases.follow import dispatch
from functions.cases.telemetry import Measure, Telemetry

logger, tracer, telemetry = Logger(), Tracer(), Telemetry()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """One request of one execution; ids only."""
    logger.info("asked", action=event["action"], case=event["case"], visit=event["visit"])
    answer = dispatch(wiring.services(), event)
    if answer.lag is not None:
        where = {"workflow": answer.lag.workflow, "facility": answer.lag.facility}
        telemetry.emit([Measure("FollowerLag", round(answer.lag.seconds * 1000), "Milliseconds", where)])
    return dict(answer.signal) if answer.signal is not None else None
