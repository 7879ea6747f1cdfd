"""One workflow, case or held event that fails keeps no other from being told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from functions.cases.faults import Faults
from functions.cases.intake import take_in
from functions.cases.ports import Signal
from functions.cases.quarantine import quarantined
from functions.cases.sweep import Mended
from functions.cases.table import Key, Update
from statemachines.workflows import WORKFLOWS
from tests.support.course import staffed
from tests.support.invariants import violations
from tests.support.world import StepFunctionsDown, World
from tests.unit.workflows.hospital import ROLES
from tests.unit.workflows.ways import RESULT, somebody

MD, RN, RT, REGISTRATION = "MD-OAK:PROVIDER", "RN-ASH:RN", "RT-LINDEN:RT", "ADT-1:REGISTRATION"
LAB, OXYGEN = "critical_lab", "oxygen"


def hospital() -> World:
    """A patient on the oxygen workflow, with two critical results."""
    world = World(definitions=WORKFLOWS)
    world.on_shift(*(f"{somebody(role)}:{role}" for role in ROLES), RT, hours=200)
    world.now += 60
    for result in ("R1", "R2"):
        take_in(world.services, world.raw("critical_result_reported", **{**RESULT, "result_id": result}))
    take_in(world.services, world.raw("oxygen_ordered", by=MD, order_id="O1", age_years=70))
    world.following.run()
    return world


def out_of_reach(world: World, failing: Callable[[str], bool]) -> None:
    """No signal reaches the executions of some cases: a machine that is gone, a permission that was taken away."""
    reached = world.following.succeed

    def succeed(token: str, signal: Signal) -> None:
        if failing(signal["case"]):
            raise StepFunctionsDown
        reached(token, signal)

    world.following.succeed = succeed  # type: ignore[method-assign]


@pytest.mark.parametrize("workflow", [OXYGEN, LAB])
def test_a_workflow_whose_executions_are_out_of_reach_keeps_the_others_from_nothing(workflow: str) -> None:
    world = hospital()
    stuck = {row.id for row in world.cases() if row.workflow == workflow}
    out_of_reach(world, stuck.__contains__)
    raw = world.raw("patient_died", by=REGISTRATION, id="died")
    with pytest.raises((StepFunctionsDown, ExceptionGroup)):
        take_in(world.services, raw)
    assert {row.state for row in world.cases() if row.workflow == LAB} == {"deceased"}
    assert all(row.ended_at is not None for row in world.cases()), "each was committed, though not each can follow"
    before = {row.id: len(world.journal(row.id)) for row in world.cases()}
    with pytest.raises((StepFunctionsDown, ExceptionGroup)):
        take_in(world.services, raw)
    assert {row.id: len(world.journal(row.id)) for row in world.cases()} == before


@pytest.mark.parametrize("which", [0, 1])
def test_a_case_whose_execution_is_out_of_reach_keeps_the_others_of_its_workflow_from_nothing(which: int) -> None:
    world = hospital()
    stuck = [row.id for row in world.cases() if row.workflow == LAB][which]
    out_of_reach(world, stuck.__eq__)
    raw = world.raw("patient_died", by=REGISTRATION, id="died")
    for _ in range(2):  # the second time, what was committed and could not follow fails again, and keeps nobody
        with pytest.raises(StepFunctionsDown):
            take_in(world.services, raw)
        assert all(row.ended_at is not None for row in world.cases())
        assert world.mark("died", workflow=LAB) is None, "not all have been told, so it may come again"


def test_faults_are_raised_together_and_one_is_raised_as_it_is() -> None:
    def fails(why: str) -> None:
        raise ValueError(why)

    faults = Faults()
    faults.raise_together()
    with faults.kept():
        fails("the first")
    with pytest.raises(ValueError, match="the first"):
        faults.raise_together()
    with faults.kept():
        fails("the second")
    with pytest.raises(ExceptionGroup) as both:
        faults.raise_together()
    assert [str(fault) for fault in both.value.exceptions] == ["the first", "the second"]


# ── held events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def held() -> World:
    """Two events wait for their case; the first can no longer be read, as when a stricter release reads it."""
    world = staffed("northfield")
    world.now += 600
    world.place("oxygen_changed", by=RN, id="unreadable", flow_l_min=2, at=world.now - 100)
    world.place("oxygen_changed", by=RN, id="sound", flow_l_min=2, at=world.now - 90)
    (first,) = [key for key in world.snapshot() if key.sk == early(world, "unreadable").sk]
    world.table.write((Update(first, set={"raw": "{"}),))
    return world


def early(world: World, id: str) -> Key:
    return world.services.keys.early("", "northfield", id)


def test_a_held_event_that_can_no_longer_be_read_is_quarantined_and_holds_up_neither_case_nor_events() -> None:
    world = held()
    placed = world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70, at=world.now - 200)
    assert placed.outcome == "moved"
    assert world.path(world.case().id) == ["ordered", "assessment_due"]
    assert world.mark("unreadable") is None, "so that a corrected copy can be sent through"
    assert [kept.reason for kept in quarantined(world.services)] == ["invalid_json"]
    assert not [key for key in world.snapshot() if key.sk.startswith("EARLY#")]
    assert violations(world) == []


def test_the_sweep_quarantines_it_when_no_case_opens() -> None:
    world = held()
    world.now += 60
    assert sorted(looked.mended for looked in world.sweep()) == [Mended.EARLY_EXPIRED, Mended.NOTHING]
    assert [kept.reason for kept in quarantined(world.services)] == ["invalid_json"]
    assert world.mark("unreadable") is None
    assert world.mark("sound") is not None
