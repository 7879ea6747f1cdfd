"""A critical laboratory result as laboratory, nurses and providers live it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.cases.commands import Command, Person, override
from functions.cases.outcome import Placed
from tests.support.invariants import violations
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.ways import RESULT

LAB = "critical_lab"
READ_BACK: dict[str, Any] = {"identifiers_confirmed": 2, "value_confirmed": True}


def tell(hospital: Hospital, type: str, by: str | None = None, **event: Any) -> Placed:
    return hospital.tell(LAB, type, by, **event)


def reported(facility: str = "northfield", values: Mapping[str, Any] = RESULT) -> Hospital:
    hospital = Hospital(facility)
    tell(hospital, "critical_result_reported", **{**RESULT, **values})
    return hospital


def to_be_called(facility: str = "northfield") -> Hospital:
    hospital = reported(facility)
    tell(hospital, "result_verified", "LAB")
    return hospital


def on_the_phone(facility: str = "northfield") -> Hospital:
    hospital = to_be_called(facility)
    tell(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=True)
    return hospital


def read_back(facility: str = "northfield") -> Hospital:
    hospital = on_the_phone(facility)
    tell(hospital, "result_read_back", "RN", **READ_BACK)
    return hospital


def acknowledged(facility: str = "northfield") -> Hospital:
    hospital = read_back(facility)
    tell(hospital, "result_acknowledged", "PROVIDER")
    return hospital


def ordered(facility: str = "northfield") -> Hospital:
    hospital = acknowledged(facility)
    tell(hospital, "action_ordered", "PROVIDER", order_id="O1")
    return hospital


def test_called_read_back_acknowledged_and_acted_on() -> None:
    hospital = ordered()
    assert hospital.owned_by(LAB) == "RN"
    tell(hospital, "action_completed", "RN", order_id="O1")
    assert hospital.visited(LAB) == [
        "resulted", "notify_due", "contacted", "read_back_ok", "provider_ack", "confirming_order", "action_ordered", "closed",
    ]  # fmt: skip
    assert violations(hospital) == []


# ── which results are called ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("facility", "values", "state"),
    [
        ("northfield", {"potassium_mmol_l": 2.7}, "notify_due"),
        ("northfield", {"potassium_mmol_l": 2.8}, "not_critical"),
        ("northfield", {"potassium_mmol_l": 6.2}, "not_critical"),
        ("northfield", {"potassium_mmol_l": 6.3}, "notify_due"),
        ("southgate", {"potassium_mmol_l": 2.5}, "not_critical"),
        ("southgate", {"potassium_mmol_l": 2.4}, "notify_due"),
        ("southgate", {"potassium_mmol_l": 6.1}, "notify_due"),
        ("southgate", {"potassium_mmol_l": 6.0}, "not_critical"),
        ("northfield", {"potassium_mmol_l": None, "sodium_mmol_l": 119}, "notify_due"),
        ("northfield", {"potassium_mmol_l": 4, "sodium_mmol_l": 159}, "notify_due"),
        ("northfield", {"potassium_mmol_l": None, "glucose_mg_dl": 46}, "not_critical"),
        ("lakeside", {"potassium_mmol_l": None, "glucose_mg_dl": 46}, "notify_due"),
        ("northfield", {"potassium_mmol_l": None, "glucose_mg_dl": 485}, "notify_due"),
        ("northfield", {"potassium_mmol_l": None, "calcium_mg_dl": 6.5}, "notify_due"),
        ("northfield", {"potassium_mmol_l": None, "calcium_mg_dl": 13}, "notify_due"),
        ("northfield", {"potassium_mmol_l": None}, "not_critical"),
        ("northfield", {"potassium_mmol_l": None, "called_whatever_its_value": True}, "notify_due"),
    ],
)
def test_a_result_is_called_by_the_facilitys_own_limits(facility: str, values: dict[str, Any], state: str) -> None:
    """Potassium below 2.8 or above 6.2 at one hospital, below 2.5 or above 6.0 at another."""
    hospital = reported(facility, values)
    tell(hospital, "result_verified", "LAB")
    assert hospital.at(LAB) == state


@pytest.mark.parametrize("why", ["chronic_disease", "trending_to_normal", "on_protocol"])
def test_an_expected_result_is_not_called_but_reviewed(why: str) -> None:
    hospital = reported(values={why: True})
    tell(hospital, "result_verified", "LAB")
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("suppressed_expected", "PROVIDER")
    tell(hospital, "expected_result_reviewed", "PROVIDER")
    assert hospital.at(LAB) == "reviewed"
    assert violations(hospital) == []


@pytest.mark.parametrize("why", ["chronic_disease", "trending_to_normal", "on_protocol"])
def test_a_facility_may_call_every_critical_result(why: str) -> None:
    hospital = reported("southgate", values={why: True})
    tell(hospital, "result_verified", "LAB")
    assert hospital.at(LAB) == "notify_due"


def test_an_expected_result_that_nobody_reviews_or_that_somebody_doubts_is_called() -> None:
    hospital = reported(values={"chronic_disease": True})
    tell(hospital, "result_verified", "LAB")
    assert hospital.miss(LAB) == "notify_due"
    doubted = reported(values={"chronic_disease": True})
    tell(doubted, "result_verified", "LAB")
    tell(doubted, "result_call_requested", "RN", reason="palpitations")
    assert doubted.at(LAB) == "notify_due"


def test_the_laboratory_may_have_a_result_called_that_the_limits_do_not_ask_for() -> None:
    hospital = reported(values={"potassium_mmol_l": 6.1})
    by = Person("LAB-ALDER", "LAB")
    row = override(
        hospital.services, Command("c1", hospital.of(LAB).id, by), transition="T-02", reason="rising since noon"
    )
    assert row.state == "notify_due"


# ── read-back ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("identifiers", "value", "state"),
    [(2, True, "read_back_ok"), (3, True, "read_back_ok"), (1, True, "contacted"), (0, True, "contacted"), (2, False, "contacted")],
)  # fmt: skip
def test_read_back_covers_two_identifiers_and_the_value(identifiers: int, value: bool, state: str) -> None:
    hospital = on_the_phone()
    tell(hospital, "result_read_back", "RN", identifiers_confirmed=identifiers, value_confirmed=value)
    assert hospital.at(LAB) == state


def test_nobody_reads_back_to_themselves_nor_acknowledges_what_they_read_back() -> None:
    hospital = on_the_phone()
    own = tell(hospital, "result_read_back", "LAB-ALDER:RN", **READ_BACK)
    assert (own.outcome, own.reason) == ("refused", "same_performer")
    tell(hospital, "result_read_back", "RN", **READ_BACK)
    own = tell(hospital, "result_acknowledged", "RN-ALDER:PROVIDER")
    assert (own.outcome, own.reason) == ("refused", "same_performer")


def test_whoever_does_not_care_for_the_patient_is_not_told() -> None:
    hospital = to_be_called()
    wrong = tell(hospital, "result_called", "LAB", recipient_id="RN-YEW", cares_for_patient=False)
    assert (wrong.outcome, hospital.at(LAB)) == ("recorded", "notify_due")


def test_what_arrives_out_of_order_is_used_in_order() -> None:
    hospital = reported()
    for type, by, data in (
        ("action_ordered", "PROVIDER", {"order_id": "O1"}),
        ("result_acknowledged", "PROVIDER", {}),
        ("result_read_back", "RN", READ_BACK),
        ("result_called", "LAB", {"recipient_id": "RN-ALDER", "cares_for_patient": True}),
    ):
        assert tell(hospital, type, by, **data).outcome == "deferred"
    tell(hospital, "result_verified", "LAB")
    assert hospital.at(LAB) == "action_ordered"
    assert violations(hospital) == []


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unreachable_provider_is_followed_by_covering_provider_chief_and_supervisor() -> None:
    hospital = read_back()
    owners, waits = [hospital.owned_by(LAB)], [hospital.due_in(LAB)]
    for _ in range(4):
        hospital.miss(LAB)
        owners.append(hospital.owned_by(LAB))
        waits.append(hospital.due_in(LAB))
    assert owners == ["RN", "COVERING", "CHIEF", "SUPERVISOR", "SUPERVISOR"]
    assert waits == [15, 10, 10, 10, 10]
    tell(hospital, "result_acknowledged", "CHIEF")
    assert hospital.at(LAB) == "provider_ack"
    assert violations(hospital) == []


def test_who_is_known_to_be_out_of_reach_is_not_waited_for() -> None:
    hospital = read_back()
    for state in ("unreachable_1", "unreachable_2", "unreachable_3"):
        tell(hospital, "provider_not_reached", "RN", tried_id="MD-YEW")
        assert hospital.at(LAB) == state
    again = tell(hospital, "provider_not_reached", "RN", tried_id="MD-YEW")
    assert (again.outcome, hospital.at(LAB)) == ("recorded", "unreachable_3")


def test_the_alternate_is_asked_within_half_an_hour_of_the_result_whatever_was_slow() -> None:
    hospital = Hospital()
    tell(hospital, "critical_result_reported", **RESULT)
    begun = hospital.now
    tell(hospital, "result_verified", "LAB", after=4.9 * 60)
    tell(hospital, "result_called", "LAB", after=4.9 * 60, recipient_id="RN-ALDER", cares_for_patient=True)
    tell(hospital, "result_read_back", "RN", after=4.9 * 60, **READ_BACK)
    assert hospital.miss(LAB) == "unreachable_1"
    assert hospital.now - begun <= 30 * 60


def test_late_at_night_the_provider_has_less_time() -> None:
    hospital = to_be_called()
    assert hospital.miss(LAB) == "notify_overdue"
    assert hospital.owned_by(LAB) == "CHARGE_NURSE"
    hospital.pass_time(9 * 60)
    tell(hospital, "result_read_back", "CHARGE_NURSE", **READ_BACK)
    assert hospital.at(LAB) == "read_back_ok"
    assert hospital.due_in(LAB) == 10


def test_a_facility_turns_to_the_alternate_when_it_wants() -> None:
    assert [read_back(facility).due_in(LAB) for facility in ("northfield", "lakeside")] == [15, 10]


# ── acted on ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outcome", ["missing", "failed"])
def test_an_order_that_vanished_is_looked_for_and_placed_again(outcome: str) -> None:
    hospital = acknowledged()
    hospital.look.outcomes.insert(0, outcome)
    tell(hospital, "action_ordered", "PROVIDER", order_id="O1")
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("order_missing", "PROVIDER")
    assert hospital.miss(LAB) == "not_acted_on"
    tell(hospital, "action_ordered", "COVERING", order_id="O2")
    assert hospital.at(LAB) == "action_ordered"
    assert violations(hospital) == []


def test_acknowledged_is_not_acted_on() -> None:
    hospital = acknowledged()
    owners = []
    for _ in range(3):
        hospital.miss(LAB)
        owners.append((hospital.at(LAB), hospital.owned_by(LAB)))
    assert owners == [
        ("not_acted_on", "COVERING"), ("still_not_acted_on", "SUPERVISOR"), ("still_not_acted_on", "SUPERVISOR"),
    ]  # fmt: skip
    tell(hospital, "no_action_needed", "CHIEF", reason="drawn above an infusion")
    assert hospital.at(LAB) == "closed"


def test_ordered_is_not_carried_out() -> None:
    hospital = ordered()
    assert (hospital.miss(LAB), hospital.owned_by(LAB)) == ("not_carried_out", "CHARGE_NURSE")
    tell(hospital, "action_completed", "RN", order_id="O1")
    assert hospital.at(LAB) == "closed"


# ── corrected, withdrawn, another one ────────────────────────────────────────────────────────────────────────────────────


def test_a_correction_before_anybody_was_told_ends_the_case() -> None:
    hospital = to_be_called()
    tell(hospital, "result_corrected", **{**RESULT, "potassium_mmol_l": 4.4})
    assert hospital.at(LAB) == "not_critical"


def test_a_correction_after_it_was_told_is_told_to_those_who_know_the_first_value() -> None:
    """42 CFR 493.1291(k)."""
    hospital = acknowledged()
    tell(hospital, "result_corrected", **{**RESULT, "potassium_mmol_l": 4.4})
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("corrected", "LAB")
    assert (hospital.miss(LAB), hospital.owned_by(LAB)) == ("correction_overdue", "CHARGE_NURSE")
    tell(hospital, "correction_acknowledged", "PROVIDER")
    assert hospital.at(LAB) == "correction_known"
    assert violations(hospital) == []


def test_a_corrected_value_that_is_still_critical_is_called_again() -> None:
    hospital = ordered()
    tell(hospital, "result_corrected", **{**RESULT, "potassium_mmol_l": 2.1})
    assert hospital.at(LAB) == "notify_due"


@pytest.mark.parametrize(("begin", "state"), [(to_be_called, "withdrawn"), (read_back, "corrected")])
def test_a_result_that_is_withdrawn_is_forgotten_or_taken_back(begin: Any, state: str) -> None:
    hospital = begin()
    tell(hospital, "result_withdrawn", "LAB", reason="haemolysed")
    assert hospital.at(LAB) == state


def test_another_critical_result_is_called_too_and_an_expected_one_is_not() -> None:
    hospital = ordered()
    repeat = {**RESULT, "result_id": "R2", "potassium_mmol_l": 6.5, "trending_to_normal": True}
    assert tell(hospital, "critical_result_reported", **repeat).outcome == "recorded"
    assert hospital.at(LAB) == "action_ordered"
    tell(hospital, "critical_result_reported", **{**RESULT, "result_id": "R3", "potassium_mmol_l": 7.4})
    assert hospital.at(LAB) == "notify_due"


# ── the patient's life goes on ───────────────────────────────────────────────────────────────────────────────────────────


def test_after_a_transfer_the_nurse_of_the_new_unit_is_called() -> None:
    hospital = on_the_phone()
    tell(hospital, "patient_transferred", to_unit="U2")
    assert hospital.at(LAB) == "notify_due"


def test_a_transfer_does_not_give_more_time_to_carry_an_order_out() -> None:
    hospital = ordered()
    due = hospital.of(LAB).case.due
    assert tell(hospital, "patient_transferred", after=600, to_unit="U2").outcome == "moved"
    assert (hospital.at(LAB), hospital.of(LAB).case.due) == ("action_ordered", due)


def test_who_leaves_before_the_order_is_carried_out_is_the_providers_again() -> None:
    hospital = ordered()
    tell(hospital, "patient_discharged")
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("provider_ack", "PROVIDER")
    assert violations(hospital) == []


def test_who_leaves_before_anybody_was_told_is_called_about_all_the_same() -> None:
    hospital = to_be_called()
    assert tell(hospital, "patient_discharged").outcome == "recorded"
    assert hospital.at(LAB) == "notify_due"


def test_a_step_that_comes_late_does_no_harm_to_a_case_that_has_ended() -> None:
    hospital = acknowledged()
    hospital.following.held_before = frozenset({"confirming_order"})
    tell(hospital, "action_ordered", "PROVIDER", order_id="O1")
    assert hospital.at(LAB) == "confirming_order"
    tell(hospital, "patient_died")
    assert hospital.at(LAB) == "deceased"
    hospital.following.held_before = frozenset()
    hospital.following.go_on()
    assert hospital.look.performed == [], "the case had moved on"
    assert violations(hospital) == []
