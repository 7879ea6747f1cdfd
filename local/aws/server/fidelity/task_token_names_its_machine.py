"""Who answers a task token needs the permission on the state machine whose task it is.

AWS: states:SendTaskSuccess, SendTaskFailure and SendTaskHeartbeat are allowed per state machine (service
authorization reference, "AWS Step Functions"; so does `StateMachine.grant_task_response` of the CDK).
MiniStack: judges them on `*`, so that a policy that names the machine is refused.
Baton: the roles of intake, follow and reconcile name the machines of the published versions.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ministack.core import iam_actions
from ministack.services import stepfunctions as sfn

REMEMBERED = 100_000

_machines: OrderedDict[str, str] = OrderedDict()


def apply() -> None:
    """Note the machine of each token when its task starts, and judge an answer on it."""
    apply_parameters = sfn._apply_parameters
    extract_resource_arn = iam_actions.extract_resource_arn

    def parameters(state: dict[str, Any], given: Any, context: dict[str, Any] | None = None) -> Any:
        applied = apply_parameters(state, given, context)
        token = ((context or {}).get("Task") or {}).get("Token")
        machine = ((context or {}).get("StateMachine") or {}).get("Id")
        if token and machine:
            _machines[token] = machine
            while len(_machines) > REMEMBERED:
                _machines.popitem(last=False)
        return applied

    def resource(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        if service == "states":
            machine = _machines.get(iam_actions._safe_json_field(body, "taskToken"))
            if machine:
                return machine
        return str(extract_resource_arn(service, method, path, headers, body, *rest))

    sfn._apply_parameters = parameters
    iam_actions.extract_resource_arn = resource
