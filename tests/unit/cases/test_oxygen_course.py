"""The oxygen workflow as clinicians live it: targets, sooner limits, three ways to document, and a patient's life going on."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from functions.cases.outcome import Placed
from statemachines.definition import StateKind
from statemachines.facilities import facilities
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import DATA, PERSON, Course, arrive, courses, play, staffed
from tests.support.invariants import violations
from tests.support.world import World

RT, RN, MD, LEAD, CHARGE = (PERSON[role] for role in ("RT", "RN", "PROVIDER", "RT_LEAD", "CHARGE_NURSE"))
FACILITIES = tuple(facilities())


def assessed(facility: str = "northfield", **order: Any) -> World:
    """A patient on oxygen who has just been assessed."""
    world = staffed(facility)
    steps: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("oxygen_ordered", MD, {"order_id": "O1", "age_years": 70, **order}),
        ("oxygen_changed", RN, {"flow_l_min": 2}),
        ("assessment_completed", RT, {}),
    )
    for type, by, data in steps:
        world.now += 60
        assert world.place(type, by=by, facility=facility, **data).outcome == "moved"
    return world


def titrated(world: World, saturation: float, facility: str = "northfield", flow: float = 2) -> str:
    world.now += 60
    world.place("oxygen_changed", by=RT, facility=facility, spo2_percent=saturation, flow_l_min=flow)
    return world.state(facility)


# ── targets ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("saturation", "state"), [(93, "titrating"), (94, "stable"), (98, "stable"), (99, "titrating")]
)
def test_the_target_is_94_to_98(saturation: float, state: str) -> None:
    assert titrated(assessed(), saturation) == state


@pytest.mark.parametrize("facility", FACILITIES)
@pytest.mark.parametrize(
    ("saturation", "state"), [(87, "titrating"), (88, "stable"), (92, "stable"), (93, "titrating")]
)
def test_a_patient_at_hypercapnic_risk_has_88_to_92_wherever_they_lie(
    facility: str, saturation: float, state: str
) -> None:
    """British Thoracic Society guideline for oxygen use in adults, 2017."""
    assert titrated(assessed(facility, hypercapnic_risk=True), saturation, facility) == state


@pytest.mark.parametrize("facility", FACILITIES)
def test_a_care_plan_outranks_order_facility_and_default(facility: str) -> None:
    world = assessed(facility, target_spo2_low=94, target_spo2_high=98)
    world.now += 60
    plan: dict[str, Any] = {"target_spo2_low": 90, "target_spo2_high": 93, "hypercapnic_risk": False}
    assert world.place("care_plan_updated", by=MD, facility=facility, **plan).outcome == "recorded"
    assert titrated(world, 91, facility) == "stable"


def test_on_room_air_no_saturation_is_too_high() -> None:
    assert titrated(assessed(), 100, flow=0) == "stable"


def test_a_patient_whose_saturation_nobody_reported_is_not_in_target() -> None:
    world = assessed()
    world.now += 60
    world.place("oxygen_changed", by=RT, flow_l_min=3)
    assert world.state() == "titrating"


def test_above_target_with_an_unknown_setting_counts_as_too_much_oxygen() -> None:
    world = staffed("northfield")
    for type, by, data in (
        ("oxygen_ordered", MD, {"order_id": "O1", "age_years": 70}),
        ("oxygen_changed", RN, {"device": "simple mask"}),
        ("assessment_completed", RT, {}),
        ("oxygen_changed", RT, {"device": "simple mask", "spo2_percent": 100}),
    ):
        world.now += 60
        world.place(type, by=by, **data)
    assert world.state() == "titrating"


# ── a saturation that is too old to be relied on ─────────────────────────────────────────────────────────────────────────

HOUR = 3600.0


def stable(at: float = 95, flow: float = 2) -> World:
    world = assessed()
    assert titrated(world, at, flow=flow) == "stable"
    return world


@pytest.mark.parametrize(("age", "state"), [(4 * HOUR, "weaning"), (4 * HOUR + 1, "assessment_due")])
def test_nobody_is_weaned_by_a_saturation_older_than_four_hours(age: float, state: str) -> None:
    world = stable()
    world.now += age
    world.place("weaning_started", by=RT)
    assert world.state() == state
    assert world.owner() == "RT"


@pytest.mark.parametrize(("age", "state"), [(4 * HOUR, "trial_off"), (4 * HOUR + 1, "assessment_due")])
def test_oxygen_turned_off_is_a_trial_only_while_the_saturation_is_known(age: float, state: str) -> None:
    world = stable()
    world.now += age
    world.place("oxygen_changed", by=RN, flow_l_min=0)
    assert world.state() == state


def test_a_new_saturation_makes_an_old_one_good_again() -> None:
    world = stable()
    world.now += 5 * HOUR
    assert world.place("spo2_observed", spo2_percent=95).outcome == "recorded"
    world.place("weaning_started", by=RT)
    assert world.state() == "weaning"


@pytest.mark.parametrize("flow", [0, 1])
def test_while_weaning_an_old_saturation_brings_the_therapist_to_measure_it(flow: float) -> None:
    world = stable()
    world.now += 3 * HOUR
    world.place("weaning_started", by=RT)
    world.now += HOUR + 1
    placed = world.place("oxygen_changed", by=RT, flow_l_min=flow)
    assert placed.transitions == ("T-49",)
    assert (world.state(), world.owner()) == ("titrating", "RT")


def test_on_room_air_an_old_saturation_brings_the_therapist_to_measure_it() -> None:
    world = stable()
    world.now += 4 * HOUR - 60
    world.place("oxygen_changed", by=RN, flow_l_min=0)
    world.now += 120
    assert world.place("oxygen_changed", by=RN, flow_l_min=0).transitions == ("T-49",)
    assert (world.state(), world.owner()) == ("titrating", "RT")


@pytest.mark.parametrize(("saturation", "state"), [(94, "stable"), (93, "titrating"), (91, "titrating")])
def test_an_assessment_that_finds_a_stable_patient_below_target_is_acted_on(saturation: float, state: str) -> None:
    world = stable()
    world.now += 60
    world.place("assessment_completed", by=RT, spo2_percent=saturation)
    assert world.state() == state


def test_an_old_saturation_ends_neither_assessment_nor_titration() -> None:
    """Measured when oxygen was started; seen four hours later, after every escalation."""
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.place("oxygen_changed", by=RN, flow_l_min=2, spo2_percent=96)
    world.now += 4 * HOUR + 1
    world.place("assessment_completed", by=RT)
    placed = world.place("oxygen_changed", by=RT, flow_l_min=2)
    assert placed.transitions == ("T-23",)
    world.now += 60
    assert world.place("oxygen_changed", by=RT, flow_l_min=3).outcome == "recorded"
    assert world.state() == "titrating"
    world.now += 60
    world.place("spo2_observed", spo2_percent=96)
    assert world.state() == "stable"


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("facility", "age", "minutes"),
    [("northfield", 70, 120), ("southgate", 70, 90), ("lakeside", 70, 120), ("lakeside", 8, 45), ("northfield", 8, 60)],
)
def test_how_soon_a_patient_is_assessed_depends_on_age_and_facility(facility: str, age: int, minutes: float) -> None:
    world = staffed(facility)
    world.place("oxygen_ordered", by=MD, facility=facility, order_id="O1", age_years=age)
    world.place("oxygen_changed", by=RN, facility=facility, flow_l_min=2)
    due = world.case(facility).case.due
    assert due == world.now + minutes * 60


def test_an_early_warning_score_shortens_the_wait_and_never_lengthens_it() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    dues = [world.case().case.due]
    for score in (4, 5, 7, 5):
        world.now += 60
        world.place("news2_scored", news2=score)
        dues.append(world.case().case.due)
    start = dues[0]
    assert start is not None
    begun = start - 7200
    assert dues == [start, start, begun + 120 + 3600, begun + 180 + 1800, begun + 180 + 1800]
    assert violations(world) == []


def test_nobody_answers_and_it_escalates_and_goes_on_escalating() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    owners = [world.owner()]
    for _ in range(4):
        due = world.case().case.due
        assert due is not None
        world.pass_time(due - world.now - 1)
        assert world.owner() == owners[-1], "not before its time"
        world.pass_time(1)
        owners.append(world.owner())
    assert owners == ["RT", "RT_LEAD", "PROVIDER", "PROVIDER", "PROVIDER"]
    entries = [e for e in world.journal(world.case().id) if e.get("missed_deadline")]
    assert [e["escalation"] for e in entries] == [True, True, False, False]
    assert violations(world) == []


# ── whoever gets worse ───────────────────────────────────────────────────────────────────────────────────────────────────

MINUTE = 60.0


def watched(state: str) -> World:
    """A patient with good saturation: stable, being weaned, or on room air."""
    world = stable()
    if state != "stable":
        world.now += MINUTE
        world.place("weaning_started", by=RT)
    if state == "trial_off":
        world.now += MINUTE
        world.place("oxygen_changed", by=RN, flow_l_min=0, spo2_percent=96)
    assert world.state() == state
    world.now += MINUTE
    return world


def due_in(world: World) -> float:
    """Minutes until the case is due."""
    due = world.case().case.due
    assert due is not None
    return (due - world.now) / MINUTE


@pytest.mark.parametrize("state", ["stable", "weaning", "trial_off"])
@pytest.mark.parametrize(("score", "minutes"), [(5, 60), (6, 60), (7, 30), (9, 30)])
def test_a_patient_whose_score_rises_is_assessed_wherever_they_are(state: str, score: int, minutes: float) -> None:
    world = watched(state)
    assert world.place("news2_scored", news2=score).transitions == ("T-16",)
    assert (world.state(), world.owner(), due_in(world)) == ("assessment_due", "RT", minutes)
    assert violations(world) == []


@pytest.mark.parametrize("state", ["stable", "weaning", "trial_off"])
@pytest.mark.parametrize(
    ("found", "minutes"), [({"distress": True}, 5), ({"distress": True, "news2": 2}, 5), ({"news2": 7}, 30)]
)
def test_a_patient_who_is_found_in_distress_is_answered_at_once(
    state: str, found: dict[str, Any], minutes: float
) -> None:
    world = watched(state)
    assert world.place("assessment_completed", by=RN, **found).transitions == ("T-17",)
    assert (world.state(), world.owner(), due_in(world)) == ("assessment_due", "RT", minutes)


@pytest.mark.parametrize("state", ["stable", "weaning", "trial_off"])
def test_a_low_score_and_a_good_assessment_leave_a_patient_where_they_are(state: str) -> None:
    world = watched(state)
    assert world.place("news2_scored", news2=4).outcome == "recorded"
    world.now += MINUTE
    assert world.place("assessment_completed", by=RT, spo2_percent=96, news2=4).outcome == "recorded"
    assert world.state() == state


def test_a_score_that_an_assessment_has_answered_does_not_call_again_within_the_hour() -> None:
    world = stable()
    before: tuple[tuple[str, str | None, dict[str, Any]], ...] = (
        ("news2_scored", None, {"news2": 6}),
        ("assessment_completed", RT, {"news2": 6}),
        ("oxygen_changed", RT, {"flow_l_min": 2, "spo2_percent": 96}),
    )
    for type, by, data in before:
        world.now += MINUTE
        assert world.place(type, by=by, **data).outcome == "moved"
    assert world.state() == "stable"
    world.now += 30 * MINUTE
    assert world.place("news2_scored", news2=6).outcome == "recorded"
    assert world.place("news2_scored", news2=5).outcome == "recorded"
    world.now += MINUTE
    assert world.place("news2_scored", news2=7).transitions == ("T-16",), "a higher score does"


def test_a_score_that_stays_high_calls_again_after_an_hour() -> None:
    world = stable()
    world.now += MINUTE
    world.place("assessment_completed", by=RT, news2=6)
    assert world.state() == "stable"
    world.now += HOUR
    assert world.place("news2_scored", news2=6).outcome == "recorded"
    world.now += 1
    assert world.place("news2_scored", news2=6).transitions == ("T-16",)


@pytest.mark.parametrize(
    ("before", "hours", "minutes"),
    [
        ({"news2": 9}, 3.9, 30),
        ({"news2": 9}, 4.1, 120),
        ({"distress": True}, 3.9, 5),
        ({"distress": True}, 4.1, 120),
    ],
)
def test_a_score_or_distress_of_long_ago_hurries_nobody(before: dict[str, Any], hours: float, minutes: float) -> None:
    """Scored or found before oxygen was set; the recheck is put off here so that only its age is asked for."""
    world = stable()
    world.now += MINUTE
    world.place("patient_transferred", by=MD, to_unit="U2")
    world.now += MINUTE
    world.place("assessment_completed", by=RT, **before)
    world.now += hours * HOUR
    world.place("patient_transferred", by=MD, to_unit="U3")
    assert (world.state(), due_in(world)) == ("assessment_due", minutes)


def test_a_score_that_fell_again_keeps_no_short_limit() -> None:
    world = stable()
    for score, minutes in ((8, 30.0), (2, 120.0)):
        world.now += MINUTE
        world.place("news2_scored", news2=score)
        world.place("assessment_completed", by=RT)
        world.now += MINUTE
        world.place("patient_transferred", by=MD, to_unit="U2")
        assert due_in(world) == minutes


def test_distress_found_by_whoever_assesses_is_treated_at_once_and_told_further() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    world.now += MINUTE
    world.place("assessment_completed", by=RT, distress=True)
    assert (world.state(), due_in(world)) == ("assessed", 5)
    world.now += MINUTE
    world.place("oxygen_changed", by=RT, flow_l_min=4, spo2_percent=88)
    assert (world.state(), due_in(world)) == ("titrating", 30)
    world.now += MINUTE
    assert world.place("assessment_completed", by=RN, distress=True).transitions == ("T-29",)
    assert (world.state(), due_in(world)) == ("assessed", 5)
    world.pass_time(5 * MINUTE)
    assert (world.state(), world.owner(), due_in(world)) == ("escalated", "RT_LEAD", 5)
    world.pass_time(5 * MINUTE)
    assert (world.state(), world.owner(), due_in(world)) == ("escalated_to_provider", "PROVIDER", 5)
    assert violations(world) == []


@pytest.mark.parametrize("state", ["assessed", "titrating"])
def test_whoever_gets_sicker_while_being_treated_is_treated_sooner(state: str) -> None:
    world = assessed()
    if state == "titrating":
        assert titrated(world, 90) == state
    world.now += MINUTE
    before = world.case().case.due
    assert world.place("news2_scored", news2=8).transitions == ("T-28",)
    assert (world.state(), due_in(world)) == (state, 30)
    world.now += MINUTE
    world.place("news2_scored", news2=8)
    assert due_in(world) == 29, "the same news do not give more time"
    assert before is not None
    assert before > world.now + 30 * MINUTE


def test_a_saturation_in_target_does_not_end_distress() -> None:
    world = assessed()
    world.now += MINUTE
    world.place("assessment_completed", by=RT, distress=True)
    assert titrated(world, 96) == "stable"
    assert due_in(world) == 60
    world.now += MINUTE
    assert world.place("weaning_started", by=RT).transitions == ("T-38",)
    assert due_in(world) == 5
    world.now += MINUTE
    world.place("assessment_completed", by=RT)
    assert titrated(world, 96) == "stable"
    assert due_in(world) == 480
    world.now += MINUTE
    assert world.place("weaning_started", by=RT).transitions == ("T-40",)


# ── documentation ────────────────────────────────────────────────────────────────────────────────────────────────────────

WAYS = {
    "northfield": (
        [("note_written", RT), ("note_signed", RT)],
        ["titrated_undocumented", "documented_unsigned", "filing", "confirming", "complete"],
    ),
    "southgate": (
        [("note_written", RT), ("note_signed", RT), ("note_cosigned", MD)],
        ["titrated_undocumented", "documented_unsigned", "awaiting_cosign", "filing", "confirming", "complete"],
    ),
    "lakeside": (
        [("flowsheet_comment_recorded", RN)],
        ["titrated_undocumented", "filing", "confirming", "complete"],
    ),
}


@pytest.mark.parametrize("facility", FACILITIES)
def test_documented_means_what_the_facility_says(facility: str) -> None:
    world = assessed(facility)
    titrated(world, 96, facility)
    world.now += 60
    world.place("oxygen_discontinued", by=RN, facility=facility)
    events, states = WAYS[facility]
    for type, by in events:
        world.now += 60
        assert world.place(type, by=by, facility=facility, **DATA[type][0]).outcome == "moved"
    row = world.case(facility)
    assert world.path(row.id)[4:] == states
    assert violations(world) == []


@pytest.mark.parametrize("facility", FACILITIES)
def test_documents_that_come_too_soon_are_kept_and_used_once_oxygen_has_ended(facility: str) -> None:
    """What has been documented is not documented again: the facility's own documents, written early, complete the case."""
    world = assessed(facility)
    events, states = WAYS[facility]
    for type, by in events:
        world.now += 60
        assert world.place(type, by=by, facility=facility, **DATA[type][0]).outcome == "deferred"
    world.now += 60
    ended = world.place("oxygen_discontinued", by=RN, facility=facility)
    row = world.case(facility)
    assert world.path(row.id)[3:] == states
    assert len(ended.transitions) == 1 + len(events), "one commit"
    assert violations(world) == []


def test_a_provider_does_not_cosign_their_own_signature() -> None:
    world = staffed("southgate")
    world.on_shift("RT-MAPLE:RT", facility="southgate", hours=100)
    play(world, courses(OXYGEN, "southgate")["T-55", "documented_unsigned"], "southgate")
    signer = world.case("southgate").case.performers["T-55"]
    same = world.place("note_cosigned", by=f"{signer}:PROVIDER", facility="southgate", note_id="N1")
    assert (same.outcome, same.reason) == ("refused", "same_performer")
    assert world.place("note_cosigned", by=MD, facility="southgate", note_id="N1").outcome == "moved"


def test_a_charge_nurse_who_must_find_a_provider_does_not_cosign_in_their_place() -> None:
    world = staffed("southgate")
    play(world, courses(OXYGEN, "southgate")["T-58", "awaiting_cosign"], "southgate")
    assert (world.state("southgate"), world.owner("southgate")) == ("cosign_overdue", "CHARGE_NURSE")
    world.now += 60
    own = world.place("note_cosigned", by=CHARGE, facility="southgate", note_id="N1")
    assert (own.outcome, own.reason) == ("refused", "wrong_role")
    assert world.place("note_cosigned", by=MD, facility="southgate", note_id="N1").transitions == ("T-57",)


@pytest.mark.parametrize(
    ("arrow", "source", "still", "again"),
    [
        ("T-53", "undocumented_overdue", "still_undocumented", "T-71"),
        ("T-59", "unsigned_overdue", "still_unsigned", "T-72"),
    ],
)
def test_a_night_without_therapists_ends_at_the_charge_nurse(arrow: str, source: str, still: str, again: str) -> None:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")[arrow, source], "northfield")
    assert (world.state(), world.owner()) == (still, "CHARGE_NURSE")
    world.pass_time(30 * MINUTE)
    assert (world.state(), world.owner(), due_in(world)) == (still, "CHARGE_NURSE", 30)
    assert world.journal(world.case().id)[-1]["transition"] == again
    world.now += MINUTE
    note: tuple[str, ...] = ("note_written", "note_signed") if still == "still_undocumented" else ("note_signed",)
    for type in note:
        assert world.place(type, by=RT, note_id="N1").outcome == "moved"
    arrive(world)
    assert world.state() == "complete"


# ── filing ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_still_not_filed_is_told_to_the_charge_nurse_who_may_have_it_filed_again() -> None:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-68", "filing_failed"], "northfield")
    assert (world.state(), world.owner()) == ("filing_overdue", "CHARGE_NURSE")
    world.now += 60
    assert world.place("filing_retry_requested", by=CHARGE).transitions == ("T-67",)
    arrive(world)
    assert world.state() == "complete"
    assert violations(world) == []


@pytest.mark.parametrize(
    "state", [s.name for s in OXYGEN.states if s.kind is StateKind.WAITING and "filing" not in s.name]
)
def test_filing_again_is_refused_while_nothing_has_failed(state: str) -> None:
    facility, course = way_to(state)
    world = staffed(facility)
    play(world, course, facility)
    answer = world.place("filing_retry_requested", by=RT, facility=facility)
    assert (answer.outcome, answer.reason) == ("refused", "declared")
    assert "no filing has failed" in answer.because


@pytest.mark.parametrize("state", ["filing", "confirming"])
def test_filing_again_is_ignored_while_it_is_being_filed(state: str) -> None:
    facility, course = way_to(state)
    world = staffed(facility)
    play(world, course, facility)
    answer = world.place("filing_retry_requested", by=LEAD, facility=facility)
    assert (answer.outcome, answer.because) == ("ignored", "it is being filed already")


# ── the patient's life goes on ───────────────────────────────────────────────────────────────────────────────────────────

LIFE = (
    "patient_transferred",
    "patient_discharged",
    "patient_died",
    "patient_merged",
    "order_cancelled",
    "care_plan_updated",
)
OPEN_STATES = tuple(state.name for state in OXYGEN.states if state.kind is not StateKind.END)


@cache
def way_to(state: str) -> tuple[str, Course]:
    found = [(f, c) for f in FACILITIES for c in courses(OXYGEN, f).values() if c[-1].target == state]
    return min(found, key=lambda way: len(way[1]))


@pytest.mark.parametrize("event", LIFE)
@pytest.mark.parametrize("state", OPEN_STATES)
def test_every_state_says_what_it_does_with(state: str, event: str) -> None:
    facility, course = way_to(state)
    world = staffed(facility)
    play(world, course, facility)
    world.now += 60
    answer = world.place(event, by=MD, facility=facility, **DATA.get(event, ({},))[0])
    assert answer.outcome in {"moved", "recorded", "ignored"}, answer
    assert answer.because
    arrive(world)
    assert violations(world) == []


BEDSIDE = {
    source
    for transition in OXYGEN.transitions
    if transition.on in {"oxygen_changed", "assessment_completed", "oxygen_discontinued"}
    for source in transition.sources
}


@pytest.mark.parametrize("state", OPEN_STATES)
def test_whoever_has_died_is_not_waited_for_at_the_bedside(state: str) -> None:
    facility, course = way_to(state)
    world = staffed(facility)
    play(world, course, facility)
    world.now += 60
    world.place("patient_died", by=MD, facility=facility)
    assert world.state(facility) not in BEDSIDE


@pytest.mark.parametrize("state", OPEN_STATES)
def test_a_merged_identity_is_followed(state: str) -> None:
    facility, course = way_to(state)
    world = staffed(facility)
    play(world, course, facility)
    world.place("patient_merged", by=MD, facility=facility, surviving_patient="P-9")
    assert world.case(facility).patient == "P-9"


@pytest.mark.parametrize("state", [s.name for s in OXYGEN.states if s.kind is StateKind.END])
def test_what_comes_after_the_end_changes_nothing(state: str) -> None:
    facility, course = way_to(state)
    world = staffed(facility)
    play(world, course, facility)
    before = world.case(facility)
    for event in (*LIFE, "spo2_observed", "note_signed", "oxygen_discontinued", "weaning_started"):
        world.now += 60
        answer = world.send(event, by=MD, facility=facility, **DATA.get(event, ({},))[0])
        assert isinstance(answer, Placed), answer
        assert (answer.outcome, answer.reason) in {("ignored", "not_applicable"), ("refused", "case_ended")}
    after = world.case(facility)
    assert (after.state, after.visit, after.case, after.patient) == (
        before.state, before.visit, before.case, before.patient,
    )  # fmt: skip
