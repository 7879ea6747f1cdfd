"""The ledger in Baton's table does what every ledger must, in memory and on DynamoDB (simulated)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.table import Index, Table, Update, read_all
from functions.emr.ledger import Begun, Held, Ledger, LedgerKey, LedgerStatus
from functions.emr.table_ledger import TableLedger
from tests.support.tables import Between, OneAtATime
from tests.unit.emr.ledger_contract import AT, KEY, LEASE, LedgerContract


class TestTableLedger(LedgerContract):
    @pytest.fixture
    def ledger(self, table: Table) -> Ledger:
        return TableLedger(OneAtATime(table))


def test_a_write_lies_beside_the_case_that_it_is_for(table: Table) -> None:
    ledger = TableLedger(table)
    ledger.begin(LedgerKey("emr", "Task", "c0ffee"), AT, revision=1, lease=LEASE)
    ledger.begin(LedgerKey("emr", "DocumentReference", "c0ffee.7"), AT, revision=1, lease=LEASE)
    found = [row["sk"] for row in read_all(table, keys.case_pk("c0ffee"))]
    assert found == ["EMR#DocumentReference#emr#c0ffee.7", "EMR#Task#emr#c0ffee"]
    assert table.query_index(Index.SWEEP, "c0ffee").items == ()


def test_whoever_loses_the_race_to_begin_is_held() -> None:
    table = Between(MemoryTable())
    ledger, rival = TableLedger(table), TableLedger(table.table)
    table.before_write(lambda: rival.begin(KEY, AT, revision=1, lease=LEASE))
    assert ledger.begin(KEY, AT, revision=1, lease=LEASE) == Held(AT + LEASE)
    row = ledger.get(KEY)
    assert row is not None
    assert row.attempt == 1


def test_whoever_loses_every_race_is_held_in_the_end() -> None:
    table = Between(MemoryTable())
    ledger = TableLedger(table)
    place = keys.ledger("c0ffee", "Task", f"{KEY.emr}#{KEY.source_id}")
    begun = ledger.begin(KEY, AT, revision=1, lease=LEASE)
    assert isinstance(begun, Begun)
    ledger.record(KEY, 1, LedgerStatus.WRITTEN, AT, resource_id="7", version=None)
    for _ in range(50):
        table.before_write(lambda: table.table.update(Update(place, add={"attempt": 1})))
    assert ledger.begin(KEY, AT, revision=1, lease=LEASE) == Held(AT + LEASE)
    assert 0 < table.happened < 50, "it tries a bounded number of times"


def test_a_moment_comes_back_to_the_microsecond(table: Table) -> None:
    ledger = TableLedger(table)
    at = AT + timedelta(microseconds=123_457)
    begun = ledger.begin(KEY, at, revision=1, lease=LEASE)
    assert isinstance(begun, Begun)
    assert (begun.row.at, begun.row.held_until) == (at, at + LEASE)
