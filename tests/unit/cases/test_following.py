"""The protocol between a case and the execution that follows it: park, deadline, give up."""

from __future__ import annotations

from typing import Any

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.follow import REWAIT, deadline, dispatch, give_up, park
from functions.cases.ports import Services, Signal
from functions.cases.rows import SUPERSEDED, CaseRow, Park, Visit, signal
from functions.cases.table import Update
from statemachines.definition import StateKind
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed, take
from tests.support.invariants import violations
from tests.support.tables import Between
from tests.support.world import World

RT, RN, MD = (PERSON[role] for role in ("RT", "RN", "PROVIDER"))
START_RUNNING = courses(OXYGEN, "northfield")["T-02", "ordered"]


class Recorder:
    """An executions port that only remembers: this test plays the executions itself."""

    def __init__(self) -> None:
        self.started: list[Signal] = []
        self.woken: list[tuple[str, Signal]] = []

    def start(self, workflow: str, version: int, case: str, generation: int, signal: Signal) -> None:
        assert (workflow, version, case) == ("oxygen", 1, signal["case"])
        assert generation == signal["generation"]
        self.started.append(signal)

    def succeed(self, token: str, signal: Signal) -> None:
        self.woken.append((token, signal))

    def status(self, workflow: str, version: int, case: str, generation: int) -> str | None:
        raise AssertionError((workflow, version, case, generation))

    def stop(self, workflow: str, version: int, case: str, generation: int, cause: str) -> None:
        raise AssertionError((workflow, version, case, generation, cause))


@pytest.fixture
def played() -> tuple[World, Services, Recorder]:
    """A case in its second state, at visit 2, whose execution this test plays."""
    world = staffed("northfield", table=Between(MemoryTable()))
    recorder = Recorder()
    world.services = world.through(recorder)
    play(world, START_RUNNING, "northfield")
    recorder.started.clear()
    return world, world.services, recorder


def at(visit: int, token: str, *, generation: int = 1, entry: int = 0, attempt: int = 0) -> Park:
    return Park(generation, visit, entry, attempt, token)


def parked(world: World) -> str | None:
    where = world.case().park
    return where.token if where is not None else None


# ── park ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_commit_wakes_the_parked_token_once(played: tuple[World, Services, Recorder]) -> None:
    world, services, recorder = played
    case = world.case().id
    park(services, case, at(2, "live"))
    assert parked(world) == "live"
    world.now += 60
    world.place("assessment_completed", by=RT)
    ((token, woken),) = recorder.woken
    assert (token, woken["visit"], woken["transition"], woken["state"]) == ("live", 3, "T-10", "assessed")


def test_the_lock_counts_a_park_so_that_a_commit_knows_whether_one_came_between(
    played: tuple[World, Services, Recorder],
) -> None:
    world, services, recorder = played
    case = world.case().id
    table = world.table
    assert isinstance(table, Between)
    table.before_write(lambda: park(services, case, at(2, "live")))
    world.now += 60
    placed = world.place("assessment_completed", by=RT)
    assert placed.attempts == 2
    assert [token for token, _ in recorder.woken] == ["live"]


@pytest.mark.parametrize(
    ("stored", "newer"),
    [
        (at(2, "stored"), at(2, "newer", attempt=1)),
        (at(2, "stored", attempt=5), at(2, "newer", entry=1)),
        (at(2, "stored", attempt=9), at(2, "newer", attempt=10)),
    ],
)
def test_a_newer_attempt_takes_the_place_and_an_older_one_never_gets_it_back(
    played: tuple[World, Services, Recorder], stored: Park, newer: Park
) -> None:
    world, services, recorder = played
    case = world.case().id
    park(services, case, stored)
    park(services, case, newer)
    rev = world.case().rev
    for dead in (stored, stored, newer):
        park(services, case, dead)
    assert parked(world) == "newer"
    assert world.case().rev == rev
    assert recorder.woken == []


def test_order_of_attempts_is_order_of_text() -> None:
    attempts = [
        (1, 9, 0, 0),
        (1, 10, 0, 0),
        (1, 10, 0, 9),
        (1, 10, 0, 10),
        (1, 10, 1, 0),
        (1, 100, 0, 0),
        (2, 1, 0, 0),
        (10, 1, 0, 0),
    ]
    orders = [Park(*attempt, "t").order for attempt in attempts]
    assert orders == sorted(orders)


def test_whoever_parks_behind_the_case_is_sent_after_it_one_visit_at_a_time(
    played: tuple[World, Services, Recorder],
) -> None:
    world, services, recorder = played
    case = world.case().id
    world.now += 60
    world.place("assessment_completed", by=RT)
    world.now += 60
    world.place("oxygen_changed", by=RT, spo2_percent=96, flow_l_min=2)
    assert world.path(case) == ["ordered", "assessment_due", "assessed", "stable"]
    for visit, token in ((1, "a"), (2, "b"), (3, "c")):
        park(services, case, at(visit, token))
    assert [(token, s["visit"], s["state"]) for token, s in recorder.woken] == [
        ("a", 2, "assessment_due"),
        ("b", 3, "assessed"),
        ("c", 4, "stable"),
    ]
    assert parked(world) is None, "none of them holds the place"
    park(services, case, at(4, "d"))
    assert parked(world) == "d"


def test_an_execution_of_an_older_generation_is_told_to_end(played: tuple[World, Services, Recorder]) -> None:
    world, services, recorder = played
    case = world.case().id
    world.table.update(Update(keys.meta(case), set={"generation": 2, "resumed_at": 2}, add={"rev": 1}))
    park(services, case, at(2, "old", generation=1, attempt=7))
    ((token, told),) = recorder.woken
    assert (token, told["transition"]) == ("old", SUPERSEDED)
    assert parked(world) is None
    park(services, case, at(2, "new", generation=2))
    assert parked(world) == "new"


def test_parking_books_the_sweeps_look_for_after_the_deadline_or_within_the_hour(
    played: tuple[World, Services, Recorder],
) -> None:
    world, services, _ = played
    case, meta = world.case().id, keys.meta(world.case().id)
    assert world.row(meta)["look_at"] == world.now + 60
    park(services, case, at(2, "live"))
    row = world.row(meta)
    assert row["look_at"] == min(row["due"] + 60, row["moved_at"] + 3600)


def test_an_execution_of_no_case_is_a_fault(played: tuple[World, Services, Recorder]) -> None:
    _, services, _ = played
    with pytest.raises(LookupError, match="does not exist"):
        park(services, "0" * 32, at(1, "t"))
    with pytest.raises(LookupError, match="does not exist"):
        deadline(services, "0" * 32, 1, 1, 0)


# ── deadline ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def until_due(world: World, left: float = 0.0) -> None:
    due = world.case().case.due
    assert due is not None
    world.now = due - left


def test_a_deadline_is_decided_like_an_event_and_the_execution_goes_on_from_the_answer(
    played: tuple[World, Services, Recorder],
) -> None:
    world, services, recorder = played
    until_due(world)
    answer = deadline(services, world.case().id, 1, 2, 0)
    assert (answer["visit"], answer["transition"], answer["state"]) == (3, "T-11", "escalated")
    assert answer["timeout"] == 30 * 60
    assert recorder.woken == [], "whoever asked follows by itself"


def test_a_deadline_asked_twice_is_decided_once(played: tuple[World, Services, Recorder]) -> None:
    world, services, _ = played
    until_due(world)
    first = deadline(services, world.case().id, 1, 2, 0)
    before = world.journal(world.case().id)
    assert deadline(services, world.case().id, 1, 2, 0) == first
    assert world.journal(world.case().id) == before


def test_an_event_that_came_before_the_deadline_wins(played: tuple[World, Services, Recorder]) -> None:
    world, services, _ = played
    until_due(world, left=5)
    world.place("assessment_completed", by=RT)
    world.now += 10
    answer = deadline(services, world.case().id, 1, 2, 0)
    assert (answer["visit"], answer["transition"]) == (3, "T-10")
    assert world.path(world.case().id) == ["ordered", "assessment_due", "assessed"]


@pytest.mark.parametrize("first", ["event", "deadline"])
def test_event_and_deadline_at_once(played: tuple[World, Services, Recorder], first: str) -> None:
    """Whoever commits first counts; the other is decided against what is then true."""
    world, services, _ = played
    table = world.table
    assert isinstance(table, Between)
    case = world.case().id
    until_due(world)
    if first == "event":
        table.before_write(lambda: world.place("assessment_completed", by=RT))
        answer = deadline(services, case, 1, 2, 0)
        assert answer["transition"] == "T-10"
        assert world.path(case) == ["ordered", "assessment_due", "assessed"]
    else:
        table.before_write(lambda: deadline(services, case, 1, 2, 0))
        placed = world.place("assessment_completed", by=RT)
        assert placed.transitions == ("T-10",)
        assert world.path(case) == ["ordered", "assessment_due", "escalated", "assessed"]
    assert violations(world, followed=False) == []


def test_a_wait_that_ended_before_its_time_is_resumed_for_the_rest(played: tuple[World, Services, Recorder]) -> None:
    world, services, _ = played
    case = world.case().id
    park(services, case, at(2, "first"))
    until_due(world, left=100.5)
    answer = deadline(services, case, 1, 2, 0)
    assert (answer["transition"], answer["state"], answer["visit"], answer["entry"]) == (REWAIT, "assessment_due", 2, 1)
    assert answer["timeout"] == 101
    assert world.state() == "assessment_due"
    park(services, case, at(2, "second", entry=1))
    assert parked(world) == "second"


def test_a_timer_that_is_a_second_early_is_on_time(played: tuple[World, Services, Recorder]) -> None:
    world, services, _ = played
    until_due(world, left=1.0)
    assert deadline(services, world.case().id, 1, 2, 0)["transition"] == "T-11"


def test_a_deadline_of_an_older_generation_decides_nothing(played: tuple[World, Services, Recorder]) -> None:
    world, services, _ = played
    case = world.case().id
    world.table.update(Update(keys.meta(case), set={"generation": 2, "resumed_at": 2}, add={"rev": 1}))
    until_due(world)
    for answer in (deadline(services, case, 1, 2, 0), give_up(services, case, 1, 2, "file_documentation")):
        assert answer["transition"] == SUPERSEDED
    assert world.state() == "assessment_due"


# ── give up ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_giving_up_is_the_steps_own_outcome_failed() -> None:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-54", "documented_unsigned"], "northfield")
    row = world.case()
    answer = give_up(world.services, row.id, 1, row.visit, "file_documentation")
    assert (answer["transition"], answer["state"]) == ("T-61", "filing_failed")
    assert give_up(world.services, row.id, 1, row.visit, "file_documentation") == answer
    task = world.case().task
    assert task is not None
    assert task.role == "RT_LEAD", "a failed step has an owner"


# ── signals ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("left", "timeout"), [(None, 60), (10.0, 10), (9.2, 10), (0.0, 1), (-500.0, 1), (1e12, 99_999_999)]
)
def test_a_signal_carries_what_is_left_of_the_wait(left: float | None, timeout: int) -> None:
    """Step Functions takes whole seconds, from 1 to 99999999 (Amazon States Language, TimeoutSeconds)."""
    due = None if left is None else 1000.0 + left
    assert signal(Visit("c", 3, 1, "T-1", None, "s", 1.0, due, 1.0), 2, 1000.0)["timeout"] == timeout


def test_a_signal_holds_ids_and_seconds_and_nothing_else(played: tuple[World, Services, Recorder]) -> None:
    world, services, recorder = played
    park(services, world.case().id, at(2, "live"))
    world.place("assessment_completed", by=RT, spo2_percent=95)
    ((_, woken),) = recorder.woken
    assert set(woken) == {"case", "generation", "visit", "entry", "transition", "state", "timeout"}
    assert all(isinstance(value, (str, int)) for value in woken.values())


# ── requests as they come ────────────────────────────────────────────────────────────────────────────────────────────────


def test_requests_are_dispatched(played: tuple[World, Services, Recorder]) -> None:
    world, services, _ = played
    asked: dict[str, Any] = {"case": world.case().id, "generation": 1, "visit": 2, "entry": 0}
    assert dispatch(services, {**asked, "action": "park", "attempt": 0, "token": "live"}).signal is None
    assert parked(world) == "live"
    until_due(world)
    answer = dispatch(services, {**asked, "action": "deadline"}).signal
    assert answer is not None
    assert answer["transition"] == "T-11"
    with pytest.raises(ValueError, match="unknown action 'dance'"):
        dispatch(services, {**asked, "action": "dance"})


# ── and all of it together ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_execution_that_lags_far_behind_still_visits_every_state() -> None:
    world = staffed("northfield")
    for step in courses(OXYGEN, "northfield")["T-26", "titrating"]:
        assert OXYGEN.state(step.target).kind is StateKind.WAITING
        world.following.held_before = frozenset()
        world.now += 60
        world.send(step.type, by=step.by, run=False, **step.data)
    case: CaseRow = world.case()
    assert world.followed(case.id) == []
    world.following.run()
    assert (
        world.followed(case.id)
        == world.path(case.id)
        == ["ordered", "assessment_due", "assessed", "titrating", "stable"]
    )
    assert violations(world) == []


def test_lag_never_postpones_a_deadline() -> None:
    world = staffed("northfield")
    for step in START_RUNNING:
        world.now += 60
        world.send(step.type, by=step.by, run=False, **step.data)
    due = world.case().case.due
    assert due is not None
    world.pass_time(3600, run=False)
    world.following.run()
    assert world.following.next_timer() == due
    world.pass_time(due - world.now)
    assert world.state() == "escalated"


def test_an_early_timer_in_the_execution_waits_on_and_its_path_shows_the_state_once() -> None:
    world = staffed("northfield")
    play(world, START_RUNNING, "northfield")
    case = world.case()
    execution = world.following.executions[case.id, 1]
    token = execution.token
    assert token is not None
    world.following._time_out(token)
    world.following.run()
    assert world.following.executions[case.id, 1].token not in (None, token)
    take(world, courses(OXYGEN, "northfield")["T-11", "assessment_due"][-1], "northfield")
    assert world.state() == "escalated"
    assert violations(world) == []
