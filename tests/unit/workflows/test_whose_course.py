"""Whose course an event happened in, where a case has followed another: orders asked for again, results reported again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from events.parse import parse_event
from functions.cases import keys
from functions.cases.course import began
from functions.cases.events import place_in
from functions.cases.table import Update
from tests.support.invariants import violations
from tests.support.world import ScriptedStep
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.test_after_the_end import HARMLESS, STILL_CRITICAL, closed, not_critical, withdrawn
from tests.unit.workflows.test_critical_lab import LAB, READ_BACK
from tests.unit.workflows.test_critical_lab import tell as tell_lab
from tests.unit.workflows.test_home_oxygen import ORDER, PLAN, after_test, ordering
from tests.unit.workflows.ways import TEST, somebody

MINUTE, HOUR = 60.0, 3600.0
BACKLOG = 10 * MINUTE


def asked_for_again(behind: float = 0.0) -> tuple[Hospital, float]:
    """An order was cancelled and another is asked for a minute later; all is heard of so much later. And when it was cancelled."""
    hospital = ordering()
    hospital.now += HOUR
    cancelled = hospital.now
    hospital.now += behind
    hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="wrong vendor", at=cancelled, after=1)
    hospital.now = max(hospital.now, cancelled + MINUTE)
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER", at=cancelled + MINUTE, after=1)
    assert (hospital.at(PLAN), hospital.at(ORDER)) == ("ordering", "order_draft")
    return hospital, cancelled


# ── what is told while the queue is behind ───────────────────────────────────────────────────────────────────────────────


def test_a_second_order_is_cancelled_although_all_was_heard_of_late() -> None:
    hospital, cancelled = asked_for_again(BACKLOG)
    hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="none", at=cancelled + 3 * MINUTE, after=1)
    assert (hospital.at(PLAN), hospital.at(ORDER)) == ("qualified", "withdrawn")
    assert violations(hospital) == []


def test_what_is_late_buys_a_parent_and_its_sub_case_no_time() -> None:
    """They enter their states when it happened, however far behind the queue is."""
    prompt, cancelled = asked_for_again()
    late, later = asked_for_again(BACKLOG)
    for workflow in (PLAN, ORDER):
        wanted, found = prompt.of(workflow), late.of(workflow)
        assert found.case.entered - later == wanted.case.entered - cancelled
        assert found.case.due is not None
        assert wanted.case.due is not None
        assert found.case.due - later == wanted.case.due - cancelled


def test_the_second_order_s_draft_counts_although_the_first_was_recalled_by_baton_s_own_clock() -> None:
    hospital = ordering()
    hospital.tell(ORDER, "home_oxygen_order_drafted", "CASE_MANAGER", order_id="O1", vendor_id="V1", flow_l_min=2)
    hospital.tell(ORDER, "home_oxygen_order_signed", "PROVIDER", order_id="O1")
    hospital.now += HOUR
    cancelled = hospital.now
    hospital.now += BACKLOG
    hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="wrong vendor", at=cancelled, after=1)
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER", at=cancelled + MINUTE, after=1)
    second = {"order_id": "O2", "vendor_id": "V1", "flow_l_min": 2}
    drafted = hospital.tell(
        ORDER, "home_oxygen_order_drafted", "CASE_MANAGER", at=cancelled + 2 * MINUTE, after=1, **second
    )
    assert (drafted.outcome, drafted.case) == ("moved", hospital.of(ORDER).id)
    assert violations(hospital) == []


def test_a_cancellation_that_overtakes_its_request_counts_although_the_request_was_overdue() -> None:
    hospital = after_test()
    asked = hospital.now + MINUTE
    hospital.miss(PLAN)
    early = hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="none", at=asked + 10 * MINUTE)
    assert early.outcome == "held_early"
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER", at=asked)
    for _ in range(2):
        hospital.now += MINUTE
        hospital.sweep()
    assert (hospital.at(PLAN), hospital.at(ORDER)) == ("qualified", "withdrawn")
    assert violations(hospital) == []


def test_a_sub_case_began_when_what_let_its_parent_wait_happened() -> None:
    hospital = after_test()
    asked = hospital.now + MINUTE
    hospital.miss(PLAN)
    overdue = hospital.of(PLAN).case.entered
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER", at=asked)
    order = hospital.of(ORDER)
    assert (began(hospital.services, order.id), order.case.entered) == (asked, overdue)


def test_what_was_stored_before_it_was_noted_when_things_happened_began_when_its_state_was_entered() -> None:
    hospital = ordering()
    first = keys.visit(hospital.of(ORDER).id, 1)
    row = hospital.table.get(first)
    assert row is not None
    entered = row["entered"]
    hospital.table.write((Update(first, remove=("happened",)),))
    assert began(hospital.services, hospital.of(ORDER).id) == entered


# ── what cancels a plan cancels what was ordered for it ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("type", "ended"), [("discharge_plan_cancelled", "cancelled"), ("home_oxygen_not_needed", "not_needed")]
)
@pytest.mark.parametrize("since_the_first_was_cancelled", [-2 * MINUTE, 0.0, 2.0])
def test_a_plan_that_was_cancelled_before_its_second_order_was_asked_for_takes_that_along(
    type: str, ended: str, since_the_first_was_cancelled: float
) -> None:
    hospital, cancelled = asked_for_again()
    hospital.now += HOUR
    assert hospital.of(ORDER).case.entered > cancelled + since_the_first_was_cancelled
    at = cancelled + since_the_first_was_cancelled
    hospital.tell_all(ORDER, type, "PROVIDER", reason="stays", at=at)
    assert (hospital.at(PLAN), hospital.at(ORDER)) == (ended, "withdrawn")
    assert violations(hospital) == []


@pytest.mark.parametrize("told", [(ORDER,), (PLAN, ORDER)])
def test_it_does_so_whichever_of_the_two_is_told_first(told: tuple[str, ...]) -> None:
    hospital, cancelled = asked_for_again()
    raw = hospital.raw(
        "discharge_plan_cancelled", by=f"{somebody('PROVIDER')}:PROVIDER", reason="stays", at=cancelled - 30
    )
    event = parse_event(raw, now=datetime.fromtimestamp(hospital.now, UTC))
    placed = [place_in(hospital.services, workflow, event, raw) for workflow in told][-1]
    assert (placed.case, placed.outcome, hospital.at(ORDER)) == (hospital.of(ORDER).id, "moved", "withdrawn")


def test_what_cancelled_an_earlier_plan_takes_no_later_order_along() -> None:
    hospital = ordering()
    first = hospital.of(ORDER).id
    cancelled = hospital.now + MINUTE
    hospital.tell_all(ORDER, "discharge_plan_cancelled", "PROVIDER", reason="stays")
    hospital.now += HOUR
    for type, by, data in (
        ("discharge_planned", "CASE_MANAGER", {}),
        ("qualifying_test_completed", "RT", TEST),
        ("home_oxygen_requested", "PROVIDER", {}),
    ):
        hospital.tell(PLAN, type, by, **data)
    second = hospital.of(ORDER).id
    assert (second != first, hospital.at(ORDER)) == (True, "order_draft")
    hospital.tell_all(ORDER, "discharge_plan_cancelled", "PROVIDER", reason="stays", at=cancelled + 5 * MINUTE)
    assert hospital.at(ORDER) == "order_draft"
    assert violations(hospital) == []


# ── what is said of the report before ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", [closed, not_critical, withdrawn])
@pytest.mark.parametrize("heard", ["before it is reported again", "after it was"])
def test_an_acknowledgement_of_the_earlier_report_is_none_of_the_one_reported_again(
    ending: Callable[[], Hospital], heard: str
) -> None:
    hospital = ending()
    first, acknowledged = hospital.of(LAB).id, hospital.now + MINUTE
    if heard == "before it is reported again":
        assert tell_lab(hospital, "result_acknowledged", "PROVIDER", id="ack").outcome == "held_early"
    hospital.now += 10 * MINUTE
    tell_lab(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    if heard == "after it was":
        tell_lab(hospital, "result_acknowledged", "PROVIDER", id="ack", at=acknowledged)
    mark = hospital.mark("ack", workflow=LAB)
    assert mark is not None
    assert (mark["outcome"], mark["case"]) == ("refused", first)
    tell_lab(hospital, "result_verified", "LAB")
    if hospital.at(LAB) == "notify_due":
        tell_lab(hospital, "result_called", "LAB", recipient_id="RN-ALDER", cares_for_patient=True)
        tell_lab(hospital, "result_read_back", "RN", **READ_BACK)
        assert hospital.at(LAB) == "read_back_ok", "somebody still has to tell the provider"
    assert violations(hospital) == []


def test_within_a_minute_of_the_new_report_an_acknowledgement_may_be_of_it() -> None:
    hospital = closed()
    hospital.now += 10 * MINUTE
    tell_lab(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    reported = hospital.now
    told = tell_lab(hospital, "result_acknowledged", "PROVIDER", at=reported - 50)
    assert (told.outcome, told.case) == ("deferred", hospital.of(LAB).id)


def test_what_re_opened_a_case_goes_on_in_its_course_and_hears_what_happened_there() -> None:
    """Reported, closed; reported again, called, withdrawn: the third goes on in the second's course."""
    hospital = closed()
    hospital.now += HOUR
    tell_lab(hospital, "critical_result_reported", "LAB", **STILL_CRITICAL)
    tell_lab(hospital, "result_verified", "LAB")
    ended, at = hospital.of(LAB).id, hospital.now + MINUTE
    hospital.now += 10 * MINUTE
    tell_lab(hospital, "result_corrected", "LAB", **HARMLESS)
    while hospital.of(LAB).ended_at is None:
        tell_lab(hospital, "correction_acknowledged", "PROVIDER")
    hospital.now += HOUR
    tell_lab(hospital, "result_withdrawn", "LAB", reason="haemolysed")
    third = hospital.of(LAB)
    assert (third.earlier, third.ended_at) == (ended, None)
    told = tell_lab(hospital, "result_acknowledged", "PROVIDER", at=at)
    assert (told.case, told.reason != "case_ended") == (third.id, True)


# ── what opens plans, and what takes orders back, a second time ────────────────────────────────────────────────────────────


def test_a_second_cancellation_of_the_order_before_cancels_no_other() -> None:
    hospital = ordering()
    first = hospital.of(ORDER).id
    hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="wrong vendor")
    cancelled = hospital.now
    hospital.now += HOUR
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER")
    again = hospital.tell(
        ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="wrong vendor", at=cancelled + MINUTE
    )
    assert (again.outcome, again.case) == ("refused", first)
    assert (hospital.at(PLAN), hospital.at(ORDER)) == ("ordering", "order_draft")
    assert violations(hospital) == []


def test_a_plan_that_is_asked_for_again_by_a_late_message_is_for_the_open_one() -> None:
    hospital = Hospital()
    first = hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER")
    hospital.tell(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays")
    cancelled = hospital.now
    hospital.now += HOUR
    second = hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER")
    late = hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER", at=cancelled - 30)
    assert (late.case, late.case != first.case, late.reason) == (second.case, True, "declared")


DRAFTED = ("home_oxygen_order_drafted", "CASE_MANAGER", {"order_id": "O1", "vendor_id": "V1", "flow_l_min": 2})
SIGNED = ("home_oxygen_order_signed", "PROVIDER", {"order_id": "O1"})
ACKNOWLEDGED = ("vendor_acknowledged", "VENDOR", {"order_id": "O1"})


def sent(hospital: Hospital) -> str:
    """The open order, sent to its vendor and acknowledged."""
    for type, by, data in (DRAFTED, SIGNED, ACKNOWLEDGED):
        hospital.tell(ORDER, type, by, **data)
    assert hospital.at(ORDER) == "vendor_acked"
    return hospital.of(ORDER).id


@pytest.mark.parametrize(
    ("type", "by", "data"),
    [
        ("home_oxygen_order_cancelled", "PROVIDER", {"reason": "wrong vendor"}),
        ("equipment_delivered", "VENDOR", {"place": "home"}),
    ],
)
def test_what_is_said_of_the_first_order_is_none_of_the_second_s_though_their_plan_is_over(
    type: str, by: str, data: dict[str, Any]
) -> None:
    hospital = ordering()
    first = sent(hospital)
    happened = hospital.now + 30
    hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="wrong vendor")
    hospital.now += HOUR
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER")
    sent(hospital)
    hospital.tell_all(PLAN, "patient_discharged")
    hospital.tell_all(PLAN, "patient_readmitted")
    assert (hospital.of(PLAN).ended_at is not None, hospital.at(ORDER)) == (True, "vendor_acked")
    late = hospital.tell(ORDER, type, by, at=happened, **data)
    assert (late.case, late.outcome, hospital.at(ORDER)) == (first, "refused", "vendor_acked")


def test_whose_order_could_not_be_opened_before_another_ended_has_all_its_time_from_then() -> None:
    hospital = ordering()
    hospital.steps["recall_order"] = ScriptedStep(["failed"] * 9)
    first = sent(hospital)
    hospital.tell_all(PLAN, "home_oxygen_order_cancelled", "PROVIDER", reason="another vendor")
    while hospital.at(PLAN) != "qualified":
        hospital.pass_time(HOUR)
        hospital.tell_all(PLAN, "home_oxygen_order_cancelled", "PROVIDER", reason="another vendor")
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER")
    hospital.pass_time(30 * HOUR)
    assert hospital.of(ORDER).id == first, "it is still to be taken back"
    hospital.tell(ORDER, "vendor_told", "CASE_MANAGER")
    hospital.sweep()
    second = hospital.of(ORDER)
    assert (second.id != first, second.state) == (True, "order_draft")
    assert second.case.due is not None
    assert second.case.due - hospital.now == pytest.approx(4 * HOUR, abs=2 * MINUTE)


def test_an_acknowledgement_while_both_reports_were_known_does_not_count_for_the_one_heard_of_after_the_end() -> None:
    hospital = closed()
    first, ended = hospital.of(LAB).id, hospital.of(LAB).case.entered
    hospital.now += 10 * MINUTE
    tell_lab(hospital, "critical_result_reported", "LAB", at=ended - 300, **STILL_CRITICAL)
    told = tell_lab(hospital, "result_acknowledged", "PROVIDER", at=ended - 100)
    assert (told.case, told.outcome) == (first, "refused")
