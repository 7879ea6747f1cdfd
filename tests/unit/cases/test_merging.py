"""Two records of one patient are merged: a case that is told by its patient is told by the record that survives."""

from __future__ import annotations

from typing import Any

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.merging import MAX_MERGES, survivor_of
from functions.cases.outcome import Placed
from functions.cases.rows import CaseRow
from functions.cases.store import MERGED_INTO
from functions.cases.table import Key, Put
from functions.cases.telemetry import Measure
from functions.relay.measures import measures_of
from statemachines.definition import Correlation, Unplaced
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON
from tests.support.invariants import violations
from tests.support.tables import Between, BetweenReads, touches
from tests.support.world import World

MD, RN = PERSON["PROVIDER"], PERSON["RN"]
BY_PATIENT = OXYGEN.model_copy(update={"correlation": Correlation.PATIENT})


def world(table: Between | BetweenReads | None = None) -> World:
    """A facility that tells oxygen cases apart by the patient."""
    made = World(definitions={"oxygen": BY_PATIENT}, table=table)
    made.on_shift(*PERSON.values(), hours=200)
    return made


def merge_ends_the_case() -> World:
    """The same, where a merge ends a case."""
    states = tuple(
        s.model_copy(update={"records": {k: v for k, v in s.records.items() if k != "patient_merged"}})
        for s in BY_PATIENT.states
    )
    ends = next(t for t in BY_PATIENT.transitions if t.id == "T-82").model_copy(
        update={"id": "T-99", "on": "patient_merged"}
    )
    definition = BY_PATIENT.model_copy(update={"states": states, "transitions": (*BY_PATIENT.transitions, ends)})
    made = World(definitions={"oxygen": definition})
    made.on_shift(*PERSON.values(), hours=200)
    return made


def order(made: World, patient: str) -> CaseRow:
    made.now += 60
    placed = made.place("oxygen_ordered", by=MD, order_id="O1", age_years=70, patient=patient)
    return next(row for row in made.cases() if row.id == placed.case)


def merge(made: World, patient: str, into: str) -> Placed:
    made.now += 60
    return made.place("patient_merged", by="ADT:SYSTEM", patient=patient, surviving_patient=into)


def see(made: World, patient: str, **event: Any) -> Placed:
    made.now += 60
    return made.place("spo2_observed", patient=patient, spo2_percent=95, **event)


def case(made: World, id: str) -> CaseRow:
    return next(row for row in made.cases() if row.id == id)


def key(made: World, patient: str) -> str:
    return made.services.keys.correlation("northfield", "oxygen", patient)


def test_what_happened_in_the_case_before_does_not_count_in_the_open_one_after_a_merge_either() -> None:
    made = world()
    first = order(made, "P-1")
    made.now += 60
    made.place("order_cancelled", by=MD, reason="a mistake", patient="P-1")
    ended = made.now
    second = order(made, "P-1")
    merge(made, "P-1", "P-9")
    late = made.place("oxygen_changed", by=RN, flow_l_min=2, patient="P-1", at=ended - 5)
    assert (late.case, late.outcome, made.path(second.id)) == (first.id, "refused", ["ordered"])


def test_the_case_is_found_by_both_records_after_the_merge() -> None:
    made = world()
    opened = order(made, "P-1")
    merge(made, "P-1", "P-9")
    assert (case(made, opened.id).correlation, case(made, opened.id).patient) == (key(made, "P-9"), "P-9")
    for patient in ("P-9", "P-1"):
        assert see(made, patient).case == opened.id
    assert violations(made) == []


def test_the_place_moves_in_the_commit_of_the_merge() -> None:
    """The merge loses a race for the survivor's place, and is decided again with what is there now."""
    table = Between(MemoryTable())
    made = world(table)
    opened = order(made, "P-1")
    table.before_write(lambda: order(made, "P-9"), of=touches(key(made, "P-9")))
    merge(made, "P-1", "P-9")
    assert table.happened == 1
    assert case(made, opened.id).correlation == key(made, "P-1")
    assert made.journal(opened.id)[-1]["reason"] == "two_cases_after_merge"
    assert violations(made) == []


def test_a_survivor_with_an_open_case_keeps_it_and_the_journal_calls_for_a_person() -> None:
    made = world()
    ours, theirs = order(made, "P-1"), order(made, "P-9")
    merge(made, "P-1", "P-9")
    entry = made.journal(ours.id)[-1]
    assert (entry["kind"], entry["event"], entry["reason"]) == ("recorded", "patient_merged", "two_cases_after_merge")
    assert Measure("TwoCasesAfterMerge", 1, "Count", {}) in measures_of(entry), (
        "an alarm rings, since it is nobody's task"
    )
    assert (case(made, ours.id).patient, case(made, ours.id).correlation) == ("P-9", key(made, "P-1"))
    assert (see(made, "P-9").case, see(made, "P-1").case) == (theirs.id, ours.id)
    assert violations(made) == []


def cancel(made: World, patient: str) -> float:
    """When the order under the record was cancelled."""
    made.now += 60
    assert made.place("order_cancelled", by=MD, patient=patient, reason="one is enough").outcome == "moved"
    return made.now


def test_of_two_open_cases_the_one_that_goes_on_is_told_by_both_records_once_the_other_has_ended() -> None:
    for ends, goes_on in (("P-1", "P-9"), ("P-9", "P-1")):
        made = world()
        opened = {patient: order(made, patient) for patient in ("P-1", "P-9")}
        merge(made, "P-1", "P-9")
        cancel(made, ends)
        for patient in ("P-1", "P-9", "P-1"):
            assert see(made, patient).case == opened[goes_on].id
        again = made.place("oxygen_ordered", by=MD, order_id="O2", age_years=70, patient=ends)
        assert (again.outcome, again.case) == ("refused", opened[goes_on].id), "it is ordered already"
        assert violations(made) == []


def test_what_happened_in_the_one_that_ended_does_not_count_in_the_other() -> None:
    made = world()
    made.now += 60
    ours = order(made, "P-1")
    merged = order(made, "P-9")
    merge(made, "P-1", "P-9")
    ended = cancel(made, "P-1")
    assert see(made, "P-1").case == merged.id
    late = made.place("oxygen_changed", by=RN, flow_l_min=2, patient="P-1", at=made.services.now() - 600)
    assert (late.case, late.outcome, made.path(merged.id)) == (ours.id, "refused", ["ordered"])
    counts = made.place("oxygen_changed", by=RN, flow_l_min=2, patient="P-9", at=ended - 1)
    assert (counts.case, counts.outcome) == (merged.id, "moved"), "it happened while the one that goes on was open"


def test_when_both_have_ended_one_place_says_which_was_the_last() -> None:
    made = world()
    first, last = order(made, "P-9"), order(made, "P-1")
    merge(made, "P-1", "P-9")
    cancel(made, "P-9")
    ended = cancel(made, "P-1")
    for patient in ("P-1", "P-9"):
        late = made.place("oxygen_changed", by=RN, flow_l_min=2, patient=patient, at=ended - 5)
        assert (late.case, late.outcome) == (last.id, "refused")
    third = order(made, "P-9")
    place = survivor_of(made.services, key(made, "P-1"))
    assert place == survivor_of(made.services, key(made, "P-9"))
    assert place.place is not None
    assert (place.place.case, place.place.before, place.place.before_ended) == (third.id, last.id, ended)
    assert first.id != last.id


def test_the_two_become_one_also_when_the_other_was_merged_again() -> None:
    made = world()
    order(made, "P-1")
    theirs = order(made, "P-9")
    merge(made, "P-1", "P-9")
    merge(made, "P-9", "P-12")
    cancel(made, "P-1")
    for patient in ("P-1", "P-9", "P-12"):
        assert see(made, patient).case == theirs.id
    made = world()
    ours = order(made, "P-1")
    order(made, "P-9")
    merge(made, "P-1", "P-9")
    merge(made, "P-9", "P-12")
    cancel(made, "P-12")
    for patient in ("P-1", "P-9", "P-12"):
        assert see(made, patient).case == ours.id
    assert violations(made) == []


def test_a_merge_that_ends_one_of_two_open_cases_writes_its_place_once() -> None:
    made = merge_ends_the_case()
    ours, theirs = order(made, "P-1"), order(made, "P-9")
    assert merge(made, "P-1", "P-9").transitions == ("T-99",)
    assert case(made, ours.id).ended_at == made.now
    assert (see(made, "P-1").case, see(made, "P-9").case) == (theirs.id, theirs.id)
    assert violations(made) == []


# ── no case is open when the records are merged ──────────────────────────────────────────────────────────────────────────


def test_a_merge_that_no_case_hears_of_is_remembered() -> None:
    made = world()
    merged = merge(made, "P-1", "P-9")
    assert (merged.outcome, merged.reason, merged.case) == ("recorded", "records_merged", None)
    opened = order(made, "P-9")
    assert see(made, "P-1").case == opened.id
    again = made.place("oxygen_ordered", by=MD, order_id="O2", age_years=70, patient="P-1")
    assert (again.outcome, again.case) == ("refused", opened.id), "it is ordered already"
    assert violations(made) == []


def test_the_same_merge_again_changes_nothing() -> None:
    made = world()
    made.place("patient_merged", by="ADT:SYSTEM", patient="P-1", surviving_patient="P-9", id="merge")
    again = made.place("patient_merged", by="ADT:SYSTEM", patient="P-1", surviving_patient="P-9", id="merge")
    assert (again.duplicate, again.reason) == (True, "records_merged")
    assert merge(made, "P-1", "P-9").reason == "records_merged"
    assert merge(made, "P-9", "P-1").reason == "records_merged"
    assert survivor_of(made.services, key(made, "P-1")).correlation == key(made, "P-9")


def test_a_record_that_was_merged_into_one_with_an_open_case_is_told_there() -> None:
    made = world()
    ended_case = order(made, "P-1")
    cancel(made, "P-1")
    opened = order(made, "P-9")
    merge(made, "P-1", "P-9")
    late = made.place("oxygen_changed", by=RN, flow_l_min=2, patient="P-1", at=opened.opened_at - 61)
    assert (late.case, late.outcome) == (ended_case.id, "refused"), "it happened in the one that ended"
    assert see(made, "P-1").case == opened.id
    assert violations(made) == []


@pytest.mark.parametrize("last", ["P-1", "P-9"])
def test_of_two_ended_cases_the_last_one_is_what_late_events_are_for(last: str) -> None:
    made = world()
    first = "P-9" if last == "P-1" else "P-1"
    order(made, first)
    cancel(made, first)
    ended_last = order(made, last)
    ended = cancel(made, last)
    merge(made, "P-1", "P-9")
    for patient in ("P-1", "P-9"):
        late = made.place("oxygen_changed", by=RN, flow_l_min=2, patient=patient, at=ended - 5)
        assert (late.case, late.outcome) == (ended_last.id, "refused")
    assert violations(made) == []


def test_the_place_of_an_ended_case_moves_to_a_record_that_had_none() -> None:
    made = world()
    ended_case = order(made, "P-1")
    ended = cancel(made, "P-1")
    merge(made, "P-1", "P-9")
    place = survivor_of(made.services, key(made, "P-9")).place
    assert place is not None
    assert (place.case, place.ended, place.before) == (ended_case.id, ended, None)
    late = made.place("oxygen_changed", by=RN, flow_l_min=2, patient="P-9", at=ended - 5)
    assert (late.case, late.outcome) == (ended_case.id, "refused")
    second = order(made, "P-9")
    late = made.place("oxygen_changed", by=RN, flow_l_min=2, patient="P-1", at=ended - 5)
    assert (late.case, late.outcome, made.path(second.id)) == (ended_case.id, "refused", ["ordered"])
    assert violations(made) == []


def test_what_waits_under_a_record_reaches_the_case_that_opens_under_the_other() -> None:
    made = world()
    made.now += 60
    early = made.place("oxygen_changed", by=RN, patient="P-1", id="early", flow_l_min=2)
    assert early.outcome == "held_early"
    merge(made, "P-1", "P-9")
    opened = order(made, "P-9")
    made.now += 60
    made.sweep()
    mark = made.mark("early")
    assert mark is not None
    assert (mark["case"], case(made, opened.id).state) == (opened.id, "assessment_due")


@pytest.mark.parametrize("had_cases", [(), ("P-1",), ("P-9",), ("P-1", "P-9")])
def test_records_that_are_merged_into_each_other_at_the_same_time_lead_in_no_circle(had_cases: tuple[str, ...]) -> None:
    table = Between(MemoryTable())
    made = world(table)
    for patient in had_cases:
        order(made, patient)
        cancel(made, patient)
    table.before_write(lambda: merge(made, "P-9", "P-1"), of=touches(key(made, "P-9")))
    merge(made, "P-1", "P-9")
    assert table.happened == 1
    opened = order(made, "P-1")
    assert see(made, "P-9").case == see(made, "P-1").case == opened.id


@pytest.mark.parametrize("had_cases", [(), ("P-1",)])
def test_a_record_that_is_merged_twice_at_the_same_time_joins_both(had_cases: tuple[str, ...]) -> None:
    table = Between(MemoryTable())
    made = world(table)
    for patient in had_cases:
        order(made, patient)
        cancel(made, patient)
    table.before_write(lambda: merge(made, "P-1", "P-12"), of=touches(key(made, "P-9")))
    merge(made, "P-1", "P-9")
    assert table.happened == 1
    opened = order(made, "P-9")
    assert {see(made, patient).case for patient in ("P-1", "P-9", "P-12")} == {opened.id}


@pytest.mark.parametrize("patient", ["P-1", "P-9"])
@pytest.mark.parametrize("had_cases", [(), ("P-1",), ("P-9",), ("P-9", "P-1")])
def test_a_case_that_opens_in_the_moment_of_the_merge_is_found_by_both_records(
    patient: str, had_cases: tuple[str, ...]
) -> None:
    table = Between(MemoryTable())
    made = world(table)
    for record in had_cases:
        order(made, record)
        cancel(made, record)
    table.before_write(lambda: order(made, patient), of=touches(key(made, "P-1")))
    merge(made, "P-1", "P-9")
    assert table.happened == 1
    opened = made.cases()[-1]
    assert (opened.ended_at, see(made, "P-1").case, see(made, "P-9").case) == (None, opened.id, opened.id)
    assert violations(made) == []


def test_what_a_third_record_is_joined_to_in_the_moment_of_a_merge_is_not_forgotten() -> None:
    table = Between(MemoryTable())
    made = world(table)
    ended_case = order(made, "P-5")
    ended = cancel(made, "P-5")
    opened = order(made, "P-1")
    table.before_write(lambda: merge(made, "P-5", "P-1"), of=touches(key(made, "P-9")))
    merge(made, "P-1", "P-9")
    assert table.happened == 1
    late = made.place("oxygen_changed", by=RN, flow_l_min=2, patient="P-5", at=ended - 5)
    assert (late.case, late.outcome, see(made, "P-5").case) == (ended_case.id, "refused", opened.id)


@pytest.mark.parametrize("had_cases", [("P-1",), ("P-1", "P-9"), ("P-9", "P-1")])
def test_a_merge_in_the_moment_in_which_a_case_opens_is_not_overwritten(had_cases: tuple[str, ...]) -> None:
    table = Between(MemoryTable())
    made = world(table)
    for patient in had_cases:
        order(made, patient)
        cancel(made, patient)
    table.before_write(lambda: merge(made, "P-1", "P-9"), of=touches(key(made, "P-1")))
    opened = order(made, "P-1")
    assert table.happened == 1
    again = made.place("oxygen_ordered", by=MD, order_id="O2", age_years=70, patient="P-9")
    assert (again.outcome, again.case) == ("refused", opened.id), "it is ordered already"
    assert violations(made) == []


# ── three records of one patient, each with an open case ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("merges", [(("P-1", "P-9"), ("P-12", "P-9")), (("P-1", "P-9"), ("P-9", "P-12"))])
@pytest.mark.parametrize("goes_on", ["P-1", "P-9", "P-12"])
@pytest.mark.parametrize("heard_between", [False, True])
def test_whichever_goes_on_is_told_by_all_records_when_the_others_have_ended(
    merges: tuple[tuple[str, str], ...], goes_on: str, heard_between: bool
) -> None:
    made = world()
    opened = {patient: order(made, patient).id for patient in ("P-1", "P-9", "P-12")}
    for patient, into in merges:
        merge(made, patient, into)
    for patient in opened:
        if patient != goes_on:
            cancel(made, patient)
            assert not heard_between or see(made, patient).case != opened[patient]
    for patient in opened:
        made.now += 60
        again = made.place("oxygen_ordered", by=MD, order_id="O2", age_years=70, patient=patient)
        assert (again.outcome, again.case) == ("refused", opened[goes_on]), "it is ordered already"
    assert violations(made) == []


def test_which_record_a_third_one_waits_for_is_not_forgotten_in_the_moment_of_a_merge() -> None:
    table = Between(MemoryTable())
    made = world(table)
    order(made, "P-1")
    other = order(made, "P-5")
    table.before_write(lambda: merge(made, "P-5", "P-1"), of=touches(key(made, "P-12")))
    merge(made, "P-1", "P-12")
    assert table.happened == 1
    cancel(made, "P-1")
    again = made.place("oxygen_ordered", by=MD, order_id="O2", age_years=70, patient="P-12")
    assert (again.outcome, again.case) == ("refused", other.id), "it is ordered already"
    assert violations(made) == []


@pytest.mark.parametrize("after", [-60.0, 0.0, 60.0])
def test_which_records_are_placed_alike_does_not_depend_on_the_order_of_their_merges(after: float) -> None:
    made = world()
    opened = order(made, "P-1")
    made.now += 600
    at = made.now
    for patient, into, when in (("P-1", "P-9", at), ("P-9", "P-12", at + after)):
        made.now += 120
        made.place("patient_merged", by="ADT:SYSTEM", patient=patient, surviving_patient=into, at=when)
    for patient in ("P-1", "P-9", "P-12"):
        assert see(made, patient).case == opened.id
    assert case(made, opened.id).patient == ("P-12" if after > 0 else "P-9"), "the newest merge says whose it is"
    assert violations(made) == []


def test_an_older_merge_that_says_nothing_new_leaves_no_entry() -> None:
    made = world()
    opened = order(made, "P-1")
    made.now += 600
    merge(made, "P-1", "P-9")
    entries = len(made.journal(opened.id))
    made.place("patient_merged", by="ADT:SYSTEM", patient="P-1", surviving_patient="P-9", at=made.now - 300)
    assert len(made.journal(opened.id)) == entries


def test_the_place_of_a_survivor_whose_case_has_ended_is_taken() -> None:
    made = world()
    ended = order(made, "P-9")
    made.place("order_cancelled", by=MD, patient="P-9", reason="a mistake")
    opened = order(made, "P-1")
    merge(made, "P-1", "P-9")
    assert see(made, "P-9").case == opened.id != ended.id
    assert violations(made) == []


def test_merged_again_and_back_it_is_found_by_every_record() -> None:
    made = world()
    opened = order(made, "P-1")
    merge(made, "P-1", "P-9")
    merge(made, "P-9", "P-12")
    for patient in ("P-1", "P-9", "P-12"):
        assert see(made, patient).case == opened.id
    merge(made, "P-12", "P-1")
    for patient in ("P-1", "P-9", "P-12"):
        assert see(made, patient).case == opened.id
    assert violations(made) == []


def test_after_its_end_another_is_opened_for_either_record_and_there_is_one() -> None:
    made = world()
    first = order(made, "P-1")
    merge(made, "P-1", "P-9")
    made.place("order_cancelled", by=MD, patient="P-9", reason="a mistake")
    assert case(made, first.id).state == "cancelled"
    second = order(made, "P-1")
    assert second.id != first.id
    assert see(made, "P-9").case == see(made, "P-1").case == second.id
    assert made.place("oxygen_ordered", by=MD, order_id="O2", age_years=70, patient="P-9").outcome == "refused", (
        "it is ordered already"
    )
    assert violations(made) == []


def test_what_came_early_for_either_record_reaches_the_next_case() -> None:
    made = world()
    order(made, "P-1")
    merge(made, "P-1", "P-9")
    made.place("order_cancelled", by=MD, patient="P-9", reason="a mistake")
    for patient in ("P-1", "P-9"):
        made.now += 1
        early = made.place("oxygen_changed", by=RN, patient=patient, id=f"early-{patient}", flow_l_min=2)
        assert (early.outcome, OXYGEN.events[1].unplaced) == ("held_early", Unplaced.HOLD)
    opened = order(made, "P-1")
    assert case(made, opened.id).state == "assessment_due"
    for patient in ("P-1", "P-9"):
        mark = made.mark(f"early-{patient}")
        assert mark is not None
        assert mark["case"] == opened.id
    assert violations(made) == []


def test_a_merge_that_ends_with_the_commit_of_an_end_writes_the_place_once() -> None:
    made = merge_ends_the_case()
    opened = order(made, "P-1")
    assert merge(made, "P-1", "P-9").transitions == ("T-99",)
    place = made.row(Key(key(made, "P-9"), keys.OPEN))
    assert (place["case"], place["closed_at"]) == (opened.id, made.now)
    assert violations(made) == []


def test_a_case_that_is_told_by_its_encounter_keeps_its_place() -> None:
    made = World()
    made.on_shift(*PERSON.values(), hours=200)
    opened = order(made, "P-1")
    merge(made, "P-1", "P-9")
    assert case(made, opened.id).correlation == opened.correlation
    assert see(made, "P-9").case == opened.id
    assert violations(made) == []


def test_places_that_lead_in_a_circle_are_a_fault() -> None:
    made = world()
    here = Key(key(made, "P-1"), keys.OPEN)
    made.table.write((Put({"pk": here.pk, "sk": here.sk, "case": "c", "closed_at": 1, MERGED_INTO: here.pk}),))
    with pytest.raises(LookupError, match=f"more than {MAX_MERGES} times"):
        survivor_of(made.services, here.pk)
