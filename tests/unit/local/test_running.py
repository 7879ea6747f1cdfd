"""`baton up` and `down` know the very process that they started; a number that another process has now is not enough."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from local import running
from local.supervisor import MODULE, READY, wait


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is named like a supervisor and waits."""
    started = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", MODULE], stdin=subprocess.PIPE)
    end = time.monotonic() + 10
    while MODULE not in psutil.Process(started.pid).cmdline():  # forked, and not yet the program that was asked for
        assert time.monotonic() < end
        time.sleep(0.01)
    yield started
    started.kill()
    started.wait()


def said(process: subprocess.Popen[bytes], **other: Any) -> dict[str, Any]:
    """What the process would have said of itself."""
    return {"pid": process.pid, "started": psutil.Process(process.pid).create_time(), **other}


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which a supervisor says where it is."""
    monkeypatch.setattr(running, "UP", tmp_path)
    return tmp_path / READY


def test_the_very_process_is_found_and_stopped(process: subprocess.Popen[bytes], ready: Path) -> None:
    ready.write_text(json.dumps(said(process)))
    assert running.addresses()["pid"] == process.pid
    assert running.down()
    assert process.wait(5) == -signal.SIGTERM


def test_another_process_of_the_same_number_is_left_alone(process: subprocess.Popen[bytes], ready: Path) -> None:
    ready.write_text(json.dumps(said(process) | {"started": psutil.Process(process.pid).create_time() - 3600}))
    assert not running.down()
    with pytest.raises(running.NotUp, match="baton up"):
        running.addresses()
    assert process.poll() is None


def test_a_process_that_does_something_else_is_left_alone(ready: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as other:
        ready.write_text(json.dumps(said(other)))
        assert not running.down()
        assert other.poll() is None


def test_a_process_that_has_ended_is_not_up(process: subprocess.Popen[bytes], ready: Path) -> None:
    ready.write_text(json.dumps(said(process)))
    process.kill()
    process.wait()
    assert not running.down()


def test_a_file_of_an_earlier_version_is_not_up(process: subprocess.Popen[bytes], ready: Path) -> None:
    ready.write_text(json.dumps({"pid": process.pid}))
    assert not running.down()
    assert process.poll() is None


def test_a_process_of_another_user_is_told(
    process: subprocess.Popen[bytes], ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: psutil.Process) -> None:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "terminate", denied)
    ready.write_text(json.dumps(said(process)))
    with pytest.raises(running.StackFailed, match="another user"):
        running.down()


@pytest.mark.parametrize("dead", ["aws", "emr"])
def test_half_a_stack_ends(dead: str, capsys: pytest.CaptureFixture[str]) -> None:
    stack: Any = SimpleNamespace(aws=SimpleNamespace(pid=1), emr=SimpleNamespace(pid=2))
    getattr(stack, dead).pid = None
    assert wait(stack, threading.Event(), 0.0) == 1
    assert f"the embedded {dead.upper()} ended by itself" in capsys.readouterr().err


def test_a_whole_stack_waits_until_it_is_enough() -> None:
    enough = threading.Event()
    enough.set()
    stack: Any = SimpleNamespace(aws=SimpleNamespace(pid=1), emr=SimpleNamespace(pid=2))
    assert wait(stack, enough, 0.0) == 0
