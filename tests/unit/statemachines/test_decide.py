"""The rules of a decision, each on the smallest workflow that shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from events.catalog import WeaningStarted
from statemachines.deadlines import due
from statemachines.decide import MAX_DEFERRED, MAX_MOVES, Outcome, Reason
from statemachines.definition import (
    DEADLINE_MISSED,
    Deadline,
    Definition,
    Duration,
    Sooner,
    ValueType,
)
from statemachines.expressions import Known
from statemachines.language import business_days, fact, happened, minutes, sooner
from statemachines.policy import Calendar, Policy
from tests.unit.statemachines.small import NOW, PLAIN, SMALL, Run

RT, RN, LEAD = "RT-LINDEN:RT", "RN-ASH:RN", "LEAD-ELM:LEAD"


# ── each event ends as one outcome, with a reason ────────────────────────────────────────────────────────────────────────


def test_an_arrow_whose_guard_holds_moves() -> None:
    run = Run().opened()
    run.take("spo2_observed", spo2_percent=95)
    decision = run.take("assessment_completed", RT)
    assert (decision.outcome, decision.reason, decision.because) == (Outcome.MOVED, Reason.TRANSITION, "seen")
    assert decision.move is not None
    assert (decision.move.transition, decision.move.source, decision.move.target) == ("S-2", "waiting", "watched")
    assert run.case.state == "watched"


@pytest.mark.parametrize(
    ("event", "outcome", "reason", "because"),
    [
        ("spo2_observed", Outcome.RECORDED, Reason.NO_GUARD_HOLDS, "noted"),
        ("oxygen_discontinued", Outcome.IGNORED, Reason.DECLARED, "not on oxygen"),
        ("note_written", Outcome.DEFERRED, Reason.DECLARED, "later"),
        ("oxygen_ordered", Outcome.REFUSED, Reason.DECLARED, "ordered already"),
        (
            "assessment_completed",
            Outcome.REFUSED,
            Reason.NOT_EXPECTED_HERE,
            "assessment_completed is not expected in waiting",
        ),
    ],
)
def test_without_an_arrow_the_state_says_what_becomes_of_it(
    event: str, outcome: Outcome, reason: Reason, because: str
) -> None:
    run = Run().opened()
    decision = run.take(event, RT, spo2_percent=95) if event == "spo2_observed" else run.take(event, RT)
    assert (decision.outcome, decision.reason, decision.because, decision.move) == (outcome, reason, because, None)
    assert run.case.state == "waiting"


def test_an_event_that_opens_nothing_is_refused() -> None:
    decision = Run().take("note_written", RT)
    assert (decision.outcome, decision.reason) == (Outcome.REFUSED, Reason.NOT_EXPECTED_HERE)


def test_a_case_that_has_ended_takes_nothing() -> None:
    run = Run(state="done")
    for event in ("spo2_observed", "note_signed", "oxygen_ordered", DEADLINE_MISSED):
        assert run.take(event, RT).reason is Reason.CASE_ENDED
    assert run.facts == {}


def test_arrows_are_tried_in_the_order_of_the_table() -> None:
    run = Run().opened()
    run.take("spo2_observed", spo2_percent=95)
    run.take("assessment_completed", RT)
    low, ends = run.would("assessment_completed", RT), run.would("assessment_completed", LEAD)
    assert low.reason is Reason.WRONG_ROLE, "S-9 is for the lead"
    assert ends.move is not None
    assert ends.move.transition == "S-9"
    run.take("spo2_observed", at=NOW + 1, spo2_percent=90)
    back = run.would("assessment_completed", RT)
    assert back.move is not None
    assert back.move.transition == "S-8"


def test_a_role_that_may_not_take_the_first_arrow_may_take_a_later_one() -> None:
    run = Run().opened()
    run.take("spo2_observed", spo2_percent=90)
    run.take("assessment_completed", RT)
    decision = run.would("assessment_completed", LEAD)
    assert decision.move is not None
    assert decision.move.transition == "S-9"


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_role_is_refused_and_told_whose_it_is() -> None:
    run = Run().opened()
    run.take("spo2_observed", spo2_percent=95)
    for by, name in ((RN, "RN"), (None, "nobody in particular")):
        decision = run.take("assessment_completed", by)
        assert (decision.outcome, decision.reason) == (Outcome.REFUSED, Reason.WRONG_ROLE)
        assert decision.because == f"S-2 is for RT, not for {name}"
    assert run.case.state == "waiting"


def test_the_role_that_the_task_was_routed_to_may_act() -> None:
    run = Run().opened()
    run.take("spo2_observed", spo2_percent=95)
    run.case = replace(run.case, accountable_role="LEAD")
    assert run.take("assessment_completed", LEAD).outcome is Outcome.MOVED


def test_a_role_that_does_the_work_at_this_facility_may_act() -> None:
    run = Run(policy=PLAIN.model_copy(update={"performed_by": {"RT": ("RN",)}})).opened()
    run.take("spo2_observed", spo2_percent=95)
    assert run.take("assessment_completed", RN).outcome is Outcome.MOVED


def test_a_validator_is_somebody_else_than_the_performer() -> None:
    run = Run(state="watched")
    run.take("note_written", RN)
    same = run.take("note_signed", RN)
    assert (same.outcome, same.reason) == (Outcome.REFUSED, Reason.SAME_PERFORMER)
    assert same.because == "S-7 needs somebody other than who performed S-6"
    assert run.take("note_signed", "RN-ASH:RT").reason is Reason.SAME_PERFORMER, (
        "another hat does not make another person"
    )
    assert run.take("note_signed", "RN-BIRCH:RN").outcome is Outcome.MOVED


# ── override ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_override_passes_over_the_guard() -> None:
    run = Run().opened()
    assert run.would("assessment_completed", RT).outcome is Outcome.REFUSED, "no saturation is known"
    decision = run.take("overridden", LEAD, override="S-2", reason="seen without a probe")
    assert (decision.outcome, decision.reason) == (Outcome.MOVED, Reason.OVERRIDE)
    assert decision.because == "seen without a probe"
    assert run.case.state == "watched"
    assert run.case.performers == {"S-1": "LEAD-ELM", "S-2": "LEAD-ELM"}


@pytest.mark.parametrize(
    ("by", "override", "why", "reason"),
    [
        (RT, "S-2", "because", Reason.WRONG_ROLE),
        (None, "S-2", "because", Reason.WRONG_ROLE),
        (LEAD, "S-2", None, Reason.OVERRIDE_WITHOUT_REASON),
        (LEAD, "S-2", "", Reason.OVERRIDE_WITHOUT_REASON),
        (LEAD, "S-5", "because", Reason.NO_SUCH_OVERRIDE),
        (LEAD, "S-6", "because", Reason.NO_SUCH_OVERRIDE),
        (LEAD, "S-99", "because", Reason.NO_SUCH_OVERRIDE),
    ],
)
def test_an_override_is_refused(by: str | None, override: str, why: str | None, reason: Reason) -> None:
    run = Run().opened()
    decision = run.take("overridden", by, override=override, reason=why)
    assert (decision.outcome, decision.reason) == (Outcome.REFUSED, reason)
    assert run.case.state == "waiting"


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_fact_remembers_the_value_before() -> None:
    run = Run().opened()
    run.take("spo2_observed", at=NOW + 1, spo2_percent=95)
    run.take("spo2_observed", at=NOW + 2, spo2_percent=93)
    assert run.facts["spo2"] == Known(93, NOW + 2, 95)


def test_an_older_observation_changes_nothing_and_moves_nothing() -> None:
    run = Run().opened()
    run.take("spo2_observed", at=NOW + 10, spo2_percent=95)
    before = run.case
    decision = run.take("spo2_observed", at=NOW + 9, spo2_percent=60)
    assert (decision.outcome, decision.reason) == (Outcome.RECORDED, Reason.OLDER_THAN_KNOWN)
    assert run.case == before


def test_an_older_report_by_a_person_keeps_the_newer_value_but_its_other_news_count() -> None:
    run = Run().opened()
    run.take("spo2_observed", at=NOW + 10, spo2_percent=95)
    decision = run.take("oxygen_changed", RT, at=NOW + 5, spo2_percent=80, flow_l_min=3)
    assert decision.outcome is Outcome.RECORDED
    assert run.facts == {"spo2": Known(95, NOW + 10, None), "flow": Known(3, NOW + 5)}


def test_a_field_that_was_not_measured_leaves_the_fact_alone() -> None:
    run = Run().opened()
    run.take("spo2_observed", at=NOW, spo2_percent=95)
    run.take("oxygen_changed", RT, at=NOW + 5, flow_l_min=3)
    assert run.facts["spo2"] == Known(95, NOW)


def test_two_values_of_one_moment_the_later_to_arrive_counts() -> None:
    run = Run().opened()
    run.take("spo2_observed", at=NOW, spo2_percent=95)
    run.take("spo2_observed", at=NOW, spo2_percent=94)
    assert run.facts["spo2"] == Known(94, NOW, 95)
    run.take("spo2_observed", at=NOW, spo2_percent=94)
    assert run.facts["spo2"] == Known(94, NOW, 95)


def test_a_fall_belongs_to_the_event_that_reported_it() -> None:
    run = Run().opened()
    run.take("spo2_observed", at=NOW, spo2_percent=96)
    run.take("spo2_observed", at=NOW + 1, spo2_percent=93)
    run.case = replace(run.case, facts={"spo2": Known(90, NOW + 5, 96)})
    silent = run.take("oxygen_changed", RT, at=NOW + 5, flow_l_min=3)
    assert silent.outcome is Outcome.RECORDED, "it happened in the same second, but reports no saturation"
    reporting = run.take("oxygen_changed", RT, at=NOW + 5, spo2_percent=90)
    assert reporting.move is not None
    assert reporting.move.transition == "S-4"


def test_facts_are_taken_even_where_the_event_is_only_noted_ignored_or_deferred() -> None:
    run = Run(state="watched")
    run.take("oxygen_changed", RT, spo2_percent=91, flow_l_min=2)
    assert (run.facts["spo2"].value, run.facts["flow"].value) == (91, 2)


# ── parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_patient_over_facility_over_default() -> None:
    overlay = PLAIN.model_copy(update={"parameters": {"small": {"low": 92}}})

    def urgent(run: Run, saturation: float) -> bool:
        run.take("spo2_observed", at=NOW + 1, spo2_percent=saturation)
        decision = run.take(DEADLINE_MISSED)
        assert decision.move is not None
        assert decision.move.due is not None
        return decision.move.due == NOW + 600

    assert [urgent(Run().opened(), s) for s in (93, 94)] == [True, False], "default 94"
    assert [urgent(Run(policy=overlay).opened(), s) for s in (91, 92)] == [True, False], "the facility says 92"
    for policy in (PLAIN, overlay):
        ordered = [urgent(Run(policy=policy).opened(target_spo2_low=88), s) for s in (87, 88)]
        assert ordered == [True, False], "the order says 88 for this patient, wherever they lie"


def test_a_care_plan_that_is_older_never_replaces_a_newer_one() -> None:
    run = Run().opened(target_spo2_low=90)
    run.now = NOW + 100
    run.take("care_plan_updated", at=NOW + 50, target_spo2_low=88)
    run.take("care_plan_updated", at=NOW + 20, target_spo2_low=95)
    assert run.case.patient_parameters == {"low": 88}
    run.take("care_plan_updated", at=NOW + 51, target_spo2_low=91)
    assert run.case.patient_parameters == {"low": 91}


# ── deadlines ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_shortest_limit_that_applies_counts() -> None:
    for saturation, expected in ((95, 60), (93, 10), (79, 2)):
        run = Run().opened()
        run.take("spo2_observed", at=NOW, spo2_percent=saturation)
        decision = run.take(DEADLINE_MISSED)
        assert decision.move is not None
        assert decision.move.due == NOW + expected * 60


def test_a_wait_counts_from_when_it_happened_not_from_when_it_was_heard() -> None:
    run = Run()
    decision = run.take("oxygen_ordered", LEAD, at=NOW - 600, order_id="O1")
    assert decision.move is not None
    assert (decision.move.entered, decision.move.due) == (NOW - 600, NOW + 3000)


def test_a_state_is_never_entered_before_the_one_it_follows_nor_in_the_future() -> None:
    run = Run().opened()
    run.take("spo2_observed", spo2_percent=95)
    early = run.would("assessment_completed", RT, at=NOW - 5000)
    ahead = run.would("assessment_completed", RT, at=NOW + 5000)
    assert early.move is not None
    assert ahead.move is not None
    assert (early.move.entered, ahead.move.entered) == (NOW, NOW)


def test_news_may_shorten_a_wait_in_the_same_state_never_postpone_it() -> None:
    run = Run().opened()
    run.now = NOW + 1800
    run.take("spo2_observed", at=NOW + 1799, spo2_percent=99)
    postponing = run.would("spo2_observed", spo2_percent=94)
    assert postponing.move is not None
    assert postponing.move.transition == "S-3"
    assert postponing.move.due == NOW + 3600, "sixty minutes from now would be later"
    shortening = run.would("spo2_observed", spo2_percent=90)
    assert shortening.move is not None
    assert shortening.move.due == NOW + 1800 + 600


def test_a_missed_deadline_begins_a_new_wait() -> None:
    run = Run().opened()
    run.now = NOW + 3600
    decision = run.take(DEADLINE_MISSED)
    assert decision.move is not None
    assert (decision.move.transition, decision.move.due) == ("S-5", NOW + 7200)


WEANED = fact("weaned", "weaning", ValueType.BOOLEAN, happened(WeaningStarted))


def _counted(within: Duration, *sooner: Sooner) -> Definition:
    """The small workflow, in which the first step's time counts from when weaning began."""
    first = SMALL.state("waiting").model_copy(
        update={
            "deadline": Deadline(within=within, sooner=sooner),
            "records": {**SMALL.state("waiting").records, "weaning_started": "noted"},
            "defers": {},
        }
    )
    states = tuple(first if state.name == "waiting" else state for state in SMALL.states)
    return SMALL.model_copy(update={"facts": (*SMALL.facts, WEANED.fact), "states": states})


def test_a_limit_may_count_from_when_something_first_happened() -> None:
    run = Run(_counted(minutes(60, since=WEANED))).opened()
    assert run.case.due == NOW + 3600, "it has not happened: from entering"
    run.now = NOW + 1200
    run.take("weaning_started", at=NOW + 600)
    run.take("weaning_started", at=NOW + 1200)
    assert run.facts["weaned"] == Known(True, NOW + 600), "when it first did"
    run.take("spo2_observed", at=NOW + 1200, spo2_percent=95)
    assert run.take("assessment_completed", RT, at=NOW + 1200).move is not None
    run.now = NOW + 3000
    run.take("spo2_observed", at=NOW + 2900, spo2_percent=90)
    back = run.take("assessment_completed", RT)
    assert back.move is not None
    assert (back.move.target, back.move.entered) == ("waiting", NOW + 3000)
    assert back.move.due == NOW + 600 + 3600


def test_a_limit_counted_from_long_ago_is_over_at_once_and_a_reminder_gives_all_of_it() -> None:
    run = Run(_counted(minutes(60, since=WEANED)), state="watched", entered=NOW)
    run.take("weaning_started")
    run.now = NOW + 9000
    run.take("spo2_observed", spo2_percent=90)
    back = run.take("assessment_completed", RT)
    assert back.move is not None
    assert back.move.due == NOW + 9000, "never before it began"
    reminded = run.take(DEADLINE_MISSED)
    assert reminded.move is not None
    assert reminded.move.due == NOW + 9000 + 3600, "or it would be reminded without end"


def test_a_limit_never_counts_from_later_than_the_state_began() -> None:
    run = Run(_counted(minutes(60, since=WEANED))).opened()
    run.now = NOW + 600
    run.take("weaning_started")
    run.take("spo2_observed", at=NOW + 500, spo2_percent=95)
    falling = run.take("spo2_observed", at=NOW + 600, spo2_percent=85)
    assert falling.move is not None
    assert falling.move.due is not None
    assert falling.move.due <= NOW + 3600


def test_a_shorter_limit_may_count_from_it_too_in_business_days() -> None:
    days = business_days(1, since=WEANED)
    assert (days.since, minutes(3).since) == ("weaned", None)
    definition = _counted(business_days(9), sooner(WEANED.known, days, "weaning"))
    run = Run(definition, state="watched", entered=NOW)
    run.take("weaning_started")
    run.now = NOW + 86_400
    run.take("spo2_observed", spo2_percent=90)
    back = run.take("assessment_completed", RT)
    assert back.move is not None
    assert back.move.due == due(business_days(1), NOW, {}, Calendar())


# ── deferred events ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_deferred_events_are_taken_in_the_order_in_which_they_happened() -> None:
    run = Run().opened()
    run.take("spo2_observed", spo2_percent=95)
    run.now = NOW + 100
    run.take("note_signed", RT, at=NOW + 40)
    run.take("note_written", RN, at=NOW + 30)
    run.take("weaning_started", RT, at=NOW + 20)
    progress = run.progress("assessment_completed", RT, at=NOW + 50)
    assert [move.transition for move in progress.moves] == ["S-2", "S-6", "S-7"]
    assert [(event.type, str(d.outcome)) for event, d in progress.taken] == [
        ("weaning_started", "recorded"),
        ("note_written", "moved"),
        ("note_signed", "moved"),
    ]
    assert (run.case.state, run.case.deferred) == ("done", ())


def test_an_event_that_a_later_state_defers_too_stays() -> None:
    run = Run().opened()
    run.take("spo2_observed", spo2_percent=95)
    run.take("note_signed", RT)
    progress = run.progress("assessment_completed", RT)
    assert [move.transition for move in progress.moves] == ["S-2"]
    assert [held.type for held in run.case.deferred] == ["note_signed"]


def test_a_deferred_event_may_be_refused_by_the_state_that_answers_it() -> None:
    run = Run().opened()
    run.take("spo2_observed", spo2_percent=95)
    run.take("note_written", RT)
    progress = run.progress("assessment_completed", RT)
    ((held, decision),) = progress.taken
    assert (held.type, decision.reason) == ("note_written", Reason.WRONG_ROLE)
    assert (run.case.state, run.case.deferred) == ("watched", ())


def test_nothing_is_taken_up_by_an_event_that_does_not_move() -> None:
    run = Run().opened()
    run.take("note_written", RN)
    progress = run.progress("spo2_observed", spo2_percent=95)
    assert (progress.moves, progress.taken) == ((), ())
    assert len(run.case.deferred) == 1


def test_a_case_holds_a_bounded_number_of_deferred_events() -> None:
    run = Run().opened()
    for _ in range(MAX_DEFERRED):
        assert run.take("note_written", RN).outcome is Outcome.DEFERRED
    decision = run.take("note_written", RN)
    assert (decision.outcome, decision.reason) == (Outcome.REFUSED, Reason.TOO_MANY_DEFERRED)
    assert len(run.case.deferred) == MAX_DEFERRED


def test_one_event_leads_to_a_bounded_number_of_moves() -> None:
    run = Run(state="watched")
    held = tuple(run.event("assessment_completed", RT, at=NOW + n) for n in range(15))
    run.case = replace(run.case, facts={"spo2": Known(80, NOW)}, deferred=held)
    progress = run.progress("assessment_completed", RT)
    assert [move.transition for move in progress.moves] == ["S-8", *["S-2", "S-8"] * 3, "S-2"]
    assert len(progress.moves) == MAX_MOVES
    assert len(run.case.deferred) == 15 - (MAX_MOVES - 1), "what is left is kept, not lost"


def test_a_policy_of_another_time_zone_or_staff_decides_alike() -> None:
    """Deciding reads no clock and no roster: the same inputs give the same decision."""
    one, other = Run().opened(), Run(policy=Policy(facility="other", title="Other", always_staffed="LEAD")).opened()
    assert one.would("spo2_observed", spo2_percent=90) == other.would("spo2_observed", spo2_percent=90)
