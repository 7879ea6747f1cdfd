"""Sub-cases: opened once, told what is known, reported once to whoever still waits; a crash in between heals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.facilities import register
from functions.cases.library import Library
from functions.cases.ports import Signal
from functions.cases.rows import Parent
from functions.cases.settle import settle, tell_relatives
from functions.cases.table import Delete, Key, Put, Update
from statemachines.definition import Correlation
from statemachines.expressions import Known
from tests.support.invariants import follows, one_open_case, one_owner, steps_join, unbroken
from tests.support.tables import Between, touches
from tests.support.world import StepFunctionsDown, World
from tests.unit.cases.leaving import LEAD, MD, RN, RT, Ward
from tests.unit.statemachines.leaving import KIT, LEAVING, POLICY, leaving

HOUR = 3600.0


def wrong(ward: Ward) -> list[str]:
    """What does not hold of the cases, once everybody has followed. The tasks of a checklist have tests of their own."""
    found = one_open_case(ward, ward.cases())
    for row in ward.cases():
        found += unbroken(ward, row) + steps_join(ward, row) + follows(ward, row)
        if row.workflow == "kit":
            found += one_owner(ward, row)
    return found


def lost(ward: Ward, act: Callable[[], object]) -> None:
    """Something is committed, and the function dies before it has told anybody."""
    ward.following.down = True
    with pytest.raises(StepFunctionsDown):
        act()
    ward.following.down = False


@contextmanager
def unreachable_for(ward: Ward, workflow: str) -> Iterator[None]:
    """Step Functions cannot start the executions of one workflow."""
    start = ward.following.start

    def only_others(name: str, version: int, case: str, generation: int, signal: Signal) -> None:
        if name == workflow:
            raise StepFunctionsDown("out of reach")
        start(name, version, case, generation, signal)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ward.following, "start", only_others)
        yield


def last(ward: Ward, case: str) -> tuple[object, ...]:
    entry = ward.journal(case)[-1]
    return entry["kind"], entry.get("transition"), entry["event"], entry.get("target")


def about_to_order() -> Ward:
    """A case whose next event opens the sub-case."""
    ward = Ward(leaving(needed=2)).prepared()
    ward.send_on("note_written", RN)
    return ward


def order(ward: Ward, **options: object) -> None:
    ward.send_on("contact_number_confirmed", RN, id="the-last-item", **options)


# ── opened ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_arriving_opens_the_sub_case() -> None:
    ward = Ward().ordered()
    kit = ward.kit
    assert (kit.state, kit.parent) == ("sent", Parent(ward.parent.id, ward.parent.visit))
    assert (kit.patient, kit.encounter, kit.facility) == ("P-1", "E-1", "northfield")
    assert (kit.task and kit.task.owner, kit.case.due) == ("RN", ward.now + 2 * HOUR)
    entry = ward.journal(kit.id)[0]
    assert (entry["event"], entry["transition"]) == ("sub_case_requested", "K-1")
    assert ward.followed(kit.id) == ["sent"]
    assert wrong(ward) == []


def test_what_is_known_is_handed_down() -> None:
    ward = Ward()
    ward.send_on("discharge_planned", MD)
    ward.now += 1
    ward.send_on("spo2_observed", spo2_percent=93.0)
    ward.now += 1
    ward.send_on("care_plan_updated", MD, target_spo2_low=88.0, target_spo2_high=92.0, hypercapnic_risk=True)
    planned_at = ward.now
    ward.now += 1
    ward.send_on("assessment_completed", MD)
    for type, by in (("note_written", RN), ("oxygen_education_completed", RT), ("contact_number_confirmed", RN)):
        ward.send_on(type, by)
    kit = ward.kit
    assert kit.case.facts == {"spo2": Known(93.0, planned_at - 1)}
    assert kit.case.patient_parameters == {"low": 88.0}
    assert kit.case.patient_parameters_at == {"low": planned_at}


def test_a_care_plan_older_than_what_was_handed_down_changes_nothing() -> None:
    ward = Ward(leaving(needed=1))
    ward.send_on("discharge_planned", MD)
    ward.now += 60
    plan: dict[str, Any] = {"target_spo2_high": 95.0, "hypercapnic_risk": True}
    ward.send_on("care_plan_updated", MD, target_spo2_low=88.0, **plan)
    ward.now += 60
    ward.send_on("assessment_completed", MD, spo2_percent=95)
    older = ward.place("care_plan_updated", by=MD, at=ward.now - 90, target_spo2_low=84.0, **plan)
    assert older.outcome == "recorded"
    assert ward.kit.case.patient_parameters == {"low": 88.0}


def test_only_the_facts_that_the_other_workflow_knows_are_handed_down() -> None:
    bare = KIT.model_copy(update={"facts": ()})
    ward = Ward(leaving(needed=1))
    World.__init__(ward, definitions={"leaving": leaving(needed=1), "kit": bare}, policies={"northfield": POLICY})
    ward.on_shift(RT, RN, MD, LEAD)
    ward.send_on("discharge_planned", MD)
    ward.send_on("assessment_completed", MD, spo2_percent=95)
    assert ward.kit.case.facts == {}


def test_settling_again_opens_no_second_one() -> None:
    ward = Ward().ordered()
    before = ward.snapshot()
    for _ in range(3):
        settle(ward.services, ward.parent)
        tell_relatives(ward.services, ward.parent)
    assert ward.snapshot() == before


def test_settling_again_opens_no_second_one_after_the_first_has_ended() -> None:
    """The parent has not been told yet: what it is waiting for is over, and must not begin anew."""
    ward = Ward().ordered()
    lost(ward, lambda: ward.send_on("equipment_delivered", RN, place="home"))
    assert ward.kit.state == "delivered"
    settle(ward.services, ward.parent)
    assert len(ward.kits) == 1


def test_a_crash_between_the_commit_and_the_opening_heals_when_the_event_comes_again() -> None:
    ward = about_to_order()
    lost(ward, lambda: order(ward))
    assert (ward.parent.state, ward.kits) == ("ordering", [])
    order(ward)
    assert ward.kit.parent == Parent(ward.parent.id, ward.parent.visit)
    order(ward)
    assert len(ward.kits) == 1
    assert wrong(ward) == []


def test_a_crash_between_the_commit_and_the_opening_heals_in_the_sweep() -> None:
    ward = about_to_order()
    lost(ward, lambda: order(ward))
    ward.now += 61
    ward.sweep()
    assert ward.kit.parent == Parent(ward.parent.id, ward.parent.visit)
    ward.now += 61
    ward.sweep()
    assert len(ward.kits) == 1
    assert wrong(ward) == []


def test_a_crash_before_the_sub_case_s_execution_starts_heals_in_the_sweep() -> None:
    """The sub-case is committed, and what opened it dies before it starts its execution."""
    ward = about_to_order()
    with unreachable_for(ward, "kit"), pytest.raises(StepFunctionsDown):
        order(ward)
    ward.following.run()
    assert (ward.kit.state, ward.followed(ward.kit.id)) == ("sent", [])
    ward.now += 61
    ward.sweep()
    assert ward.followed(ward.kit.id) == ["sent"]
    assert wrong(ward) == []


def test_a_crash_before_the_sub_case_s_execution_starts_heals_when_the_event_comes_again() -> None:
    ward = about_to_order()
    with unreachable_for(ward, "kit"), pytest.raises(StepFunctionsDown):
        order(ward)
    assert (ward.kit.state, ward.followed(ward.kit.id)) == ("sent", [])
    order(ward)
    assert ward.followed(ward.kit.id) == ["sent"]
    assert wrong(ward) == []


def test_a_sub_case_s_end_that_nobody_told_heals_when_the_parent_s_event_comes_again() -> None:
    """Its place is free by then, and its mark says that it has been opened."""
    ward = about_to_order()
    order(ward)
    lost(ward, lambda: ward.send_on("equipment_delivered", RN, place="home"))
    assert (ward.kit.state, ward.parent.state) == ("delivered", "ordering")
    order(ward)
    assert (ward.parent.state, len(ward.kits)) == ("gone", 1)
    assert wrong(ward) == []


def test_a_sub_case_that_was_opened_and_does_not_exist_is_a_fault() -> None:
    ward = Ward().ordered()
    kit = ward.kit.id
    ward.table.write((Delete(keys.meta(kit)),))
    with pytest.raises(LookupError, match=f"{kit} was opened for another, and does not exist"):
        settle(ward.services, ward.parent)


def test_two_that_settle_at_once_open_one() -> None:
    table = Between(MemoryTable())
    ward = Ward(leaving(needed=2), table=table).prepared()
    ward.send_on("note_written", RN)
    lost(ward, lambda: order(ward))
    table.before_write(lambda: settle(ward.services, ward.parent), of=touches("KEY#"))
    settle(ward.services, ward.parent)
    ward.following.run()
    assert (table.happened, len(ward.kits)) == (1, 1)
    assert wrong(ward) == []


def test_no_event_can_take_the_request_s_place() -> None:
    """Its mark lies where no event's id leads: ids have no ``#``."""
    ward = about_to_order()
    row = ward.parent
    for id in (f"sub-case:{row.id}:{row.visit + 1}", f"sub-case-{row.id}-{row.visit + 1}"):
        ward.send("equipment_delivered", by=RN, place="home", id=id)
    order(ward)
    assert len(ward.kits) == 1


def test_a_state_that_is_passed_at_once_opens_nothing() -> None:
    """Only where the case comes to rest does anybody wait for a sub-case."""
    ward = about_to_order()
    transitions = tuple(
        t.model_copy(update={"on": "patient_transferred"}) if t.id == "L-7" else t
        for t in leaving(needed=2).transitions
    )
    states = tuple(
        s.model_copy(update={"defers": {"patient_transferred": "later"}, "records": {}}) if s.name == "preparing" else s
        for s in leaving(needed=2).states
    )
    arrows = tuple(
        t.model_copy(update={"sources": ("ordering",)}) if t.id == "L-5" else t
        for t in sorted(transitions, key=lambda t: t.id != "L-7")
    )
    definition = leaving(needed=2).model_copy(update={"states": states, "transitions": arrows})
    ward = Ward(definition).prepared()
    ward.send_on("patient_transferred", MD)
    ward.send_on("note_written", RN)
    order(ward)
    assert ward.path(ward.parent.id)[-2:] == ["ordering", "gone"]
    assert ward.kits == []


def test_what_came_before_the_sub_case_finds_it_in_the_sweep() -> None:
    ward = about_to_order()
    early = ward.place("vendor_acknowledged", by=RN, order_id="O-1", id="early")
    assert early.outcome == "held_early"
    order(ward)
    ward.now += 61
    ward.sweep()
    mark = ward.mark("early", workflow="kit")
    assert mark is not None
    assert (mark["outcome"], mark["case"]) == ("recorded", ward.kit.id)


# ── the place is taken ───────────────────────────────────────────────────────────────────────────────────────────────────


def ordered_by_hand() -> Ward:
    """The other workflow's case is open already when the discharge would open it."""
    ward = about_to_order()
    ward.place("home_oxygen_order_drafted", by=MD, order_id="O-1", vendor_id="V-1", flow_l_min=2)
    order(ward)
    return ward


def test_a_case_that_is_open_already_is_not_taken_for_the_sub_case() -> None:
    ward = ordered_by_hand()
    assert (ward.parent.state, ward.kit.parent) == ("ordering", None)
    ward.place("equipment_delivered", by=RN, place="home")
    assert (ward.kits[0].state, ward.parent.state) == ("delivered", "ordering")
    assert wrong(ward) == []


def test_the_deadline_of_whoever_waits_for_a_taken_place_stands() -> None:
    ward = ordered_by_hand()
    due = ward.parent.case.due
    ward.now += 61
    ward.sweep()
    assert ward.parent.case.due == due
    ward.pass_time(6 * HOUR)
    assert (ward.parent.state, last(ward, ward.parent.id)) == (
        "planned",
        ("moved", "L-10", "deadline_missed", "planned"),
    )


def test_the_sub_case_is_opened_when_the_place_has_become_free() -> None:
    ward = ordered_by_hand()
    ward.place("equipment_delivered", by=RN, place="home")
    ward.now += 61
    settle(ward.services, ward.parent)
    ward.following.run()
    assert [kit.parent for kit in ward.kits] == [None, Parent(ward.parent.id, ward.parent.visit)]
    assert wrong(ward) == []


# ── reported ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("event", "data", "end", "state", "transition"),
    [
        ("equipment_delivered", {"place": "home"}, "delivered", "gone", "L-7"),
        ("home_oxygen_order_cancelled", {"reason": "no"}, "withdrawn", "planned", "L-8"),
    ],
)
def test_the_end_of_the_sub_case_moves_the_parent(
    event: str, data: dict[str, Any], end: str, state: str, transition: str
) -> None:
    ward = Ward().ordered()
    ward.now += 600
    ward.place(event, by=RN, **data)
    assert (ward.kit.state, ward.parent.state) == (end, state)
    assert last(ward, ward.parent.id) == ("moved", transition, f"kit.{end}", state)
    entry = ward.journal(ward.parent.id)[-1]
    assert (entry["occurred_at"], entry.get("actor")) == (ward.now, None)
    assert wrong(ward) == []


def test_a_sub_case_that_ends_by_its_deadline_moves_the_parent() -> None:
    ward = Ward().ordered()
    ward.pass_time(2 * HOUR)
    assert (ward.kit.state, ward.parent.state) == ("expired", "planned")
    assert last(ward, ward.parent.id) == ("moved", "L-9", "kit.expired", "planned")
    assert wrong(ward) == []


def test_the_parent_is_told_once() -> None:
    ward = Ward().ordered()
    ward.place("home_oxygen_order_cancelled", by=RN, reason="no")
    before = ward.snapshot()
    for _ in range(3):
        settle(ward.services, ward.kit)
    assert ward.snapshot() == before


def test_a_crash_between_the_end_and_the_report_heals_when_the_event_comes_again() -> None:
    ward = Ward().ordered()
    raw = ward.raw("equipment_delivered", by=RN, place="home")
    lost(ward, lambda: ward.deliver(raw))
    assert (ward.kit.state, ward.parent.state) == ("delivered", "ordering")
    ward.deliver(raw)
    assert ward.parent.state == "gone"
    assert wrong(ward) == []


def test_a_crash_between_the_end_and_the_report_heals_in_the_sweep() -> None:
    ward = Ward().ordered()
    lost(ward, lambda: ward.send_on("equipment_delivered", RN, place="home"))
    ward.now += 61
    ward.sweep()
    assert ward.parent.state == "gone"
    assert wrong(ward) == []


def test_a_crash_between_the_end_and_the_report_heals_although_the_sub_case_s_execution_has_ended() -> None:
    """The sweep tells the parent of a sub-case that nothing else is left to do for."""
    ward = Ward().ordered()
    lost(ward, lambda: ward.send_on("equipment_delivered", RN, place="home"))
    ward.following.executions[ward.kit.id, 1].status = "SUCCEEDED"
    ward.now += 61
    ward.sweep()
    assert ward.parent.state == "gone"


def test_a_report_that_comes_late_says_when_the_sub_case_ended() -> None:
    """News that comes late buys no time: the parent's next deadline counts from the end of the sub-case."""
    ward = Ward().ordered()
    ended_at = ward.now + 600
    ward.now = ended_at
    lost(ward, lambda: ward.send_on("home_oxygen_order_cancelled", RN, reason="no"))
    ward.now += 300
    ward.sweep()
    row = ward.parent
    assert (row.state, row.case.entered, row.case.due) == ("planned", ended_at, ended_at + 8 * HOUR)


def test_the_report_loses_a_race_and_is_decided_again() -> None:
    table = Between(MemoryTable())
    ward = Ward(table=table).ordered()
    parent = ward.parent.id
    table.before_write(
        lambda: ward.send_on("spo2_observed", spo2_percent=91.0, run=False), of=touches(keys.case_pk(parent))
    )
    ward.place("equipment_delivered", by=RN, place="home")
    assert (table.happened, ward.parent.state) == (1, "gone")
    assert ward.parent.case.facts["spo2"].value == 91.0
    assert wrong(ward) == []


def test_an_end_that_nobody_waits_for_moves_nothing_and_is_journaled() -> None:
    """The parent left the state; how the sub-case ends is no news for the state it is in now, but nothing is lost silently."""
    ward = Ward().ordered()
    kit_due = ward.kit.case.due
    assert kit_due is not None
    ward.send_on("order_cancelled", MD)
    assert ward.parent.state == "off"
    before = ward.journal(ward.parent.id)
    ward.pass_time(2 * HOUR)
    assert (ward.kit.state, ward.parent.state) == ("expired", "off")
    *journal, late = ward.journal(ward.parent.id)
    assert journal == before
    assert (late["kind"], late["event"], late["reason"]) == ("recorded", "kit.expired", "sub_case_ended_late")
    mark = ward.row(ward.services.keys.mark("northfield", f"sub-case-ended#{ward.kit.id}", "leaving"))
    assert (mark["outcome"], mark["reason"], mark["case"]) == ("ignored", "sub_case_ended_late", ward.parent.id)
    settle(ward.services, ward.kit)
    assert len(ward.journal(ward.parent.id)) == len(before) + 1, "once"
    assert wrong(ward) == []


def test_a_state_that_the_parent_went_on_to_may_answer_the_end_itself() -> None:
    """It waits for no sub-case of its own, and says what the end of the one before means there."""
    definition = leaving(needed=1)
    definition = definition.model_copy(
        update={
            "transitions": tuple(
                t.model_copy(update={"sources": (*t.sources, "planned")}) if t.id == "L-7" else t
                for t in definition.transitions
            )
        }
    )
    ward = Ward(definition).prepared()
    ward.send_on("note_written", RN)
    ward.now += 60
    ward.send_on("discharge_plan_cancelled", MD)
    assert ward.parent.state == "planned"
    ward.place("equipment_delivered", by=RN, place="home")
    assert (ward.parent.state, last(ward, ward.parent.id)) == ("gone", ("moved", "L-7", "kit.delivered", "gone"))
    assert wrong(ward) == []


def test_the_end_of_an_earlier_sub_case_is_not_taken_for_that_of_the_present_one() -> None:
    """The parent went on and came back, and only then does the first sub-case end; another is asked for."""
    ward = Ward(leaving(needed=1)).prepared()
    ward.send_on("note_written", RN)
    ward.now += 60
    ward.send_on("discharge_plan_cancelled", MD)
    ward.send_on("assessment_completed", MD)
    ward.send_on("note_written", RN)
    row = ward.parent
    assert (row.state, ward.kit.parent) == ("ordering", Parent(row.id, 3))
    assert row.arrived == 6
    before = ward.journal(row.id)
    ward.now += 60
    ward.place("equipment_delivered", by=RN, place="home")
    assert (ward.kits[0].state, ward.parent.state, ward.parent.visit) == ("delivered", "ordering", row.visit)
    *journal, late = ward.journal(row.id)
    assert journal == before
    assert (late["kind"], late["event"], late["reason"]) == ("recorded", "kit.delivered", "sub_case_ended_late")
    assert ward.kits[1].parent == Parent(row.id, 6), "its place is free now, so another is opened at once"
    assert wrong(ward) == []


def test_a_parent_that_does_not_exist_is_a_fault() -> None:
    ward = Ward().ordered()
    ward.table.write((Delete(keys.meta(ward.parent.id)),))
    with pytest.raises(LookupError, match="which does not exist"):
        ward.place("equipment_delivered", by=RN, place="home")


# ── waiting in the same place ────────────────────────────────────────────────────────────────────────────────────────────


def transferred() -> Ward:
    """The parent waits for its sub-case, and the patient is moved to another unit meanwhile."""
    ward = Ward().ordered()
    ward.now += 60
    ward.send_on("patient_transferred", MD)
    assert (ward.parent.state, ward.parent.visit) == ("ordering", 4)
    return ward


def test_waiting_in_the_same_place_goes_on_waiting_for_the_same_sub_case() -> None:
    ward = transferred()
    assert len(ward.kits) == 1
    ward.place("equipment_delivered", by=RN, place="home")
    assert (ward.parent.state, len(ward.kits)) == ("gone", 1)
    assert wrong(ward) == []


def test_waiting_in_the_same_place_does_not_ask_again_for_what_has_ended() -> None:
    ward = transferred()
    lost(ward, lambda: ward.send_on("equipment_delivered", RN, place="home"))
    settle(ward.services, ward.parent)
    assert len(ward.kits) == 1
    ward.now += 61
    ward.sweep()
    assert (ward.parent.state, len(ward.kits)) == ("gone", 1)


def test_coming_back_asks_for_another() -> None:
    ward = Ward(leaving(needed=1)).prepared()
    ward.send_on("note_written", RN)
    ward.place("home_oxygen_order_cancelled", by=RN, reason="no")
    ward.now += 60
    ward.send_on("assessment_completed", MD)
    ward.send_on("note_written", RN)
    assert [kit.state for kit in ward.kits] == ["withdrawn", "sent"]
    assert ward.kits[1].parent == Parent(ward.parent.id, ward.parent.visit)
    ward.place("equipment_delivered", by=RN, place="home")
    assert ward.parent.state == "gone"
    assert wrong(ward) == []


# ── what cannot be ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_facility_that_does_not_run_the_other_workflow_cannot_run_this_one() -> None:
    definitions = (LEAVING, KIT)
    with pytest.raises(LookupError, match="kit"):
        register(MemoryTable(), POLICY, {"leaving": 1}, definitions)
    register(MemoryTable(), POLICY, {"leaving": 1, "kit": 1}, definitions)


def runs(ward: Ward, **workflows: int) -> None:
    """From now on the facility starts these workflows, and everybody knows."""
    ward.table.write((Put({**ward.row(keys.facility_active("northfield")), "workflows": workflows}),))
    ward.services = replace(ward.services, library=Library(ward.table, (leaving(needed=2), KIT)))


def test_a_facility_that_stopped_running_the_other_workflow_is_a_fault_and_not_a_quarantined_event() -> None:
    """The event moved the case; that its sub-case cannot be opened must be heard, and heals once the workflow runs again."""
    ward = about_to_order()
    runs(ward, leaving=1)
    with pytest.raises(LookupError, match="kit"):
        order(ward)
    assert (ward.parent.state, ward.kits) == ("ordering", [])
    runs(ward, leaving=1, kit=1)
    order(ward)
    assert len(ward.kits) == 1
    assert wrong(ward) == []


def test_one_of_several_cases_cannot_be_opened_by_another() -> None:
    """The verifier finds it; an event of the parent must not open a case that nothing could be told."""
    ward = about_to_order()
    several = KIT.model_copy(update={"correlation": Correlation.RESULT})
    ward.services = replace(ward.services, library=Library(ward.table, (leaving(needed=2), several)))
    with pytest.raises(LookupError, match="for which result"):
        order(ward)
    assert ward.kits == []


def test_a_case_with_nobody_to_open_it_for_is_a_fault() -> None:
    ward = about_to_order()
    ward.table.update(Update(keys.meta(ward.parent.id), remove=("encounter",)))
    with pytest.raises(LookupError, match="nobody to open"):
        order(ward)


def test_the_request_and_the_report_leave_marks() -> None:
    ward = Ward().ordered()
    requested = [r for r in ward.snapshot().values() if r["sk"] == "kit" and r.get("case") == ward.kit.id]
    assert [(r["outcome"], r["reason"]) for r in requested] == [("moved", "transition")]
    ward.place("equipment_delivered", by=RN, place="home")
    key = ward.services.keys.mark("northfield", f"sub-case-ended#{ward.kit.id}", "leaving")
    assert isinstance(key, Key)
    assert ward.row(key)["outcome"] == "moved"
