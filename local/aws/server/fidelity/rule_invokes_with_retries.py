"""A rule invokes a function asynchronously: a failed invocation is tried twice more, then goes where its failures
go.

AWS: EventBridge uses asynchronous invocation, whose retries and failure destination are those of the function
(developer guide of Lambda, "How Lambda handles errors and retries with asynchronous invocation").
MiniStack: one attempt, whose failure nobody hears of.
Baton: the sweep runs on a schedule.
"""

from __future__ import annotations

import json
import logging

from ministack.services import eventbridge, lambda_svc

logger = logging.getLogger("rule_invokes_with_retries")


def apply() -> None:
    """Use MiniStack's own asynchronous invocation, as its Invoke action does."""
    eventbridge._dispatch_to_lambda = dispatch


def dispatch(arn: str, payload: str) -> None:
    """Hand an event to a function."""
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        logger.warning("event lost: the function %s does not exist", name)
        return
    record = lambda_svc._execution_record_for_config(function, config)
    lambda_svc.invoke_async_with_retry(record, json.loads(payload))
