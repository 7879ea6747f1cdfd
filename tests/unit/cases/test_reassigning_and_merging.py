"""Who may hand a task on, and what a merged patient record does to a case."""

from __future__ import annotations

import pytest

from functions.cases.commands import Command, Person, Refused, claim, reassign
from tests.support.world import World

RN, MD = "RN-ASH:RN", "MD-OAK:PROVIDER"


@pytest.fixture
def world() -> World:
    made = World()
    made.on_shift(RN, "RN-BIRCH:RN", MD, "CLERK-X:CLERK", "CN-FIR:CHARGE_NURSE")
    made.send("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    return made


def test_a_role_that_has_no_part_in_a_step_cannot_take_it_from_its_owner(world: World) -> None:
    case = world.case().id
    claim(world.services, Command("c1", case, Person("RN-BIRCH", "RN")))
    before = world.case()
    with pytest.raises(Refused) as refused:
        reassign(world.services, Command("c2", case, Person("CLERK-X", "CLERK")), to=Person("RN-ASH", "RN"), reason="x")
    assert refused.value.reason == "wrong_role"
    assert world.case().task == before.task


def test_whoever_stands_in_may_hand_it_on_and_the_new_owner_has_it_since_now(world: World) -> None:
    case = world.case().id
    world.now += 60
    charge = Command("c3", case, Person("CN-FIR", "CHARGE_NURSE"))
    row = reassign(world.services, charge, to=Person("RN-BIRCH", "RN"), reason="the other bay needs help")
    assert row.task is not None
    assert (row.task.person, row.task.since, row.task.since - row.task.opened_at) == ("RN-BIRCH", world.now, 60)


def test_a_merge_reaches_the_journal_and_an_older_one_changes_nothing(world: World) -> None:
    world.now += 60
    world.send("patient_merged", by="ADT:SYSTEM", surviving_patient="P-NEW", at=world.now)
    assert world.case().patient == "P-NEW"
    assert world.journal(world.case().id)[-1]["event"] == "patient_merged"
    world.send("patient_merged", by="ADT:SYSTEM", surviving_patient="P-OLD", at=world.now - 30)
    assert world.case().patient == "P-NEW"


def test_a_merge_that_is_refused_changes_nothing(world: World) -> None:
    world.send("order_cancelled", by=MD, reason="a mistake")
    world.now += 60
    world.send("patient_merged", by="ADT:SYSTEM", surviving_patient="P-NEW", at=world.now)
    assert world.case().patient == "P-1"
