"""Continuation: no execution comes near the limits of AWS Step Functions, however long its case lives, and nothing is lost between."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.cases import keys
from functions.cases.adapters.following import Execution
from functions.cases.adapters.memory import MemoryTable
from functions.cases.follow import REWAIT, deadline, park
from functions.cases.lifespan import HISTORY_EVENTS, ROOM_VISITS, START_AND_END_EVENTS, WAITS, Lifespan
from functions.cases.rows import SUPERSEDED, CaseRow, Park
from functions.cases.sweep import Mended, mend
from functions.cases.table import Update
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.invariants import follows, steps_join, unbroken, violations, waits_end
from tests.support.tables import Between, touches
from tests.support.world import DAY, World
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.ways import RESULT, TEST

RT, MD = PERSON["RT"], PERSON["PROVIDER"]
PUBLISHED = sorted((Path(__file__).parents[3] / "statemachines" / "published").glob("*/*/asl.json"))
YEAR = 365 * DAY


def living(waits: int, world: World | None = None, *, seconds: float = YEAR) -> World:
    """A case that waits to be assessed, in a world where an execution follows it for so many waits only."""
    world = world or staffed("northfield")
    world.live(Lifespan(waits, seconds))
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    return world


def execution(world: World, generation: int | None = None) -> Execution:
    row = world.case()
    return world.following.executions[row.id, generation or row.generation]


def continuations(world: World, case: str) -> list[dict[str, Any]]:
    return [entry for entry in world.journal(case) if entry["kind"] == "continued"]


# ── a year ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _opened(workflow: str, type: str, by: str | None, **data: Any) -> Callable[[Hospital], CaseRow]:
    def begin(hospital: Hospital) -> CaseRow:
        hospital.tell(workflow, type, by, **data)
        return hospital.of(workflow)

    return begin


def _home_oxygen_order(hospital: Hospital) -> CaseRow:
    hospital.tell("home_oxygen", "discharge_planned", "CASE_MANAGER")
    hospital.tell("home_oxygen", "qualifying_test_ordered", "PROVIDER")
    hospital.tell("home_oxygen", "qualifying_test_completed", "RT", **TEST)
    hospital.tell("home_oxygen", "home_oxygen_requested", "PROVIDER")
    return hospital.of("home_oxygen_order")


def _not_assessed(hospital: Hospital) -> CaseRow:
    hospital.tell("oxygen", "oxygen_ordered", "PROVIDER", order_id="O1", age_years=70)
    hospital.tell("oxygen", "oxygen_changed", "RN", flow_l_min=2)
    return hospital.of("oxygen")


YEARS: dict[str, Callable[[Any], CaseRow]] = {
    "critical_lab": _opened("critical_lab", "critical_result_reported", None, **RESULT),
    "home_oxygen": _opened("home_oxygen", "discharge_planned", "CASE_MANAGER"),
    "home_oxygen_order": _home_oxygen_order,
    "oxygen": _not_assessed,
}
"""How a case of each published workflow begins; then nobody acts for a year."""


def test_every_published_workflow_lives_for_a_year() -> None:
    assert set(YEARS) == {path.parents[1].name for path in PUBLISHED}


@pytest.mark.slow
@pytest.mark.parametrize("workflow", sorted(YEARS))
def test_a_case_on_which_nobody_acts_for_a_year_is_followed_all_the_time(workflow: str) -> None:
    hospital = Hospital()
    case = YEARS[workflow](hospital).id
    for _ in range(365):
        hospital.pass_time(DAY)
        hospital.sweep()
    (row,) = (each for each in hospital.cases() if each.id == case)
    assert row.ended_at is None
    assert hospital.path(case)[-300:] == [row.state] * 300, "the top of its ladder calls again and again"
    assert waits_end(hospital, row) + unbroken(hospital, row) + steps_join(hospital, row) + follows(hospital, row) == []
    lives = [e for (id, _), e in hospital.following.executions.items() if id == case]
    assert len(lives) == row.generation == 1 + len(continuations(hospital, case))
    assert row.visit > 365
    assert max(len(life.visits) for life in lives) <= WAITS + ROOM_VISITS
    assert max(life.events for life in lives) < HISTORY_EVENTS
    assert row.repairs == 0
    print(
        f"{workflow}: {row.visit} visits, {len(lives)} generations, at most {max(life.events for life in lives)} events each"
    )


def test_the_budget_holds_for_every_published_state_machine_when_everything_fails_as_often_as_it_may() -> None:
    for path in PUBLISHED:
        states = json.loads(path.read_text())["States"]
        worst, chain = 0, 0
        for name, state in states.items():
            if f"after {name}" not in states:
                continue
            waits = "waitForTaskToken" in state["Resource"]
            chain += not waits
            other = states[f"{name} deadline" if waits else f"{name} given up"]
            worst = max(worst, _worst_events(state) + _worst_events(other) + 2)
        assert START_AND_END_EVENTS + worst * (WAITS + ROOM_VISITS) <= HISTORY_EVENTS, path
        assert chain < ROOM_VISITS, "system steps that follow one another without a wait"


def _worst_events(task: dict[str, Any]) -> int:
    attempts = 1 + sum(int(retry["MaxAttempts"]) for retry in task["Retry"])
    return 2 + attempts * (4 if "waitForTaskToken" in task["Resource"] else 3)


# ── one continuation ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_execution_ends_where_it_waits_and_another_goes_on_from_there() -> None:
    world = living(1)
    row = world.case()
    assert (row.generation, row.resumed_at, row.visit) == (2, 2, 2)
    assert (execution(world, 1).status, execution(world, 1).path) == ("SUCCEEDED", ["ordered", "assessment_due"])
    assert (execution(world, 2).status, execution(world, 2).path) == ("RUNNING", ["assessment_due"])
    (entry,) = continuations(world, row.id)
    assert (entry["reason"], entry["event_id"]) == ("history", "execution:1")
    assert "visit" not in entry, "the case did not move"
    world.now += 60
    world.place("assessment_completed", by=RT)
    assert world.state() == "assessed"
    assert violations(world) == []


def test_an_ordinary_case_is_followed_by_one_execution_and_asks_for_nothing_more() -> None:
    world = living(Lifespan().waits)
    assert world.case().generation == 1
    assert continuations(world, world.case().id) == []


def test_the_deadline_of_a_wait_that_is_continued_stays_where_it_was() -> None:
    world = living(1)
    due = world.case().case.due
    assert due is not None
    world.pass_time(due - world.now)
    assert world.case().state == "escalated"
    assert violations(world) == []


def test_an_execution_that_grew_old_is_replaced_where_it_waits_next() -> None:
    world = staffed("northfield")
    world.live(Lifespan(seconds=1800.0))
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.now += 1801
    world.place("oxygen_changed", by=RT, flow_l_min=2)
    row = world.case()
    assert (row.generation, row.followed_since) == (2, world.now)
    assert [entry["reason"] for entry in continuations(world, row.id)] == ["age"]
    assert violations(world) == []


def test_an_execution_that_grows_old_while_it_waits_is_replaced_by_the_sweep() -> None:
    world = living(9, seconds=1800.0)
    world.now = world.case().opened_at + 1801
    assert mend(world.services, world.case().id, world.mirrors).mended is Mended.CONTINUED
    world.following.run()
    assert [entry["reason"] for entry in continuations(world, world.case().id)] == ["age"]
    assert execution(world, 1).status == "SUCCEEDED"
    world.mirrors.show(world.case())
    assert mend(world.services, world.case().id, world.mirrors).mended is Mended.NOTHING
    assert violations(world) == []


def test_an_execution_that_lags_behind_is_replaced_where_it_stands_and_every_state_is_visited() -> None:
    world = staffed("northfield")
    world.live(Lifespan(2))
    world.following.held_before = frozenset({"ordered"})
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.now += 60
    world.place("oxygen_changed", by=RT, flow_l_min=2)
    world.now += 60
    world.place("assessment_completed", by=RT)
    world.now += 60
    world.place("oxygen_changed", by=RT, spo2_percent=85, flow_l_min=2)
    assert world.case().visit > 3
    assert world.case().generation == 1
    world.following.held_before = frozenset()
    world.following.go_on()
    assert world.case().generation > 1
    assert violations(world) == []


def test_waits_that_were_resumed_count() -> None:
    world = living(3)
    row = world.case()
    entries = 0
    for entry in range(5):
        answer = deadline(world.services, row.id, 1, row.visit, entry)
        if answer["transition"] == SUPERSEDED:
            break
        assert answer["transition"] == REWAIT
        entries += 1
    assert entries == 1, "two visits and one wait resumed are three"
    world.following.run()
    row = world.case()
    assert (row.generation, row.rewaits) == (2, 0)
    assert execution(world).path == ["assessment_due"]


def test_repairs_count_apart_from_continuations() -> None:
    world = living(1)
    assert world.case().repairs == 0
    execution(world).status, execution(world).token = "FAILED", None
    assert mend(world.services, world.case().id, world.mirrors).mended is Mended.RESTARTED
    world.following.run()
    row = world.case()
    assert (row.generation, row.repairs) == (3, 1)
    world.table.update(Update(keys.meta(row.id), set={"repairs": 100}))
    execution(world).status, execution(world).token = "FAILED", None
    with pytest.raises(RuntimeError, match="100 executions"):
        mend(world.services, row.id, world.mirrors)
    world.table.update(Update(keys.meta(row.id), set={"repairs": 99, "generation": 5000}))
    assert mend(world.services, row.id, world.mirrors).mended is Mended.SIGNALLED, "many generations are no fault"


def test_a_lifespan_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="one wait"):
        Lifespan(0)


# ── races and crashes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_that_comes_between_takes_the_execution_along_and_it_is_replaced_at_its_next_wait() -> None:
    table = Between(MemoryTable())
    world = staffed("northfield", table=table)
    world.live(Lifespan(1))
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.now += 60
    happened = 0

    def meanwhile() -> None:
        nonlocal happened
        happened += 1
        world.now += 60
        world.place("assessment_completed", by=RT, run=False)

    world.place("oxygen_changed", by=RT, flow_l_min=2, run=False)
    table.before_write(lambda: None, of=touches("CASE#", keys.META))  # the park
    table.before_write(meanwhile, of=touches("CASE#", "J#"))  # the continuation
    world.following.run()
    assert happened == 1
    row = world.case()
    assert row.state == "assessed"
    assert row.generation == 2
    assert violations(world) == []


class Crash(RuntimeError):
    """The function dies."""


class DiesAt:
    """Executions that die at the n-th call, before or after it was done."""

    def __init__(self, world: World, call: int, *, after: bool) -> None:
        self._to, self._left, self._after = world.following, call, after

    def _do(self, call: Callable[[], None]) -> None:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Crash
        call()
        if self._left == 0:
            raise Crash

    def start(self, *asked: Any) -> None:
        self._do(lambda: self._to.start(*asked))

    def succeed(self, *asked: Any) -> None:
        self._do(lambda: self._to.succeed(*asked))

    def status(self, *asked: Any) -> str | None:
        return self._to.status(*asked)


@pytest.mark.parametrize("mended_by", ["another attempt", "the sweep"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", [1, 2])
def test_a_continuation_that_dies_at_any_call_is_finished(call: int, after: bool, mended_by: str) -> None:
    """The commit is one write; then the old execution is told to end and the new one is started."""
    world = living(9)
    row = world.case()
    old = execution(world, 1)
    world.live(Lifespan(1))
    crashing = world.through(DiesAt(world, call, after=after))
    token = "token-of-the-second-attempt"
    world.following._tokens[token] = (row.id, 1)
    old.token = token
    with pytest.raises(Crash):
        park(crashing, row.id, Park(1, row.visit, 0, 1, token))
    world.following.run()
    assert world.case().generation == 2
    if mended_by == "another attempt" and old.status == "RUNNING":
        again = "token-of-the-third-attempt"
        world.following._tokens[again] = (row.id, 1)
        old.token = again
        park(world.services, row.id, Park(1, row.visit, 0, 2, again))
        world.following.run()
    else:
        world.now += 61
        world.sweep()
    assert violations(world) == []
    assert old.status == "SUCCEEDED"
    assert len(continuations(world, row.id)) == 1


def test_a_wait_whose_continuation_was_not_started_starts_it_when_its_time_is_over() -> None:
    world = living(9)
    row = world.case()
    world.live(Lifespan(1))
    crashing = world.through(DiesAt(world, 1, after=False))
    with pytest.raises(Crash):
        park(crashing, row.id, Park(1, row.visit, 0, 1, "dead"))
    assert (row.id, 2) not in world.following.executions
    assert deadline(world.services, row.id, 1, row.visit, 0)["transition"] == SUPERSEDED
    world.following.run()
    assert execution(world, 2).path == ["assessment_due"]


def test_a_continued_execution_that_parks_again_is_told_to_end() -> None:
    world = living(1)
    row = world.case()
    told: list[Any] = []
    world.following.succeed = lambda token, signal: told.append((token, signal["transition"]))  # type: ignore[method-assign]
    park(world.services, row.id, Park(1, row.visit, 0, 5, "late"))
    assert told == [("late", SUPERSEDED)]
    assert world.case() == row
