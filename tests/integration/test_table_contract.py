"""What every table must do. The same tests run against the table in memory and DynamoDB (simulated), so that what is shown
in memory holds on AWS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.table import (
    NEW,
    Check,
    Condition,
    Contention,
    Delete,
    Index,
    Item,
    Key,
    Put,
    Table,
    Update,
    Write,
    WriteRefused,
    read_all,
)
from functions.cases.table import Test as Ask

A, B, C = (Key("CASE#1", sk) for sk in ("A", "B", "C"))


def row(key: Key, **attributes: Any) -> Item:
    return {"pk": key.pk, "sk": key.sk, **attributes}


def refused(table: Table, *writes: Write) -> dict[int, Item | None]:
    with pytest.raises(WriteRefused) as why:
        table.write(writes)
    return dict(why.value.failed)


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

VALUES = [
    0, 1, -1, 2**53 + 1, 10**20, 0.5, -0.1, 1772438400.123456, 1e-7, 123456789012345.0, True, False, None, "", "text", "ü→🫁",
    b"", b"\x00\xff", [], [1, [2.5, None], {"a": b"x"}], {}, {"a": {"b": [True, "x", 3]}, "#odd name": 1},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(table: Table, value: Any) -> None:
    table.write((Put(row(A, value=value)),))
    found = table.get(A)
    assert found == row(A, value=value)
    assert found is not None
    if not isinstance(value, float):
        assert type(found["value"]) is type(value)


def test_a_whole_number_that_is_a_float_counts_the_same(table: Table) -> None:
    table.write((Put(row(A, at=1772438400.0)),))
    found = table.get(A)
    assert found is not None
    assert found["at"] == 1772438400


def test_what_a_row_cannot_hold_is_refused_before_it_is_sent(dynamo: DynamoTable) -> None:
    with pytest.raises(TypeError, match="a row cannot hold a set"):
        dynamo.write((Put(row(A, value={1})),))


def test_there_is_no_row_where_none_was_written(table: Table) -> None:
    assert table.get(A) is None


def test_rows_are_nobodys_shared_object(table: Table) -> None:
    item = row(A, list=[1])
    table.write((Put(item),))
    item["list"].append(2)
    first = table.get(A)
    assert first == row(A, list=[1])
    assert first is not None
    first["list"].append(3)
    assert table.get(A) == row(A, list=[1])


def test_put_replaces_the_whole_row(table: Table) -> None:
    table.write((Put(row(A, one=1)),))
    table.write((Put(row(A, two=2)),))
    assert table.get(A) == row(A, two=2)


# ── updates ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_update_sets_adds_copies_and_removes_in_one(table: Table) -> None:
    table.write((Put(row(A, kept=1, count=5, source="s", gone=1, old="x")),))
    after = table.update(
        Update(
            A,
            set={"new": [1], "old": "y"},
            add={"count": 2, "fresh": 3},
            copy={"copied": "source"},
            remove=("gone", "none"),
        )
    )
    assert after == row(A, kept=1, count=7, fresh=3, source="s", new=[1], old="y", copied="s")
    assert table.get(A) == after


def test_copy_takes_the_value_from_before_the_update(table: Table) -> None:
    table.write((Put(row(A, due=1, look=0)),))
    assert table.update(Update(A, set={"due": 2}, copy={"look": "due"})) == row(A, due=2, look=1)


def test_an_update_makes_the_row_when_there_is_none(table: Table) -> None:
    assert table.update(Update(A, set={"x": 1}, add={"n": 1})) == row(A, x=1, n=1)


def test_an_update_may_have_conditions_only_and_names_that_the_database_reserves(table: Table) -> None:
    table.write((Put(row(A, status="open", name="n", size=1)),))
    after = table.update(Update(A, set={"status": "done", "year": 1}, conditions=(Condition("name", Ask.EQUALS, "n"),)))
    assert after["status"] == "done"


def test_delete(table: Table) -> None:
    table.write((Put(row(A)), Put(row(B))))
    table.write((Delete(A),))
    assert (table.get(A), table.get(B)) == (None, row(B))
    table.write((Delete(A),))


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────────────

HOLD = [
    (Condition("n", Ask.EQUALS, 5), True),
    (Condition("n", Ask.EQUALS, 6), False),
    (Condition("none", Ask.EQUALS, 5), False),
    (Condition("t", Ask.EQUALS, "b"), True),
    (Condition("n", Ask.BELOW, 6), True),
    (Condition("n", Ask.BELOW, 5), False),
    (Condition("none", Ask.BELOW, 5), False),
    (Condition("t", Ask.BELOW, "c"), True),
    (Condition("n", Ask.ABOVE, 4.5), True),
    (Condition("n", Ask.ABOVE, 5), False),
    (Condition("none", Ask.ABOVE, 5), False),
    (Condition("n", Ask.EXISTS), True),
    (Condition("null", Ask.EXISTS), True),
    (Condition("none", Ask.EXISTS), False),
    (Condition("none", Ask.ABSENT), True),
    (Condition("n", Ask.ABSENT), False),
    (Condition("null", Ask.ABSENT), False),
    (Condition("n", Ask.ABSENT_OR_BELOW, 6), True),
    (Condition("n", Ask.ABSENT_OR_BELOW, 5), False),
    (Condition("none", Ask.ABSENT_OR_BELOW, 0), True),
    (Condition("t", Ask.ABSENT_OR_BELOW, "0001.000009"), False),
]


@pytest.mark.parametrize(("condition", "holds"), HOLD, ids=[f"{c.attribute} {c.test} {c.value}" for c, _ in HOLD])
@pytest.mark.parametrize("kind", ["put", "update", "delete", "check", "transaction"])
def test_every_condition_on_every_write(table: Table, kind: str, condition: Condition, holds: bool) -> None:
    before = row(A, n=5, t="b", null=None)
    table.write((Put(before), Put(row(B, other=1))))
    writes: dict[str, Sequence[Write]] = {
        "put": (Put(row(A, changed=1), (condition,)),),
        "update": (Update(A, set={"changed": 1}, conditions=(condition,)),),
        "delete": (Delete(A, (condition,)),),
        "check": (Check(A, (condition,)),),
        "transaction": (Update(B, set={"changed": 1}), Put(row(C)), Check(A, (condition,))),
    }
    if holds:
        table.write(writes[kind])
        expected = {
            "put": row(A, changed=1),
            "update": {**before, "changed": 1},
            "delete": None,
            "check": before,
            "transaction": before,
        }
        assert table.get(A) == expected[kind]
        assert (table.get(C) is not None) is (kind == "transaction")
    else:
        assert refused(table, *writes[kind]) == {2 if kind == "transaction" else 0: before}
        assert (table.get(A), table.get(B), table.get(C)) == (before, row(B, other=1), None)


def test_a_row_that_is_not_there_has_no_attributes(table: Table) -> None:
    for test, holds in ((Ask.EXISTS, False), (Ask.ABSENT, True), (Ask.ABSENT_OR_BELOW, True), (Ask.EQUALS, False)):
        write = Check(A, (Condition("n", test, 1),))
        if holds:
            table.write((write, Put(row(B))))
        else:
            assert refused(table, write) == {0: None}


def test_all_conditions_of_a_write_are_needed(table: Table) -> None:
    table.write((Put(row(A, n=5)),))
    both = (Condition("n", Ask.EQUALS, 5), Condition("m", Ask.EXISTS))
    assert refused(table, Update(A, set={"n": 6}, conditions=both)) == {0: row(A, n=5)}


def test_a_new_row_is_written_once(table: Table) -> None:
    table.write((Put(row(A, by="first"), NEW),))
    assert refused(table, Put(row(A, by="second"), NEW)) == {0: row(A, by="first")}
    assert table.get(A) == row(A, by="first")


def test_a_refused_update_gives_the_row_that_it_found(table: Table) -> None:
    table.write((Put(row(A, n=5, list=[1])),))
    with pytest.raises(WriteRefused) as why:
        table.update(Update(A, add={"n": 1}, conditions=(Condition("n", Ask.EQUALS, 4),)))
    assert why.value.failed == {0: row(A, n=5, list=[1])}
    with pytest.raises(WriteRefused) as why:
        table.update(Update(B, set={"n": 1}, conditions=(Condition("pk", Ask.EXISTS),)))
    assert why.value.failed == {0: None}


# ── all or nothing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_writes_or_none(table: Table) -> None:
    table.write((Put(row(A, n=1)), Put(row(B, n=1))))
    before = [table.get(key) for key in (A, B, C)]
    failed = refused(
        table,
        Update(A, add={"n": 1}, conditions=(Condition("n", Ask.EQUALS, 1),)),
        Put(row(C), NEW),
        Update(B, add={"n": 1}, conditions=(Condition("n", Ask.EQUALS, 2),)),
        Check(Key("STAFF#x", "y"), (Condition("until", Ask.ABOVE, 3),)),
    )
    assert failed == {2: row(B, n=1), 3: None}, "each refused write, and only those, with what was found"
    assert [table.get(key) for key in (A, B, C)] == before


def test_writes_in_several_partitions(table: Table) -> None:
    keys = [Key(f"CASE#{n}", "META") for n in range(20)]
    table.write([Put(row(key), NEW) for key in keys])
    assert all(table.get(key) for key in keys)


@pytest.mark.parametrize("count", [100, 101])
def test_a_transaction_has_at_most_a_hundred_writes(table: Table, count: int) -> None:
    writes = [Put(row(Key("CASE#1", f"{n:03d}"))) for n in range(count)]
    if count <= 100:
        table.write(writes)
    else:
        with pytest.raises((ValueError, ClientError)):
            table.write(writes)
    assert len(read_all(table, "CASE#1")) == (count if count <= 100 else 0)


def test_two_writes_on_one_row_are_a_fault(table: Table) -> None:
    with pytest.raises((ValueError, ClientError)):
        table.write((Put(row(A)), Update(A, set={"x": 1})))
    assert table.get(A) is None


# ── queries ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_partition_is_read_in_the_order_of_its_keys(table: Table) -> None:
    for sk in ("V#000002", "J#000010", "V#000001", "META", "J#000002", "W"):
        table.write((Put({"pk": "CASE#1", "sk": sk}),))
    table.write((Put({"pk": "CASE#2", "sk": "J#000001"}),))
    assert [r["sk"] for r in table.query("CASE#1", "J#").items] == ["J#000002", "J#000010"]
    assert [r["sk"] for r in table.query("CASE#1").items] == [
        "J#000002",
        "J#000010",
        "META",
        "V#000001",
        "V#000002",
        "W",
    ]
    assert table.query("CASE#3").items == ()


@pytest.mark.parametrize("limit", [1, 3, 7, 10])
def test_pages_join_without_gap_or_overlap(table: Table, limit: int) -> None:
    for n in range(7):
        table.write((Put({"pk": "CASE#1", "sk": f"J#{n}"}), Put({"pk": "CASE#1", "sk": f"V#{n}"})))
    seen: list[str] = []
    start = None
    for _ in range(20):
        page = table.query("CASE#1", "J#", start=start, limit=limit)
        assert len(page.items) <= limit
        seen += [r["sk"] for r in page.items]
        start = page.next
        if start is None:
            break
    assert seen == [f"J#{n}" for n in range(7)]
    assert [r["sk"] for r in read_all(table, "CASE#1", "J#")] == seen


def test_more_than_one_answer_of_the_database_is_read_to_its_end(table: Table) -> None:
    """DynamoDB answers at most 1 MB at a time."""
    for n in range(5):
        table.write((Put({"pk": "CASE#1", "sk": f"J#{n}", "body": "x" * 300_000}),))
    assert [r["sk"] for r in read_all(table, "CASE#1", "J#")] == [f"J#{n}" for n in range(5)]


# ── indexes ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_index_lists_by_number_up_to_and_including(table: Table) -> None:
    for n, look in enumerate((30, 10.5, 20, 40)):
        table.write((Put({"pk": f"CASE#{n}", "sk": "META", "sweep": "SWEEP#1", "look_at": look}),))
    table.write((Put({"pk": "CASE#9", "sk": "META", "sweep": "SWEEP#2", "look_at": 1}),))
    assert [r["pk"] for r in table.query_index(Index.SWEEP, "SWEEP#1").items] == [
        "CASE#1",
        "CASE#2",
        "CASE#0",
        "CASE#3",
    ]
    assert [r["pk"] for r in table.query_index(Index.SWEEP, "SWEEP#1", upto=20).items] == ["CASE#1", "CASE#2"]
    assert [r["pk"] for r in table.query_index(Index.SWEEP, "SWEEP#1", upto=19.9).items] == ["CASE#1"]
    assert table.query_index(Index.SWEEP, "SWEEP#1", upto=1).items == ()


def test_a_row_is_in_an_index_only_while_it_has_both_attributes(table: Table) -> None:
    def listed() -> list[str]:
        return [r["pk"] for r in table.query_index(Index.SWEEP, "SWEEP#1").items]

    key = Key("CASE#1", "META")
    table.write((Put(row(key, sweep="SWEEP#1")),))
    assert listed() == []
    table.update(Update(key, set={"look_at": 5}))
    assert listed() == ["CASE#1"]
    table.update(Update(key, remove=("look_at",)))
    assert listed() == []
    table.update(Update(key, set={"look_at": 7}))
    table.write((Put(row(key)),))
    assert listed() == []
    table.write((Put(row(key, sweep="SWEEP#1", look_at=1)),))
    table.write((Delete(key),))
    assert listed() == []


def test_an_index_follows_a_row_that_changes_its_place(table: Table) -> None:
    key = Key("CASE#1", "TASK#1")
    table.write((Put(row(key, worklist="n#RT", due=5, person="RT-LINDEN")),))
    table.update(Update(key, set={"worklist": "n#RN", "due": 3}))
    assert table.query_index(Index.WORKLIST, "n#RT").items == ()
    assert table.query_index(Index.WORKLIST, "n#RN").items == (row(key, worklist="n#RN", due=3, person="RT-LINDEN"),)


@pytest.mark.parametrize(
    ("index", "hash_key", "range_key"),
    [(Index.SWEEP, "sweep", "look_at"), (Index.CASES, "facility_cases", "opened_at")],
)
def test_an_index_of_keys_gives_keys_only(table: Table, index: Index, hash_key: str, range_key: str) -> None:
    table.write((Put(row(A, **{hash_key: "h", range_key: 1, "state": "stable"})),))
    assert table.query_index(index, "h").items == (row(A, **{hash_key: "h", range_key: 1}),)


def test_pages_of_an_index_join(table: Table) -> None:
    for n in range(5):
        table.write((Put({"pk": f"CASE#{n}", "sk": "META", "sweep": "s", "look_at": n // 2}),))
    seen: list[str] = []
    start = None
    for _ in range(10):
        page = table.query_index(Index.SWEEP, "s", start=start, limit=2)
        seen += [r["pk"] for r in page.items]
        start = page.next
        if start is None:
            break
    assert sorted(seen) == [f"CASE#{n}" for n in range(5)]


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
