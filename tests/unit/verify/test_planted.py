"""Each fault that the verifier knows is caught wherever it was planted, and what only looks like it is let through."""

from __future__ import annotations

import pytest

from statemachines.verify.codes import CODES, Code
from tests.unit.verify.draft import Draft
from tests.unit.verify.planted.plant import Change
from tests.unit.verify.planted.table import PLANTED, cases, caught

CASES = list(cases())


@pytest.mark.parametrize(
    ("code", "change", "must"),
    [
        pytest.param(code, change, must, id=f"{code.id}-{'has' if must else 'not'}-{name}")
        for code, name, change, must in CASES
    ],
)
def test_planted(code: Code, change: Change, must: bool) -> None:
    assert caught(code, change) is must


def test_every_code_has_its_faults_and_near_misses() -> None:
    assert [planted.code for planted in PLANTED] == list(CODES)
    for planted in PLANTED:
        assert len(planted.faults) >= 3, planted.code.id
        assert len(planted.near_misses) >= 2, planted.code.id


def test_the_good_workflow_is_good() -> None:
    assert Draft().findings() == ()
