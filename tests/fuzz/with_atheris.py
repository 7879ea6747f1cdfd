"""The run under atheris (libFuzzer for Python); started by tests.fuzz as a process of its own, since libFuzzer ends it.

python -m tests.fuzz.with_atheris FOLDER CORPUS SECONDS SEED
"""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path


def main(folder: Path, corpus: Path, seconds: int, seed: int) -> None:
    """Fuzz until the time is over; what was found is in ``folder``, inputs that reached something new are in ``corpus``."""
    atheris = importlib.import_module("atheris")  # not among the project's packages: used where somebody installed it
    with atheris.instrument_imports(include=["events", "statemachines", "functions", "local"]):
        from tests.fuzz.found import Found, joined, split
        from tests.fuzz.mutate import mutate
    found = Found(folder)

    def mangled(data: bytes, most: int, number: int) -> bytes:
        name, given = split(data)
        return joined(name, mutate(given, random.Random(number), (), most - 1))[:most]

    def crossed(data: bytes, other: bytes, most: int, number: int) -> bytes:
        name, given = split(data)
        return joined(name, mutate(given, random.Random(number), (split(other)[1],), most - 1))[:most]

    options = [
        f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=65536", "-timeout=60", "-rss_limit_mb=4096", "-len_control=0",
        "-print_final_stats=1", f"-artifact_prefix={folder}/", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], found.one, custom_mutator=mangled, custom_crossover=crossed)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
