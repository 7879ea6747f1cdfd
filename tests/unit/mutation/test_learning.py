"""Which tests are tried for a guard: those seen to call its function, and where nobody was watched yet, those nearby."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.mutation.learning import Touches
from tests.mutation.mutation import Edit, Mutation

EARLY, SWEEP = "functions/cases/early.py", "functions/cases/sweep.py"
UNIT, LONG = "tests/unit/cases/test_a.py", "tests/crash/test_b.py"


def _guard(file: str, function: str) -> Mutation:
    return Mutation(file, function, "never: a", 1, (Edit(0, 1, ""),))


def _seen(*functions: str, passed: bool = True) -> dict[str, Any]:
    return {"seconds": 0.1, "passed": passed, "functions": list(functions)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two modules, of which one imports the other, and two test files."""
    for file, source in {
        EARLY: "",
        SWEEP: "from functions.cases.early import readable\n",
        UNIT: "",
        LONG: "",
    }.items():
        Path(tmp_path, file).parent.mkdir(parents=True, exist_ok=True)
        Path(tmp_path, file).write_text(source)
    return tmp_path


@pytest.fixture
def touches(root: Path) -> Touches:
    """What a run showed."""
    learnt = Touches(root / "touches.json")
    tests = {
        f"{UNIT}::test_mends": _seen(f"{SWEEP}:mend"),
        f"{UNIT}::test_fails_anyhow": _seen(f"{SWEEP}:mend", passed=False),
        f"{UNIT}::test_elsewhere": _seen("functions/cases/commit.py:moved"),
        f"{LONG}::test_dies": _seen(f"{SWEEP}:mend"),
    }
    learnt.learn(root, tests, [UNIT, LONG], "tree")
    return Touches(root / "touches.json")


def test_tests_that_call_the_function_are_tried_the_quick_ones_first(root: Path, touches: Touches) -> None:
    guard = _guard(SWEEP, "mend")
    assert touches.chosen(root, guard, every=False) == [f"{UNIT}::test_mends"]
    assert touches.chosen(root, guard, every=True) == [f"{UNIT}::test_mends", f"{LONG}::test_dies"]
    assert touches.chosen(root, guard, every=True, long=False) == [f"{UNIT}::test_mends"]


def test_a_function_that_has_just_come_is_looked_for_by_its_file(root: Path, touches: Touches) -> None:
    assert touches.chosen(root, _guard(SWEEP, "later"), every=False) == [f"{UNIT}::test_mends"]


def test_a_module_that_has_just_come_is_looked_for_by_who_imports_it(root: Path, touches: Touches) -> None:
    assert touches.chosen(root, _guard(EARLY, "readable"), every=False) == [f"{UNIT}::test_mends"]


def test_only_files_that_were_watched_with_other_sources_and_may_call_it_are_outdated(
    root: Path, touches: Touches
) -> None:
    survivor = [_guard(EARLY, "readable")]
    assert touches.outdated(root, "tree", survivor) == []
    assert touches.outdated(root, "another", survivor) == [UNIT, LONG]
    assert touches.outdated(root, "another", [_guard("functions/cases/alone.py", "f")]) == []


def test_a_test_file_that_changed_is_watched_anew(root: Path, touches: Touches) -> None:
    assert touches.unknown(root, "tree", quick=False) == []
    Path(root, LONG).write_text("# another")
    assert touches.unknown(root, "tree", quick=False) == [LONG]
    assert touches.unknown(root, "tree", quick=True) == []


def test_a_test_file_of_which_a_test_failed_is_watched_anew_with_other_sources(root: Path, touches: Touches) -> None:
    assert touches.unknown(root, "another", quick=False) == [UNIT]
