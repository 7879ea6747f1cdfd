"""Planning a migration: every state has a verdict, each obstacle is seen, and what is called proven is so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.catalog import NoteSigned, OxygenOrdered, Spo2Observed
from statemachines.compare import MigrationPlan, Obstacle, UnknownInMapping, Verdict, plan
from statemachines.compare.guards import Reasoner
from statemachines.compare.paths import Paths
from statemachines.compare.planning import DEFAULTS
from statemachines.compare.sense import sense_of
from statemachines.compare.settings import Surroundings
from statemachines.compare.task_status import may_follow
from statemachines.definition import (
    Checklist,
    Correlation,
    Definition,
    Item,
    Late,
    StateKind,
    SubCase,
    ValueType,
    Work,
)
from statemachines.expressions import Value
from statemachines.facilities import facilities
from statemachines.language import DEADLINE, T, WorkOutcome, emr, fact, minutes, of, system
from statemachines.policy import Policy, Shift
from statemachines.workflows.oxygen import OXYGEN
from tests.support.oxygen_v2 import OXYGEN_V2
from tests.unit.compare.mutations import mutations, with_arrow, with_parameter, with_state, without
from tests.unit.statemachines import small
from tests.unit.statemachines.small import SMALL, Run

LATE = T("S-30", (small.WATCHED, small.WRITTEN), on=DEADLINE, to=None, because="late")
BASE = SMALL.model_copy(update={"transitions": (*SMALL.transitions, LATE)})
"""The small workflow, each wait of which ends."""

PLAIN = Policy(facility="plain", title="Plain", always_staffed="LEAD")
NIGHTS = Policy(
    facility="nights",
    title="Nights",
    always_staffed="LEAD",
    shifts=(Shift(name="day", staffed=("RT", "RN", "LEAD")), Shift(name="night", staffed=("RN",))),
    fallbacks={"RT": ("RN",)},
)


def planned(new: Definition, old: Definition = BASE, mapping: dict[str, str] | None = None) -> MigrationPlan:
    return plan(old, new, [PLAIN, NIGHTS], mapping)


def obstacles(made: MigrationPlan, state: str) -> set[Obstacle]:
    return {refusal.obstacle for refusal in made.move(state).refusals}


# ── in general ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("definition", [BASE, OXYGEN, OXYGEN_V2], ids=["small", "oxygen", "oxygen v2"])
def test_every_case_can_move_to_the_same_version(definition: Definition) -> None:
    made = plan(definition, definition, [PLAIN, NIGHTS] if definition is BASE else facilities().values())
    assert made.complete
    for move in made.moves:
        assert move.verdict is (Verdict.ENDED if move.kind is StateKind.END else Verdict.MOVES)
        if move.proof is not None:
            assert move.target == move.state
            assert move.proof.owners
            assert move.proof.timers
            assert all(way.goes_on_by and way.ends_by for way in move.proof.ways)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_state_of_the_old_version_is_in_the_plan(data: st.DataObject) -> None:
    known = mutations(BASE)
    mutation = known[data.draw(st.integers(0, len(known) - 1))]
    for old, new in ((BASE, mutation.after), (mutation.after, BASE)):
        made = planned(new, old)
        assert [move.state for move in made.moves] == [state.name for state in old.states]
        for move in made.moves:
            for facility in move.facilities:
                where = made.target(move.state, facility)
                assert (where is None) == (move.kind is StateKind.END or bool(move.refused_at(facility))), (
                    "a case moves, or there is a reason why it does not"
                )
            assert all(refusal.sentence and refusal.mend for refusal in move.refusals)
            assert (move.proof is not None) == bool(move.moving and move.kind is not StateKind.END)


def test_without_any_facility_the_defaults_are_looked_at() -> None:
    made = plan(BASE, BASE, [])
    assert made.complete
    assert made.target("watched", DEFAULTS) == "watched"


def test_an_end_has_ended_and_never_moves() -> None:
    made = planned(BASE)
    assert made.move("done").verdict is Verdict.ENDED
    assert made.target("done", "plain") is None
    with pytest.raises(KeyError):
        made.target("nowhere", "plain")


# ── the target ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_state_that_is_gone_stays_until_it_is_mapped() -> None:
    new = with_state(BASE, "written", name="noted")
    new = with_arrow(with_arrow(new, "S-6", target="noted"), "S-7", sources=("noted",))
    new = with_arrow(new, "S-30", sources=("watched", "noted"))
    made = planned(new)
    assert obstacles(made, "written") == {Obstacle.NO_TARGET}
    assert "written=noted" in made.move("written").refusals[0].mend, "it shows the same, so perhaps it was renamed"
    assert made.target("written", "plain") is None
    mapped = planned(new, mapping={"written": "noted"})
    assert mapped.target("written", "plain") == "noted"
    assert mapped.complete


@pytest.mark.parametrize("mapping", [{"nowhere": "written"}, {"written": "nowhere"}])
def test_a_mapping_that_names_no_state_is_an_error(mapping: dict[str, str]) -> None:
    with pytest.raises(UnknownInMapping, match="nowhere; it has done, "):
        planned(BASE, mapping=mapping)


def test_a_mapping_may_be_for_one_facility() -> None:
    made = planned(BASE, mapping={"written@nights": "watched"})
    assert (made.target("written", "plain"), made.target("written", "nights")) == ("written", "watched")
    assert [move.facilities for move in made.moves if move.state == "written"] == [("plain",), ("nights",)]
    assert made.complete
    made = planned(BASE, mapping={"written": "watched", "written@nights": "written"})
    assert (made.target("written", "plain"), made.target("written", "nights")) == ("watched", "written")


def test_a_state_that_is_gone_may_be_mapped_at_one_facility_and_stay_at_the_others() -> None:
    made = planned(without(BASE, "states", lambda s: s.name != "written"), mapping={"written@nights": "watched"})
    assert made.target("written", "plain") is None
    (refusal,) = made.move("written", "plain").refusals
    assert (refusal.obstacle, refusal.facilities) == (Obstacle.NO_TARGET, ("plain",))
    assert made.move("written", "plain").verdict is Verdict.STAYS
    assert made.move("written", "nights").target == "watched"


def test_a_mapping_for_a_facility_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UnknownInMapping, match="no facility nowhere; there are nights, plain"):
        planned(BASE, mapping={"written@nowhere": "watched"})
    assert plan(BASE, BASE, [], {f"written@{DEFAULTS}": "watched"}).target("written", DEFAULTS) == "watched"


def test_another_workflow_or_another_key_is_no_target() -> None:
    made = planned(BASE.model_copy(update={"correlation": Correlation.PATIENT}))
    assert obstacles(made, "watched") == {Obstacle.OTHER_CORRELATION}
    made = plan(BASE, OXYGEN, [])
    assert obstacles(made, "watched") == {Obstacle.OTHER_WORKFLOW}
    assert not made.complete


# ── one obstacle each, and a near miss ───────────────────────────────────────────────────────────────────────────────────
Change = Callable[[Definition], Definition]

WORK = Work(name="send", outcomes=("sent", "failed"))
SENDING = system("watched", "Sending", work=WORK, owner=small.RN, within=minutes(5), emr=emr("in-progress", "sending"))


def _replaced(definition: Definition, name: str, state: Any) -> Definition:
    return definition.model_copy(update={"states": tuple(state if s.name == name else s for s in definition.states)})


def _sending(definition: Definition, *outcomes: str) -> Definition:
    """The state "watched" is a step of Baton itself."""
    work = WORK.model_copy(update={"outcomes": outcomes})
    arrows = [
        T(f"S-4{n}", SENDING, on=WorkOutcome("send", outcome), to=small.WRITTEN, because=outcome)
        for n, outcome in enumerate(outcomes)
    ]
    changed = _replaced(definition, "watched", SENDING.model_copy(update={"work": work}))
    return changed.model_copy(update={"transitions": (*changed.transitions, *arrows)})


def _validated(definition: Definition) -> Definition:
    """Before "written" a lead has to validate: watched → checked → written."""
    checked = small.WATCHED.model_copy(
        update={"name": "checked", "title": "Checked", "owner": "LEAD", "validates": "LEAD"}
    )
    states = (*definition.states, checked)
    on = T("S-50", checked, on=NoteSigned, to=small.WRITTEN, by=small.LEAD, because="validated")
    late = T("S-51", checked, on=DEADLINE, to=None, because="late")
    changed = definition.model_copy(update={"states": states, "transitions": (*definition.transitions, on, late)})
    return with_arrow(changed, "S-6", target="checked")


weight = fact("weight", "weight", ValueType.NUMBER, of(OxygenOrdered, lambda e: e.age_years))
seen = fact("seen", "seen", ValueType.NUMBER, of(Spo2Observed, lambda e: e.spo2_percent))


def _reads(definition: Definition, arrow: str, term: Any) -> Definition:
    """Another fact, read by an arrow."""
    return with_arrow(definition.model_copy(update={"facts": (*definition.facts, term.fact)}), arrow, when=term > 3)


PLANTED: list[tuple[str, Obstacle, str, Change, Change]] = [
    # (what, obstacle, state, the fault, a near miss)
    (
        "an end",
        Obstacle.TARGET_ENDS_CASES,
        "written",
        lambda d: with_state(d, "written", kind=StateKind.END),
        lambda d: with_state(d, "written", title="Ended, nearly"),
    ),
    (
        "a step would start",
        Obstacle.STEP_WOULD_START,
        "watched",
        lambda d: _sending(d, "sent", "failed"),
        lambda d: with_state(d, "watched", title="Sending"),
    ),
    (
        "a sub-case",
        Obstacle.SUB_CASE,
        "watched",
        lambda d: with_state(d, "watched", opens=SubCase(workflow="another", ends=("done",))),
        lambda d: with_state(d, "watched", checklist=Checklist(items=(Item(name="i", title="I", owner="RN"),))),
    ),
    (
        "never entered",
        Obstacle.NOT_ENTERED_THERE,
        "written",
        lambda d: with_arrow(d, "S-6", when=(small.spo2 > 90) & (small.spo2 < 80)),
        lambda d: with_arrow(d, "S-6", when=(small.spo2 > 80) & (small.spo2 < 90)),
    ),
    (
        "no way on",
        Obstacle.NO_WAY_ON,
        "written",
        lambda d: without(d, "transitions", lambda t: t.id != "S-7"),
        lambda d: with_arrow(d, "S-7", by=("LEAD",)),
    ),
    (
        "no end",
        Obstacle.NO_END,
        "written",
        lambda d: with_arrow(d, "S-7", target="written"),
        lambda d: with_arrow(d, "S-7", target="watched"),
    ),
    (
        "no owner",
        Obstacle.NO_OWNER,
        "watched",
        lambda d: with_state(d, "watched", owner=None),
        lambda d: with_state(d, "watched", owner="RT"),
    ),
    (
        "no deadline",
        Obstacle.NO_TIMER,
        "watched",
        lambda d: with_state(d, "watched", deadline=None),
        lambda d: with_state(d, "watched", deadline=small.WRITTEN.deadline),
    ),
    (
        "a deadline that leads nowhere",
        Obstacle.NO_TIMER,
        "watched",
        lambda d: with_arrow(d, "S-30", sources=("written",)),
        lambda d: with_arrow(d, "S-30", target="waiting"),
    ),
    (
        "a fact that the old version did not keep, from an event that is over",
        Obstacle.FACT_NOT_KNOWN,
        "watched",
        lambda d: _reads(d, "S-8", weight),
        lambda d: _reads(d, "S-8", seen),
    ),
    (
        "a fact that is surely known in the new version only",
        Obstacle.FACT_NOT_KNOWN,
        "watched",
        lambda d: with_arrow(with_arrow(d, "S-8", when=small.flow > 2), "S-2", when=small.flow.known, override_by=()),
        lambda d: with_arrow(with_arrow(d, "S-8", when=small.flow > 2), "S-2", when=None, override_by=()),
    ),
    (
        "a fact in another unit",
        Obstacle.FACT_OTHERWISE,
        "watched",
        lambda d: d.model_copy(update={"facts": tuple(f.model_copy(update={"unit": "1"}) for f in d.facts)}),
        lambda d: d.model_copy(update={"facts": tuple(f.model_copy(update={"loinc": "1-8"}) for f in d.facts)}),
    ),
    (
        "a limit of the patient's own",
        Obstacle.PATIENT_LIMIT_LOST,
        "watched",
        lambda d: with_parameter(d, "low", patient=()),
        lambda d: with_parameter(d, "low", default=93),
    ),
    (
        "a validation",
        Obstacle.VALIDATION_SKIPPED,
        "written",
        _validated,
        lambda d: with_state(_validated(d), "checked", validates=None),
    ),
    (
        "separate duties",
        Obstacle.SEPARATION_UNKNOWN,
        "written",
        lambda d: with_arrow(with_arrow(d, "S-6", id="S-60"), "S-7", separate_from=("S-60",)),
        lambda d: with_arrow(d, "S-7", separate_from=("S-6", "S-1")),
    ),
    (
        "a deferred event that nobody takes",
        Obstacle.DEFERRED_EVENT_LOST,
        "watched",
        lambda d: with_state(without(d, "transitions", lambda t: t.id != "S-7"), "written", defers={}),
        lambda d: with_state(
            without(d, "transitions", lambda t: t.id != "S-7"), "watched", defers={}, ignores={"note_signed": "no need"}
        ),
    ),
    (
        "a late outcome",
        Obstacle.LATE_OUTCOME_UNANSWERED,
        "written",
        lambda d: d,
        lambda d: with_state(d, "written", late={"send": Late.REFUSE}),
    ),
    (
        "a jump in the EMR",
        Obstacle.EMR_STATUS_JUMPS,
        "watched",
        lambda d: with_state(d, "watched", emr=emr("requested", "watched")),
        lambda d: with_state(d, "watched", emr=emr("on-hold", "watched")),
    ),
]


@pytest.mark.parametrize(
    ("obstacle", "state", "fault", "near_miss"), [p[1:] for p in PLANTED], ids=[p[0] for p in PLANTED]
)
def test_an_obstacle_is_seen_and_its_near_miss_is_none(
    obstacle: Obstacle, state: str, fault: Change, near_miss: Change
) -> None:
    old = (
        with_state(BASE, "written", late={"send": Late.ACCEPT})
        if obstacle is Obstacle.LATE_OUTCOME_UNANSWERED
        else BASE
    )
    refused = planned(fault(BASE), old)
    assert obstacle in obstacles(refused, state)
    assert refused.target(state, "plain") is None
    assert obstacle not in obstacles(planned(near_miss(BASE), old), state)


def test_every_obstacle_is_planted_somewhere() -> None:
    elsewhere = {
        Obstacle.NO_TARGET,
        Obstacle.OTHER_WORKFLOW,
        Obstacle.OTHER_CORRELATION,
        Obstacle.OVERLAY_DOES_NOT_FIT,
        Obstacle.STEP_UNDER_WAY,
    }
    assert {obstacle for _, obstacle, *_ in PLANTED} | elsewhere == set(Obstacle)


def test_a_step_under_way_goes_on_only_where_its_outcome_is_waited_for() -> None:
    old = _sending(BASE, "sent", "failed")
    assert obstacles(planned(BASE, old), "watched") == {Obstacle.STEP_UNDER_WAY}
    assert obstacles(planned(_sending(BASE, "sent"), old), "watched") == {Obstacle.STEP_UNDER_WAY}
    made = planned(_sending(BASE, "sent", "failed", "mismatch"), old)
    assert obstacles(made, "watched") == set()
    assert made.move("watched").notes == ("send is begun again; it finds what it did already",)


def test_an_overlay_that_does_not_fit_keeps_that_facilitys_cases() -> None:
    strict = Policy(facility="strict", title="Strict", always_staffed="LEAD", parameters={"small": {"strict": True}})
    made = plan(BASE, without(BASE, "parameters", lambda p: p.name != "strict"), [PLAIN, strict])
    assert made.target("watched", "plain") == "watched"
    assert made.target("watched", "strict") is None
    move = made.move("watched")
    assert move.verdict is Verdict.MOVES_SOMEWHERE
    assert [(r.obstacle, r.facilities) for r in move.refusals] == [(Obstacle.OVERLAY_DOES_NOT_FIT, ("strict",))]


def test_an_overlay_that_does_not_fit_keeps_no_case_of_another_target() -> None:
    strict = Policy(facility="strict", title="Strict", always_staffed="LEAD", parameters={"small": {"strict": True}})
    new = without(BASE, "parameters", lambda p: p.name != "strict")
    made = plan(BASE, new, [PLAIN, NIGHTS, strict], {"written@nights": "watched"})
    assert made.move("written", "nights").refusals == ()
    assert made.move("written", "nights").verdict is Verdict.MOVES
    assert made.move("written", "strict").verdict is Verdict.MOVES_SOMEWHERE


def test_a_shift_in_which_nobody_would_own_the_case() -> None:
    """At night only nurses: RT's work falls to them, a lead's to nobody."""
    made = planned(with_state(BASE, "watched", owner="LEAD"))
    (refusal,) = made.move("watched").refusals
    assert (refusal.obstacle, refusal.facilities) == (Obstacle.NO_OWNER, ("nights",))
    assert "in the shift night nobody would own" in refusal.sentence
    fine = planned(with_state(BASE, "watched", owner="RT")).move("watched")
    assert fine.proof is not None
    assert {(o.facility, o.shift): o.role for o in fine.proof.owners if o.facility == "nights"} == {
        ("nights", "day"): "RT",
        ("nights", "night"): "RN",
    }


def test_a_shorter_time_is_told_because_it_counts_from_when_the_state_was_entered() -> None:
    assert small.WATCHED.deadline is not None
    shorter = small.WATCHED.deadline.model_copy(update={"within": minutes(30)})
    move = planned(with_state(BASE, "watched", deadline=shorter)).move("watched")
    assert move.proof is not None
    (timer,) = move.proof.timers
    assert (timer.before, timer.after, timer.shorter_by_seconds) == ("2 h", "30 min", 90 * 60)


def test_another_owner_is_told() -> None:
    move = planned(with_state(BASE, "watched", owner="RT")).move("watched")
    assert move.notes == ("the owner changes from Nurse to Therapist: open tasks are handed off",)


def test_what_becomes_of_deferred_events_is_told() -> None:
    move = planned(BASE).move("waiting")
    assert move.proof is not None
    assert move.proof.answered["note_written"] == "waits on: later"
    taken = planned(with_arrow(BASE, "S-6", sources=("waiting", "watched"))).move("waiting")
    assert taken.proof is not None
    assert taken.proof.answered["note_written"] == "moves the case (S-6)"


# ── the second version of the oxygen workflow ────────────────────────────────────────────────────────────────────────────
def test_the_plan_for_the_second_version_of_oxygen() -> None:
    made = plan(OXYGEN, OXYGEN_V2, facilities().values())
    held = {move.state: move for move in made.with_verdict(Verdict.STAYS, Verdict.MOVES_SOMEWHERE)}
    assert set(held) == {"filing", "confirming", "filing_failed", "filing_overdue"}
    for move in held.values():
        assert [(r.obstacle, r.facilities) for r in move.refusals] == [(Obstacle.VALIDATION_SKIPPED, ("northfield",))]
        assert move.moving == ("lakeside", "southgate"), "no note there, or co-signed before already"
        assert all("does not take them either (--map STATE@FACILITY=awaiting_cosign" in r.mend for r in move.refusals)
    assert made.target("documented_unsigned", "northfield") == "documented_unsigned"
    assert made.target("documented_unsigned", "lakeside") is None, "no case is ever there"
    assert not made.complete


def test_the_step_of_a_skipped_validation_is_named_where_it_takes_the_cases() -> None:
    """With the late outcomes declared, filings that failed go back to the co-signature; a filing under way still ends first."""
    late = {"file_documentation": Late.ACCEPT, "confirm_documentation": Late.ACCEPT}
    new = with_state(OXYGEN_V2, "awaiting_cosign", late=late)
    made = plan(OXYGEN, new, facilities().values())
    mends = {move.state: move.refusals[0].mend for move in made.with_verdict(Verdict.MOVES_SOMEWHERE)}
    for state in ("filing_failed", "filing_overdue"):
        assert mends[state].startswith(
            "map them to the step in which it is done (--map STATE@FACILITY=awaiting_cosign)"
        )
    for state in ("filing", "confirming"):
        assert mends[state].startswith("let these cases end under their version")
    followed = {f"{state}@northfield": "awaiting_cosign" for state in ("filing_failed", "filing_overdue")}
    made = plan(OXYGEN, new, facilities().values(), followed)
    assert made.target("filing_failed", "northfield") == "awaiting_cosign"
    assert made.target("filing_failed", "lakeside") == "filing_failed"
    assert {move.state for move in made.with_verdict(Verdict.STAYS, Verdict.MOVES_SOMEWHERE)} == {
        "filing",
        "confirming",
    }


# ── what is called proven is so ──────────────────────────────────────────────────────────────────────────────────────────
_VALUES: dict[str, dict[str, list[Value]]] = {
    "oxygen_ordered": {"age_years": [4, 60], "hypercapnic_risk": [True, False], "target_spo2_low": [90]},
    "oxygen_changed": {"spo2_percent": [85, 95, 99], "flow_l_min": [0, 4]},
    "spo2_observed": {"spo2_percent": [85, 95, 99]},
    "assessment_completed": {"distress": [True, False], "spo2_percent": [90, 95]},
    "news2_scored": {"news2": [2, 6]},
    "care_plan_updated": {"target_spo2_low": [88], "target_spo2_high": [92], "hypercapnic_risk": [True]},
}
_ALWAYS = {
    "oxygen_ordered": ("age_years", "hypercapnic_risk"),
    "spo2_observed": ("spo2_percent",),
    "assessment_completed": ("distress",),
    "news2_scored": ("news2",),
    "care_plan_updated": ("target_spo2_low", "target_spo2_high", "hypercapnic_risk"),
}
_EVENTS = sorted({t.on for t in OXYGEN.transitions} | {e.event for e in OXYGEN.events})


@st.composite
def _courses(draw: st.DrawFn) -> list[tuple[str, str, dict[str, Value]]]:
    steps = [("oxygen_ordered", "PROVIDER")]
    steps += draw(
        st.lists(st.tuples(st.sampled_from(_EVENTS), st.sampled_from([r.code for r in OXYGEN.roles])), max_size=25)
    )
    course = []
    for event, by in steps:
        known = _VALUES.get(event, {})
        values = {
            field: draw(st.sampled_from(options))
            for field, options in known.items()
            if field in _ALWAYS.get(event, ()) or draw(st.booleans())
        }
        course.append((event, by, values))
    return course


@cache
def _paths(facility: str) -> Paths:
    reasoner = Reasoner(sense_of(OXYGEN))
    return Paths(Surroundings(OXYGEN, reasoner).under(facilities()[facility]), reasoner)


@settings(max_examples=120, deadline=None)
@given(_courses(), st.sampled_from(sorted(facilities())))
def test_on_any_course_a_case_is_where_it_can_be_and_knows_what_it_surely_knows(
    course: list[tuple[str, str, dict[str, Value]]], facility: str
) -> None:
    paths = _paths(facility)
    run = Run(OXYGEN, facilities()[facility])
    validated: set[tuple[str, str]] = set()
    for number, (event, by, values) in enumerate(course):
        run.now += 60
        progress = run.progress(event, f"P-{number}:{by}", **values)
        for move in progress.moves:
            assert move.target in paths.setting.entered
            source = OXYGEN.state(move.source) if move.source is not None else None
            if source is not None and source.validates is not None:
                validated.add((source.validates, move.cause.type))
        if run.case.state is not None:
            assert paths.surely_known[run.case.state] <= set(run.case.facts)
            assert paths.surely_validated[run.case.state] <= validated


def _shown_by_every(states: Iterable[str], shown: dict[str, frozenset[str]], name: str) -> bool:
    return all(name in shown[state] for state in states)


def test_the_facts_that_are_surely_known_are_many_enough_to_prove_anything() -> None:
    reasoner = Reasoner(sense_of(OXYGEN))
    paths = Paths(Surroundings(OXYGEN, reasoner).under(None), reasoner)
    assert _shown_by_every(paths.surely_known, paths.surely_known, "age")
    assert "distress" in paths.surely_known["assessed"]
    assert "distress" not in paths.surely_known["assessment_due"]


# ── the EMR's Task ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("status", "following", "legal"),
    [
        ("ready", "ready", True),
        ("ready", "in-progress", True),
        ("in-progress", "ready", True),
        ("in-progress", "on-hold", True),
        ("on-hold", "completed", False),
        ("ready", "completed", False),
        ("ready", "cancelled", True),
        ("completed", "in-progress", False),
        ("completed", "completed", True),
        ("completed", "cancelled", False),
        ("completed", "entered-in-error", True),
        ("bogus", "in-progress", False),
    ],
)
def test_which_statuses_may_follow(status: str, following: str, legal: bool) -> None:
    assert may_follow(status, following) is legal
