"""Who uses what a customer-managed key encrypts needs that key too.

AWS: a queue's senders need kms:GenerateDataKey and kms:Decrypt, its receivers kms:Decrypt, among them event source
mappings in the name of the function's role and EventBridge in its own; whoever uses a table or reads its stream, or a
secret, needs kms:Decrypt (SQS developer guide, "Key management"; DynamoDB developer guide, "DynamoDB encryption at
rest: usage notes"; Secrets Manager user guide, "Secret encryption and decryption"). An event that a rule cannot
encrypt is not delivered.
MiniStack: encrypts nothing and asks nobody.
Baton: all PHI is under one customer-managed key, and the roles name who may use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, kms, secretsmanager, sqs

from local.aws.server import roles
from local.aws.server.fidelity import mapping_polls_as_its_role, rule_target_needs_permission

# What is done with the data itself; all else (describing, tagging, purging) needs no key.
SENDING = ("sqs:SendMessage",)
READING = ("sqs:ReceiveMessage", "secretsmanager:GetSecretValue")
ON_ITEMS = tuple(
    f"dynamodb:{action}"
    for action in ("GetItem", "BatchGetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem",
                   "ConditionCheckItem", "GetRecords")
)  # fmt: skip
NEEDED = {
    **dict.fromkeys(SENDING, ("kms:GenerateDataKey", "kms:Decrypt")),
    **dict.fromkeys((*READING, *ON_ITEMS), ("kms:Decrypt",)),
}


def apply() -> None:
    """Ask for the key after each other permission: of requests, of mappings, of rules."""
    enforce = iam_evaluator.enforce
    refusals = mapping_polls_as_its_role.refusals
    queue_allows = rule_target_needs_permission.queue_allows

    def judge(access_key: str, action: str, service: str, region: str, *rest: Any, **options: Any) -> Any:
        denied = enforce(access_key, action, service, region, *rest, **options)
        key = None if denied else key_of(options.get("resource_arn", "*"))
        if key is None:
            return denied
        for needed in NEEDED.get(action, ()):
            via = {"kms:ViaService": f"{service}.{region}.amazonaws.com", "kms:CallerAccount": get_account_id()}
            denied = enforce(access_key, needed, "kms", region, resource_arn=key, service_context=via)
            if denied:
                return denied
        return None

    def mapping_refusals(mapping: dict[str, Any]) -> Iterator[str | None]:
        yield from refusals(mapping)
        key = key_of(mapping.get("EventSourceArn", ""))
        if key is not None:
            service = mapping["EventSourceArn"].split(":")[2]
            via = {"kms:ViaService": f"{service}.{get_region()}.amazonaws.com", "kms:CallerAccount": get_account_id()}
            role = mapping_polls_as_its_role.role(mapping)
            yield roles.denied(role, mapping["FunctionName"], "kms:Decrypt", key, via)

    def queue_allows_and_encrypts(queue: str, rule: str) -> bool:
        key = key_of(queue)
        return queue_allows(queue, rule) and (
            key is None or all(key_allows_events(key, action, rule) for action in NEEDED["sqs:SendMessage"])
        )

    iam_evaluator.enforce = judge
    mapping_polls_as_its_role.refusals = mapping_refusals
    rule_target_needs_permission.queue_allows = queue_allows_and_encrypts


def key_of(resource: str) -> str | None:
    """The ARN of the customer-managed key that encrypts a queue, table, index, stream or secret, if one does."""
    if resource.startswith("arn:aws:sqs:"):
        queue = sqs._queue_by_arn(resource)
        return customer_managed(((queue or {}).get("attributes") or {}).get("KmsMasterKeyId"))
    if resource.startswith("arn:aws:dynamodb:") and "table/" in resource:
        table = dynamodb._tables.get(resource.split("table/", 1)[1].split("/")[0])
        return customer_managed(((table or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn"))
    if resource.startswith("arn:aws:secretsmanager:"):
        _, secret = secretsmanager._resolve(resource)
        return customer_managed((secret or {}).get("KmsKeyId"))
    return None


def customer_managed(reference: str | None) -> str | None:
    """The ARN of the key that an identifier, ARN or alias means; None for a key that AWS manages."""
    if not reference or reference.startswith("alias/aws/"):
        return None
    key = kms._resolve_key(reference)
    return str(key["Arn"]) if key else None


def key_allows_events(key: str, action: str, rule: str) -> bool:
    """Whether the key's policy lets EventBridge use it for this rule."""
    policy, _ = kms.key_policy_for_arn(key) or ("", "")
    request = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=key,
        region=get_region(),
        service_context={"aws:sourcearn": rule, "aws:sourceaccount": get_account_id()},
    )
    return bool(
        evaluate_resource_policy(policy, request, service=rule_target_needs_permission.EVENTS).decision == "Allow"
    )
