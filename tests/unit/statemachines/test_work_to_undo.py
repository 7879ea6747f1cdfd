"""A machine knows which work may have to be undone: what some state wants undone when it ends there too late."""

from __future__ import annotations

import pytest

from functions.cases.undertakings import is_recorded
from statemachines import published
from statemachines.definition import Late
from statemachines.facilities import facilities
from statemachines.machine import Machine


@pytest.mark.parametrize("version", published.versions(), ids=str)
def test_work_to_undo_is_what_the_states_say(version: tuple[str, int]) -> None:
    definition = published.published(*version)
    machine = Machine(definition, facilities()["northfield"])
    works = {state.work.name for state in definition.states if state.work is not None}
    undone = {
        work for work in works if any(state.late.get(work) is Late.COMPENSATE for state in machine.states.values())
    }
    assert {work for work in works if is_recorded(machine, work)} == undone
    assert machine.sets_out == bool(undone)


def test_of_the_published_workflows_some_undo_their_work_and_some_do_not() -> None:
    policy = facilities()["northfield"]
    assert {Machine(published.published(*v), policy).sets_out for v in published.versions()} == {True, False}
