"""Each table in this process does what every table does, so that what is shown in memory holds on AWS; and how DynamoDB says no."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.adapters.memory import MemoryTable
from functions.cases.table import Contention, Put, Table, Update, WriteRefused
from tests.contract.simulated import simulated_table
from tests.contract.table import A, B, ContendedTableContract, LaggingIndexContract, TableContract, row
from tests.crash.hospital import StreamedTable
from tests.simulation.dice import Fault

_MOTO_DIFFERS = (
    "test_a_number_is_finite[",
    "test_an_update_that_cannot_be_is_a_fault_and_nothing_is_written[moto-nothing]",
    "test_a_page_that_is_full_does_not_say_that_it_is_the_last[",
    "test_what_an_index_cannot_hold_is_a_fault[",
    *(
        f"test_values_of_different_types_do_not_match[moto-{condition}]"
        for condition in (
            *("one = True", "flag = 1", "list = [True, {'a': 2}]"),
            *("t < 5", "n > a", "flag > 0", "list absent or < 5"),
        )
    ),
)
"""What moto takes, or takes for the same, and DynamoDB does not."""


def _on_moto(request: pytest.FixtureRequest) -> Table:
    if request.node.name.startswith(_MOTO_DIFFERS):
        request.applymarker(pytest.mark.xfail(strict=True, reason="moto differs from DynamoDB"))
    found: DynamoTable = request.getfixturevalue("dynamo")
    return found


class TestTable(TableContract):
    @pytest.fixture(params=["memory", "simulation", "crash", "moto"])
    def table(self, request: pytest.FixtureRequest) -> Table:
        match request.param:
            case "memory":
                return MemoryTable()
            case "simulation":
                return simulated_table()
            case "crash":
                return StreamedTable()
            case _:
                return _on_moto(request)


class TestContendedTable(ContendedTableContract):
    @pytest.fixture
    def contended(self) -> Table:
        return simulated_table(Fault.CONFLICT)


class TestLaggingIndex(LaggingIndexContract):
    @pytest.fixture(params=["memory", "simulation", "crash", "moto"])
    def lagging(self, request: pytest.FixtureRequest) -> Table:
        match request.param:
            case "memory":
                return MemoryTable()
            case "simulation":
                return simulated_table(Fault.STALE_INDEX)
            case "crash":
                return StreamedTable()
            case _:
                return _on_moto(request)


# ── how DynamoDB says no ─────────────────────────────────────────────────────────────────────────────────────────────────


class Refusing:
    """A client whose every write ends in one error."""

    def __init__(self, code: str, reasons: list[dict[str, Any]] | None = None) -> None:
        response: Any = {"Error": {"Code": code, "Message": "no"}}
        if reasons is not None:
            response["CancellationReasons"] = reasons
        self._error = ClientError(response, "TransactWriteItems")

    def _refuse(self, **_: Any) -> None:
        raise self._error

    put_item = update_item = delete_item = transact_write_items = _refuse


def written(code: str, reasons: list[dict[str, Any]] | None = None) -> BaseException:
    client: Any = Refusing(code, reasons)
    with pytest.raises(Exception) as why:  # noqa: PT011 - which one is what the tests ask
        DynamoTable(client, "t").write((Put(row(A)), Put(row(B))))
    return why.value


CANCELLED = "TransactionCanceledException"


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_cancelled_by_another_is_contention(code: str) -> None:
    assert isinstance(written(CANCELLED, [{"Code": "None"}, {"Code": code}]), Contention)


def test_a_transaction_cancelled_by_a_condition_is_refused_with_the_row() -> None:
    old = {"pk": {"S": "CASE#1"}, "sk": {"S": "B"}, "n": {"N": "5"}}
    error = written(CANCELLED, [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": old}])
    assert isinstance(error, WriteRefused)
    assert error.failed == {1: row(B, n=5)}


def test_where_both_happened_the_condition_counts() -> None:
    error = written(CANCELLED, [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}])
    assert isinstance(error, WriteRefused)
    assert error.failed == {1: None}


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_transaction_cancelled_for_another_reason_is_a_fault(code: str) -> None:
    assert isinstance(written(CANCELLED, [{"Code": code}, {"Code": "None"}]), ClientError)


@pytest.mark.parametrize(
    "code",
    ["TransactionConflictException", "TransactionInProgressException", "ThrottlingException", "RequestLimitExceeded"],
)
def test_a_busy_table_is_contention(code: str) -> None:
    client: Any = Refusing(code)
    with pytest.raises(Contention):
        DynamoTable(client, "t").update(Update(A, set={"x": 1}))
    with pytest.raises(Contention):
        DynamoTable(client, "t").write((Put(row(A)),))
    assert isinstance(written(code), Contention)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"])
def test_any_other_answer_is_a_fault(code: str) -> None:
    assert isinstance(written(code), ClientError)
