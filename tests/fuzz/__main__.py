"""`python -m tests.fuzz --seconds 600`: fuzz every way in, guided by coverage; 1 when a promise was broken.

Uses atheris where it can be imported, else the loop of tests.fuzz.guided. The report is JSON on standard output; inputs that
broke something are in the folder that it names, each with its trace.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.fuzz.found import Found, joined
from tests.fuzz.guided import guided
from tests.fuzz.seen import CHECKOUT, Line, lines
from tests.fuzz.targets import TARGETS, seeds

ATHERIS = "atheris"
MARGIN_SECONDS = 120
"""libFuzzer looks at the time between two inputs, and reads the corpus first."""


def main() -> int:
    """Fuzz and report."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=main.__doc__)
    arguments.add_argument("--seconds", type=int, default=600)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--target", choices=list(TARGETS), action="append", help="only this way in; may be repeated")
    arguments.add_argument("--engine", choices=[ATHERIS, "own"], default=ATHERIS if find_spec(ATHERIS) else "own")
    arguments.add_argument("--folder", type=Path, help="where to keep what is found (a new temporary folder)")
    given = arguments.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="baton-fuzz-"))
    names = given.target or list(TARGETS)
    start = [joined(name, each) for name in names for each in seeds(TARGETS[name])]
    began = time.monotonic()
    if given.engine == ATHERIS:
        kept, said = _atheris(folder, start, given.seconds, given.seed)
        reached = _reached(folder / "replayed", kept)
    else:
        own = Found(folder)
        kept, reached = guided(own, start, given.seconds, given.seed)
        own.write()
        said = {}
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    report = {
        "engine": given.engine,
        "seconds": round(time.monotonic() - began),
        "executions": sum(found["executions"].values()),
        "by_target": found["executions"],
        "inputs_kept": len(kept),
        "lines_reached": len(reached),
        "files_reached": len({file for file, _ in reached}),
        **said,
        "failures": found["failures"],
        "folder": str(folder),
    }
    print(json.dumps(report, indent=2))
    return 1 if found["failures"] or said.get("exit_code") else 0


def _atheris(folder: Path, start: list[bytes], seconds: int, seed: int) -> tuple[list[bytes], dict[str, Any]]:
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in start:
        (corpus / hashlib.sha256(data).hexdigest()[:20]).write_bytes(data)
    command = [sys.executable, "-m", "tests.fuzz.with_atheris", str(folder), str(corpus), str(seconds), str(seed)]
    with (folder / "libfuzzer.log").open("w") as log:
        done = subprocess.run(
            command, cwd=CHECKOUT, stdout=log, stderr=log, timeout=seconds + MARGIN_SECONDS, check=False
        )
    text = (folder / "libfuzzer.log").read_text(errors="replace")
    edges = [int(number) for number in re.findall(r"\bcov: (\d+)", text)]
    kept = [path.read_bytes() for path in sorted(corpus.iterdir())]
    return kept, {"edges": max(edges, default=0), "exit_code": done.returncode}


def _reached(folder: Path, kept: list[bytes]) -> set[Line]:
    """The lines that the kept inputs reach, counted as the loop of our own counts them."""
    reached: set[Line] = set()
    again = Found(folder)
    for data in kept:
        with lines(reached):
            again.one(data)
    return reached


if __name__ == "__main__":
    sys.exit(main())
