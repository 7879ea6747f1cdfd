"""A patient has two open cases, since both of their merged records had one: which events are told to which, and to both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import pytest

from functions.cases import joined_cases
from functions.cases.adapters.memory import MemoryTable
from functions.cases.outcome import Placed
from functions.cases.rows import CaseRow
from functions.cases.table import Write
from statemachines.definition import StateKind
from tests.support.course import PERSON
from tests.support.invariants import violations
from tests.support.tables import Between
from tests.support.world import StepFunctionsDown, World
from tests.unit.cases.test_merging import BY_PATIENT, MD, RN, cancel, case, merge, order, world


def two_open(table: Between | None = None) -> tuple[World, CaseRow, CaseRow]:
    """P-1 and P-9 have an order each, and P-1 is merged into P-9."""
    made = world(table)
    first, second = order(made, "P-1"), order(made, "P-9")
    merge(made, "P-1", "P-9")
    return made, first, second


def died(made: World, patient: str, id: str | None = None) -> list[Placed]:
    made.now += 60
    return made.place_all("patient_died", by="ADT:SYSTEM", patient=patient, **({"id": id} if id else {}))


@pytest.mark.parametrize("patient", ["P-1", "P-9"])
def test_a_death_ends_both_whichever_record_it_names(patient: str) -> None:
    made, first, second = two_open()
    told = died(made, patient)
    assert {placed.case for placed in told} == {first.id, second.id}
    assert [placed.outcome for placed in told] == ["moved", "moved"]
    assert [case(made, row.id).state for row in (first, second)] == ["deceased", "deceased"]
    assert violations(made) == []


def test_told_again_it_changes_nothing() -> None:
    made, _, _ = two_open()
    assert len(died(made, "P-9", "death")) == 2
    journals = [made.journal(row.id) for row in made.cases()]
    assert all(placed.duplicate for placed in died(made, "P-9", "death"))
    before = made.snapshot()
    assert all(placed.duplicate for placed in died(made, "P-9", "death"))
    assert made.snapshot() == before, "by now both records have one place"
    assert [made.journal(row.id) for row in made.cases()] == journals


def test_a_case_that_opened_since_it_was_told_first_is_not_told() -> None:
    """It was another patient who died, say: the order is given again, and then the same message is delivered once more."""
    made, _, _ = two_open()
    died(made, "P-9", "death")
    opened = order(made, "P-9")
    died(made, "P-9", "death")
    assert case(made, opened.id).state == "ordered"


def test_a_case_that_was_joined_since_it_was_told_first_is_not_told() -> None:
    made = world()
    order(made, "P-1")
    second = order(made, "P-9")
    assert len(died(made, "P-1", "death")) == 1
    merge(made, "P-1", "P-9")
    died(made, "P-1", "death")
    assert case(made, second.id).state == "ordered"


class Dies(Exception):
    """The worker dies."""


def test_a_worker_that_dies_between_the_two_leaves_neither_untold() -> None:
    table = Between(MemoryTable())
    made, first, second = two_open(table)

    def dies() -> None:
        raise Dies

    def of_the_first(writes: Sequence[Write]) -> bool:
        return any(write.key.pk == f"CASE#{first.id}" for write in writes)

    table.before_write(dies, of=of_the_first)
    with pytest.raises(Dies):
        died(made, "P-9", "death")
    assert [case(made, row.id).state for row in (first, second)] == ["ordered", "deceased"]
    died(made, "P-9", "death")
    assert case(made, first.id).state == "deceased"
    assert violations(made) == []


@pytest.mark.parametrize("failing", ["P-1", "P-5"])
def test_one_that_cannot_be_told_keeps_it_from_no_other(failing: str) -> None:
    table = Between(MemoryTable())
    made = world(table)
    cases = {patient: order(made, patient) for patient in ("P-1", "P-5", "P-9")}
    merge(made, "P-1", "P-9")
    merge(made, "P-5", "P-9")

    def dies() -> None:
        raise Dies

    table.before_write(dies, of=lambda writes: any(w.key.pk == f"CASE#{cases[failing].id}" for w in writes))
    with pytest.raises(Dies):
        died(made, "P-9", "death")
    untold = [patient for patient, row in cases.items() if case(made, row.id).state != "deceased"]
    assert untold == [failing]


def test_what_must_follow_is_done_when_it_is_told_again() -> None:
    """By then both have ended, and their records have one place, which names only one of them."""
    table = Between(MemoryTable())
    made, first, second = two_open(table)

    def out_of_reach() -> None:
        made.following.down = True

    table.before_write(out_of_reach, of=lambda writes: any(w.key.pk == f"CASE#{first.id}" for w in writes))
    with pytest.raises(StepFunctionsDown):
        died(made, "P-9", "death")
    assert [case(made, row.id).state for row in (first, second)] == ["deceased", "deceased"]
    assert violations(made) != []
    made.following.down = False
    died(made, "P-9", "death")
    assert violations(made) == []


def test_one_that_cannot_be_followed_keeps_it_from_no_other_when_it_is_told_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Between(MemoryTable())
    made = world(table)
    first, third, _ = order(made, "P-1"), order(made, "P-5"), order(made, "P-9")
    merge(made, "P-1", "P-9")
    merge(made, "P-5", "P-9")

    def dies(*_: object) -> NoReturn:
        raise Dies

    table.before_write(dies, of=lambda writes: any(w.key.pk == f"CASE#{third.id}" for w in writes))
    with pytest.raises(Dies):
        died(made, "P-9", "death")
    assert [case(made, row.id).state for row in (first, third)] == ["deceased", "ordered"]
    monkeypatch.setattr(joined_cases, "settle", dies)
    with pytest.raises(Dies):
        died(made, "P-9", "death")
    assert case(made, third.id).state == "deceased"


def test_a_case_that_goes_on_after_a_death_is_told_once() -> None:
    states = tuple(
        s.model_copy(update={"records": {**s.records, "patient_died": "noted"}}) if s.kind is StateKind.WAITING else s
        for s in BY_PATIENT.states
    )
    arrows = tuple(t for t in BY_PATIENT.transitions if t.on != "patient_died")
    made = World(definitions={"oxygen": BY_PATIENT.model_copy(update={"states": states, "transitions": arrows})})
    made.on_shift(*PERSON.values(), hours=200)
    order(made, "P-1")
    order(made, "P-9")
    merge(made, "P-1", "P-9")
    told = died(made, "P-9")
    assert [placed.outcome for placed in told] == ["recorded", "recorded"]
    assert len({placed.case for placed in told}) == 2


def test_one_more_merge_is_told_to_both() -> None:
    """Else the first would be about a record that is retired, and stay so."""
    made, first, second = two_open()
    merge(made, "P-9", "P-12")
    assert [case(made, row.id).patient for row in (first, second)] == ["P-12", "P-12"]
    cancel(made, "P-12")
    assert case(made, second.id).state == "cancelled"
    made.now += 60
    assert made.place("spo2_observed", patient="P-12", spo2_percent=95).case == first.id
    assert violations(made) == []


def test_a_merge_is_not_told_to_a_case_that_is_about_the_surviving_record() -> None:
    made, _, second = two_open()
    assert "patient_merged" not in [entry.get("cause") for entry in made.journal(second.id)]


def test_everything_else_is_told_to_the_case_of_its_record_only() -> None:
    made, first, second = two_open()
    made.now += 60
    made.place("oxygen_changed", by=RN, patient="P-1", flow_l_min=2)
    assert [case(made, row.id).state for row in (first, second)] == ["assessment_due", "ordered"]
    assert [placed.case for placed in made.place_all("patient_discharged", by="ADT:SYSTEM", patient="P-1")] == [
        first.id
    ]


# ── what is told late, when one of the two has ended ─────────────────────────────────────────────────────────────────────


def ended_first() -> tuple[World, CaseRow, CaseRow, float]:
    """P-1's has ended, and P-9's goes on; and when it ended."""
    made, first, second = two_open()
    made.now += 600
    return made, first, second, cancel(made, "P-1")


@pytest.mark.parametrize(("seconds", "its_own"), [(-120, True), (0, True), (1, False)])
def test_late_news_of_the_ended_one_moves_nothing_in_the_other(seconds: float, its_own: bool) -> None:
    made, first, second, ended = ended_first()
    made.now += 60
    late = made.place("oxygen_changed", by=RN, patient="P-1", flow_l_min=2, at=ended + seconds)
    assert (late.case, late.outcome) == ((first.id, "refused") if its_own else (second.id, "moved"))
    assert violations(made) == []


def test_news_of_the_one_that_goes_on_is_its_own() -> None:
    made, _, second, ended = ended_first()
    made.now += 60
    late = made.place("oxygen_changed", by=RN, patient="P-9", flow_l_min=2, at=ended - 120)
    assert (late.case, late.outcome) == (second.id, "moved")


@pytest.mark.parametrize(
    ("event", "data"), [("patient_died", {}), ("oxygen_ordered", {"order_id": "O2", "age_years": 70})]
)
def test_what_outlasts_a_case_is_for_the_open_one(event: str, data: dict[str, Any]) -> None:
    made, _, second, ended = ended_first()
    made.now += 60
    assert made.place(event, by=MD, patient="P-1", at=ended - 120, **data).case == second.id


def test_what_happened_before_the_ended_one_began_is_not_its_own() -> None:
    made = world()
    made.now += 3600
    second = order(made, "P-9")
    made.now += 3600
    first = order(made, "P-1")
    merge(made, "P-1", "P-9")
    cancel(made, "P-1")
    late = made.place("oxygen_changed", by=RN, patient="P-1", flow_l_min=2, at=first.opened_at - 1800)
    assert late.case == second.id
