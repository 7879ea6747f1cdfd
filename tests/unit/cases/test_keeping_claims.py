"""Who claimed a step goes on with it while it stays theirs; a missed deadline and separated duties end that."""

from __future__ import annotations

from functions.cases.commands import claim
from functions.cases.rows import CLAIMED
from statemachines.policy import Policy
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.invariants import violations
from tests.support.world import World
from tests.unit.statemachines.small import SMALL

RT, RN, MD, LEAD = (PERSON[role] for role in ("RT", "RN", "PROVIDER", "RT_LEAD"))


def assessment_due() -> World:
    """A case that RT-MAPLE has claimed, although it was offered to RT-LINDEN."""
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    world.on_shift("RT-MAPLE:RT", hours=200)
    claim(world.services, world.command("RT-MAPLE:RT"))
    world.now += 60
    return world


def test_news_that_shortens_the_wait_leaves_the_step_with_whoever_claimed_it() -> None:
    world = assessment_due()
    assert world.place("news2_scored", news2=6).transitions == ("T-14",)
    row = world.case()
    assert row.task is not None
    assert (row.task.role, row.task.person, row.task.status) == ("RT", "RT-MAPLE", CLAIMED)
    (task,) = [task for task in world.tasks(row.id) if task["status"] == CLAIMED]
    assert (task["person"], task["claimed_at"]) == ("RT-MAPLE", world.now)
    entry = world.journal(row.id)[-1]
    assert (entry["transition"], entry["role"], entry["person"]) == ("T-14", "RT", "RT-MAPLE")
    assert entry["routing"] == ["RT: RT-MAPLE, claimed the step before and goes on"]
    assert violations(world) == []


def test_the_next_step_of_the_same_role_too() -> None:
    world = assessment_due()
    assert world.place("assessment_completed", by=RT).transitions == ("T-10",)
    assert (world.state(), world.owner()) == ("assessed", "RT-MAPLE")
    assert violations(world) == []


def test_a_step_of_another_role_is_offered_to_it() -> None:
    world = assessment_due()
    world.place("assessment_completed", by="RT-MAPLE:RT")
    world.now += 60
    world.place("oxygen_changed", by="RT-MAPLE:RT", spo2_percent=96, flow_l_min=2)
    assert (world.state(), world.owner()) == ("stable", "RN")
    assert violations(world) == []


def test_what_was_only_offered_is_routed_anew() -> None:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    world.now += 60
    world.place("news2_scored", news2=6)
    assert world.owner() == "RT"


def test_whoever_has_gone_does_not_keep_it() -> None:
    world = assessment_due()
    world.off_shift("RT-MAPLE")
    world.now += 60
    world.place("news2_scored", news2=6)
    task = world.case().task
    assert task is not None
    assert (task.owner, task.person) == ("RT", "RT-LINDEN")
    assert violations(world) == []


def test_whoever_works_in_another_role_now_does_not_keep_it() -> None:
    world = assessment_due()
    world.on_shift("RT-MAPLE:RN", hours=200)
    world.now += 60
    world.place("news2_scored", news2=6)
    assert world.owner() == "RT"
    assert violations(world) == []


def test_a_missed_deadline_calls_for_somebody_else_to_look() -> None:
    """Escalation that nobody answered stays with its role; who claimed it did not answer."""
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-12", "escalated"], "northfield")
    claim(world.services, world.command(MD))
    assert world.owner() == "MD-OAK"
    due = world.case().case.due
    assert due is not None
    world.pass_time(due - world.now + 1)
    assert world.journal(world.case().id)[-1]["transition"] == "T-13"
    assert world.owner() == "PROVIDER"
    assert violations(world) == []


def test_whoever_may_not_validate_their_own_work_does_not_keep_the_validation() -> None:
    policy = Policy(facility="northfield", title="Northfield", always_staffed="LEAD")
    world = World(definitions={"small": SMALL}, policies={"northfield": policy})
    world.on_shift("LEAD-ELM:LEAD", RT, RN, "RN-BIRCH:RN", hours=48)
    world.place("oxygen_ordered", by="LEAD-ELM:LEAD", order_id="O1", age_years=70)
    world.place("spo2_observed", spo2_percent=95)
    world.place("assessment_completed", by=RT)
    claim(world.services, world.command(RN))
    world.now += 60
    assert world.place("note_written", by="RN-BIRCH:RN", note_id="N1", run=False).transitions == ("S-6",)
    assert world.owner() == "RN-ASH", "somebody else wrote it"

    other = World(definitions={"small": SMALL}, policies={"northfield": policy})
    other.on_shift("LEAD-ELM:LEAD", RT, RN, hours=48)
    other.place("oxygen_ordered", by="LEAD-ELM:LEAD", order_id="O1", age_years=70)
    other.place("spo2_observed", spo2_percent=95)
    other.place("assessment_completed", by=RT)
    claim(other.services, other.command(RN))
    other.now += 60
    assert other.place("note_written", by=RN, note_id="N1").transitions == ("S-6",)
    assert other.owner() == "RN"
