"""A critical laboratory result as laboratory, nurses and providers live it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.cases.commands import Command, Person, override
from functions.cases.outcome import Placed
from functions.cases.rows import CaseRow
from tests.support.invariants import violations
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.ways import RESULT, somebody

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


# ── corrected, withdrawn ─────────────────────────────────────────────────────────────────────────────────────────────────


HARMLESS = {**RESULT, "potassium_mmol_l": 4.4}


def correct(hospital: Hospital, potassium: float) -> str:
    tell(hospital, "result_corrected", **{**RESULT, "potassium_mmol_l": potassium})
    return hospital.at(LAB)


def test_a_correction_before_anybody_was_told_ends_the_case() -> None:
    hospital = to_be_called()
    assert correct(hospital, 4.4) == "not_critical"


def test_a_correction_after_it_was_told_is_told_to_those_who_know_the_first_value() -> None:
    """42 CFR 493.1291(k)."""
    hospital = acknowledged()
    assert (correct(hospital, 4.4), hospital.owned_by(LAB)) == ("corrected", "LAB")
    assert (hospital.miss(LAB), hospital.owned_by(LAB)) == ("correction_overdue", "CHARGE_NURSE")
    tell(hospital, "correction_acknowledged", "PROVIDER")
    assert hospital.at(LAB) == "correction_known"
    assert violations(hospital) == []


@pytest.mark.parametrize(
    ("begin", "state"),
    [
        (on_the_phone, "notify_due"),
        (read_back, "notify_due"),
        (acknowledged, "provider_due"),
        (ordered, "provider_due"),
    ],
)
def test_a_corrected_value_that_is_still_critical_is_called_again_to_a_provider_who_has_the_first_one(
    begin: Any, state: str
) -> None:
    hospital = begin()
    assert correct(hospital, 2.1) == state


@pytest.mark.parametrize(("begin", "state"), [(to_be_called, "withdrawn"), (read_back, "corrected")])
def test_a_result_that_is_withdrawn_is_forgotten_or_taken_back(begin: Any, state: str) -> None:
    hospital = begin()
    tell(hospital, "result_withdrawn", "LAB", reason="haemolysed")
    assert hospital.at(LAB) == state


def corrected_and_still_critical() -> Hospital:
    hospital = read_back()
    assert correct(hospital, 6.9) == "notify_due"
    return hospital


def transferred_on_the_phone() -> Hospital:
    hospital = on_the_phone()
    tell(hospital, "patient_transferred", to_unit="U2")
    assert hospital.at(LAB) == "notify_due"
    return hospital


def not_read_back_in_time() -> Hospital:
    hospital = on_the_phone()
    assert hospital.miss(LAB) == "notify_overdue"
    return hospital


def read_back_wrongly_to_the_unit() -> Hospital:
    hospital = to_be_called()
    assert hospital.miss(LAB) == "notify_overdue"
    tell(hospital, "result_read_back", "CHARGE_NURSE", identifiers_confirmed=1, value_confirmed=True)
    assert hospital.at(LAB) == "notify_overdue"
    return hospital


def told_to_somebody_else() -> Hospital:
    hospital = to_be_called()
    tell(hospital, "result_called", "LAB", recipient_id="RN-YEW", cares_for_patient=False)
    assert hospital.at(LAB) == "notify_due"
    return hospital


def called_before_it_was_verified() -> Hospital:
    hospital = reported()
    tell(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=True)
    assert hospital.at(LAB) == "resulted"
    return hospital


def expected_and_known(type: str, **data: Any) -> Hospital:
    hospital = reported(values={"chronic_disease": True})
    tell(hospital, "result_verified", "LAB")
    tell(hospital, type, "PROVIDER", **data)
    assert hospital.at(LAB) == "suppressed_expected"
    return hospital


def expected_and_acknowledged() -> Hospital:
    return expected_and_known("result_acknowledged")


def expected_and_ordered_for() -> Hospital:
    return expected_and_known("action_ordered", order_id="O1")


def expected_and_decided_on() -> Hospital:
    return expected_and_known("no_action_needed", reason="dialysis is due")


TOLD_BEFORE = [
    corrected_and_still_critical, transferred_on_the_phone, not_read_back_in_time, read_back_wrongly_to_the_unit,
    told_to_somebody_else, expected_and_acknowledged, expected_and_ordered_for, expected_and_decided_on,
]  # fmt: skip


@pytest.mark.parametrize("begin", TOLD_BEFORE)
def test_once_anybody_was_told_a_correction_is_told_to_them(begin: Any) -> None:
    """42 CFR 493.1291(k), wherever the case stands when it is corrected."""
    hospital = begin()
    assert correct(hospital, 4.4) == "corrected"


@pytest.mark.parametrize("begin", [*TOLD_BEFORE, called_before_it_was_verified])
def test_once_anybody_was_told_a_withdrawal_is_told_to_them(begin: Any) -> None:
    hospital = begin()
    tell(hospital, "result_withdrawn", "LAB", reason="haemolysed")
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("corrected", "LAB")
    assert violations(hospital) == []


def test_what_was_called_and_is_verified_as_harmless_is_told() -> None:
    hospital = called_before_it_was_verified()
    assert correct(hospital, 4.4) == "resulted"
    tell(hospital, "result_verified", "LAB")
    assert hospital.at(LAB) == "corrected"
    assert violations(hospital) == []


def test_what_is_reported_again_is_no_news_to_those_who_know_it() -> None:
    hospital = acknowledged()
    before = hospital.of(LAB).case
    again = tell(hospital, "critical_result_reported", **HARMLESS)
    assert (again.outcome, hospital.of(LAB).case) == ("refused", before)


def test_what_is_reported_again_as_critical_after_a_correction_is_called_again() -> None:
    hospital = acknowledged()
    assert correct(hospital, 4.4) == "corrected"
    assert tell(hospital, "critical_result_reported", **HARMLESS).outcome == "recorded"
    tell(hospital, "critical_result_reported", **RESULT)
    assert hospital.at(LAB) == "provider_due"
    told_a_nurse = on_the_phone()
    assert correct(told_a_nurse, 4.4) == "corrected"
    tell(told_a_nurse, "critical_result_reported", **RESULT)
    assert told_a_nurse.at(LAB) == "notify_due"


@pytest.mark.parametrize("correction", [6.9, 2.1])
def test_an_order_for_the_first_value_that_is_done_later_does_not_close_the_case(correction: float) -> None:
    hospital = ordered()
    assert correct(hospital, correction) == "provider_due"
    assert tell(hospital, "action_completed", "RN", order_id="O1").outcome == "deferred"
    tell(hospital, "result_called", "LAB", recipient_id="PROVIDER-ALDER", cares_for_patient=True)
    tell(hospital, "result_read_back", "PROVIDER", **READ_BACK)
    tell(hospital, "action_ordered", "PROVIDER", order_id="O2")
    assert hospital.at(LAB) == "action_ordered"
    tell(hospital, "action_completed", "RN", order_id="O2")
    assert hospital.at(LAB) == "closed"
    assert violations(hospital) == []


def test_an_order_that_the_emr_never_showed_is_done_all_the_same() -> None:
    hospital = acknowledged()
    hospital.look.outcomes.insert(0, "missing")
    tell(hospital, "action_ordered", "PROVIDER", order_id="O2")
    assert tell(hospital, "action_completed", "RN", order_id="O1").outcome == "recorded"
    assert hospital.at(LAB) == "order_missing"
    tell(hospital, "action_completed", "RN", order_id="O2")
    assert hospital.at(LAB) == "closed"


# ── what is said of an earlier value ─────────────────────────────────────────────────────────────────────────────────────


PROVIDER_CALL: dict[str, Any] = {"recipient_id": "PROVIDER-ALDER", "cares_for_patient": True}
NURSE_CALL: dict[str, Any] = {"recipient_id": "RN-ALDER", "cares_for_patient": True}


def to_be_called_as_corrected() -> Hospital:
    hospital = to_be_called()
    assert correct(hospital, 2.1) == "notify_due"
    return hospital


def on_the_phone_as_corrected() -> Hospital:
    hospital = to_be_called_as_corrected()
    tell(hospital, "result_called", "LAB", **NURSE_CALL)
    return hospital


def read_back_as_corrected() -> Hospital:
    hospital = on_the_phone_as_corrected()
    tell(hospital, "result_read_back", "RN", **READ_BACK)
    return hospital


def acknowledged_as_corrected() -> Hospital:
    hospital = read_back_as_corrected()
    tell(hospital, "result_acknowledged", "PROVIDER")
    return hospital


def ordered_as_corrected() -> Hospital:
    hospital = acknowledged_as_corrected()
    tell(hospital, "action_ordered", "PROVIDER", order_id="O1")
    return hospital


def to_be_called_to_a_provider() -> Hospital:
    hospital = acknowledged()
    assert correct(hospital, 2.1) == "provider_due"
    return hospital


def provider_on_the_phone() -> Hospital:
    hospital = to_be_called_to_a_provider()
    tell(hospital, "result_called", "LAB", **PROVIDER_CALL)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("provider_called", "PROVIDER")
    return hospital


def to_be_reviewed_as_corrected() -> Hospital:
    hospital = reported(values={"chronic_disease": True})
    tell(hospital, "result_verified", "LAB")
    tell(hospital, "result_corrected", **{**RESULT, "potassium_mmol_l": 2.1, "chronic_disease": True})
    assert hospital.at(LAB) == "suppressed_expected"
    return hospital


def corrected_twice(begin: Any) -> Hospital:
    hospital: Hospital = begin()
    assert correct(hospital, 4.4) == "corrected"
    assert correct(hospital, 4.1) == "corrected"
    return hospital


def corrected_twice_for_a_nurse() -> Hospital:
    return corrected_twice(on_the_phone)


def corrected_twice_for_a_provider() -> Hospital:
    return corrected_twice(acknowledged)


@pytest.mark.parametrize(
    ("begin", "type", "by", "event", "transition"),
    [
        (to_be_called_as_corrected, "result_called", "LAB", NURSE_CALL, "T-10"),
        (on_the_phone_as_corrected, "result_read_back", "RN", READ_BACK, "T-13"),
        (on_the_phone_as_corrected, "result_read_back", "PROVIDER", READ_BACK, "T-28"),
        (to_be_called_to_a_provider, "result_called", "LAB", PROVIDER_CALL, "T-15"),
        (provider_on_the_phone, "result_read_back", "PROVIDER", READ_BACK, "T-17"),
        (provider_on_the_phone, "result_read_back", "RN", READ_BACK, "T-29"),
        (read_back_as_corrected, "result_acknowledged", "PROVIDER", {}, "T-20"),
        (acknowledged_as_corrected, "action_ordered", "PROVIDER", {"order_id": "O1"}, "T-30"),
        (acknowledged_as_corrected, "no_action_needed", "PROVIDER", {"reason": "on dialysis"}, "T-44"),
        (ordered_as_corrected, "no_action_needed", "PROVIDER", {"reason": "on dialysis"}, "T-45"),
        (to_be_reviewed_as_corrected, "expected_result_reviewed", "PROVIDER", {}, "T-50"),
        (corrected_twice_for_a_nurse, "correction_acknowledged", "RN", {}, "T-73"),
        (corrected_twice_for_a_nurse, "correction_acknowledged", "PROVIDER", {}, "T-67"),
        (corrected_twice_for_a_provider, "correction_acknowledged", "RN", {}, "T-74"),
    ],
)
def test_what_is_said_of_an_earlier_value_counts_for_no_later_one(
    begin: Any, type: str, by: str, event: dict[str, Any], transition: str
) -> None:
    """Stamped to the minute, what is said of the newest value can seem to come less than a minute before it."""
    hospital = begin()
    here, newest = hospital.at(LAB), hospital.of(LAB).case.facts["result_id"].at
    of_an_earlier_one = tell(hospital, type, by, **event, at=newest - 60)
    assert (of_an_earlier_one.outcome, hospital.at(LAB)) == ("recorded", here)
    assert tell(hospital, type, by, **event, at=newest - 59).transitions[0] == transition
    assert violations(hospital) == []


def test_what_a_provider_decided_on_the_first_value_does_not_close_the_case_of_the_corrected_one() -> None:
    hospital = on_the_phone()
    for type, data in (("result_acknowledged", {}), ("no_action_needed", {"reason": "on dialysis"})):
        assert tell(hospital, type, "PROVIDER", **data).outcome == "deferred"
    assert correct(hospital, 2.1) == "provider_due", "a provider has the first value"
    tell(hospital, "result_called", "LAB", **NURSE_CALL)
    tell(hospital, "result_read_back", "RN", **READ_BACK)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("read_back_ok", "RN")
    tell(hospital, "result_acknowledged", "PROVIDER")
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("provider_ack", "PROVIDER")
    tell(hospital, "no_action_needed", "PROVIDER", reason="on dialysis")
    assert hospital.at(LAB) == "closed"
    assert violations(hospital) == []


def test_a_provider_who_acknowledged_an_earlier_value_only_is_known_to_have_it() -> None:
    hospital = read_back_as_corrected()
    newest = hospital.of(LAB).case.facts["result_id"].at
    tell(hospital, "result_acknowledged", "PROVIDER", at=newest - 60)
    tell(hospital, "result_withdrawn", "LAB", reason="haemolysed")
    assert tell(hospital, "correction_acknowledged", "RN").transitions == ("T-74",)


# ── expected, and told ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_was_given_a_value_is_called_although_the_corrected_one_is_expected() -> None:
    hospital = on_the_phone()
    tell(hospital, "result_corrected", **{**RESULT, "potassium_mmol_l": 2.1, "chronic_disease": True})
    assert hospital.at(LAB) == "notify_due"
    assert hospital.miss(LAB) == "notify_overdue"
    assert tell(hospital, "result_verified", "LAB").outcome == "recorded"
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("notify_overdue", "CHARGE_NURSE")


def test_an_expected_value_that_was_called_before_it_was_verified_goes_on_being_called() -> None:
    hospital = reported(values={"chronic_disease": True})
    tell(hospital, "result_called", "LAB", **NURSE_CALL)
    assert tell(hospital, "result_verified", "LAB").transitions == ("T-02", "T-10")


@pytest.mark.parametrize(("begin", "state"), [(on_the_phone, "notify_due"), (acknowledged, "provider_due")])
def test_what_is_reported_again_as_critical_is_called_to_who_knows_it_although_it_is_expected(
    begin: Any, state: str
) -> None:
    hospital = begin()
    assert correct(hospital, 4.4) == "corrected"
    tell(hospital, "critical_result_reported", **{**RESULT, "chronic_disease": True})
    assert hospital.at(LAB) == state


# ── who takes the call ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("begin", [on_the_phone, not_read_back_in_time])
def test_a_provider_who_takes_the_call_reads_the_first_value_back_and_takes_it_on(begin: Any) -> None:
    hospital = begin()
    assert tell(hospital, "result_read_back", "PROVIDER", **READ_BACK).transitions == ("T-28",)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("provider_ack", "PROVIDER")
    assert violations(hospital) == []


def test_a_providers_read_back_that_overtakes_the_first_call_counts_with_it() -> None:
    hospital = to_be_called()
    assert tell(hospital, "result_read_back", "PROVIDER", **READ_BACK).outcome == "deferred"
    assert tell(hospital, "result_called", "LAB", **PROVIDER_CALL).transitions == ("T-10", "T-28")


def test_nobody_reads_back_as_the_provider_when_no_provider_is_on_shift() -> None:
    hospital = to_be_called_to_a_provider()
    for role in ("PROVIDER", "COVERING", "CHIEF"):
        hospital.off_shift(somebody(role), facility=hospital.facility)
    hospital.following.run()
    tell(hospital, "result_called", "LAB", recipient_id="CHARGE-NURSE-ALDER", cares_for_patient=True)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("provider_called", "CHARGE_NURSE")
    assert tell(hospital, "result_read_back", "CHARGE_NURSE", **READ_BACK).transitions == ("T-29",)
    assert tell(hospital, "no_action_needed", "CHARGE_NURSE", reason="on dialysis").outcome == "deferred"
    acknowledged = tell(hospital, "result_acknowledged", "CHARGE_NURSE")
    assert (acknowledged.outcome, acknowledged.reason) == ("refused", "wrong_role")
    assert hospital.at(LAB) == "read_back_ok"


def test_who_read_the_first_value_back_as_a_nurse_is_not_the_provider_of_the_corrected_one() -> None:
    hospital = provider_on_the_phone()
    own = tell(hospital, "result_read_back", "RN-ALDER:PROVIDER", **READ_BACK)
    assert (own.transitions, hospital.at(LAB)) == (("T-29",), "read_back_ok"), "as whoever takes the provider's call"


@pytest.mark.parametrize(("type", "data"), [("result_read_back", READ_BACK), ("result_acknowledged", {})])
def test_who_called_the_provider_is_not_the_provider(type: str, data: dict[str, Any]) -> None:
    hospital = to_be_called_to_a_provider()
    tell(hospital, "result_called", "LAB-YEW:LAB", **PROVIDER_CALL)
    tell(hospital, "result_read_back", "CHARGE_NURSE", **READ_BACK)
    assert hospital.at(LAB) == "read_back_ok"
    own = tell(hospital, type, "LAB-YEW:PROVIDER", **data)
    assert (own.outcome, own.reason) == ("refused", "same_performer")


# ── several results at a time ────────────────────────────────────────────────────────────────────────────────────────────


SODIUM = {**RESULT, "result_id": "R2", "potassium_mmol_l": None, "sodium_mmol_l": 110}


def case_of(hospital: Hospital, result: str) -> CaseRow:
    (row,) = (row for row in hospital.cases() if row.case.facts["result_id"].value == result)
    return row


def at(hospital: Hospital) -> tuple[str, str]:
    """Where the results R1 and R2 stand."""
    return case_of(hospital, "R1").state, case_of(hospital, "R2").state


def through_the_call(hospital: Hospital, result: str) -> None:
    tell(hospital, "result_verified", "LAB", result_id=result)
    tell(hospital, "result_called", "LAB", result_id=result, recipient_id="RN-ALDER", cares_for_patient=True)
    tell(hospital, "result_read_back", "RN", result_id=result, **READ_BACK)
    tell(hospital, "result_acknowledged", "PROVIDER", result_id=result)


def two_results(first: Any = reported) -> Hospital:
    hospital: Hospital = first()
    tell(hospital, "critical_result_reported", **SODIUM)
    return hospital


def test_a_result_that_is_withdrawn_leaves_the_other_to_be_called() -> None:
    hospital = two_results()
    tell(hospital, "result_withdrawn", "LAB", result_id="R2", reason="haemolysed")
    assert at(hospital) == ("resulted", "withdrawn")
    tell(hospital, "result_verified", "LAB")
    assert at(hospital) == ("notify_due", "withdrawn")
    assert violations(hospital) == []


def test_a_result_within_the_limits_leaves_the_positive_culture_to_be_called() -> None:
    hospital = reported(values={"potassium_mmol_l": None, "called_whatever_its_value": True})
    glucose = {**RESULT, "result_id": "R2", "potassium_mmol_l": None, "glucose_mg_dl": 400}
    tell(hospital, "critical_result_reported", **glucose)
    tell(hospital, "result_verified", "LAB", result_id="R2")
    assert at(hospital) == ("resulted", "not_critical")
    tell(hospital, "result_verified", "LAB")
    assert at(hospital) == ("notify_due", "not_critical")


def test_what_was_ordered_for_one_result_is_watched_whatever_becomes_of_the_other() -> None:
    hospital = two_results(ordered)
    assert at(hospital) == ("action_ordered", "resulted")
    tell(hospital, "result_withdrawn", "LAB", result_id="R2", reason="haemolysed")
    assert at(hospital) == ("action_ordered", "withdrawn")
    hospital.pass_time(3600)
    assert at(hospital) == ("not_carried_out", "withdrawn")


def test_an_order_that_is_done_closes_the_case_of_its_own_result_only() -> None:
    hospital = two_results(ordered)
    through_the_call(hospital, "R2")
    tell(hospital, "action_ordered", "PROVIDER", result_id="R2", order_id="O2")
    assert at(hospital) == ("action_ordered", "action_ordered")
    tell(hospital, "action_completed", "RN", order_id="O1")
    assert at(hospital) == ("closed", "action_ordered")
    tell(hospital, "action_completed", "RN", result_id="R2", order_id="O2")
    assert at(hospital) == ("closed", "closed")
    assert violations(hospital) == []


def test_what_is_said_of_a_result_that_nobody_knows_waits_or_does_not_apply_and_touches_no_other() -> None:
    hospital = to_be_called()
    assert tell(hospital, "result_read_back", "RN", result_id="R9", **READ_BACK).outcome == "held_early"
    assert tell(hospital, "result_corrected", **{**HARMLESS, "result_id": "R9"}).outcome == "held_early"
    with pytest.raises(AssertionError, match="no_case"):
        tell(hospital, "action_completed", "RN", result_id="R9", order_id="O1")
    assert hospital.at(LAB) == "notify_due"


def test_what_is_said_of_a_result_in_another_encounter_is_not_of_this_one() -> None:
    hospital = to_be_called()
    with pytest.raises(AssertionError, match="no_case"):
        tell(hospital, "action_ordered", "PROVIDER", encounter="E-2", order_id="O1")
    assert hospital.at(LAB) == "notify_due"


def test_what_comes_before_its_result_waits_for_that_one() -> None:
    hospital = reported()
    assert tell(hospital, "result_verified", "LAB", result_id="R2").outcome == "held_early"
    assert hospital.at(LAB) == "resulted"
    tell(hospital, "critical_result_reported", **SODIUM)
    assert at(hospital) == ("resulted", "notify_due")


def test_what_comes_after_the_end_of_its_result_is_refused_there() -> None:
    hospital = two_results()
    tell(hospital, "result_withdrawn", "LAB", result_id="R2", reason="haemolysed")
    late = tell(hospital, "action_completed", "RN", result_id="R2", order_id="O1")
    assert (late.outcome, late.case) == ("refused", case_of(hospital, "R2").id)
    assert at(hospital) == ("resulted", "withdrawn")


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


def test_of_who_leaves_before_anybody_was_told_the_provider_is_called() -> None:
    """No nurse cares for them any more."""
    hospital = to_be_called()
    assert tell(hospital, "patient_discharged").transitions == ("T-84",)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("provider_due", "LAB")
    tell(hospital, "result_called", "LAB", recipient_id="PROVIDER-ALDER", cares_for_patient=True)
    tell(hospital, "result_read_back", "PROVIDER", **READ_BACK)
    assert hospital.at(LAB) == "provider_ack"
    tell(hospital, "result_withdrawn", "LAB", reason="haemolysed")
    assert tell(hospital, "correction_acknowledged", "RN").transitions == ("T-74",), "a provider read it back"
    assert violations(hospital) == []


def test_of_who_leaves_before_the_result_is_verified_the_provider_is_called() -> None:
    hospital = reported()
    assert tell(hospital, "patient_discharged").outcome == "recorded"
    tell(hospital, "result_verified", "LAB")
    assert hospital.at(LAB) == "provider_due"


@pytest.mark.parametrize(
    ("type", "event", "state"),
    [("result_withdrawn", {"reason": "haemolysed"}, "withdrawn"), ("result_corrected", HARMLESS, "not_critical")],
)
def test_of_who_leaves_before_anybody_was_told_nobody_is_told_that_it_was_wrong(
    type: str, event: dict[str, Any], state: str
) -> None:
    hospital = to_be_called()
    tell(hospital, "patient_discharged")
    tell(hospital, type, "LAB", **event)
    assert hospital.at(LAB) == state
    assert violations(hospital) == []


@pytest.mark.parametrize(("outcome", "state"), [("confirmed", "provider_ack"), ("missing", "order_missing")])
def test_who_leaves_while_the_order_is_looked_for_is_the_providers_again(outcome: str, state: str) -> None:
    hospital = acknowledged()
    hospital.look.outcomes.insert(0, outcome)
    hospital.following.held_before = frozenset({"confirming_order"})
    tell(hospital, "action_ordered", "PROVIDER", order_id="O1")
    assert hospital.at(LAB) == "confirming_order"
    assert tell(hospital, "patient_discharged").outcome == "deferred"
    hospital.following.held_before = frozenset()
    hospital.following.go_on()
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == (state, "PROVIDER")
    assert violations(hospital) == []


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


@pytest.mark.parametrize(
    ("type", "data", "states"),
    [
        ("patient_transferred", {"to_unit": "U2"}, ("notify_due", "action_ordered")),
        ("patient_discharged", {}, ("contacted", "provider_ack")),
        ("patient_died", {}, ("deceased", "deceased")),
    ],
)
def test_what_happens_to_the_patient_reaches_every_result(
    type: str, data: dict[str, Any], states: tuple[str, str]
) -> None:
    hospital = Hospital()
    tell(hospital, "critical_result_reported", **SODIUM)
    through_the_call(hospital, "R2")
    tell(hospital, "action_ordered", "PROVIDER", result_id="R2", order_id="O2")
    tell(hospital, "critical_result_reported", **RESULT)
    tell(hospital, "result_verified", "LAB")
    tell(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=True)
    placed = hospital.tell_all(LAB, type, **data)
    assert {answer.case for answer in placed} == {row.id for row in hospital.cases()}
    assert at(hospital) == states
    assert violations(hospital) == []


def test_what_happens_to_the_patient_is_not_told_to_a_result_that_has_ended() -> None:
    hospital = two_results(on_the_phone)
    tell(hospital, "result_withdrawn", "LAB", result_id="R2", reason="haemolysed")
    (only,) = hospital.tell_all(LAB, "patient_died")
    assert (only.case, at(hospital)) == (case_of(hospital, "R1").id, ("deceased", "withdrawn"))
    (none,) = hospital.tell_all(LAB, "patient_merged", surviving_patient="P-9")
    assert (none.outcome, none.reason) == ("ignored", "not_applicable")


def test_a_merged_record_is_the_record_of_every_result() -> None:
    hospital = two_results()
    hospital.tell_all(LAB, "patient_merged", surviving_patient="P-9")
    assert {row.patient for row in hospital.cases()} == {"P-9"}
    tell(hospital, "result_verified", "LAB", patient="P-9", result_id="R2")
    assert at(hospital) == ("resulted", "notify_due")
