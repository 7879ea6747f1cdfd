"""Which tests may notice: those that call the function a guard is in, the quick ones first.

Learnt by running each test file once with its calls recorded; a file is run again when it has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
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
    "tests/infrastructure/test_runbook.py",
    "tests/infrastructure/test_dashboard.py",
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

    def unknown(self, root: Path, tree: str, *, quick: bool) -> list[str]:
        """Test files that are new, have changed, or failed with other sources; the small ones last. ``quick``: of short tests."""
        wanted = [
            file
            for file in test_files(root)
            if self._is_unknown(root, tree, file) and not (quick and file.startswith(LONG))
        ]
        return sorted(wanted, key=lambda file: not file.startswith(LONG))

    def _is_unknown(self, root: Path, tree: str, file: str) -> bool:
        known = self._files.get(file)
        if known is None or known["digest"] != _digest(root, file):
            return True
        # A test that fails as it is can notice nothing; with these sources it may pass.
        return known.get("tree") != tree and not all(seen["passed"] for seen in known["tests"].values())

    def outdated(self, root: Path, tree: str, mutations: Collection[Mutation]) -> list[str]:
        """Test files that call something in these mutations' files, and that were learnt from other sources than ``tree``."""
        there: set[int] = set()
        for file in {mutation.file for mutation in mutations}:
            there |= self._in_or_near(root, file)
        return [
            file
            for file in test_files(root)
            if self._files.get(file, {}).get("tree") != tree
            and any(there & set(seen["functions"]) for seen in self._files.get(file, {"tests": {}})["tests"].values())
        ]

    def learn(self, root: Path, tests: Mapping[str, Any], files: Iterable[str], tree: str) -> None:
        """Take in what a run of these files showed."""
        for file in files:
            mine = {
                name: {**seen, "functions": [self._number(each) for each in seen["functions"]]}
                for name, seen in tests.items()
                if name.split("::", 1)[0] == file
            }
            self._files[file] = {"digest": _digest(root, file), "tree": tree, "tests": mine}
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

    def chosen(self, root: Path, mutation: Mutation, *, every: bool, long: bool = True) -> list[str]:
        """The tests that call the function, in the order in which they are tried; of the stack's, all.

        Without ``every``: a few quick ones. Without ``long``: none of those that take many seconds.
        """
        if mutation.file.startswith("cdk/"):
            return list(STACK)
        callers = _callers(mutation)
        where = {number for name, number in self._numbers.items() if name in callers or mutation.function == "module"}
        if not where:  # it has come, or got its name, since the tests were last watched
            where = self._in_or_near(root, mutation.file)
        found = [
            (name, float(seen["seconds"]))
            for file in self._files.values()
            for name, seen in file["tests"].items()
            if seen["passed"] and where & set(seen["functions"]) and (long or not name.startswith(LONG))
        ]
        if every:
            return _in_order(found)
        seconds = dict(found)
        quick = _in_order(_few_of_each(found))
        spent = list(accumulate(seconds[name] for name in quick))
        return [name for name, so_far in zip(quick, spent, strict=True) if so_far <= QUICK_SECONDS]

    def _in_or_near(self, root: Path, file: str) -> set[int]:
        """What tests were seen to call in a file, or, if nothing, in the modules that import it."""
        within = {number for name, number in self._numbers.items() if name.startswith(f"{file}:")}
        if within:
            return within
        importers = _importers(root, file)
        return {number for name, number in self._numbers.items() if name.split(":", 1)[0] in importers}


def _importers(root: Path, file: str) -> set[str]:
    package, _, name = file.removesuffix(".py").replace("/", ".").rpartition(".")
    imported = re.compile(rf"from {re.escape(package)}(\.{name} import |.* import .*\b{name}\b)")
    found = (path for path in Path(root, "functions").rglob("*.py") if imported.search(path.read_text()))
    return {path.relative_to(root).as_posix() for path in found}


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
