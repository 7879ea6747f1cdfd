"""The one place of a correlation, when more than one thing happens to it between reading and writing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from events.parse import parse_event
from functions.cases.adapters.memory import MemoryTable
from functions.cases.events import place_in
from functions.cases.intake import take_in
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.table import Key, read_all
from statemachines.definition import Correlation
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, staffed
from tests.support.invariants import violations
from tests.support.tables import Between, touches
from tests.support.world import World
from tests.unit.cases.leaving import MD as WARD_MD
from tests.unit.cases.leaving import Ward

MD = PERSON["PROVIDER"]
BY_PATIENT = OXYGEN.model_copy(update={"correlation": Correlation.PATIENT})


def by_patient() -> tuple[World, Between]:
    """A facility that tells cases apart by the patient."""
    table = Between(MemoryTable())
    world = World(definitions={"oxygen": BY_PATIENT}, table=table)
    world.on_shift(*PERSON.values(), hours=200)
    return world, table


def order(world: World, patient: str) -> None:
    world.now += 60
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70, patient=patient)


def cancel(world: World, patient: str) -> None:
    world.now += 60
    world.place("order_cancelled", by=MD, reason="a mistake", patient=patient)


def merge(world: World, patient: str, into: str) -> None:
    world.now += 60
    world.place("patient_merged", by="ADT:SYSTEM", patient=patient, surviving_patient=into)


def found_by(world: World, patient: str) -> str | None:
    """The case that is told what is told of a record."""
    world.now += 60
    return world.place("spo2_observed", patient=patient, spo2_percent=95).case


def open_cases(world: World) -> list[str]:
    return [row.id for row in world.cases() if row.ended_at is None]


def test_a_place_that_was_taken_and_merged_away_meanwhile_is_not_taken_back() -> None:
    """Else one person has two open cases, and what is told of the old record no longer finds the first."""
    world, table = by_patient()
    order(world, "P-1")
    cancel(world, "P-1")

    def another_is_opened_and_merged() -> None:
        order(world, "P-1")
        merge(world, "P-1", "P-9")

    table.before_write(another_is_opened_and_merged, of=touches("CASE#"))
    order(world, "P-1")
    assert table.happened == 1
    assert len(open_cases(world)) == 1
    assert violations(world) == []


def test_a_survivors_case_that_ends_in_that_moment_does_not_stand_in_the_way() -> None:
    """Two cases were found, and one has ended when it is written: nobody need decide which goes on."""
    world, table = by_patient()
    order(world, "P-9")
    order(world, "P-1")
    table.before_write(lambda: cancel(world, "P-9"), of=touches("CASE#"))
    merge(world, "P-1", "P-9")
    assert table.happened == 1
    (left,) = open_cases(world)
    assert world.journal(left)[-1]["reason"] != "two_cases_after_merge", "nobody is called"
    assert [found_by(world, patient) for patient in ("P-1", "P-9")] == [left, left]
    assert violations(world) == []


def test_a_survivors_place_that_is_taken_again_in_that_moment_is_not_taken_from_it() -> None:
    """Its case had ended when it was read, and another is open when it is written."""
    world, table = by_patient()
    order(world, "P-9")
    cancel(world, "P-9")
    order(world, "P-1")
    (first,) = open_cases(world)
    table.before_write(lambda: order(world, "P-9"), of=touches("CASE#"))
    merge(world, "P-1", "P-9")
    assert table.happened == 1
    (second,) = set(open_cases(world)) - {first}
    assert (found_by(world, "P-1"), found_by(world, "P-9")) == (first, second)
    assert violations(world) == []


def waiting_place(world: World) -> Key:
    """Where the event "held" of the encounter E-1 waits."""
    named = world.services.keys.correlation("northfield", "oxygen", "E-1")
    return world.services.keys.early(named, "northfield", "held")


def test_whoever_comes_second_to_a_held_event_knows_it_at_once() -> None:
    """It has been placed by the other one; there is nothing to wait for and to try again."""
    table = Between(MemoryTable())
    world = staffed("northfield", table=table)
    raw = world.raw("oxygen_changed", by=PERSON["RN"], flow_l_min=2, id="held")
    world.deliver(raw)
    event = parse_event(raw, now=datetime.fromtimestamp(world.now, UTC))
    waits = waiting_place(world)

    def place() -> Placed:
        return place_in(world.services, "oxygen", event, raw, early=waits)

    table.before_write(lambda: None, of=touches("EVENT#"))  # the opening itself
    table.before_write(place, of=touches("EVENT#"))
    world.now += 60
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    assert (table.happened, world.pauses) == (2, 0)
    assert world.path(world.case().id) == ["ordered", "assessment_due"]
    assert place().duplicate
    assert world.pauses == 0
    assert violations(world) == []


def test_what_is_held_while_the_next_case_opens_is_told_to_it() -> None:
    """The place was a case's that had ended when it was read."""
    table = Between(MemoryTable())
    world = staffed("northfield", table=table)
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.now += 60
    world.place("order_cancelled", by=MD, reason="a mistake")
    world.now += 60
    table.before_write(lambda: world.place("oxygen_ordered", by=MD, order_id="O2", age_years=70))
    world.now += 60
    placed = world.place("oxygen_changed", by=PERSON["RN"], flow_l_min=2)
    assert (placed.outcome, table.happened) == ("moved", 1)
    assert read_all(world.table, world.cases()[-1].correlation, "EARLY#") == []
    assert violations(world) == []


def test_a_workflow_that_has_no_use_for_what_another_took_says_so_once() -> None:
    ward = Ward().prepared()
    raw = ward.raw(
        "care_plan_updated", by=WARD_MD, id="plan", target_spo2_low=88.0, target_spo2_high=92.0, hypercapnic_risk=True
    )
    for duplicate in (False, True):
        answers = take_in(ward.services, raw)
        assert isinstance(answers, list)
        said = {answer.workflow: (answer.outcome, answer.duplicate) for answer in answers}
        assert said == {"leaving": ("recorded", duplicate), "kit": ("ignored", duplicate)}
        mark = ward.mark("plan", workflow="kit")
        assert mark is not None
        assert (mark["outcome"], mark["reason"]) == ("ignored", "no_case")


def test_a_held_event_without_a_case_is_not_held_a_second_time() -> None:
    """Whoever takes it out of its place is told that it has none; it is not answered as a repetition of itself."""
    world = staffed("northfield")
    raw = world.raw("oxygen_changed", by=PERSON["RN"], flow_l_min=2, id="held")
    world.deliver(raw)
    event = parse_event(raw, now=datetime.fromtimestamp(world.now, UTC))
    before = world.snapshot()
    with pytest.raises(Unplaceable, match="no case is open"):
        place_in(world.services, "oxygen", event, raw, early=waiting_place(world))
    assert world.snapshot() == before
