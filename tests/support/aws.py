"""AWS in this process: the table as the stack makes it, what calls were made, and a Lambda's context."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.utilities.typing import LambdaContext
from moto.moto_api._internal.models import moto_api_backend

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "us-east-1"
TABLE = "baton-table"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
INDEXES = (
    ("worklist", "worklist", "due", "ALL"),
    ("sweep", "sweep", "look_at", "KEYS_ONLY"),
    ("cases", "facility_cases", "opened_at", "KEYS_ONLY"),
)
"""Name, hash key, range key and projection."""

READS = frozenset({"GetItem", "Query", "BatchGetItem", "Scan"})
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"})
SIGNALS = frozenset({"StartExecution", "SendTaskSuccess", "SendTaskFailure", "StopExecution"})


def create_table(client: DynamoDBClient, name: str = TABLE) -> None:
    """The one table with its three indexes."""
    attributes = {"pk": "S", "sk": "S"}
    indexes: list[Any] = []
    for index, hash_key, range_key, projection in INDEXES:
        attributes |= {hash_key: "S", range_key: "N"}
        indexes.append(
            {"IndexName": index, "KeySchema": _keys(hash_key, range_key), "Projection": {"ProjectionType": projection}}
        )
    definitions: list[Any] = [{"AttributeName": n, "AttributeType": t} for n, t in attributes.items()]
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=_keys("pk", "sk"),
        AttributeDefinitions=definitions,
        GlobalSecondaryIndexes=indexes,
    )


def _keys(hash_key: str, range_key: str) -> list[Any]:
    return [{"AttributeName": hash_key, "KeyType": "HASH"}, {"AttributeName": range_key, "KeyType": "RANGE"}]


def forget_everything() -> None:
    """Empty the simulated AWS; clients that were made for it stay good."""
    moto_api_backend.reset()


@dataclass
class Calls:
    """The calls of some clients while they were counted, by operation."""

    made: Counter[str] = field(default_factory=Counter)
    bodies: list[Any] = field(default_factory=list)

    def of(self, kind: frozenset[str]) -> int:
        """How many were of a kind."""
        return sum(count for operation, count in self.made.items() if operation in kind)

    def _note(self, params: dict[str, Any], model: Any, **_: object) -> None:
        self.made[model.name] += 1
        self.bodies.append((model.name, params.get("body")))


@contextmanager
def counted(*clients: Any) -> Iterator[Calls]:
    """Count the calls that reach the network, retries not included."""
    calls = Calls()
    for client in clients:
        client.meta.events.register("before-call", calls._note, unique_id=id(calls))
    yield calls
    for client in clients:
        client.meta.events.unregister("before-call", unique_id=id(calls))


def lambda_context(name: str = "baton") -> LambdaContext:
    """A context as Lambda gives it."""

    @dataclass
    class Context:
        function_name: str = name
        memory_limit_in_mb: int = 512
        invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:{name}"
        aws_request_id: str = "00000000-0000-0000-0000-000000000000"

        def get_remaining_time_in_millis(self) -> int:
            return 30_000

    return cast(LambdaContext, Context())
