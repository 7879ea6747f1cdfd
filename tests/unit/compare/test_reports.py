"""How a comparison and a plan read: on a terminal, in a pull request, and for machines."""

from __future__ import annotations

import json
from functools import cache

from statemachines.compare import Diff, diff, plan
from statemachines.compare.report.document import diff_document, plan_document
from statemachines.compare.report.markdown import diff_markdown, plan_markdown
from statemachines.compare.report.places import shortened, where
from statemachines.compare.report.text import diff_text, plan_text
from statemachines.compare.words import names
from statemachines.facilities import facilities
from statemachines.policy import Policy
from statemachines.workflows.oxygen import OXYGEN
from tests.support.oxygen_v2 import OXYGEN_V2
from tests.unit.compare.mutations import with_arrow, with_parameter, with_state, without


@cache
def second_version() -> Diff:
    return diff(OXYGEN, OXYGEN_V2, facilities().values())


def test_the_text_says_what_changed_for_whom_and_what_becomes_of_cases() -> None:
    text = diff_text(second_version())
    for line in (
        "oxygen@1 → oxygen@2  Oxygen: assess, titrate, document",
        "8 changes in meaning, 1 only in words",
        "      deadline 12 h → 4 h  [northfield and southgate]",
        "  touched: lakeside, northfield and southgate",
        "      guard: complete documentation = cosigned note → always  [northfield]",
    ):
        assert line in text.splitlines()
    assert "  stay at northfield in filing, confirming, filing_failed and filing_overdue: " in text
    assert (
        "  can move at lakeside and southgate only, from filing, confirming, filing_failed and filing_overdue" in text
    )
    assert "  cases that stay end under version 1, which stays deployed until they have; " in text
    headings = [line for line in text.splitlines() if line and not line.startswith(" ")][2:]
    assert headings == ["States", "Arrows", "Limits", "Only in words", "Facilities", "Cases in flight"]


def test_nothing_is_said_in_one_line() -> None:
    same = diff(OXYGEN, OXYGEN, facilities().values())
    assert diff_text(same).splitlines()[1:] == ["no change in meaning, and none in words"]
    assert "No change in meaning" in diff_markdown(same)


def test_facilities_that_are_not_touched_or_do_not_fit_are_told() -> None:
    text = diff_text(diff(OXYGEN, with_state(OXYGEN, "awaiting_cosign", owner="RT_LEAD"), facilities().values()))
    assert "  touched: southgate\n  not touched: lakeside and northfield\n" in text
    assert "all can move, from each of 22 open states" in text
    unfit = diff(OXYGEN, without(OXYGEN, "parameters", lambda p: p.name != "adult_from"), facilities().values())
    assert "  lakeside: its overlay does not fit version 1: " in diff_text(unfit)
    assert "**its overlay does not fit version 1" in diff_markdown(unfit)


def test_the_plan_says_for_every_state_what_was_proven_or_why_not() -> None:
    lines = plan_text(second_version().migration).splitlines()
    for state in OXYGEN.states:
        assert any(line.startswith(f"{state.name} ") for line in lines)
    place = next(n for n, line in enumerate(lines) if line.startswith("awaiting_cosign"))
    assert lines[place : place + 6] == [
        "awaiting_cosign        moves → awaiting_cosign",
        "    goes on by T-57; ends by T-57, T-60, T-63",
        "    owned by PROVIDER",
        "    timer: 12 h → 4 h, counted from when the state was entered",
        "      a case that has waited longer than that is late as soon as it moves",
        "    surely knows age, hypercapnic",
    ]
    assert any("filing" in line and "moves in part → filing (at lakeside and southgate)" in line for line in lines)
    assert any(line.startswith("    validation_skipped  at northfield: ") for line in lines)
    brief = plan_text(second_version().migration, proofs=False)
    assert "goes on by" not in brief
    assert "validation_skipped" in brief


def test_a_state_with_a_target_for_one_facility_has_a_line_for_each() -> None:
    mapping = {"titrating": "assessed", "stable@northfield": "assessment_due", "filing@northfield": "awaiting_cosign"}
    made = plan(OXYGEN, OXYGEN_V2, facilities().values(), mapping)
    lines = plan_text(made, proofs=False).splitlines()
    assert [line.split("  moves → ")[1] for line in lines if line.startswith("stable ")] == [
        "stable (at lakeside and southgate)",
        "assessment_due (at northfield)",
    ]
    assert "titrating              moves → assessed" in lines
    assert any(line.startswith("filing ") and line.endswith("stays (at northfield)") for line in lines)
    assert "can move at lakeside and southgate only, from filing, confirming, filing_failed and filing_overdue" in lines
    assert next(line for line in lines if line.startswith("can move from 18 states")).count("stable") == 1
    assert "| `assessment_due` | moves (at northfield) |" in plan_markdown(made)


def test_pages_for_pull_requests_hold_nothing_that_markdown_takes_for_markup() -> None:
    page = diff_markdown(second_version())
    assert "SpO2 &lt; 94% → &lt; 94% or &gt; 98%" in page
    for line in page.splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") in (3, 4), "a cell that opens another"
    assert "| `awaiting_cosign`<br>Awaiting co-signature | `awaiting_cosign` | moves |" in plan_markdown(
        second_version().migration
    )


def test_the_document_is_json_with_stable_names() -> None:
    document = json.loads(json.dumps(diff_document(second_version())))
    assert set(document) == {"old", "new", "changes", "facilities", "migration"}
    assert document["old"]["workflow"] == "oxygen"
    assert {c["code"] for c in document["changes"]} >= {"arrow.guard", "arrow.removed", "state.deadline"}
    assert set(document["changes"][0]) == {
        "code", "place", "title", "sentence", "before", "after", "details", "facilities", "wording",
    }  # fmt: skip
    planned = document["migration"]
    assert planned == json.loads(json.dumps(plan_document(second_version().migration)))
    states = {move["state"]: move for move in planned["states"]}
    assert list(states) == [state.name for state in OXYGEN.states]
    assert states["filing"]["verdict"] == "moves_somewhere"
    assert states["filing"]["moving"] == ["lakeside", "southgate"]
    assert states["filing"]["refusals"][0]["obstacle"] == "validation_skipped"
    assert states["complete"] | {"facilities": []} == {
        "state": "complete", "target": None, "verdict": "ended", "facilities": [], "moving": [],
        "refusals": [], "proof": None, "notes": [],
    }  # fmt: skip
    proof = states["awaiting_cosign"]["proof"]
    assert proof["timers"][0]["shorter_by_seconds"] == 8 * 3600
    assert proof["emr"] == ["in-progress", "in-progress"]


def test_a_case_that_has_ended_moves_nowhere() -> None:
    """A closed case does not move, so no facility is listed as moving it."""
    move = second_version().migration.move("complete")
    assert move.moving == ()


def test_networks_of_many_facilities_stay_readable() -> None:
    base = facilities()["northfield"]
    many = [
        base.model_copy(
            update={"facility": f"f{n:03}", "title": f"F {n}", "parameters": {"oxygen": {"assess_adult": 60 + n}}}
        )
        for n in range(40)
    ]
    several = [Policy.model_validate({**base.model_dump(), "facility": f"g{n}"}) for n in range(3)]
    changed = with_arrow(with_parameter(OXYGEN, "assess_child", default=50), "T-40", by=("RN",))
    found = diff(OXYGEN, changed, [*many, *several])
    text = diff_text(found)
    assert "  [everywhere]" in text
    assert "          and 32 more\n" in text
    assert "touched: f000, f001, f002, f003 and 39 more" in text
    assert "The first 20 of 43; 43 of all are touched." in diff_markdown(found)
    (change,) = [c for c in found.changes if c.code == "state.deadline"]
    assert len(change.details) == 40, "the JSON keeps all"


def test_places_in_few_words() -> None:
    assert [where([], 3), where(["a"], 1), where(["a", "b"], 2), where(list("abcdef"), 9)] == [
        "nowhere",
        "a",
        "everywhere",
        "6 of 9 facilities",
    ]
    assert names(list("abcdef")) == "a, b, c, d and 2 more"
    assert shortened([str(n) for n in range(10)])[-1] == "and 2 more"
