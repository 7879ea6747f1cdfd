"""The rules of a checklist: what does an item, what makes doing it needless, and when enough is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from events.catalog import NoteWritten
from statemachines.case import Case
from statemachines.checklists import complete, done_on_arrival
from statemachines.decide import MAX_MOVES, Outcome, Reason, advance
from statemachines.definition import DEADLINE_MISSED, Checklist, Definition
from statemachines.expressions import Known
from statemachines.language import T
from statemachines.machine import Machine
from statemachines.policy import Policy
from tests.unit.statemachines.leaving import ITEMS, LEAVING, NOTE, POLICY, leaving, spo2
from tests.unit.statemachines.small import NOW, Run

THERAPIST, NURSE, PROVIDER, LEADER = "RT-LINDEN:RT", "RN-ASH:RN", "MD-OAK:MD", "LEAD-ELM:LEAD"


def preparing(definition: Definition = LEAVING, policy: Policy = POLICY, **case: object) -> Run:
    """A case in the state with the checklist, nothing of it done."""
    return Run(definition, policy, **{"state": "preparing", "entered": NOW, "due": NOW + 4 * 3600, **case})


def changed(**fields: object) -> Definition:
    """The workflow with its checklist's saturation item changed."""
    items = tuple(i.model_copy(update=fields) if i.name == "saturation" else i for i in ITEMS)
    states = tuple(
        s.model_copy(update={"checklist": Checklist(items=items)}) if s.name == "preparing" else s
        for s in LEAVING.states
    )
    return LEAVING.model_copy(update={"states": states})


# ── who and what does an item ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_item_is_done_by_its_event() -> None:
    run = preparing()
    decision = run.take("note_written", NURSE)
    assert (decision.outcome, decision.reason) == (Outcome.RECORDED, Reason.ITEM_DONE)
    assert (decision.done, decision.because) == (frozenset({"note"}), "done: Note")
    assert run.case.done == {"note"}
    assert run.case.state == "preparing"


def test_an_item_is_not_done_by_a_role_it_is_not_for() -> None:
    run = preparing()
    decision = run.take("note_written", THERAPIST)
    assert (decision.outcome, decision.reason) == (Outcome.REFUSED, Reason.WRONG_ROLE)
    assert decision.because == "RT may not do: Note"
    assert run.case.done == frozenset()


def test_an_item_for_somebody_is_not_done_by_nobody_in_particular() -> None:
    run = preparing()
    decision = run.take("note_written")
    assert (decision.reason, decision.because) == (Reason.WRONG_ROLE, "nobody may not do: Note")
    assert run.case.done == frozenset()


def test_an_item_without_roles_is_done_by_anybody() -> None:
    run = preparing()
    run.take("contact_number_confirmed", PROVIDER)
    assert run.case.done == {"number"}


def test_whoever_the_item_fell_back_to_may_do_it() -> None:
    run = preparing(item_roles={"note": "LEAD", "teaching": "RT"})
    assert run.would("note_written", LEADER).done == {"note"}
    assert run.would("oxygen_education_completed", LEADER).reason is Reason.WRONG_ROLE
    assert preparing().would("note_written", LEADER).reason is Reason.WRONG_ROLE


def test_being_accountable_for_the_state_is_not_being_accountable_for_its_items() -> None:
    run = preparing(accountable_role="LEAD", item_roles={"note": "RN"})
    assert run.would("note_written", LEADER).reason is Reason.WRONG_ROLE


def test_whoever_does_the_role_s_work_at_the_facility_may_do_the_item() -> None:
    policy = POLICY.model_copy(update={"performed_by": {"RN": ("RT",)}})
    assert preparing(policy=policy).take("note_written", THERAPIST).done == {"note"}


def test_an_item_is_done_once() -> None:
    run = preparing()
    run.take("note_written", NURSE)
    again = run.take("note_written", NURSE)
    assert (again.outcome, again.reason) == (Outcome.RECORDED, Reason.ITEM_DONE_BEFORE)
    assert (again.because, again.done) == ("done already: Note", frozenset())
    assert run.case.done == {"note"}


def test_one_event_may_do_several_items() -> None:
    run = preparing(changed(done_on=("note_written",), by=("RN",), satisfied=None))
    decision = run.take("note_written", NURSE)
    assert decision.because == "done: Note, Saturation"
    assert run.case.done == {"note", "saturation"}


def test_what_one_may_do_is_done_although_the_event_also_concerns_what_one_may_not() -> None:
    run = preparing(changed(done_on=("note_written",), satisfied=None))
    assert run.take("note_written", NURSE).done == {"note"}
    assert run.case.done == {"note"}


def test_an_event_that_concerns_no_item_is_answered_by_the_state() -> None:
    run = preparing()
    noted = run.take("care_plan_updated", NURSE, target_spo2_low=88.0)
    assert (noted.outcome, noted.reason, noted.because) == (Outcome.RECORDED, Reason.NO_GUARD_HOLDS, "plan noted")
    assert run.take("assessment_completed", PROVIDER).reason is Reason.NOT_EXPECTED_HERE


def test_an_item_of_another_state_is_not_done() -> None:
    run = Run(LEAVING, POLICY, state="ordering", entered=NOW)
    assert run.take("note_written", NURSE).reason is Reason.NOT_EXPECTED_HERE
    assert run.case.done == frozenset()


# ── satisfied by what is known ───────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_known_on_arrival_needs_no_doing() -> None:
    run = Run(LEAVING, POLICY, state="planned", entered=NOW)
    run.take("spo2_observed", spo2_percent=95)
    decision = run.take("assessment_completed", PROVIDER)
    assert decision.move is not None
    assert decision.move.done == {"saturation"}
    assert run.case.done == {"saturation"}


def test_the_event_that_arrives_may_itself_satisfy_an_item() -> None:
    run = Run(LEAVING, POLICY, state="planned", entered=NOW)
    run.take("assessment_completed", PROVIDER, spo2_percent=95)
    assert run.case.done == {"saturation"}


def test_what_is_known_but_does_not_satisfy_must_be_done() -> None:
    run = Run(LEAVING, POLICY, state="planned", entered=NOW)
    run.take("assessment_completed", PROVIDER, spo2_percent=85)
    assert run.case.done == frozenset()


def test_an_observation_satisfies_an_item_later() -> None:
    run = preparing()
    assert run.take("spo2_observed", spo2_percent=85).reason is Reason.NO_GUARD_HOLDS
    decision = run.take("spo2_observed", at=NOW + 1, spo2_percent=95)
    assert (decision.outcome, decision.reason, decision.done) == (
        Outcome.RECORDED,
        Reason.ITEM_DONE,
        frozenset({"saturation"}),
    )
    assert run.facts["spo2"] == Known(95, NOW + 1, 85)


def test_the_patient_s_own_limit_satisfies_an_item_too() -> None:
    run = preparing()
    run.take("spo2_observed", spo2_percent=89)
    decision = run.take("care_plan_updated", NURSE, target_spo2_low=88.0)
    assert decision.done == {"saturation"}
    assert decision.parameters == {"low": 88.0}


def test_an_observation_older_than_what_is_known_satisfies_nothing() -> None:
    run = preparing(facts={"spo2": Known(85, NOW)})
    decision = run.take("spo2_observed", at=NOW - 60, spo2_percent=95)
    assert decision.reason is Reason.OLDER_THAN_KNOWN
    assert run.case.done == frozenset()


def test_what_was_done_stays_done_when_the_fact_changes() -> None:
    run = preparing()
    run.take("spo2_observed", spo2_percent=95)
    run.take("spo2_observed", at=NOW + 1, spo2_percent=85)
    assert run.case.done == {"saturation"}


def test_a_satisfied_item_may_be_done_by_its_own_event_as_well() -> None:
    run = preparing()
    assert run.take("qualifying_test_completed", THERAPIST, sao2_percent=85).done == {"saturation"}


def test_a_role_the_item_is_not_for_does_not_satisfy_it_with_the_very_event_it_may_not_send() -> None:
    """Else the fact that the event reports would be a way around ``by``."""
    run = preparing()
    decision = run.take("qualifying_test_completed", NURSE, sao2_percent=95)
    assert (decision.outcome, decision.reason) == (Outcome.REFUSED, Reason.WRONG_ROLE)
    assert run.case.done == frozenset()
    assert run.facts == {}


# ── complete ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

DOING = (
    ("note_written", NURSE, "note"),
    ("oxygen_education_completed", THERAPIST, "teaching"),
    ("qualifying_test_completed", THERAPIST, "saturation"),
    ("contact_number_confirmed", NURSE, "number"),
)


@pytest.mark.parametrize("needed", [1, 2, 3, 4, None])
def test_the_arrow_is_taken_with_the_last_item_that_is_needed(needed: int | None) -> None:
    run = preparing(leaving(needed=needed))
    before, last = DOING[: (needed or 4) - 1], DOING[(needed or 4) - 1]
    for event, by, _ in before:
        assert run.take(event, by).reason is Reason.ITEM_DONE
    assert run.case.state == "preparing"
    decision = run.take(*last[:2])
    assert (decision.outcome, decision.reason, decision.because) == (
        Outcome.MOVED,
        Reason.TRANSITION,
        "all is prepared",
    )
    assert decision.done == {last[2]}
    assert decision.move is not None
    assert (decision.move.transition, decision.move.cause.type) == ("L-3", last[0])
    assert (run.case.state, run.case.done) == ("ordering", frozenset())


def test_a_state_without_a_checklist_is_never_complete() -> None:
    machine = Machine(LEAVING, POLICY)
    assert not complete(machine, "planned", frozenset())
    assert done_on_arrival(machine, "planned", {}, machine.parameters, NOW) == frozenset()


def test_a_complete_checklist_waits_for_its_arrow_s_guard() -> None:
    arrows = tuple(
        t.model_copy(update={"when": spo2 >= 97}) if t.id == "L-3" else t for t in leaving(needed=1).transitions
    )
    run = preparing(leaving(needed=1).model_copy(update={"transitions": arrows}))
    assert run.take("note_written", NURSE).reason is Reason.ITEM_DONE
    assert run.case.state == "preparing"
    decision = run.take("oxygen_education_completed", THERAPIST)
    assert (decision.reason, run.case.state) == (Reason.ITEM_DONE, "preparing")
    decision = run.take("spo2_observed", spo2_percent=98)
    assert (decision.done, run.case.state) == (frozenset({"saturation"}), "ordering")


def test_a_checklist_that_is_complete_on_arrival_chains_on() -> None:
    run = Run(leaving(needed=1), POLICY, state="planned", entered=NOW)
    progress = run.progress("assessment_completed", PROVIDER, spo2_percent=95)
    assert [(m.transition, m.source, m.target) for m in progress.moves] == [
        ("L-2", "planned", "preparing"),
        ("L-3", "preparing", "ordering"),
    ]
    assert (run.case.state, run.case.done) == ("ordering", frozenset())
    assert progress.moves[1].cause.id == progress.moves[0].cause.id
    assert run.case.performers == {"L-2": "MD-OAK"}, "nobody in particular completes a checklist on arrival"


def test_a_checklist_complete_on_arrival_whose_arrow_s_guard_does_not_hold_waits() -> None:
    arrows = tuple(
        t.model_copy(update={"when": spo2 >= 97}) if t.id == "L-3" else t for t in leaving(needed=1).transitions
    )
    run = Run(leaving(needed=1).model_copy(update={"transitions": arrows}), POLICY, state="planned", entered=NOW)
    progress = run.progress("assessment_completed", PROVIDER, spo2_percent=95)
    assert [m.transition for m in progress.moves] == ["L-2"]
    assert (run.case.state, run.case.done) == ("preparing", frozenset({"saturation"}))


def test_what_was_deferred_does_its_items_on_arrival() -> None:
    run = Run(LEAVING, POLICY, state="planned", entered=NOW)
    assert run.take("note_written", NURSE).outcome is Outcome.DEFERRED
    assert run.take("oxygen_education_completed", NURSE).outcome is Outcome.DEFERRED
    progress = run.progress("assessment_completed", PROVIDER)
    assert [m.transition for m in progress.moves] == ["L-2"]
    assert run.case.done == {"note"}
    assert [(held.type, later.outcome) for held, later in progress.taken] == [
        ("note_written", Outcome.RECORDED),
        ("oxygen_education_completed", Outcome.REFUSED),
    ]
    assert run.case.deferred == ()


def test_what_was_deferred_may_complete_the_checklist() -> None:
    run = Run(leaving(needed=2), POLICY, state="planned", entered=NOW)
    run.take("note_written", NURSE)
    run.take("contact_number_confirmed", NURSE)
    progress = run.progress("assessment_completed", PROVIDER)
    assert [m.transition for m in progress.moves] == ["L-2", "L-3"]
    assert run.case.state == "ordering"


def test_a_checklist_that_returns_to_itself_complete_comes_to_rest() -> None:
    arrows = tuple(t.model_copy(update={"target": None}) if t.id == "L-3" else t for t in leaving(needed=1).transitions)
    run = preparing(leaving(needed=1).model_copy(update={"transitions": arrows}))
    progress = run.progress("note_written", NURSE)
    assert len(progress.moves) == MAX_MOVES


# ── leaving, and coming back ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("event", ["patient_transferred", DEADLINE_MISSED])
def test_waiting_in_the_same_place_keeps_what_is_done(event: str) -> None:
    run = preparing()
    run.take("note_written", NURSE)
    decision = run.take(event)
    assert decision.move is not None
    assert (decision.move.source, decision.move.target, decision.move.done) == (
        "preparing",
        "preparing",
        frozenset({"note"}),
    )
    assert run.case.done == {"note"}
    assert run.take("note_written", NURSE).reason is Reason.ITEM_DONE_BEFORE


def test_a_fact_that_came_meanwhile_satisfies_its_item_when_the_wait_begins_anew() -> None:
    facts = {"spo2": Known(95, NOW)}
    run = preparing(facts=facts, done=frozenset({"note"}))
    run.take("patient_transferred")
    assert run.case.done == {"note", "saturation"}


def test_coming_back_to_the_state_begins_its_checklist_anew() -> None:
    run = preparing(leaving(needed=2))
    run.take("note_written", NURSE)
    run.take("contact_number_confirmed", NURSE)
    assert (run.case.state, run.case.done) == ("ordering", frozenset())
    run.take("kit.withdrawn")
    assert run.case.state == "planned"
    run.take("assessment_completed", PROVIDER)
    assert (run.case.state, run.case.done) == ("preparing", frozenset())


def test_an_override_out_of_the_state_leaves_nothing_behind() -> None:
    arrows = tuple(t.model_copy(update={"override_by": ("LEAD",)}) if t.id == "L-3" else t for t in LEAVING.transitions)
    run = preparing(LEAVING.model_copy(update={"transitions": arrows}))
    run.take("note_written", NURSE)
    decision = run.take("overridden", LEADER, override="L-3", reason="the ambulance waits")
    assert (decision.reason, run.case.state, run.case.done) == (Reason.OVERRIDE, "ordering", frozenset())


# ── arrows first ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def with_arrow(*roles: str, when: object = None) -> Definition:
    """The workflow in which a written note also has an arrow out of the state."""
    arrow = T("L-0", LEAVING.state("preparing"), on=NoteWritten, to=LEAVING.state("gone"), because="the note is enough")
    arrow = arrow.model_copy(update={"by": roles, "when": when})
    return LEAVING.model_copy(update={"transitions": (*LEAVING.transitions, arrow)})


def test_an_arrow_comes_before_the_checklist() -> None:
    run = preparing(with_arrow())
    assert run.take("note_written", NURSE).outcome is Outcome.MOVED
    assert run.case.state == "gone"


def test_an_arrow_whose_guard_does_not_hold_leaves_the_event_to_the_checklist() -> None:
    run = preparing(with_arrow(when=spo2 >= 97))
    assert run.take("note_written", NURSE).done == {"note"}


def test_an_arrow_that_the_role_may_not_take_refuses_the_event() -> None:
    run = preparing(with_arrow("MD"))
    assert run.take("note_written", NURSE).reason is Reason.WRONG_ROLE
    assert run.case.done == frozenset()


# ── the machine ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_machine_knows_what_is_needed() -> None:
    assert Machine(LEAVING, POLICY).checklists["preparing"].needed == 4
    assert Machine(leaving(needed=2), POLICY).checklists["preparing"].needed == 2
    assert set(Machine(LEAVING, POLICY).checklists) == {"preparing"}


def test_the_language_s_names_become_codes() -> None:
    note, teaching, *_ = Machine(LEAVING, POLICY).checklists["preparing"].items
    assert note == (NOTE.name, NOTE.title, frozenset({"note_written"}), frozenset({"RN"}), None)
    assert teaching[:4] == ("teaching", "Teaching", frozenset({"oxygen_education_completed"}), frozenset({"RT"}))


def test_deciding_changes_nothing_that_was_given() -> None:
    run = preparing(done=frozenset({"number"}))
    before = replace(run.case)
    advance(run.machine, run.case, run.event("note_written", NURSE), NOW)
    assert run.case == before
    assert Case().done == frozenset()
