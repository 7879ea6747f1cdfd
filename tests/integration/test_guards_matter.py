"""Every guard that Baton relies on, taken away: what it guards against then happens, and is noticed.

Each guard has a scenario that plays the dangerous moment and says what is wrong afterwards. With the guard nothing is;
without it something must be, or the guard does nothing, or nobody would notice its loss.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from functions.cases import events, keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.follow import park
from functions.cases.rows import SUPERSEDED, Park
from functions.cases.sweep import mend, sweep
from functions.cases.table import Check, Condition, Contention, Item, Put, Table, Update, Write
from tests.support.course import staffed
from tests.support.invariants import violations
from tests.support.tables import Between, Through, Without, touches
from tests.support.world import StepFunctionsDown, World

MD, RN, RT = "MD-OAK:PROVIDER", "RN-ASH:RN", "RT-LINDEN:RT"


def ordered(world: World, **more: Any) -> None:
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70, **more)


def started(world: World) -> None:
    """A case to be assessed, followed, at visit 2."""
    ordered(world)
    world.now += 60
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    world.now += 60


def between(world: World) -> Between:
    assert isinstance(world.table, Between)
    return world.table


# ── the dangerous moments ────────────────────────────────────────────────────────────────────────────────────────────────


def two_events_at_once(world: World) -> list[str]:
    """Both were read against the same row; neither's facts may be lost."""
    started(world)
    between(world).before_write(lambda: world.place("news2_scored", news2=3))
    world.place("spo2_observed", spo2_percent=93)
    return [f"{name} was lost" for name in ("news2", "spo2") if name not in world.case().case.facts]


def the_same_event_twice(world: World) -> list[str]:
    """A transfer moves the case each time it is decided."""
    started(world)
    raw = world.raw("patient_transferred", by=MD, to_unit="U2")
    world.deliver(raw)
    once = world.path(world.case().id)
    world.now += 60
    world.deliver(raw)
    twice = world.path(world.case().id)
    return [] if once == twice else [f"moved again: {twice}"]


def the_sweep_and_the_opening_place_a_held_event(world: World) -> list[str]:
    """Both found it waiting; one of them places it, and the other knows that at once and need not look again."""
    world.place("assessment_completed", by=RT, spo2_percent=95, id="held")
    world.now += 60
    between(world).before_write(lambda: None, of=touches("EVENT#"))  # the opening itself
    between(world).before_write(lambda: list(sweep(world.services, world.mirrors)), of=touches("EVENT#"))
    ordered(world)
    assert between(world).happened == 2
    deferred = [held.id for held in world.case().case.deferred]
    return [] if (deferred, world.pauses) == (["held"], 0) else [f"kept: {deferred}, lost races: {world.pauses}"]


def rows(world: World) -> list[Item]:
    table: Any = world.table
    while not isinstance(table, MemoryTable):
        table = table.table
    return list(table.rows())


def a_dead_token_comes_late(world: World) -> list[str]:
    """An attempt that was retried long ago parks last; the live token must stay where it is."""
    started(world)
    row = world.case()
    token = world.following.executions[row.id, 1].token
    assert token is not None
    world.following._time_out(token)
    world.following.run()
    park(world.services, row.id, Park(1, row.visit, 0, 3, "dead"))
    world.place("assessment_completed", by=RT)
    return violations(world)


def a_park_comes_after_the_case_has_moved(world: World) -> list[str]:
    """The execution has just entered the first state; the case is in the second. It must be sent after it."""
    ordered(world, run=False)
    world.now += 60
    world.place("oxygen_changed", by=RN, flow_l_min=2, run=False)
    world.following.run()
    return violations(world)


def a_park_comes_between_reading_and_committing(world: World) -> list[str]:
    """The commit read a row without a token; it must not end without waking the token that was parked meanwhile."""
    ordered(world, run=False)
    world.now += 60
    between(world).before_write(world.following.run)
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    return violations(world)


def a_crash_between_commit_and_signal(world: World) -> list[str]:
    """The function dies after its commit; its message is delivered again."""
    started(world)
    raw = world.raw("assessment_completed", by=RT)
    world.following.down = True
    with pytest.raises(StepFunctionsDown):
        world.deliver(raw)
    world.following.down = False
    world.deliver(raw)
    return violations(world)


def two_orders_at_once(world: World) -> list[str]:
    """Both found no open case."""
    between(world).before_write(lambda: ordered(world, id="first"))
    ordered(world, id="second")
    return violations(world)


def a_case_opens_while_an_event_is_put_to_wait(world: World) -> list[str]:
    """Held now, it would wait for a case that is there already."""
    between(world).before_write(lambda: ordered(world))
    world.place("oxygen_changed", by=RN, at=world.now + 1, flow_l_min=2)
    held = [item["sk"] for item in rows(world) if item["sk"].startswith("EARLY#")]
    return [f"{key} waits although its case is open" for key in held]


def somebody_goes_off_shift_at_that_moment(world: World) -> list[str]:
    """Routing read the roster; the therapist leaves before the hand-off is written."""
    ordered(world)
    world.now += 60
    between(world).before_write(lambda: world.off_shift("RT-LINDEN"), of=touches("CASE#", keys.META))
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    task = world.case().task
    assert task is not None
    return [] if task.person != "RT-LINDEN" else ["offered to somebody who is not there"]


def the_task_is_not_what_the_case_says(world: World) -> list[str]:
    """Somebody changed the task beside the case row; a hand-off must not write over it as if nothing were."""
    started(world)
    row = world.case()
    task = keys.task(row.id, row.visit)
    world.table.update(Update(task, set={"status": "claimed", "person": "RT-MAPLE"}))
    with suppress(Contention):  # given back, for somebody to look at
        world.place("assessment_completed", by=RT)
    return [] if world.row(task)["status"] == "claimed" else ["a claim was closed that the case did not know of"]


def an_execution_thought_dead_comes_back(world: World) -> list[str]:
    """A new generation follows the case; an attempt of the old one parks once more and must be told to end."""
    started(world)
    row = world.case()
    execution = world.following.executions[row.id, 1]
    execution.status, execution.token = "FAILED", None
    mend(world.services, row.id, world.mirrors)
    world.following.signals.clear()
    park(world.services, row.id, Park(1, row.visit, 0, 5, "zombie"))
    told = [signal["transition"] for signal in world.following.signals]
    world.following.run()
    world.place("assessment_completed", by=RT)
    wrong = [] if SUPERSEDED in told else ["the old execution was not told to end"]
    return wrong + violations(world)


# ── the guards ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class ParkWithoutLock(Through):
    """A park that does not count in the case's lock."""

    def update(self, update: Update) -> Item:
        return self.table.update(replace(update, add={}) if "park" in update.set else update)


Removal = Callable[[Table], Table]


def without(matches: Callable[[Write, Condition], bool]) -> Removal:
    return lambda table: Without(table, matches)


def on(kind: type[Write], pk: str, sk: str = "", attribute: str | None = None) -> Callable[[Write, Condition], bool]:
    return lambda write, condition: (
        isinstance(write, kind)
        and write.key.pk.startswith(pk)
        and write.key.sk.startswith(sk)
        and attribute in (None, condition.attribute)
    )


@dataclass(frozen=True)
class Guard:
    """What is relied on, the moment that it is for, and how to take it away: from the table's writes, or from the code."""

    name: str
    scenario: Callable[[World], list[str]]
    removal: Removal | None = None
    patch: tuple[Any, str] | None = None


GUARDS = (
    Guard("the commit's rev", two_events_at_once, without(on(Update, "CASE#", keys.META, "rev"))),
    Guard("the event's mark", the_same_event_twice, without(on(Put, "EVENT#"))),
    Guard(
        "a held event is taken once",
        the_sweep_and_the_opening_place_a_held_event,
        without(lambda w, c: on(Put, "EVENT#", attribute="outcome")(w, c) or w.key.sk.startswith("EARLY#")),
    ),
    Guard("park's order", a_dead_token_comes_late, without(on(Update, "CASE#", keys.META, "park_order"))),
    Guard("park's visit", a_park_comes_after_the_case_has_moved, without(on(Update, "CASE#", keys.META, "visit"))),
    Guard("park counts in the lock", a_park_comes_between_reading_and_committing, ParkWithoutLock),
    Guard("settle on duplicates", a_crash_between_commit_and_signal, patch=(events, "settle")),
    Guard("one place for an open case", two_orders_at_once, without(on(Put, "KEY#", keys.OPEN))),
    Guard("still no case", a_case_opens_while_an_event_is_put_to_wait, without(on(Check, "KEY#", keys.OPEN))),
    Guard("on shift when it is committed", somebody_goes_off_shift_at_that_moment, without(on(Check, "STAFF#"))),
    Guard("the task's status", the_task_is_not_what_the_case_says, without(on(Update, "CASE#", "TASK#", "status"))),
    Guard(
        "the generation fence",
        an_execution_thought_dead_comes_back,
        without(on(Update, "CASE#", keys.META, "generation")),
    ),
)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_with_the_guard_nothing_is_wrong(guard: Guard) -> None:
    world = staffed("northfield", table=Between(MemoryTable()))
    assert guard.scenario(world) == []


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_without_the_guard_it_is_noticed(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = guard.removal(MemoryTable()) if guard.removal is not None else MemoryTable()
    if guard.patch is not None:
        monkeypatch.setattr(*guard.patch, lambda *_: None)
    world = staffed("northfield", table=Between(bare))
    assert guard.scenario(world) != []
    if isinstance(bare, Without):
        assert bare.left_out > 0, "nothing was taken away"
