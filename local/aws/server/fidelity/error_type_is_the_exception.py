"""A function that raises reports its exception's class; one whose process dies reports Runtime.ExitError.

AWS: errorType is the class name, so that Retry and Catch match by it, and the sandbox lives on; a failed import is
Runtime.ImportModuleError; a process that is killed is Runtime.ExitError (developer guides of Lambda, "Python errors",
and of Step Functions, "Handling errors"; recorded against AWS in LocalStack's `test_task_service_lambda`).
MiniStack: always Runtime.HandlerError, or the name of an exception of its own; and it kills the sandbox of each
failure.
Baton: state machines retry and catch by name, and a killed worker must end as an error that States.TaskFailed takes.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.aws.server import worker_script

_failure: ContextVar[dict[str, Any] | None] = ContextVar(
    "error payload of the invocation that this thread runs", default=None
)

INIT_FAILED = "Worker init failed: "


def apply() -> None:
    """Carry the class out of the worker, and put it where MiniStack writes a constant."""
    worker_script.replace(
        'json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()})',
        'json.dumps({"status": "ok", "trace": traceback.format_exc(), "raised": {"errorType": type(e).__name__, '
        '"errorMessage": str(e), "stackTrace": traceback.format_tb(e.__traceback__)}})',
    )
    worker_script.replace(
        'json.dumps({"status": "error", "error": str(e)})',
        'json.dumps({"status": "error", "error": type(e).__name__ + ": " + str(e)})',
    )
    invoke = lambda_runtime.Worker.invoke
    execute_function_warm = lambda_svc._execute_function_warm

    def invoke_worker(worker: Any, event: Any, request_id: str, **invocation: Any) -> Any:
        try:
            result = invoke(worker, event, request_id, **invocation)
        except RuntimeError as problem:
            _failure.set(init_failure(str(problem), worker.config.get("Handler", "")))
            raise
        if "raised" in result:
            _failure.set({**result["raised"], "requestId": request_id})
            return {**result, "status": "error", "error": result["raised"]["errorMessage"]}
        if result.get("status") == "error" and "timed out" not in result.get("error", ""):
            _failure.set(exit_failure(request_id, result.get("error", "")))
        return result

    def execute(function: dict[str, Any], event: Any, request_id: str) -> Any:
        reset = _failure.set(None)
        try:
            result = execute_function_warm(function, event, request_id)
            failure = _failure.get()
        finally:
            _failure.reset(reset)
        return {**result, "body": failure} if result.get("error") and failure is not None else result

    lambda_runtime.Worker.invoke = invoke_worker
    lambda_svc._execute_function_warm = execute


def exit_failure(request_id: str, said: str) -> dict[str, Any]:
    """The error payload for a process that ended in mid-invocation."""
    message = f"RequestId: {request_id} Error: Runtime exited with error: {said}"
    return {"errorType": "Runtime.ExitError", "errorMessage": message}


def init_failure(said: str, handler: str) -> dict[str, Any]:
    """The error payload for a function whose module could not be loaded."""
    if not said.startswith(INIT_FAILED):
        return {"errorType": "Runtime.ExitError", "errorMessage": f"Error: Runtime exited during init: {said}"}
    name, _, message = said.removeprefix(INIT_FAILED).partition(": ")
    module, _, function = handler.rpartition(".")
    if name in ("ImportError", "ModuleNotFoundError"):
        return {
            "errorType": "Runtime.ImportModuleError",
            "errorMessage": f"Unable to import module '{module}': {message}",
        }
    if name == "AttributeError" and message.endswith(f"has no attribute '{function}'"):
        return {
            "errorType": "Runtime.HandlerNotFound",
            "errorMessage": f"Handler '{function}' missing on module '{module}'",
        }
    return {"errorType": name, "errorMessage": message}
