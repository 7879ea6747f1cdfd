"""Samples as EventBridge delivers them, and the clock by which they are read."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import events
from events.catalog import CATALOG

SAMPLES = Path(events.__file__).parent / "samples"


@pytest.fixture(scope="session")
def delivered() -> Callable[[str], dict[str, Any]]:
    """A copy of a type's sample, free to be changed."""
    samples = {name: json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8")) for name in CATALOG}

    def copied(name: str) -> dict[str, Any]:
        event: dict[str, Any] = copy.deepcopy(samples[name])
        return event

    return copied


@pytest.fixture(scope="session")
def now() -> datetime:
    """An hour after the last sample."""
    return datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
