"""CloudFormation applies a table's time to live, encryption and point-in-time recovery.

AWS: TimeToLiveSpecification, SSESpecification and PointInTimeRecoverySpecification of AWS::DynamoDB::Table, and their
places in AWS::DynamoDB::GlobalTable, take effect with the stack.
MiniStack: drops them.
Baton: event marks and held events expire, and the table is under the customer's key.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_region
from ministack.services import dynamodb

from local.aws.server import late


def apply() -> None:
    """Apply them when the table has been made."""
    late.when_loaded("ministack.services.cloudformation.provisioners", change)


def change() -> None:
    """Put the dropped properties behind MiniStack's own handlers."""
    from ministack.services.cloudformation import provisioners

    for resource in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"):
        handlers = provisioners._RESOURCE_HANDLERS[resource]
        handlers["create"] = completing(handlers["create"])


def completing(create: Any) -> Any:
    """`create`, and then the dropped properties."""

    def complete(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, attributes = create(logical_id, properties, stack)
        replica = here(properties)
        encryption = {**(properties.get("SSESpecification") or {}), **(replica.get("SSESpecification") or {})}
        recovery = properties.get("PointInTimeRecoverySpecification") or replica.get("PointInTimeRecoverySpecification")
        if properties.get("TimeToLiveSpecification"):
            settle(dynamodb._update_ttl, name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
        if recovery:
            settle(dynamodb._update_continuous_backups, name, PointInTimeRecoverySpecification=recovery)
        if encryption:
            encryption = {"Enabled": encryption.get("SSEEnabled"), **encryption}
            dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(encryption)
        return name, attributes

    return complete


def here(properties: dict[str, Any]) -> dict[str, Any]:
    """What a global table says of its replica in this region."""
    replicas = properties.get("Replicas") or ()
    return next((replica for replica in replicas if replica.get("Region") == get_region()), {})


def settle(action: Any, table: str, **settings: Any) -> None:
    """Do one of DynamoDB's own actions on the new table. Raises ValueError, which fails the resource."""
    status, _, body = action({"TableName": table, **settings})
    if status >= 400:
        raise ValueError(body)
