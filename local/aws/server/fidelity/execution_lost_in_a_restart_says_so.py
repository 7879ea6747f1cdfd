"""An execution that ends is told of, also when what ended it is a restart.

AWS: an execution outlives an outage; and whatever ends one, its history says so, and an Execution Status Change goes to
the default bus (developer guide, "Automating Step Functions event delivery with EventBridge").
MiniStack: what waits or works is not saved, so that its executions have FAILED after a restart; nobody is told.
Baton: an execution that ends before its case wakes the sweep, which lets another one follow the case. That AWS would lose
them all is more than Baton must bear there.
"""

from __future__ import annotations

from typing import Any

from ministack import app
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import stepfunctions as sfn

RUNNING = "RUNNING"
OUTCOME = ("stopDate", "error", "cause")


def apply() -> None:
    """Let executions fail in the usual way, when every service is back to hear of it."""
    load_all = app._load_persisted_state
    load_executions = sfn.load_persisted_state
    lost: list[tuple[Any, ...]] = []

    def load(saved: dict[str, Any]) -> None:
        lost.extend(key for key, execution in saved["executions"].all_items() if execution["status"] == RUNNING)
        load_executions(saved)

    def load_and_tell() -> None:
        load_all()
        for account, region, arn in lost:
            set_request_account_id(account)
            set_request_region(region)
            execution = sfn._executions.get_scoped(account, region, arn)
            error, cause = execution["error"], execution["cause"]
            for name in OUTCOME:
                del execution[name]
            execution["status"] = RUNNING
            sfn._fail_execution(execution, error, cause)

    sfn.load_persisted_state = load
    app._load_persisted_state = load_and_tell
