"""An event finds its case: decided once, in order, whoever else is at work; or held, ignored or refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.marks import MARK_KEPT_SECONDS
from functions.cases.outcome import Placed
from functions.cases.quarantine import Kept
from functions.cases.store import MAX_ATTEMPTS
from functions.cases.table import Contention, Key, Update, read_all
from tests.support.course import staffed
from tests.support.invariants import unanswered, violations
from tests.support.tables import Between, touches
from tests.support.world import StepFunctionsDown, World

MD, RN, RT = "MD-OAK:PROVIDER", "RN-ASH:RN", "RT-LINDEN:RT"
ORDER: dict[str, Any] = {"order_id": "O1", "age_years": 70}


def crowded() -> tuple[World, Between]:
    """A staffed world in which something can happen between a use case's reads and its write."""
    table = Between(MemoryTable())
    return staffed("northfield", table=table), table


def ordered(world: World, **more: Any) -> Placed:
    return world.place("oxygen_ordered", by=MD, **ORDER, **more)


def started(world: World) -> None:
    ordered(world)
    world.now += 60
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    world.now += 60


# ── once ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("event", "by", "data"),
    [
        pytest.param("oxygen_ordered", MD, ORDER, id="one that opened the case"),
        pytest.param("assessment_completed", RT, {}, id="one that moved it"),
        pytest.param("spo2_observed", None, {"spo2_percent": 93}, id="one that was recorded"),
        pytest.param("weaning_started", RT, {}, id="one that was deferred"),
        pytest.param("assessment_completed", RN, {}, id="one that was refused"),
    ],
)
def test_the_same_event_again_changes_nothing(event: str, by: str | None, data: dict[str, Any]) -> None:
    world = staffed("northfield")
    started(world)
    raw = world.raw(event, by=by, encounter="E-2" if event == "oxygen_ordered" else "E-1", **data)
    first = world.deliver(raw)
    before = world.snapshot()
    for _ in range(3):
        again = world.deliver(raw)
        assert isinstance(again, Placed)
        assert isinstance(first, Placed)
        assert again.duplicate
        assert (again.outcome, again.reason, again.case) == (first.outcome, first.reason, first.case)
        assert again.transitions == ()
    assert world.snapshot() == before


def test_the_same_id_from_another_facility_is_another_event() -> None:
    world = staffed("northfield")
    world.on_shift(RN, facility="southgate")
    first = ordered(world, id="same", facility="northfield")
    other = ordered(world, id="same", facility="southgate")
    assert not other.duplicate
    assert first.case != other.case


def test_two_deliveries_of_one_event_at_once_take_effect_once() -> None:
    world, table = crowded()
    started(world)
    raw = world.raw("assessment_completed", by=RT)
    table.before_write(lambda: world.deliver(raw))
    second = world.deliver(raw)
    assert isinstance(second, Placed)
    assert (second.duplicate, second.outcome) == (True, "moved")
    assert world.path(world.case().id) == ["ordered", "assessment_due", "assessed"]
    assert violations(world) == []


def test_two_deliveries_of_an_opening_event_at_once_open_one_case() -> None:
    world, table = crowded()
    raw = world.raw("oxygen_ordered", by=MD, **ORDER)
    table.before_write(lambda: world.deliver(raw))
    second = world.deliver(raw)
    assert isinstance(second, Placed)
    assert second.duplicate
    assert len(world.cases()) == 1
    assert violations(world) == []


def test_an_event_older_than_its_mark_would_be_is_quarantined_not_repeated() -> None:
    world = staffed("northfield")
    kept = world.send("spo2_observed", at=world.now - MARK_KEPT_SECONDS - 1, spo2_percent=95)
    assert isinstance(kept, Kept)
    assert (kept.reason, kept.where) == ("too_old", "detail.occurred_at")


def test_a_mark_says_what_became_of_it_and_when_it_may_be_forgotten() -> None:
    world = staffed("northfield")
    ordered(world, id="order-1")
    mark = world.mark("order-1")
    assert mark is not None
    assert (mark["outcome"], mark["reason"], mark["case"]) == ("moved", "transition", world.case().id)
    assert mark["expires_at"] > world.now + MARK_KEPT_SECONDS + 300  # a sender's clock may run ahead


# ── early ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_early_events_are_held_and_placed_in_the_order_in_which_they_happened() -> None:
    world = staffed("northfield")
    world.now += 600
    later = world.place("assessment_completed", by=RT, at=world.now - 100, id="a", spo2_percent=95)
    sooner = world.place("oxygen_changed", by=RN, at=world.now - 200, id="b", flow_l_min=2)
    assert [(p.outcome, p.reason) for p in (later, sooner)] == [("held_early", "before_its_case")] * 2
    assert world.cases() == []
    ordered(world, at=world.now - 300)
    row = world.case()
    assert world.path(row.id) == ["ordered", "assessment_due", "assessed"]
    assert read_all(world.table, row.correlation, "EARLY#") == []
    for event in ("a", "b"):
        mark = world.mark(event)
        assert mark is not None
        assert (mark["outcome"], mark["case"]) == ("moved", row.id)
    assert violations(world) == []


def test_a_held_event_that_comes_again_is_still_held_once() -> None:
    world = staffed("northfield")
    raw = world.raw("oxygen_changed", by=RN, flow_l_min=2)
    world.deliver(raw)
    before = world.snapshot()
    again = world.deliver(raw)
    assert isinstance(again, Placed)
    assert (again.duplicate, again.outcome) == (True, "held_early")
    assert world.snapshot() == before
    ordered(world)
    assert world.path(world.case().id) == ["ordered", "assessment_due"]
    third = world.deliver(raw)
    assert isinstance(third, Placed)
    assert (third.duplicate, third.outcome) == (True, "moved")


def test_a_held_event_is_taken_by_its_own_encounter_only() -> None:
    world = staffed("northfield")
    world.place("oxygen_changed", by=RN, encounter="E-2", flow_l_min=2)
    ordered(world, encounter="E-1")
    assert world.state() == "ordered"


def test_a_case_that_opens_while_an_event_is_being_held_takes_it() -> None:
    world, table = crowded()
    raw = world.raw("oxygen_changed", by=RN, at=world.now + 60, flow_l_min=2)
    world.now += 60
    table.before_write(lambda: ordered(world))
    placed = world.deliver(raw)
    assert isinstance(placed, Placed)
    assert (placed.outcome, placed.attempts) == ("moved", 2)
    assert world.state() == "assessment_due"
    assert read_all(world.table, world.case().correlation, "EARLY#") == []
    assert violations(world) == []


def test_after_a_crash_between_opening_and_draining_the_redelivered_order_drains() -> None:
    world, table = crowded()
    world.place("oxygen_changed", by=RN, id="early", flow_l_min=2)
    raw = world.raw("oxygen_ordered", by=MD, **ORDER)

    def crash() -> None:
        raise StepFunctionsDown("the function ended here")

    table.before_write(lambda: None)
    table.before_write(crash, of=touches("CASE#", keys.META))
    with pytest.raises(StepFunctionsDown):
        world.deliver(raw)
    assert world.state() == "ordered"
    again = world.deliver(raw)
    assert isinstance(again, Placed)
    assert again.duplicate
    assert world.state() == "assessment_due"
    assert violations(world) == []


def test_a_held_event_whose_case_ended_at_once_does_not_spoil_the_opening_event() -> None:
    world, table = crowded()
    world.place("oxygen_changed", by=RN, id="early", flow_l_min=2)

    def cancelled() -> None:
        world.place("order_cancelled", by=MD, reason="a mistake")

    table.before_write(lambda: None)
    table.before_write(cancelled, of=touches("CASE#", keys.META))
    placed = ordered(world, id="order-1")
    assert placed.outcome == "moved"
    assert world.state() == "cancelled"
    mark = world.mark("early")
    assert mark is not None
    assert mark["outcome"] == "held_early", "it happened when that case ended: perhaps it is of the next one"


# ── without a case ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_does_not_apply_is_ignored_with_its_reason() -> None:
    world = staffed("northfield")
    placed = world.place("spo2_observed", id="o-1", spo2_percent=95)
    assert (placed.outcome, placed.reason) == ("ignored", "not_applicable")
    assert unanswered(world, [("northfield", "o-1")]) == []


def test_an_order_by_a_wrong_role_opens_nothing_and_is_refused() -> None:
    world = staffed("northfield")
    placed = world.place("oxygen_ordered", by=RN, id="o-1", **ORDER)
    assert (placed.outcome, placed.reason) == ("refused", "wrong_role")
    assert world.cases() == []
    assert unanswered(world, [("northfield", "o-1")]) == []


def test_two_orders_at_once_open_one_case_and_the_loser_is_decided_there() -> None:
    world, table = crowded()
    table.before_write(lambda: ordered(world, id="winner"))
    loser = ordered(world, id="loser")
    assert (loser.outcome, loser.reason, loser.attempts) == ("refused", "declared", 2)
    assert len(world.cases()) == 1
    assert loser.case == world.case().id
    assert unanswered(world, [("northfield", "winner"), ("northfield", "loser")]) == []
    assert violations(world) == []


# ── lost races ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_race_is_decided_anew() -> None:
    """The assessment was read against "assessment due"; the deadline came first, and the assessment answers the escalation."""
    world, table = crowded()
    started(world)
    due = world.case().case.due
    assert due is not None
    world.pass_time(due - world.now - 1, run=False)

    def deadline() -> None:
        world.pass_time(1)

    table.before_write(deadline)
    placed = world.place("assessment_completed", by=RT)
    assert (placed.transitions, placed.attempts) == (("T-10",), 2)
    assert world.path(world.case().id) == ["ordered", "assessment_due", "escalated", "assessed"]
    assert violations(world) == []


def test_facts_of_two_events_at_once_are_both_kept() -> None:
    world, table = crowded()
    started(world)
    table.before_write(lambda: world.place("news2_scored", news2=3))
    world.place("spo2_observed", spo2_percent=93)
    facts = world.case().case.facts
    assert (facts["news2"].value, facts["spo2"].value) == (3, 93)


def test_who_loses_again_and_again_gives_the_message_back_and_changes_nothing() -> None:
    world, table = crowded()
    started(world)
    meta = keys.meta(world.case().id)

    def somebody_else() -> None:
        world.table.update(Update(meta, add={"rev": 1}))

    for _ in range(MAX_ATTEMPTS):
        table.before_write(somebody_else)
    raw = world.raw("assessment_completed", by=RT, id="late")
    with pytest.raises(Contention, match=f"{MAX_ATTEMPTS} tries"):
        world.deliver(raw)
    assert world.pauses >= MAX_ATTEMPTS
    assert world.mark("late") is None
    assert world.state() == "assessment_due"
    placed = world.deliver(raw)
    assert isinstance(placed, Placed)
    assert placed.outcome == "moved", "delivered again, it is decided"


# ── several moves ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_commit_takes_everything_that_was_deferred() -> None:
    world = staffed("northfield")
    ordered(world)
    world.place("assessment_completed", by=RT, id="deferred", spo2_percent=95)
    rev = world.case().rev
    placed = world.place("oxygen_changed", by=RN, at=world.now + 0, flow_l_min=2, run=False)
    assert placed.transitions == ("T-02", "T-10")
    row = world.case()
    assert row.rev == rev + 1
    assert row.visit == 3
    mark = world.mark("deferred")
    assert mark is not None
    assert (mark["outcome"], mark["reason"]) == ("moved", "transition")
    assert [t["status"] for t in world.tasks(row.id)] == ["done", "offered"], "nobody owned the state passed through"
    world.following.run()
    assert violations(world) == []


# ── after the end ────────────────────────────────────────────────────────────────────────────────────────────────────────


def cancelled(world: World) -> str:
    ordered(world)
    world.now += 60
    world.place("order_cancelled", by=MD, reason="a mistake")
    world.now += 60
    return world.case().id


def test_a_late_event_of_a_closed_case_is_refused_there_and_journaled() -> None:
    world = staffed("northfield")
    case = cancelled(world)
    late = world.place("oxygen_discontinued", by=RN)
    assert (late.outcome, late.reason, late.case) == ("refused", "case_ended", case)
    assert world.journal(case)[-1]["reason"] == "case_ended"
    assert violations(world) == []


def test_what_happened_before_the_end_is_not_kept_for_the_next_case() -> None:
    world = staffed("northfield")
    case = cancelled(world)  # a minute ago
    late = world.place("assessment_completed", by=RT, at=world.now - 90, id="late", spo2_percent=95)
    assert (late.outcome, late.reason, late.case) == ("refused", "case_ended", case)
    assert world.journal(case)[-1]["reason"] == "case_ended"
    ordered(world)
    world.now += 60
    world.place("oxygen_changed", by=RN, flow_l_min=2, spo2_percent=91)
    assert world.path(world.cases()[-1].id) == ["ordered", "assessment_due"], "nobody has assessed this patient yet"
    assert violations(world) == []


@pytest.mark.parametrize(("seconds", "outcome"), [(-1, "refused"), (0, "held_early"), (1, "held_early")])
def test_what_happened_after_the_end_waits_for_the_next_case(seconds: float, outcome: str) -> None:
    world = staffed("northfield")
    ended = world.row(Key(world.cases()[0].correlation, keys.OPEN)) if cancelled(world) else {}
    assert ended["closed_at"] == ended["ended"] == world.now - 60
    placed = world.place("assessment_completed", by=RT, at=ended["ended"] + seconds, id="early", spo2_percent=95)
    assert placed.outcome == outcome


def test_what_ended_it_counts_not_when_it_was_heard_of() -> None:
    world = staffed("northfield")
    ordered(world)
    world.now += 600
    world.place("order_cancelled", by=MD, reason="a mistake", at=world.now - 300)
    placed = world.place("assessment_completed", by=RT, at=world.now - 60, spo2_percent=95)
    assert placed.outcome == "held_early", "it happened after the end, and may belong to an order that is still to come"


def reopened() -> tuple[World, str, float]:
    """A case that was cancelled, and the next one under its key; the first one's id, and when what ended it happened."""
    world = staffed("northfield")
    first = cancelled(world)
    ended = world.row(Key(world.case().correlation, keys.OPEN))["ended"]
    ordered(world)
    world.now += 60
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    assert world.path(world.cases()[-1].id) == ["ordered", "assessment_due"]
    return world, first, ended


@pytest.mark.parametrize(("seconds", "refused"), [(-30, True), (0, True), (1, False)])
def test_what_happened_in_the_case_before_does_not_count_in_the_open_one(seconds: float, refused: bool) -> None:
    world, first, ended = reopened()
    late = world.place("assessment_completed", by=RT, at=ended + seconds, spo2_percent=95)
    second = world.cases()[-1].id
    assert (late.case, late.outcome) == ((first, "refused") if refused else (second, "moved"))
    assert (world.path(second)[-1] == "assessment_due") is refused
    assert violations(world) == []


def test_what_happened_since_the_open_case_began_is_its_own_though_the_one_before_had_not_ended() -> None:
    """Senders that know minutes only: cancelled, ordered anew and started, all at the same time."""
    world = staffed("northfield")
    cancelled(world)
    ended = world.row(Key(world.case().correlation, keys.OPEN))["ended"]
    second = ordered(world, at=ended)
    started_at_once = world.place("oxygen_changed", by=RN, at=ended, flow_l_min=2)
    assert (started_at_once.case, started_at_once.outcome) == (second.case, "moved")
    assert violations(world) == []


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("patient_transferred", {"to_unit": "U2"}),
        ("patient_discharged", {}),
        ("patient_died", {}),
        ("care_plan_updated", {"hypercapnic_risk": True, "target_spo2_low": 88, "target_spo2_high": 92}),
        ("oxygen_ordered", {"order_id": "O2", "age_years": 70}),
    ],
)
def test_what_is_said_of_the_patient_and_what_opens_cases_is_for_the_open_one_however_late(
    event: str, data: dict[str, Any]
) -> None:
    world, _, ended = reopened()
    late = world.place(event, by=MD, at=ended - 30, **data)
    assert late.case == world.cases()[-1].id


def test_the_same_key_may_open_again_and_the_old_case_stays_as_it_was() -> None:
    world = staffed("northfield")
    first = cancelled(world)
    before = world.row(keys.meta(first))
    second = ordered(world)
    assert second.outcome == "moved"
    assert second.case != first
    assert len(world.cases()) == 2
    assert world.row(keys.meta(first)) == before
    place = world.row(Key(world.cases()[1].correlation, keys.OPEN))
    assert (place["case"], "closed_at" in place) == (second.case, False)
    assert violations(world) == []


def test_two_orders_at_once_reopen_once() -> None:
    world, table = crowded()
    cancelled(world)
    table.before_write(lambda: ordered(world, id="winner"))
    loser = ordered(world, id="loser")
    assert (loser.outcome, loser.reason) == ("refused", "declared")
    assert len(world.cases()) == 2
    assert violations(world) == []


# ── after a commit ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("event", ["opening", "moving"])
def test_a_crash_between_commit_and_signal_heals_when_the_event_comes_again(event: str) -> None:
    world = staffed("northfield")
    if event == "moving":
        ordered(world)
        raw = world.raw("oxygen_changed", by=RN, flow_l_min=2)
    else:
        raw = world.raw("oxygen_ordered", by=MD, **ORDER)
    world.following.down = True
    with pytest.raises(StepFunctionsDown):
        world.deliver(raw)
    world.following.down = False
    assert violations(world) != [], "committed, but nobody follows"
    again = world.deliver(raw)
    assert isinstance(again, Placed)
    assert again.duplicate
    assert violations(world) == []


def test_the_opened_case_is_pinned_to_version_and_policy() -> None:
    world = staffed("northfield")
    ordered(world)
    row = world.case()
    active = world.row(keys.facility_active("northfield"))
    assert (row.version, row.policy) == (active["workflows"]["oxygen"], active["policy"])
    world.table.update(Update(keys.facility_active("northfield"), set={"policy": "another"}))
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    assert world.case().policy == row.policy


def test_ids_and_keys_do_not_show_whom_they_are_about() -> None:
    world = staffed("northfield")
    placed = world.place("oxygen_ordered", by=MD, encounter="E-SECRET", patient="P-SECRET", id="V-SECRET", **ORDER)
    for key in world.snapshot():
        assert "SECRET" not in key.pk + key.sk
    assert "SECRET" not in str(placed.case)
