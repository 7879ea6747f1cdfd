"""A patient has two plans, since both of their merged records had one; and what happened before a plan was made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from events.parse import parse_event
from functions.cases import events
from functions.cases.events import place_in
from tests.support.invariants import violations
from tests.support.tables import Between, touches
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.test_critical_lab import LAB
from tests.unit.workflows.test_home_oxygen import ORDER, PLAN, after_test
from tests.unit.workflows.ways import RESULT, TEST

MINUTE, HOUR = 60.0, 3600.0
OLD: dict[str, Any] = {"patient": "P-1", "encounter": "E-1"}
NEW: dict[str, Any] = {"patient": "P-9", "encounter": "E-9"}


def states(hospital: Hospital) -> dict[tuple[str, str | None], str]:
    """Where each case stands, by workflow and encounter."""
    return {(row.workflow, row.encounter): row.state for row in hospital.cases()}


def two_plans() -> Hospital:
    """The plan of the surviving record has an order at the vendor, that of the other has none."""
    hospital = Hospital()
    for subject in (NEW, OLD):
        hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER", **subject)
        hospital.tell(PLAN, "qualifying_test_completed", "RT", **TEST, **subject)
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER", **NEW)
    order: dict[str, Any] = {"order_id": "O1", **NEW}
    hospital.tell(ORDER, "home_oxygen_order_drafted", "CASE_MANAGER", vendor_id="V1", flow_l_min=2, **order)
    hospital.tell(ORDER, "home_oxygen_order_signed", "PROVIDER", **order)
    hospital.tell_all(PLAN, "patient_merged", surviving_patient="P-9", **OLD)
    assert states(hospital) == {(PLAN, "E-9"): "ordering", (ORDER, "E-9"): "sent", (PLAN, "E-1"): "qualified"}
    return hospital


# ── one of two plans is ended, as the runbook says ───────────────────────────────────────────────────────────────────────


def test_the_plan_that_is_given_up_takes_no_other_plans_order_along() -> None:
    hospital = two_plans()
    cancelled = hospital.tell_all(ORDER, "discharge_plan_cancelled", "PROVIDER", reason="the other goes on", **OLD)
    assert [(told.outcome, told.reason, told.case) for told in cancelled] == [("ignored", "another_plan", None)]
    assert states(hospital) == {(PLAN, "E-9"): "ordering", (ORDER, "E-9"): "sent", (PLAN, "E-1"): "cancelled"}
    assert hospital.recalling.performed == []
    assert violations(hospital) == []


def test_nor_when_its_order_is_told_again_after_the_plan_has_ended() -> None:
    """A worker died between the two."""
    hospital = two_plans()
    raw = hospital.raw("discharge_plan_cancelled", by="MD-1:PROVIDER", reason="the other goes on", **OLD)
    event = parse_event(raw, now=datetime.fromtimestamp(hospital.now, UTC))
    assert place_in(hospital.services, PLAN, event, raw).outcome == "moved"
    hospital.following.run()
    hospital.now += MINUTE
    hospital.deliver(raw)
    assert states(hospital) == {(PLAN, "E-9"): "ordering", (ORDER, "E-9"): "sent", (PLAN, "E-1"): "cancelled"}
    assert violations(hospital) == []


def test_the_plan_that_asked_for_it_takes_its_order_along() -> None:
    hospital = two_plans()
    hospital.tell_all(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="the other goes on", **NEW)
    assert states(hospital) == {(PLAN, "E-9"): "cancelled", (ORDER, "E-9"): "withdrawn", (PLAN, "E-1"): "qualified"}


def test_what_only_orders_know_reaches_the_order_by_either_record() -> None:
    hospital = two_plans()
    told = hospital.tell(ORDER, "vendor_acknowledged", "VENDOR", order_id="O1", **OLD)
    assert (told.outcome, hospital.of(ORDER).id) == ("moved", told.case)


def test_what_is_said_of_the_patient_reaches_the_order_by_either_record() -> None:
    hospital = two_plans()
    hospital.tell_all(PLAN, "patient_died", **OLD)
    assert states(hospital) == {(PLAN, "E-9"): "deceased", (ORDER, "E-9"): "withdrawn", (PLAN, "E-1"): "deceased"}
    assert violations(hospital) == []


def test_an_order_whose_plan_has_ended_hears_of_its_own_events_while_the_next_plan_goes_on() -> None:
    hospital = Hospital()
    hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER")
    hospital.tell(PLAN, "qualifying_test_completed", "RT", **TEST)
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER")
    hospital.tell(ORDER, "home_oxygen_order_drafted", "CASE_MANAGER", order_id="O1", vendor_id="V1", flow_l_min=2)
    hospital.tell(ORDER, "home_oxygen_order_signed", "PROVIDER", order_id="O1")
    hospital.tell(ORDER, "vendor_acknowledged", "VENDOR", order_id="O1")
    hospital.tell(PLAN, "patient_discharged")
    hospital.tell(PLAN, "patient_readmitted")
    assert (hospital.at(PLAN), hospital.at(ORDER)) == ("readmitted", "vendor_acked")
    hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER")
    hospital.tell_all(ORDER, "equipment_delivered", "VENDOR", place="home")
    assert (hospital.at(PLAN), hospital.at(ORDER)) == ("discharge_planned", "delivered")


# ── a merge in the moment in which an order is asked for ─────────────────────────────────────────────────────────────────


def test_an_order_that_opens_in_the_moment_of_a_merge_is_about_the_surviving_record() -> None:
    hospital = after_test()
    patient = hospital.of(PLAN).patient
    assert patient is not None
    table = Between(hospital.table)
    hospital.use(table)
    place = hospital.services.keys.correlation(hospital.facility, ORDER, patient)

    def merged() -> None:
        hospital.tell(PLAN, "patient_merged", patient=patient, surviving_patient="P-99", after=1)

    table.before_write(merged, of=touches(place))
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER")
    assert table.happened == 1
    assert {row.workflow: row.patient for row in hospital.cases()} == {PLAN: "P-99", ORDER: "P-99"}
    assert violations(hospital) == []


def test_an_order_that_opens_between_the_two_answers_to_a_merge_is_about_the_surviving_record() -> None:
    """The order's workflow was told before there was an order; the plan is told just before the order is written."""
    hospital = after_test()
    table = Between(hospital.table)
    hospital.use(table)
    raw = hospital.raw("patient_merged", by="ADT:REGISTRATION", patient="P-1", surviving_patient="P-99")
    event = parse_event(raw, now=datetime.fromtimestamp(hospital.now, UTC))
    assert place_in(hospital.services, ORDER, event, raw).reason == "records_merged"
    place = hospital.services.keys.correlation(hospital.facility, ORDER, "P-99")
    table.before_write(lambda: place_in(hospital.services, PLAN, event, raw), of=touches(place))
    before = hospital.pauses
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER")
    assert (table.happened, hospital.pauses - before) == (1, 1), "it is written as it is read once more"
    assert {row.workflow: row.patient for row in hospital.cases()} == {PLAN: "P-99", ORDER: "P-99"}
    assert violations(hospital) == []


# ── what happened before the plan was made ───────────────────────────────────────────────────────────────────────────────


def planned() -> tuple[Hospital, float]:
    """A plan, and when it was made."""
    hospital = Hospital()
    hospital.now += 2 * HOUR
    hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER")
    return hospital, hospital.now


@pytest.mark.parametrize("type", ["discharge_plan_cancelled", "home_oxygen_not_needed"])
@pytest.mark.parametrize(("before", "taken_back"), [(61, False), (60, True), (0, True), (-30, True)])
def test_what_takes_something_back_takes_back_no_plan_that_was_made_later(
    type: str, before: float, taken_back: bool
) -> None:
    """Heard first it would not either: there was nothing to take back. Within a minute stamps do not tell."""
    hospital, made = planned()
    told = hospital.tell(PLAN, type, "PROVIDER", reason="stays", at=made - before)
    assert (told.outcome, told.reason) == (
        ("moved", "transition") if taken_back else ("ignored", "nothing_to_take_back")
    )
    assert (hospital.at(PLAN) == "discharge_planned") is not taken_back


def test_a_plan_that_was_cancelled_before_its_order_was_asked_for_takes_that_along() -> None:
    """The order had been asked for already when somebody heard of it."""
    hospital = after_test()
    hospital.now += HOUR
    cancelled = hospital.now
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER", after=10 * MINUTE)
    assert hospital.at(ORDER) == "order_draft"
    hospital.tell_all(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays", at=cancelled)
    assert (hospital.at(PLAN), hospital.at(ORDER)) == ("cancelled", "withdrawn")


def test_what_takes_back_a_result_is_compared_with_its_value_not_with_its_case() -> None:
    """A withdrawal names its result: of an earlier value of it, it is recorded, and not without a case."""
    hospital = Hospital()
    hospital.now += HOUR
    hospital.tell(LAB, "critical_result_reported", "LAB", **RESULT)
    told = hospital.tell(LAB, "result_withdrawn", "LAB", reason="haemolysed", at=hospital.now - 120)
    assert (told.outcome, told.reason, told.case) == ("recorded", "older_than_known", hospital.of(LAB).id)


def test_what_came_before_its_plan_and_takes_nothing_back_counts_however_late() -> None:
    hospital, made = planned()
    hospital.tell(PLAN, "qualifying_test_ordered", "PROVIDER", at=made - HOUR)
    assert hospital.at(PLAN) == "test_due"


@pytest.mark.parametrize("another_before", [False, True])
@pytest.mark.parametrize(
    ("type", "hours", "state"),
    [("discharge_plan_cancelled", 4, "cancelled"), ("qualifying_test_ordered", 1, "test_due")],
)
def test_what_waits_for_a_plan_that_opens_in_the_moment_in_which_it_is_given_up_reaches_it(
    monkeypatch: pytest.MonkeyPatch, another_before: bool, type: str, hours: float, state: str
) -> None:
    """The plan was made before, and its message comes hours late; its worker dies before it took up what waits."""
    hospital = Hospital()
    table = Between(hospital.table)
    hospital.use(table)
    if another_before:
        hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER")
        hospital.tell(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays")
    hospital.now += HOUR
    made = hospital.now
    reason: dict[str, Any] = {"reason": "stays"} if type == "discharge_plan_cancelled" else {}
    hospital.tell(PLAN, type, "PROVIDER", at=made + 30, **reason)
    hospital.now = made + hours * HOUR + 2 * MINUTE

    def opens() -> None:
        with monkeypatch.context() as dying:
            dying.setattr(events, "drain_early", lambda *_: None)
            hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER", at=made, after=0)

    early = hospital.services.keys.correlation(hospital.facility, PLAN, "P-1")
    table.before_write(opens, of=touches(early, "EARLY#"))
    hospital.sweep()
    assert table.happened == 1
    hospital.now += 2 * MINUTE
    hospital.sweep()
    assert hospital.at(PLAN) == state


# ── what happened before the discharge ───────────────────────────────────────────────────────────────────────────────────


def discharged(**options: Any) -> tuple[Hospital, float]:
    """At home, oxygen arranged; and when they left."""
    hospital = after_test(**options)
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER")
    hospital.tell(PLAN, "patient_discharged")
    left = hospital.now
    hospital.tell(PLAN, "home_oxygen_arranged", "CASE_MANAGER", how="vendor")
    assert hospital.at(PLAN) == "discharged"
    return hospital, left


@pytest.mark.parametrize(
    ("type", "by", "state"),
    [("patient_readmitted", None, "readmitted"), ("follow_up_visit_completed", "PCP", "closed")],
)
@pytest.mark.parametrize(("before", "counts"), [(3 * HOUR, False), (30 * MINUTE, False), (30, True), (-HOUR, True)])
def test_what_happened_before_the_patient_left_does_not_end_the_follow_up(
    type: str, by: str | None, state: str, before: float, counts: bool
) -> None:
    hospital, left = discharged()
    hospital.now = left + 2 * HOUR
    told = hospital.tell(PLAN, type, by, at=left - before)
    assert (told.outcome, hospital.at(PLAN)) == (("moved", state) if counts else ("recorded", "discharged"))
