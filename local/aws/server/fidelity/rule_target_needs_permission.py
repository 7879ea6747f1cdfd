"""A rule delivers to a queue or a function only where the target's own policy lets it; what it cannot deliver goes
to its DLQ.

AWS: the queue's policy must let events.amazonaws.com do sqs:SendMessage, the function's lambda:InvokeFunction, for
this rule; an event that is refused is not retried and goes to the target's dead-letter queue, if it has one, with the
reason in its message attributes (EventBridge user guide, "Using dead-letter queues to process undelivered events").
MiniStack: delivers whatever the policies say; the dead-letter queue is stored and never used.
Baton: events reach intake over such a rule, and none may be lost silently.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, sqs

logger = logging.getLogger("rule_target_needs_permission")

EVENTS = "events.amazonaws.com"

_delivering: ContextVar[tuple[dict[str, Any], str] | None] = ContextVar(
    "target and ARN of the rule that delivers", default=None
)


def apply() -> None:
    """Ask the target's policy before each delivery."""
    invoke_target = eventbridge._invoke_target
    dispatch_to_sqs = eventbridge._dispatch_to_sqs
    dispatch_to_lambda = eventbridge._dispatch_to_lambda

    def invoke(target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None) -> None:
        reset = _delivering.set((target, rule.get("Arn", "")))
        try:
            invoke_target(target, event, rule, view)
        finally:
            _delivering.reset(reset)

    def to_queue(arn: Any, payload: str, parameters: Any = None) -> None:
        target, rule = _delivering.get() or ({}, "")
        if sqs._queue_by_arn(str(arn)) is None:
            undelivered(target, rule, payload, "SDK_CLIENT_ERROR", f"the queue {arn} does not exist")
        elif not queue_allows(str(arn), rule):
            undelivered(target, rule, payload, "NO_PERMISSIONS", f"the policy of {arn} does not let {EVENTS} send")
        else:
            dispatch_to_sqs(arn, payload, parameters)

    def to_function(arn: str, payload: str) -> None:
        target, rule = _delivering.get() or ({}, "")
        if not function_allows(arn, rule):
            undelivered(target, rule, payload, "NO_PERMISSIONS", f"the policy of {arn} does not let {EVENTS} invoke it")
        else:
            dispatch_to_lambda(arn, payload)

    eventbridge._invoke_target = invoke
    eventbridge._dispatch_to_sqs = to_queue
    eventbridge._dispatch_to_lambda = to_function


def queue_allows(queue: str, rule: str) -> bool:
    """Whether the queue's policy lets this rule send."""
    return bool(sqs.queue_policy_allows(queue, EVENTS, rule, get_account_id()))


def function_allows(function: str, rule: str) -> bool:
    """Whether the function's policy lets this rule invoke it; one that is missing is left to MiniStack to report."""
    found = lambda_svc.function_policy_for_arn(function)
    if found is None:
        return True
    request = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=function,
        region=get_region(),
        service_context={"aws:sourcearn": rule, "aws:sourceaccount": get_account_id()},
    )
    return bool(evaluate_resource_policy(found[0], request, service=EVENTS).decision == "Allow")


def undelivered(target: dict[str, Any], rule: str, payload: str, code: str, reason: str) -> None:
    """Send the event to the target's dead-letter queue; without one, or where that refuses it, it is lost as on AWS."""
    letters = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not letters or sqs._queue_by_arn(letters) is None or not queue_allows(letters, rule):
        logger.warning("event lost: %s", reason)
        return
    said = {"RULE_ARN": rule, "TARGET_ARN": target.get("Arn", ""), "ERROR_CODE": code, "ERROR_MESSAGE": reason}
    url = sqs._queue_url(parse_arn(letters).resource)
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in said.items()}
    sqs._act_send_message({"QueueUrl": url, "MessageBody": payload, "MessageAttributes": attributes}, url)
