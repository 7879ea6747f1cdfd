"""The bound on a hand-off's size holds for hand-offs as they are really committed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from functions.cases.adapters.memory import MemoryTable
from functions.cases.table import Write
from statemachines.decide import MAX_DEFERRED, MAX_MOVES
from statemachines.facilities import facilities
from statemachines.verify.commits import CommitLimits, hand_offs
from statemachines.verify.domain import Vocabulary
from statemachines.verify.index import Index
from statemachines.verify.machines import Machines
from statemachines.verify.overlays import distinct
from statemachines.workflows import WORKFLOWS
from statemachines.workflows.oxygen import OXYGEN
from tests.support.world import STAFF, World


class Counting(MemoryTable):
    """Remembers how many items each transaction had."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def write(self, writes: Sequence[Write]) -> None:
        """See Table.write."""
        self.sizes.append(len(writes))
        super().write(writes)


def bounds(workflow: str) -> dict[str, int]:
    """The largest hand-off that can begin with each transition."""
    definition = WORKFLOWS[workflow]
    index = Index(definition)
    machines = Machines(index, Vocabulary(definition), distinct(index, list(facilities().values())))
    found: dict[str, int] = {}
    for hand_off in hand_offs(machines, CommitLimits()):
        id = hand_off.edge.transition.id
        found[id] = max(found.get(id, 0), hand_off.items)
    return found


def test_the_limits_are_those_of_the_interpreter() -> None:
    assert (CommitLimits().moves, CommitLimits().deferred) == (MAX_MOVES, MAX_DEFERRED)


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_hand_off_fits(workflow: str) -> None:
    assert max(bounds(workflow).values()) <= CommitLimits().most


def test_a_hand_off_that_takes_all_that_was_deferred_is_within_its_bound() -> None:
    table = Counting()
    world = World(table=table)
    world.on_shift(*STAFF)
    world.place("oxygen_ordered", by="MD-OAK:PROVIDER", order_id="O1", age_years=70)
    world.place("oxygen_changed", by="RN-ASH:RN", spo2_percent=95, flow_l_min=2)
    world.place("note_written", by="RT-LINDEN:RT", note_id="N1")
    world.place("note_signed", by="RT-LINDEN:RT", note_id="N1")
    for number in range(MAX_DEFERRED - 2):
        world.now += 1
        kept = world.place("flowsheet_comment_recorded", by="RN-ASH:RN", comment_id=f"C{number}")
        assert kept.outcome == "deferred"
    table.sizes.clear()
    moved = world.place("oxygen_discontinued", by="RN-ASH:RN", run=False)
    assert moved.transitions == ("T-48", "T-50", "T-54")
    assert max(table.sizes) > 2 * (MAX_DEFERRED - 2), "the deferred events are in the hand-off"
    assert max(table.sizes) <= bounds(OXYGEN.workflow)["T-48"]


def test_each_step_of_a_course_is_within_its_bound() -> None:
    table = Counting()
    world = World(table=table)
    world.on_shift(*STAFF)
    bound = bounds(OXYGEN.workflow)
    for type, by, data in (
        ("oxygen_ordered", "MD-OAK:PROVIDER", {"order_id": "O1", "age_years": 70}),
        ("oxygen_changed", "RN-ASH:RN", {"flow_l_min": 2}),
        ("assessment_completed", "RT-LINDEN:RT", {"spo2_percent": 91}),
        ("oxygen_discontinued", "RN-ASH:RN", {}),
        ("note_written", "RT-LINDEN:RT", {"note_id": "N1"}),
    ):
        table.sizes.clear()
        placed = world.place(type, by=by, run=False, **data)
        assert placed.transitions
        assert max(table.sizes) <= bound[placed.transitions[0]], type
        world.following.run()
