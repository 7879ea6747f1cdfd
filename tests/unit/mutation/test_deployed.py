"""Dead-letter queues are found in the template, each by its name, wherever in a resource it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.deployed import APP, Place, deployed, places
from tests.mutation.discovery import parses
from tests.mutation.mutation import Kind

CHECKOUT = Path(__file__).resolve().parents[3]


def _arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


TEMPLATE = {
    "Resources": {
        "Queue": {"Properties": {"RedrivePolicy": {"deadLetterTargetArn": _arn("Letters"), "maxReceiveCount": 3}}},
        "Letters": {"Properties": {"MessageRetentionPeriod": 1}},
        "Rule": {"Properties": {"Targets": [{"Arn": _arn("Queue"), "DeadLetterConfig": {"Arn": _arn("Letters")}}]}},
        "Stream": {"Properties": {"DestinationConfig": {"OnFailure": {"Destination": _arn("Failures")}}}},
        "Nothing": {},
    }
}


def test_each_place_for_failures_is_found() -> None:
    assert places(TEMPLATE) == [
        Place("Queue", "RedrivePolicy", "Letters"),
        Place("Rule", "Targets.0.DeadLetterConfig", "Letters"),
        Place("Stream", "DestinationConfig", "Failures"),
    ]


def test_a_place_that_names_no_queue_is_said() -> None:
    with pytest.raises(LookupError, match="names no queue"):
        places({"Resources": {"Queue": {"Properties": {"RedrivePolicy": {}}}}})


def test_each_queue_is_taken_away_from_all_who_name_it_and_from_each_of_several() -> None:
    mutations = deployed(CHECKOUT, TEMPLATE)
    assert [(each.function, each.what) for each in mutations] == [
        ("Letters", "no such dead-letter queue"),
        ("Letters", "Queue without RedrivePolicy"),
        ("Letters", "Rule without Targets.0.DeadLetterConfig"),
        ("Failures", "no such dead-letter queue"),
    ]
    assert {(each.file, each.kind) for each in mutations} == {(APP, Kind.DEAD_LETTERS)}
    assert all(parses(each, CHECKOUT) for each in mutations)
    assert "[('Queue', 'RedrivePolicy'), ('Rule', 'Targets.0.DeadLetterConfig')]" in mutations[0].source(
        CHECKOUT
    ).decode().replace("\n", "")
