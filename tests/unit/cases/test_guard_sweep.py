"""The sweep's rules one by one: when it looks again, what it leaves alone, and what it never writes over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.commit import FOLLOW_WITHIN_SECONDS, LOOK_AGAIN_SECONDS
from functions.cases.lifespan import Lifespan
from functions.cases.quarantine import quarantined
from functions.cases.rows import occurrence_item
from functions.cases.sweep import CHECK_EMR_SECONDS, FAULT_SECONDS, LOOK_FOR_MIRROR_SECONDS, Mended, mend, sweep
from functions.cases.table import Delete, Key, Table, Update, Write, read_all
from functions.cases.undertakings import TRY_AGAIN_SECONDS, set_out
from functions.cases.unopened import EARLY_LOOK_SECONDS
from statemachines.case import Occurrence
from statemachines.definition import StateKind
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.invariants import violations
from tests.support.tables import Between, Through, touches
from tests.support.world import World
from tests.unit.cases.leaving import Ward
from tests.unit.cases.test_sweep import end_execution, lost, running
from tests.unit.statemachines.leaving import ITEMS
from tests.unit.workflows.test_home_oxygen import DELIVERY, ordering

RT, RN, MD = (PERSON[role] for role in ("RT", "RN", "PROVIDER"))


def look(world: World) -> Mended:
    return mend(world.services, world.case().id, world.mirrors).mended


def look_at(world: World) -> float | None:
    return world.row(keys.meta(world.case().id)).get("look_at")


def crowded() -> tuple[World, Between]:
    table = Between(MemoryTable())
    return running(staffed("northfield", table=table)), table


def ended() -> World:
    """A case that was cancelled, with its execution."""
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-05", "ordered"], "northfield")
    return world


def defer(world: World, type: str) -> None:
    """An event that the case's present state answers is left over."""
    person, role = RT.split(":")
    held = Occurrence(type, "left-over", world.now, person, role)
    world.table.update(Update(keys.meta(world.case().id), set={"deferred": [occurrence_item(held)]}, add={"rev": 1}))


# ── rows that cannot be looked at ────────────────────────────────────────────────────────────────────────────────────────


def broken() -> tuple[World, Between]:
    """A case that cannot be looked at, and is to be."""
    world, table = crowded()
    world.table.update(Update(keys.meta(world.case().id), set={"version": 99, "look_at": world.now}))
    return world, table


def test_a_row_that_somebody_gave_another_time_meanwhile_is_not_put_off() -> None:
    world, table = broken()
    soon = world.now + 5
    table.before_write(lambda: world.table.update(Update(keys.meta(world.case().id), set={"look_at": soon})))
    with pytest.raises(ExceptionGroup) as faults:
        list(sweep(world.services, world.mirrors))
    assert [type(fault) for fault in faults.value.exceptions] == [LookupError], "the row's own fault, and no other"
    assert (look_at(world), table.happened) == (soon, 1)


# ── when it looks again ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_after_a_deferred_event_the_next_sweep_looks_for_what_else_there_is() -> None:
    world = running()
    world.now += 60
    defer(world, "assessment_completed")
    assert look(world) is Mended.DEFERRED_ANSWERED
    assert look_at(world) == world.now


def test_a_case_that_is_gone_when_it_is_to_be_looked_at_soon_is_not_made_anew() -> None:
    world, table = crowded()
    case = world.case().id
    world.now += 60
    defer(world, "assessment_completed")
    table.before_write(lambda: None)  # the answer's own commit
    table.before_write(lambda: world.table.write((Delete(keys.meta(case)),)), of=_only_when_to_look)
    world.table.update(Update(keys.meta(case), set={"look_at": world.now}))
    list(sweep(world.services, world.mirrors))
    assert world.table.get(keys.meta(case)) is None


def _only_when_to_look(writes: Sequence[Write]) -> bool:
    (first, *more) = writes
    return not more and isinstance(first, Update) and set(first.set) == {"look_at"}


def test_after_a_signal_it_looks_whether_the_execution_followed() -> None:
    world = running()
    world.now += 60
    lost(world, lambda: world.place("assessment_completed", by=RT))
    world.now += 61
    world.following.down = False
    assert look(world) is Mended.SIGNALLED
    assert look_at(world) == world.now + FOLLOW_WITHIN_SECONDS


def test_an_ended_case_whose_execution_is_signalled_is_looked_at_soon() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.now += 60
    lost(world, lambda: world.place("order_cancelled", by=MD, reason="a mistake"))
    world.mirrors.show(world.case())
    world.now += 61
    assert look(world) is Mended.SIGNALLED
    assert look_at(world) == world.now + FOLLOW_WITHIN_SECONDS


def test_an_ended_case_that_the_emr_does_not_show_is_looked_at_in_a_few_minutes() -> None:
    world = ended()
    world.now += 61
    assert look(world) is Mended.MIRROR_ASKED
    assert look_at(world) == world.now + LOOK_FOR_MIRROR_SECONDS


def test_an_ended_case_with_a_step_to_be_undone_is_looked_at_every_few_minutes_for_a_day() -> None:
    hospital = ordering()
    for type, by, data in DELIVERY[:2]:
        hospital.tell("home_oxygen_order", type, by, **data)
    hospital.tell("home_oxygen_order", "home_oxygen_order_cancelled", "PROVIDER", reason="a mistake")
    hospital.pass_time(60)
    row = hospital.of("home_oxygen_order")
    assert row.ended_at is not None
    set_out(hospital.services, row.id, 1, "send_order", row.case.facts)
    hospital.mirrors.show(row)
    assert mend(hospital.services, row.id, hospital.mirrors).mended is Mended.NOTHING
    assert hospital.row(keys.meta(row.id))["look_at"] == hospital.now + LOOK_FOR_MIRROR_SECONDS
    hospital.now = row.ended_at + CHECK_EMR_SECONDS - 1
    set_out(hospital.services, row.id, 1, "send_order", row.case.facts)  # its execution is at it
    assert mend(hospital.services, row.id, hospital.mirrors).mended is Mended.NOTHING
    hospital.now += TRY_AGAIN_SECONDS / 2
    assert mend(hospital.services, row.id, hospital.mirrors).mended is Mended.NOTHING
    assert "look_at" not in hospital.row(keys.meta(row.id))


# ── what its relatives change in it ──────────────────────────────────────────────────────────────────────────────────────


def test_an_ended_case_that_is_sent_back_to_a_step_has_the_look_of_that_commit() -> None:
    """Its row has changed: what the look before found says nothing of when to look again."""
    hospital = ordering()
    for type, by, data in DELIVERY[:2]:
        hospital.tell("home_oxygen_order", type, by, **data)
    hospital.tell("home_oxygen_order", "home_oxygen_order_cancelled", "PROVIDER", reason="a mistake")
    row = hospital.of("home_oxygen_order")
    assert row.ended_at is not None
    signed = hospital.path(row.id).index("signed") + 1
    set_out(hospital.services, row.id, signed, "send_order", row.case.facts, owed="sent")
    hospital.now += TRY_AGAIN_SECONDS
    assert mend(hospital.services, row.id, hospital.mirrors).mended is Mended.SENT_BACK
    assert hospital.of("home_oxygen_order").generation == row.generation + 1
    assert hospital.row(keys.meta(row.id))["look_at"] == hospital.now + FOLLOW_WITHIN_SECONDS


def test_a_checklist_that_a_full_commit_left_complete_is_taken_up_by_the_sweep() -> None:
    """No other execution is needed for it, and none is said to have been sent."""
    ward = Ward().prepared()
    row = ward.parent
    done = sorted(item.name for item in ITEMS)
    ward.table.update(Update(keys.meta(row.id), set={"done": done}, add={"rev": 1}))
    assert mend(ward.services, row.id, ward.mirrors).mended is Mended.DEFERRED_ANSWERED
    assert (ward.parent.visit, ward.parent.generation) == (row.visit + 1, row.generation)
    assert ward.row(keys.meta(row.id))["look_at"] == ward.now + FOLLOW_WITHIN_SECONDS


# ── the EMR ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_emr_that_does_not_show_an_open_case_is_asked() -> None:
    world = running()
    row, due = world.case(), world.case().case.due
    assert due is not None
    for times in (1, 2, 3):
        assert look(world) is Mended.MIRROR_ASKED
        assert look_at(world) == world.now + LOOK_FOR_MIRROR_SECONDS, "again in a few minutes, and not within the hour"
        assert len(set(world.mirrors.asked)) == times, "each is another message, or the queue would drop it"
        world.now += LOOK_FOR_MIRROR_SECONDS
    assert {case for case, _ in world.mirrors.asked} == {row.id}
    world.mirrors.show(row)
    world.mirrors.asked.clear()
    assert look(world) is Mended.NOTHING
    assert look_at(world) == min(due + 60, world.now + LOOK_AGAIN_SECONDS)
    assert world.mirrors.asked == []


def test_a_case_that_no_emr_could_show_is_not_asked_for() -> None:
    """It has no encounter that a Task could name."""
    world = ended()
    world.table.update(Update(keys.meta(world.case().id), remove=("encounter",)))
    world.now += 61
    assert look(world) is Mended.NOTHING
    assert (look_at(world), world.mirrors.asked, world.mirrors.checked) == (None, [], [])


# ── executions ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_execution_that_does_a_step_of_the_system_is_not_replaced_because_of_its_age() -> None:
    """It is not parked: it is at work, and goes on by itself when the step has ended."""
    world = staffed("northfield")
    way = next(course for course in courses(OXYGEN, "northfield").values() if course[-1].target == "filing")
    assert next(s for s in OXYGEN.states if s.name == "filing").kind is StateKind.SYSTEM
    play(world, way, "northfield")
    row = world.case()
    world.live(Lifespan(waits=1, seconds=1.0))
    assert look(world) is not Mended.CONTINUED
    assert world.case().generation == row.generation


def test_an_execution_that_has_not_come_to_its_first_wait_is_not_replaced_for_the_length_of_its_way() -> None:
    """It goes through the visits that it missed; another would begin where the case is now, and leave them out."""
    world = staffed("northfield")
    world.following.held_before = frozenset(state.name for state in OXYGEN.states)
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.now += 60
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    row = world.case()
    assert (row.visit, row.parked_visit) == (2, 0)
    world.live(Lifespan(waits=1, seconds=1e9))
    world.mirrors.show(row)
    assert look(world) is Mended.NOTHING
    assert world.case().generation == 1


def test_a_generation_that_never_parked_is_followed_by_one_from_where_it_began() -> None:
    world = running()
    end_execution(world, "FAILED")
    world.following.held_before = frozenset(state.name for state in OXYGEN.states)
    assert look(world) is Mended.RESTARTED
    world.following.run()
    begun = world.case()
    assert (begun.generation, begun.resumed_at, begun.parked_visit) == (2, begun.visit, 0)
    world.following.held_before = frozenset()
    end_execution(world, "FAILED")
    assert look(world) is Mended.RESTARTED
    assert (world.case().generation, world.case().resumed_at) == (3, begun.resumed_at)


def test_the_sweep_ends_with_the_case_as_it_was() -> None:
    """A look that finds nothing changes nothing but when to look."""
    world = running()
    before = world.case()
    world.mirrors.show(before)
    assert look(world) is Mended.NOTHING
    assert world.case() == before
    assert violations(world) == []


def test_a_case_that_moves_while_it_is_looked_at_keeps_the_time_of_its_move() -> None:
    """Whether its execution followed is looked for within a minute, not within the hour."""
    world, table = crowded()
    world.now += 60
    moved_at = world.now
    world.table.update(Update(keys.meta(world.case().id), set={"look_at": world.now}))
    table.before_write(lambda: world.place("assessment_completed", by=RT, run=False), of=_about_when_to_look)
    (looked,) = sweep(world.services, world.mirrors)
    assert (looked.mended, table.happened) == (Mended.NOTHING, 1), "it moved after it was looked at"
    assert look_at(world) == moved_at + FOLLOW_WITHIN_SECONDS


def _about_when_to_look(writes: Sequence[Write]) -> bool:
    (first, *more) = writes
    return not more and isinstance(first, Update) and set(first.set) <= {"look_at", "checked_at"}


# ── events that wait for their case ──────────────────────────────────────────────────────────────────────────────────────


def waiting_place(world: World) -> Key:
    """Where the one early event waits."""
    correlation = world.services.keys.correlation("northfield", "oxygen", "E-1")
    (row,) = read_all(world.table, correlation, "EARLY#")
    return Key(row["pk"], row["sk"])


def early(table: Between | None = None) -> World:
    world = staffed("northfield", table=table) if table is not None else staffed("northfield")
    world.place("oxygen_changed", by=RN, flow_l_min=2, id="early")
    return world


def test_an_early_event_is_looked_at_again_in_a_minute() -> None:
    world = early()
    world.now += 60
    assert [looked.mended for looked in world.sweep()] == [Mended.NOTHING]
    assert world.row(waiting_place(world))["look_at"] == world.now + EARLY_LOOK_SECONDS


def test_an_early_event_that_is_taken_while_it_is_looked_at_does_not_wait_again() -> None:
    table = Between(MemoryTable())
    world = early(table)
    place = waiting_place(world)
    world.now += 60
    table.before_write(lambda: world.table.write((Delete(place),)), of=_about_when_to_look)
    world.sweep()
    assert table.happened == 1
    assert world.table.get(place) is None


def test_an_early_event_for_the_next_case_waits_though_there_was_one_before() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.now += 60
    world.place("order_cancelled", by=MD, reason="a mistake")
    world.now += 60
    (placed,) = {world.place("oxygen_changed", by=RN, flow_l_min=2, id="early").outcome}
    assert placed == "held_early"
    world.now += 60
    assert Mended.EARLY_PLACED not in [looked.mended for looked in world.sweep()]
    assert world.row(waiting_place(world))["look_at"] == world.now + EARLY_LOOK_SECONDS


def test_an_early_event_that_is_placed_while_it_is_given_up_keeps_its_mark() -> None:
    """Without it, the same event would be placed a second time when it is sent through again."""
    table = Between(MemoryTable())
    world = early(table)
    place = waiting_place(world)
    world.now = world.row(place)["held_until"]
    world.on_shift(*PERSON.values())
    table.before_write(
        lambda: world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70), of=touches("KEY#", "EARLY#")
    )
    world.sweep()
    assert table.happened == 1
    mark = world.mark("early")
    assert mark is not None
    assert mark["outcome"] == "moved"


class Away(Through):
    """Cannot be reached for one of the writes."""

    def __init__(self, table: Table, after: int) -> None:
        super().__init__(table)
        self.left = after

    def write(self, writes: Sequence[Write]) -> None:
        self.left -= 1
        if self.left == -1:
            raise ConnectionError("away")
        self.table.write(writes)


@pytest.mark.parametrize("written", [0, 1])
def test_an_early_event_that_could_not_be_given_up_is_still_where_somebody_finds_it(written: int) -> None:
    world = early()
    place = waiting_place(world)
    world.now = world.row(place)["held_until"]
    services = replace(world.services, table=Away(world.table, written))
    with pytest.raises(ExceptionGroup):
        list(sweep(services, world.mirrors))
    assert world.table.get(place) is not None, "it is not forgotten before it is kept"
    assert len(list(quarantined(world.services))) == written
    world.now += FAULT_SECONDS + 1
    assert Mended.EARLY_EXPIRED in [looked.mended for looked in world.sweep()]
    assert (world.table.get(place), world.mark("early"), len(list(quarantined(world.services)))) == (None, None, 1)
