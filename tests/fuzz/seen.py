"""Which lines of ours an input reaches, without a compiler's help: sys.monitoring where Python has it, else a trace function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, TypeAlias

CHECKOUT: Final = Path(__file__).resolve().parents[2]
OURS: Final = tuple(str(CHECKOUT / package) + "/" for package in ("events", "statemachines", "functions", "local"))

Line: TypeAlias = tuple[str, int]
_Local: TypeAlias = Callable[[FrameType, str, Any], Any]


@contextmanager
def lines(reached: set[Line]) -> Iterator[None]:
    """Add to ``reached`` every line of ours that runs meanwhile, in this thread."""
    if sys.version_info >= (3, 12):
        with _monitored(reached):
            yield
        return
    before = sys.gettrace()
    sys.settrace(_tracer(reached))
    try:
        yield
    finally:
        sys.settrace(before)


def _tracer(reached: set[Line]) -> _Local:
    def inside(frame: FrameType, what: str, _: Any) -> Any:
        if what == "line":
            reached.add((frame.f_code.co_filename, frame.f_lineno))
        return inside

    def called(frame: FrameType, _: str, __: Any) -> Any:
        return inside if frame.f_code.co_filename.startswith(OURS) else None

    return called


@contextmanager
def _monitored(reached: set[Line]) -> Iterator[None]:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    tool, line = monitoring.COVERAGE_ID, monitoring.events.LINE

    def ran(code: CodeType, number: int) -> Any:
        if code.co_filename.startswith(OURS):
            reached.add((code.co_filename, number))
        return monitoring.DISABLE  # each line once

    monitoring.use_tool_id(tool, "fuzz")
    monitoring.register_callback(tool, line, ran)
    monitoring.set_events(tool, line)
    monitoring.restart_events()
    try:
        yield
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
