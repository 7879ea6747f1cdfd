"""`baton diff` and `baton migrate --plan`: what they read, print and exit with."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from local import diff, migrate
from local.definitions import NotReadable, definition, policies
from statemachines.definition import Definition, dump
from statemachines.facilities import facilities
from statemachines.policy import Policy
from statemachines.policy import dump as dump_policy
from statemachines.published import published
from statemachines.workflows.oxygen import OXYGEN
from tests.support.oxygen_v2 import OXYGEN_V2
from tests.unit.compare.mutations import with_arrow, with_state


@pytest.fixture
def second(tmp_path: Path) -> str:
    path = tmp_path / "workflow.json"
    path.write_text(dump(OXYGEN_V2), encoding="utf-8")
    return str(path)


def run(module: object, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments, run_ = (getattr(module, name) for name in ("add_arguments", "run"))
    add_arguments(parser)
    return int(run_(parser.parse_args(arguments)))


def test_a_version_is_named_by_its_number_its_file_or_its_source(second: str) -> None:
    assert definition("oxygen@1") == published("oxygen", 1)
    assert definition("oxygen") is OXYGEN
    assert definition(second) == OXYGEN_V2


@pytest.mark.parametrize("name", ["oxygen@99", "nothing", "no/such/file.json", "oxygen@"])
def test_what_is_not_there_is_said_with_what_is(name: str) -> None:
    with pytest.raises(NotReadable, match=r"oxygen"):
        definition(name)


def test_the_faults_of_a_malformed_document_are_located(tmp_path: Path) -> None:
    document = json.loads(dump(OXYGEN))
    document["states"][0]["kind"] = "waitng"
    del document["transitions"][1]["on"]
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(NotReadable) as problem:
        definition(str(path))
    text = str(problem.value)
    assert "states[0].kind" in text
    assert "transitions[1]" in text


def test_two_workflows_are_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(diff, "oxygen@1", "critical_lab@1") == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("baton diff: critical_lab@1 is another workflow (critical_lab) than oxygen@1 (oxygen): ")


def overlays(folder: Path | None = None, network: int | None = None, of: Definition = OXYGEN) -> list[Policy]:
    return list(policies(argparse.Namespace(facilities=folder, network=network), [of, of]))


def test_other_facilities_are_read_from_a_folder_or_generated(tmp_path: Path) -> None:
    assert overlays() == list(facilities().values())
    assert len(overlays(network=12)) == 12
    with pytest.raises(NotReadable, match="there is no overlay"):
        overlays(tmp_path)
    northfield = facilities()["northfield"]
    (tmp_path / "n.json").write_text(dump_policy(northfield), encoding="utf-8")
    assert overlays(tmp_path) == [northfield]
    (tmp_path / "m.json").write_text('{"facility": "m"}', encoding="utf-8")
    with pytest.raises(NotReadable, match="always_staffed"):
        overlays(tmp_path)


def test_the_example_facilities_are_not_asked_about_a_workflow_that_is_not_theirs() -> None:
    assert overlays(of=OXYGEN.model_copy(update={"workflow": "somebody_elses"})) == []


def test_diff_prints_text_markdown_or_json(second: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(diff, "oxygen", second) == 0
    assert capsys.readouterr().out.startswith("oxygen@1 → oxygen@2")
    assert run(diff, "oxygen", second, "--markdown") == 0
    assert capsys.readouterr().out.startswith("## oxygen@1 → oxygen@2")
    assert run(diff, "oxygen", second, "--json") == 0
    assert json.loads(capsys.readouterr().out)["new"]["version"] == 2


def test_diff_exits_with_1_when_asked_to_and_the_meaning_changed(tmp_path: Path, second: str) -> None:
    assert run(diff, "oxygen", second, "--exit-code") == 1
    reworded = tmp_path / "reworded.json"
    reworded.write_text(dump(with_state(OXYGEN, "stable", title="Steady")), encoding="utf-8")
    assert run(diff, "oxygen", str(reworded), "--exit-code") == 0
    assert run(diff, "oxygen", "oxygen@99") == 2


def test_migrate_prints_the_plan_and_exits_with_1_while_some_cases_stay(
    second: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(migrate, "--plan", "oxygen", second) == 1
    assert "validation_skipped" in capsys.readouterr().out
    assert run(migrate, "--plan", "oxygen", "oxygen") == 0
    assert run(migrate, "--plan", "oxygen", second, "--brief") == 1
    assert "goes on by" not in capsys.readouterr().out.split("validation_skipped")[-1]
    assert run(migrate, "--plan", "oxygen", second, "--markdown") == 1
    assert capsys.readouterr().out.startswith("## Cases in flight: ")
    assert run(migrate, "--plan", "oxygen", second, "--json") == 1
    assert len(json.loads(capsys.readouterr().out)["states"]) == len(OXYGEN.states)


def test_nothing_is_moved_without_being_planned(second: str) -> None:
    with pytest.raises(SystemExit):
        run(migrate, "oxygen", second)


def test_states_are_mapped_by_arguments_and_by_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    renamed = with_state(OXYGEN, "stable", name="steady")
    for transition in OXYGEN.transitions:
        sources = tuple("steady" if s == "stable" else s for s in transition.sources)
        target = "steady" if transition.target == "stable" else transition.target
        renamed = with_arrow(renamed, transition.id, sources=sources, target=target)
    new = tmp_path / "renamed.json"
    new.write_text(dump(renamed), encoding="utf-8")
    assert run(migrate, "--plan", "oxygen", str(new)) == 1
    assert "no_target" in capsys.readouterr().out
    assert run(migrate, "--plan", "oxygen", str(new), "--map", "stable=steady") == 0
    assert run(migrate, "--plan", "oxygen", str(new), "--map", "stable@lakeside=steady") == 1
    each = [f"--map=stable@{facility}=steady" for facility in facilities()]
    assert run(migrate, "--plan", "oxygen", str(new), *each) == 0
    lines, document = tmp_path / "map.txt", tmp_path / "map.json"
    lines.write_text("# renamed\nstable = steady\n", encoding="utf-8")
    document.write_text('{"stable": "steady"}', encoding="utf-8")
    for file in (lines, document):
        assert run(migrate, "--plan", "oxygen", str(new), "--map", str(file)) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("stable=nowhere", "has no state nowhere"),
        ("nowhere=stable", "has no state nowhere"),
        ("=stable", "not OLD=NEW"),
        ("stable@nowhere=stable", "there is no facility nowhere"),
        ("no/such/file", "neither OLD=NEW nor a file"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_an_error(
    given: str, said: str, second: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(migrate, "--plan", "oxygen", second, "--map", given) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"stable": 3}', '{"stable": ', "stable"])
def test_a_mapping_file_that_cannot_be_read_is_an_error(
    tmp_path: Path, text: str, second: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "map"
    path.write_text(text, encoding="utf-8")
    assert run(migrate, "--plan", "oxygen", second, "--map", str(path)) == 2
    assert str(path) in capsys.readouterr().err
