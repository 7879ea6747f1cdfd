"""A row that somebody holds does not change under them: not the case row in its steps, not what the table in memory gave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.cases.adapters.memory import MemoryTable
from functions.cases.rows import CaseRow, moved_on
from functions.cases.table import Item, Key, Put, Update
from statemachines.case import Case

AT = Key("CASE#1", "META")


def _row(**more: Any) -> CaseRow:
    return CaseRow("c-1", "northfield", "oxygen", 1, "p", "KEY#1", "P-0001", "E-0001", 5.0, Case("ordered"), **more)


def test_a_row_moves_on_by_its_changes_only() -> None:
    before = _row(rev=3, group="KEY#2")
    after = moved_on(before, seq=7, group=None)
    assert after == _row(rev=3, seq=7)
    assert before == _row(rev=3, group="KEY#2")
    assert after.case is before.case


def test_a_row_has_no_other_fields() -> None:
    with pytest.raises(TypeError, match="sequence"):
        moved_on(_row(), sequence=1)


def _held() -> Item:
    return {
        "flat": {"a": 1},
        "list": ["a", "b"],
        "deep": {"facts": {"flow": [2, 1.5, None]}, "names": ["x"]},
        "rows": [{"name": "x"}, {"name": "y"}],
        "empty": {},
    }


@pytest.mark.parametrize("put", [True, False])
def test_nobody_shares_a_row_with_the_table(put: bool) -> None:
    table, given = MemoryTable(), _held()
    table.write((Put({"pk": AT.pk, "sk": AT.sk, **given}) if put else Update(AT, set=given),))
    expected = {"pk": AT.pk, "sk": AT.sk, **_held()}
    _spoil(given)
    reads: tuple[Callable[[], Item | None], ...] = (
        lambda: table.get(AT),
        lambda: table.query(AT.pk).items[0],
        lambda: next(iter(table.rows())),
    )
    for read in reads:
        found = read()
        assert found == expected
        assert found is not None
        _spoil(found)
        assert table.get(AT) == expected


def _spoil(item: Item) -> None:
    item["flat"]["a"] = 2
    item["list"].append("c")
    item["deep"]["facts"]["flow"].append(3)
    item["deep"]["names"].append("y")
    item["rows"][0]["name"] = "z"
    item["empty"]["a"] = 1
