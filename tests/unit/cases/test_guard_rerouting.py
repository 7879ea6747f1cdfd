"""When a task is routed anew, and when it is not: each part of the rule by itself."""

from __future__ import annotations

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.commands import claim
from functions.cases.rerouting import GONE_SECONDS
from functions.cases.rows import CLAIMED
from functions.cases.sweep import Mended, mend
from functions.cases.table import Update
from statemachines.definition import StateKind
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.invariants import violations
from tests.support.tables import Between, touches
from tests.support.world import World
from tests.unit.cases.leaving import LEAD, MD, RN, Ward

RT = PERSON["RT"]
OTHER_RT = "RT-ROWAN:RT"


def running(table: Between | None = None) -> World:
    """A case to be assessed by RT-LINDEN, followed."""
    world = staffed("northfield", table=table) if table is not None else staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    return world


def look(world: World) -> Mended:
    """Look at the one case, which the EMR shows as it is."""
    world.mirrors.show(world.case())
    return mend(world.services, world.case().id, world.mirrors).mended


def all_go_home(world: World) -> None:
    for person in PERSON.values():
        world.off_shift(person.partition(":")[0])
    world.now += GONE_SECONDS + 1


def of_a_role(world: World) -> None:
    """Nobody is there, and the task is the role's that is always staffed."""
    all_go_home(world)
    assert look(world) is Mended.REROUTED
    task = world.case().task
    assert task is not None
    assert (task.role, task.person) == ("CHARGE_NURSE", None)


def test_a_roles_task_stays_where_it_is_when_somebody_holds_the_role() -> None:
    """Whoever comes finds it on the role's worklist."""
    world = running()
    of_a_role(world)
    world.on_shift("CN-FIR:CHARGE_NURSE")
    assert look(world) is Mended.NOTHING


def test_a_roles_task_is_not_seen_by_somebody_whose_shift_has_run_out() -> None:
    """Nobody told that the shift ended; it said when it would."""
    world = running()
    of_a_role(world)
    world.on_shift("CN-FIR:CHARGE_NURSE", hours=0.1)
    world.on_shift(OTHER_RT)
    world.now += 0.2 * 3600
    assert look(world) is Mended.REROUTED
    task = world.case().task
    assert task is not None
    assert task.person == "RT-ROWAN"


def test_whoever_works_in_another_role_now_does_not_keep_it() -> None:
    world = running()
    world.on_shift(OTHER_RT)
    world.now += 1
    world.on_shift("RT-LINDEN:RN")
    assert look(world) is Mended.REROUTED
    task = world.case().task
    assert task is not None
    assert (task.role, task.person) == ("RT", "RT-ROWAN")
    assert "not RT now" in world.journal(world.case().id)[-1]["because"]


def test_whoever_claimed_it_keeps_it_though_routing_would_ask_another() -> None:
    world = running()
    world.on_shift(OTHER_RT)
    claim(world.services, world.command(OTHER_RT))
    before = world.case().task
    assert look(world) is Mended.NOTHING
    assert world.case().task == before
    assert before is not None
    assert (before.person, before.status) == ("RT-ROWAN", CLAIMED)


def test_a_step_that_the_system_does_is_on_nobodys_worklist() -> None:
    """It has an owner for the case that it fails; until then there is nothing to see."""
    world = staffed("northfield")
    (state,) = [s.name for s in OXYGEN.states if s.kind is StateKind.SYSTEM and s.name == "filing"]
    way = next(course for course in courses(OXYGEN, "northfield").values() if course[-1].target == state)
    play(world, way, "northfield")
    task = world.case().task
    assert task is not None
    all_go_home(world)
    assert look(world) is not Mended.REROUTED
    assert world.case().task == task


def test_whoever_leaves_in_the_moment_of_routing_does_not_get_it() -> None:
    table = Between(MemoryTable())
    world = running(table)
    all_go_home(world)
    world.on_shift(OTHER_RT)
    world.now += 60
    world.table.update(Update(keys.meta(world.case().id), set={"look_at": world.now}))
    table.before_write(lambda: world.off_shift("RT-ROWAN"), of=touches("CASE#", keys.META))
    world.sweep()
    assert table.happened == 1
    task = world.case().task
    assert task is not None
    assert task.person == "RT-LINDEN", "the next sweep looks again"
    world.now += 60
    world.table.update(Update(keys.meta(world.case().id), set={"look_at": world.now}))
    world.sweep()
    assert violations(world) == []


def test_the_end_of_a_shift_of_somebody_without_a_task_there_is_not_looked_for() -> None:
    world = running()
    case = world.case().id
    world.on_shift(OTHER_RT, hours=0.25)
    assert look(world) is Mended.NOTHING
    due = world.case().case.due
    assert due is not None
    assert world.row(keys.meta(case))["look_at"] == min(due + 60, world.now + 3600)


def test_a_task_of_an_item_is_routed_to_the_items_own_role() -> None:
    """The state belongs to the nurses, the teaching to the respiratory therapists."""
    ward = Ward().prepared()
    mine = {task.item: task for task in ward.parent.items}["teaching"]
    assert (mine.role, mine.person) == ("RT", "RT-LINDEN")
    ward.now += 60
    ward.off_shift("RT-LINDEN")
    ward.now += GONE_SECONDS + 1
    ward.on_shift(OTHER_RT, RN, MD, LEAD)
    before = {task.item: (task.role, task.person) for task in ward.parent.tasks}
    assert mend(ward.services, ward.parent.id, ward.mirrors).mended is Mended.REROUTED
    after = {task.item: (task.role, task.person) for task in ward.parent.tasks}
    assert after == {item: ("RT", "RT-ROWAN") if who[1] == "RT-LINDEN" else who for item, who in before.items()}
