"""What a finding says: its place, the shortest course that shows it, its mend, and at which facilities."""

from __future__ import annotations

import gc

import pytest

from statemachines.facilities import facilities
from statemachines.verify import Finding, Severity, check, verify
from statemachines.verify.verifier import merged
from statemachines.workflows import WORKFLOWS
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import FETCH, GOOD, POLICIES, news2, spo2
from tests.unit.verify.planted.table import cases


def only(draft: Draft, code: str) -> Finding:
    found = [finding for finding in draft.findings() if finding.code == code]
    assert len(found) == 1, [finding.sentence for finding in found]
    return found[0]


def test_a_gap_is_shown_with_values_and_the_shortest_way_there() -> None:
    draft = (
        Draft()
        .answer("news2_scored", None, "treated")
        .new_arrow("X-1", ["treated"], "news2_scored", None, when=news2 < 5)
    )
    gap = only(draft, "BTN-304")
    assert "NEWS2 = 6" in gap.sentence or "NEWS2 = 5" in gap.sentence
    assert gap.trace[:2] == ("G-01 oxygen_ordered", "G-02 oxygen_changed")
    assert gap.trace[2].startswith("news2_scored with NEWS2 = ")
    assert (gap.place.state, gap.place.event, gap.place.facilities) == ("treated", "news2_scored", ())


def test_a_fault_of_one_facility_names_it() -> None:
    finding = only(Draft().arrow("G-17", separate_from=[]), "BTN-504")
    assert finding.place.facilities == ("lake",)
    assert finding.mend == "Add G-16 to separate_from of G-17."


def test_a_circle_of_checklists_is_told_once_with_its_way_and_where_it_is() -> None:
    (case,) = [c for c in cases() if c.code.id == "BTN-733" and c.name == "at the facilities with one style"]
    circle = only(case.change(Draft()), "BTN-733")
    assert circle.place.facilities == ("moor",)
    assert circle.place.transition == "G-21, X-1"
    assert "“Prepared” → “Prepared late” → “Prepared”" in circle.sentence
    assert circle.trace[-2:] == ("G-21 checklist_completed", "X-1 checklist_completed")


def test_a_fault_of_every_facility_names_none() -> None:
    assert only(Draft().state("treated", deadline=None), "BTN-401").place.facilities == ()


def test_findings_that_differ_only_in_facilities_are_one() -> None:
    first = only(Draft().shift(0, 1, "RN", "PROVIDER"), "BTN-503")
    second = Finding(
        first.code,
        first.severity,
        type(first.place)("good", role="CHARGE", facilities=("lake",), shift="night"),
        "",
        "",
    )
    (one,) = merged([first, second], ["hill", "lake", "moor"])
    assert one.place.facilities == ("hill", "lake")
    (everywhere,) = merged([first, second], ["hill", "lake"])
    assert everywhere.place.facilities == ()


@pytest.mark.parametrize(("draft", "says"), [
    (Draft().arrow("G-05", when=(spo2 < 85) & (spo2 > 92)), "“SpO2 < 85” and “SpO2 > 92” exclude each other"),
    (Draft().arrow("G-05", when=spo2 > 120), "SpO2 is at least 0 and at most 100"),
])  # fmt: skip
def test_a_guard_that_never_holds_says_why(draft: Draft, says: str) -> None:
    assert says in only(draft, "BTN-302").sentence


def test_every_planted_finding_has_words_and_a_mend() -> None:
    for case in cases():
        for finding in case.change(Draft()).findings() if case.must else ():
            assert finding.sentence[-1] in ".?", (case.code.id, case.name, finding.sentence)
            assert finding.mend, (case.code.id, case.name)
            assert finding.as_dict()["place"], (case.code.id, case.name)


def test_overlays_that_are_alike_are_checked_once() -> None:
    others = {"fetch": FETCH}
    again = [policy.model_copy(update={"facility": f"{policy.facility}-{n}"}) for n in range(5) for policy in POLICIES]
    few, many = check(GOOD, POLICIES, others=others), check(GOOD, again, others=others)
    assert (few.machines, few.variants) == (3, 2)
    assert (many.machines, many.variants, many.facilities) == (3, 2, 15)
    assert many.questions == few.questions


def test_what_does_not_concern_the_workflow_makes_no_other_machine() -> None:
    here = POLICIES[0]
    there = here.model_copy(update={"facility": "there", "title": "There", "parameters": {"fetch": {}}})
    assert check(GOOD, [here, there], others={"fetch": FETCH}).machines == 1


def test_a_warning_does_not_count_as_an_error() -> None:
    report = check(GOOD, [POLICIES[0].model_copy(update={"shifts": ()})], others={"fetch": FETCH})
    assert [finding.severity for finding in report.findings] == [Severity.WARNING]
    assert report.errors == 0


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_same_findings_twice(workflow: str) -> None:
    overlays = list(facilities().values())
    assert verify(WORKFLOWS[workflow], overlays, others=WORKFLOWS) == verify(
        WORKFLOWS[workflow], overlays, others=WORKFLOWS
    )


def test_garbage_is_collected_again_afterwards() -> None:
    assert gc.isenabled()
    check(FETCH)
    assert gc.isenabled()
    with pytest.raises(AttributeError):
        verify(None)  # type: ignore[arg-type]
    assert gc.isenabled()
