"""The roster: who is on shift, as the staffing system says, in whatever order it says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from functions.cases.outcome import Placed
from functions.cases.store import roster
from statemachines.routing import OnShift
from tests.support.world import World


def shift(world: World, hours: float, *, at: float, id: str | None = None, roles: tuple[str, ...] = ("RT",)) -> Placed:
    until = datetime.fromtimestamp(at + hours * 3600, UTC).isoformat()
    return world.place("shift_started", at=at, id=id, staff_id="RT-LINDEN", roles=list(roles), until=until)


def test_a_person_who_comes_on_duty_is_on_the_roster_of_that_facility() -> None:
    world = World()
    placed = shift(world, 8, at=world.now, roles=("RT", "RT_LEAD"))
    assert (placed.workflow, placed.outcome, placed.reason) == ("roster", "recorded", "on_roster")
    assert roster(world.services, "northfield") == [OnShift("RT-LINDEN", ("RT", "RT_LEAD"), world.now + 8 * 3600)]
    assert roster(world.services, "southgate") == []


def test_a_person_who_leaves_early_is_off_it() -> None:
    world = World()
    shift(world, 8, at=world.now)
    world.now += 3600
    world.off_shift("RT-LINDEN")
    (person,) = roster(world.services, "northfield")
    assert (person.roles, person.until) == ((), world.now)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_the_newest_news_counts_in_whatever_order_it_comes(order: tuple[int, ...]) -> None:
    world = World()
    start = world.now
    world.now += 100
    until = datetime.fromtimestamp(start + 7200, UTC).isoformat()
    news = [
        world.raw("shift_started", at=start, staff_id="RT-LINDEN", roles=["RT"], until=until),
        world.raw("shift_ended", at=start + 10, staff_id="RT-LINDEN"),
        world.raw("shift_started", at=start + 20, staff_id="RT-LINDEN", roles=["RT_LEAD"], until=until),
    ]
    for which in order:
        world.deliver(news[which])
    assert roster(world.services, "northfield") == [OnShift("RT-LINDEN", ("RT_LEAD",), start + 7200)]


def test_older_news_is_recorded_as_such_and_a_repetition_as_a_repetition() -> None:
    world = World()
    world.now += 100
    first = shift(world, 8, at=world.now, id="s-1")
    older = shift(world, 1, at=world.now - 50, id="s-0")
    again = shift(world, 8, at=world.now, id="s-1")
    assert [(p.reason, p.duplicate) for p in (first, older, again)] == [
        ("on_roster", False),
        ("older_than_known", False),
        ("on_roster", True),
    ]
    assert shift(world, 1, at=world.now - 50, id="s-0").duplicate


@pytest.mark.parametrize("order", [("ended", "started"), ("started", "ended")])
def test_one_shift_ends_at_the_instant_at_which_the_next_begins(order: tuple[str, str]) -> None:
    world = World()
    until = datetime.fromtimestamp(world.now + 8 * 3600, UTC).isoformat()
    for what in order:
        if what == "started":
            world.send("shift_started", at=world.now, staff_id="RN-FIR", roles=["RN"], until=until)
        else:
            world.send("shift_ended", at=world.now, staff_id="RN-FIR")
    (person,) = [p for p in roster(world.services, "northfield") if p.staff == "RN-FIR"]
    assert person.roles == ("RN",)
    assert person.until > world.now


def test_a_shift_that_has_run_out_owns_nothing() -> None:
    world = World()
    shift(world, 1, at=world.now, roles=("RN",))
    world.now += 3600
    world.place("oxygen_ordered", by="MD-OAK:PROVIDER", order_id="O1", age_years=70)
    task = world.case().task
    assert task is not None
    assert (task.role, task.person) == ("CHARGE_NURSE", None)
