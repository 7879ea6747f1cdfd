"""Machines are made once and kept, but not without end: a network has more facilities than a function has memory."""

from __future__ import annotations

import pytest

from functions.cases import library
from functions.cases.library import Library
from functions.cases.table import Item, Key
from statemachines.machine import Machine
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import staffed
from tests.support.tables import Through

FACILITIES = ("northfield", "southgate", "lakeside")


class Counting(Through):
    """Counts what is read."""

    reads = 0

    def get(self, key: Key) -> Item | None:
        self.reads += 1
        return super().get(key)


def test_a_machine_is_read_once_and_the_one_not_asked_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MOST_MACHINES", 2)
    world = staffed("northfield")
    policies = {name: active.policy for name in FACILITIES if (active := world.services.library.active(name))}
    assert len(policies) == len(FACILITIES)
    table = Counting(world.table)
    kept = Library(table, [OXYGEN])

    def asked(name: str) -> tuple[Machine, int]:
        before = table.reads
        return kept.machine("oxygen", OXYGEN.version, name, policies[name]), table.reads - before

    one, two, three = FACILITIES
    first, _ = asked(one)
    asked(two)
    assert asked(one) == (first, 0), "kept, and the last that was asked for"
    assert asked(three)[1] == 1
    assert asked(one) == (first, 0)
    assert asked(two)[1] == 1, "it was the one to make room"
