"""One case per result: what is told of a result goes to its case, what happens to the patient to every open one, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.every_case import EACH_CASE
from functions.cases.intake import take_in
from functions.cases.outcome import Placed
from functions.cases.quarantine import Kept
from functions.cases.rows import CaseRow
from functions.cases.sweep import mend
from functions.cases.table import Item, Key, Page, Table, Update, Write, read_all
from statemachines.definition import Definition, Unplaced
from statemachines.workflows.critical_lab import CRITICAL_LAB
from tests.support.invariants import violations
from tests.support.tables import Between, Through
from tests.support.world import World
from tests.unit.workflows.hospital import ROLES
from tests.unit.workflows.ways import RESULT, somebody

LAB = "critical_lab"
LAB_BY, RN, REGISTRATION = "LAB-ALDER:LAB", "RN-ALDER:RN", "ADT-1:REGISTRATION"


class Died(BaseException):
    """The process dies in the middle."""


class Mortal(Through):
    """Dies once, before or after a write of a kind."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.dies_before: Any = None
        self.dies_after: Any = None

    def write(self, writes: Sequence[Write]) -> None:
        if self.dies_before is not None and self.dies_before(writes):
            self.dies_before = None
            raise Died
        self.table.write(writes)
        if self.dies_after is not None and self.dies_after(writes):
            self.dies_after = None
            raise Died


def laboratory(definition: Definition = CRITICAL_LAB, table: Table | None = None) -> World:
    world = World(definitions={LAB: definition}, table=table)
    world.on_shift(*(f"{somebody(role)}:{role}" for role in ROLES), hours=200)
    return world


def report(world: World, *results: str, **event: Any) -> list[CaseRow]:
    """Results are reported; their cases."""
    for result in results:
        world.now += 60
        world.place("critical_result_reported", **{**RESULT, "result_id": result}, **event)
    return [case_of(world, result) for result in results]


def case_of(world: World, result: str) -> CaseRow:
    return next(row for row in world.cases() if row.case.facts["result_id"].value == result)


def transfer(world: World, **event: Any) -> str:
    world.now += 60
    return world.raw("patient_transferred", by=REGISTRATION, to_unit="U2", **event)


def deliver(world: World, raw: str) -> list[Placed]:
    answers = take_in(world.services, raw)
    assert isinstance(answers, list), answers
    world.following.run()
    return answers


def members(world: World, encounter: str = "E-1") -> list[Item]:
    rows = read_all(world.table, world.services.keys.correlation("northfield", LAB, encounter), keys.MEMBER)
    return [row for row in rows if "closed_at" not in row]


def mark(world: World, id: str, case: str | None = None) -> Item | None:
    return world.table.get(world.services.keys.mark("northfield", id, LAB, case))


def touching_mark_of(case: str) -> Any:
    return lambda writes: any(w.key.pk.startswith("EVENT#") and w.key.sk.endswith("#" + case) for w in writes)


# ── which cases there are ────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_result_has_its_case_and_is_named_until_it_ends() -> None:
    world = laboratory()
    one, two = report(world, "R1", "R2")
    assert {row["case"] for row in members(world)} == {one.id, two.id}
    assert one.correlation != two.correlation
    world.place("result_withdrawn", by=LAB_BY, result_id="R1", reason="haemolysed")
    assert [row["case"] for row in members(world)] == [two.id]
    assert violations(world) == []


def test_a_case_that_ends_as_it_opens_is_never_named() -> None:
    at_once = CRITICAL_LAB.transitions[0].model_copy(update={"target": "withdrawn"})
    rest = tuple(t for t in CRITICAL_LAB.transitions[1:])
    world = laboratory(CRITICAL_LAB.model_copy(update={"transitions": (at_once, *rest)}))
    (row,) = report(world, "R1")
    assert row.ended_at is not None
    assert members(world) == []


def test_a_result_that_is_reported_again_after_its_end_has_a_case_again() -> None:
    world = laboratory()
    report(world, "R1")
    world.place("result_withdrawn", by=LAB_BY, result_id="R1", reason="haemolysed")
    report(world, "R1")
    (named,) = members(world)
    assert named["case"] == world.cases()[-1].id != world.cases()[0].id
    assert violations(world) == []


def test_one_id_in_two_encounters_is_two_results() -> None:
    world = laboratory()
    report(world, "R1")
    report(world, "R1", encounter="E-2")
    world.place("result_withdrawn", by=LAB_BY, result_id="R1", reason="haemolysed", encounter="E-2")
    assert [row.state for row in world.cases()] == ["resulted", "withdrawn"]


# ── what happens to the patient ──────────────────────────────────────────────────────────────────────────────────────────


def test_every_open_case_is_told_under_a_mark_of_its_own() -> None:
    world = laboratory()
    one, two = report(world, "R1", "R2")
    placed = deliver(world, transfer(world, id="moved"))
    assert {(answer.case, answer.outcome) for answer in placed} == {(one.id, "recorded"), (two.id, "recorded")}
    for row in (one, two):
        noted = mark(world, "moved", row.id)
        assert noted is not None
        assert (noted["outcome"], noted["case"]) == ("recorded", row.id)
    own = mark(world, "moved")
    assert own is not None
    assert (own["outcome"], own["reason"]) == ("recorded", EACH_CASE)


def test_what_was_told_once_changes_nothing_any_more_not_even_a_case_that_opened_since() -> None:
    world = laboratory()
    report(world, "R1")
    raw = world.raw("patient_died", by=REGISTRATION)
    deliver(world, raw)
    (two,) = report(world, "R2")
    before = world.snapshot()
    (again,) = deliver(world, raw)
    assert (again.outcome, again.duplicate) == ("moved", True)
    assert world.snapshot() == before
    assert case_of(world, "R2").state == two.state == "resulted"


def test_what_reaches_one_encounter_does_not_reach_another() -> None:
    world = laboratory()
    report(world, "R1")
    report(world, "R2", encounter="E-2")
    deliver(world, world.raw("patient_died", by=REGISTRATION, encounter="E-2"))
    assert [row.state for row in world.cases()] == ["resulted", "deceased"]


def test_with_no_case_open_it_does_not_apply_and_is_answered_once() -> None:
    world = laboratory()
    raw = transfer(world, id="moved")
    (first,) = deliver(world, raw)
    assert (first.outcome, first.reason, first.duplicate) == ("ignored", "not_applicable", False)
    report(world, "R1")
    (again,) = deliver(world, raw)
    assert (again.outcome, again.duplicate) == ("ignored", True)


def test_with_no_case_open_it_is_quarantined_where_that_is_no_matter_of_course() -> None:
    events = tuple(
        each.model_copy(update={"unplaced": Unplaced.QUARANTINE}) if each.event == "patient_died" else each
        for each in CRITICAL_LAB.events
    )
    world = laboratory(CRITICAL_LAB.model_copy(update={"events": events}))
    kept = world.send("patient_died", by=REGISTRATION)
    assert isinstance(kept, Kept)
    assert kept.reason == "no_case"


# ── what it costs ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Counting(Through):
    """Counts reads and writes; each is a call to DynamoDB."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.reads = self.writes = 0

    def get(self, key: Key) -> Item | None:
        self.reads += 1
        return self.table.get(key)

    def query(self, pk: str, prefix: str = "", *, start: Any | None = None, limit: int | None = None) -> Page:
        self.reads += 1
        return self.table.query(pk, prefix, start=start, limit=limit)

    def write(self, writes: Sequence[Write]) -> None:
        self.writes += 1
        self.table.write(writes)


def cost(world: World, raw: str) -> tuple[int, int]:
    """Reads and writes of one event, where policies and active versions are known already."""
    table = Counting(world.table)
    take_in(replace(world.services, table=table), raw)
    return table.reads, table.writes


def test_what_is_told_of_one_result_costs_no_more_than_with_one_case() -> None:
    world = laboratory()
    report(world, "R1", "R2")
    world.now += 60
    assert cost(world, world.raw("result_corrected", **RESULT)) == (2, 1)


def test_what_happens_to_the_patient_costs_a_read_and_a_write_for_each_case_and_three_calls() -> None:
    world = laboratory()
    assert cost(world, transfer(world)) == (2, 1)
    report(world, "R1", "R2")
    assert cost(world, transfer(world)) == (2 + 2, 2 + 1)


def test_a_case_that_has_ended_costs_nothing_any_more() -> None:
    world = laboratory()
    report(world, "R1", "R2")
    world.place("result_withdrawn", by=LAB_BY, result_id="R1", reason="haemolysed")
    assert cost(world, transfer(world)) == (2 + 1, 1 + 1)


# ── in the middle ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("when", ["dies_before", "dies_after"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_crash_between_two_cases_heals_when_it_is_delivered_again(when: str, which: int) -> None:
    table = Mortal(MemoryTable())
    world = laboratory(table=table)
    rows = report(world, "R1", "R2")
    raw = world.raw("patient_died", by=REGISTRATION)
    setattr(table, when, touching_mark_of(rows[which].id))
    with pytest.raises(Died):
        take_in(world.services, raw)
    placed = deliver(world, raw)
    assert sorted(str(answer.case) for answer in placed) == sorted(row.id for row in rows)
    assert {row.state for row in world.cases()} == {"deceased"}
    assert [len(world.journal(row.id)) for row in rows] == [2, 2]
    assert members(world) == []
    assert violations(world) == []


def test_a_crash_after_all_were_told_is_only_noted() -> None:
    table = Mortal(MemoryTable())
    world = laboratory(table=table)
    one, two = report(world, "R1", "R2")
    raw = world.raw("patient_died", by=REGISTRATION, id="died")
    table.dies_before = lambda writes: any(w.key.pk.startswith("EVENT#") and w.key.sk == LAB for w in writes)
    with pytest.raises(Died):
        take_in(world.services, raw)
    placed = deliver(world, raw)
    assert sorted(str(answer.case) for answer in placed) == sorted((one.id, two.id))
    assert all(answer.duplicate for answer in placed)
    own = mark(world, "died")
    assert own is not None
    assert own["outcome"] == "moved"
    assert violations(world) == [], "the executions have followed"


def test_a_case_that_ends_before_it_is_told_is_not_told() -> None:
    table = Between(MemoryTable())
    world = laboratory(table=table)
    one, two = report(world, "R1", "R2")
    withdrawn = world.raw("result_withdrawn", by=LAB_BY, result_id="R2", reason="haemolysed")
    first = min(one.id, two.id)
    other = one if first == two.id else two
    result = "R1" if other is one else "R2"
    withdrawn = withdrawn.replace('"R2"', f'"{result}"')
    table.before_write(lambda: world.deliver(withdrawn), of=touching_mark_of(first))
    placed = deliver(world, transfer(world))
    assert [answer.case for answer in placed] == [first]
    assert violations(world) == []


def test_the_same_event_twice_at_the_same_time_is_told_once() -> None:
    table = Between(MemoryTable())
    world = laboratory(table=table)
    rows = report(world, "R1", "R2")
    raw = world.raw("patient_died", by=REGISTRATION)
    table.before_write(lambda: take_in(world.services, raw), of=touching_mark_of(rows[0].id))
    deliver(world, raw)
    assert table.happened == 1
    assert [len(world.journal(row.id)) for row in rows] == [2, 2]
    assert violations(world) == []


def test_the_first_answer_to_an_event_stands() -> None:
    """It came a second time while the first was about to note that all were told, and was quicker."""
    table = Between(MemoryTable())
    world = laboratory(table=table)
    report(world, "R1")
    raw = transfer(world, id="moved")
    noted: list[Item | None] = []

    def quicker() -> None:
        world.now += 5
        take_in(world.services, raw)
        noted.append(mark(world, "moved"))

    table.before_write(quicker, of=lambda writes: writes[0].key.sk == LAB)
    deliver(world, raw)
    assert noted == [mark(world, "moved")]
    assert noted != [None]


def test_a_crash_while_not_all_were_told_leaves_none_told_twice() -> None:
    table = Mortal(MemoryTable())
    world = laboratory(table=table)
    rows = report(world, "R1", "R2")
    raw = transfer(world)
    table.dies_after = touching_mark_of(max(row.id for row in rows))
    with pytest.raises(Died):
        take_in(world.services, raw)
    placed = deliver(world, raw)
    assert sorted(str(answer.case) for answer in placed) == sorted(row.id for row in rows)


def test_the_same_event_twice_at_the_same_time_where_no_case_is_open_is_answered_once() -> None:
    table = Between(MemoryTable())
    world = laboratory(table=table)
    raw = transfer(world)
    table.before_write(lambda: take_in(world.services, raw), of=lambda writes: writes[0].key.sk == LAB)
    (answer,) = deliver(world, raw)
    assert (answer.outcome, answer.duplicate) == ("ignored", True)


# ── kept for later ───────────────────────────────────────────────────────────────────────────────────────────────────────


def keeping() -> Definition:
    """A transfer is kept while the result is being read back, in place of another call."""

    def changed(state: Any) -> Any:
        kept = {"patient_transferred": "kept until the result was read back"}
        return state.model_copy(update={"defers": {**state.defers, **kept}}) if state.name == "contacted" else state

    return CRITICAL_LAB.model_copy(
        update={
            "states": tuple(changed(state) for state in CRITICAL_LAB.states),
            "transitions": tuple(t for t in CRITICAL_LAB.transitions if t.id != "T-80"),
        }
    )


def on_the_phone() -> tuple[World, CaseRow, CaseRow]:
    world = laboratory(keeping())
    one, two = report(world, "R1", "R2")
    world.place("result_verified", by=LAB_BY, result_id="R1")
    world.now += 60
    world.place("result_called", by=LAB_BY, result_id="R1", recipient_id="RN-ALDER", cares_for_patient=True)
    return world, one, two


def test_what_waits_in_one_of_the_cases_finds_its_answer_there() -> None:
    world, one, two = on_the_phone()
    deliver(world, transfer(world, id="moved"))

    def outcomes() -> list[str]:
        found = (mark(world, "moved", row.id) for row in (one, two))
        return [each["outcome"] for each in found if each is not None]

    assert outcomes() == ["deferred", "recorded"]
    own = mark(world, "moved")
    assert own is not None
    assert own["outcome"] == "recorded", "it waits in a case, not at large"
    world.now += 60
    world.place("result_read_back", by=RN, result_id="R1", identifiers_confirmed=2, value_confirmed=True)
    assert outcomes() == ["recorded", "recorded"]
    assert mark(world, "moved") == own


def test_what_was_left_over_in_one_of_the_cases_is_answered_under_its_mark() -> None:
    world, one, _ = on_the_phone()
    deliver(world, transfer(world, id="moved"))
    assert case_of(world, "R1").case.deferred
    world.table.update(Update(keys.meta(one.id), set={"state": "read_back_ok"}, add={"rev": 1}))
    mend(world.services, one.id, world.mirrors)
    noted = mark(world, "moved", one.id)
    assert noted is not None
    assert noted["outcome"] == "recorded"


def test_what_waits_in_the_only_case_waits_under_that_case_s_mark_alone() -> None:
    world = laboratory(keeping())
    (one,) = report(world, "R1")
    world.place("result_verified", by=LAB_BY, result_id="R1")
    world.place("result_called", by=LAB_BY, result_id="R1", recipient_id="RN-ALDER", cares_for_patient=True)
    deliver(world, transfer(world, id="moved"))
    own, its = mark(world, "moved"), mark(world, "moved", one.id)
    assert own is not None
    assert its is not None
    assert (own["outcome"], its["outcome"]) == ("recorded", "deferred")
