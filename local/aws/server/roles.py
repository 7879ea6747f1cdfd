"""What a role may do, asked of MiniStack's own IAM evaluator, for calls that AWS makes in a role's name."""

from __future__ import annotations

from typing import Any

from ministack.core import iam_evaluator as iam
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam as iam_service


def denied(
    role_arn: str, session: str, action: str, resource: str, context: dict[str, Any] | None = None
) -> str | None:
    """Why `role_arn` may not do `action` on `resource` in a session of this name, in AWS's words; None if it may."""
    account = get_account_id()
    role = role_arn.rsplit("/", 1)[-1]
    caller = f"arn:aws:sts::{account}:assumed-role/{role}/{session}"
    request = iam.EvalContext(
        principal_arn=caller,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={key.lower(): value for key, value in (context or {}).items()},
    )
    limits = iam._permissions_boundary(iam_service._roles, role, account)
    result = iam.evaluate(request, iam._gather_role_policies(role, account), *limits)
    service = action.split(":")[0]
    found = iam._resource_policy(service, resource)
    if found is not None:
        required = service in iam._POLICY_REQUIRED
        result = iam.combine_resource_policy(result, request, *found, required=required, limits=tuple(limits))
    if result.decision == "Allow":
        return None
    why = (
        "with an explicit deny"
        if result.decision == "Deny"
        else f"because no identity-based policy allows the {action} action"
    )
    return f"User: {caller} is not authorized to perform: {action} on resource: {resource} {why}"
