"""States.Runtime ends the execution: no Retry and no Catch takes it, not even by its name.

AWS: "A States.Runtime error isn't retriable, and will always cause the execution to fail. A retry or catch on
States.ALL won't catch States.Runtime errors" (developer guide, "Handling errors"); a Catch that names it was recorded
against AWS to have no effect (LocalStack's `test_catch_states_runtime`).
MiniStack: States.ALL and States.TaskFailed take it like any other error.
Baton: such an error is a defect of the state machine; it must end as a failed execution that reconcile sees, not as a
deadline.
"""

from __future__ import annotations

from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    """Match no retrier and no catcher."""
    error_matches = sfn._error_matches

    def matches(names: Any, error: str) -> bool:
        return error != "States.Runtime" and bool(error_matches(names, error))

    sfn._error_matches = matches
