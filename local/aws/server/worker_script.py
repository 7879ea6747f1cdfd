"""Edits to the program that MiniStack runs in each Python Lambda worker."""

from __future__ import annotations

from ministack.core import lambda_runtime


class ChangedScriptError(RuntimeError):
    """The worker program is not the one that an edit was written for."""


def replace(old: str, new: str) -> None:
    """Put `new` in the place of `old`. Raises ChangedScriptError unless `old` occurs exactly once."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(old) != 1:
        raise ChangedScriptError(f"MiniStack's worker program changed: {script.count(old)} times {old!r}")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(old, new)
