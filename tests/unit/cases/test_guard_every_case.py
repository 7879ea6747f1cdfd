"""What is told to each case of a patient: told again, each is followed again, though another cannot be."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from functions.cases.intake import take_in
from functions.cases.ports import Signal
from statemachines.workflows import WORKFLOWS
from tests.support.world import StepFunctionsDown, World
from tests.unit.workflows.hospital import ROLES
from tests.unit.workflows.ways import RESULT, somebody

LAB = "critical_lab"


def two_results() -> tuple[World, list[str]]:
    """A patient with two critical results, each with its case."""
    world = World(definitions=WORKFLOWS)
    world.on_shift(*(f"{somebody(role)}:{role}" for role in ROLES), hours=200)
    world.now += 60
    for result in ("R1", "R2"):
        take_in(world.services, world.raw("critical_result_reported", **{**RESULT, "result_id": result}))
    world.following.run()
    return world, [row.id for row in world.cases() if row.workflow == LAB]


def reached(world: World, unreachable: Collection[str]) -> list[str]:
    """From now on, the cases whose executions got a signal; those of some cannot be reached."""
    signalled: list[str] = []
    succeed = type(world.following).succeed

    def at_most(token: str, signal: Signal) -> None:
        if signal["case"] in unreachable:
            raise StepFunctionsDown
        signalled.append(signal["case"])
        succeed(world.following, token, signal)

    world.following.succeed = at_most  # type: ignore[method-assign]
    return signalled


@pytest.mark.parametrize("which", [0, 1])
def test_told_again_every_case_is_followed_that_can_be(which: int) -> None:
    world, cases = two_results()
    raw = world.raw("patient_died", by="ADT-1:REGISTRATION", id="died")
    reached(world, cases)
    with pytest.raises(ExceptionGroup):
        take_in(world.services, raw)
    signalled = reached(world, cases[which : which + 1])
    with pytest.raises(StepFunctionsDown):
        take_in(world.services, raw)
    assert signalled == [case for case in cases if case != cases[which]]
