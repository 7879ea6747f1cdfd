"""A result that is corrected or withdrawn after its case ended: everybody who was told is told again, in a case of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.cases import keys
from functions.cases.outcome import Placed
from functions.cases.sweep import Mended
from functions.cases.table import Key, Put
from tests.support.invariants import violations
from tests.support.tables import Between
from tests.support.world import StepFunctionsDown
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.test_critical_lab import (
    LAB,
    READ_BACK,
    acknowledged,
    on_the_phone,
    ordered,
    reported,
    tell,
    to_be_called,
)
from tests.unit.workflows.ways import RESULT, somebody

HARMLESS = {**RESULT, "potassium_mmol_l": 4.2}
STILL_CRITICAL = {**RESULT, "potassium_mmol_l": 7.4}
EXPECTED = {**STILL_CRITICAL, "chronic_disease": True}
HAEMOLYSED = {"reason": "haemolysed"}


def closed(facility: str = "northfield") -> Hospital:
    hospital = ordered(facility)
    tell(hospital, "action_completed", "RN", order_id="O1")
    return hospital


def reviewed(facility: str = "northfield") -> Hospital:
    hospital = reported(facility, {"chronic_disease": True})
    tell(hospital, "result_verified", "LAB")
    tell(hospital, "expected_result_reviewed", "PROVIDER")
    return hospital


def correction_known(facility: str = "northfield") -> Hospital:
    hospital = closed(facility)
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    tell(hospital, "correction_acknowledged", "PROVIDER")
    return hospital


def correction_known_to_a_nurse(facility: str = "northfield") -> Hospital:
    hospital = on_the_phone(facility)
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    tell(hospital, "correction_acknowledged", "RN")
    return hospital


def not_critical(facility: str = "northfield") -> Hospital:
    hospital = reported(facility, {"potassium_mmol_l": 4.2})
    tell(hospital, "result_verified", "LAB")
    return hospital


def withdrawn(facility: str = "northfield") -> Hospital:
    hospital = reported(facility)
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    return hospital


def deceased(facility: str = "northfield") -> Hospital:
    hospital = to_be_called(facility)
    tell(hospital, "patient_died")
    return hospital


@pytest.mark.parametrize(
    ("ending", "type", "event", "transition", "state", "owner"),
    [
        (closed, "result_corrected", HARMLESS, "T-93", "corrected", "LAB"),
        (closed, "result_corrected", STILL_CRITICAL, "T-90", "provider_due", "LAB"),
        (closed, "result_corrected", EXPECTED, "T-90", "provider_due", "LAB"),
        (closed, "result_withdrawn", HAEMOLYSED, "T-94", "corrected", "LAB"),
        (correction_known, "result_corrected", STILL_CRITICAL, "T-98", "provider_due", "LAB"),
        (correction_known_to_a_nurse, "result_corrected", STILL_CRITICAL, "T-97", "notify_due", "LAB"),
        (correction_known_to_a_nurse, "result_corrected", HARMLESS, "T-93", "corrected", "LAB"),
        (correction_known, "result_corrected", HARMLESS, "T-93", "corrected", "LAB"),
        (reviewed, "result_corrected", STILL_CRITICAL, "T-91", "provider_due", "LAB"),
        (reviewed, "result_corrected", EXPECTED, "T-92", "suppressed_expected", "PROVIDER"),
        (reviewed, "result_corrected", HARMLESS, "T-93", "corrected", "LAB"),
        (reviewed, "result_withdrawn", HAEMOLYSED, "T-94", "corrected", "LAB"),
        (not_critical, "result_corrected", STILL_CRITICAL, "T-95", "resulted", "LAB"),
        (withdrawn, "result_corrected", STILL_CRITICAL, "T-95", "resulted", "LAB"),
        (closed, "critical_result_reported", STILL_CRITICAL, "T-96", "resulted", "LAB"),
        (reviewed, "critical_result_reported", STILL_CRITICAL, "T-96", "resulted", "LAB"),
        (correction_known, "critical_result_reported", STILL_CRITICAL, "T-96", "resulted", "LAB"),
        (not_critical, "critical_result_reported", STILL_CRITICAL, "T-96", "resulted", "LAB"),
        (withdrawn, "critical_result_reported", STILL_CRITICAL, "T-96", "resulted", "LAB"),
    ],
)
def test_what_is_corrected_or_withdrawn_after_the_end_has_an_owner_again(
    ending: Any, type: str, event: dict[str, Any], transition: str, state: str, owner: str
) -> None:
    hospital = ending()
    ended = hospital.of(LAB)
    before = hospital.journal(ended.id)
    placed = tell(hospital, type, "LAB", **event)
    again = hospital.of(LAB)
    assert (placed.outcome, placed.transitions, placed.case) == ("moved", (transition,), again.id)
    assert again.id != ended.id
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == (state, owner)
    assert again.case.due is not None
    entry = hospital.journal(again.id)[0]
    assert (entry["transition"], entry["source"], entry["earlier"]) == (transition, ended.state, ended.id)
    assert hospital.journal(ended.id) == before
    assert hospital.cases()[-2].state == ended.state, "what ended stays ended"
    assert violations(hospital) == []


@pytest.mark.parametrize(
    ("ending", "type", "event"),
    [
        (not_critical, "result_corrected", HARMLESS),
        (not_critical, "result_withdrawn", HAEMOLYSED),
        (withdrawn, "result_corrected", HARMLESS),
        (withdrawn, "result_withdrawn", HAEMOLYSED),
        (deceased, "result_corrected", STILL_CRITICAL),
        (deceased, "result_withdrawn", HAEMOLYSED),
        (deceased, "critical_result_reported", STILL_CRITICAL),
    ],
)
def test_where_nobody_has_to_be_told_nothing_is_re_opened(ending: Any, type: str, event: dict[str, Any]) -> None:
    hospital = ending()
    cases, journal = len(hospital.cases()), hospital.journal(hospital.of(LAB).id)
    answer = tell(hospital, type, "LAB", **event, id="after")
    declared = hospital.following.definition(LAB, hospital.of(LAB).version).state(hospital.at(LAB)).ignores[type]
    assert (answer.outcome, answer.because, len(hospital.cases())) == ("ignored", declared, cases)
    assert hospital.journal(hospital.of(LAB).id) == journal
    mark = hospital.mark("after", workflow=LAB)
    assert mark is not None
    assert mark["outcome"] == "ignored"
    assert tell(hospital, type, "LAB", **event, id="after").duplicate


def test_whoever_was_told_before_the_end_is_told_although_the_new_case_told_nobody() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    assert hospital.at(LAB) == "provider_due"
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    assert hospital.at(LAB) == "corrected", "they know of 7.0 still"


@pytest.mark.parametrize("ending", [closed, reviewed, correction_known])
def test_whoever_was_told_is_told_of_the_withdrawal_of_what_was_reported_again(ending: Any) -> None:
    hospital = ending()
    tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    answer = tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    assert (answer.transitions, hospital.at(LAB)) == (("T-71",), "corrected")
    assert violations(hospital) == []


def test_whoever_was_told_is_told_when_what_was_reported_again_is_verified_to_be_harmless() -> None:
    hospital = closed()
    tell(hospital, "critical_result_reported", "LAB", **HARMLESS)
    answer = tell(hospital, "result_verified", "LAB")
    assert (answer.transitions, hospital.at(LAB)) == (("T-06",), "corrected")


@pytest.mark.parametrize(("ending", "state"), [(closed, "provider_due"), (correction_known_to_a_nurse, "notify_due")])
def test_whoever_was_told_is_called_although_what_was_reported_again_is_expected(ending: Any, state: str) -> None:
    hospital = ending()
    tell(hospital, "critical_result_reported", "LAB", **EXPECTED)
    tell(hospital, "result_verified", "LAB")
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == (state, "LAB")


@pytest.mark.parametrize(("type", "values"), [("result_corrected", HARMLESS), ("result_withdrawn", HAEMOLYSED)])
def test_whoever_was_told_is_told_although_the_provider_was_not_called_again_yet(
    type: str, values: dict[str, Any]
) -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    assert hospital.at(LAB) == "provider_due"
    tell(hospital, type, "LAB", **values)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("corrected", "LAB")


@pytest.mark.parametrize("ending", [not_critical, withdrawn])
def test_where_nobody_was_told_what_was_reported_again_is_withdrawn_without_a_word(ending: Any) -> None:
    hospital = ending()
    tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    assert hospital.at(LAB) == "withdrawn"


def test_an_older_report_that_is_heard_of_after_the_end_is_recorded_and_re_opens_nothing() -> None:
    hospital = closed()
    ended = hospital.of(LAB)
    began = hospital.row(keys.visit(ended.id, 1))["entered"]
    late = tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL, at=began - 1)
    assert (late.outcome, late.reason, late.case) == ("recorded", "older_than_known", ended.id)
    assert [row.id for row in hospital.cases()] == [ended.id]
    assert violations(hospital) == []


def test_a_report_with_news_opens_a_case_however_old_it_is() -> None:
    """Unlike a correction: what is reported as critical is never refused."""
    hospital = closed()
    began = hospital.row(keys.visit(hospital.of(LAB).id, 1))["entered"]
    assert tell(
        hospital, "critical_result_reported", "LAB", **STILL_CRITICAL, sodium_mmol_l=110, at=began - 1
    ).transitions == ("T-96",)
    withdrawn_one = withdrawn()
    at = withdrawn_one.of(LAB).case.entered - 1
    assert tell(withdrawn_one, "critical_result_reported", "LAB", **STILL_CRITICAL, at=at).transitions == ("T-96",)


def test_what_happened_before_it_was_reported_again_does_not_count_after_it() -> None:
    hospital = closed()
    ended = hospital.of(LAB)
    tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    for type, by in (("result_verified", "LAB"), ("result_acknowledged", "PROVIDER")):
        late = tell(hospital, type, by, at=ended.case.entered - 1)
        assert (late.case, late.outcome, late.reason) == (ended.id, "refused", "case_ended")
    assert hospital.at(LAB) == "resulted"
    assert not hospital.of(LAB).case.deferred


def test_after_an_end_that_this_version_does_not_have_it_begins_anew() -> None:
    hospital = closed()
    ended = hospital.of(LAB)
    place = keys.meta(ended.id)
    row = dict(hospital.row(place))
    hospital.table.write((Put({**row, "state": "finished"}, ()),))
    answer = tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    assert answer.transitions == ("T-01",)
    assert (hospital.cases()[-1].earlier, hospital.at(LAB)) == (None, "resulted")


@pytest.mark.parametrize(
    ("type", "values"), [("result_corrected", HARMLESS), ("critical_result_reported", STILL_CRITICAL)]
)
def test_a_withdrawal_that_something_newer_overtook_is_recorded_and_re_opens_nothing(
    type: str, values: dict[str, Any]
) -> None:
    hospital = ordered("northfield")
    corrected = hospital.now
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    tell(hospital, "correction_acknowledged", "PROVIDER")
    if type == "critical_result_reported":
        corrected = hospital.now
        tell(hospital, type, "LAB", **{**values, "potassium_mmol_l": 4.1})
        tell(hospital, "result_verified", "LAB")
        tell(hospital, "correction_acknowledged", "PROVIDER")
    ended, cases = hospital.of(LAB), len(hospital.cases())
    assert hospital.at(LAB) == "correction_known"
    late = tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=corrected - 1, id="late")
    assert (late.outcome, late.reason, late.case) == ("recorded", "older_than_known", ended.id)
    assert (len(hospital.cases()), hospital.of(LAB).case) == (cases, ended.case)
    assert tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=corrected - 1, id="late").duplicate
    assert violations(hospital) == []
    newer = tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=ended.case.entered - 1)
    assert newer.transitions == ("T-94",), "it came after the correction, and nobody was told"


def test_a_provider_reads_a_value_back_that_was_corrected_after_the_end_and_takes_it_on() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    tell(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=False)
    assert hospital.at(LAB) == "provider_due"
    tell(hospital, "result_called", "LAB", recipient_id="PROVIDER-ALDER", cares_for_patient=True)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("provider_called", "PROVIDER")
    refused = tell(hospital, "result_read_back", "LAB", **READ_BACK)
    assert (refused.outcome, refused.reason) == ("refused", "wrong_role")
    tell(hospital, "result_read_back", "PROVIDER", identifiers_confirmed=1, value_confirmed=True)
    assert hospital.at(LAB) == "provider_called"
    assert tell(hospital, "result_read_back", "PROVIDER", **READ_BACK).transitions == ("T-17",)
    assert hospital.at(LAB) == "provider_ack"
    assert violations(hospital) == []


def test_a_nurse_who_takes_the_providers_call_has_the_value_for_nobody_but_the_provider() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    tell(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=True)
    own = tell(hospital, "result_read_back", "LAB-ALDER:RN", **READ_BACK)
    assert (own.outcome, hospital.at(LAB)) == ("refused", "provider_called")
    assert tell(hospital, "result_read_back", "RN", **READ_BACK).transitions == ("T-29",)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("read_back_ok", "RN")
    again = tell(hospital, "result_read_back", "RN", **READ_BACK)
    assert (again.outcome, again.reason) == ("refused", "wrong_role"), "nobody stands in for the provider"
    own = tell(hospital, "result_acknowledged", "RN-ALDER:PROVIDER")
    assert (own.outcome, own.reason) == ("refused", "same_performer")
    tell(hospital, "result_acknowledged", "PROVIDER")
    assert hospital.at(LAB) == "provider_ack"


def overdue_for_a_provider() -> Hospital:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    assert hospital.miss(LAB) == "notify_overdue"
    return hospital


def reached_too_late() -> Hospital:
    hospital = overdue_for_a_provider()
    tell(hospital, "result_called", "LAB", recipient_id="PROVIDER-ALDER", cares_for_patient=True)
    assert hospital.at(LAB) == "contacted"
    return hospital


def read_back_by_the_unit_meanwhile() -> Hospital:
    hospital = reached_too_late()
    tell(hospital, "result_read_back", "RN", **READ_BACK)
    assert hospital.at(LAB) == "read_back_ok"
    return hospital


@pytest.mark.parametrize("where", [overdue_for_a_provider, reached_too_late, read_back_by_the_unit_meanwhile])
def test_a_provider_who_is_reached_when_the_unit_was_asked_already_reads_it_back_and_takes_it_on(where: Any) -> None:
    hospital = where()
    wrongly = tell(hospital, "result_read_back", "PROVIDER", identifiers_confirmed=2, value_confirmed=False)
    assert wrongly.outcome in ("recorded", "ignored")
    assert tell(hospital, "result_read_back", "PROVIDER", **READ_BACK).transitions == ("T-28",)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("provider_ack", "PROVIDER")
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    assert tell(hospital, "correction_acknowledged", "RN").transitions == ("T-74",)
    assert violations(hospital) == []


def test_a_providers_read_back_that_overtakes_a_late_call_counts_when_the_unit_is_asked() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    called = hospital.now + 30
    assert tell(hospital, "result_read_back", "PROVIDER", **READ_BACK).outcome == "deferred"
    assert hospital.miss(LAB) == "provider_ack"
    late = tell(hospital, "result_called", "LAB", recipient_id="PROVIDER-ALDER", cares_for_patient=True, at=called)
    assert (late.outcome, hospital.at(LAB)) == ("ignored", "provider_ack")


def test_a_provider_reads_back_to_somebody_else_than_themselves() -> None:
    hospital = overdue_for_a_provider()
    tell(hospital, "result_called", "LAB-ALDER:LAB", recipient_id="LAB-ALDER", cares_for_patient=True)
    own = tell(hospital, "result_read_back", "LAB-ALDER:PROVIDER", **READ_BACK)
    assert (own.outcome, hospital.at(LAB)) == ("refused", "contacted")


def found_harmless() -> Hospital:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    return hospital


def to_be_verified_again() -> Hospital:
    hospital = closed()
    tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    return hospital


def to_be_reviewed_again() -> Hospital:
    hospital = reviewed()
    tell(hospital, "result_corrected", "LAB", **EXPECTED)
    assert hospital.at(LAB) == "suppressed_expected"
    return hospital


@pytest.mark.parametrize(
    ("begin", "type", "by", "event", "transition"),
    [
        (found_harmless, "result_corrected", "LAB", STILL_CRITICAL, "T-75"),
        (found_harmless, "critical_result_reported", "LAB", STILL_CRITICAL, "T-76"),
        (to_be_verified_again, "result_verified", "LAB", {}, "T-07"),
        (to_be_reviewed_again, "result_corrected", "LAB", STILL_CRITICAL, "T-77"),
        (to_be_reviewed_again, "critical_result_reported", "LAB", STILL_CRITICAL, "T-76"),
        (to_be_reviewed_again, "result_call_requested", "RN", {"reason": "palpitations"}, "T-53"),
    ],
)
def test_what_a_provider_knew_is_called_to_a_provider_wherever_it_turns_critical_again(
    begin: Any, type: str, by: str, event: dict[str, Any], transition: str
) -> None:
    hospital = begin()
    assert tell(hospital, type, by, **event).transitions == (transition,)
    assert (hospital.at(LAB), hospital.owned_by(LAB)) == ("provider_due", "LAB")
    assert violations(hospital) == []


def test_what_a_provider_reviewed_before_and_does_not_review_again_is_called_to_a_provider() -> None:
    assert to_be_reviewed_again().miss(LAB) == "provider_due"


def test_a_nurse_has_read_a_value_back_for_a_provider_who_knew_the_first_one_and_it_is_corrected() -> None:
    hospital = read_back_by_the_unit_meanwhile()
    tell(hospital, "result_corrected", "LAB", **{**STILL_CRITICAL, "potassium_mmol_l": 7.6})
    assert hospital.at(LAB) == "provider_due"


def test_whoever_does_not_call_the_provider_is_followed_by_the_unit() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    assert hospital.miss(LAB) == "notify_overdue"
    again = closed()
    tell(again, "result_corrected", "LAB", **STILL_CRITICAL)
    tell(again, "result_called", "LAB", recipient_id="PROVIDER-ALDER", cares_for_patient=True)
    tell(again, "result_corrected", "LAB", **{**STILL_CRITICAL, "potassium_mmol_l": 7.6})
    assert again.at(LAB) == "provider_due", "the latest value is called"
    tell(again, "result_called", "LAB", recipient_id="PROVIDER-ALDER", cares_for_patient=True)
    assert again.miss(LAB) == "notify_overdue"


def test_a_nurse_alone_does_not_end_a_correction_of_what_a_provider_took_on() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    due = hospital.of(LAB).case.due
    for role in ("RN", "CHARGE_NURSE", "LAB"):  # the laboratory owns the task, and is no provider either
        told = tell(hospital, "correction_acknowledged", role)
        assert (told.transitions, hospital.at(LAB), hospital.of(LAB).case.due) == (("T-74",), "corrected", due), role
    assert hospital.miss(LAB) == "correction_overdue"
    assert tell(hospital, "correction_acknowledged", "CHARGE_NURSE").transitions == ("T-74",), "though they own it now"
    assert tell(hospital, "correction_acknowledged", "PROVIDER").transitions == ("T-67",)
    assert violations(hospital) == []


def as_version_1_left_it(hospital: Hospital) -> Hospital:
    """The ended case with what version 1 noted: that anybody was told, not who; and nothing where a result was reviewed only."""
    place = keys.meta(hospital.of(LAB).id)
    row = dict(hospital.row(place))
    facts = dict(row["facts"])
    called, provider = facts.pop("given", None), facts.pop("told", None)
    assert called or provider
    if row["state"] != "reviewed":
        facts["told"] = ["R1", *(called or provider)[1:]]
    hospital.table.write((Put({**row, "facts": facts}, ()),))
    return hospital


def not_acted_on() -> Hospital:
    hospital = acknowledged()
    tell(hospital, "no_action_needed", "PROVIDER", reason="on dialysis")
    return hospital


@pytest.mark.parametrize(("type", "values"), [("result_corrected", HARMLESS), ("result_withdrawn", HAEMOLYSED)])
@pytest.mark.parametrize("ending", [closed, not_acted_on, reviewed])
def test_what_ended_under_version_1_counts_as_known_to_a_provider(
    ending: Any, type: str, values: dict[str, Any]
) -> None:
    hospital = as_version_1_left_it(ending())
    tell(hospital, type, "LAB", **values)
    assert tell(hospital, "correction_acknowledged", "RN").transitions == ("T-74",)
    assert tell(hospital, "correction_acknowledged", "PROVIDER").transitions == ("T-67",)


@pytest.mark.parametrize("ending", [closed, not_acted_on, correction_known])
def test_what_ended_under_version_1_is_known_to_a_provider_though_it_is_reported_again_under_this_one(
    ending: Any,
) -> None:
    hospital = as_version_1_left_it(ending())
    tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    assert tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED).transitions == ("T-71",)
    assert tell(hospital, "correction_acknowledged", "RN").transitions == ("T-74",)
    assert tell(hospital, "correction_acknowledged", "PROVIDER").transitions == ("T-67",)


def test_a_correction_known_under_version_1_that_is_critical_after_all_is_called_to_a_provider() -> None:
    hospital = as_version_1_left_it(correction_known())
    assert tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL).transitions == ("T-98",)


def test_what_only_a_nurse_knew_and_is_critical_after_all_is_called_to_a_nurse_until_a_provider_takes_it_on() -> None:
    """Nobody else but a provider who knew it is called directly: so whoever takes it on from there is known to have."""
    hospital = correction_known_to_a_nurse()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    tell(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=True)
    tell(hospital, "result_read_back", "RN", **READ_BACK)
    tell(hospital, "result_acknowledged", "PROVIDER")
    assert hospital.at(LAB) == "provider_ack"
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    assert tell(hospital, "correction_acknowledged", "RN").transitions == ("T-74",)
    assert tell(hospital, "correction_acknowledged", "PROVIDER").transitions == ("T-67",)
    assert violations(hospital) == []


@pytest.mark.parametrize("ending", [closed, reviewed, correction_known])
def test_a_nurse_alone_does_not_end_a_correction_of_what_a_provider_read_back(ending: Any) -> None:
    hospital = ending()
    tell(hospital, "result_corrected", "LAB", **{**STILL_CRITICAL, "chronic_disease": False})
    tell(hospital, "result_called", "LAB", recipient_id="PROVIDER-ALDER", cares_for_patient=True)
    tell(hospital, "result_read_back", "PROVIDER", **READ_BACK)
    assert hospital.at(LAB) == "provider_ack"
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    assert tell(hospital, "correction_acknowledged", "RN").transitions == ("T-74",)


def test_a_nurse_ends_a_correction_of_what_no_provider_ever_knew() -> None:
    hospital = to_be_called("northfield")
    tell(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=True)
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    assert tell(hospital, "correction_acknowledged", "RN").transitions == ("T-73",)
    assert hospital.at(LAB) == "correction_known"


def test_whoever_reviewed_an_expected_result_counts_as_told() -> None:
    hospital = reviewed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    assert hospital.at(LAB) == "corrected"


def test_the_new_case_goes_its_way_to_an_end_and_is_told_on_time() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    assert hospital.due_in(LAB) == 30
    assert hospital.miss(LAB) == "correction_overdue"
    tell(hospital, "correction_acknowledged", "PROVIDER")
    assert hospital.visited(LAB) == ["corrected", "correction_overdue", "correction_known"]
    assert ["earlier" in entry for entry in hospital.journal(hospital.of(LAB).id)] == [True, False, False]
    assert violations(hospital) == []


def test_an_order_of_before_the_end_does_not_carry_out_the_one_after_it() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    tell(hospital, "result_called", "LAB", recipient_id="PROVIDER-ALDER", cares_for_patient=True)
    tell(hospital, "result_read_back", "PROVIDER", identifiers_confirmed=2, value_confirmed=True)
    tell(hospital, "action_ordered", "PROVIDER", order_id="O2")
    tell(hospital, "action_completed", "RN", order_id="O1")
    assert hospital.at(LAB) == "action_ordered"
    tell(hospital, "action_completed", "RN", order_id="O2")
    assert hospital.at(LAB) == "closed"
    assert violations(hospital) == []


@pytest.mark.parametrize("before", [0, 60])
def test_what_was_corrected_before_the_end_and_is_heard_of_after_it_reaches_whoever_was_told(before: float) -> None:
    hospital = closed()
    ended = hospital.of(LAB)
    late = tell(hospital, "result_corrected", "LAB", **HARMLESS, at=ended.case.entered - before)
    assert (late.outcome, hospital.at(LAB)) == ("moved", "corrected")
    assert [row.id for row in hospital.cases()] == [ended.id, late.case]
    assert violations(hospital) == []


@pytest.mark.parametrize(("type", "values"), [("result_corrected", HARMLESS), ("result_withdrawn", HAEMOLYSED)])
def test_what_happened_before_the_case_began_is_not_about_it(type: str, values: dict[str, Any]) -> None:
    hospital = closed()
    ended = hospital.of(LAB)
    began = hospital.row(keys.visit(ended.id, 1))["entered"]
    late = tell(hospital, type, "LAB", **values, at=began - 61)
    assert (late.outcome, late.reason, late.case) == ("recorded", "older_than_known", ended.id)
    with_news = tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL, sodium_mmol_l=110, at=began - 61)
    assert (with_news.outcome, with_news.reason, with_news.case) == ("refused", "case_ended", ended.id)
    assert [row.id for row in hospital.cases()] == [ended.id]


def test_what_was_corrected_before_the_result_was_withdrawn_is_superseded() -> None:
    hospital = withdrawn()
    ended = hospital.of(LAB)
    late = tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL, at=ended.case.entered - 1)
    assert (late.outcome, late.reason, late.case) == ("refused", "case_ended", ended.id)
    assert tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL, at=ended.case.entered).outcome == "moved"


def test_what_is_heard_late_of_a_result_that_was_reported_again_goes_to_the_case_that_is_open() -> None:
    hospital = closed()
    ended = hospital.of(LAB)
    tell(hospital, "critical_result_reported", **RESULT)
    late = tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=ended.case.entered - 1)
    assert (late.case, late.outcome) == (
        hospital.cases()[-1].id,
        "recorded",
    )  # it is the earlier report that it takes back
    assert late.case != ended.id


def reported_again(ending: Any) -> Hospital:
    """Reported 7.0, and an hour later 7.4."""
    hospital: Hospital = ending()
    hospital.now += 3600
    tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    return hospital


@pytest.mark.parametrize("ending", [reported, to_be_called, closed])
def test_a_withdrawal_of_the_earlier_report_does_not_take_back_the_newer_one(ending: Any) -> None:
    """Which report is withdrawn is told by when alone; where it could be the earlier one, calling the newer one is the safe side."""
    hospital = reported_again(ending)
    here, case = hospital.at(LAB), hospital.of(LAB)
    late = tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=hospital.now - 1800)
    assert (late.outcome, late.reason, late.case) == ("recorded", "older_than_known", case.id)
    assert hospital.at(LAB) == here
    assert tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED).outcome == "moved", "the newer one is withdrawn too"
    assert violations(hospital) == []


@pytest.mark.parametrize(("before", "outcome"), [(60, "moved"), (61, "recorded")])
def test_a_withdrawal_stamped_to_the_minute_of_the_report_in_an_open_case_counts(before: float, outcome: str) -> None:
    hospital = reported_again(closed)
    at = hospital.of(LAB).case.facts["result_id"].at
    assert tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=at - before).outcome == outcome


def closed_as_corrected() -> Hospital:
    hospital = on_the_phone("northfield")
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    tell(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=True)
    tell(hospital, "result_read_back", "RN", **READ_BACK)
    tell(hospital, "result_acknowledged", "PROVIDER")
    tell(hospital, "no_action_needed", "PROVIDER", reason="on dialysis")
    assert hospital.at(LAB) == "closed"
    return hospital


def reviewed_as_corrected() -> Hospital:
    hospital = reported("northfield", {"chronic_disease": True})
    tell(hospital, "result_verified", "LAB")
    tell(hospital, "result_corrected", "LAB", **EXPECTED)
    tell(hospital, "expected_result_reviewed", "PROVIDER")
    return hospital


def known_as_corrected() -> Hospital:
    hospital = acknowledged("northfield")
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    tell(hospital, "correction_acknowledged", "PROVIDER")
    return hospital


@pytest.mark.parametrize(("before", "outcome"), [(1, "moved"), (60, "moved"), (61, "recorded")])
@pytest.mark.parametrize("ending", [closed_as_corrected, reviewed_as_corrected, known_as_corrected])
def test_a_withdrawal_stamped_to_the_minute_of_the_newest_value_counts_after_the_end_too(
    ending: Any, before: float, outcome: str
) -> None:
    """Somebody acted on that value, and is told: after a harmless one perhaps once too often, which is the safe side."""
    hospital = ending()
    at = hospital.of(LAB).case.facts["potassium"].at
    late = tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=at - before)
    assert (late.outcome, late.outcome == "moved") == (outcome, hospital.at(LAB) == "corrected")
    assert violations(hospital) == []


def test_the_case_before_is_remembered_by_one_that_re_opens_another() -> None:
    hospital = closed()
    first = hospital.of(LAB)
    tell(hospital, "critical_result_reported", **RESULT)
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    tell(hospital, "correction_acknowledged", "PROVIDER")
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    late = tell(hospital, "result_verified", "LAB", at=first.case.entered - 1)
    assert (late.case, late.outcome, late.reason) == (first.id, "refused", "case_ended")
    assert hospital.at(LAB) == "provider_due"


def test_a_case_that_re_opens_is_of_the_record_that_survived_a_merge() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    hospital.tell_all(LAB, "patient_merged", surviving_patient="P-9")
    tell(hospital, "correction_acknowledged", "PROVIDER")
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    (*_, earlier, newest) = hospital.cases()
    assert (newest.earlier, newest.patient) == (earlier.id, "P-9")


def test_the_same_event_again_re_opens_nothing_again() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **HARMLESS, id="once")
    hospital.pass_time(600)
    cases, seen = [row.id for row in hospital.cases()], hospital.journal(hospital.of(LAB).id)
    again = tell(hospital, "result_corrected", "LAB", **HARMLESS, id="once")
    assert (again.outcome, again.duplicate, again.case) == ("moved", True, cases[-1])
    tell(hospital, "correction_acknowledged", "PROVIDER")
    assert tell(hospital, "result_corrected", "LAB", **HARMLESS, id="once").duplicate
    assert [row.id for row in hospital.cases()] == cases
    assert len(hospital.journal(cases[-1])) == len(seen) + 1
    assert violations(hospital) == []


def test_another_correction_goes_to_the_case_that_re_opened() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    more = tell(hospital, "result_corrected", "LAB", **{**HARMLESS, "potassium_mmol_l": 4.3})
    assert (more.outcome, more.case, len(hospital.cases())) == ("recorded", hospital.of(LAB).id, 2)


def test_it_re_opens_again_after_each_end_and_each_case_names_the_one_before() -> None:
    hospital = correction_known()
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    first, second, third = hospital.cases()
    assert (first.earlier, second.earlier, third.earlier) == (None, first.id, second.id)


def test_only_the_laboratory_withdraws_a_result() -> None:
    hospital = closed()
    answer = tell(hospital, "result_withdrawn", "RN", **HAEMOLYSED)
    assert (answer.outcome, answer.reason, len(hospital.cases())) == ("refused", "wrong_role", 1)


def test_a_case_that_re_opened_is_told_what_happens_to_the_patient() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    (told,) = hospital.tell_all(LAB, "patient_died")
    assert (told.case, hospital.at(LAB)) == (hospital.of(LAB).id, "deceased")
    assert violations(hospital) == []


def test_a_crash_after_it_re_opened_heals_when_it_is_delivered_again() -> None:
    hospital = closed()
    hospital.following.down = True
    with pytest.raises(StepFunctionsDown):
        tell(hospital, "result_corrected", "LAB", **HARMLESS, id="once")
    hospital.following.down = False
    assert tell(hospital, "result_corrected", "LAB", **HARMLESS, id="once").duplicate
    assert hospital.at(LAB) == "corrected"
    assert violations(hospital) == []


def test_a_held_correction_whose_case_ended_before_anybody_took_it_up_re_opens_it() -> None:
    hospital = Hospital()
    assert tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL, id="held").outcome == "held_early"
    hospital.following.down = True
    with pytest.raises(StepFunctionsDown):
        tell(hospital, "critical_result_reported", **RESULT, at=hospital.now - 600)
    hospital.following.down = False
    _withdrawn_early(hospital)
    assert hospital.at(LAB) == "withdrawn"
    hospital.now += 60
    assert Mended.EARLY_PLACED in [each.mended for each in hospital.sweep()]
    assert hospital.at(LAB) == "resulted"
    assert violations(hospital) == []


def test_a_held_correction_that_changes_nothing_after_the_end_waits_out_its_time_and_is_ignored() -> None:
    hospital = Hospital()
    tell(hospital, "result_corrected", "LAB", **HARMLESS, id="held")
    hospital.following.down = True
    with pytest.raises(StepFunctionsDown):
        tell(hospital, "critical_result_reported", **RESULT, at=hospital.now - 600)
    hospital.following.down = False
    _withdrawn_early(hospital)
    hospital.now += 4 * 3600
    assert Mended.EARLY_NOT_APPLICABLE in [each.mended for each in hospital.sweep()]
    assert (hospital.at(LAB), len(hospital.cases())) == ("withdrawn", 1)
    mark = hospital.mark("held", workflow=LAB)
    assert mark is not None
    assert mark["outcome"] == "ignored"


def _withdrawn_early(hospital: Hospital) -> Placed:
    """Withdrawn before the held correction happened."""
    return tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=hospital.now - 300, after=0)


def test_a_result_that_nobody_knew_is_not_re_opened() -> None:
    hospital = closed()
    other = tell(hospital, "result_corrected", "LAB", **{**STILL_CRITICAL, "result_id": "R9"})
    assert (other.outcome, len(hospital.cases())) == ("held_early", 1)
    place = hospital.services.keys.correlation("northfield", LAB, "E-1", "R9")
    assert hospital.table.get(Key(place, keys.OPEN)) is None


# ── what another version noted, and what shares a minute ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "first",
    [
        ("critical_result_reported", STILL_CRITICAL),
        ("result_corrected", EXPECTED),
        ("result_corrected", STILL_CRITICAL),
    ],
    ids=["again", "corrected", "corrected and not expected"],
)
def test_a_review_under_version_1_is_known_although_that_noted_nothing_of_it(first: tuple[str, dict[str, Any]]) -> None:
    hospital = as_version_1_left_it(reviewed())
    tell(hospital, first[0], "LAB", **first[1])
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    assert hospital.at(LAB) == "corrected"
    assert tell(hospital, "correction_acknowledged", "RN").transitions == ("T-74",)


@pytest.mark.parametrize("ending", [closed, reviewed, not_acted_on])
def test_a_withdrawal_stamped_to_the_minute_in_which_a_correction_re_opened_the_case_counts(
    ending: Callable[[], Hospital],
) -> None:
    hospital = ending()
    tell(hospital, "result_corrected", "LAB", **{**STILL_CRITICAL, "chronic_disease": False})
    corrected = hospital.now
    tell(hospital, "result_called", "LAB", recipient_id=somebody("PROVIDER"), cares_for_patient=True)
    tell(hospital, "result_read_back", "PROVIDER", **READ_BACK)
    tell(hospital, "no_action_needed", "PROVIDER", reason="dialysis today")
    assert hospital.at(LAB) == "closed"
    late = tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=corrected - 40)
    assert late.transitions == ("T-94",)


def test_a_withdrawal_that_something_newer_stands_against_is_in_the_journal() -> None:
    hospital = closed()
    hospital.now += 3600
    tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    late = tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED, at=hospital.now - 1800)
    assert late.outcome == "recorded"
    entry = hospital.journal(hospital.of(LAB).id)[-1]
    assert (entry["kind"], entry["reason"], entry["event"]) == ("recorded", "older_than_known", "result_withdrawn")


def test_what_re_opened_and_ended_in_the_moment_of_a_further_report_is_what_that_follows() -> None:
    """A correction is heard, told and known while another report is being placed: that knows of it."""
    hospital = closed()
    table = Between(hospital.table)
    hospital.services = hospital.following.services = replace(hospital.services, table=table)

    def corrected_and_known() -> None:
        tell(hospital, "result_corrected", "LAB", **HARMLESS, at=hospital.now - 1800)
        while hospital.of(LAB).ended_at is None:
            tell(hospital, "correction_acknowledged", "PROVIDER")

    hospital.now += 3600
    table.before_write(corrected_and_known)
    tell(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    assert table.happened == 1
    _, second, third = sorted(hospital.cases(), key=lambda row: row.opened_at)
    assert (third.earlier, third.state) == (second.id, "resulted")
    assert violations(hospital) == []
