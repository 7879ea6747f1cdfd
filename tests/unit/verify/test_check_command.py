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
    baton_check("--json")
    report = said(capsys)
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


@pytest.mark.parametrize("arguments", [("nothing",), ("--network", "0"), ("--facilities", "/nowhere")])
def test_arguments_that_cannot_be_followed(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert baton_check(*arguments) == 2
    assert capsys.readouterr().err.startswith("baton check: ")


def test_a_network_of_generated_facilities(capsys: pytest.CaptureFixture[str]) -> None:
    baton_check("--json", "--network", "12")
    report = said(capsys)
    assert {each["facilities"] for each in report["workflows"]} == {12}
    assert report["distinct_machines"] > 2 * len(WORKFLOWS)


def test_the_same_seed_gives_the_same_facilities() -> None:
    ours = list(WORKFLOWS.values())
    assert list(network(20, ours)) == list(network(20, ours))
    assert list(network(20, ours, seed=1)) != list(network(20, ours, seed=2))


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
