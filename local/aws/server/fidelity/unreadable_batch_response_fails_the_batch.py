"""With ReportBatchItemFailures, a response that cannot be read is the failure of the whole batch.

AWS: "Lambda treats a batch as a complete failure if your function returns" an item identifier that is empty or null,
or under a bad key name; null and empty responses are complete success (developer guide, "Handling errors for an SQS
event source").
MiniStack: such identifiers are skipped, and the messages they meant are deleted; a null list holds the batch up.
Baton: a batch response that is wrong must cost a retry, never an event.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc

_reporting: ContextVar[bool] = ContextVar("whether the batch of this thread reports item failures", default=False)


def apply() -> None:
    """Read the response before MiniStack does."""
    run_sqs_batch = lambda_svc._run_sqs_batch
    execute_function = lambda_svc._execute_function

    def run(mapping: dict[str, Any], *rest: Any) -> None:
        reset = _reporting.set("ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", ()))
        try:
            run_sqs_batch(mapping, *rest)
        finally:
            _reporting.reset(reset)

    def execute(function: Any, event: Any) -> Any:
        result = execute_function(function, event)
        if not _reporting.get() or result.get("error"):
            return result
        failed = failed_items(result.get("body"))
        if failed is None:
            message = "the function's response is not a batch response"
            return {**result, "error": True, "body": {"errorType": "InvalidBatchResponse", "errorMessage": message}}
        return {**result, "body": {"batchItemFailures": [{"itemIdentifier": item} for item in failed]}}

    lambda_svc._run_sqs_batch = run
    lambda_svc._execute_function = execute


def failed_items(response: Any) -> list[str] | None:
    """The identifiers that a batch response names; None where it cannot be read."""
    if response is None:
        return []
    if not isinstance(response, dict):
        return None
    failures = response.get("batchItemFailures")
    if failures is None:
        return []
    if not isinstance(failures, list):
        return None
    identifiers = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    readable = [item for item in identifiers if isinstance(item, str) and item]
    return readable if len(readable) == len(identifiers) else None
