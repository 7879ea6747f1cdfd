"""What takes something back arrives before what it takes back: it waits, and does not apply when nothing comes in its time."""

from __future__ import annotations

from typing import Any

import pytest

from functions.cases import keys
from functions.cases.early import NO_CASE_IN_TIME
from functions.cases.quarantine import quarantined
from functions.cases.sweep import Mended
from functions.cases.table import read_all
from functions.cases.unopened import EARLY_LOOK_SECONDS
from tests.support.invariants import violations
from tests.support.world import StepFunctionsDown
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.ways import RESULT, TEST

LAB, PLAN, ORDER = "critical_lab", "home_oxygen", "home_oxygen_order"
HARMLESS = {**RESULT, "potassium_mmol_l": 4.2}
HOURS = 3600.0


def early(hospital: Hospital, workflow: str, type: str, by: str, **event: Any) -> None:
    """An event overtakes what it takes back, which happened ten minutes before."""
    assert hospital.tell(workflow, type, by, **event).outcome == "held_early"


def late(
    hospital: Hospital, workflow: str, type: str, by: str | None = None, *, before: float = 600, **event: Any
) -> None:
    """What was overtaken arrives."""
    assert hospital.tell(workflow, type, by, at=hospital.now + 60 - before, **event).outcome == "moved"


def looked(hospital: Hospital) -> list[Mended]:
    return [each.mended for each in hospital.sweep() if each.case is None]


def test_nobody_is_called_with_a_value_whose_correction_overtook_it() -> None:
    hospital = Hospital()
    early(hospital, LAB, "result_corrected", "LAB", **HARMLESS)
    late(hospital, LAB, "critical_result_reported", **RESULT)
    row = hospital.of(LAB)
    assert (row.state, row.case.facts["potassium"].value) == ("resulted", 4.2)
    hospital.tell(LAB, "result_verified", "LAB")
    assert hospital.at(LAB) == "not_critical"
    assert violations(hospital) == []


def test_a_withdrawal_that_overtook_its_result_withdraws_it() -> None:
    hospital = Hospital()
    early(hospital, LAB, "result_withdrawn", "LAB", reason="haemolysed")
    late(hospital, LAB, "critical_result_reported", **RESULT)
    assert hospital.at(LAB) == "withdrawn"
    assert violations(hospital) == []


@pytest.mark.parametrize(
    ("type", "by", "event"),
    [
        ("result_corrected", "LAB", HARMLESS),
        ("result_withdrawn", "LAB", {"reason": "haemolysed"}),
    ],
)
def test_most_results_never_were_critical_and_nobody_has_to_look_at_their_corrections(
    type: str, by: str, event: dict[str, Any]
) -> None:
    hospital = Hospital()
    early(hospital, LAB, type, by, **event, id="early")
    hospital.pass_time(4 * HOURS - 60)
    assert looked(hospital) == [Mended.NOTHING]
    hospital.pass_time(60)
    assert looked(hospital) == [Mended.EARLY_NOT_APPLICABLE]
    mark = hospital.mark("early", workflow=LAB)
    assert mark is not None
    assert (mark["outcome"], mark["reason"]) == ("ignored", NO_CASE_IN_TIME)
    assert not list(quarantined(hospital.services))
    assert hospital.sweep() == []
    again = hospital.tell(LAB, type, by, **event, id="early")
    assert (again.outcome, again.duplicate) == ("ignored", True)
    hospital.tell(LAB, "critical_result_reported", **RESULT)
    assert hospital.at(LAB) == "resulted", "its time is over"


def test_one_of_many_corrections_is_looked_at_ever_more_rarely() -> None:
    hospital = Hospital()
    early(hospital, LAB, "result_corrected", "LAB", **HARMLESS)
    looks = 0
    for _ in range(4 * 60):
        hospital.now += 60
        looks += len(looked(hospital))
    assert 8 <= looks <= 12


def test_what_nobody_took_up_when_its_case_opened_is_placed_by_the_sweep() -> None:
    hospital = Hospital()
    early(hospital, LAB, "result_withdrawn", "LAB", reason="haemolysed")
    hospital.following.down = True
    with pytest.raises(StepFunctionsDown):
        late(hospital, LAB, "critical_result_reported", **RESULT)
    hospital.following.down = False
    assert hospital.at(LAB) == "resulted"
    hospital.now += 60
    assert Mended.EARLY_PLACED in [each.mended for each in hospital.sweep()]
    assert hospital.at(LAB) == "withdrawn"
    assert violations(hospital) == []


@pytest.mark.parametrize(
    ("type", "state"), [("home_oxygen_not_needed", "not_needed"), ("discharge_plan_cancelled", "cancelled")]
)
def test_a_plan_that_was_given_up_is_not_worked_on_when_it_arrives_last(type: str, state: str) -> None:
    hospital = Hospital()
    early(hospital, PLAN, type, "PROVIDER", reason="stays")
    late(hospital, PLAN, "discharge_planned", "CASE_MANAGER")
    assert hospital.at(PLAN) == state
    assert violations(hospital) == []


@pytest.mark.parametrize("type", ["home_oxygen_not_needed", "discharge_plan_cancelled"])
def test_what_took_back_an_earlier_plan_takes_back_no_later_one(type: str) -> None:
    """A patient has many plans; what was given up before a plan was made says nothing of it."""
    hospital = Hospital()
    early(hospital, PLAN, type, "PROVIDER", reason="stays", id="early")
    late(hospital, PLAN, "discharge_planned", "CASE_MANAGER", before=0)
    assert hospital.at(PLAN) == "discharge_planned"
    hospital.pass_time(60)
    assert Mended.EARLY_PLACED not in [each.mended for each in hospital.sweep()]
    hospital.now += 4 * HOURS
    assert Mended.EARLY_NOT_APPLICABLE in [each.mended for each in hospital.sweep()]
    mark = hospital.mark("early", workflow=PLAN)
    assert mark is not None
    assert mark["outcome"] == "ignored"
    assert hospital.at(PLAN) != "cancelled"


def test_what_is_told_again_of_an_ended_plan_does_not_take_back_the_next_one() -> None:
    hospital = Hospital()
    hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER", id="first")
    hospital.tell(PLAN, "home_oxygen_not_needed", "PROVIDER", reason="stays")
    early(hospital, PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays")
    hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER")
    assert hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER", id="first").duplicate
    assert hospital.at(PLAN) == "discharge_planned"
    hospital.tell(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays", id="second")
    before = hospital.snapshot()
    assert hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER", id="first").duplicate
    assert hospital.snapshot() == before, "nor is it refused where it never belonged"


def test_what_takes_back_a_plan_that_has_ended_is_ignored_when_its_time_is_over() -> None:
    hospital = Hospital()
    hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER")
    hospital.tell(PLAN, "discharge_plan_cancelled", "PROVIDER", reason="stays")
    early(hospital, PLAN, "home_oxygen_not_needed", "PROVIDER", reason="stays", id="after")
    hospital.now += 60
    assert Mended.EARLY_PLACED not in [each.mended for each in hospital.sweep()]
    hospital.now += 4 * HOURS
    assert Mended.EARLY_NOT_APPLICABLE in [each.mended for each in hospital.sweep()]
    assert (hospital.at(PLAN), len(hospital.cases())) == ("cancelled", 1)


def planned() -> Hospital:
    hospital = Hospital()
    hospital.tell(PLAN, "discharge_planned", "CASE_MANAGER")
    hospital.tell(PLAN, "qualifying_test_completed", "RT", **TEST)
    return hospital


def test_what_takes_nothing_back_may_have_happened_before_its_case_began() -> None:
    hospital = Hospital()
    early(hospital, LAB, "result_verified", "LAB")
    late(hospital, LAB, "critical_result_reported", before=0, **RESULT)
    assert hospital.at(LAB) == "notify_due"


def test_what_takes_nothing_back_is_looked_at_each_minute_however_long_it_waits() -> None:
    hospital = Hospital()
    early(hospital, LAB, "result_verified", "LAB", result_id="R1")
    for _ in range(30):
        hospital.now += 60
        hospital.sweep()
    place = hospital.services.keys.correlation("northfield", LAB, "E-1", "R1")
    (waits,) = read_all(hospital.table, place, keys.EARLY)
    assert waits["look_at"] <= hospital.now + EARLY_LOOK_SECONDS


def held_for(hospital: Hospital, minutes: int) -> float:
    """A cancelled order waits so long for its request, with a sweep each minute; how long before now it was asked for."""
    early(hospital, ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="mistaken")
    for _ in range(minutes):
        hospital.now += 60
        hospital.sweep()
    return minutes * 60.0 + 90


@pytest.mark.parametrize("minutes", [0, 65])
def test_an_order_that_was_cancelled_ends_within_a_minute_when_its_request_arrives_last(minutes: int) -> None:
    """A sub-case takes up nothing when it opens; the sweep does, however long it has waited."""
    hospital = planned()
    late(hospital, PLAN, "home_oxygen_requested", "PROVIDER", before=held_for(hospital, minutes))
    (waits,) = read_all(hospital.table, hospital.of(ORDER).correlation, keys.EARLY)
    assert waits["look_at"] <= hospital.now + EARLY_LOOK_SECONDS
    hospital.now += 60
    assert Mended.EARLY_PLACED in [each.mended for each in hospital.sweep()]
    assert hospital.visited(ORDER) == ["order_draft", "withdrawn"]
    assert hospital.at(PLAN) == "qualified"
    assert violations(hospital) == []


def test_a_cancelled_order_does_not_cancel_the_next_one() -> None:
    hospital = planned()
    early(hospital, ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="mistaken")
    late(hospital, PLAN, "home_oxygen_requested", "PROVIDER", before=0)
    hospital.now += 60
    assert Mended.EARLY_PLACED not in [each.mended for each in hospital.sweep()]
    assert hospital.at(ORDER) == "order_draft"
