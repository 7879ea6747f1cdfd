"""What people do with a task: who may, what is written, what is refused, and that the same command twice is one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.commands import Command, Person, claim, decline, override, reassign
from functions.cases.rows import CaseRow
from functions.cases.table import Delete
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.invariants import violations
from tests.support.tables import Between
from tests.support.world import StepFunctionsDown, World
from tests.unit.cases.refusals import only_journaled, refused

RT, RN, MD, LEAD, CHARGE = (PERSON[role] for role in ("RT", "RN", "PROVIDER", "RT_LEAD", "CHARGE_NURSE"))
LINDEN, MAPLE = Person("RT-LINDEN", "RT"), Person("RT-MAPLE", "RT")


def waiting_for_assessment(world: World | None = None) -> World:
    """A case whose task is offered to RT-LINDEN; RT-MAPLE comes on shift afterwards."""
    world = world or staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    world.on_shift("RT-MAPLE:RT", hours=200)
    return world


def owners(world: World) -> tuple[str | None, str | None, str | None]:
    task = world.case().task
    assert task is not None
    return task.owner, task.person, task.status


# ── claim ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_claiming_makes_the_person_accountable() -> None:
    world = waiting_for_assessment()
    assert owners(world) == ("RT", "RT-LINDEN", "offered")
    world.now += 90
    claim(world.services, world.command(RT))
    assert owners(world) == ("RT-LINDEN", "RT-LINDEN", "claimed")
    entry = world.journal(world.case().id)[-1]
    assert (entry["kind"], entry["actor"], entry["role"], entry["person"]) == (
        "claimed",
        "RT-LINDEN",
        "RT",
        "RT-LINDEN",
    )
    assert entry["waited_seconds"] == 90
    assert violations(world) == []


def test_anybody_who_may_own_the_step_may_claim_what_was_offered_to_another() -> None:
    world = waiting_for_assessment()
    claim(world.services, world.command("RT-MAPLE:RT"))
    assert owners(world) == ("RT-MAPLE", "RT-MAPLE", "claimed")
    assert violations(world) == []


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (RN, "wrong_role"),
        ("RT-LINDEN:RN", "wrong_role"),
        ("RT-GHOST:RT", "not_on_shift"),
    ],
)
def test_a_claim_is_refused(by: str, reason: str) -> None:
    world = waiting_for_assessment()
    entry = only_journaled(world, world.case().id, lambda: claim(world.services, world.command(by, id="c-1")))
    assert (entry["reason"], entry["event"], entry["event_id"]) == (reason, "claimed", "c-1")
    assert f"{entry['actor']}:{entry['actor_role']}" == by
    assert violations(world) == []


def test_what_is_claimed_is_not_claimed_by_another() -> None:
    world = waiting_for_assessment()
    claim(world.services, world.command(RT))
    assert refused(lambda: claim(world.services, world.command("RT-MAPLE:RT"))) == "claimed_by_other"
    claim(world.services, world.command(RT))
    assert owners(world)[0] == "RT-LINDEN"


def test_two_people_claim_at_once_and_one_is_told_who_has_it() -> None:
    table = Between(MemoryTable())
    world = waiting_for_assessment(staffed("northfield", table=table))
    table.before_write(lambda: claim(world.services, world.command(RT)))
    assert refused(lambda: claim(world.services, world.command("RT-MAPLE:RT"))) == "claimed_by_other"
    assert owners(world)[0] == "RT-LINDEN"
    assert violations(world) == []


def test_whoever_goes_off_shift_between_reading_and_writing_does_not_get_it() -> None:
    table = Between(MemoryTable())
    world = waiting_for_assessment(staffed("northfield", table=table))
    world.now += 60
    table.before_write(lambda: world.off_shift("RT-MAPLE"))
    assert refused(lambda: claim(world.services, world.command("RT-MAPLE:RT"))) == "not_on_shift"
    assert owners(world) == ("RT", "RT-LINDEN", "offered")


# ── reassign ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_reassigning_offers_it_to_somebody_else_with_the_reason() -> None:
    world = waiting_for_assessment()
    claim(world.services, world.command(RT))
    reassign(world.services, world.command(LEAD), to=MAPLE, reason="closer to the bed")
    assert owners(world) == ("RT", "RT-MAPLE", "offered")
    entry = world.journal(world.case().id)[-1]
    assert (entry["kind"], entry["because"], entry["actor"]) == ("reassigned", "closer to the bed", "LEAD-ELM")
    assert violations(world) == []


@pytest.mark.parametrize(
    ("by", "to", "why", "reason"),
    [
        (LEAD, MAPLE, "  ", "no_reason"),
        ("LEAD-GHOST:RT_LEAD", MAPLE, "closer", "not_on_shift"),
        (LEAD, Person("RT-GHOST", "RT"), "closer", "not_on_shift"),
        (LEAD, Person("RN-ASH", "RN"), "closer", "wrong_role"),
        (LEAD, Person("RT-MAPLE", "RN"), "closer", "wrong_role"),
    ],
)
def test_a_reassignment_is_refused(by: str, to: Person, why: str, reason: str) -> None:
    world = waiting_for_assessment()
    case = world.case().id
    entry = only_journaled(world, case, lambda: reassign(world.services, world.command(by), to=to, reason=why))
    assert (entry["reason"], entry["event"], f"{entry['actor']}:{entry['actor_role']}") == (reason, "reassigned", by)
    assert violations(world) == []


def test_the_new_person_must_still_be_on_shift_when_it_is_written() -> None:
    table = Between(MemoryTable())
    world = waiting_for_assessment(staffed("northfield", table=table))
    world.now += 60
    table.before_write(lambda: world.off_shift("RT-MAPLE"))
    assert refused(lambda: reassign(world.services, world.command(LEAD), to=MAPLE, reason="closer")) == "not_on_shift"
    assert owners(world) == ("RT", "RT-LINDEN", "offered")


# ── decline ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("claimed", [False, True])
def test_declining_routes_anew_without_that_person(claimed: bool) -> None:
    world = waiting_for_assessment()
    if claimed:
        claim(world.services, world.command(RT))
    decline(world.services, world.command(RT), reason="called to an emergency")
    assert owners(world) == ("RT", "RT-MAPLE", "offered")
    entry = world.journal(world.case().id)[-1]
    assert (entry["kind"], entry["because"]) == ("declined", "called to an emergency")
    assert violations(world) == []


def test_when_the_only_one_declines_the_fallback_is_asked() -> None:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    decline(world.services, world.command(RT), reason="called to an emergency")
    assert owners(world) == ("RT_LEAD", "LEAD-ELM", "offered")
    decline(world.services, world.command(LEAD), reason="in surgery")
    assert owners(world)[1] == "RT-LINDEN", "routed anew, without whoever declined last"
    assert violations(world) == []


def test_a_decline_is_refused() -> None:
    world = waiting_for_assessment()
    for by, why, reason in ((RT, "", "no_reason"), ("RT-MAPLE:RT", "x", "not_yours")):
        command = world.command(by)
        entry = only_journaled(world, command.case, lambda c=command, w=why: decline(world.services, c, reason=w))  # type: ignore[misc]
        assert (entry["reason"], entry["event"], entry["actor"]) == (reason, "declined", command.by.id)


def test_a_refused_command_given_again_is_journaled_once_and_answered_as_it_was() -> None:
    world = waiting_for_assessment()
    command = world.command(RN, id="c-1")
    only_journaled(world, command.case, lambda: claim(world.services, command))
    before = world.snapshot()
    assert refused(lambda: claim(world.services, command)) == "wrong_role"
    assert world.snapshot() == before


def test_a_refusal_is_journaled_for_the_case_as_it_is_when_it_is_written() -> None:
    """Somebody claims the step in the moment in which the refusal is written: it is decided again, on the newer case."""
    table = Between(MemoryTable())
    world = waiting_for_assessment(staffed("northfield", table=table))
    table.before_write(lambda: claim(world.services, world.command(RT)))
    assert refused(lambda: claim(world.services, world.command(RN))) == "claimed_by_other"
    entries = world.journal(world.case().id)[-2:]
    assert [(entry["kind"], entry["reason"]) for entry in entries] == [
        ("claimed", "claimed"),
        ("refused", "claimed_by_other"),
    ]
    assert violations(world) == []


def test_a_command_for_a_case_that_has_ended_is_journaled_there() -> None:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-05", "ordered"], "northfield")
    entry = only_journaled(world, world.case().id, lambda: claim(world.services, world.command(RT)))
    assert (entry["reason"], entry["actor"]) == ("case_ended", "RT-LINDEN")
    assert violations(world) == []


# ── override ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def overridable() -> tuple[World, str]:
    """A case in a state whose guarded arrow may be taken by override, and that arrow."""
    arrow = next(t for t in OXYGEN.transitions if t.override_by and t.when is not None)
    way = next(course for course in courses(OXYGEN, "northfield").values() if course[-1].target == arrow.sources[0])
    world = staffed("northfield")
    play(world, way, "northfield")
    return world, arrow.id


def by_override(
    world: World, transition: str, by: str = LEAD, *, id: str | None = None, reason: str = "seen"
) -> CaseRow:
    return override(world.services, world.command(by, id=id), transition=transition, reason=reason)


def test_an_override_takes_the_arrow_and_leaves_its_reason() -> None:
    world, arrow = overridable()
    row = by_override(world, arrow, reason="the probe is broken")
    world.following.run()
    entry = world.journal(row.id)[-1]
    assert (entry["transition"], entry["reason"], entry["because"]) == (arrow, "override", "the probe is broken")
    assert (entry["actor"], entry["actor_role"]) == ("LEAD-ELM", "RT_LEAD")
    assert violations(world) == []


@pytest.mark.parametrize(
    ("by", "transition", "why", "reason"),
    [
        (LEAD, None, " ", "override_without_reason"),
        (RN, None, "seen", "wrong_role"),
        ("LEAD-GHOST:RT_LEAD", None, "seen", "not_on_shift"),
        (LEAD, "T-01", "seen", "no_such_override"),
    ],
)
def test_an_override_is_refused(by: str, transition: str | None, why: str, reason: str) -> None:
    world, arrow = overridable()
    case = world.case().id
    entry = only_journaled(world, case, lambda: by_override(world, transition or arrow, by, reason=why))
    assert (entry["reason"], entry["event"], f"{entry['actor']}:{entry['actor_role']}") == (reason, "overridden", by)
    assert violations(world) == []


def test_a_crash_between_an_overrides_commit_and_its_signal_heals_when_it_is_given_again() -> None:
    world, arrow = overridable()
    world.following.down = True
    with pytest.raises(StepFunctionsDown):
        by_override(world, arrow, id="c-1")
    world.following.down = False
    by_override(world, arrow, id="c-1")
    world.following.run()
    assert violations(world) == []


# ── the same command twice ───────────────────────────────────────────────────────────────────────────────────────────────

ACTS: dict[str, Callable[[World, Command], CaseRow]] = {
    "claim": lambda world, command: claim(world.services, given_by(command, LINDEN)),
    "reassign": lambda world, command: reassign(world.services, command, to=MAPLE, reason="closer"),
    "decline": lambda world, command: decline(world.services, given_by(command, LINDEN), reason="busy"),
}


def given_by(command: Command, person: Person) -> Command:
    return command._replace(by=person)


@pytest.mark.parametrize("act", ACTS)
def test_the_same_command_again_changes_nothing(act: str) -> None:
    world = waiting_for_assessment()
    command = world.command(LEAD, id="c-1")
    first = ACTS[act](world, command)
    before = world.snapshot()
    again = ACTS[act](world, command)
    assert world.snapshot() == before
    assert (again.seq, again.task) == (first.seq, first.task)


@pytest.mark.parametrize("act", ACTS)
def test_the_same_command_is_answered_the_same_when_the_case_has_gone_on(act: str) -> None:
    """A retry whose first try succeeded must not be told that it failed, only because it is impossible by now."""
    world = waiting_for_assessment()
    command = world.command(LEAD, id="c-1")
    ACTS[act](world, command)
    world.now += 60
    world.place("patient_discharged", by=MD)
    for person in ("RT-LINDEN", "RT-MAPLE", "LEAD-ELM"):
        world.off_shift(person)
    before = world.snapshot()
    assert ACTS[act](world, command).state == world.state()
    assert world.snapshot() == before
    later = command._replace(id="c-2")
    assert refused(lambda: ACTS[act](world, later)) in {"not_on_shift", "not_yours"}


def test_a_refused_override_given_again_is_refused_again() -> None:
    world, arrow = overridable()
    for _ in range(2):
        assert refused(lambda: by_override(world, arrow, RN, id="c-1")) == "wrong_role"
    refusals = [e for e in world.journal(world.case().id) if e["kind"] == "refused"]
    assert len(refusals) == 1


def test_an_override_given_again_is_answered_as_done() -> None:
    world, arrow = overridable()
    done = by_override(world, arrow, id="c-1")
    world.following.run()
    before = world.snapshot()
    assert by_override(world, arrow, id="c-1").visit == done.visit
    assert world.snapshot() == before


def test_no_event_can_take_a_commands_place() -> None:
    world = waiting_for_assessment()
    for id in ("c-1", "command:c-1"):
        world.place("spo2_observed", id=id, spo2_percent=95)
    claim(world.services, world.command(RT, id="c-1"))
    assert owners(world)[0] == "RT-LINDEN"


# ── no case ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("act", ACTS)
def test_a_command_for_no_case_or_a_closed_one(act: str) -> None:
    world = waiting_for_assessment()
    assert refused(lambda: ACTS[act](world, Command("c-9", "0" * 32, LINDEN))) == "no_such_case"
    closed = staffed("northfield")
    play(closed, courses(OXYGEN, "northfield")["T-05", "ordered"], "northfield")
    assert refused(lambda: ACTS[act](closed, closed.command(RT))) == "case_ended"


def test_a_command_on_a_case_that_vanished_is_not_taken_for_done() -> None:
    world = waiting_for_assessment()
    command = world.command(RT)
    world.table.write((Delete(keys.meta(command.case)),))
    assert refused(lambda: claim(world.services, command)) == "no_such_case"
