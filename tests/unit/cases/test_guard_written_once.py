"""What is written once is never written over, not even when the row that should have prevented it is wrong."""

from __future__ import annotations

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.facilities import register
from functions.cases.outcome import Placed
from functions.cases.table import Contention, Delete, Key, Put, Update
from statemachines.facilities import facilities
from statemachines.workflows.critical_lab import CRITICAL_LAB
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.tables import Between, touches
from tests.support.world import World
from tests.unit.workflows.ways import RESULT

RT, RN, MD = (PERSON[role] for role in ("RT", "RN", "PROVIDER"))


def running() -> World:
    """A case to be assessed."""
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    return world


def next_row(world: World, kind: str) -> Key:
    """A row that the case's next hand-off writes."""
    row = world.case()
    named = {"journal": keys.journal(row.id, row.seq + 1), "visit": keys.visit(row.id, row.visit + 1)}
    return named.get(kind, keys.task(row.id, row.visit + 1))


@pytest.mark.parametrize("kind", ["journal", "visit", "task"])
def test_a_row_of_the_cases_course_is_not_written_over(kind: str) -> None:
    """The case row has fallen behind what is there, as after a restored backup; a person must look."""
    world = running()
    there = {**next_row(world, kind)._asdict(), "is": "history"}
    world.table.write((Put(there),))
    world.now += 60
    with pytest.raises(Contention):
        world.place("assessment_completed", by=RT)
    assert world.row(next_row(world, kind)) == there


def ended() -> tuple[World, str]:
    """A case that was opened by the event "order" and has ended; and that event as it was sent."""
    world = staffed("northfield")
    raw = world.raw("oxygen_ordered", by=MD, order_id="O1", age_years=70, id="order")
    world.deliver(raw)
    world.now += 60
    world.place("order_cancelled", by=MD, reason="a mistake")
    return world, raw


def test_an_order_that_comes_again_after_its_case_has_ended_is_known_at_once() -> None:
    world, raw = ended()
    before = world.journal(world.case().id)
    again = world.deliver(raw)
    assert isinstance(again, Placed)
    assert (again.duplicate, again.case, world.pauses) == (True, world.case().id, 0)
    assert world.journal(world.case().id) == before


def test_an_order_whose_mark_was_lost_does_not_begin_its_case_anew() -> None:
    """The same event opens the same case; the one that is there is history."""
    world, raw = ended()
    row = world.case()
    before = world.row(keys.meta(row.id))
    world.table.write((Delete(world.services.keys.mark("northfield", "order", "oxygen")),))
    with pytest.raises(Contention):
        world.deliver(raw)
    assert world.row(keys.meta(row.id)) == before


def test_a_place_that_another_case_has_is_not_closed_with_this_one() -> None:
    """Whatever put another case there: what is told of it must go on finding it."""
    table = Between(MemoryTable())
    world = staffed("northfield", table=table)
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    place = Key(world.case().correlation, keys.OPEN)
    world.now += 60
    table.before_write(lambda: table.update(Update(place, set={"case": "another"})))
    with pytest.raises(LookupError, match="another"):
        world.place("order_cancelled", by=MD, reason="a mistake")
    assert "closed_at" not in world.row(place)


def test_a_facility_may_be_registered_again_as_it_is() -> None:
    world = World()
    policy = facilities()["northfield"]
    before = world.snapshot()
    register(world.table, policy, {OXYGEN.workflow: OXYGEN.version}, [OXYGEN])
    assert world.snapshot() == before


def test_a_policy_that_is_kept_is_not_written_over() -> None:
    """Cases are pinned to it by its hash."""
    world = World()
    policy = facilities()["northfield"]
    (kept,) = (row for row in world.snapshot().values() if row["pk"].endswith("#northfield") and "document" in row)
    world.table.update(Update(Key(kept["pk"], kept["sk"]), set={"kept_since": 1}))
    register(world.table, policy, {OXYGEN.workflow: OXYGEN.version}, [OXYGEN])
    assert world.row(Key(kept["pk"], kept["sk"]))["kept_since"] == 1


def test_older_news_of_the_roster_that_comes_twice_at_once_is_noted_once() -> None:
    table = Between(MemoryTable())
    world = World(table=table)
    world.on_shift(RT)
    older = world.raw("shift_ended", at=world.now - 60, staff_id="RT-LINDEN", id="older")

    def again() -> None:
        world.deliver(older)

    table.before_write(lambda: None, of=touches("EVENT#"))  # refused: something newer is known
    table.before_write(again, of=touches("EVENT#"))
    placed = world.deliver(older)
    assert isinstance(placed, Placed)
    assert (placed.duplicate, table.happened) == (True, 2)


def test_a_case_row_that_is_there_is_not_written_over_by_an_order() -> None:
    """Nothing else of it is there that would stand in the way."""
    once, raw = ended()
    there = {**keys.meta(once.case().id)._asdict(), "is": "history"}
    world = staffed("northfield")
    world.table.write((Put(there),))
    with pytest.raises(Contention):
        world.deliver(raw)
    assert world.row(keys.meta(once.case().id)) == there


def test_a_case_that_is_named_in_its_encounter_already_is_not_named_anew() -> None:
    """That it was named, and ended, is history; its own row and its place are gone."""

    def reported() -> tuple[World, str]:
        world = World(definitions={CRITICAL_LAB.workflow: CRITICAL_LAB})
        return world, world.raw("critical_result_reported", by="LAB-ALDER:LAB", id="reported", **RESULT)

    once, raw = reported()
    once.deliver(raw)
    group = once.services.keys.correlation("northfield", CRITICAL_LAB.workflow, "E-1")
    there = {**keys.member(group, once.case().id)._asdict(), "closed_at": 1.0}
    world, raw = reported()
    world.table.write((Put(there),))
    with pytest.raises(Contention):
        world.deliver(raw)
    assert world.row(keys.member(group, once.case().id)) == there
