"""The estimate of a state machine's size is never less than the size, and not much more."""

from __future__ import annotations

import pytest

from functions.cases.adapters.stepfunctions import name
from statemachines.compile.asl import NotCompilable, asl, asl_text
from statemachines.definition import Definition
from statemachines.verify import verify
from statemachines.verify.index import Index
from statemachines.verify.limits import GENERATED, RESERVED, estimate
from statemachines.workflows import WORKFLOWS
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import FETCH, GOOD
from tests.unit.verify.planted.references import PLANTED

ALL = (GOOD, FETCH, *WORKFLOWS.values())


@pytest.mark.parametrize("definition", ALL, ids=lambda d: d.workflow)
def test_the_estimate_is_near(definition: Definition) -> None:
    size = len(asl_text(definition).encode())
    assert size <= estimate(Index(definition)) <= 1.4 * size


def test_what_is_too_long_for_the_verifier_does_not_compile() -> None:
    planted = next(row for row in PLANTED if row.code.id == "BTN-110")
    for what, change in planted.faults.items():
        definition = Definition.model_validate(change(Draft()).document)
        if "blank" not in what:  # only AWS refuses that name
            with pytest.raises(NotCompilable):
                asl_text(definition)


def test_words_of_the_compiler_are_known() -> None:
    assert set(GENERATED) <= set(asl(GOOD)["States"])
    for word in RESERVED:
        with pytest.raises(NotCompilable, match=word):
            asl(Definition.model_validate(Draft().arrow("G-29", id=word).document))
        assert "BTN-110" in {f.code for f in Draft().arrow("G-29", id=word).findings()}


def test_the_name_of_an_execution_does_not_depend_on_the_workflow() -> None:
    assert len(name("0123456789abcdef" * 2, 10**6)) <= 80


def test_a_workflow_that_compiles_is_not_called_too_long() -> None:
    for definition in ALL:
        assert not [f for f in verify(definition) if f.code == "BTN-110"]
