"""Real, de-identified data, where there is some: set BATON_DATA to a folder that holds it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MEMORY_LIMIT_MB = 300


def data(name: str) -> Path:
    """A folder of the data, or a skip that says what is missing."""
    given = os.environ.get("BATON_DATA")
    if not given:
        pytest.skip("BATON_DATA names no folder with clinical data")
    folder = Path(given) / name
    if not folder.is_dir():
        pytest.skip(f"BATON_DATA has no folder {name}")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["oxygen", "synthea"])
def test_every_record_is_accounted_for_in_bounded_memory(name: str) -> None:
    # In a process of its own: the memory is that of the replay.
    command = [sys.executable, "-m", "local.replay", str(data(name)), "--in-memory", "--offset=-05:00", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["records_in"] == sum(said["outcomes"].values()) > 0
    assert said["outcomes"]["unaccounted"] == 0
    assert said["cases"]["disagreeing"] == []
    assert said["peak_memory_mb"] < MEMORY_LIMIT_MB
