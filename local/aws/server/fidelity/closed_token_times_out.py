"""A task token is answered once; afterwards, and after its task ended, it answers TaskTimedOut.

AWS: "The task token has either expired or the task associated with the token has already been closed" (API reference
of SendTaskSuccess, TaskTimedOut); what was never a token is InvalidToken.
MiniStack: accepts a second answer that comes before the task's thread has woken, and it is the second that counts;
says TaskDoesNotExist for a token that is closed as for one that never was.
Baton: a signal to a token that is gone must be told apart from one that was taken, and must never displace it.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions as sfn

REMEMBERED = 100_000

_lock = threading.Lock()
# Token -> the answered task, or None where it ended without an answer.
_closed: OrderedDict[str, dict[str, Any] | None] = OrderedDict()


def apply() -> None:
    """Let the first answer or the end of the task decide, whichever comes first, once."""
    sfn._send_task_success = answering_once(sfn._send_task_success)
    sfn._send_task_failure = answering_once(sfn._send_task_failure)
    sfn._send_task_heartbeat = refusing_closed(sfn._send_task_heartbeat)
    sfn._invoke_with_callback = closing(sfn._invoke_with_callback)


Action = Callable[[dict[str, Any]], Any]


def refusal(token: str | None) -> Any:
    """The error response for a token that cannot be answered, or None."""
    if token in _closed:
        return sfn.error_response_json("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400)
    task = sfn._task_tokens.get(token)
    if task is None:
        return sfn.error_response_json("InvalidToken", "Invalid Token: 'Invalid token'", 400)
    if task["event"].is_set():
        return sfn.error_response_json("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400)
    return None


def answering_once(answer: Action) -> Action:
    """`answer`, but only for a token that is open, and closing it."""

    def once(data: dict[str, Any]) -> Any:
        token = data.get("taskToken")
        with _lock:
            refused = refusal(token)
            if refused is not None:
                return refused
            close(str(token), sfn._task_tokens.get(token))
            return answer(data)

    return once


def refusing_closed(action: Action) -> Action:
    """`action`, but only for a token that is open."""

    def only_open(data: dict[str, Any]) -> Any:
        with _lock:
            refused = refusal(data.get("taskToken"))
            return action(data) if refused is None else refused

    return only_open


def closing(invoke_with_callback: Callable[..., Any]) -> Callable[..., Any]:
    """`invoke_with_callback`, closing the token when the task ends; an answer that was accepted counts."""

    def invoke(resource: str, given: Any, token: str, state: dict[str, Any]) -> Any:
        try:
            return invoke_with_callback(resource, given, token, state)
        except sfn._ExecutionError as failure:
            with _lock:
                answered = _closed.get(token)
            if failure.error == "States.Timeout" and answered is not None:
                return accepted(answered)
            raise
        finally:
            with _lock:
                if token not in _closed:
                    close(token, None)

    return invoke


def accepted(task: dict[str, Any]) -> Any:
    """The result of an answered task. Raises MiniStack's execution error where the answer was a failure."""
    if task.get("error"):
        raise sfn._ExecutionError(task["error"]["Error"], task["error"]["Cause"])
    return json.loads(task["result"])


def close(token: str, answered: dict[str, Any] | None) -> None:
    """Remember that `token` can no longer be answered. Call with the lock held."""
    _closed[token] = answered
    while len(_closed) > REMEMBERED:
        _closed.popitem(last=False)
