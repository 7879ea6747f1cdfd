"""What a run has done and found: kept on disk as it goes, since a fuzzer may end without a word."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.fuzz.targets import TARGETS

NAMES = tuple(TARGETS)
EVERY_SECONDS = 2.0


def split(data: bytes) -> tuple[str, bytes]:
    """The target that an input is for, by its first byte, and what the target is given."""
    return NAMES[data[0] % len(NAMES)] if data else NAMES[0], data[1:]


def joined(name: str, given: bytes) -> bytes:
    """An input for a target."""
    return bytes([NAMES.index(name)]) + given


class Found:
    """Counts executions, and keeps the first input of each way to fail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.executions: Counter[str] = Counter()
        self.failures: dict[str, str] = {}
        self._written = 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def one(self, data: bytes) -> None:
        """Run one input; a failure is kept, and the run goes on."""
        name, given = split(data)
        self.executions[name] += 1
        try:
            TARGETS[name].run(given)
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is what a fuzzer looks for
            self._keep(name, given, fault)
        if time.monotonic() - self._written > EVERY_SECONDS:
            self.write()

    def _keep(self, name: str, given: bytes, fault: Exception) -> None:
        where = traceback.extract_tb(fault.__traceback__)[-1]
        said = str(fault).partition(":")[0][:100]
        way = f"{name}: {type(fault).__name__} at {Path(where.filename).name}:{where.lineno}: {said}"
        if way not in self.failures:
            file = self.folder / f"{name}-{hashlib.sha256(given).hexdigest()[:12]}"
            file.write_bytes(given)
            file.with_suffix(".txt").write_text("".join(traceback.format_exception(fault)))
            self.failures[way] = str(file)

    def write(self) -> None:
        """Write down how far it is."""
        self._written = time.monotonic()
        document = {"executions": self.executions, "failures": self.failures}
        (self.folder / "found.json").write_text(json.dumps(document))
