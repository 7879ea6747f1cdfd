"""The table of the embedded AWS does what every table does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.table import Table
from local.aws.embedded import EmbeddedAws
from tests.contract.conflicts import conflicting
from tests.contract.table import ContendedTableContract, LaggingIndexContract, TableContract
from tests.stack.aws import support
from tests.support.aws import create_table

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def client(whole: EmbeddedAws) -> object:
    """A client, made once."""
    return whole.client("dynamodb")


_TAKEN = tuple(
    f"test_an_update_that_cannot_be_is_a_fault_and_nothing_is_written[{update}]"
    for update in ("a key", "set and removed", "set and added to")
)
"""What the embedded AWS takes; AWS does not: "Two document paths overlap", "part of the key" (API reference, UpdateItem)."""


@pytest.fixture
def table(client: object, request: pytest.FixtureRequest) -> Iterator[Table]:
    """An empty table, as the stack makes it."""
    if request.node.name in _TAKEN:
        request.applymarker(pytest.mark.xfail(strict=True, reason="the embedded AWS takes it, and AWS does not"))
    name = support.name("table")
    create_table(client, name)  # type: ignore[arg-type] # boto3's clients are made at run time
    yield DynamoTable(client, name)  # type: ignore[arg-type]
    client.delete_table(TableName=name)  # type: ignore[attr-defined]


class TestTable(TableContract):
    pass


class TestContendedTable(ContendedTableContract):
    @pytest.fixture
    def contended(self, table: Table, client: object) -> Iterator[Table]:
        with conflicting(client):
            yield table


class TestLaggingIndex(LaggingIndexContract):
    @pytest.fixture
    def lagging(self, table: Table) -> Table:
        return table
