"""A task token is known after a restart: its task has ended, which whoever may answer it is told.

AWS: a token whose task has ended answers TaskTimedOut (API reference of SendTaskSuccess), for as long as it says whose it
is; permissions are judged on its state machine.
MiniStack: knows no token of before a restart, so that it belongs to no state machine, and a role that names its machines
is refused.
Baton: a case keeps its parked token, and signals it; that it is spent must do no harm.
"""

from __future__ import annotations

from typing import Any

from ministack.services import stepfunctions as sfn

from local.aws.server.fidelity import closed_token_times_out as answered
from local.aws.server.fidelity import task_token_names_its_machine as named

TOKENS = "task_tokens"


def apply() -> None:
    """Save whose each token is; every task that waited has ended when they are brought back."""
    get_state = sfn.get_state
    load_persisted_state = sfn.load_persisted_state

    def save() -> dict[str, Any]:
        return {**get_state(), TOKENS: dict(named._machines)}

    def load(saved: dict[str, Any]) -> None:
        load_persisted_state(saved)
        named._machines.update(saved[TOKENS])
        for token in saved[TOKENS]:
            answered.close(token, None)

    sfn.get_state = save
    sfn.load_persisted_state = load
