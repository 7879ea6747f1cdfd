"""The dashboard: what operations ask first comes first, and every line has something that is measured."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest

from cdk.published import versions
from functions import batch
from functions.cases import quarantine
from functions.cases.outcome import Placed
from functions.cases.telemetry import NAMESPACE, Measure
from functions.intake import measures as intake
from functions.relay import measures as relay
from statemachines.decide import Outcome
from tests.infrastructure.template import Template, of_type, text

ENTRY = {"workflow": "oxygen", "version": 1, "facility": "F-ONE", "role": "RT", "waited_seconds": 5}


class Shown(NamedTuple):
    """A metric as the dashboard or the code names it."""

    name: str
    dimensions: frozenset[str]


def _body(template: Template) -> dict[str, Any]:
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    body: dict[str, Any] = json.loads(text(dashboard["DashboardBody"]))
    return body


def _shown(template: Template) -> set[Shown]:
    """The metrics of ours that the dashboard shows, one by one or by search."""
    found = set()
    for widget in _body(template)["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                search = re.match(r"SEARCH\('\{Baton,([\w,]+)\} MetricName=\"(\w+)\"'", metric[0]["expression"])
                assert search is not None, metric[0]["expression"]
                found.add(Shown(search[2], frozenset(search[1].split(","))))
            elif metric[0] == NAMESPACE:
                found.add(Shown(metric[1], frozenset(metric[2:-1:2])))
    return found


def _emitted(measures: list[Measure]) -> set[Shown]:
    return {Shown(measure.name, frozenset(measure.dimensions)) for measure in measures}


def test_what_is_late_stuck_and_overloaded_comes_first(template: Template) -> None:
    titles = [widget["properties"]["markdown"] for widget in _body(template)["widgets"] if widget["type"] == "text"]
    assert titles[:3] == ["## What is late", "## What is stuck", "## Who is overloaded"]


def test_every_graph_fits_and_has_a_title(template: Template) -> None:
    for widget in _body(template)["widgets"]:
        assert widget["x"] + widget["width"] <= 24
        assert widget["type"] == "text" or widget["properties"]["title"]


def test_every_step_and_arrow_of_every_version_is_shown(template: Template) -> None:
    lines = [metric for widget in _body(template)["widgets"] for metric in widget["properties"].get("metrics", [])]
    shown = {(line[1], value) for line in lines if line[0] == NAMESPACE for value in line[3:-1:2]}
    for version in versions():
        assert version.waiting_states
        assert {("DeadlinesMissed", state.name) for state in version.waiting_states} <= shown
        assert {("HandOffs", arrow.id) for arrow in version.definition.transitions} <= shown
        assert {("TimeToClaim", role.code) for role in version.definition.roles} <= shown


@pytest.mark.parametrize(
    "entry",
    [
        {
            "kind": "moved",
            "transition": "T-01",
            "source": "ASSESSING",
            "missed_deadline": True,
            "escalation": True,
            "reason": "override",
        },
        {"kind": "claimed"},
        {"kind": "reassigned"},
        {"kind": "rerouted"},
        {"kind": "repaired"},
        {"kind": "continued"},
        {"kind": "refused", "reason": "wrong_role"},
        {"kind": "refused", "reason": "undo_by_hand"},
        {"kind": "recorded", "reason": "two_cases_after_merge"},
    ],
)
def test_what_a_journal_entry_measures_is_shown_by_the_same_dimensions(
    template: Template, entry: dict[str, Any]
) -> None:
    hidden = {"Claims"}  # their times are shown
    measured = {each for each in _emitted(relay.measures_of({**ENTRY, **entry})) if each.name not in hidden}
    names = {each.name for each in measured}
    shown = {each for each in _shown(template) if each.name in names}
    assert shown
    assert shown <= measured
    assert names == {each.name for each in shown}


@pytest.mark.parametrize("outcome", Outcome)
def test_what_intake_counts_is_shown_by_the_same_dimensions(template: Template, outcome: Outcome) -> None:
    first = Placed("oxygen", str(outcome), "", "", "c", "F-ONE", ("T-01",) if outcome is Outcome.MOVED else ())
    again = first._replace(transitions=(), duplicate=True)
    measured = _emitted(
        intake.measures_of([first, again], 0.0)
        + intake.measures_of([again], 0.0, delivered_again=True)
        + quarantine.measured("no_case")[:1]  # altogether, it is the alarm's
        + batch.failed("intake")[:1]
    )
    assert measured <= _shown(template)


def test_no_dimension_is_a_person_or_a_case(template: Template) -> None:
    dimensions = set().union(*(each.dimensions for each in _shown(template)))
    assert dimensions == {
        "workflow",
        "version",
        "state",
        "transition",
        "role",
        "facility",
        "reason",
        "what",
        "function",
    }
