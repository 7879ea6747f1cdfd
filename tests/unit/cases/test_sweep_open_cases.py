"""What the sweep mends in open cases besides their executions: tasks nobody sees, relatives, leftovers, and what the EMR shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.commands import claim
from functions.cases.commit import LOOK_AGAIN_SECONDS
from functions.cases.follow import decide_overdue
from functions.cases.rerouting import GONE_SECONDS
from functions.cases.rows import CLAIMED, OFFERED, occurrence_item
from functions.cases.sweep import CHECK_EMR_SECONDS, FAULT_SECONDS, RUN_SECONDS, Looked, Mended, mend, sweep
from functions.cases.table import Item, Key, Update
from functions.cases.undertakings import TRY_AGAIN_SECONDS, set_out
from statemachines.case import Occurrence
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.invariants import violations
from tests.support.tables import Between, Through, touches
from tests.support.world import World
from tests.unit.cases.test_sweep import lost, running
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.test_home_oxygen import DELIVERY, ordering

RT, RN, MD = (PERSON[role] for role in ("RT", "RN", "PROVIDER"))
OTHER_RT = "RT-ROWAN:RT"


def mended(world: World) -> list[Mended]:
    return [looked.mended for looked in world.sweep()]


def look(world: World) -> Mended:
    """Look at the one case, which the EMR shows as it is."""
    world.mirrors.show(world.case())
    return mend(world.services, world.case().id, world.mirrors).mended


# ── tasks that nobody sees ───────────────────────────────────────────────────────────────────────────────────────────────


def only(world: World, *people: str) -> None:
    """Only these are on shift now; the others went home some time ago."""
    for person in PERSON.values():
        world.off_shift(person.partition(":")[0])
    world.now += GONE_SECONDS + 1
    world.on_shift(*people)


@pytest.mark.parametrize("claimed", [False, True])
def test_a_task_of_somebody_who_went_home_is_routed_to_somebody_who_is_there(claimed: bool) -> None:
    world = running()
    if claimed:
        claim(world.services, world.command(RT))
    task = world.case().task
    assert task is not None
    assert (task.person, task.status) == ("RT-LINDEN", CLAIMED if claimed else OFFERED)
    only(world, OTHER_RT)
    assert look(world) is Mended.REROUTED
    row = world.case()
    assert row.task is not None
    assert (row.task.role, row.task.person, row.task.status) == ("RT", "RT-ROWAN", OFFERED)
    entry = world.journal(row.id)[-1]
    assert (entry["kind"], entry["reason"], entry["role"], entry["person"]) == (
        "rerouted",
        "not_seen",
        "RT",
        "RT-ROWAN",
    )
    assert "RT-LINDEN" in entry["because"]
    assert entry["routing"]
    assert violations(world) == []
    assert world.row(keys.meta(row.id))["look_at"] == world.now, "the next sweep looks for what else it needs"
    assert look(world) is Mended.NOTHING


def test_whoever_has_just_gone_is_given_the_time_of_a_handover() -> None:
    world = running()
    world.off_shift("RT-LINDEN")
    world.on_shift(OTHER_RT)
    world.now += GONE_SECONDS - 1
    assert look(world) is Mended.NOTHING
    world.now += 2
    assert look(world) is Mended.REROUTED


def test_a_task_of_a_role_that_nobody_holds_waits_for_whoever_comes() -> None:
    world = running()
    only(world)
    assert look(world) is Mended.REROUTED, "from somebody who went home to the role that is always staffed"
    task = world.case().task
    assert task is not None
    assert task.person is None
    assert look(world) is Mended.NOTHING, "nobody is there to see it yet"
    world.on_shift(OTHER_RT)
    assert look(world) is Mended.REROUTED
    task = world.case().task
    assert task is not None
    assert (task.role, task.person) == ("RT", "RT-ROWAN")
    assert violations(world) == []


def test_a_task_that_its_role_can_see_stays_where_it_is() -> None:
    world = running()
    before = world.journal(world.case().id)
    assert look(world) is Mended.NOTHING
    assert world.journal(world.case().id) == before


def test_a_task_is_routed_again_only_if_it_is_still_where_it_was() -> None:
    table = Between(MemoryTable())
    world = running(staffed("northfield", table=table))
    only(world, OTHER_RT)
    table.before_write(lambda: claim(world.services, world.command(OTHER_RT)), of=touches("CASE#", keys.META))
    world.table.update(Update(keys.meta(world.case().id), set={"look_at": world.now}))
    world.sweep()
    task = world.case().task
    assert task is not None
    assert (task.person, task.status) == ("RT-ROWAN", CLAIMED)
    assert violations(world) == []


def test_the_end_of_a_shift_is_looked_for_when_it_comes_and_every_hour() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    case = world.case().id
    task = world.case().task
    assert task is not None
    assert task.person is not None
    until = world.now + 1200
    world.table.update(Update(keys.staff("northfield", task.person), set={"until": until}))
    world.table.update(Update(keys.meta(case), set={"look_at": world.now}))
    world.mirrors.show(world.case())
    world.sweep()
    at = world.row(keys.meta(case))["look_at"]
    due = world.case().case.due
    assert due is not None
    assert at == min(until + GONE_SECONDS, due + 60, world.now + LOOK_AGAIN_SECONDS)


def test_a_parked_case_is_looked_at_within_the_hour_however_far_its_deadline() -> None:
    hospital = Hospital()
    hospital.tell("home_oxygen", "discharge_planned", "CASE_MANAGER")
    row = hospital.of("home_oxygen")
    assert row.case.due is not None
    assert row.case.due > hospital.now + LOOK_AGAIN_SECONDS
    assert hospital.row(keys.meta(row.id))["look_at"] == hospital.now + LOOK_AGAIN_SECONDS


# ── relatives ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sub_case_that_never_opened_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as crashed:
        crashed.setattr("functions.cases.settle._open_sub_case", lambda *_: None)
        hospital = ordering()
    plan = hospital.of("home_oxygen")
    assert plan.state == "ordering"
    assert [row.workflow for row in hospital.cases()] == ["home_oxygen"]
    assert mend(hospital.services, plan.id, hospital.mirrors) == Looked(plan.id, Mended.RELATIVES_TOLD)
    hospital.following.run()
    assert hospital.of("home_oxygen_order").parent is not None
    hospital.mirrors.show(hospital.of("home_oxygen"))
    assert mend(hospital.services, plan.id, hospital.mirrors) == Looked(plan.id, Mended.NOTHING)


def test_a_parent_that_never_learned_how_its_sub_case_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    hospital = ordering()
    order = hospital.of("home_oxygen_order")
    with monkeypatch.context() as crashed:
        crashed.setattr("functions.cases.settle._report", lambda *_: None)
        hospital.tell("home_oxygen_order", "home_oxygen_order_cancelled", "CASE_MANAGER", reason="no")
    child = next(row for row in hospital.cases() if row.id == order.id)
    assert child.ended_at is not None
    before = hospital.of("home_oxygen").seq
    assert mend(hospital.services, order.id, hospital.mirrors) == Looked(order.id, Mended.RELATIVES_TOLD)
    assert hospital.of("home_oxygen").seq > before
    hospital.mirrors.show(child)
    assert mend(hospital.services, order.id, hospital.mirrors) == Looked(order.id, Mended.NOTHING)


def test_a_parent_that_is_told_when_it_is_looked_at_itself_was_told_and_answered_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hospital = ordering()
    with monkeypatch.context() as crashed:
        crashed.setattr("functions.cases.settle._report", lambda *_: None)
        hospital.tell("home_oxygen_order", "home_oxygen_order_cancelled", "CASE_MANAGER", reason="no")
    plan = hospital.of("home_oxygen")
    assert plan.state == "ordering"
    assert mend(hospital.services, plan.id, hospital.mirrors) == Looked(plan.id, Mended.RELATIVES_TOLD)
    assert hospital.of("home_oxygen").state != "ordering"


# ── what was left over ───────────────────────────────────────────────────────────────────────────────────────────────────


def left_over(world: World, type: str) -> Occurrence:
    """An event that the case deferred and whose state answers it, as after a commit that came to its bound of moves."""
    person, role = RT.split(":")
    held = Occurrence(type, "left-over", world.now, person, role)
    world.table.update(Update(keys.meta(world.case().id), set={"deferred": [occurrence_item(held)]}, add={"rev": 1}))
    mark = world.services.keys.mark("northfield", "left-over", "oxygen")
    world.table.update(Update(mark, set={"outcome": "deferred", "reason": "declared", "at": world.now}))
    return held


def test_a_deferred_event_that_the_state_answers_is_answered() -> None:
    world = running()
    world.now += 60
    left_over(world, "assessment_completed")
    assert look(world) is Mended.DEFERRED_ANSWERED
    world.following.run()
    assert (world.state(), world.case().case.deferred) == ("assessed", ())
    mark = world.mark("left-over")
    assert mark is not None
    assert mark["outcome"] == "moved"
    assert violations(world) == []


def test_a_deferred_event_of_a_case_that_ended_is_refused_with_its_reason() -> None:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-05", "ordered"], "northfield")
    left_over(world, "assessment_completed")
    assert look(world) is Mended.DEFERRED_ANSWERED
    assert world.case().case.deferred == ()
    mark = world.mark("left-over")
    assert mark is not None
    assert mark["outcome"] == "refused"
    assert look(world) is Mended.NOTHING


def test_a_deferred_event_that_still_waits_for_its_state_is_left_alone() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    placed = world.place("assessment_completed", by=RT)
    assert placed.outcome == "deferred"
    before = world.case()
    assert look(world) is Mended.NOTHING
    assert world.case().case.deferred == before.case.deferred


# ── the EMR ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_emr_is_searched_for_an_open_case_once_a_day() -> None:
    world = running()
    opened_at = world.case().opened_at
    world.table.update(Update(keys.meta(world.case().id), set={"due": world.now + 10 * CHECK_EMR_SECONDS}))
    for days in (0.5, 0.9, 1.0, 1.1, 1.9, 2.0, 2.1):
        world.now = opened_at + days * CHECK_EMR_SECONDS
        assert look(world) is Mended.NOTHING
        assert len(world.mirrors.checked) == int(days)
    assert len(set(world.mirrors.checked)) == 2, "each is another message, or the queue would drop it"


# ── many rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Slow(Through):
    """Every read of a case takes a second."""

    world: World

    def get(self, key: Key) -> Item | None:
        self.world.now += 1.0 if key.sk == keys.META else 0.0
        return self.table.get(key)


def crowd(world: World, number: int) -> list[str]:
    """So many cases that nobody follows, oldest first."""
    ids = []
    for n in range(number):
        raw = world.raw("oxygen_ordered", by=MD, encounter=f"E-{n}", order_id="O1", age_years=70)
        lost(world, lambda raw=raw: world.deliver(raw))  # type: ignore[misc]
        ids.append(next(row.id for row in world.cases() if row.opened_at == world.now))
        world.now += 1
    return ids


def test_what_has_waited_longest_is_looked_at_first_whatever_its_shard() -> None:
    world = staffed("northfield")
    ids = crowd(world, 12)
    assert len({keys.sweep_shard(id) for id in ids}) > 1
    world.now += 61
    assert [looked.case for looked in sweep(world.services, world.mirrors)] == ids


def test_rows_that_cannot_be_looked_at_do_not_stand_in_the_way_of_the_next_run() -> None:
    world = staffed("northfield")
    ids = crowd(world, 30)
    for broken in ids[:-1]:
        world.table.update(Update(keys.meta(broken), set={"version": 99}))
    world.now += 61
    looked: list[Looked] = []
    for _ in range(40):
        try:
            looked.extend(sweep(world.services, world.mirrors, limit=2))
        except ExceptionGroup:
            continue
    assert Looked(ids[-1], Mended.SIGNALLED) in looked
    world.now += FAULT_SECONDS + 1
    with pytest.raises(ExceptionGroup):
        list(sweep(world.services, world.mirrors))


def test_a_run_stops_in_time_and_the_next_goes_on() -> None:
    table = Slow(MemoryTable())
    world = staffed("northfield")
    ids = crowd(world, 50)
    table.world, table.table = world, world.table
    world.services = replace(world.services, table=table)
    world.now += 61
    first = [looked.case for looked in sweep(world.services, world.mirrors)]
    assert len(first) <= RUN_SECONDS + 1
    assert first == ids[: len(first)]
    second = [looked.case for looked in sweep(world.services, world.mirrors)]
    assert second[0] == ids[len(first)]


# ── what is still to be undone ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_that_is_still_to_be_undone_is_gone_back_to_and_looked_after_every_few_minutes() -> None:
    hospital = ordering()
    for type, by, data in DELIVERY[:2]:
        hospital.tell("home_oxygen_order", type, by, **data)
    row = hospital.of("home_oxygen_order")
    signed = hospital.path(row.id).index("signed") + 1
    set_out(hospital.services, row.id, signed, "send_order", row.case.facts, owed="sent")
    hospital.mirrors.show(row)
    hospital.now += 60
    assert mend(hospital.services, row.id, hospital.mirrors).mended is Mended.NOTHING, "its own tries come first"
    assert hospital.row(keys.meta(row.id))["look_at"] == hospital.now + TRY_AGAIN_SECONDS
    hospital.now += TRY_AGAIN_SECONDS
    assert mend(hospital.services, row.id, hospital.mirrors).mended is Mended.SENT_BACK
    assert hospital.of("home_oxygen_order").resumed_at == signed


def test_a_deadline_that_leads_nowhere_is_a_fault_and_not_mended_again_and_again() -> None:
    ended = staffed("northfield")
    play(ended, courses(OXYGEN, "northfield")["T-05", "ordered"], "northfield")
    with pytest.raises(LookupError, match="leads nowhere"):
        decide_overdue(ended.services, ended.case())
