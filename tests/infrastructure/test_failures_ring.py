"""A record that fails in any function that takes batches moves a metric that an alarm of the stack watches."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from cdk.grants import FUNCTIONS, Actor
from functions.cases import keys, wiring
from functions.cases.adapters.codec import encode_item
from functions.cases.table import Put
from functions.cases.telemetry import NAMESPACE
from tests.infrastructure.delivery import ALARM, MAPPING
from tests.infrastructure.template import Template, named, of_type
from tests.support.aws import lambda_context
from tests.support.course import staffed
from tests.support.world import World
from tests.unit.cases.test_sweep import running

BATCHES = (Actor.INTAKE, Actor.RELAY, Actor.WRITEBACK, Actor.RECONCILE)


class Series(NamedTuple):
    """One series of a metric: what an alarm can watch."""

    metric: str
    dimensions: frozenset[tuple[str, str]]


def _alarmed(template: Template) -> set[Series]:
    """Every series of Baton's own metrics that an alarm watches."""
    return {
        Series(alarm["MetricName"], frozenset((each["Name"], each["Value"]) for each in alarm.get("Dimensions", [])))
        for alarm in of_type(template, ALARM).values()
        if alarm.get("Namespace") == NAMESPACE and alarm.get("AlarmActions")
    }


def _moved(out: str) -> Iterator[Series]:
    """Every series that was emitted, as CloudWatch reads it from the embedded metric format."""
    for line in out.splitlines():
        document: dict[str, Any] = json.loads(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == NAMESPACE
            for dimensions in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    yield Series(metric["Name"], frozenset((name, document[name]) for name in dimensions))


def _sqs(body: dict[str, Any], group: str | None = None) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1", **({"MessageGroupId": group} if group else {})}
    return {
        "messageId": f"m-{group}",
        "body": json.dumps(body),
        "attributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:q",
    }


def _stream(row: dict[str, Any]) -> dict[str, Any]:
    seen = {"Keys": {}, "NewImage": encode_item(row), "SequenceNumber": "1"}
    return {"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": seen}


def _away(*_: object) -> Any:
    raise ConnectionError("away")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A case, and everything that handlers need of the outside is away."""
    made = running()
    for name in ("services", "reading", "mirrors", "client", "setting"):
        monkeypatch.setattr(wiring, name, _away)
    return made


def _call(monkeypatch: pytest.MonkeyPatch, function: Actor, record: dict[str, Any]) -> Any:
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", str(function))
    handler = importlib.import_module(f"functions.{function}.handler").handler
    return handler({"Records": [record]}, lambda_context(str(function)))


def test_these_are_the_functions_that_take_batches(template: Template) -> None:
    functions = {named(mapping["FunctionName"]) or "" for mapping in of_type(template, MAPPING).values()}
    found = {actor for actor in FUNCTIONS for name in functions if f"{actor.capitalize()}Function" in name}
    assert found == set(BATCHES)


@pytest.mark.parametrize("function", BATCHES)
@pytest.mark.usefixtures("world")
def test_an_item_that_fails_moves_a_metric_that_rings(
    function: Actor, template: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = _stream({"pk": "CASE#c", "sk": "J#000001"}) if function is Actor.RELAY else _sqs({"case": "c"}, "c")
    capsys.readouterr()
    answer = _call(monkeypatch, function, record)
    assert len(answer["batchItemFailures"]) == 1, "it ends well, so Lambda counts no error"
    assert set(_moved(capsys.readouterr().out)) & _alarmed(template) == {Series("ItemsFailed", frozenset())}


def test_a_case_that_the_sweep_cannot_look_at_moves_a_metric_that_rings(
    world: World, template: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wiring, "services", lambda: world.services)
    monkeypatch.setattr(wiring, "mirrors", lambda: world.mirrors)
    row = {"pk": keys.case_pk("0" * 32), "sk": keys.META, "sweep": "SWEEP#0", "look_at": world.now, "version": "none"}
    world.table.write((Put(row),))
    capsys.readouterr()
    answer = _call(monkeypatch, Actor.RECONCILE, _sqs({}))
    assert len(answer["batchItemFailures"]) == 1
    rang = set(_moved(capsys.readouterr().out)) & _alarmed(template)
    assert rang == {Series("SweepFaults", frozenset()), Series("ItemsFailed", frozenset())}
    answer = _call(monkeypatch, Actor.RECONCILE, _sqs({}))
    assert answer["batchItemFailures"] == [], "the row is put off, so the message that comes again does not fail"


def test_a_held_event_that_is_given_up_rings(
    template: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = staffed("northfield")
    world.place("oxygen_changed", by="RN-ASH:RN", flow_l_min=2, id="early")
    services = replace(world.services, count=wiring.count)
    monkeypatch.setattr(wiring, "services", lambda: services)
    monkeypatch.setattr(wiring, "mirrors", lambda: world.mirrors)
    world.now += 3601
    capsys.readouterr()
    assert _call(monkeypatch, Actor.RECONCILE, _sqs({}))["batchItemFailures"] == []
    assert Series("Quarantined", frozenset()) in set(_moved(capsys.readouterr().out)) & _alarmed(template)
