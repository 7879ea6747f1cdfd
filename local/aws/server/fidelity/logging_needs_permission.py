"""A function whose role may not write logs has none, and so no metrics either.

AWS: the execution role needs logs:CreateLogStream and logs:PutLogEvents, and logs:CreateLogGroup where the group does
not exist; without them the output is dropped (developer guide, "Working with Lambda execution environment
credentials": the managed policy AWSLambdaBasicExecutionRole grants them).
MiniStack: logs whatever is printed.
Baton: the template's least-privilege roles are those that the embedded AWS runs under.
"""

from __future__ import annotations

import logging
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, lambda_svc

from local.aws.server import roles

logger = logging.getLogger("logging_needs_permission")


def apply() -> None:
    """Ask IAM before each write."""
    emit_lambda_logs = lambda_svc._emit_lambda_logs

    def emit(function: dict[str, Any], *rest: Any, **options: Any) -> None:
        why = refusal(function.get("config") or function)
        if why is None:
            emit_lambda_logs(function, *rest, **options)
        else:
            logger.warning("output dropped: %s", why)

    lambda_svc._emit_lambda_logs = emit


def refusal(config: dict[str, Any]) -> str | None:
    """Why this function's role may not write its log, or None."""
    name = config["FunctionName"]
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
    stream = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:{name}"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    if group not in cloudwatch_logs._log_groups:
        actions.insert(0, "logs:CreateLogGroup")
    refusals = (roles.denied(config.get("Role", ""), name, action, stream) for action in actions)
    return next((why for why in refusals if why is not None), None)
