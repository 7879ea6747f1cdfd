"""The table port on DynamoDB. One call per operation; conditions become condition expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.cases.adapters.codec import decode_item, encode, encode_item
from functions.cases.table import (
    Check,
    Condition,
    Contention,
    Delete,
    Index,
    Item,
    Key,
    Page,
    Put,
    Test,
    Update,
    Write,
    WriteRefused,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BUSY = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_CONTENDED_REASONS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_RANGE_KEY = {Index.WORKLIST: "due", Index.SWEEP: "look_at", Index.CASES: "opened_at"}
_HASH_KEY = {Index.WORKLIST: "worklist", Index.SWEEP: "sweep", Index.CASES: "facility_cases"}


class _Expression:
    """Collects names and values of one expression."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        placeholder = f"#{attribute}"
        self.names[placeholder] = attribute
        return placeholder

    def value(self, value: Any) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = encode(value)
        return placeholder

    def condition(self, conditions: Sequence[Condition]) -> str:
        return " AND ".join(self._one(condition) for condition in conditions)

    def _one(self, condition: Condition) -> str:
        name = self.name(condition.attribute)
        match condition.test:
            case Test.EXISTS:
                return f"attribute_exists({name})"
            case Test.ABSENT:
                return f"attribute_not_exists({name})"
            case Test.EQUALS:
                return f"{name} = {self.value(condition.value)}"
            case Test.BELOW:
                return f"{name} < {self.value(condition.value)}"
            case Test.ABOVE:
                return f"{name} > {self.value(condition.value)}"
            case Test.ABSENT_OR_BELOW:
                return f"(attribute_not_exists({name}) OR {name} < {self.value(condition.value)})"

    def update(self, update: Update) -> str:
        sets = [f"{self.name(k)} = {self.value(v)}" for k, v in update.set.items()]
        sets += [f"{self.name(k)} = {self.name(source)}" for k, source in update.copy.items()]
        adds = [f"{self.name(k)} {self.value(v)}" for k, v in update.add.items()]
        removes = [self.name(k) for k in update.remove]
        parts = (("SET", sets), ("ADD", adds), ("REMOVE", removes))
        return " ".join(f"{verb} {', '.join(what)}" for verb, what in parts if what)

    def arguments(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if self.names:
            given["ExpressionAttributeNames"] = self.names
        if self.values:
            given["ExpressionAttributeValues"] = self.values
        return given


class DynamoTable:
    """The table on DynamoDB."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client: Any = client
        self._name = name

    def get(self, key: Key) -> Item | None:
        """See Table.get."""
        found = self._client.get_item(TableName=self._name, Key=encode_item(key._asdict()), ConsistentRead=True)
        return decode_item(found["Item"]) if "Item" in found else None

    def query(self, pk: str, prefix: str = "", *, start: Any | None = None, limit: int | None = None) -> Page:
        """See Table.query."""
        expression = _Expression()
        condition = f"{expression.name('pk')} = {expression.value(pk)}"
        if prefix:
            condition += f" AND begins_with({expression.name('sk')}, {expression.value(prefix)})"
        return self._page(
            {"KeyConditionExpression": condition, "ConsistentRead": True, **expression.arguments()}, start, limit
        )

    def query_index(
        self, index: Index, value: str, *, upto: float | None = None, start: Any | None = None, limit: int | None = None
    ) -> Page:
        """See Table.query_index."""
        expression = _Expression()
        condition = f"{expression.name(_HASH_KEY[index])} = {expression.value(value)}"
        if upto is not None:
            condition += f" AND {expression.name(_RANGE_KEY[index])} <= {expression.value(upto)}"
        return self._page(
            {"IndexName": str(index), "KeyConditionExpression": condition, **expression.arguments()}, start, limit
        )

    def _page(self, arguments: dict[str, Any], start: Any | None, limit: int | None) -> Page:
        if start is not None:
            arguments["ExclusiveStartKey"] = start
        if limit is not None:
            arguments["Limit"] = limit
        found = self._client.query(TableName=self._name, **arguments)
        return Page(tuple(decode_item(item) for item in found["Items"]), found.get("LastEvaluatedKey"))

    def write(self, writes: Sequence[Write]) -> None:
        """See Table.write."""
        if len(writes) == 1 and not isinstance(writes[0], Check):
            verb, arguments = self._render(writes[0])
            with _refusals():
                call = {
                    "Put": self._client.put_item,
                    "Update": self._client.update_item,
                    "Delete": self._client.delete_item,
                }
                call[verb](**arguments, ReturnValuesOnConditionCheckFailure="ALL_OLD")
            return
        items = []
        for write in writes:
            verb, arguments = self._render(write)
            items.append({verb: {**arguments, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}})
        with _refusals():
            self._client.transact_write_items(TransactItems=items)

    def update(self, update: Update) -> Item:
        """See Table.update."""
        _, arguments = self._render(update)
        with _refusals():
            answer = self._client.update_item(
                **arguments, ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD"
            )
        return decode_item(answer["Attributes"])

    def _render(self, write: Write) -> tuple[str, dict[str, Any]]:
        expression = _Expression()
        verb = "ConditionCheck"
        arguments: dict[str, Any] = {"TableName": self._name}
        match write:
            case Put():
                verb = "Put"
                arguments["Item"] = encode_item(write.item)
            case Update():
                verb = "Update"
                arguments["Key"] = encode_item(write.key._asdict())
                arguments["UpdateExpression"] = expression.update(write)
            case Delete():
                verb = "Delete"
                arguments["Key"] = encode_item(write.key._asdict())
            case Check():
                arguments["Key"] = encode_item(write.key._asdict())
        if write.conditions:
            arguments["ConditionExpression"] = expression.condition(write.conditions)
        return verb, arguments | expression.arguments()


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what DynamoDB says of refused writes into the port's terms; everything else stays a fault."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        response: Mapping[str, Any] = error.response
        if code == "ConditionalCheckFailedException":
            old = response.get("Item")
            raise WriteRefused({0: decode_item(old) if old else None}) from error
        if code == "TransactionCanceledException":
            raise _cancelled(response.get("CancellationReasons", ())) or error from error
        if code in _BUSY:
            raise Contention(code) from error
        raise


def _cancelled(reasons: Sequence[Mapping[str, Any]]) -> Exception | None:
    failed: dict[int, Item | None] = {}
    for index, reason in enumerate(reasons):
        if reason.get("Code") == "ConditionalCheckFailed":
            old = reason.get("Item")
            failed[index] = decode_item(old) if old else None
    if failed:
        return WriteRefused(failed)
    codes = {str(reason.get("Code")) for reason in reasons}
    return Contention(", ".join(sorted(codes & _CONTENDED_REASONS))) if codes & _CONTENDED_REASONS else None
