"""The table of planted faults: for each code, workflows that must be caught with it, and near misses that must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from statemachines.verify.codes import Code
from tests.unit.verify.draft import Draft

Change = Callable[[Draft], Draft]


class Planted(NamedTuple):
    """The faults of one code by what they are, and what looks like one and is none."""

    code: Code
    faults: Mapping[str, Change]
    near_misses: Mapping[str, Change]
