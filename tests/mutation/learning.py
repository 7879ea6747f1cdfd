"""Which tests may notice: those that call the function a guard is in, the quick ones first.

Learnt by running each test file once with its calls recorded; a file is run again when it has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from tests.mutation.mutation import Mutation

FIRST: Final = [
    "tests/unit/cases",
    "tests/unit/emr",
    "tests/unit/functions",
    "tests/unit/workflows",
    "tests/integration",
    "tests/property",
    "tests/crash",
    "tests/simulation",
    "tests/unit/replay",
    "tests/unit/local",
]
"""Where tests that notice are looked for, in this order."""

STACK: Final = (
    "tests/infrastructure/test_delivery.py",
    "tests/infrastructure/test_confidentiality.py",
    "tests/infrastructure/test_permissions.py",
)
"""What looks at the stack. It is synthesised by another process, so no call of it is seen."""

LONG: Final = ("tests/crash", "tests/property", "tests/simulation")
"""Where one test takes many seconds."""

QUICK_SECONDS = 20.0
"""How long the tests that are tried first take together."""

OF_ONE_TEST = 2
"""A test with many parameters is first tried with so many of them."""


def test_files(root: Path) -> list[str]:
    """Every test file that is learnt from."""
    folders = (Path(root, folder) for folder in FIRST)
    return [path.relative_to(root).as_posix() for folder in folders for path in sorted(folder.rglob("test_*.py"))]


class Touches:
    """What was learnt, by test file: the file's hash, and of each test its seconds, whether it passed, and what it called."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = json.loads(path.read_text()) if path.exists() else {"functions": [], "files": {}}
        self._numbers: dict[str, int] = {name: number for number, name in enumerate(kept["functions"])}
        self._files: dict[str, dict[str, Any]] = kept["files"]

    def unknown(self, root: Path, *, quick: bool) -> list[str]:
        """Test files that are new or have changed, the small ones last; ``quick``: of those whose tests are short."""
        changed = [file for file in test_files(root) if self._files.get(file, {}).get("digest") != _digest(root, file)]
        wanted = [file for file in changed if not (quick and file.startswith(LONG))]
        return sorted(wanted, key=lambda file: not file.startswith(LONG))

    def learn(self, root: Path, tests: Mapping[str, Any], files: Iterable[str]) -> None:
        """Take in what a run of these files showed."""
        for file in files:
            mine = {
                name: {**seen, "functions": [self._number(each) for each in seen["functions"]]}
                for name, seen in tests.items()
                if name.split("::", 1)[0] == file
            }
            self._files[file] = {"digest": _digest(root, file), "tests": mine}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"functions": list(self._numbers), "files": self._files}))

    def _number(self, function: str) -> int:
        """A function is called by thousands of tests; it is named once."""
        return self._numbers.setdefault(function, len(self._numbers))

    def distrust(self, tests: Collection[str]) -> None:
        """These fail without any mutation, though they passed before."""
        for file in self._files.values():
            for name, seen in file["tests"].items():
                if name in tests:
                    seen["passed"] = False

    def chosen(self, mutation: Mutation, *, every: bool) -> list[str]:
        """The tests that call the function, in the order in which they are tried; of the stack's, all."""
        if mutation.file.startswith("cdk/"):
            return list(STACK)
        callers = _callers(mutation)
        where = {number for name, number in self._numbers.items() if name in callers or mutation.function == "module"}
        found = [
            (name, float(seen["seconds"]))
            for file in self._files.values()
            for name, seen in file["tests"].items()
            if seen["passed"] and where & set(seen["functions"])
        ]
        if every:
            return _in_order(found)
        seconds = dict(found)
        quick = _in_order(_few_of_each(found))
        spent = list(accumulate(seconds[name] for name in quick))
        return [name for name, so_far in zip(quick, spent, strict=True) if so_far <= QUICK_SECONDS]


def _callers(mutation: Mutation) -> set[str]:
    """The function, and the one it is defined in. What stands in no function concerns every test."""
    parts = mutation.function.split(".")
    inner = f"{mutation.file}:{'.<locals>.'.join(parts)}"
    return {inner, f"{mutation.file}:{mutation.function}", f"{mutation.file}:{parts[0]}"}


def _few_of_each(found: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    taken: dict[str, int] = {}
    few: list[tuple[str, float]] = []
    for name, seconds in found:
        test = name.split("[", 1)[0]
        taken[test] = taken.get(test, 0) + 1
        slow = seconds > 5 or name.startswith(LONG)
        if taken[test] <= OF_ONE_TEST and not slow:
            few.append((name, seconds))
    return few


def _in_order(found: Sequence[tuple[str, float]]) -> list[str]:
    """File by file, in the order of the folders: in each what is about guards, then what is quickest."""
    whole: dict[str, float] = {}
    for name, seconds in found:
        file = name.split("::", 1)[0]
        whole[file] = whole.get(file, 0.0) + seconds

    def rank(name: str) -> tuple[int, bool, float, str]:
        file = name.split("::", 1)[0]
        folder = next((i for i, folder in enumerate(FIRST) if file.startswith(folder)), len(FIRST))
        return folder, "/test_guard" not in file, whole[file], file

    return sorted((name for name, _ in found), key=rank)


def files_of(tests: Collection[str]) -> list[str]:
    """The files of tests, in their order, each once."""
    return list(dict.fromkeys(name.split("::", 1)[0] for name in tests))


def _digest(root: Path, file: str) -> str:
    return hashlib.sha256(Path(root, file).read_bytes()).hexdigest()
