"""One patient in several workflows at once: what happens to the patient reaches each case, and only where there is one."""

from __future__ import annotations

from typing import Any

from functions.cases.intake import take_in
from functions.cases.outcome import Placed
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.ways import RESULT, TEST, somebody


def on_oxygen() -> Hospital:
    hospital = Hospital()
    hospital.tell("oxygen", "oxygen_ordered", "PROVIDER", order_id="O1", age_years=70)
    hospital.tell("oxygen", "oxygen_changed", "RN", flow_l_min=2)
    return hospital


def answers(hospital: Hospital, type: str, **data: Any) -> dict[str, Placed]:
    hospital.now += 60
    by = f"{somebody('REGISTRATION')}:REGISTRATION"
    placed = take_in(hospital.services, hospital.raw(type, by=by, facility=hospital.facility, **data))
    assert isinstance(placed, list), placed
    hospital.following.run()
    return {answer.workflow: answer for answer in placed}


def test_where_a_patient_has_no_case_an_event_of_their_life_does_not_apply() -> None:
    hospital = on_oxygen()
    placed = answers(hospital, "patient_transferred", to_unit="U2")
    assert placed.pop("oxygen").outcome == "moved"
    assert set(placed) == {"critical_lab", "home_oxygen", "home_oxygen_order"}
    assert {(answer.outcome, answer.reason) for answer in placed.values()} == {("ignored", "not_applicable")}


def test_a_death_reaches_every_case_of_the_patient() -> None:
    hospital = on_oxygen()
    hospital.tell("critical_lab", "critical_result_reported", **RESULT)
    hospital.tell("home_oxygen", "discharge_planned", "CASE_MANAGER")
    hospital.tell("home_oxygen", "qualifying_test_completed", "RT", **TEST)
    hospital.tell("home_oxygen", "home_oxygen_requested", "PROVIDER")
    placed = answers(hospital, "patient_died")
    assert {answer.outcome for answer in placed.values()} == {"moved"}
    assert {workflow: hospital.at(workflow) for workflow in placed} == {
        "oxygen": "titrated_undocumented",
        "critical_lab": "deceased",
        "home_oxygen_order": "withdrawn",
        "home_oxygen": "deceased",
    }


def test_what_only_one_workflow_knows_reaches_only_that_one() -> None:
    hospital = on_oxygen()
    placed = answers(hospital, "spo2_observed", spo2_percent=91)
    assert set(placed) == {"oxygen"}
