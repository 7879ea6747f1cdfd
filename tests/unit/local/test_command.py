"""The `baton` command: what a person can mend is told in a line, without a trace; a defect is never hidden."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from cdk.grants import FUNCTIONS
from functions.cases.commands import Refused
from local import command
from local.command import running
from local.compile import Faulty, PublishedVersionChanged
from local.demo import run
from local.demo.interference import Interference
from local.demo.stage import TooLate
from local.diagram.render import NotDrawn
from local.paths import CHECKOUT
from local.problem import Problem
from local.running import NotUp, StackFailed
from statemachines.compile.asl import NotCompilable
from statemachines.policy import UnknownInPolicy
from statemachines.published import MalformedReleases


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "`baton down` clears up, `baton up` starts"),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:9"), "`baton down` clears up, `baton up` starts"),
        (TooLate("not within 240 s"), "not within 240 s"),
        (StackFailed("the stack did not start"), "the stack did not start"),
        (NotUp("no stack is running here"), "no stack is running here"),
        (PublishedVersionChanged("changed: oxygen 1"), "changed: oxygen 1"),
        (NotCompilable("no state"), "no state"),
        (NotDrawn("no picture"), "no picture"),
        (UnknownInPolicy("no parameter"), "no parameter"),
        (MalformedReleases("line 3"), "line 3"),
        (Refused("wrong_role", "belongs to RT"), "belongs to RT"),
        (Problem("no cases begin with 'x'"), "no cases begin with 'x'"),
    ],
)
def test_what_a_person_can_mend_is_a_line(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: object) -> int:
        raise error

    monkeypatch.setattr(running, "_down", fails)
    assert command.main(["down"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("baton down: ")
    assert said in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    "error", [KeyError("task"), LookupError("case has no visit 3"), RuntimeError("odd"), ValueError("odd")]
)
def test_a_defect_keeps_its_trace(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> int:
        raise error

    monkeypatch.setattr(running, "_down", fails)
    with pytest.raises(type(error)):
        command.main(["down"])


def test_only_a_function_can_be_killed(capsys: pytest.CaptureFixture[str]) -> None:
    for function in FUNCTIONS:
        assert command.parser().parse_args(["demo", "--kill", function]).kill == function
    with pytest.raises(SystemExit):
        command.parser().parse_args(["demo", "--kill", "machines"])
    assert "invalid choice: 'machines'" in capsys.readouterr().err


def test_aws_is_stopped_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    disturbed: list[tuple[str | None, float, bool]] = []

    def demo(*_: object, interference: Interference, **__: object) -> int:
        disturbed.append((interference.kill, interference.emr_down_seconds, interference.restart_aws))
        return 0

    monkeypatch.setattr(run, "demo", demo)
    assert command.main(["demo"]) == 0
    assert command.main(["demo", "--restart-aws", "--emr-down", "20", "--kill", "relay"]) == 0
    assert disturbed == [(None, 0.0, False), ("relay", 20.0, True)]


def test_somebody_without_a_role_is_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.parser().parse_args(["claim", "abc", "--as", "RT-LINDEN"])
    assert "is not PERSON:ROLE" in capsys.readouterr().err


def test_what_is_redriven_is_named_in_one_way(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (
        [], ["abc", "--all"], ["abc", "--reason", "no_case"], ["--all", "--facility", "northfield"], ["--with", "x.json", "--all"],
        ["--with", "x.json", "a", "b"],
    ):  # fmt: skip
        with pytest.raises(SystemExit):
            command.main(["quarantine", "redrive", *wrong])
        assert "baton quarantine redrive: error: " in capsys.readouterr().err


def test_quarantine_lists_without_another_word() -> None:
    parser = command.parser()
    alone, listing = parser.parse_args(["quarantine"]), parser.parse_args(["quarantine", "list", "--reason", "no_case"])
    assert alone.handler is listing.handler
    assert (alone.reason, listing.reason) == (None, "no_case")
    assert not parser.parse_args(["quarantine", "show", "abc"]).phi, "patients' data are shown only when asked for"


def test_each_command_with_a_module_takes_its_arguments_there(capsys: pytest.CaptureFixture[str]) -> None:
    present = [name for name, (module, _) in command.MODULES.items() if find_spec(module) is not None]
    assert "replay" in present
    for name in present:
        with pytest.raises(SystemExit) as ended:
            command.main([name, "--help"])
        assert ended.value.code == 0
        assert f"usage: baton {name} " in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from local.command import parser; parser().format_help(); print(*sys.modules)",
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert [name for name in said if name.partition(".")[0] in ("boto3", "pydantic", "rich", "aws_cdk")] == []


def test_sending_nothing_good_fails_before_a_stack_is_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.json"
    empty.touch()
    assert command.main(["send", str(empty)]) == 1
    assert "holds no event" in capsys.readouterr().err


def test_compiling_with_a_fault_fails_with_its_findings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def faulty(**_: object) -> list[str]:
        raise Faulty("BTN-401 error  nobody is told")

    monkeypatch.setattr("local.compile.compile_workflows", faulty)
    assert command.main(["compile"]) == 1
    assert "BTN-401" in capsys.readouterr().err


def test_releasing_is_asked_for_and_never_together_with_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def release(names: list[str]) -> list[str]:
        asked.append(names)
        return []

    monkeypatch.setattr("local.compile.release", release)
    assert command.main(["compile", "--release", "oxygen"]) == 0
    assert command.main(["compile", "--release"]) == 0
    assert asked == [["oxygen"], []]
    with pytest.raises(SystemExit):
        command.main(["compile", "--check", "--release"])
