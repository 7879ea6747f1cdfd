"""Fences of the protocol between a case and its executions that no other test would miss."""

from __future__ import annotations

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.follow import deadline, park
from functions.cases.rows import SUPERSEDED, Park
from functions.cases.sweep import mend
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.invariants import violations
from tests.support.tables import Between
from tests.support.world import World

RT = PERSON["RT"]


def running() -> tuple[World, Between]:
    """A case to be assessed, followed, at visit 2."""
    table = Between(MemoryTable())
    world = staffed("northfield", table=table)
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    return world, table


def test_an_older_generation_that_is_behind_is_only_told_to_end() -> None:
    """It is not sent after the case: two executions would visit the same states."""
    world, _ = running()
    row = world.case()
    execution = world.following.executions[row.id, 1]
    execution.status, execution.token = "FAILED", None
    mend(world.services, row.id, world.mirrors)
    world.following.run()
    world.following.signals.clear()
    park(world.services, row.id, Park(1, row.visit - 1, 0, 9, "zombie"))
    assert [signal["transition"] for signal in world.following.signals] == [SUPERSEDED]
    assert violations(world) == []


def test_a_wait_that_is_resumed_while_an_event_is_decided_counts() -> None:
    """Each adds to the execution's history; a commit that read the case before must not write the count back."""
    world, table = running()
    row = world.case()
    table.before_write(lambda: deadline(world.services, row.id, row.generation, row.visit, 0))
    world.place("news2_scored", news2=3)
    assert (world.case().rewaits, table.happened) == (1, 1)


def test_a_wait_whose_case_moves_in_that_moment_is_not_resumed() -> None:
    """It is told where the case is now, instead of waiting where the case was."""
    world, table = running()
    row = world.case()
    world.now += 60
    table.before_write(lambda: world.place("assessment_completed", by=RT, run=False))
    told = deadline(world.services, row.id, row.generation, row.visit, 0)
    moved = world.row(keys.visit(row.id, row.visit + 1))
    assert (told["visit"], told["transition"]) == (row.visit + 1, moved["transition"])
    assert world.case().rewaits == 0
