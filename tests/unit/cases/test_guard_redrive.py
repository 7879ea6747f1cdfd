"""What is said of a message that was sent through again, when somebody else is at it too or it was never readable."""

from __future__ import annotations

import pytest

from functions.cases.adapters.memory import MemoryTable
from functions.cases.facilities import register
from functions.cases.quarantine import Kept, find_kept
from functions.cases.redrive import redrive, redrive_corrected
from statemachines.facilities import facilities
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, staffed
from tests.support.tables import Between, touches
from tests.support.world import World

MD, RN = PERSON["PROVIDER"], PERSON["RN"]


def waiting(world: World) -> Kept:
    """An event for which no case is open yet, in quarantine; then its case opens."""
    kept = world.send("weaning_started", by=RN, id="w-1")
    assert isinstance(kept, Kept)
    world.now += 60
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    return kept


def test_whoever_comes_second_is_told_that_it_is_placed() -> None:
    """Not that it came again: nobody need send it through once more."""
    table = Between(MemoryTable())
    world = staffed("northfield", table=table)
    kept = waiting(world)
    table.before_write(lambda: redrive(world.services, kept.id), of=touches("QUARANTINE#"))
    second = redrive(world.services, kept.id)
    assert table.happened == 1
    assert second.placed


def test_what_waits_for_its_case_for_the_first_time_is_placed() -> None:
    """It was quarantined for another reason; where early events wait, the sweep looks after it."""
    known = facilities()
    world = World(policies={name: policy for name, policy in known.items() if name != "northfield"})
    kept = world.send("oxygen_changed", by=RN, flow_l_min=2, id="early")
    assert isinstance(kept, Kept)
    register(world.table, known["northfield"], {OXYGEN.workflow: OXYGEN.version}, [OXYGEN])
    world.now += 3600
    again = redrive(world.services, kept.id)
    assert (again.placed, again.said.partition(" (")[0]) == (True, "oxygen: held_early")


@pytest.mark.parametrize("raw", ["no JSON", "[]", "{}", '{"detail": 1}', "[" * 100_000])
def test_what_says_nothing_of_itself_may_be_corrected(raw: str) -> None:
    world = staffed("northfield")
    kept = world.deliver(raw)
    assert isinstance(kept, Kept)
    corrected = world.raw("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    assert redrive_corrected(world.services, kept.id, corrected).placed
    found = find_kept(world.services, kept.id)
    assert found is not None
    assert found.redriven_at is not None
