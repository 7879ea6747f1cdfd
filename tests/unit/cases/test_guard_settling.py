"""What follows a commit is done by whoever settles the case next, and only once."""

from __future__ import annotations

from dataclasses import replace

from functions.cases import keys
from functions.cases.rows import occurrence_item
from functions.cases.settle import settle, tell_relatives
from functions.cases.table import Update
from functions.cases.undertakings import TRY_AGAIN_SECONDS, set_out
from statemachines.case import Occurrence
from statemachines.definition import Late
from tests.support.course import PERSON
from tests.support.invariants import violations
from tests.support.tables import Between, touches
from tests.unit.cases.leaving import MD, RN, Ward
from tests.unit.cases.test_sweep import running
from tests.unit.cases.test_system_steps import FILE, filing, late_is, timed_out
from tests.unit.statemachines.leaving import leaving

RT = PERSON["RT"]


def test_what_a_full_commit_left_over_is_followed_when_it_is_taken_up() -> None:
    world = running()
    world.now += 60
    person, role = RT.split(":")
    held = occurrence_item(Occurrence("assessment_completed", "left-over", world.now, person, role))
    world.table.update(Update(keys.meta(world.case().id), set={"deferred": [held]}, add={"rev": 1}))
    tell_relatives(world.services, world.case())
    world.following.run()
    assert world.state() == "assessed"
    assert world.followed(world.case().id)[-1] == "assessed"
    assert violations(world) == []


def test_whoever_settles_a_case_that_moves_in_that_moment_leaves_it_to_whoever_moved_it() -> None:
    world, case, visit = filing(late_is(Late.COMPENSATE))
    set_out(world.services, case, visit, FILE, world.case().case.facts)
    timed_out(world)()
    world.now += TRY_AGAIN_SECONDS
    table = Between(world.table)
    table.before_write(
        lambda: world.table.update(Update(keys.meta(case), add={"rev": 1})), of=touches("CASE#", keys.META)
    )
    tell_relatives(replace(world.services, table=table), world.case())
    assert table.happened == 1
    assert world.case().generation == 1


def test_a_parent_that_only_notes_how_its_sub_case_ended_is_told_once() -> None:
    """It stays where it is, and is not told again and again until nobody tries any more."""
    definition = leaving(needed=1)
    planned = definition.state("planned")
    noting = planned.model_copy(update={"records": {**planned.records, "kit.delivered": "noted"}})
    states = tuple(noting if state.name == "planned" else state for state in definition.states)
    ward = Ward(definition.model_copy(update={"states": states})).prepared()
    ward.send_on("note_written", RN)
    ward.now += 60
    ward.send_on("discharge_plan_cancelled", MD)
    ward.place("equipment_delivered", by=RN, place="home")
    assert ward.parent.state == "planned"
    before = ward.snapshot()
    for _ in range(2):
        settle(ward.services, ward.kit)
    assert (ward.snapshot(), ward.pauses) == (before, 0)
