"""Comparing two versions: nothing for what means the same, something for every single change of meaning, and for whom."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.catalog import NoteWritten, Spo2Observed, type_name
from statemachines.compare import Change, Diff, diff
from statemachines.compare.guards import Reasoner
from statemachines.compare.paths import Paths
from statemachines.compare.sense import sense_of
from statemachines.compare.settings import Surroundings
from statemachines.compare.words import id_order
from statemachines.definition import DEADLINE_MISSED, Definition, Duration, Unit, Unplaced, dump, load
from statemachines.expressions import AllOf, IsKnown
from statemachines.facilities import facilities
from statemachines.language import T, hours, minutes
from statemachines.policy import Policy
from statemachines.workflows import oxygen
from statemachines.workflows.oxygen import OXYGEN
from tests.support.oxygen_v2 import OXYGEN_V2
from tests.unit.compare.mutations import (
    REWRITES,
    Mutation,
    mutations,
    with_arrow,
    with_parameter,
    with_state,
    without,
)
from tests.unit.statemachines import small
from tests.unit.statemachines.small import SMALL

PLAIN = Policy(facility="plain", title="Plain", always_staffed="LEAD")
STRICTER = Policy(facility="stricter", title="Stricter", always_staffed="LEAD", parameters={"small": {"low": 96}})


def compare(old: Definition, new: Definition) -> Diff:
    policies = [PLAIN, STRICTER] if old.workflow == "small" else list(facilities().values())
    return diff(old, new, policies)


def only(changes: Diff) -> Change:
    (change,) = changes.changes
    return change


@cache
def every_mutation() -> tuple[tuple[Definition, Mutation], ...]:
    return tuple((definition, mutation) for definition in (SMALL, OXYGEN) for mutation in mutations(definition))


# ── in general ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("definition", [SMALL, OXYGEN, OXYGEN_V2], ids=["small", "oxygen", "oxygen v2"])
def test_a_version_does_not_differ_from_itself(definition: Definition) -> None:
    found = compare(definition, load(dump(definition)))
    assert found.changes == ()
    assert not any(facility.touched for facility in found.facilities)
    assert found.migration.complete or definition is SMALL, "in which a deadline may pass and nothing follows"


@pytest.mark.parametrize("definition", [SMALL, OXYGEN], ids=["small", "oxygen"])
@pytest.mark.parametrize("rewrite", sorted(REWRITES))
def test_what_is_only_written_otherwise_is_no_change(definition: Definition, rewrite: str) -> None:
    written = REWRITES[rewrite]
    assert any(written(each) != each for each in (SMALL, OXYGEN)), "else this shows nothing"
    assert compare(definition, written(definition)).changes == ()


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_single_change_of_meaning_is_reported_where_it_is(data: st.DataObject) -> None:
    known = every_mutation()
    definition, mutation = known[data.draw(st.integers(0, len(known) - 1))]
    found = compare(definition, mutation.after)
    assert (mutation.code, mutation.place) in {(change.code, change.place) for change in found.changes}, mutation.name


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_mutation_in_a_rewritten_version_is_the_only_thing_reported(data: st.DataObject) -> None:
    arrows = [
        m for d, m in every_mutation() if d is SMALL and m.code in ("arrow.retargeted", "state.owner", "arrow.by")
    ]
    mutation = data.draw(st.sampled_from(arrows))
    rewrite = REWRITES[data.draw(st.sampled_from(sorted(REWRITES)))]
    assert [(c.code, c.place) for c in compare(SMALL, rewrite(mutation.after)).changes] == [
        (mutation.code, mutation.place)
    ]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_was_added_one_way_was_removed_the_other_way(data: st.DataObject) -> None:
    known = every_mutation()
    definition, mutation = known[data.draw(st.integers(0, len(known) - 1))]
    opposite = {"added": "removed", "removed": "added"}

    def places(changes: Diff, *, back: bool) -> set[tuple[str, str, str]]:
        return {(c.subject, opposite.get(c.aspect, c.aspect) if back else c.aspect, c.place) for c in changes.changes}

    assert places(compare(definition, mutation.after), back=False) == places(
        compare(mutation.after, definition), back=True
    )


# ── guards ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_guard_is_told_as_ranges_of_values() -> None:
    old = with_arrow(SMALL, "S-3", when=small.spo2 < 94)
    change = only(compare(old, with_arrow(old, "S-3", when=small.spo2 < 92)))
    assert change.code == "arrow.guard"
    assert change.sentence == "guard: SpO2 < 94 → < 92"


def test_ranges_stand_under_the_conditions_in_which_they_hold() -> None:
    change = only(compare(OXYGEN, with_arrow(OXYGEN, "T-43", when=oxygen.below & (oxygen.spo2 < 92))))
    assert change.sentence == "guard: unless hypercapnic risk: SpO2 < 94% → < 92%"


def test_what_ranges_cannot_say_is_said_in_words_with_an_example() -> None:
    """Two facts compared with one another."""
    old = with_arrow(SMALL, "S-3", when=small.spo2 < small.flow)
    change = only(compare(old, with_arrow(old, "S-3", when=small.spo2 <= small.flow)))
    assert change.sentence == "guard: another condition"
    assert change.details[:2] == ("before: if SpO2 < flow", "now: if SpO2 ≤ flow")
    assert change.details[2].startswith("for example: ")


def test_a_default_moves_the_guards_that_read_it() -> None:
    found = compare(OXYGEN, with_parameter(OXYGEN, "target_low", default=92))
    (default,) = [change for change in found.changes if change.code == "parameter.default"]
    assert default.sentence == "default 94% → 92%"
    guards = {change.place: change for change in found.changes if change.code == "arrow.guard"}
    assert guards["T-43"].sentence == "guard: unless hypercapnic risk: SpO2 < 94% → < 92%"
    assert "T-41" in guards
    assert default.details[0].startswith("used by T-20")


def test_a_facility_that_sets_the_limit_itself_is_not_touched_by_its_default() -> None:
    found = compare(SMALL, with_parameter(SMALL, "low", default=92))
    assert {change.code for change in found.changes} == {"parameter.default", "arrow.guard", "state.deadline"}
    assert all(change.facilities == ("plain",) for change in found.changes)
    touched = {facility.name: bool(facility.touched) for facility in found.facilities}
    assert touched == {"plain": True, "stricter": False}


def test_a_guard_that_changes_only_where_a_facility_set_another_limit() -> None:
    """94 by default, so a constant 94 is the same there; not at the facility that set 96."""
    old = with_parameter(SMALL, "low", patient=())
    change = only(compare(old, with_arrow(old, "S-8", when=small.spo2 < 94)))
    assert change.facilities == ("stricter",)
    assert change.sentence == "guard: as before by default; at stricter: SpO2 < 96 → < 94"


def test_a_limit_that_a_care_plan_may_set_is_not_the_same_as_its_default() -> None:
    change = only(compare(SMALL, with_arrow(SMALL, "S-8", when=small.spo2 < 94)))
    assert set(change.facilities) == {"plain", "stricter"}


# ── time limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_time_limits_are_told_as_lengths_of_time_and_per_facility_where_they_differ() -> None:
    found = compare(OXYGEN, with_parameter(OXYGEN, "assess_adult", default=100))
    (change,) = [c for c in found.changes if c.code == "state.deadline"]
    assert change.place == "assessment_due"
    assert change.sentence.startswith("deadline 2 h; ")
    assert "→ 1 h 40 min; " in change.sentence
    assert change.facilities == ("lakeside", "northfield"), "southgate has set its own"


def test_two_hours_are_as_long_as_120_minutes() -> None:
    assert with_state(SMALL, "watched", deadline=SMALL.state("watched").deadline) == SMALL
    deadline = small.WATCHED.deadline
    assert deadline is not None
    assert deadline.within == minutes(120)
    same = with_state(SMALL, "watched", deadline=deadline.model_copy(update={"within": hours(2)}))
    assert compare(SMALL, same).changes == ()
    longer = with_state(SMALL, "watched", deadline=deadline.model_copy(update={"within": hours(3)}))
    assert only(compare(SMALL, longer)).sentence == "deadline 2 h → 3 h"


def test_business_days_are_not_hours() -> None:
    deadline = small.WATCHED.deadline
    assert deadline is not None
    days = deadline.model_copy(update={"within": Duration(amount=0, unit=Unit.BUSINESS_DAYS)})
    none = deadline.model_copy(update={"within": Duration(amount=0, unit=Unit.SECONDS)})
    old, new = with_state(SMALL, "watched", deadline=days), with_state(SMALL, "watched", deadline=none)
    assert only(compare(old, new)).code == "state.deadline"


def test_a_time_that_is_counted_from_a_fact_is_another_time() -> None:
    deadline = small.WATCHED.deadline
    assert deadline is not None
    counted = with_state(
        SMALL, "watched", deadline=deadline.model_copy(update={"within": minutes(120, since=small.spo2)})
    )
    assert compare(counted, load(dump(counted))).changes == ()
    assert only(compare(SMALL, counted)).sentence == "deadline 2 h → 2 h after spo2"
    other = with_state(
        SMALL, "watched", deadline=deadline.model_copy(update={"within": minutes(120, since=small.flow)})
    )
    assert only(compare(counted, other)).sentence == "deadline 2 h after spo2 → 2 h after flow"


def test_a_limit_that_facilities_can_now_set_is_told_though_it_is_as_long() -> None:
    deadline = small.WRITTEN.deadline
    assert deadline is not None
    settable = deadline.model_copy(update={"within": minutes(small.within)})
    old = with_state(SMALL, "written", deadline=deadline.model_copy(update={"within": minutes(60)}))
    change = only(compare(old, with_state(SMALL, "written", deadline=settable)))
    assert change.sentence == "deadline: as long as before everywhere, now set by within instead of 1 h"
    assert change.facilities == ()


# ── arrows ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_order_of_arrows_is_a_change_only_where_both_can_be_taken() -> None:
    rows = list(SMALL.transitions)
    eight, nine = (next(n for n, t in enumerate(rows) if t.id == i) for i in ("S-8", "S-9"))
    rows[eight], rows[nine] = rows[nine], rows[eight]
    change = only(compare(SMALL, SMALL.model_copy(update={"transitions": tuple(rows)})))
    assert (change.code, change.place) == ("arrow.order.S-8", "S-9")

    apart = with_arrow(SMALL, "S-9", when=small.spo2 >= small.low)
    rows = list(apart.transitions)
    rows[eight], rows[nine] = rows[nine], rows[eight]
    assert compare(apart, apart.model_copy(update={"transitions": tuple(rows)})).changes == ()


def test_an_arrow_under_another_id_is_told_as_such() -> None:
    change = only(compare(SMALL, with_arrow(SMALL, "S-5", id="S-50")))
    assert (change.code, change.place, change.before) == ("arrow.renumbered", "S-50", "S-5")


def test_arrows_are_told_in_the_order_of_their_ids() -> None:
    """Not in the order of the file, in which T-40 stands before T-37; and numbers count by their size."""
    changed = OXYGEN
    for arrow in OXYGEN.transitions:
        changed = with_arrow(changed, arrow.id, because=f"{arrow.because}, in other words")
    told = [change.place for change in compare(OXYGEN, changed).changes]
    assert told == sorted(told)
    assert told != [arrow.id for arrow in OXYGEN.transitions]
    assert sorted(["T-10", "T-9", "T-9a", "S-11"], key=id_order) == ["S-11", "T-9", "T-9a", "T-10"]


def test_sources_by_and_targets_are_told_by_their_titles() -> None:
    found = compare(OXYGEN, with_arrow(OXYGEN, "T-48", by=("RN",), target="filing", sources=("stable",)))
    said = {change.code: change.sentence for change in found.changes if change.place == "T-48"}
    assert said["arrow.by"] == "by Ordering provider, Nurse and Respiratory therapist → Nurse"
    assert said["arrow.retargeted"] == "leads to Titrated, undocumented → Filing documentation"
    assert said["arrow.sources"].startswith("no longer from Assessment due, ")


def test_a_role_that_does_anothers_work_there_makes_no_difference_to_who_may() -> None:
    """At Lakeside nurses do the therapists' work, so naming them changes nothing there."""
    change = only(compare(OXYGEN, with_arrow(OXYGEN, "T-50", by=("RT", "RN"))))
    assert change.facilities == ("northfield", "southgate")
    change = only(compare(OXYGEN, with_arrow(OXYGEN, "T-10", by=("RT", "RT_LEAD", "PROVIDER", "RN"))))
    assert change.facilities == ("northfield", "southgate")


# ── whom it touches ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_state_that_a_facility_never_enters_does_not_touch_it() -> None:
    change = only(compare(OXYGEN, with_state(OXYGEN, "awaiting_cosign", owner="RT_LEAD")))
    assert change.facilities == ("southgate",), "only there a note is co-signed"
    change = only(compare(OXYGEN, with_state(OXYGEN, "documented_unsigned", owner="RN")))
    assert change.facilities == ("northfield", "southgate"), "Lakeside wants a flowsheet comment"


def test_an_arrow_that_can_never_be_taken_there_does_not_touch_it() -> None:
    change = only(compare(OXYGEN, without(OXYGEN, "transitions", lambda t: t.id != "T-51")))
    assert (change.code, change.facilities) == ("arrow.removed", ("lakeside",))


def test_an_overlay_that_does_not_fit_the_new_version_is_told() -> None:
    found = compare(OXYGEN, without(OXYGEN, "parameters", lambda p: p.name != "adult_from"))
    unfit = {facility.name: facility.unfit for facility in found.facilities if facility.unfit}
    assert list(unfit) == ["lakeside"]
    assert "no parameter 'adult_from'" in (unfit["lakeside"] or "")


def test_fallbacks_touch_only_facilities_without_their_own() -> None:
    roles = tuple(r.model_copy(update={"fallback": ("CHARGE_NURSE",)}) if r.code == "RT" else r for r in OXYGEN.roles)
    change = only(compare(OXYGEN, OXYGEN.model_copy(update={"roles": roles})))
    assert (change.code, change.facilities) == ("role.fallback", ("southgate",))


# ── what is only said otherwise ──────────────────────────────────────────────────────────────────────────────────────────
def test_words_are_told_apart_from_meaning() -> None:
    changed = with_state(SMALL, "waiting", title="Waits", instruction="Look again")
    found = compare(SMALL, changed)
    assert {change.code for change in found.changes} == {"state.retitled", "state.instruction"}
    assert found.meaning == ()
    assert not any(facility.touched for facility in found.facilities)


def test_answers_where_a_case_has_ended_mean_nothing() -> None:
    changed = with_state(SMALL, "done", records={"spo2_observed": "never asked"})
    assert compare(SMALL, changed).changes == ()


def test_answers_to_what_re_opens_other_ends_are_meant() -> None:
    old = SMALL.model_copy(
        update={
            "transitions": (
                *SMALL.transitions,
                T("S-20", small.DONE, on=NoteWritten, to=small.WATCHED, reopens=True, because="another note"),
            )
        }
    )
    added = only(compare(SMALL, old))
    assert (added.code, added.title, added.sentence) == (
        "arrow.added",
        "Done → Watched",
        "new: re-opens the case on note written",
    )
    change = only(compare(old, with_state(old, "done", refuses={"note_written": "signed already"})))
    assert (change.code, change.place) == ("state.answer.note_written", "done")
    assert change.sentence == "note written: refused → refused (signed already)"
    ignoring = only(compare(old, with_state(old, "done", ignores={"note_written": "signed already"})))
    assert ignoring.sentence == "note written: refused → ignored (signed already)"


def test_a_case_in_flight_ends_where_it_ends_though_another_may_re_open_it() -> None:
    reopening = T("S-20", small.DONE, on=NoteWritten, to=small.WATCHED, reopens=True, because="another note")
    new = SMALL.model_copy(update={"version": 2, "transitions": (*SMALL.transitions, reopening)})
    before, after = compare(SMALL, SMALL).migration, compare(SMALL, new).migration
    assert after.moves == before.moves


def test_nothing_is_ahead_of_a_case_that_has_ended() -> None:
    reopening = T(
        "S-20", small.DONE, on=NoteWritten, when=small.flow > 2, to=small.WATCHED, reopens=True, because="again"
    )
    new = SMALL.model_copy(update={"transitions": (*SMALL.transitions, reopening)})
    reasoner = Reasoner(sense_of(new))
    paths = Paths(Surroundings(new, reasoner).under(None), reasoner)
    assert paths.ahead("done") == {"done"}
    assert paths.needed("written") == frozenset(), "the flow is asked of the next case"


def test_whether_what_waited_in_vain_is_looked_at_is_meant() -> None:
    def waiting(unplaced: Unplaced) -> Definition:
        events = tuple(e.model_copy(update={"unplaced": unplaced}) for e in SMALL.events[:1])
        return SMALL.model_copy(update={"events": (*events, *SMALL.events[1:])})

    change = only(compare(waiting(Unplaced.HOLD), waiting(Unplaced.HOLD_THEN_IGNORE)))
    assert change.sentence == "while no case is open: kept for 1 h → kept for 1 h, then not applicable"


def test_how_long_an_event_is_held_means_nothing_where_none_is_held() -> None:
    events = tuple(e.model_copy(update={"hold_minutes": 5}) for e in SMALL.events)
    assert compare(SMALL, SMALL.model_copy(update={"events": events})).changes == ()


# ── the second version of the oxygen workflow ────────────────────────────────────────────────────────────────────────────
def test_the_second_version_of_oxygen() -> None:
    found = compare(OXYGEN, OXYGEN_V2)
    said = {(change.code, change.place): change for change in found.changes}
    assert set(said) == {
        ("state.deadline", "awaiting_cosign"),
        ("state.optional", "awaiting_cosign"),
        ("state.optional", "cosign_overdue"),
        ("arrow.guard", "T-30"),
        ("arrow.guard", "T-31"),
        ("arrow.removed", "T-54"),
        ("arrow.guard", "T-55"),
        ("arrow.because", "T-55"),
        ("parameter.added", "cosign_within"),
    }
    assert said["state.deadline", "awaiting_cosign"].sentence == "deadline 12 h → 4 h"
    assert said["arrow.guard", "T-31"].sentence.endswith("SpO2 < 94% → < 94% or > 98%")
    for state in ("awaiting_cosign", "cosign_overdue"):
        assert said["state.optional", state].facilities == ("northfield",), "southgate had it co-signed before, too"
    assert said["arrow.removed", "T-54"].facilities == ("northfield",)
    assert said["parameter.added", "cosign_within"].facilities == ("northfield", "southgate")


def test_a_broken_document_is_compared_all_the_same() -> None:
    """Names that are not declared anywhere: the verifier's to say; here nothing fails."""
    broken = with_arrow(SMALL, "S-4", target="nowhere", when=AllOf(all=(IsKnown(fact="nothing"),)), by=("NOBODY",))
    broken = with_state(broken, "watched", owner="NOBODY", deadline=None)
    deadline = small.WAITING.deadline
    assert deadline is not None
    unset = deadline.model_copy(update={"within": Duration(parameter="never_declared")})
    broken = with_state(broken, "waiting", deadline=unset)
    codes = {change.code for change in compare(SMALL, broken).changes}
    assert {"arrow.retargeted", "arrow.guard", "arrow.by", "state.owner", "state.deadline"} <= codes
    assert compare(broken, broken).changes == ()
    assert compare(broken, SMALL).changes


def test_events_opening_and_deadlines_are_events_like_any_other() -> None:
    added = T("S-20", small.WRITTEN, on=NoteWritten, to=None, because="again")
    timed = with_arrow(SMALL, "S-5", on=type_name(Spo2Observed))
    opening = SMALL.model_copy(update={"transitions": (*SMALL.transitions, added)})
    assert only(compare(SMALL, opening)).sentence == "new: on note written"
    change = next(c for c in compare(SMALL, timed).changes if c.code == "arrow.event")
    assert change.before == DEADLINE_MISSED
    assert change.after == type_name(Spo2Observed)
