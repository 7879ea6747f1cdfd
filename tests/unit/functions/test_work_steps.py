"""Every system step that a published workflow names is there, and ends only as the workflow says."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from functions.emr.client import FhirClient
from functions.emr.ledger import InMemoryLedger
from functions.work.steps import step
from statemachines import published
from statemachines.definition import Work
from tests.support.world import World
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr


def works() -> list[tuple[str, Work]]:
    """Every use of a system step in every published version, each with where it is used."""
    return [
        (f"{workflow} {version}: {state.name}", state.work)
        for workflow, version in published.versions()
        for state in published.published(workflow, version).states
        if state.work is not None
    ]


def test_there_are_steps_to_look_at() -> None:
    names = {work.name for _, work in works()}
    assert names >= {"file_documentation", "confirm_documentation", "confirm_order", "send_order", "recall_order"}


@pytest.mark.parametrize("work", [pytest.param(work, id=where) for where, work in works()])
def test_a_published_step_exists_and_ends_as_its_workflow_says(work: Work) -> None:
    """The outcomes are those of the type of ``perform``, which mypy holds the code to."""
    client = FhirClient(BASE_URL, emr="emr", transport=FakeEmr())
    doing = step(work.name, World().services, client, InMemoryLedger())
    outcomes = get_args(get_type_hints(type(doing).perform)["return"])
    assert sorted(outcomes) == sorted(work.outcomes)


def test_a_step_that_nobody_made_is_a_fault() -> None:
    client = FhirClient(BASE_URL, emr="emr", transport=FakeEmr())
    with pytest.raises(LookupError, match="no system step is called 'fax_the_order'"):
        step("fax_the_order", World().services, client, InMemoryLedger())
