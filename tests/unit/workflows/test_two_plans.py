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
from tests.unit.workflows.test_home_oxygen import ORDER, PLAN, after_test
from tests.unit.workflows.ways import TEST

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


def test_what_is_said_of_the_patient_reaches_the_order_by_either_record() -> None:
    hospital = two_plans()
    hospital.tell_all(PLAN, "patient_died", **OLD)
    assert states(hospital) == {(PLAN, "E-9"): "deceased", (ORDER, "E-9"): "withdrawn", (PLAN, "E-1"): "deceased"}
    assert violations(hospital) == []


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
    assert (told.outcome, told.reason) == (("moved", "transition") if taken_back else ("ignored", "before_the_case"))
    assert (hospital.at(PLAN) == "discharge_planned") is not taken_back


def test_what_came_before_its_plan_and_takes_nothing_back_counts_however_late() -> None:
    hospital, made = planned()
    hospital.tell(PLAN, "qualifying_test_ordered", "PROVIDER", at=made - HOUR)
    assert hospital.at(PLAN) == "test_due"


def test_a_plan_that_opens_in_the_moment_in_which_its_cancellation_is_given_up_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was made before, and its message comes four hours late; its worker dies before it took up what waits."""
    hospital = Hospital()
    table = Between(hospital.table)
    hospital.use(table)
    hospital.now += HOUR
    made = hospital.now
    hospital.tell(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays", at=made + 30)
    hospital.now = made + 4 * HOUR + 2 * MINUTE

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
    assert hospital.at(PLAN) == "cancelled"


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
