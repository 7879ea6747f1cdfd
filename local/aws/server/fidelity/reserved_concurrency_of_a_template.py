"""CloudFormation applies a function's reserved concurrency.

AWS: ReservedConcurrentExecutions of AWS::Lambda::Function limits how many invocations run at once; one more is
throttled.
MiniStack: drops it.
Baton: a function that must not overrun what it calls is limited in the template.
"""

from __future__ import annotations

from typing import Any

from ministack.services import lambda_svc

from local.aws.server import late


def apply() -> None:
    """Apply it when the function has been made or changed."""
    late.when_loaded("ministack.services.cloudformation.provisioners", change)


def change() -> None:
    """Put the limit behind MiniStack's own handlers."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create, update = handlers["create"], handlers["update"]

    def limited(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, attributes = create(logical_id, properties, stack)
        limit(name, properties)
        return name, attributes

    def limited_again(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Any:
        result = update(physical_id, old, new, *rest)
        limit(physical_id, new)
        return result

    handlers["create"], handlers["update"] = limited, limited_again


def limit(function: str, properties: dict[str, Any]) -> None:
    """Set or lift the limit."""
    if "ReservedConcurrentExecutions" in properties:
        reserved = int(properties["ReservedConcurrentExecutions"])
        lambda_svc._put_function_concurrency(function, {"ReservedConcurrentExecutions": reserved})
    else:
        lambda_svc._delete_function_concurrency(function)
