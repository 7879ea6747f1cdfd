"""The mutation proof takes each dead-letter queue of the stack away, by name."""

from __future__ import annotations

from cdk.target import ROOT
from tests.infrastructure.delivery import dead_letter_queues
from tests.infrastructure.template import Template
from tests.mutation.deployed import deployed, places
from tests.mutation.discovery import parses
from tests.mutation.mutation import Kind


def test_each_dead_letter_queue_is_among_what_is_taken_away(template: Template) -> None:
    taken = deployed(ROOT, template)
    assert {each.function for each in taken if each.what == "no such dead-letter queue"} == dead_letter_queues(template)
    assert all(each.kind is Kind.DEAD_LETTERS and parses(each, ROOT) for each in taken)


def test_each_place_that_names_one_is_found(template: Template) -> None:
    assert len(places(template)) == 3 + 3 + 1 + 1, "queues, targets, bus, stream"
    assert {place.queue for place in places(template)} == dead_letter_queues(template)
