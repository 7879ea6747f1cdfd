"""What Baton's commit relies on in DynamoDB."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

pytestmark = pytest.mark.stack

META = {"pk": {"S": "CASE#1"}, "sk": {"S": "META"}}


def at(revision: int) -> dict[str, Any]:
    """A condition on the revision of a row, and to be told the row where it does not hold."""
    return {
        "ConditionExpression": "rev = :rev",
        "ExpressionAttributeValues": {":rev": {"N": str(revision)}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_a_cancelled_transaction_says_why_and_with_what_row_and_writes_nothing(aws: EmbeddedAws) -> None:
    table, client = support.table(aws), aws.client("dynamodb")
    support.put(aws, table, "CASE#1", "META", rev={"N": "2"})
    items = [
        {
            "Put": {
                "TableName": table,
                "Item": {**META, "sk": {"S": "J#1"}},
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        },
        {"ConditionCheck": {"TableName": table, "Key": META, **at(1)}},
    ]
    with pytest.raises(client.exceptions.TransactionCanceledException) as cancelled:
        client.transact_write_items(TransactItems=items)
    reasons = cancelled.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert reasons[1]["Item"] == {**META, "rev": {"N": "2"}}
    assert client.scan(TableName=table, Select="COUNT")["Count"] == 1


def test_a_refused_update_tells_the_row(aws: EmbeddedAws) -> None:
    table, client = support.table(aws), aws.client("dynamodb")
    support.put(aws, table, "CASE#1", "META", rev={"N": "2"})
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as refused:
        client.update_item(TableName=table, Key=META, UpdateExpression="SET a = :rev", **at(1))
    assert refused.value.response["Item"] == {**META, "rev": {"N": "2"}}
