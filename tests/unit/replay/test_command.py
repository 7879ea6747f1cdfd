"""The command: what it prints, and what its exit code means."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from local.replay.command import add_arguments, run
from local.replay.deployed import Lookup, Sink
from tests.unit.replay.made_up import FLOW, SPO2, STAY_COLUMNS, charted, observation, stayed, write_lines, write_table
from tests.unit.replay.test_deployed import Stack


def replay(*arguments: object, connect: Any = None) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(argument) for argument in arguments]), connect)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_table(folder / "chart.csv", [charted(FLOW, 2, 0), charted(SPO2, 95, 5), charted("223770", 88, 5)])
    write_table(folder / "stays.csv", [stayed(60)], STAY_COLUMNS)
    (folder / "README.md").write_text("made up")
    return folder


def test_the_account_as_a_table(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(data, "--in-memory", "--offset=-05:00") == 0
    said = capsys.readouterr().out
    assert "4  records in, from 2 files" in said
    assert "not read, of no known kind: README.md" in said
    assert "equal to records in" in said
    assert "oxygen_ordered (derived): moved 1" in said


def test_the_account_for_machines(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(data, "--in-memory", "--offset=-05:00", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["records_in"] == said["records_accounted"] == sum(said["outcomes"].values()) == 4
    assert said["adds_up"] is True
    assert said["unknown_files"] == ["README.md"]
    assert said["reasons"]["not_applicable"] == {"alarm_limit": 1}
    assert said["cases"]["ended"] == {"complete": 1}
    assert said["peak_memory_mb"] > 0


def test_the_trace_has_one_line_a_record(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "trace.ndjson"
    assert replay(data, "--in-memory", "--offset=Z", "--trace", trace) == 0
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert sorted((line["file"], line["line"], line["outcome"]) for line in lines) == [
        ("chart.csv", 2, "moved"),
        ("chart.csv", 3, "recorded"),
        ("chart.csv", 4, "not_applicable"),
        ("stays.csv", 2, "moved"),
    ]
    capsys.readouterr()


def test_naive_times_need_a_declared_offset_and_the_place_is_named(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(data, "--in-memory") == 2
    said = capsys.readouterr()
    assert "stays.csv, line 2" in said.err
    assert "--offset -05:00" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "offset", [("--offset=-05:00",), ("--offset", "-05:00"), ("--offset", "+05:30"), ("--offset", "Z")]
)
def test_an_offset_is_written_either_way(
    data: Path, offset: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(data, "--in-memory", *offset) == 0
    capsys.readouterr()


def test_times_with_an_offset_need_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lines(tmp_path / "a.ndjson", [observation("2708-6", 95)])
    assert replay(path, "--in-memory") == 0
    assert "1  records in" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("--offset=EST",), ("--offset=Z", "--key-file", "nowhere")])
def test_a_wrong_option_is_refused_before_anything_is_read(
    data: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(data, "--in-memory", *arguments) == 2
    assert capsys.readouterr().err.startswith("baton replay: ")


def test_a_path_without_data_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("nothing")
    assert replay(tmp_path, "--in-memory") == 2
    assert "FHIR Bundle" in capsys.readouterr().err
    assert replay(tmp_path / "nowhere", "--in-memory") == 2


def test_data_in_which_nothing_can_be_sent_is_accounted_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lines(tmp_path / "a.ndjson", [observation("2708-6", None), {"resourceType": "Procedure"}])
    assert replay(path, "--in-memory") == 0
    capsys.readouterr()


def test_on_a_stack_what_stays_unknown_fails_the_replay(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Deaf(Stack):
        def marked(self, *_: str) -> None:
            """Nothing is ever placed."""

    def connect() -> tuple[Sink, Lookup]:
        stack = Deaf()
        return stack, stack

    assert replay(data, "--offset=Z", "--rate=1000", "--settle=0.01", "--json", connect=connect) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["outcomes"]["unaccounted"] == 3
    assert said["cases"] is None
    assert said["notes"]
