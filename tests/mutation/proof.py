"""Tries each mutation in a copy and remembers what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from tests.mutation.copy import digest, make_copy
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.learning import Touches, files_of
from tests.mutation.mutation import Mutation

LEARNING_SECONDS: Final = 1800.0

ONE_TEST: Final = ("-x", "-o", "timeout=120")
"""What never ends without its guard fails by its own time."""


class Verdict(StrEnum):
    """What came of one mutation."""

    KILLED = "killed"
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    BROKEN = "broken"
    """Nothing could be said: the tests could not even be collected."""


@dataclass(frozen=True, slots=True)
class Result:
    """One mutation, and which test noticed it."""

    mutation: Mutation
    verdict: Verdict
    killed_by: str | None
    why: str
    seconds: float


class Copy:
    """One copy of the sources with a process that runs tests there."""

    def __init__(self, snapshot: Path, folder: Path) -> None:
        self.folder = folder
        make_copy(snapshot, folder)
        environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutation.worker"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        files: Sequence[str],
        tests: Sequence[str] | None,
        *,
        timeout: float,
        options: Sequence[str] = (),
        learn: bool = False,
    ) -> dict[str, Any]:
        """Run tests; what the plugin saw, or ``timed_out``."""
        result, chosen = self.folder / ".result.json", self.folder / ".chosen.json"
        result.unlink(missing_ok=True)
        environment = {"BATON_TOUCHES" if learn else "BATON_RESULT": str(result)}
        if tests is not None:
            chosen.write_text(json.dumps(list(tests)))
            environment["BATON_CHOSEN"] = str(chosen)
        job = {
            "files": list(files),
            "options": list(options),
            "environment": environment,
            "timeout": timeout,
            "log": str(self.folder / ".log"),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that runs the tests ended")
        if not result.exists():
            log = (self.folder / ".log").read_text(errors="replace").strip().splitlines()
            timed_out = json.loads(answer)["seconds"] >= timeout
            return {
                "failed": None,
                "ran": 0,
                "broken": None if timed_out else " / ".join(log[-3:]),
                "timed_out": timed_out,
            }
        seen: dict[str, Any] = json.loads(result.read_text())
        return seen

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


class Proof:
    """Tries mutations of a snapshot that nobody edits; what was found for the very same sources is not tried again.

    What was found is kept in the folder ``kept``. With ``anew`` it only says which test to try first.
    """

    def __init__(
        self,
        snapshot: Path,
        kept: Path,
        *,
        jobs: int,
        timeout: float,
        quick: bool,
        excused: bool = True,
        anew: bool = False,
    ) -> None:
        self._snapshot, self._jobs, self._timeout, self._quick, self._anew = snapshot, jobs, timeout, quick, anew
        self._touches = Touches(kept / "touches.json")
        self._path = kept / "results.json"
        self._known: dict[str, dict[str, Any]] = json.loads(self._path.read_text()) if self._path.exists() else {}
        self._excused = EQUIVALENT if excused else {}
        self._lock = threading.Lock()
        self.unsound: list[str] = []
        self.seconds = 0.0

    def was_noticed(self, mutation: Mutation) -> bool:
        """Whether some test noticed it the last time it was tried."""
        return bool(self._known.get(mutation.name, {}).get("killed_by"))

    def run(self, mutations: Sequence[Mutation]) -> list[Result]:
        """Every mutation's result, in order."""
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="baton-mutation-") as folder:
            copies = [Copy(self._snapshot, Path(folder, str(number))) for number in range(self._jobs)]
            try:
                results = self._run(mutations, copies)
            finally:
                for copy in copies:
                    copy.close()
        self.seconds = round(time.monotonic() - began, 1)
        return results

    def _run(self, mutations: Sequence[Mutation], copies: Sequence[Copy]) -> list[Result]:
        tree = digest(copies[0].folder)
        free: SimpleQueue[Copy] = SimpleQueue()
        for copy in copies:
            free.put(copy)
        with ThreadPoolExecutor(len(copies)) as pool:

            def learn(files: Sequence[str]) -> None:
                for fault in pool.map(lambda file: self._learn(file, free, tree), files):
                    if fault is not None:
                        print(fault, file=sys.stderr)

            def tried(some: Sequence[Mutation]) -> dict[str, Result]:
                results = pool.map(lambda mutation: self._try(mutation, free, tree), some)
                return {result.mutation.name: result for result in results}

            def tried_again(some: Sequence[Mutation]) -> dict[str, Result]:
                for mutation in some:
                    self._known.pop(mutation.name, None)
                return tried(some)

            if any(not mutation.file.startswith("cdk/") for mutation in mutations):
                learn(self._touches.unknown(copies[0].folder, tree, quick=self._quick))
            # Long ones first, so that no core waits for the other at the end.
            found = tried(sorted(mutations, key=self._expected_seconds, reverse=True))
            survivors = [result.mutation for result in found.values() if result.verdict is Verdict.SURVIVED]
            outdated = self._touches.outdated(copies[0].folder, tree, survivors)
            if outdated and not self._quick:  # a test may have come to call what it did not call when it was watched
                learn(outdated)
                found |= tried_again(survivors)
            self._check_killers(list(found.values()), copies[0], tree)
            if self.unsound:  # what they noticed must be noticed by others
                self._touches.distrust(self.unsound)
                found |= tried_again([each.mutation for each in found.values() if each.killed_by in self.unsound])
        return [found[mutation.name] for mutation in mutations]

    def _expected_seconds(self, mutation: Mutation) -> float:
        return float(self._known.get(mutation.name, {}).get("seconds", 600.0))

    def _learn(self, file: str, free: SimpleQueue[Copy], tree: str) -> str | None:
        copy = free.get()
        try:
            seen = copy.run([file], None, timeout=LEARNING_SECONDS, learn=True)
        finally:
            free.put(copy)
        if "broken" in seen and "timed_out" in seen:
            return f"{file}: nothing learnt: {seen['broken'] or 'it took too long'}"
        with self._lock:
            self._touches.learn(copy.folder, seen, [file], tree)
        return None

    def _try(self, mutation: Mutation, free: SimpleQueue[Copy], tree: str) -> Result:
        if mutation.name in self._excused:
            return Result(mutation, Verdict.EQUIVALENT, None, self._excused[mutation.name], 0.0)
        copy = free.get()
        try:
            mutant = mutation.digest(copy.folder)
            known = self._known.get(mutation.name, {})
            if (
                not self._anew
                and known.get("mutant") == mutant
                and known.get("tree") == tree
                and (known.get("killed_by") or known["quick"] <= self._quick)
            ):
                return _result(mutation, known)
            began = time.monotonic()
            found = self._tried(mutation, copy, known.get("killed_by"))
            found |= {
                "mutant": mutant,
                "tree": tree,
                "quick": self._quick,
                "seconds": round(time.monotonic() - began, 1),
            }
        finally:
            free.put(copy)
        with self._lock:
            self._known[mutation.name] = found
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(self._known))
            print(
                f"{_result(mutation, found).verdict:9} {found['seconds']:6} {mutation.name}",
                file=sys.stderr,
                flush=True,
            )
        return _result(mutation, found)

    def _tried(self, mutation: Mutation, copy: Copy, killer: str | None) -> dict[str, Any]:
        path = copy.folder / mutation.file
        before = path.read_bytes()
        stages: list[list[str]] = [[killer]] if killer is not None else []
        stages.append(self._touches.chosen(copy.folder, mutation, every=False))
        stages.append(self._touches.chosen(copy.folder, mutation, every=True, long=not self._quick))
        path.write_bytes(mutation.source(copy.folder))
        tried: set[str] = set()
        seen: Mapping[str, Any] = {}
        ran = 0
        try:
            for stage in stages:
                tests = [test for test in stage if test not in tried]
                tried.update(tests)
                if not tests:
                    continue
                whole = [test for test in tests if "::" not in test]
                seen = copy.run(files_of(tests), None if whole else tests, timeout=self._timeout, options=ONE_TEST)
                ran += seen["ran"]
                if seen.get("timed_out"):
                    return {"killed_by": None, "why": "", "broken": f"no end after {self._timeout:.0f} s", "ran": ran}
                if seen["broken"] or seen["failed"]:
                    break
        finally:
            path.write_bytes(before)
        return {"killed_by": seen.get("failed"), "why": seen.get("why", ""), "broken": seen.get("broken"), "ran": ran}

    def _check_killers(self, results: Sequence[Result], copy: Copy, tree: str) -> None:
        """Whoever kills must pass where nothing is taken away."""
        checked = self._known.get("#checked", {})
        sound = set(checked.get("tests", ())) if checked.get("tree") == tree else set()
        killers = sorted({each.killed_by for each in results if each.killed_by and "::" in each.killed_by} - sound)
        if killers:
            seen = copy.run(files_of(killers), killers, timeout=LEARNING_SECONDS, learn=True)
            self.unsound = [name for name in killers if not seen.get(name, {}).get("passed")]
            sound |= set(killers) - set(self.unsound)
            self._known["#checked"] = {"tree": tree, "tests": sorted(sound)}
            self._path.write_text(json.dumps(self._known))


def _result(mutation: Mutation, found: Mapping[str, Any]) -> Result:
    if found["killed_by"]:
        return Result(mutation, Verdict.KILLED, found["killed_by"], found["why"], found["seconds"])
    if found["broken"]:
        return Result(mutation, Verdict.BROKEN, None, found["broken"], found["seconds"])
    said = f"{found['ran']} tests ran" if found["ran"] else "no test calls it"
    return Result(mutation, Verdict.SURVIVED, None, said, found["seconds"])
