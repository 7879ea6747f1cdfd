"""What every table does: the table in memory, those of the simulation and of the crash harness, and DynamoDB."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

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

FAULT = (TypeError, ValueError, BotoCoreError, ClientError)
"""How a table says that what it was given is wrong: nothing was written, and trying again is in vain."""

A, B, C = (Key("CASE#1", sk) for sk in ("A", "B", "C"))


def row(key: Key, **attributes: Any) -> Item:
    return {"pk": key.pk, "sk": key.sk, **attributes}


def at(rev: int) -> Condition:
    return Condition("rev", Ask.EQUALS, rev)


def refused(table: Table, *writes: Write) -> dict[int, Item | None]:
    with pytest.raises(WriteRefused) as why:
        table.write(writes)
    return dict(why.value.failed)


VALUES = [
    0, 1, -1, 2**53 + 1, 10**20, 0.5, -0.1, 1772438400.123456, 1e-7, 123456789012345.0, True, False, None, "", "text", "ü→🫁",
    b"", b"\x00\xff", [], [1, [2.5, None], {"a": b"x"}], {}, {"a": {"b": [True, "x", 3]}, "#odd name": 1},
]  # fmt: skip

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

TYPES = [
    (Condition("n", Ask.EQUALS, 5.0), True),
    (Condition("n", Ask.EQUALS, "5"), False),
    (Condition("one", Ask.EQUALS, 1), True),
    (Condition("one", Ask.EQUALS, True), False),
    (Condition("flag", Ask.EQUALS, True), True),
    (Condition("flag", Ask.EQUALS, 1), False),
    (Condition("null", Ask.EQUALS, None), True),
    (Condition("list", Ask.EQUALS, [1, {"a": 2}]), True),
    (Condition("list", Ask.EQUALS, [True, {"a": 2}]), False),
    (Condition("list", Ask.EQUALS, [1]), False),
    (Condition("t", Ask.BELOW, 5), False),
    (Condition("n", Ask.ABOVE, "a"), False),
    (Condition("null", Ask.BELOW, 5), False),
    (Condition("flag", Ask.ABOVE, 0), False),
    (Condition("list", Ask.ABSENT_OR_BELOW, 5), False),
]


class Colour(StrEnum):
    RED = "red"


class TableContract:
    """A test class for an implementation to inherit, with a fixture `table`: empty, and one call after another."""

    # ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_a_value_comes_back_as_it_was(self, table: Table, value: Any) -> None:
        table.write((Put(row(A, value=value)),))
        found = table.get(A)
        assert found == row(A, value=value)
        assert found is not None
        if not isinstance(value, float):
            assert type(found["value"]) is type(value)

    def test_a_whole_number_that_is_a_float_counts_the_same(self, table: Table) -> None:
        table.write((Put(row(A, at=1772438400.0)),))
        found = table.get(A)
        assert found is not None
        assert found["at"] == 1772438400

    def test_what_a_row_cannot_hold_is_refused_before_it_is_sent(self, table: Table) -> None:
        with pytest.raises(TypeError, match="a row cannot hold a set"):
            table.write((Put(row(A, value={1})),))
        with pytest.raises(TypeError, match="a row cannot hold a set"):
            table.write((Put(row(A, value={"deep": [{1}]})),))
        assert table.get(A) is None

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=repr)
    def test_a_number_is_finite(self, table: Table, value: float) -> None:
        for written in (value, [value], {"deep": value}):
            with pytest.raises(FAULT):
                table.write((Put(row(A, value=written)),))
        assert table.get(A) is None

    def test_a_member_of_an_enumeration_comes_back_as_its_text(self, table: Table) -> None:
        table.write((Put(row(A, colour=Colour.RED, deep=[Colour.RED])),))
        found = table.get(A)
        assert found == row(A, colour="red", deep=["red"])
        assert found is not None
        assert {type(found["colour"]), type(found["deep"][0])} == {str}

    @pytest.mark.parametrize("key", [Key("", "A"), Key("CASE#1", "")], ids=["pk", "sk"])
    def test_no_key_is_empty(self, table: Table, key: Key) -> None:
        with pytest.raises(FAULT):
            table.write((Put(row(key)),))
        with pytest.raises(FAULT):
            table.write((Put(row(A)), Update(key, set={"n": 1})))
        assert table.get(A) is None

    def test_there_is_no_row_where_none_was_written(self, table: Table) -> None:
        assert table.get(A) is None

    def test_rows_are_nobodys_shared_object(self, table: Table) -> None:
        item = row(A, list=[1])
        table.write((Put(item),))
        item["list"].append(2)
        first = table.get(A)
        assert first == row(A, list=[1])
        assert first is not None
        first["list"].append(3)
        assert table.get(A) == row(A, list=[1])

    def test_put_replaces_the_whole_row(self, table: Table) -> None:
        table.write((Put(row(A, one=1)),))
        table.write((Put(row(A, two=2)),))
        assert table.get(A) == row(A, two=2)

    # ── updates ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_update_sets_adds_copies_and_removes_in_one(self, table: Table) -> None:
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

    def test_copy_takes_the_value_from_before_the_update(self, table: Table) -> None:
        table.write((Put(row(A, due=1, look=0)),))
        assert table.update(Update(A, set={"due": 2}, copy={"look": "due"})) == row(A, due=2, look=1)

    def test_an_update_makes_the_row_when_there_is_none(self, table: Table) -> None:
        assert table.update(Update(A, set={"x": 1}, add={"n": 1})) == row(A, x=1, n=1)

    def test_an_update_may_have_conditions_only_and_names_that_the_database_reserves(self, table: Table) -> None:
        table.write((Put(row(A, status="open", name="n", size=1)),))
        after = table.update(
            Update(A, set={"status": "done", "year": 1}, conditions=(Condition("name", Ask.EQUALS, "n"),))
        )
        assert after["status"] == "done"

    @pytest.mark.parametrize(
        "wrong",
        [
            Update(A, add={"text": 1}),
            Update(A, add={"flag": 1}),
            Update(A, copy={"copied": "none"}),
            Update(A, set={"sk": "Z"}),
            Update(A, set={"n": 2}, remove=("n",)),
            Update(A, set={"n": 2}, add={"n": 1}),
            Update(A),
        ],
        ids=[
            "add to text",
            "add to truth",
            "copy of nothing",
            "a key",
            "set and removed",
            "set and added to",
            "nothing",
        ],
    )
    def test_an_update_that_cannot_be_is_a_fault_and_nothing_is_written(self, table: Table, wrong: Update) -> None:
        """Amazon DynamoDB API reference: UpdateItem, and TransactWriteItems, which is then cancelled with ValidationError."""
        before = row(A, n=1, text="t", flag=True)
        table.write((Put(before),))
        with pytest.raises(FAULT):
            table.update(wrong)
        with pytest.raises(FAULT):
            table.write((Put(row(B)), Update(C, set={"n": 1}), wrong))
        assert (table.get(A), table.get(B), table.get(C)) == (before, None, None)

    def test_delete(self, table: Table) -> None:
        table.write((Put(row(A)), Put(row(B))))
        table.write((Delete(A),))
        assert (table.get(A), table.get(B)) == (None, row(B))
        table.write((Delete(A),))

    # ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize(("condition", "holds"), HOLD, ids=[f"{c.attribute} {c.test} {c.value}" for c, _ in HOLD])
    @pytest.mark.parametrize("kind", ["put", "update", "delete", "check", "transaction"])
    def test_every_condition_on_every_write(self, table: Table, kind: str, condition: Condition, holds: bool) -> None:
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

    @pytest.mark.parametrize(("condition", "holds"), TYPES, ids=[f"{c.attribute} {c.test} {c.value}" for c, _ in TYPES])
    def test_values_of_different_types_do_not_match(self, table: Table, condition: Condition, holds: bool) -> None:
        """Amazon DynamoDB developer guide, on comparison operators: numbers, text, truth and null are types of their own."""
        before = row(A, n=5, t="b", null=None, one=1, flag=True, list=[1, {"a": 2}])
        table.write((Put(before),))
        write = Update(A, set={"changed": 1}, conditions=(condition,))
        if holds:
            assert table.update(write) == {**before, "changed": 1}
        else:
            assert refused(table, write) == {0: before}
            assert table.get(A) == before

    def test_a_row_that_is_not_there_has_no_attributes(self, table: Table) -> None:
        for test, holds in ((Ask.EXISTS, False), (Ask.ABSENT, True), (Ask.ABSENT_OR_BELOW, True), (Ask.EQUALS, False)):
            write = Check(A, (Condition("n", test, 1),))
            if holds:
                table.write((write, Put(row(B))))
            else:
                assert refused(table, write) == {0: None}

    def test_all_conditions_of_a_write_are_needed(self, table: Table) -> None:
        table.write((Put(row(A, n=5)),))
        both = (Condition("n", Ask.EQUALS, 5), Condition("m", Ask.EXISTS))
        assert refused(table, Update(A, set={"n": 6}, conditions=both)) == {0: row(A, n=5)}

    def test_a_new_row_is_written_once(self, table: Table) -> None:
        table.write((Put(row(A, by="first"), NEW),))
        assert refused(table, Put(row(A, by="second"), NEW)) == {0: row(A, by="first")}
        assert table.get(A) == row(A, by="first")

    def test_a_refused_update_gives_the_row_that_it_found(self, table: Table) -> None:
        table.write((Put(row(A, n=5, list=[1])),))
        with pytest.raises(WriteRefused) as why:
            table.update(Update(A, add={"n": 1}, conditions=(Condition("n", Ask.EQUALS, 4),)))
        assert why.value.failed == {0: row(A, n=5, list=[1])}
        with pytest.raises(WriteRefused) as why:
            table.update(Update(B, set={"n": 1}, conditions=(Condition("pk", Ask.EXISTS),)))
        assert why.value.failed == {0: None}

    # ── all or nothing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_all_writes_or_none(self, table: Table) -> None:
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

    def test_writes_in_several_partitions(self, table: Table) -> None:
        keys = [Key(f"CASE#{n}", "META") for n in range(20)]
        table.write([Put(row(key), NEW) for key in keys])
        assert all(table.get(key) for key in keys)

    @pytest.mark.parametrize("count", [100, 101])
    def test_a_transaction_has_at_most_a_hundred_writes(self, table: Table, count: int) -> None:
        writes = [Put(row(Key("CASE#1", f"{n:03d}"))) for n in range(count)]
        if count <= 100:
            table.write(writes)
        else:
            with pytest.raises(FAULT):
                table.write(writes)
        assert len(read_all(table, "CASE#1")) == (count if count <= 100 else 0)

    def test_a_transaction_writes_something(self, table: Table) -> None:
        with pytest.raises(FAULT):
            table.write(())

    def test_two_writes_on_one_row_are_a_fault(self, table: Table) -> None:
        with pytest.raises(FAULT):
            table.write((Put(row(A)), Update(A, set={"x": 1})))
        assert table.get(A) is None

    def test_of_two_that_read_the_same_one_writes(self, table: Table) -> None:
        table.write((Put(row(A, rev=1)),))
        mine, theirs = (Update(A, set={"by": by}, add={"rev": 1}, conditions=(at(1),)) for by in ("mine", "theirs"))
        table.write((theirs, Put(row(B))))
        assert refused(table, mine, Put(row(C))) == {0: row(A, rev=2, by="theirs")}
        assert table.get(C) is None

    # ── queries ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_partition_is_read_in_the_order_of_its_keys(self, table: Table) -> None:
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
    def test_pages_join_without_gap_or_overlap(self, table: Table, limit: int) -> None:
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

    def test_a_page_goes_on_behind_a_row_that_is_gone_meanwhile(self, table: Table) -> None:
        for n in range(4):
            table.write((Put({"pk": "CASE#1", "sk": f"J#{n}", "sweep": "s", "look_at": n}),))
        rows = table.query("CASE#1", limit=2)
        entries = table.query_index(Index.SWEEP, "s", limit=2)
        table.write((Delete(Key("CASE#1", "J#1")),))
        assert [r["sk"] for r in table.query("CASE#1", start=rows.next).items] == ["J#2", "J#3"]
        assert [r["sk"] for r in table.query_index(Index.SWEEP, "s", start=entries.next).items] == ["J#2", "J#3"]

    def test_a_page_that_is_full_does_not_say_that_it_is_the_last(self, table: Table) -> None:
        """Amazon DynamoDB developer guide, on paginating: a LastEvaluatedKey does not mean that there is more."""
        for n in range(2):
            table.write((Put({"pk": "CASE#1", "sk": f"J#{n}", "sweep": "s", "look_at": n}),))
        for page, rest in (
            (full := table.query("CASE#1", limit=2), table.query("CASE#1", start=full.next)),
            (
                full := table.query_index(Index.SWEEP, "s", limit=2),
                table.query_index(Index.SWEEP, "s", start=full.next),
            ),
        ):
            assert len(page.items) == 2
            assert page.next is not None
            assert rest == ((), None)

    def test_more_than_one_answer_of_the_database_is_read_to_its_end(self, table: Table) -> None:
        """DynamoDB answers at most 1 MB at a time."""
        for n in range(5):
            table.write((Put({"pk": "CASE#1", "sk": f"J#{n}", "body": "x" * 300_000}),))
        assert [r["sk"] for r in read_all(table, "CASE#1", "J#")] == [f"J#{n}" for n in range(5)]

    # ── indexes ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_an_index_lists_by_number_up_to_and_including(self, table: Table) -> None:
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

    def test_a_row_is_in_an_index_only_while_it_has_both_attributes(self, table: Table) -> None:
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

    def test_an_index_follows_a_row_that_changes_its_place(self, table: Table) -> None:
        key = Key("CASE#1", "TASK#1")
        table.write((Put(row(key, worklist="n#RT", due=5, person="RT-LINDEN")),))
        table.update(Update(key, set={"worklist": "n#RN", "due": 3}))
        assert table.query_index(Index.WORKLIST, "n#RT").items == ()
        assert table.query_index(Index.WORKLIST, "n#RN").items == (
            row(key, worklist="n#RN", due=3, person="RT-LINDEN"),
        )

    @pytest.mark.parametrize(
        "wrong", [{"sweep": ""}, {"sweep": 5}, {"look_at": "5"}, {"look_at": None}, {"look_at": True}]
    )
    def test_what_an_index_cannot_hold_is_a_fault(self, table: Table, wrong: dict[str, Any]) -> None:
        with pytest.raises(FAULT):
            table.write((Put(row(A, **{"sweep": "s", "look_at": 5, **wrong})),))
        with pytest.raises(FAULT):
            table.update(Update(A, set={"sweep": "s", "look_at": 5, **wrong}))
        assert table.get(A) is None
        assert table.query_index(Index.SWEEP, "s").items == ()

    @pytest.mark.parametrize(
        ("index", "hash_key", "range_key"),
        [(Index.SWEEP, "sweep", "look_at"), (Index.CASES, "facility_cases", "opened_at")],
    )
    def test_an_index_of_keys_gives_keys_only(self, table: Table, index: Index, hash_key: str, range_key: str) -> None:
        table.write((Put(row(A, **{hash_key: "h", range_key: 1, "state": "stable"})),))
        assert table.query_index(index, "h").items == (row(A, **{hash_key: "h", range_key: 1}),)

    def test_pages_of_an_index_join(self, table: Table) -> None:
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


class ContendedTableContract:
    """Writes that meet another transaction on the same rows. The fixture `contended`: such befalls some writes, not all.

    Allowed: that any write is refused so, whatever it would have come to. Not allowed: that some of it was written.
    """

    def test_what_is_contended_was_not_written_and_can_be_tried_again(self, contended: Table) -> None:
        came_to = set()
        for n in range(40):
            mine = Key(f"CASE#{n}", "META"), Key(f"CASE#{n}", "J#1")
            try:
                contended.write([Put(row(key), NEW) for key in mine])
            except Contention:
                came_to.add("contended")
                assert [contended.get(key) for key in mine] == [None, None]
            else:
                came_to.add("written")
                assert [contended.get(key) for key in mine] == [row(key) for key in mine]
        assert came_to == {"contended", "written"}

    def test_an_update_that_is_contended_counts_nothing(self, contended: Table) -> None:
        counted = 0
        for _ in range(40):
            try:
                counted = contended.update(Update(A, add={"n": 1}))["n"]
            except Contention:
                assert (contended.get(A) or {"n": 0})["n"] == counted
        assert 0 < counted < 40


class LaggingIndexContract:
    """An index that may lag. The fixture `lagging`: some answers are old, or all are new.

    Allowed: an entry that is gone, and one that is missing, for a while. Not allowed: an answer to another question, an entry
    that never was, a row by its key that is old, and lag without end (Amazon DynamoDB developer guide, on read consistency
    and on global secondary indexes).
    """

    def test_what_it_gives_is_what_was_asked_for(self, lagging: Table) -> None:
        for n in range(8):
            lagging.write((Put({"pk": f"CASE#{n}", "sk": "META", "sweep": "s", "look_at": n}),))
        for _ in range(10):
            for upto, limit in ((7, None), (3, None), (5, 2), (2, 1)):
                page = lagging.query_index(Index.SWEEP, "s", upto=upto, limit=limit)
                found = [entry["look_at"] for entry in page.items]
                assert found == sorted(set(found))
                assert set(found) <= set(range(upto + 1))
                assert limit is None or len(found) <= limit
                if page.next is not None:
                    more = lagging.query_index(Index.SWEEP, "s", upto=upto, limit=limit, start=page.next)
                    assert all(found[-1] < entry["look_at"] <= upto for entry in more.items)

    def test_it_shows_what_is_or_was_and_comes_to_what_is(self, lagging: Table) -> None:
        key = Key("CASE#1", "META")

        def listed() -> list[int]:
            return [entry["look_at"] for entry in lagging.query_index(Index.SWEEP, "s").items]

        was: list[list[int]] = [[]]
        for look in (5, 3, None, 9):
            changed = Update(key, set={"sweep": "s", "look_at": look}) if look else Update(key, remove=("look_at",))
            lagging.update(changed)
            now = [look] if look else []
            was.append(now)
            seen = [listed() for _ in range(20)]
            assert all(entries in was for entries in seen)
            assert now in seen
            assert (lagging.get(key) or {}).get("look_at") == look
