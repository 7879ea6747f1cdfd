"""The schedule's look writes the pulse, whatever it finds, and relay passes on nothing of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.cases import keys, wiring
from functions.cases.adapters.codec import encode_item
from functions.cases.table import Update
from functions.reconcile.handler import handler as reconcile
from functions.relay.handler import handler as relay
from tests.support.aws import lambda_context
from tests.support.world import World
from tests.unit.cases.test_sweep import running


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    made = running()
    monkeypatch.setattr(wiring, "services", lambda: made.services)
    monkeypatch.setattr(wiring, "mirrors", lambda: made.mirrors)
    return made


def wake(body: dict[str, Any]) -> Any:
    record = {"messageId": "m-1", "body": json.dumps(body), "attributes": {}, "eventSource": "aws:sqs"}
    return reconcile({"Records": [record]}, lambda_context())


def test_each_look_of_the_schedule_writes_the_pulse_anew(world: World) -> None:
    for _ in range(2):
        world.now += 60
        assert wake({})["batchItemFailures"] == []
        assert world.row(keys.PULSE)["at"] == world.now


def test_a_look_that_could_not_look_at_a_row_writes_it_too(world: World) -> None:
    """Else the alarm of a relay that stopped would ring for a sweep that fails."""
    world.table.update(Update(keys.meta(world.case().id), set={"version": 99, "look_at": world.now}))
    assert len(wake({})["batchItemFailures"]) == 1
    assert world.row(keys.PULSE)["at"] == world.now


def test_a_look_that_could_not_look_at_a_row_is_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.table.update(Update(keys.meta(world.case().id), set={"version": 99, "look_at": world.now}))
    wake({})
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["SweepFaults"] for line in printed if "SweepFaults" in line] == [[1.0]]


def test_an_execution_that_ended_is_no_pulse(world: World) -> None:
    assert wake({"detail": {"name": f"{world.case().id}-1"}})["batchItemFailures"] == []
    assert world.table.get(keys.PULSE) is None


def test_relay_passes_on_nothing_of_the_pulse(capsys: pytest.CaptureFixture[str]) -> None:
    image = encode_item({"pk": keys.PULSE.pk, "sk": keys.PULSE.sk, "at": 1.0})
    record = {"eventName": "MODIFY", "eventSource": "aws:dynamodb", "dynamodb": {"Keys": {}, "NewImage": image}}
    assert relay({"Records": [record]}, lambda_context())["batchItemFailures"] == [], "it needs no outlet"
    assert "_aws" not in capsys.readouterr().out
