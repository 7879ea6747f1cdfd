"""Who may cause what: stand-ins, validators, overrides, and what a refused event leaves behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from statemachines.decide import Outcome, Reason
from statemachines.definition import Definition
from statemachines.expressions import Known
from statemachines.facilities import facilities
from statemachines.machine import Machine
from statemachines.workflows.oxygen import OXYGEN
from tests.unit.statemachines.leaving import LEAVING
from tests.unit.statemachines.leaving import POLICY as LEAVING_POLICY
from tests.unit.statemachines.small import NOW, SMALL, Run

RT, RN, LEAD = "RT-LINDEN:RT", "RN-ASH:RN", "LEAD-ELM:LEAD"


# ── deferred by somebody who stood in ────────────────────────────────────────────────────────────────────────────────────


def stood_in(accountable: str | None) -> Run:
    """A note that the lead wrote in a state of the therapist, taken up in one of the nurse."""
    definition = SMALL.model_copy(
        update={
            "states": tuple(s.model_copy(update={"owner": "RN"}) if s.name == "waiting" else s for s in SMALL.states)
        }
    )
    run = Run(definition).opened()
    run.take("spo2_observed", spo2_percent=95)
    run.case = replace(run.case, accountable_role=accountable)
    assert run.take("note_written", LEAD).outcome is Outcome.DEFERRED
    return run


def test_a_deferred_event_is_judged_by_whom_its_actor_stood_in_for() -> None:
    run = stood_in("LEAD")
    assert run.case.deferred[0].acts_for == ("RN",)
    progress = run.progress("assessment_completed", RT)
    assert [move.transition for move in progress.moves] == ["S-2", "S-6"]
    assert run.case.performers["S-6"] == "LEAD-ELM"
    assert progress.moves[1].cause.actor_role == "LEAD", "it is told as who they were"


@pytest.mark.parametrize("accountable", [None, "RN", "RT"])
def test_who_stood_in_for_nobody_is_refused_when_it_is_taken_up(accountable: str | None) -> None:
    run = stood_in(accountable)
    ((_, later),) = run.progress("assessment_completed", RT).taken
    assert (later.outcome, later.reason) == (Outcome.REFUSED, Reason.WRONG_ROLE)


def test_standing_in_for_one_role_is_not_standing_in_for_another() -> None:
    run = Run().opened()  # the waiting state is the therapist's; the note is the nurse's
    run.take("spo2_observed", spo2_percent=95)
    run.case = replace(run.case, accountable_role="LEAD")
    run.take("note_written", LEAD)
    ((_, later),) = run.progress("assessment_completed", RT).taken
    assert later.reason is Reason.WRONG_ROLE


def test_a_deferred_item_is_judged_by_whom_its_actor_stood_in_for() -> None:
    run = Run(LEAVING, LEAVING_POLICY, state="planned", accountable_role="LEAD")
    planned = LEAVING.state("planned").model_copy(update={"owner": "RN"})
    run.machine.states = {**run.machine.states, "planned": planned}
    assert run.take("note_written", LEAD, note_id="N1").outcome is Outcome.DEFERRED
    ((_, later),) = run.progress("assessment_completed", "MD-OAK:MD").taken
    assert (later.outcome, later.done) == (Outcome.RECORDED, frozenset({"note"}))


# ── a refused event's observations ───────────────────────────────────────────────────────────────────────────────────────


def test_what_a_refused_event_observed_of_the_patient_is_kept() -> None:
    run = at("ordered")
    refused = run.take("oxygen_changed", "X:PROVIDER", at=NOW + 1, spo2_percent=81, flow_l_min=2)
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Reason.WRONG_ROLE)
    assert run.facts == {"spo2": Known(81, NOW + 1)}, "what they did, a flow that was set, is not taken from them"
    assert run.case.state == "ordered"


def test_a_refused_events_older_observation_overwrites_nothing() -> None:
    run = at("ordered")
    run.take("spo2_observed", at=NOW + 5, spo2_percent=95)
    run.take("oxygen_changed", "X:PROVIDER", at=NOW + 1, spo2_percent=81, flow_l_min=2)
    assert run.facts["spo2"] == Known(95, NOW + 5)


def test_what_the_performer_observed_is_kept_when_they_may_not_validate() -> None:
    definition = SMALL.model_copy(
        update={
            "transitions": tuple(
                t.model_copy(update={"on": "oxygen_changed"}) if t.id == "S-7" else t for t in SMALL.transitions
            )
        }
    )
    run = Run(definition, state="watched")
    run.take("note_written", RN)
    refused = run.take("oxygen_changed", RN, spo2_percent=88, flow_l_min=2)
    assert refused.reason is Reason.SAME_PERFORMER
    assert run.facts == {"spo2": Known(88, NOW)}


def test_what_a_state_refuses_by_declaration_leaves_nothing() -> None:
    run = at("ordered")
    refused = run.take("oxygen_ordered", "X:PROVIDER", age_years=3, hypercapnic_risk=True)
    assert (refused.reason, run.facts) == (Reason.DECLARED, {})


@pytest.mark.parametrize(("saturation", "kept"), [(80, True), (95, False)])
def test_an_observation_is_no_way_around_who_may_finish_an_item(saturation: float, kept: bool) -> None:
    """95 would satisfy the item with the next event; 80 is news that somebody must act on."""
    run = Run(LEAVING, LEAVING_POLICY, state="preparing")
    refused = run.take("qualifying_test_completed", RN, sao2_percent=saturation)
    assert refused.reason is Reason.WRONG_ROLE
    assert ("spo2" in run.facts) is kept
    assert run.take("spo2_observed", at=NOW - 1, spo2_percent=50).done == frozenset()


# ── validation ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def at(state: str, *, accountable: str | None = None, definition: Definition = OXYGEN) -> Run:
    run = Run(definition, facilities()["southgate"], state=state, accountable_role=accountable, entered=NOW)
    run.case = replace(run.case, performers={"T-55": "RT-LINDEN"})
    return run


@pytest.mark.parametrize("state", ["awaiting_cosign", "cosign_overdue"])
@pytest.mark.parametrize("role", ["CHARGE_NURSE", "RT", "RT_LEAD"])
def test_being_accountable_for_a_validation_makes_nobody_a_validator(state: str, role: str) -> None:
    run = at(state, accountable=role)
    refused = run.take("note_cosigned", f"CN-FIR:{role}", note_id="N1")
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Reason.WRONG_ROLE)


@pytest.mark.parametrize("state", ["awaiting_cosign", "cosign_overdue"])
def test_the_validating_role_validates_and_not_what_it_did_itself(state: str) -> None:
    run = at(state, accountable="CHARGE_NURSE")
    assert run.would("note_cosigned", "RT-LINDEN:PROVIDER").reason is Reason.SAME_PERFORMER
    assert run.take("note_cosigned", "MD-OAK:PROVIDER").outcome is Outcome.MOVED


def test_who_is_accountable_still_does_what_is_no_validation() -> None:
    run = at("order_overdue", accountable="CHARGE_NURSE")
    assert run.take("oxygen_changed", "CN-FIR:CHARGE_NURSE", flow_l_min=2, spo2_percent=90).outcome is Outcome.MOVED


# ── override ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def overridable(*roles: str) -> Definition:
    """The co-signature may be taken by override: what the verifier would not publish."""
    return OXYGEN.model_copy(
        update={
            "transitions": tuple(
                t.model_copy(update={"override_by": roles}) if t.id == "T-57" else t for t in OXYGEN.transitions
            )
        }
    )


def test_an_override_lets_nobody_validate_their_own_work() -> None:
    run = at("awaiting_cosign", definition=overridable("PROVIDER"))
    own = run.take("overridden", "RT-LINDEN:PROVIDER", override="T-57", reason="in a hurry")
    assert (own.outcome, own.reason) == (Outcome.REFUSED, Reason.SAME_PERFORMER)
    assert run.take("overridden", "MD-OAK:PROVIDER", override="T-57", reason="seen").outcome is Outcome.MOVED


def test_an_override_makes_nobody_a_validator() -> None:
    run = at("awaiting_cosign", accountable="CHARGE_NURSE", definition=overridable("CHARGE_NURSE"))
    refused = run.take("overridden", "CN-FIR:CHARGE_NURSE", override="T-57", reason="in a hurry")
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Reason.WRONG_ROLE)


def test_an_override_elsewhere_is_for_the_roles_that_it_names() -> None:
    """It passes over the guard and over who usually takes the arrow, not over who may override and separated duties."""
    definition = SMALL.model_copy(
        update={
            "transitions": tuple(
                t.model_copy(update={"override_by": ("LEAD",)}) if t.id == "S-7" else t for t in SMALL.transitions
            )
        }
    )
    run = Run(definition, state="watched")
    run.take("note_written", RN)
    assert run.would("overridden", "RN-ASH:LEAD", override="S-7", reason="x").reason is Reason.SAME_PERFORMER
    assert run.would("overridden", "RT-LINDEN:RT", override="S-7", reason="x").reason is Reason.WRONG_ROLE
    assert run.would("overridden", LEAD, override="S-7", reason="x").outcome is Outcome.MOVED


def test_validating_arrows_are_those_of_the_validating_role_out_of_its_states() -> None:
    machine = Machine(OXYGEN, facilities()["southgate"])
    validating = {
        (source, arrow.id) for (source, _), arrows in machine.arrows.items() for arrow in arrows if arrow.validates
    }
    assert validating == {("awaiting_cosign", "T-57"), ("cosign_overdue", "T-57")}
