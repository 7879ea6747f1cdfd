"""A pytest plugin for runs in a copy: which functions each test calls and how long it takes, and which tests to run first.

It is told by environment variables, because a run in a copy has no other way to be told: ``BATON_TOUCHES`` is the file that
what was learnt goes to, ``BATON_RESULT`` the one that the first failure goes to, ``BATON_CHOSEN`` names the tests to run.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

HERE = Path.cwd()
WATCHED = "functions/"
"""Where guards are taken away whose tests are chosen by what they call."""

_called: set[CodeType] = set()
_touches: dict[str, dict[str, Any]] = {}
_result: dict[str, Any] = {"failed": None, "ran": 0, "broken": None}


def _record(frame: FrameType, _event: str, _argument: Any) -> None:
    _called.add(frame.f_code)


def _functions() -> list[str]:
    named: set[str] = set()
    for code in _called:
        file = code.co_filename
        if file.startswith(f"{HERE}/"):
            relative = file.removeprefix(f"{HERE}/")
            if relative.startswith(WATCHED):
                named.add(f"{relative}:{code.co_qualname}")
    return sorted(named)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    """Watch one test, its fixtures included."""
    _result["ran"] += 1
    if "BATON_TOUCHES" not in os.environ:
        return (yield)
    _called.clear()
    sys.settrace(_record)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        noted = _touches.setdefault(item.nodeid, {"seconds": 0.0, "passed": True})
        noted["functions"] = _functions()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how long a test took, and the first that failed."""
    noted = _touches.setdefault(report.nodeid, {"seconds": 0.0, "passed": True})
    noted["seconds"] = round(noted["seconds"] + report.duration, 3)
    if report.failed:
        noted["passed"] = False
        if _result["failed"] is None:
            _result["failed"] = report.nodeid
            _result["why"] = str(report.longrepr).strip().splitlines()[-1][:300]


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot even be imported says nothing about a guard."""
    if report.failed and _result["broken"] is None:
        _result["broken"] = f"{report.nodeid}: {str(report.longrepr).strip().splitlines()[-1][:300]}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the chosen tests."""
    chosen = os.environ.get("BATON_CHOSEN")
    if chosen is None:
        return
    wanted = set(json.loads(Path(chosen).read_text()))
    kept = [item for item in items if item.nodeid in wanted]
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in wanted])
    items[:] = kept


def pytest_sessionfinish() -> None:
    """Leave what was seen."""
    for name, seen in (("BATON_TOUCHES", _touches), ("BATON_RESULT", _result)):
        if name in os.environ:
            Path(os.environ[name]).write_text(json.dumps(seen))
