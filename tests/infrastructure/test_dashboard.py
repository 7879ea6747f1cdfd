"""The dashboard: what operations ask first comes first, every line has something that is measured, and a name of its own."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions

from cdk.alarms import RUNBOOK
from cdk.dashboard import Dashboard
from cdk.function import Function
from cdk.grants import FUNCTIONS
from cdk.parts import NEWEST
from cdk.published import Version, versions
from cdk.queues import DeadLetters, WorkQueue
from cdk.target import ROOT
from functions import batch
from functions.cases import quarantine
from functions.cases.journal import Kind
from functions.cases.outcome import Placed
from functions.cases.telemetry import NAMESPACE, Measure
from functions.intake import measures as intake
from functions.relay import measures as relay
from statemachines.decide import Outcome
from statemachines.definition import DEADLINE_MISSED, StateKind
from tests.infrastructure.template import Template, of_type, text

ENTRY = {"workflow": "oxygen", "version": 1, "facility": "F-ONE", "role": "RT", "waited_seconds": 5}
MOVE = {"transition": "T-01", "source": "ASSESSING", "missed_deadline": True, "escalation": True, "reason": "override"}

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
METRICS_PER_WIDGET = 500
METRICS_PER_DASHBOARD = 2500
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
SEARCH_LENGTH = 1024
SEARCHES_PER_WIDGET = 100
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html, counted in the smaller megabytes.
TEMPLATE_BYTES = 1_000_000

TITLE_LENGTH = 46
"""About what fits into a third of a screen 1,440 pixels wide, beside the widget's buttons."""

NOT_SHOWN = {"Claims": "how long they took is shown, which tells as much"}
"""Metrics that no widget shows, each with the reason."""


class Shown(NamedTuple):
    """A metric as the dashboard or the code names it."""

    name: str
    dimensions: frozenset[str]


class Drawn(NamedTuple):
    """What a graph draws: a metric of ours with the values of its dimensions, or a search for one with those it asks for."""

    name: str
    dimensions: frozenset[str]
    values: dict[str, str]
    label: str
    search: str


Body = dict[str, Any]


def _body(template: Template) -> Body:
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    body: Body = json.loads(text(dashboard["DashboardBody"]))
    return body


def _graphs(body: Body) -> dict[str, list[Any]]:
    """What each graph draws, by its title."""
    graphs = [widget["properties"] for widget in body["widgets"] if widget["type"] != "text"]
    assert len({graph["title"] for graph in graphs}) == len(graphs)
    return {graph["title"]: graph["metrics"] for graph in graphs}


def _drawn(metrics: list[Any]) -> Iterator[Drawn]:
    """What is ours of what a graph draws."""
    for metric in metrics:
        if isinstance(metric[0], dict):
            expression = metric[0]["expression"]
            search = re.fullmatch(r"SEARCH\('\{Baton,([\w,]+)\} MetricName=\"(\w+)\"(.*)', '\w+', 300\)", expression)
            assert search is not None, expression
            asked = dict(re.findall(r"(?<!NOT )\b(\w+)=\"(\w+)\"", search[3]))
            yield Drawn(search[2], frozenset(search[1].split(",")), asked, metric[0].get("label", ""), expression)
        elif metric[0] == NAMESPACE:
            values = dict(zip(metric[2:-1:2], metric[3:-1:2], strict=True))
            yield Drawn(metric[1], frozenset(values), values, metric[-1].get("label", ""), "")


def _all_drawn(body: Body) -> list[Drawn]:
    return [drawn for metrics in _graphs(body).values() for drawn in _drawn(metrics)]


def _shown(template: Template) -> set[Shown]:
    """The metrics of ours that the dashboard shows, one by one or by search."""
    return {Shown(drawn.name, drawn.dimensions) for drawn in _all_drawn(_body(template))}


def _emitted(measures: list[Measure]) -> set[Shown]:
    return {Shown(measure.name, frozenset(measure.dimensions)) for measure in measures}


def _many(newest: int) -> tuple[Version, ...]:
    """As if each workflow's newest version had been published again, up to that number."""
    last = {version.definition.workflow: version for version in versions()}
    return tuple(
        replace(version, definition=version.definition.model_copy(update={"version": number}))
        for version in last.values()
        for number in range(1, newest + 1)
    )


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """The dashboard of a library of twelve versions of each workflow; of the rest of the stack, only what it shows."""
    app = App(outdir=str(tmp_path_factory.mktemp("grown")))
    stack = Stack(app, "Grown")
    functions = [
        SimpleNamespace(actor=actor, function=lambda_.Function.from_function_name(stack, actor, actor))
        for actor in FUNCTIONS
    ]
    queue = SimpleNamespace(queue=sqs.Queue(stack, "Queue"))
    published = _many(12)
    Dashboard(
        stack,
        versions=published,
        functions=cast("list[Function]", functions),
        queues={"events": cast(WorkQueue, queue)},
        letters={"events": cast(DeadLetters, queue)},
        machines={
            version.name: cast(
                stepfunctions.StateMachine,
                stepfunctions.StateMachine.from_state_machine_name(stack, version.name, version.name),
            )
            for version in published
        },
    )
    return _body(app.synth().get_stack_by_name("Grown").template)


def test_what_is_late_stuck_and_overloaded_comes_first(template: Template) -> None:
    titles = [widget["properties"]["markdown"] for widget in _body(template)["widgets"] if widget["type"] == "text"]
    assert titles[:3] == ["## What is late", "## What is stuck", "## Who is overloaded"]


def test_every_graph_fits_and_has_a_title_that_can_be_read(template: Template) -> None:
    for widget in _body(template)["widgets"]:
        assert widget["x"] + widget["width"] <= 24
        assert widget["type"] == "text" or 0 < len(widget["properties"]["title"]) <= TITLE_LENGTH


def test_lines_of_one_graph_are_called_differently(template: Template) -> None:
    for title, metrics in _graphs(_body(template)).items():
        labels = [metric[-1].get("label", "") for metric in metrics]
        assert all(labels), title
        assert len(set(labels)) == len(labels), title


def test_a_search_calls_its_lines_by_every_dimension_that_tells_them_apart(template: Template, grown: Body) -> None:
    searches = [drawn for body in (_body(template), grown) for drawn in _all_drawn(body) if drawn.search]
    assert searches
    for search in searches:
        told = re.findall(r"\$\{PROP\('Dim\.(\w+)'\)\}", search.label)
        assert search.dimensions - set(search.values) <= set(told) <= search.dimensions, search
        assert re.search(r"[a-z]", re.sub(r"\$\{.*?\}", "", search.label)), "no word says what is counted"


def test_lines_are_called_by_the_titles_of_steps_roles_and_workflows(template: Template) -> None:
    graphs = {title: {drawn.label for drawn in _drawn(metrics)} for title, metrics in _graphs(_body(template)).items()}
    step = "Filing documentation (Respiratory therapy lead), Oxygen, version 1"
    assert step in graphs["Deadlines missed, by step and its owner"]
    assert step in graphs["Seconds until done, median, by step"]
    arrow = "Resulted -> Call overdue (T-05), Critical laboratory result, version 1"
    assert arrow in graphs["Escalations, from step to step"]
    assert (
        "Resulted -> To be called (T-02), Critical laboratory result, version 1"
        in graphs["Overrides, from step to step"]
    )
    role = "Respiratory therapy lead, Oxygen, version 1"
    assert role in graphs["Seconds until claimed, median, by role"]
    assert {f"passed on to {role}", f"declined, now {role}"} <= graphs["Passed on or declined, by the role it went to"]


def _parts(version: Version) -> Iterator[tuple[str, str]]:
    """Every metric that this version counts by a part of its own, each with that part."""
    for state in version.definition.states:
        if state.kind is not StateKind.END:
            yield "DeadlinesMissed", state.name
            yield "TimeToComplete", state.name
    for arrow in version.definition.transitions:
        yield "HandOffs", arrow.id
        if arrow.on == DEADLINE_MISSED and any(arrow.target not in (None, source) for source in arrow.sources):
            yield "Escalations", arrow.id
        if arrow.override_by:
            yield "Overrides", arrow.id
    for role in version.definition.roles:
        for name in ("TimeToClaim", "Reassignments", "Declined"):
            yield name, role.code


def _finds(drawn: Drawn, version: Version) -> bool:
    """Whether a search finds what a version counts."""
    left_out = re.findall(r"NOT version=\"(\d+)\"", drawn.search)
    of = drawn.values.get("workflow", version.definition.workflow)
    return of == version.definition.workflow and str(version.definition.version) not in left_out


def _part(line: Drawn) -> tuple[str, str, str, str]:
    (by,) = line.dimensions - {"workflow", "version"}
    return line.name, line.values["workflow"], line.values["version"], line.values[by]


def _assert_all_shown(body: Body, library: tuple[Version, ...]) -> None:
    """Each part of each version is drawn exactly once: by a line of its own, or by a search. Nothing else is."""
    drawn = [each for each in _all_drawn(body) if "version" in each.dimensions]
    searches = [each for each in drawn if each.search]
    lines = Counter(_part(each) for each in drawn if not each.search)
    wanted = set()
    for version in library:
        for name, part in _parts(version):
            line = (name, version.definition.workflow, str(version.definition.version), part)
            wanted.add(line)
            assert lines[line] + sum(each.name == name and _finds(each, version) for each in searches) == 1, line
    assert set(lines) <= wanted, "a line that is never counted"


def test_every_step_and_arrow_of_every_version_is_shown(template: Template) -> None:
    assert any(state.kind is StateKind.SYSTEM for version in versions() for state in version.definition.states)
    _assert_all_shown(_body(template), versions())


def test_older_versions_are_searched_for_and_the_newest_called_by_words(grown: Body) -> None:
    _assert_all_shown(grown, _many(12))
    listed = {
        (line.values["workflow"], int(line.values["version"])) for line in _all_drawn(grown) if "version" in line.values
    }
    for _, numbers in groupby(sorted(listed), key=lambda each: each[0]):
        assert [number for _, number in numbers] == list(range(13 - NEWEST, 13))


@pytest.mark.parametrize("library", ["published", "grown"])
def test_cloudwatch_s_limits_are_kept_also_when_versions_become_many(
    library: str, template: Template, grown: Body
) -> None:
    graphs = _graphs(_body(template) if library == "published" else grown)
    assert max(map(len, graphs.values())) <= METRICS_PER_WIDGET
    assert sum(map(len, graphs.values())) <= METRICS_PER_DASHBOARD
    for metrics in graphs.values():
        searches = [drawn.search for drawn in _drawn(metrics) if drawn.search]
        assert len(searches) <= SEARCHES_PER_WIDGET
        assert all(len(search) <= SEARCH_LENGTH for search in searches)


def test_cloudformation_takes_the_template(template_file: Path) -> None:
    assert template_file.stat().st_size <= TEMPLATE_BYTES


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "moved", **MOVE},
        {"kind": "claimed"},
        {"kind": "reassigned"},
        {"kind": "declined"},
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
    measured = {each for each in _emitted(relay.measures_of({**ENTRY, **entry})) if each.name not in NOT_SHOWN}
    names = {each.name for each in measured}
    shown = {each for each in _shown(template) if each.name in names}
    assert shown
    assert shown <= measured
    assert names == {each.name for each in shown}


@pytest.mark.parametrize("outcome", Outcome)
def test_what_intake_counts_is_shown_by_the_same_dimensions(template: Template, outcome: Outcome) -> None:
    first = Placed("oxygen", str(outcome), "", "", "c", "F-ONE", ("T-01",) if outcome is Outcome.MOVED else ())
    again = first._replace(transitions=(), duplicate=True)
    contended = first._replace(attempts=3)
    measured = _emitted(
        intake.measures_of([first, again, contended], 0.0)
        + intake.measures_of([again], 0.0, delivered_again=True)
        + quarantine.measured("no_case")[:1]  # altogether, it is the alarm's
        + batch.failed("intake")[:1]
    )
    assert "LostRaces" in {each.name for each in measured}
    assert measured <= _shown(template)


def _named(call: ast.Call) -> ast.expr | None:
    """The metric's name in a call that makes a measure; relay's ``count`` makes two of each."""
    maker = call.func.id if isinstance(call.func, ast.Name) else None
    if maker == "Measure" or (maker == "count" and len(call.args) > 1):
        return call.args[0]
    return None


def test_every_metric_that_the_functions_count_is_shown_or_is_said_why_not(template: Template) -> None:
    entries = [{**ENTRY, **MOVE, "kind": str(kind)} for kind in Kind]
    computed = {
        "f'Outcome_{placed.outcome}'": {f"Outcome_{outcome}" for outcome in Outcome},
        "calls": set(relay.CALLS_FOR_A_PERSON.values()),
        "_COUNTED[kind]": {measure.name for entry in entries for measure in relay.measures_of(entry)},
        "name": set(),  # relay's `count` itself: those who call it name the metric
    }
    counted, unknown = set(), set()
    for source in sorted((ROOT / "functions").rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text())):
            name = _named(node) if isinstance(node, ast.Call) else None
            if isinstance(name, ast.Constant):
                counted.add(name.value)
            elif name is not None:
                unknown.add(ast.unparse(name))
    assert unknown == set(computed), "a metric's name is made in a way that this test does not know"
    counted |= set().union(*computed.values())
    shown = {each.name for each in _shown(template)}
    assert {"Declined", "LostRaces", "FollowerLag", "EmrLag", "Mended", "SweepFaults", "Outcome_moved"} <= counted
    assert counted - shown == set(NOT_SHOWN)
    assert shown <= counted, "a graph of what nobody counts"


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


def test_the_runbook_names_graphs_that_there_are(template: Template) -> None:
    named = set(re.findall(r"on the dashboard, \*([^*]+)\*", Path(ROOT, RUNBOOK).read_text()))
    assert named
    assert named <= set(_graphs(_body(template)))
