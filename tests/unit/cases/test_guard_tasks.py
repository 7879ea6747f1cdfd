"""What a task's row says, and that it is handed on only from what it said before."""

from __future__ import annotations

import pytest

from functions.cases import keys
from functions.cases.commands import claim
from functions.cases.table import Contention, Update
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.world import World

RT = PERSON["RT"]


def running() -> World:
    """A case to be assessed by RT-LINDEN."""
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    return world


def test_a_claimed_task_says_since_when() -> None:
    world = running()
    world.now += 60
    row = claim(world.services, world.command(RT))
    assert world.row(keys.task(row.id, row.visit))["claimed_at"] == world.now


def test_a_task_that_is_not_as_the_case_says_is_not_handed_on() -> None:
    """Somebody changed it beside the case row; a person must look."""
    world = running()
    row = world.case()
    task = keys.task(row.id, row.visit)
    world.table.update(Update(task, set={"status": "done"}))
    before = world.row(task)
    with pytest.raises(Contention):
        claim(world.services, world.command(RT))
    assert world.row(task) == before


def test_a_task_that_is_not_as_the_case_says_is_not_closed() -> None:
    """As after a restored backup: what happened to it meanwhile is not written over."""
    world = running()
    row = world.case()
    task = keys.task(row.id, row.visit)
    world.table.update(Update(task, set={"status": "done", "closed_by": "history"}))
    before = world.row(task)
    with pytest.raises(Contention):
        world.place("assessment_completed", by=RT)
    assert world.row(task) == before
