"""How long the demonstration takes and how much memory it needs, with everything installed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.paths import CHECKOUT

_LOOK_EVERY_SECONDS = 0.25
_SETTLE_SECONDS = 90.0
_PROGRAM = (
    "import sys; from pathlib import Path; from local.demo.interference import Interference; from local.demo.run import demo; "
    "sys.exit(demo(Path(sys.argv[1]), as_json=True, interference=Interference(), settle_seconds=float(sys.argv[2])))"
)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Wall time in seconds; the peak of all processes' resident memory in MB, and of how many processes."""

    agrees: bool
    seconds: float
    peak_mb: float
    processes: int


def measure(folder: Path) -> Demonstration:
    """Run `baton demo --json` in a folder of its own. Shared pages count once for each process that has them."""
    began = time.perf_counter()
    peak = processes = 0
    log = folder.with_suffix(".log")
    with log.open("w") as errors, folder.with_suffix(".json").open("w+") as output:
        command = [sys.executable, "-c", _PROGRAM, str(folder), str(_SETTLE_SECONDS)]
        demo = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        try:
            while demo.poll() is None:
                memory, count = _resident(demo.pid)
                peak, processes = max(peak, memory), max(processes, count)
                time.sleep(_LOOK_EVERY_SECONDS)
        finally:
            if demo.poll() is None:
                demo.terminate()
                demo.wait()
        seconds = time.perf_counter() - began
        output.seek(0)
        said = output.read()
    if not said:
        raise RuntimeError(f"the demonstration did not get to its report; its log is {log}")
    return Demonstration(bool(json.loads(said)["agrees"]), seconds, peak / 1e6, processes)


def _resident(pid: int) -> tuple[int, int]:
    """Resident bytes of a process and all that it started, and how many they are."""
    try:
        top = psutil.Process(pid)
        tree = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0
    total = count = 0
    for process in tree:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        count += 1
    return total, count
