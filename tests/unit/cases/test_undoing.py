"""A late step is undone in spite of faults and crashes, by whichever execution can; or a person is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from functions.cases import keys
from functions.cases.follow import give_up, park
from functions.cases.ports import Signal
from functions.cases.rows import CaseRow, Park
from functions.cases.table import Item, Update, read_all
from functions.cases.telemetry import Measure
from functions.cases.undertakings import MAX_RETURNS, TRY_AGAIN_SECONDS, UNDO_BY_HAND
from functions.cases.work import perform
from functions.relay.measures import measures_of
from statemachines.definition import Late
from tests.support.invariants import violations
from tests.support.world import World
from tests.unit.cases.test_system_steps import FILE, filing, late_is, timed_out


class Stubborn:
    """A step that lets something happen while it is at work, and whose compensation fails so many times."""

    def __init__(self, failures: int = 0, meanwhile: Callable[[], object] | None = None) -> None:
        self.failures, self.meanwhile = failures, meanwhile
        self.performed = self.tried = 0
        self.undone: list[CaseRow] = []

    def perform(self, row: CaseRow) -> str:
        assert row.state == "filing"
        self.performed += 1
        if self.meanwhile is not None:
            self.meanwhile()
        return "sent"

    def compensate(self, row: CaseRow) -> None:
        self.tried += 1
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the EMR is away")
        self.undone.append(row)


def on_record(world: World, case: str) -> list[Item]:
    return [row for row in read_all(world.table, f"CASE#{case}", "WORK#") if "done_at" not in row]


def work(world: World, case: str, visit: int, step: Stubborn, generation: int = 1) -> Signal:
    return perform(world.services, case, generation, visit, FILE, step)


def reasons(world: World, case: str) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["reason"]) for entry in world.journal(case) if entry["kind"] != "moved"]


UNDONE, NOT_YET = ("recorded", "declared"), ("refused", "not_undone")


def test_a_compensation_that_fails_is_tried_again_when_the_execution_retries() -> None:
    world, case, visit = filing(late_is(Late.COMPENSATE))
    step = Stubborn(2, timed_out(world))
    for _ in range(2):
        with pytest.raises(ConnectionError):
            work(world, case, visit, step)
    assert work(world, case, visit, step)["transition"] == "T-62"
    assert (step.performed, step.tried, len(step.undone)) == (1, 3, 1)
    assert reasons(world, case) == [NOT_YET, UNDONE], "each is said once"
    assert on_record(world, case) == []
    work(world, case, visit, step)
    assert len(step.undone) == 1, "what is undone is not undone again"
    assert violations(world, followed=False) == []


def test_what_is_to_be_undone_is_undone_although_the_case_goes_on_to_a_state_that_would_accept_it() -> None:
    world, case, visit = filing(late_is(Late.COMPENSATE))
    step = Stubborn(1, timed_out(world))
    with pytest.raises(ConnectionError):
        work(world, case, visit, step)
    world.place("filing_retry_requested", by="LEAD-ELM:RT_LEAD")
    assert world.state() != "filing_failed"
    work(world, case, visit, step)
    assert len(step.undone) == 1


def test_the_step_is_told_the_facts_that_it_acted_upon() -> None:
    world, case, visit = filing(late_is(Late.COMPENSATE))
    world.place("spo2_observed", spo2_percent=95)

    def meanwhile() -> None:
        timed_out(world)()
        world.place("spo2_observed", spo2_percent=80)

    step = Stubborn(1, meanwhile)
    with pytest.raises(ConnectionError):
        work(world, case, visit, step)
    again = Stubborn()
    work(world, case, visit, again)
    (row,) = again.undone
    assert (row.state, row.case.facts["spo2"].value) == ("filing_failed", 95)
    assert world.case().case.facts["spo2"].value == 80


class Died(RuntimeError):
    """The function dies."""


def test_a_step_that_died_after_it_acted_is_undone_by_the_next_try() -> None:
    world, case, visit = filing(late_is(Late.COMPENSATE))

    def meanwhile() -> None:
        timed_out(world)()
        raise Died

    with pytest.raises(Died):
        work(world, case, visit, Stubborn(meanwhile=meanwhile))
    step = Stubborn()
    work(world, case, visit, step)
    assert (step.performed, len(step.undone)) == (0, 1)
    assert world.journal(case)[-1]["event"] == "file_documentation.unknown"
    assert on_record(world, case) == []


def test_a_step_that_never_began_has_nothing_to_undo() -> None:
    world, case, visit = filing(late_is(Late.COMPENSATE))
    timed_out(world)()
    step = Stubborn()
    work(world, case, visit, step)
    assert (step.performed, step.tried) == (0, 0)


def test_a_step_that_was_given_up_in_time_is_not_undone() -> None:
    """That it failed in every attempt was its outcome, and the case went where the workflow says."""
    world, case, visit = filing(late_is(Late.COMPENSATE))

    def dies() -> None:
        raise Died

    with pytest.raises(Died):
        work(world, case, visit, Stubborn(meanwhile=dies))
    assert give_up(world.services, case, 1, visit, FILE)["transition"] == "T-61"
    step = Stubborn()
    work(world, case, visit, step)
    assert (world.state(), step.tried) == ("filing_failed", 0)


def test_an_outcome_in_time_leaves_nothing_on_record() -> None:
    world, case, visit = filing(late_is(Late.COMPENSATE))
    assert work(world, case, visit, Stubborn())["transition"] == "T-60"
    assert on_record(world, case) == []


def test_an_execution_of_an_older_generation_still_undoes_what_it_did() -> None:
    world, case, visit = filing(late_is(Late.COMPENSATE))
    step = Stubborn(1, timed_out(world))
    with pytest.raises(ConnectionError):
        work(world, case, visit, step)
    begins = world.case()
    world.table.update(_generation(begins))
    work(world, case, visit, step)
    assert len(step.undone) == 1


def _generation(row: CaseRow) -> Update:
    return Update(keys.meta(row.id), set={"generation": 2, "resumed_at": row.visit}, add={"rev": 1})


def gave_up(failures: int) -> tuple[World, str, int, Stubborn]:
    """A late step that its own execution could not undo as often as it tried; the execution went on."""
    world, case, visit = filing(late_is(Late.COMPENSATE))
    step = Stubborn(failures, timed_out(world))
    with pytest.raises(ConnectionError):
        work(world, case, visit, step)
    step.meanwhile = None
    world.steps[FILE] = step
    world.following.held_before = frozenset()
    park(world.services, case, Park(1, world.case().visit, 0, 0, "waits-elsewhere"))
    return world, case, visit, step


def swept(world: World) -> None:
    """Some time later the sweep looks at the case; an execution that it begins fails as often as it tries."""
    world.now += TRY_AGAIN_SECONDS + 1
    world.table.update(Update(keys.meta(world.case().id), set={"look_at": world.now - 1}))
    with suppress(ConnectionError):
        world.sweep()


def test_the_sweep_sends_another_execution_back_to_what_is_not_undone() -> None:
    world, case, _, step = gave_up(1)
    swept(world)
    assert len(step.undone) == 1
    assert on_record(world, case) == []
    assert ("repaired", "not_undone") in reasons(world, case)
    assert reasons(world, case)[-1] == UNDONE
    assert violations(world, followed=False) == []


def test_when_it_can_never_be_undone_the_journal_calls_for_a_person() -> None:
    world, case, visit, step = gave_up(10_000)
    for _ in range(MAX_RETURNS + 3):
        swept(world)
        row = world.case()  # the execution went on when it had tried often enough
        park(world.services, case, Park(row.generation, row.visit, 0, 0, f"waits-elsewhere-{row.generation}"))
    last = [entry for entry in world.journal(case) if entry["reason"] == UNDO_BY_HAND][-1]
    assert Measure("UndoByHand", 1, "Count", {}) in measures_of(last), "an alarm rings, since it is nobody's task"
    assert (last["kind"], last["because"]) == (
        "refused",
        f"file_documentation of visit {visit} ended too late and could not be undone; undo it by hand",
    )
    assert on_record(world, case) == []
    assert world.case().generation == 1 + MAX_RETURNS
    assert step.undone == []
