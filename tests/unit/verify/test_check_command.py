"""`baton check`: what it checks, under which facilities, what it prints, and its exit code."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from local.check import add_arguments, run
from local.network import network
from statemachines.definition import dump
from statemachines.facilities import facilities
from statemachines.policy import dump as dump_policy
from statemachines.verify import check
from statemachines.workflows import WORKFLOWS
from tests.benchmark.verify_bench import large
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import FETCH, GOOD, POLICIES


def baton_check(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good workflow and the one it opens, and their facilities."""
    (tmp_path / "good.json").write_text(dump(GOOD))
    (tmp_path / "fetch.json").write_text(dump(FETCH))
    (tmp_path / "hospitals").mkdir()
    for policy in POLICIES:
        (tmp_path / "hospitals" / f"{policy.facility}.json").write_text(dump_policy(policy))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_all_workflows_under_all_facilities(capsys: pytest.CaptureFixture[str]) -> None:
    assert baton_check("--json") == 0
    report = said(capsys)
    assert report["errors"] == 0, "no workflow of this folder is shipped with a fault"
    assert [each["source"] for each in report["workflows"]] == list(WORKFLOWS)
    assert {each["facilities"] for each in report["workflows"]} == {len(facilities())}
    assert report["distinct_machines"] == sum(each["distinct_machines"] for each in report["workflows"])


def test_a_document_that_is_not_ours(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert baton_check("--json", folder / "good.json", folder / "fetch.json") == 0
    report = said(capsys)
    assert [each["facilities"] for each in report["workflows"]] == [0, 0]
    assert (report["errors"], report["warnings"]) == (0, 0)


def test_a_document_under_its_own_facilities(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = (folder / "good.json", folder / "fetch.json")
    assert baton_check("--json", *both, "--facilities", folder / "hospitals") == 0
    assert [each["distinct_machines"] for each in said(capsys)["workflows"]] == [3, 2]


def test_a_fault_is_an_error_with_its_place_and_mend(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good.json").write_text(Draft().state("treated", deadline=None).as_text())
    assert baton_check(folder / "good.json", folder / "fetch.json") == 1
    text = capsys.readouterr().out
    for part in (
        "BTN-401 error",
        "“Treated”",
        "at:       good, state treated",
        "G-01 oxygen_ordered → G-02 oxygen_changed",
        "mend:",
    ):
        assert part in text
    assert "1 error, 0 warnings" in text


def test_a_warning_alone_is_no_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = POLICIES[0].model_copy(update={"shifts": ()})
    for file in (folder / "hospitals").iterdir():
        file.unlink()
    (folder / "hospitals" / "hill.json").write_text(dump_policy(document))
    assert baton_check(folder / "good.json", folder / "fetch.json", "--facilities", folder / "hospitals") == 0
    assert "BTN-508 warning" in capsys.readouterr().out


def test_a_malformed_document_is_told_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good.json").write_text('{"workflow": "good"}')
    assert baton_check("--json", folder / "good.json") == 1
    (only,) = said(capsys)["workflows"]
    assert "workflow" not in only
    assert {finding["code"] for finding in only["findings"]} == {"BTN-001"}
    assert "$.states" in {finding["place"]["path"] for finding in only["findings"]}


def test_a_malformed_overlay_is_told_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hospitals" / "hill.json").write_text('{"facility": "hill", "title": "Hill", "always_staffd": "CHARGE"}')
    assert baton_check("--json", folder / "good.json", folder / "fetch.json", "--facilities", folder / "hospitals") == 1
    report = said(capsys)
    assert [finding["place"]["path"] for finding in report["overlays"]] == ["$.always_staffed", "$.always_staffd"]


def test_a_source_is_told_by_which_name_its_workflow_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert baton_check("statemachines/workflows/oxygen.py") == 2
    assert "baton check WORKFLOW" in capsys.readouterr().err


def test_one_facility_is_counted_as_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = folder / "one"
    one.mkdir()
    (one / "hill.json").write_text(dump_policy(POLICIES[0]))
    baton_check(folder / "good.json", folder / "fetch.json", "--facilities", one)
    assert "under 1 facility:" in capsys.readouterr().out
    baton_check(folder / "good.json", folder / "fetch.json", "--facilities", folder / "hospitals")
    assert f"under {len(POLICIES)} facilities:" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("nothing",), ("--network", "0"), ("--facilities", "/nowhere")])
def test_arguments_that_cannot_be_followed(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert baton_check(*arguments) == 2
    assert capsys.readouterr().err.startswith("baton check: ")


def test_a_network_of_generated_facilities(capsys: pytest.CaptureFixture[str]) -> None:
    assert baton_check("--json", "--network", "12") == 0
    report = said(capsys)
    assert report["errors"] == 0
    assert {each["facilities"] for each in report["workflows"]} == {12}
    assert report["distinct_machines"] > 2 * len(WORKFLOWS)


def test_the_same_seed_gives_the_same_facilities() -> None:
    ours = list(WORKFLOWS.values())
    assert list(network(20, ours)) == list(network(20, ours))
    assert list(network(20, ours, seed=1)) != list(network(20, ours, seed=2))


def test_a_generated_network_has_every_kind_of_facility() -> None:
    ours = list(WORKFLOWS.values())
    facilities = list(network(160, ours))
    last = facilities[0].always_staffed
    roles = {role.code for definition in ours for role in definition.roles}
    off = [(f, shift, roles - set(shift.staffed)) for f in facilities for shift in f.shifts if shift.name != "day"]
    assert {shift.name for _, shift, _ in off} == {"evening", "night", "weekend"}
    assert set().union(*(missing for _, _, missing in off)) == roles - {last}, "each role is missing somewhere"
    assert {len(missing) for _, _, missing in off} >= {0, 1, 2, 3, 5, 8}, "several at once"
    assert any({"RT", "RT_LEAD"} <= missing for _, _, missing in off)
    assert any({"RN", "RT", "PROVIDER"} <= missing for _, _, missing in off)
    assert any(
        set(others) <= set(shift.staffed)
        for f, shift, missing in off
        for role, others in f.performed_by.items()
        if role in missing
    ), "somebody does the work of a role that is missing"
    performed = {role for f in facilities for role in f.performed_by}
    assert performed >= {"RT", "RN", "LAB", "PCP", "CLINIC_RN", "CASE_MANAGER", "RT_LEAD"}
    assert max(len(others) for f in facilities for others in f.performed_by.values()) == 2
    chains = {f.fallbacks["RT"] for f in facilities if "RT" in f.fallbacks}
    assert ("CHARGE_NURSE",) in chains, "shortened"
    assert any("RT_LEAD" in chain for chain in chains), "with the senior whom the workflows name"
    assert any(set(chain) - {"RT_LEAD", "CHARGE_NURSE"} for chain in chains), "and longer"
    documented = {f.parameters["oxygen"].get("documentation", "as by default") for f in facilities}
    assert documented == {"signed_note", "cosigned_note", "flowsheet_comment", "as by default"}
    assert {f.parameters["home_oxygen_order"].get("cosignature") for f in facilities} == {True, False, None}
    assert len({f.calendar.holidays for f in facilities}) > 100
    assert len({f.calendar.time_zone for f in facilities}) == 4


def test_workflows_are_right_under_a_generated_network_and_one_that_was_not_is_found() -> None:
    """Documentation that is late was once told to the therapy lead alone, who is missing at night with the therapists."""
    facilities = list(network(160, list(WORKFLOWS.values())))
    others = dict(WORKFLOWS)
    for definition in WORKFLOWS.values():
        assert check(definition, facilities, others=others).findings == (), definition.workflow
    oxygen = WORKFLOWS["oxygen"]
    before = tuple(t.model_copy(update={"target": None}) if t.id == "T-53" else t for t in oxygen.transitions)
    found = check(oxygen.model_copy(update={"transitions": before}), facilities, others=others).findings
    assert "BTN-405" in {finding.code for finding in found}


def test_generated_facilities_fit_every_workflow() -> None:
    for policy in network(40, list(WORKFLOWS.values())):
        for definition in WORKFLOWS.values():
            policy.resolve(definition)
        assert all(policy.always_staffed in shift.staffed for shift in policy.shifts)


def test_the_workflow_of_the_benchmark_has_only_its_size_for_a_fault() -> None:
    definition = large(12)
    report = check(definition, list(network(30, [definition])))
    assert {finding.code for finding in report.findings} <= {"BTN-110"}
    assert report.machines == 30
    again = check(definition, list(network(60, [definition])))
    assert again.questions == report.questions, "more facilities, and nothing more to ask the solver"
