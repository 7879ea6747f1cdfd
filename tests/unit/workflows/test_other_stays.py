"""A patient's plan and what is said of the patient's other stays and other records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.cases import keys
from functions.cases.quarantine import quarantined
from functions.cases.settle import settle
from functions.cases.table import Item, Key, Table, read_all
from tests.support.tables import Through
from tests.support.world import ScriptedStep, StepFunctionsDown
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.test_home_oxygen import ORDER, PLAN
from tests.unit.workflows.test_overtaken import LAB
from tests.unit.workflows.ways import RESULT, TEST, somebody

HOUR = 3600.0


def plan(hospital: Hospital, encounter: str = "E-1", patient: str = "P-1") -> None:
    hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER", patient=patient, encounter=encounter)


# ── a discharge of a stay that is over ───────────────────────────────────────────────────────────────────────────────────


def test_a_late_discharge_of_the_stay_before_moves_nothing_in_the_plan_of_this_one() -> None:
    hospital = Hospital()
    plan(hospital, "E-1")
    hospital.tell(PLAN, "home_oxygen_not_needed", "PROVIDER", reason="no", patient="P-1", encounter="E-1")
    hospital.now += HOUR
    left = hospital.now
    hospital.now += 20 * HOUR
    plan(hospital, "E-2")
    late = hospital.tell(PLAN, "patient_discharged", patient="P-1", encounter="E-1", at=left)
    assert (late.outcome, late.reason, hospital.at(PLAN)) == ("ignored", "another_stay", "discharge_planned")


def test_so_does_one_of_a_stay_that_had_no_plan() -> None:
    hospital = Hospital()
    left = hospital.now
    hospital.now += 20 * HOUR
    plan(hospital, "E-2")
    late = hospital.tell(PLAN, "patient_discharged", patient="P-1", encounter="E-1", at=left, id="late")
    assert (late.outcome, late.reason, hospital.at(PLAN)) == ("ignored", "another_stay", "discharge_planned")
    again = hospital.tell(PLAN, "patient_discharged", patient="P-1", encounter="E-1", at=left, id="late")
    assert again.duplicate


def test_a_discharge_since_the_plan_began_counts_under_whatever_encounter() -> None:
    hospital = Hospital()
    plan(hospital, "E-2")
    left = hospital.tell(PLAN, "patient_discharged", patient="P-1", encounter="E-3")
    assert (left.outcome, hospital.at(PLAN)) == ("moved", "left_unready")


def test_a_discharge_of_the_plan_s_own_stay_counts_however_early() -> None:
    """The patient has left, and the plan was made too late: somebody must look."""
    hospital = Hospital()
    left = hospital.now
    hospital.now += 20 * HOUR
    plan(hospital, "E-2")
    hospital.tell(PLAN, "patient_discharged", patient="P-1", encounter="E-2", at=left)
    assert hospital.at(PLAN) == "left_unready"


def test_a_discharge_of_the_minute_in_which_the_plan_began_counts_under_whatever_encounter() -> None:
    hospital = Hospital()
    minute = hospital.now
    hospital.now += 30
    plan(hospital, "E-OBSERVATION")
    hospital.tell(PLAN, "patient_discharged", patient="P-1", encounter="E-INPATIENT", at=minute + 60)
    assert hospital.at(PLAN) == "left_unready"


def test_a_death_counts_however_late_and_under_whatever_encounter() -> None:
    hospital = Hospital()
    died = hospital.now
    hospital.now += HOUR
    plan(hospital, "E-2")
    hospital.tell(PLAN, "patient_died", patient="P-1", encounter="E-1", at=died)
    assert hospital.at(PLAN) == "deceased"


# ── what waits under a record that is merged, and merged again ───────────────────────────────────────────────────────────


def waiting_under_a_merged_record(type: str, by: str, **data: Any) -> Hospital:
    """P-1 was merged into P-9; an event still names P-1, and waits for the next plan."""
    hospital = Hospital()
    plan(hospital)
    hospital.tell_all(PLAN, "patient_merged", patient="P-1", surviving_patient="P-9")
    hospital.tell(PLAN, "home_oxygen_not_needed", "PROVIDER", reason="stays", patient="P-9")
    assert hospital.tell(PLAN, type, by, patient="P-1", id="held", **data).outcome == "held_early"
    return hospital


def waiting(hospital: Hospital) -> int:
    places = (hospital.services.keys.correlation("northfield", PLAN, patient) for patient in ("P-1", "P-9", "P-10"))
    return sum(len(list(read_all(hospital.table, place, keys.EARLY))) for place in places)


def test_what_took_back_no_plan_waits_no_longer_than_its_time_although_its_record_is_merged_again() -> None:
    hospital = waiting_under_a_merged_record("discharge_plan_cancelled", "PROVIDER", reason="a mistake")
    hospital.now += 600
    plan(hospital, patient="P-9")
    hospital.tell_all(PLAN, "patient_merged", patient="P-9", surviving_patient="P-10")
    for _ in range(10):
        hospital.now += HOUR
        hospital.sweep()
    mark = hospital.mark("held", workflow=PLAN)
    assert mark is not None
    assert (mark["outcome"], waiting(hospital), hospital.pauses) == ("ignored", 0, 0)
    assert list(quarantined(hospital.services)) == []


def test_what_is_for_the_next_plan_comes_there_although_its_record_was_merged_again_before_it_was_told() -> None:
    hospital = waiting_under_a_merged_record("qualifying_test_completed", "RT", **TEST)
    hospital.following.down = True
    with pytest.raises(StepFunctionsDown):  # nobody takes up what waits
        plan(hospital, patient="P-9")
    hospital.following.down = False
    hospital.tell_all(PLAN, "patient_merged", patient="P-9", surviving_patient="P-10")
    for _ in range(5):
        hospital.now += 60
        hospital.sweep()
    assert (hospital.at(PLAN), waiting(hospital), hospital.pauses) == ("qualified", 0, 0)


# ── whose a case is that re-opens ────────────────────────────────────────────────────────────────────────────────────────


def ended_lab(hospital: Hospital) -> None:
    """A result of P-1 was told to a nurse, corrected, and that is known."""
    hospital.tell(LAB, "critical_result_reported", patient="P-1", **RESULT)
    hospital.tell(LAB, "result_verified", "LAB", patient="P-1")
    hospital.tell(LAB, "result_called", "LAB", patient="P-1", recipient_id=somebody("RN"), cares_for_patient=True)
    hospital.tell(LAB, "result_withdrawn", "LAB", patient="P-1", reason="haemolysed")


def acknowledged(hospital: Hospital) -> None:
    hospital.tell(LAB, "correction_acknowledged", "PROVIDER", patient="P-1")
    assert hospital.of(LAB).ended_at is not None


def test_a_case_that_re_opens_after_a_merge_that_no_case_heard_of_is_of_the_record_that_is_named() -> None:
    hospital = Hospital()
    ended_lab(hospital)
    acknowledged(hospital)
    hospital.tell_all(LAB, "patient_merged", patient="P-1", surviving_patient="P-9")
    hospital.tell(LAB, "critical_result_reported", patient="P-9", **RESULT)
    assert (len(hospital.cases()), hospital.of(LAB).earlier, hospital.of(LAB).patient) == (
        2,
        hospital.cases()[0].id,
        "P-9",
    )


def test_no_older_merge_sets_back_whose_a_case_is_that_re_opened() -> None:
    hospital = Hospital()
    ended_lab(hospital)
    older = hospital.now
    hospital.tell_all(LAB, "patient_merged", patient="P-1", surviving_patient="P-9")
    acknowledged(hospital)
    hospital.tell(LAB, "critical_result_reported", patient="P-1", **RESULT)
    assert hospital.of(LAB).patient == "P-9"
    hospital.tell_all(LAB, "patient_merged", patient="P-9", surviving_patient="P-10", at=older)
    assert hospital.of(LAB).patient == "P-9"


# ── an order whose record is merged while its plan wants another ─────────────────────────────────────────────────────────


class Meanwhile(Through):
    """Something happens once, right after a row was read."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._after: dict[Key, Callable[[], None]] = {}

    def after(self, key: Key, happens: Callable[[], None]) -> None:
        """Let it happen when this row is read the next time."""
        self._after[key] = happens

    def get(self, key: Key) -> Item | None:
        item = super().get(key)
        if key in self._after:
            self._after.pop(key)()
        return item


def test_no_second_order_is_opened_beside_one_whose_record_is_merged_in_that_moment() -> None:
    hospital = Hospital()
    table = Meanwhile(hospital.table)
    hospital.services = hospital.following.services = replace(hospital.services, table=table)
    hospital.steps["recall_order"] = ScriptedStep(["failed"] * 9)
    plan(hospital)
    hospital.tell(PLAN, "qualifying_test_completed", "RT", patient="P-1", **TEST)
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER", patient="P-1")
    drafted = "home_oxygen_order_drafted"
    hospital.tell(ORDER, drafted, "CASE_MANAGER", patient="P-1", order_id="O1", vendor_id="V1", flow_l_min=2)
    while hospital.at(PLAN) == "ordering":
        hospital.pass_time(HOUR)
    hospital.tell_all(PLAN, "home_oxygen_order_cancelled", "PROVIDER", reason="another vendor", patient="P-1")
    hospital.tell(PLAN, "home_oxygen_requested", "PROVIDER", patient="P-1")
    assert (hospital.at(PLAN), hospital.of(ORDER).ended_at) == ("ordering", None), "the old order is not out of the way"

    def merge() -> None:
        hospital.tell_all(ORDER, "patient_merged", patient="P-1", surviving_patient="P-9", after=0)

    table.after(Key(hospital.services.keys.correlation("northfield", ORDER, "P-1"), keys.OPEN), merge)
    settle(hospital.services, hospital.of(PLAN))
    hospital.following.run()
    assert [(row.patient, row.ended_at) for row in hospital.cases() if row.workflow == ORDER] == [("P-9", None)]


# ── what is stamped to the minute ────────────────────────────────────────────────────────────────────────────────────────


def test_who_takes_an_order_back_twice_and_asks_for_another_gets_the_other() -> None:
    """The platform and the EMR both tell of the cancellation; the second comes late, and within a minute of the next request."""
    hospital = Hospital()
    plan(hospital)
    hospital.tell(PLAN, "home_oxygen_not_needed", "PROVIDER", reason="stays", patient="P-1")
    told = hospital.tell(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays", patient="P-1")
    assert told.outcome == "held_early"
    hospital.now -= 20
    plan(hospital)
    assert hospital.at(PLAN) == "discharge_planned"


@pytest.mark.parametrize(("before", "at"), [(600.0, "discharge_planned"), (30.0, "cancelled")])
def test_a_second_cancellation_of_the_plan_before_is_none_of_the_plan_that_was_made_since(
    before: float, at: str
) -> None:
    hospital = Hospital()
    plan(hospital)
    hospital.tell(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays", patient="P-1")
    hospital.now += 3600
    plan(hospital)
    hospital.tell(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays", patient="P-1", at=hospital.now - before)
    assert hospital.at(PLAN) == at


@pytest.mark.parametrize(("later", "withdrawn"), [(20.0, True), (60.0, True), (61.0, False)])
def test_a_withdrawal_of_the_same_minute_is_of_the_result_that_it_overtakes(later: float, withdrawn: bool) -> None:
    hospital = Hospital()
    minute = hospital.now + 120
    hospital.now = minute + 90
    held = hospital.tell(LAB, "result_withdrawn", "LAB", after=0, reason="haemolysed", at=minute, id="withdrawal")
    assert held.outcome == "held_early"
    hospital.tell(LAB, "critical_result_reported", after=0, at=minute + later, **RESULT)
    assert (hospital.at(LAB) == "withdrawn") is withdrawn
