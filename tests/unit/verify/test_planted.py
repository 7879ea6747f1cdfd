"""Each fault that the verifier knows is caught wherever it was planted, and what only looks like it is let through."""

from __future__ import annotations

import pytest

from statemachines.verify.codes import CODES
from tests.unit.verify.draft import Draft
from tests.unit.verify.planted import alongside
from tests.unit.verify.planted.table import PLANTED, Case, Judged, cases, table

CASES = list(cases())


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{case.code.id}-{'has' if case.must else 'not'}-{case.name}") for case in CASES]
)
def test_planted(case: Case) -> None:
    """The code itself, what is listed alongside, and nothing more."""
    assert case.found() == case.expected


def test_what_is_listed_alongside_is_planted_somewhere_and_says_why() -> None:
    faults = {(planted.code.id, name) for planted in PLANTED for name in planted.faults}
    near_misses = {(planted.code.id, name) for planted in PLANTED for name in planted.near_misses}
    assert {(code, name) for code, names in alongside.FAULTS.items() for name in names} <= faults
    assert {(code, name) for code, names in alongside.NEAR_MISSES.items() for name in names} <= near_misses
    follow = {code for names in alongside.FAULTS.values() for codes in names.values() for code in codes}
    assert follow == set(alongside.WHY)


def test_the_table_counts_every_unexpected_code_as_a_false_alarm() -> None:
    fault = next(case for case in CASES if case.must and not case.alongside)
    near_miss = next(case for case in CASES if case.code == fault.code and not case.must and not case.alongside)
    rows = [Judged(fault, frozenset({"BTN-999"})), Judged(near_miss, frozenset({"BTN-998"}))]
    assert rows[0].missed
    said = table(rows)
    for part in (
        f"missed: {fault.name}",
        f"false alarm: {fault.name}: BTN-999",
        f"false alarm: {near_miss.name}: BTN-998",
    ):
        assert part in said
    assert "| 0 / 1 | 1 | 1 / 1 |" in said


def test_every_code_has_its_faults_and_near_misses() -> None:
    assert [planted.code for planted in PLANTED] == list(CODES)
    for planted in PLANTED:
        assert len(planted.faults) >= 3, planted.code.id
        assert len(planted.near_misses) >= 2, planted.code.id


def test_the_good_workflow_is_good() -> None:
    assert Draft().findings() == ()
