"""A case ends after its place was read as open, and before the case itself is read: what comes is decided as after its end."""

from __future__ import annotations

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.merging import survivor_of
from tests.support.invariants import violations
from tests.support.tables import BetweenReads
from tests.support.world import World
from tests.unit.cases.test_merging import MD, RN, case, key, order, see, world


def ending_meanwhile() -> tuple[World, str]:
    """A patient's order is cancelled in the moment in which the next event is placed; the case's id."""
    table = BetweenReads(MemoryTable())
    made = world(table)
    opened = order(made, "P-1")
    made.now += 60

    def cancelled() -> None:
        made.place("order_cancelled", by=MD, patient="P-1", reason="a mistake")

    table.before_read(cancelled, of=lambda at: at == keys.meta(opened.id))
    return made, opened.id


def test_an_order_opens_the_next_case() -> None:
    made, ended = ending_meanwhile()
    placed = made.place("oxygen_ordered", by=MD, order_id="O2", age_years=70, patient="P-1", at=made.now + 30)
    assert placed.outcome == "moved"
    assert placed.case not in (ended, None)
    assert case(made, ended).state == "cancelled"
    assert violations(made) == []


def test_a_merge_is_remembered() -> None:
    made, ended = ending_meanwhile()
    merged = made.place("patient_merged", by="ADT:SYSTEM", patient="P-1", surviving_patient="P-9")
    assert (merged.outcome, merged.reason) == ("recorded", "records_merged")
    assert survivor_of(made.services, key(made, "P-1")).correlation == key(made, "P-9")
    assert see(made, "P-9").case is None
    assert case(made, ended).state == "cancelled"


def test_what_is_early_for_the_next_case_waits_for_it() -> None:
    made, _ = ending_meanwhile()
    early = made.place("oxygen_changed", by=RN, patient="P-1", flow_l_min=2, at=made.now + 30)
    assert early.outcome == "held_early"
    opened = order(made, "P-1")
    assert case(made, opened.id).state == "assessment_due"
    assert violations(made) == []
