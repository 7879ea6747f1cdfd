"""The verifier and its solver are for where workflows are written: nothing that runs on AWS imports them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cdk.imports import needs

ROOT = Path(__file__).parents[3]
HANDLERS = sorted(file.parent.name for file in (ROOT / "functions").glob("*/handler.py"))


@pytest.mark.parametrize("function", HANDLERS)
def test_no_function_needs_it(function: str) -> None:
    needed = needs(ROOT, f"functions.{function}.handler")
    assert "z3" not in needed.others
    assert not [file for file in needed.files if {"verify", "solving.py"} & set(Path(file).parts)]


def test_the_solver_is_imported_when_it_is_asked() -> None:
    code = "import sys, statemachines.verify, statemachines.workflows; sys.exit('z3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
