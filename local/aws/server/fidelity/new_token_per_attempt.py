"""Each attempt of a callback task has a task token of its own.

AWS: a retry schedules a new task, whose token is new; the token of the failed attempt is dead.
MiniStack: draws one token when the state is entered and uses it for every attempt.
Baton: `park` accepts only a newer (generation, visit, attempt), because the token of an older one can no longer be
answered.
"""

from __future__ import annotations

from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    """Draw the token where the parameters of an attempt are worked out."""
    apply_parameters = sfn._apply_parameters

    def parameters(state: dict[str, Any], given: Any, context: dict[str, Any] | None = None) -> Any:
        if context is not None and ".waitForTaskToken" in state.get("Resource", ""):
            context["Task"] = {"Token": sfn.new_uuid()}
        return apply_parameters(state, given, context)

    sfn._apply_parameters = parameters
