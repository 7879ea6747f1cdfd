"""Deferred events that a full commit left over: the next commit takes them up, and no crash in between loses them."""

from __future__ import annotations

import pytest

from events.catalog import AssessmentCompleted, CarePlanUpdated, OxygenChanged, OxygenOrdered, Spo2Observed
from functions.cases.adapters.memory import MemoryTable
from functions.cases.settle import hand_off, settle
from functions.cases.table import Put, Write
from statemachines.case import Occurrence
from statemachines.decide import MAX_MOVES
from statemachines.definition import Definition
from statemachines.language import T, emr, minutes, waiting
from statemachines.policy import Policy
from tests.support.invariants import violations
from tests.support.tables import Between, Through
from tests.support.world import StepFunctionsDown, World
from tests.unit.statemachines.small import RT, SMALL, WATCHED

LEAD, THERAPIST = "LEAD-ELM:LEAD", "RT-LINDEN:RT"
DEFERRED = 12
PLAN = {"target_spo2_low": 90, "target_spo2_high": 98, "hypercapnic_risk": False}

HELD = waiting(
    "held", "Held", owner=RT, within=minutes(60), do="Begin", emr=emr("ready", "held"),
    records={Spo2Observed: "noted", CarePlanUpdated: "plan noted"}, refuses={OxygenOrdered: "ordered already"},
    defers={AssessmentCompleted: "kept until begun"},
)  # fmt: skip


def holding() -> Definition:
    """The small workflow, which begins in a state that defers what moves a case to and fro afterwards."""
    opens = SMALL.transitions[0].model_copy(update={"target": "held"})
    begins = T("S-0", HELD, on=OxygenChanged, to=WATCHED, because="begun")
    more = {"states": (HELD, *SMALL.states), "transitions": (opens, begins, *SMALL.transitions[1:])}
    return SMALL.model_copy(update=more)


def held(table: MemoryTable | Through | None = None) -> World:
    """A case that holds more deferred events than one commit can take up."""
    policy = Policy(facility="northfield", title="Northfield", always_staffed="LEAD")
    world = World(definitions={"small": holding()}, policies={"northfield": policy}, table=table)
    world.on_shift(LEAD, THERAPIST, "RN-ASH:RN", hours=48)
    world.place("oxygen_ordered", by=LEAD, order_id="O1", age_years=70)
    world.place("spo2_observed", spo2_percent=80)
    for number in range(DEFERRED):
        world.now += 1
        assert world.place("assessment_completed", by=THERAPIST, id=f"held-{number}").outcome == "deferred"
    world.now += 60
    return world


def begin(world: World, *, run: bool = True) -> None:
    world.place("oxygen_changed", by=THERAPIST, id="begins", run=run, flow_l_min=2)


def all_answered(world: World) -> None:
    row = world.case()
    assert (row.state, row.case.deferred, row.visit) == ("watched", (), 2 + DEFERRED)
    marks = [world.mark(f"held-{number}", workflow="small") for number in range(DEFERRED)]
    assert [mark and (mark["outcome"], mark["reason"]) for mark in marks] == [("moved", "transition")] * DEFERRED
    causes = [entry["event_id"] for entry in world.journal(row.id) if entry["kind"] == "moved"]
    assert causes[2:] == [f"held-{number}" for number in range(DEFERRED)], "in the order in which they happened"
    assert violations(world) == []


def test_more_deferred_events_than_a_commit_can_hold_are_all_taken_up() -> None:
    world = held()
    begin(world)
    all_answered(world)


def test_whoever_handed_it_on_is_told_where_it_came_to_rest() -> None:
    world = held()
    occurrence = Occurrence("oxygen_changed", "begins", world.now, "RT-LINDEN", "RT", {"flow_l_min": 2})
    done = hand_off(world.services, world.case(), occurrence)
    assert (done.row.visit, done.row.case.deferred) == (2 + DEFERRED, ())
    assert [visit.number for visit in done.visits] == list(range(2, 3 + DEFERRED))


class Counting(Through):
    """Knows how much each transaction moved."""

    def __init__(self) -> None:
        super().__init__(MemoryTable())
        self.visits: list[int] = []
        self.sizes: list[int] = []

    def write(self, writes: tuple[Write, ...]) -> None:  # type: ignore[override]
        super().write(writes)
        self.visits.append(sum(isinstance(w, Put) and w.key.sk.startswith("V#") for w in writes))
        self.sizes.append(len(writes))


def test_no_commit_makes_more_moves_than_it_may() -> None:
    table = Counting()
    world = held(table)
    table.visits.clear()
    begin(world)
    assert [visits for visits in table.visits if visits] == [MAX_MOVES, 1 + DEFERRED - MAX_MOVES]
    assert max(table.sizes) <= 80


def dies(world: World) -> None:
    """The first commit is written, and the function dies before it has taken up the rest or told anybody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("functions.cases.settle.taken_up", _dead)
        with pytest.raises(StepFunctionsDown):
            begin(world)
    assert len(world.case().case.deferred) == 1 + DEFERRED - MAX_MOVES


def _dead(*_: object) -> None:
    raise StepFunctionsDown("died")


def test_a_crash_between_the_commits_heals_when_the_event_comes_again() -> None:
    world = held()
    dies(world)
    begin(world)
    all_answered(world)


def test_a_crash_between_the_commits_heals_in_the_sweep() -> None:
    world = held()
    dies(world)
    for _ in range(DEFERRED):
        world.now += 61
        world.sweep()
    all_answered(world)


def test_settling_takes_up_what_is_left() -> None:
    world = held()
    dies(world)
    settle(world.services, world.case())
    world.following.run()
    all_answered(world)


def test_what_loses_a_race_is_taken_up_from_the_newer_case() -> None:
    table = Between(MemoryTable())
    world = held(table)
    dies(world)
    table.before_write(lambda: world.place("care_plan_updated", by=THERAPIST, run=False, **PLAN))
    settle(world.services, world.case())
    world.following.run()
    assert table.happened == 1
    assert world.case().case.patient_parameters == {"low": 90.0}
    all_answered(world)
