"""The table in memory lets go of what expires and of what is dropped, from its indexes too."""

from typing import Any

from functions.cases.adapters.memory import MemoryTable
from functions.cases.table import Delete, Index, Key, Put, Update


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"pk": f"EVENT#{number}", "sk": "oxygen", **more}


def names(table: MemoryTable) -> list[str]:
    return [each["pk"] for each in table.rows()]


def test_a_row_is_forgotten_when_its_time_is_over() -> None:
    table = MemoryTable()
    table.write((Put(row(1, expires_at=100)), Put(row(2, expires_at=200)), Put(row(3))))
    table.forget(99)
    assert len(names(table)) == 3
    table.forget(100)
    assert names(table) == ["EVENT#2", "EVENT#3"]


def test_the_newest_time_counts() -> None:
    table = MemoryTable()
    table.write((Put(row(1, expires_at=100)),))
    table.write((Update(Key("EVENT#1", "oxygen"), set={"expires_at": 300}),))
    table.forget(200)
    assert names(table) == ["EVENT#1"]
    table.write((Update(Key("EVENT#1", "oxygen"), remove=("expires_at",)),))
    table.forget(400)
    assert names(table) == ["EVENT#1"]
    table.write((Put(row(1, expires_at=600)),))
    table.write((Delete(Key("EVENT#1", "oxygen")),))
    table.write((Put(row(1)),))
    table.forget(700)
    assert names(table) == ["EVENT#1"]


def test_a_dropped_partition_leaves_nothing_behind() -> None:
    table = MemoryTable()
    table.write((Put(row(1, sweep="SWEEP#0", look_at=5.0, expires_at=100)), Put(row(2))))
    table.drop("EVENT#1")
    table.drop("EVENT#never")
    assert names(table) == ["EVENT#2"]
    assert table.query_index(Index.SWEEP, "SWEEP#0").items == ()


def test_what_is_kept_about_times_does_not_outgrow_the_rows() -> None:
    table = MemoryTable()
    for number in range(10_000):
        table.write((Put(row(number, expires_at=number + 1_000_000)),))
        table.drop(f"EVENT#{number}")
    assert names(table) == []
    assert len(table._expiring) <= 2000


def test_rows_are_not_shared_with_those_who_wrote_or_read_them() -> None:
    table = MemoryTable()
    mine = row(1, facts={"spo2": [91, 0]})
    table.write((Put(mine),))
    mine["facts"]["spo2"].append("mine")
    read = table.get(Key("EVENT#1", "oxygen"))
    assert read is not None
    read["facts"]["spo2"].append("read")
    again = table.get(Key("EVENT#1", "oxygen"))
    assert again is not None
    assert again["facts"] == {"spo2": [91, 0]}
