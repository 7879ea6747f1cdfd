"""Wherever a process dies, everything comes to rest as if it had not. BATON_CRASH=all plays every moment, else every so manieth."""

from __future__ import annotations

import json
import os
from collections import Counter

import pytest

from statemachines import published
from statemachines.decide import Outcome
from tests.crash import coverage, judge
from tests.crash.hospital import HANDLERS, deployed
from tests.crash.machines import Execution
from tests.crash.runs import Point, Recording, Run, pairs, record, run, survive
from tests.crash.scenarios import SCENARIOS, Scenario, made_twice, ordered
from tests.crash.tape import Recorded, Tape, When

EVERYTHING = os.environ.get("BATON_CRASH") == "all"
STRIDE = 1 if EVERYTHING else 14
PAIRS = 60 if EVERYTHING else 1
SEED = 1

each = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


def played(scenario: Scenario) -> list[tuple[Point, Run]]:
    """Every so manieth moment of a scenario, and how it went; where it begins differs from scenario to scenario."""
    moments = record(scenario).moments()
    chosen = moments[SCENARIOS.index(scenario) % min(STRIDE, len(moments)) :: STRIDE]
    return [(moment[0], survive(record(scenario), moment[0])) for moment in chosen]


@each
def test_what_must_hold_holds_wherever_a_process_dies(scenario: Scenario) -> None:
    """I1 to I5; and everything comes to the same rest, by the same course unless a step of the system died."""
    results = played(scenario)
    assert results
    assert {str(p): r.violations for p, r in results if r.violations} == {}
    assert {str(p): r.different for p, r in results if r.different} == {}


@each
def test_two_processes_may_die(scenario: Scenario) -> None:
    """What must hold, holds; which course a case takes may depend on how late something came."""
    recording = record(scenario)
    for first, when, second, then in pairs(recording, SEED, PAIRS):
        result = run(recording, {first: when, second: then})
        assert result.crashed >= 1
        assert result.violations == [], (scenario.name, first, when, second, then)


# ── what is played ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_lambda_and_every_use_case_that_reaches_a_port_is_played() -> None:
    entered = frozenset().union(*(record(scenario).entered for scenario in SCENARIOS))
    wanted = coverage.handlers() + coverage.use_cases()
    assert len(wanted) > 50
    assert [one.name for one in wanted if one.entry not in entered] == []


def test_every_lambda_dies_somewhere() -> None:
    dying = {call.use_case.partition(".")[0] for scenario in SCENARIOS for call in record(scenario).calls}
    assert set(HANDLERS) - dying == set()


def test_every_published_workflow_is_played() -> None:
    played = {key.split()[0] for scenario in SCENARIOS for key in record(scenario).end.courses}
    assert {workflow for workflow, _ in published.versions()} <= played


def test_every_outcome_and_quarantine_occurs() -> None:
    outcomes = {mark[0] for scenario in SCENARIOS for mark in record(scenario).end.marks.values()}
    # An event that was held or deferred has another outcome in the end; that it waited is in the journal, or in the tests of time.
    assert {str(o) for o in Outcome} - outcomes <= {str(Outcome.DEFERRED), str(Outcome.HELD_EARLY)}
    assert any(isinstance(kept, tuple) for s in SCENARIOS for kept in record(s).end.kept.values())


def test_what_was_made_twice_stands_until_it_is_looked_for() -> None:
    """So the scenario has something to find; the enumeration shows that it is found."""
    with deployed(Tape()) as hospital:
        made_twice(hospital)
        assert judge.violations(hospital) == ["2 documents of one identity", "2 open orders of one number"]


# ── how long is watched ──────────────────────────────────────────────────────────────────────────────────────────────────


def with_reminders() -> Recording:
    """A case that nobody takes up: it is reminded of again and again."""
    return record(next(s for s in SCENARIOS if s.name == "two results"))


def test_a_reminder_that_comes_a_second_later_is_no_difference() -> None:
    recording = with_reminders()
    parks = [moment[0] for moment in recording.moments() if moment[0].call.use_case == "follow.park"]
    assert len(parks) > 3
    assert {str(point): wrong for point in parks if (wrong := survive(recording, point).wrong)} == {}


def test_reminders_that_never_come_are_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Execution, "next_at", property(lambda execution: execution.due))
    different = run(with_reminders(), {}, swept=False).different
    assert [line for line in different if "None, without a crash" in line and "still not called" in line]


def test_something_falls_due_shortly_before_and_after_a_deadline_is_decided() -> None:
    with deployed(Tape()) as hospital:
        ordered(hospital)
        row = hospital.case()
        entered, due, late = row.case.entered, row.case.due, judge.LATE_SECONDS
        assert due is not None
        assert due > entered + 3 * late
        moments = (entered + 1, entered + late - 1, entered + late + 1, due - late - 1, due - late + 1, due - 1)
        found = []
        for hospital.now in moments:
            found.append(judge.falls_due_about_now(hospital))
        assert found == [True, True, False, False, True, True]


def test_watching_ends_in_no_moment_in_which_something_falls_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "falls_due_about_now", lambda _: True)
    with pytest.raises(RuntimeError, match="no moment in which nothing falls due"):
        record.__wrapped__(next(s for s in SCENARIOS if s.name == "never opened"))


# ── the harness itself ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_the_same_each_time() -> None:
    scenario = SCENARIOS[0]
    first, second = record.__wrapped__(scenario), record.__wrapped__(scenario)
    assert first.calls == second.calls
    assert first.end == second.end


def test_points_that_are_one_moment_leave_the_same_world() -> None:
    """So one run stands for all of them."""
    recording = record(next(s for s in SCENARIOS if s.name == "filed"))
    groups = [group for group in recording.moments() if len(group) > 2]
    assert groups
    for group in groups[:: max(1, len(groups) // 4)]:
        ends = [survive(recording, point) for point in group]
        assert len({json.dumps([e.violations, e.different]) for e in ends}) == 1


def test_whatever_a_port_offers_goes_through_the_tape() -> None:
    class Port:
        def said(self, word: str) -> str:
            return word

    tape = Tape()
    tape.running = True
    recorded = Recorded(Port(), "port", tape)
    assert recorded.said("a") == "a"
    assert tape.counted == 1


def test_nothing_else_is_done_by_a_process_that_is_gone() -> None:
    """Handlers of errors and contexts that are left while the stack unwinds reach nobody."""
    recording = record(next(s for s in SCENARIOS if s.name == "opening and moving"))
    writes = [c for c in recording.calls if c.changed]
    tape = Tape(crashes={writes[0].number: When.BEFORE})
    with deployed(tape) as hospital:
        recording.scenario.given(hospital)
        hospital.forget()
        tape.running = True
        before = hospital.table.written
        hospital.wait(300)
        hospital.post(hospital.event("oxygen_ordered", "PROVIDER-ALDER:PROVIDER", order_id="O1", age_years=70))
        hospital.wait(1)
        assert tape.crashed == 1
        assert hospital.table.written == before
        hospital.wait(60)
        assert hospital.table.written > before


def test_points_are_counted_by_use_case() -> None:
    points = Counter(p.call.use_case for s in SCENARIOS for p in record(s).points())
    assert points.total() > 1000
    assert min(points.values()) >= 2
