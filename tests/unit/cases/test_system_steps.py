"""Steps in which Baton itself acts: each outcome moves the case, and a late one never moves a case that has gone on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from functions.cases import keys
from functions.cases.rows import SUPERSEDED, CaseRow
from functions.cases.table import Update
from functions.cases.work import perform
from statemachines.definition import Definition, Late
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, arrive, courses, play, staffed
from tests.support.invariants import violations
from tests.support.world import World

MD = PERSON["PROVIDER"]
TO_FILING = courses(OXYGEN, "northfield")["T-54", "documented_unsigned"]
FILE, CONFIRM = "file_documentation", "confirm_documentation"


class Doing:
    """A step that lets something happen while it is at work."""

    def __init__(self, outcome: str, meanwhile: Callable[[], object] | None = None) -> None:
        self.outcome, self.meanwhile = outcome, meanwhile
        self.performed: list[str] = []
        self.compensated: list[str] = []

    def perform(self, row: CaseRow) -> str:
        self.performed.append(row.state)
        if self.meanwhile is not None:
            self.meanwhile()
        return self.outcome

    def compensate(self, row: CaseRow) -> None:
        self.compensated.append(row.state)


def filing(definition: Definition = OXYGEN) -> tuple[World, str, int]:
    """A case whose documentation is to be filed: the world, the case, and its visit."""
    world = staffed("northfield", definitions={"oxygen": definition})
    play(world, TO_FILING, "northfield")
    row = world.case()
    assert row.state == "filing"
    return world, row.id, row.visit


def timed_out(world: World) -> Callable[[], object]:
    """Time passes until the sweep finds the step overdue."""

    def happen() -> None:
        due = world.case().case.due
        assert due is not None
        world.now = due + 61
        world.sweep()

    return happen


def late_is(what: Late | None) -> Definition:
    """The workflow with another answer to a late filing in the state that follows a missed deadline."""
    states = tuple(
        s.model_copy(update={"late": {} if what is None else {FILE: what}}) if s.name == "filing_failed" else s
        for s in OXYGEN.states
    )
    return OXYGEN.model_copy(update={"states": states})


# ── outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("file", "confirm", "path", "owner"),
    [
        ("sent", "confirmed", ["filing", "confirming", "complete"], None),
        ("failed", None, ["filing", "filing_failed"], "RT_LEAD"),
        ("sent", "mismatch", ["filing", "confirming", "filing_failed"], "RT_LEAD"),
        ("sent", "failed", ["filing", "confirming", "filing_failed"], "RT_LEAD"),
    ],
)
def test_each_outcome_has_a_state_and_an_owner(
    file: str, confirm: str | None, path: list[str], owner: str | None
) -> None:
    world, case, visit = filing()
    world.file.outcomes = [file]
    world.confirm.outcomes = [confirm] if confirm else []
    arrive(world)
    assert world.path(case)[visit - 1 :] == path
    assert world.owner() == owner
    assert violations(world) == []


def test_the_step_says_how_the_execution_goes_on() -> None:
    world, case, visit = filing()
    answer = perform(world.services, case, 1, visit, FILE, Doing("sent"))
    assert (answer["transition"], answer["visit"], answer["state"]) == ("T-60", visit + 1, "confirming")


def test_a_step_that_is_tried_again_is_done_again_and_decided_once() -> None:
    """The function died after its commit and is asked again: the work is not repeated, the answer is."""
    world, case, visit = filing()
    step = Doing("sent")
    first = perform(world.services, case, 1, visit, FILE, step)
    before = world.snapshot()
    assert perform(world.services, case, 1, visit, FILE, step) == first
    assert step.performed == ["filing"]
    assert world.snapshot() == before


def test_a_fault_is_raised_so_that_the_step_is_tried_again() -> None:
    world, case, visit = filing()
    world.file.outcomes = [ConnectionError("the EMR is away")]
    before = world.snapshot()
    with pytest.raises(ConnectionError):
        perform(world.services, case, 1, visit, FILE, world.file)
    assert world.snapshot() == before


def test_a_step_or_an_outcome_that_the_state_does_not_have_is_a_fault() -> None:
    world, case, visit = filing()
    before = world.snapshot()
    with pytest.raises(LookupError, match="filing does not do confirm_documentation"):
        perform(world.services, case, 1, visit, CONFIRM, Doing("confirmed"))
    with pytest.raises(LookupError, match="may end as sent, failed, not as 'lost'"):
        perform(world.services, case, 1, visit, FILE, Doing("lost"))
    with pytest.raises(LookupError, match="does not exist"):
        perform(world.services, "0" * 32, 1, 1, FILE, Doing("sent"))
    assert world.snapshot() == before


def test_a_lost_race_does_not_lose_the_outcome() -> None:
    """A vital sign is recorded while the step is at work: the outcome is decided anew, on the newer row."""
    world, case, visit = filing()
    step = Doing("sent", lambda: world.place("spo2_observed", spo2_percent=95))
    assert perform(world.services, case, 1, visit, FILE, step)["transition"] == "T-60"
    assert world.case().case.facts["spo2"].value == 95
    assert violations(world, followed=False) == []


# ── too late ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_done_for_a_case_that_has_gone_on() -> None:
    world, case, visit = filing()
    timed_out(world)()
    step = Doing("sent")
    answer = perform(world.services, case, 1, visit, FILE, step)
    assert (answer["transition"], answer["state"]) == ("T-62", "filing_failed")
    assert step.performed == []


@pytest.mark.parametrize(
    ("declared", "kind", "outcome", "compensated"),
    [
        (Late.ACCEPT, "recorded", "recorded", []),
        (Late.REFUSE, "refused", "refused", []),
        (None, "refused", "refused", []),
        (Late.COMPENSATE, "recorded", "recorded", ["filing_failed"]),
    ],
)
def test_the_state_it_is_in_now_says_what_becomes_of_a_late_outcome(
    declared: Late | None, kind: str, outcome: str, compensated: list[str]
) -> None:
    world, case, visit = filing(late_is(declared))
    step = Doing("sent", timed_out(world))
    answer = perform(world.services, case, 1, visit, FILE, step)
    assert answer["transition"] == "T-62", "the execution follows the journal"
    assert world.state() == "filing_failed"
    entry = world.journal(case)[-1]
    assert (entry["kind"], entry["event"]) == (kind, "file_documentation.sent")
    assert entry["because"] == f"late outcome: {declared or Late.REFUSE} in filing_failed"
    assert step.compensated == compensated
    mark = world.mark(f"{case}#file_documentation.sent:{visit}")
    assert mark is not None
    assert (mark["outcome"], mark["reason"]) == (outcome, "late_outcome")
    assert violations(world, followed=False) == []


def test_a_late_outcome_is_noted_once() -> None:
    world, case, visit = filing()
    first = Doing("sent", timed_out(world))
    second = Doing("sent", lambda: perform(world.services, case, 1, visit, FILE, first))
    perform(world.services, case, 1, visit, FILE, second)
    assert [e["event"] for e in world.journal(case)].count("file_documentation.sent") == 1
    assert violations(world, followed=False) == []


def test_a_late_outcome_of_an_ended_case_does_not_open_it_again() -> None:
    world, case, visit = filing()

    def complete() -> None:
        perform(world.services, case, 1, visit, FILE, Doing("sent"))
        perform(world.services, case, 1, visit + 1, CONFIRM, Doing("confirmed"))

    answer = perform(world.services, case, 1, visit, FILE, Doing("failed", complete))
    assert answer["transition"] == "T-60"
    assert world.state() == "complete"
    assert violations(world, followed=False) == []


# ── another generation ───────────────────────────────────────────────────────────────────────────────────────────────────


def begin_generation_2(world: World, case: str) -> None:
    world.table.update(Update(keys.meta(case), set={"generation": 2, "resumed_at": world.case().visit}, add={"rev": 1}))


def test_an_execution_of_an_older_generation_does_nothing() -> None:
    world, case, visit = filing()
    begin_generation_2(world, case)
    step = Doing("sent")
    assert perform(world.services, case, 1, visit, FILE, step)["transition"] == SUPERSEDED
    assert step.performed == []


@pytest.mark.parametrize("moved", [False, True])
def test_an_execution_that_is_superseded_while_at_work_ends(moved: bool) -> None:
    """Its outcome counts if the case still waits for it, but it must not go on following beside the newer execution."""
    world, case, visit = filing()

    def meanwhile() -> None:
        begin_generation_2(world, case)
        if moved:
            perform(world.services, case, 2, visit, FILE, Doing("sent"))

    answer = perform(world.services, case, 1, visit, FILE, Doing("sent", meanwhile))
    assert answer["transition"] == SUPERSEDED
    assert world.state() == "confirming"
    follows = perform(world.services, case, 2, visit, FILE, Doing("sent"))
    assert (follows["generation"], follows["transition"]) == (2, "T-60")
