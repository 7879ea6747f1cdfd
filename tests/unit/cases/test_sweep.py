"""The sweep: what Step Functions lost or never knew is found and mended, each rule by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.commit import FOLLOW_WITHIN_SECONDS, OVERDUE_GRACE_SECONDS
from functions.cases.outcome import Placed
from functions.cases.quarantine import quarantined
from functions.cases.sweep import (
    CHECK_EMR_SECONDS,
    CONTENDED_SECONDS,
    LOOK_FOR_MIRROR_SECONDS,
    Looked,
    Mended,
    SweepFaults,
    _look_again,
    mend,
    mend_followed,
    sweep,
)
from functions.cases.table import Contention, Delete, Index, Key, Update, Write
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.invariants import violations
from tests.support.tables import Between, Through, touches
from tests.support.world import StepFunctionsDown, World

RT, RN, MD = (PERSON[role] for role in ("RT", "RN", "PROVIDER"))


def running(world: World | None = None) -> World:
    """A case on oxygen, to be assessed, faithfully followed."""
    world = world or staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    return world


def mended(world: World) -> list[str]:
    return [str(looked.mended) for looked in world.sweep()]


def lost(world: World, send: Callable[[], object]) -> None:
    """Something is committed, and the function dies before it has told the execution."""
    world.following.down = True
    with pytest.raises(StepFunctionsDown):
        send()
    world.following.down = False


def look_at(world: World) -> float | None:
    return world.row(keys.meta(world.case().id)).get("look_at")


def end_execution(world: World, status: str) -> None:
    row = world.case()
    execution = world.following.executions[row.id, row.generation]
    execution.status, execution.token = status, None


def test_nothing_is_looked_at_before_its_time() -> None:
    world = running()
    assert world.sweep() == []
    world.now += 59
    assert world.sweep() == []


def test_a_case_that_needs_nothing_is_looked_at_again_after_its_deadline() -> None:
    world = running()
    due = world.case().case.due
    assert due is not None
    world.now = due - 1800
    world.table.update(Update(keys.meta(world.case().id), set={"look_at": world.now}))
    world.mirrors.show(world.case())
    before = world.journal(world.case().id)
    assert mended(world) == [Mended.NOTHING]
    assert look_at(world) == due + 60
    assert world.sweep() == []
    assert world.journal(world.case().id) == before


def test_an_execution_that_was_never_started_is_started() -> None:
    world = staffed("northfield")
    lost(world, lambda: world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70))
    assert world.following.executions == {}
    world.now += 61
    assert mended(world) == [Mended.SIGNALLED]
    assert violations(world) == []


def test_news_that_moves_nothing_does_not_postpone_the_look() -> None:
    """A patient on a monitor sends a saturation every half minute; a case nobody follows must still be found."""
    world = staffed("northfield")
    lost(world, lambda: world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70))
    for _ in range(3):
        world.now += 30
        world.place("spo2_observed", spo2_percent=95, run=False)
    assert mended(world) == [Mended.SIGNALLED]
    assert violations(world) == []


def test_an_execution_that_fell_behind_is_woken() -> None:
    world = running()
    world.now += 60
    lost(world, lambda: world.place("assessment_completed", by=RT))
    assert violations(world) != []
    world.now += 61
    assert mended(world) == [Mended.SIGNALLED]
    assert violations(world) == []


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"])
def test_an_execution_that_ended_without_its_case_is_followed_by_a_new_generation(status: str) -> None:
    world = running()
    end_execution(world, status)
    world.now += 60
    world.place("news2_scored", news2=3)
    assert mend(world.services, world.case().id, world.mirrors) == Looked(world.case().id, Mended.RESTARTED)
    world.following.run()
    row = world.case()
    assert (row.generation, row.resumed_at, row.state) == (2, 2, "assessment_due")
    entry = world.journal(row.id)[-1]
    assert (entry["kind"], entry["reason"]) == ("repaired", f"execution_{status.lower()}")
    assert world.following.executions[row.id, 2].path == ["assessment_due"]
    world.now += 60
    world.place("assessment_completed", by=RT)
    assert world.following.executions[row.id, 2].path == ["assessment_due", "assessed"]
    assert violations(world) == []


def test_an_execution_is_replaced_however_many_deadlines_pass_meanwhile() -> None:
    world = running()
    end_execution(world, "FAILED")
    due = world.case().case.due
    assert due is not None
    world.now = due + 60
    assert mended(world) == [Mended.OVERDUE]
    assert look_at(world) == world.now, (
        "the next sweep comes before the next deadline, and looks for what else it needs"
    )
    assert mended(world) == [Mended.RESTARTED]
    assert world.case().generation == 2
    assert violations(world) == []


def test_a_deadline_that_passed_does_not_put_off_an_execution_that_ended() -> None:
    world = running()
    end_execution(world, "FAILED")
    due = world.case().case.due
    assert due is not None
    world.now = due + 61
    looked = mend_followed(world.services, world.case().id, world.mirrors)
    assert [each.mended for each in looked] == [Mended.OVERDUE, Mended.RESTARTED]
    world.following.run()
    assert violations(world) == []


def test_an_execution_that_is_said_to_run_although_its_end_was_told_is_looked_for_by_the_next_sweep() -> None:
    """DescribeExecution is eventually consistent; till the next look in an hour no timer would run."""
    world = running()
    world.mirrors.show(world.case())
    assert [each.mended for each in mend_followed(world.services, world.case().id, world.mirrors)] == [Mended.NOTHING]
    assert look_at(world) == world.now
    end_execution(world, "ABORTED")
    world.now += 60
    assert mended(world) == [Mended.RESTARTED]
    world.following.run()
    assert violations(world) == []


def test_a_case_whose_execution_was_replaced_when_its_end_was_told_is_not_looked_at_at_once() -> None:
    world = running()
    end_execution(world, "ABORTED")
    assert [each.mended for each in mend_followed(world.services, world.case().id, world.mirrors)] == [Mended.RESTARTED]
    assert look_at(world) == world.now + FOLLOW_WITHIN_SECONDS


def test_a_case_that_ended_with_its_execution_is_left_alone_for_good() -> None:
    ended = staffed("northfield")
    play(ended, courses(OXYGEN, "northfield")["T-05", "ordered"], "northfield")
    ended.mirrors.show(ended.case())
    ended.now += 61
    assert mended(ended) == [Mended.NOTHING]
    assert ended.sweep() == []
    assert ended.mirrors.checked == []
    ended.now += CHECK_EMR_SECONDS
    assert mended(ended) == [Mended.NOTHING]
    assert len(ended.mirrors.checked) == 1, "once more the EMR is searched for what it should show"
    assert look_at(ended) is None
    assert ended.sweep() == []
    assert [each.mended for each in mend_followed(ended.services, ended.case().id, ended.mirrors)] == [Mended.NOTHING]
    assert look_at(ended) is None, "nor is it when the end of its execution is told late"
    assert ended.mirrors.asked == []


def test_an_emr_that_does_not_show_the_end_of_a_case_is_asked_again_until_it_does() -> None:
    ended = staffed("northfield")
    play(ended, courses(OXYGEN, "northfield")["T-05", "ordered"], "northfield")
    for times in (1, 2):
        ended.now += LOOK_FOR_MIRROR_SECONDS + 1
        assert mended(ended) == [Mended.MIRROR_ASKED]
        assert len(set(ended.mirrors.asked)) == times
    ended.mirrors.show(ended.case())
    ended.now += LOOK_FOR_MIRROR_SECONDS + 1
    assert mended(ended) == [Mended.NOTHING]
    assert len(set(ended.mirrors.asked)) == 2
    assert look_at(ended) == (ended.case().ended_at or 0) + CHECK_EMR_SECONDS


def test_a_case_whose_execution_failed_on_the_way_to_its_end_is_followed_to_it_by_another() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    case = world.case().id
    end_execution(world, "FAILED")
    world.now += 60
    world.place("order_cancelled", by=MD, reason="a mistake")
    world.now += 61
    assert mended(world) == [Mended.RESTARTED]
    assert world.following.executions[case, 2].path == world.path(case)[1:]


def test_a_deadline_is_decided_while_executions_cannot_be_asked() -> None:
    world = running()
    due = world.case().case.due
    assert due is not None
    world.following._timers.clear()
    world.now = due + 61

    def away(*_: object) -> str:
        raise ConnectionError("Step Functions is away")

    world.following.status = away  # type: ignore[method-assign, assignment]
    assert mended(world) == [Mended.OVERDUE]
    assert world.state() == "escalated"


def test_a_case_that_ended_is_told_to_its_execution() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.now += 60
    lost(world, lambda: world.place("order_cancelled", by=MD, reason="a mistake"))
    world.now += 61
    assert mended(world) == [Mended.SIGNALLED]
    world.mirrors.show(world.case())
    world.now += 61
    assert mended(world) == [Mended.NOTHING]
    assert violations(world) == []


def test_a_deadlines_own_timer_gets_a_minute_before_the_sweep_looks() -> None:
    world = running()
    world.following._timers.clear()
    due = world.case().case.due
    assert due is not None
    world.now = due + 59
    assert Mended.OVERDUE not in mended(world)
    assert world.state() == "assessment_due"


def test_a_timer_that_could_not_be_set_before_the_deadline_gets_its_minute_too() -> None:
    """An event that comes late enters a state whose deadline has passed already; then nothing is amiss."""
    world = running()
    world.now += 6 * 3600
    began = world.case().case.entered
    world.following._timers.clear()
    world.place("assessment_completed", by=RT, at=began + 1)
    world.following._timers.clear()
    row = world.case()
    assert row.case.due is not None
    assert row.case.due + OVERDUE_GRACE_SECONDS < world.now
    assert row.parked_visit == row.visit
    assert world.row(keys.meta(row.id))["look_at"] == world.now + OVERDUE_GRACE_SECONDS
    world.table.update(Update(keys.meta(row.id), set={"look_at": world.now}))
    assert Mended.OVERDUE not in mended(world)
    assert world.state() == row.state
    world.now += OVERDUE_GRACE_SECONDS
    assert mended(world) == [Mended.OVERDUE]


def test_an_overdue_case_moves_though_no_timer_fires() -> None:
    world = running()
    world.following._timers.clear()
    due = world.case().case.due
    assert due is not None
    world.now = due + 61
    assert mended(world) == [Mended.OVERDUE]
    assert world.state() == "escalated"
    (*_, entry) = world.journal(world.case().id)
    assert entry["missed_deadline"] is True
    assert entry["decided_by"] == "sweep: no timer had fired"
    assert violations(world) == []


def test_a_deadline_whose_timer_fired_does_not_bear_the_sweeps_name() -> None:
    world = running()
    world.pass_time(2 * 3600)
    missed = [entry for entry in world.journal(world.case().id) if entry["missed_deadline"]]
    assert missed
    assert [entry for entry in missed if "decided_by" in entry] == []


def test_a_system_step_that_takes_too_long_is_owned_by_somebody() -> None:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-62", "filing"], "northfield")
    assert (world.state(), world.owner()) == ("filing_failed", "RT_LEAD")


def test_a_sweep_that_loses_the_race_leaves_it_to_whoever_was_first() -> None:
    table = Between(MemoryTable())
    world = running(staffed("northfield", table=table))
    world.following._timers.clear()
    due = world.case().case.due
    assert due is not None
    world.now = due + 61
    table.before_write(lambda: world.place("assessment_completed", by=RT), of=touches("CASE#", keys.META))
    assert mended(world) == [Mended.NOTHING]
    assert world.state() == "assessed"
    assert violations(world) == []


# ── events that wait for their case ──────────────────────────────────────────────────────────────────────────────────────


def held(world: World) -> str:
    raw = world.raw("oxygen_changed", by=RN, id="early", flow_l_min=2)
    world.deliver(raw)
    return raw


def test_a_held_event_is_placed_when_its_case_opened_and_nobody_drained() -> None:
    table = Between(MemoryTable())
    world = staffed("northfield", table=table)
    held(world)
    table.before_write(lambda: None)

    def crash() -> None:
        raise StepFunctionsDown

    table.before_write(crash, of=touches("CASE#", keys.META))
    with pytest.raises(StepFunctionsDown):
        world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.following.run()
    world.now += 60
    assert Mended.EARLY_PLACED in mended(world)
    assert world.state() == "assessment_due"
    assert violations(world) == []


def test_a_held_event_is_looked_at_every_minute_and_given_up_when_its_time_is_over() -> None:
    world = staffed("northfield")
    raw = held(world)
    for _ in range(59):
        world.now += 60
        assert mended(world) == [Mended.NOTHING]
    world.now += 60
    assert mended(world) == [Mended.EARLY_EXPIRED]
    (kept,) = quarantined(world.services)
    assert (kept.reason, kept.where) == ("no_case", "detail.subject")
    assert world.mark("early") is None, "so that it can be sent through again"
    assert world.sweep() == []
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    again = world.deliver(raw)
    assert isinstance(again, Placed)
    assert (again.duplicate, again.outcome) == (False, "moved")


def test_what_happened_after_the_end_waits_on_where_the_last_case_has_ended() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.now += 60
    world.place("order_cancelled", by=MD, reason="a mistake")
    world.now += 60
    held(world)
    world.following.run()
    world.now += 60
    assert Mended.EARLY_PLACED not in mended(world)
    mark = world.mark("early")
    assert mark is not None
    assert mark["outcome"] == "held_early"


def test_a_held_event_that_was_placed_meanwhile_needs_nothing() -> None:
    """The index is only a hint: what it names may be gone when the sweep gets there."""
    world = staffed("northfield")
    held(world)
    (place,) = [key for key in world.snapshot() if key.sk.startswith("EARLY#")]
    world.table.write((Delete(place),))
    for gone, looked in ((place, None), (keys.meta("0" * 32), "0" * 32)):
        hint = {"pk": gone.pk, "sk": gone.sk, "look_at": world.now}
        assert _look_again(world.services, world.mirrors, hint) == Looked(looked, Mended.NOTHING)


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_that_cannot_be_looked_at_holds_up_no_other() -> None:
    world = staffed("northfield")
    for n in range(12):
        raw = world.raw("oxygen_ordered", by=MD, encounter=f"E-{n}", order_id="O1", age_years=70)
        lost(world, partial(world.deliver, raw))
    broken = world.cases()[0].id
    world.table.update(Update(keys.meta(broken), set={"version": 99}))
    world.table.update(Update(keys.meta(broken), set={"look_at": 0}))
    world.table.write((Delete(keys.visit(broken, 1)),))
    world.now += 61
    looked: list[Looked] = []
    with pytest.raises(SweepFaults) as faults:
        looked.extend(sweep(world.services, world.mirrors))
    assert [type(fault) for fault in faults.value.exceptions] == [LookupError]
    world.following.run()
    assert len(world.following.executions) == 11


class Contended(Through):
    """Whoever writes the row of one case finds somebody else at it, and so for ever."""

    case = ""

    def write(self, writes: Sequence[Write]) -> None:
        if any(write.key == keys.meta(self.case) for write in writes) and not _only_later(writes):
            raise Contention
        self.table.write(writes)


def _only_later(writes: Sequence[Write]) -> bool:
    return len(writes) == 1 and isinstance(writes[0], Update) and bool(writes[0].conditions[0].attribute == "look_at")


def test_a_row_that_somebody_is_always_at_does_not_stay_the_first_of_every_run() -> None:
    table = Contended(MemoryTable())
    world = running(staffed("northfield", table=table))
    table.case = world.case().id
    world.table.update(Update(keys.meta(table.case), set={"look_at": world.now}))
    assert mended(world) == [Mended.NOTHING]
    assert look_at(world) == world.now + CONTENDED_SECONDS
    assert world.sweep() == []


def test_a_sweep_looks_at_a_bounded_number_of_rows() -> None:
    world = staffed("northfield")
    for n in range(30):
        placed = world.place("oxygen_ordered", by=MD, encounter=f"E-{n}", order_id="O1", age_years=70)
        world.table.update(Update(keys.meta(str(placed.case)), set={"look_at": 0}))
    rounds = 0
    while any(world.row(keys.meta(row.id))["look_at"] == 0 for row in world.cases()):
        assert len(list(sweep(world.services, world.mirrors, limit=2))) <= 2 * keys.SWEEP_SHARDS
        rounds += 1
        assert rounds < 30
    assert rounds > 2


def test_the_sweep_asks_the_index_only_where_to_look() -> None:
    world = running()
    case = world.case().id
    world.table.update(Update(keys.meta(case), set={"look_at": world.now}))
    (hint,) = [
        hint
        for shard in keys.all_sweep_shards()
        for hint in world.table.query_index(Index.SWEEP, shard, upto=world.now).items
    ]
    assert set(hint) == {"pk", "sk", "sweep", "look_at"}
    assert Key(hint["pk"], hint["sk"]) == keys.meta(case)
