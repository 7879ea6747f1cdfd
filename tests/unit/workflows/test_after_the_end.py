"""A result that is corrected or withdrawn after its case ended: everybody who was told is told again, in a case of its own."""

from __future__ import annotations

from typing import Any

import pytest

from functions.cases import keys
from functions.cases.outcome import Placed
from functions.cases.sweep import Mended
from functions.cases.table import Key
from tests.support.invariants import violations
from tests.support.world import StepFunctionsDown
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.test_critical_lab import LAB, ordered, reported, tell, to_be_called
from tests.unit.workflows.ways import RESULT

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
        (closed, "result_corrected", STILL_CRITICAL, "T-90", "notify_due", "LAB"),
        (closed, "result_corrected", EXPECTED, "T-90", "notify_due", "LAB"),
        (closed, "result_withdrawn", HAEMOLYSED, "T-94", "corrected", "LAB"),
        (correction_known, "result_corrected", STILL_CRITICAL, "T-90", "notify_due", "LAB"),
        (correction_known, "result_corrected", HARMLESS, "T-93", "corrected", "LAB"),
        (reviewed, "result_corrected", STILL_CRITICAL, "T-91", "notify_due", "LAB"),
        (reviewed, "result_corrected", EXPECTED, "T-92", "suppressed_expected", "PROVIDER"),
        (reviewed, "result_corrected", HARMLESS, "T-93", "corrected", "LAB"),
        (reviewed, "result_withdrawn", HAEMOLYSED, "T-94", "corrected", "LAB"),
        (not_critical, "result_corrected", STILL_CRITICAL, "T-95", "resulted", "LAB"),
        (withdrawn, "result_corrected", STILL_CRITICAL, "T-95", "resulted", "LAB"),
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
    assert hospital.at(LAB) == "notify_due"
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    assert hospital.at(LAB) == "corrected", "they know of 7.0 still"


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
    tell(hospital, "correction_acknowledged", "RN")
    assert hospital.visited(LAB) == ["corrected", "correction_overdue", "correction_known"]
    assert ["earlier" in entry for entry in hospital.journal(hospital.of(LAB).id)] == [True, False, False]
    assert violations(hospital) == []


def test_an_order_of_before_the_end_does_not_carry_out_the_one_after_it() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    tell(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=True)
    tell(hospital, "result_read_back", "RN", identifiers_confirmed=2, value_confirmed=True)
    tell(hospital, "result_acknowledged", "PROVIDER")
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
    late = tell(hospital, type, "LAB", **values, at=began - 1)
    assert (late.outcome, late.reason, late.case) == ("refused", "case_ended", ended.id)
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
    assert (late.case, late.outcome) == (hospital.cases()[-1].id, "moved")
    assert late.case != ended.id


def test_the_case_before_is_remembered_by_one_that_re_opens_another() -> None:
    hospital = closed()
    first = hospital.of(LAB)
    tell(hospital, "critical_result_reported", **RESULT)
    tell(hospital, "result_withdrawn", "LAB", **HAEMOLYSED)
    tell(hospital, "result_corrected", "LAB", **STILL_CRITICAL)
    late = tell(hospital, "result_verified", "LAB", at=first.case.entered - 1)
    assert (late.case, late.outcome, late.reason) == (first.id, "refused", "case_ended")
    assert hospital.at(LAB) == "resulted"


def test_a_case_that_re_opens_is_of_the_record_that_survived_a_merge() -> None:
    hospital = closed()
    tell(hospital, "result_corrected", "LAB", **HARMLESS)
    hospital.tell_all(LAB, "patient_merged", surviving_patient="P-9")
    tell(hospital, "correction_acknowledged", "RN")
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
    tell(hospital, "correction_acknowledged", "RN")
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
