"""A policy may tie a role to partition keys: the condition key dynamodb:LeadingKeys.

AWS: holds the partition key of the item, or of each item, that a request names; in a transaction each item is judged
with its own action (developer guide, "Using IAM policy conditions for fine-grained access control").
MiniStack: the key is never in the request's context, so ForAllValues conditions pass and others fail.
Baton: a function that owns one kind of row may be kept to it.
"""

from __future__ import annotations

import json
import re
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb

# The keys of a transaction's items, in the order in which MiniStack asks about them.
_items: ContextVar[tuple[list[str], ...]] = ContextVar("leading keys of the transaction's items", default=())

KEY = "dynamodb:LeadingKeys"


def apply() -> None:
    """Add the key to the context of a request and of each item of a transaction."""
    dynamodb_service_context = iam_actions.dynamodb_service_context
    dynamodb_transaction_checks = iam_actions.dynamodb_transaction_checks
    enforce = iam_evaluator.enforce

    def context(body: bytes) -> dict[str, Any]:
        keys = leading_keys(parsed(body))
        added: dict[str, Any] = {KEY: keys} if keys else {}
        return {**dynamodb_service_context(body), **added}

    def checks(action: str, body: bytes, region: str, account: str) -> Any:
        found = dynamodb_transaction_checks(action, body, region, account)
        items = parsed(body).get("TransactItems") or []
        parts = [item[part] for item in items for part in iam_actions._DYNAMODB_TRANSACT_ITEM_ACTIONS if part in item]
        _items.set(tuple(leading_keys(part) for part in parts) if len(parts) == len(found) else ())
        return found

    def judge(access_key: str, action: str, service: str, *rest: Any, **options: Any) -> Any:
        given = options.get("service_context") or {}
        if "dynamodb:EnclosingOperation" in given and _items.get():
            mine, *others = _items.get()
            _items.set(tuple(others))
            options["service_context"] = {**given, KEY: mine}
        return enforce(access_key, action, service, *rest, **options)

    iam_actions.dynamodb_service_context = context
    iam_actions.dynamodb_transaction_checks = checks
    iam_evaluator.enforce = judge


def parsed(body: bytes) -> dict[str, Any]:
    """The request, or nothing where it is not a JSON object: that is left to MiniStack to report."""
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def leading_keys(request: dict[str, Any]) -> list[str]:
    """The partition keys that a request on one table names."""
    table = dynamodb._tables.get(str(request.get("TableName", "")).rsplit("/", 1)[-1])
    if table is None:
        return []
    name = partition_key(table, request.get("IndexName"))
    row = request.get("Key") or request.get("Item")
    if row is not None:
        return [scalar(row[name])] if name in row else []
    condition = request.get("KeyConditionExpression")
    if not isinstance(condition, str):
        return []
    names, values = request.get("ExpressionAttributeNames") or {}, request.get("ExpressionAttributeValues") or {}
    for left, right in re.findall(r"([#\w.]+)\s*=\s*(:\w+)", condition):
        if names.get(left, left) == name and right in values:
            return [scalar(values[right])]
    return []


def partition_key(table: dict[str, Any], index: str | None) -> str:
    """The name of the partition key of the table or of one of its indexes."""
    for found in (*(table.get("GlobalSecondaryIndexes") or ()), *(table.get("LocalSecondaryIndexes") or ())):
        if found["IndexName"] == index:
            return str(next(part["AttributeName"] for part in found["KeySchema"] if part["KeyType"] == "HASH"))
    return str(table["pk_name"])


def scalar(value: dict[str, Any]) -> str:
    """The value of a DynamoDB attribute of a key type."""
    return str(next(iter(value.values())))
