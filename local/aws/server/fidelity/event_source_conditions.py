"""What may be put on a bus can depend on the event: conditions events:source and events:detail-type, and the bus's
own policy.

AWS: each entry of PutEvents is judged with its source and detail type; the bus's resource policy is judged with the
caller's, and a Deny in either wins (EventBridge user guide, "Using IAM policy conditions" and "Using resource-based
policies"); the policy can come from AWS::Events::EventBusPolicy or the Policy of AWS::Events::EventBus.
MiniStack: the keys are not in the context, the policy is stored and not judged, and CloudFormation takes neither form
of it.
Baton: the bus says which source may send which type of event.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge

from local.aws.server import late


def apply() -> None:
    """Judge each entry, and take the policy in the forms that a template has it in."""
    enforce = iam_evaluator.enforce
    put_permission = eventbridge._put_permission

    def judge(access_key: str, action: str, service: str, region: str, *rest: Any, **options: Any) -> Any:
        signed = iam_evaluator._signed_request.get()
        entries = json.loads(signed.body or b"{}").get("Entries") if signed and action == "events:PutEvents" else None
        if not entries:
            return enforce(access_key, action, service, region, *rest, **options)
        given = options.get("service_context") or {}
        for entry in entries:
            about = {"events:source": entry.get("Source"), "events:detail-type": entry.get("DetailType")}
            options |= {"service_context": {**given, **about}, "resource_arn": bus_arn(entry.get("EventBusName"))}
            denied = enforce(access_key, action, service, region, *rest, **options)
            if denied:
                return denied
        return None

    def put(data: dict[str, Any]) -> Any:
        if not data.get("Policy"):
            return put_permission(data)
        eventbridge._event_bus_policies[bus_name(data.get("EventBusName"))] = json.loads(data["Policy"])
        return eventbridge.json_response({})

    iam_evaluator.enforce = judge
    eventbridge._put_permission = put
    eventbridge.bus_policy_for_arn = bus_policy_for_arn
    iam_evaluator._RESOURCE_POLICY_LOOKUPS["events"] = ("eventbridge", "bus_policy_for_arn")
    late.when_loaded("ministack.services.cloudformation.provisioners", change)


def change() -> None:
    """Let a template say the policy of a bus."""
    from ministack.services.cloudformation import provisioners

    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {
        "create": create_policy,
        "update": update_policy,
        "delete": delete_policy,
    }
    bus = provisioners._RESOURCE_HANDLERS["AWS::Events::EventBus"]
    create_bus = bus["create"]

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, attributes = create_bus(logical_id, properties, stack)
        if properties.get("Policy"):
            eventbridge._event_bus_policies[name] = properties["Policy"]
        return name, attributes

    bus["create"] = create


def bus_name(reference: str | None) -> str:
    """The name of the bus that a name or an ARN means; none means the default one."""
    return (reference or "default").rsplit("/", 1)[-1]


def bus_arn(reference: str | None) -> str:
    """The ARN of the bus that a name or an ARN means."""
    return f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{bus_name(reference)}"


def bus_policy_for_arn(arn: str) -> tuple[dict[str, Any], str] | None:
    """The policy and the owner of a bus, for MiniStack's evaluator."""
    policy = eventbridge._event_bus_policies.get(bus_name(arn)) if ":event-bus/" in arn else None
    return None if policy is None else (policy, get_account_id())


def create_policy(_logical_id: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, Any]]:
    """Add the statement of an AWS::Events::EventBusPolicy."""
    identity = properties["StatementId"]
    name = bus_name(properties.get("EventBusName"))
    policy = eventbridge._event_bus_policies.get(name) or {"Version": "2012-10-17", "Statement": []}
    others = [statement for statement in policy["Statement"] if statement.get("Sid") != identity]
    statement = {**properties["Statement"], "Sid": identity}
    eventbridge._event_bus_policies[name] = {**policy, "Statement": [*others, statement]}
    return f"{name}|{identity}", {}


def update_policy(
    _physical_id: str, _old: dict[str, Any], new: dict[str, Any], stack: str
) -> tuple[str, dict[str, Any]]:
    """Replace the statement."""
    return create_policy("", new, stack)


def delete_policy(physical_id: str, _properties: dict[str, Any]) -> None:
    """Take the statement away."""
    name, _, identity = physical_id.partition("|")
    eventbridge._remove_permission({"EventBusName": name, "StatementId": identity})
