"""Which of several steps that are to be undone another execution is sent back to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.cases.follow import give_up
from functions.cases.sweep import Mended, mend
from functions.cases.table import Item, Key, Update, WriteRefused, read_all
from functions.cases.undertakings import MAX_RETURNS, TRY_AGAIN_SECONDS, done_with, sent_back, set_out
from statemachines.definition import Definition, Late
from statemachines.workflows.oxygen import OXYGEN
from tests.support.tables import Between, touches
from tests.support.world import World
from tests.unit.cases.test_system_steps import FILE, filing, late_is, timed_out
from tests.unit.cases.test_undoing import Stubborn, on_record, work
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.test_home_oxygen import DELIVERY, ordering


def signed() -> tuple[Hospital, str, int]:
    """An order on its way, whose step to send it is at work in the visit."""
    hospital = ordering()
    for type, by, data in DELIVERY[:2]:
        hospital.tell("home_oxygen_order", type, by, **data)
    row = hospital.of("home_oxygen_order")
    return hospital, row.id, hospital.path(row.id).index("signed") + 1


def test_one_that_is_done_does_not_stand_before_one_that_is_not() -> None:
    hospital, case, visit = signed()
    facts = hospital.of("home_oxygen_order").case.facts
    set_out(hospital.services, case, visit - 1, "send_order", facts, owed="sent")
    hospital.table.write((done_with(case, visit - 1, hospital.now),))
    set_out(hospital.services, case, visit, "send_order", facts, owed="sent")
    hospital.now += TRY_AGAIN_SECONDS
    assert mend(hospital.services, case, hospital.mirrors).mended is Mended.SENT_BACK
    assert hospital.of("home_oxygen_order").resumed_at == visit


def test_one_that_is_done_with_is_not_gone_back_to() -> None:
    hospital, case, visit = signed()
    before = hospital.of("home_oxygen_order")
    set_out(hospital.services, case, visit, "send_order", before.case.facts, owed="sent")
    hospital.table.write((done_with(case, visit, hospital.now),))
    hospital.now += TRY_AGAIN_SECONDS
    assert sent_back(hospital.services, before) is None
    assert hospital.of("home_oxygen_order").generation == before.generation


def came_late(definition: Definition) -> tuple[World, str, int]:
    """A case that left the step by its deadline while that was at work, long enough ago to be gone back to."""
    world, case, visit = filing(definition)
    set_out(world.services, case, visit, FILE, world.case().case.facts)
    timed_out(world)()
    world.now += TRY_AGAIN_SECONDS
    return world, case, visit


def test_a_step_whose_end_nobody_knows_is_gone_back_to_where_it_is_to_be_undone() -> None:
    world, case, visit = came_late(late_is(Late.COMPENSATE))
    after = sent_back(world.services, world.case())
    assert after is not None
    assert (after.generation, after.resumed_at) == (world.case().generation, visit)
    assert world.journal(case)[-1]["event"] == FILE


def test_a_step_that_is_owed_says_as_what_it_ended() -> None:
    world, case, visit = filing(late_is(Late.COMPENSATE))
    set_out(world.services, case, visit, FILE, world.case().case.facts, owed="sent")
    timed_out(world)()
    world.now += TRY_AGAIN_SECONDS
    assert sent_back(world.services, world.case()) is not None
    assert world.journal(case)[-1]["event"] == f"{FILE}.sent"


def test_a_step_is_not_gone_back_to_where_another_answer_is_declared() -> None:
    """Some state wants it undone, but not the one that the case is in."""
    answers = {"filing_failed": Late.REFUSE, "filing_overdue": Late.COMPENSATE}
    states = tuple(
        state.model_copy(update={"late": {FILE: answers[state.name]}}) if state.name in answers else state
        for state in OXYGEN.states
    )
    world, _, _ = came_late(OXYGEN.model_copy(update={"states": states}))
    assert world.state() == "filing_failed"
    assert sent_back(world.services, world.case()) is None


def test_a_step_that_failed_by_itself_is_not_gone_back_to() -> None:
    """The case left it by the step's own outcome: that is no late end."""
    world, case, visit = filing(late_is(Late.COMPENSATE))
    set_out(world.services, case, visit, FILE, world.case().case.facts)
    give_up(world.services, case, 1, visit, FILE)
    assert world.state() == "filing_failed"
    world.now += TRY_AGAIN_SECONDS
    assert sent_back(world.services, world.case()) is None


def test_a_step_that_is_done_with_in_that_moment_is_not_gone_back_to() -> None:
    world, case, visit = came_late(late_is(Late.COMPENSATE))
    before = world.case()
    table = Between(world.table)
    table.before_write(lambda: world.table.write((done_with(case, visit, world.now),)), of=touches("CASE#", "WORK#"))
    with pytest.raises(WriteRefused):
        sent_back(replace(world.services, table=table), before)
    assert (table.happened, world.case()) == (1, before)


def test_a_step_that_is_given_up_sends_nobody() -> None:
    world, case, _ = came_late(late_is(Late.COMPENSATE))
    (item,) = read_all(world.table, f"CASE#{case}", "WORK#")
    world.table.update(Update(_key(item), set={"returns": MAX_RETURNS}))
    generation = world.case().generation
    assert sent_back(world.services, world.case()) is None
    assert world.case().generation == generation
    assert world.journal(case)[-1]["kind"] == "refused"


def _key(item: Item) -> Key:
    return Key(item["pk"], item["sk"])


def test_two_tries_at_once_leave_nothing_on_record() -> None:
    """The second puts on record what the first has undone and noted already, undoes it again, and finds it noted."""
    world, case, visit = filing(late_is(Late.COMPENSATE))
    first = Stubborn(meanwhile=timed_out(world))
    second = Stubborn(meanwhile=lambda: work(world, case, visit, first))
    work(world, case, visit, second)
    assert (len(first.undone), len(second.undone)) == (1, 1)
    assert on_record(world, case) == []
