"""What is published arrives: envelope, entry, and back through intake's reader."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from events.catalog import CATALOG, EventData, OxygenChanged, ShiftStarted
from events.envelope import Actor, Envelope, Subject
from events.parse import check_event, parse_event
from events.publish import envelope_for, to_eventbridge

CHANGED_AT = datetime(2026, 3, 2, 9, 5, tzinfo=timezone(timedelta(hours=1)))


def as_delivered(entry: dict[str, Any]) -> str:
    """What EventBridge makes of an entry."""
    return json.dumps(
        {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
    )


@pytest.mark.parametrize("name", CATALOG)
def test_what_is_published_arrives(name: str, delivered: Callable[[str], dict[str, Any]], now: datetime) -> None:
    sample = delivered(name)
    sent = check_event(sample)

    entry = to_eventbridge(sent.envelope, sent.source)

    assert set(entry) == {"Source", "DetailType", "Detail", "Time"}
    assert type(entry["Source"]) is str
    assert entry["Time"] == sent.envelope.occurred_at
    assert "null" not in entry["Detail"]
    assert parse_event(as_delivered(entry), now=now) == parse_event(json.dumps(sample), now=now)


@pytest.mark.parametrize("name", CATALOG)
def test_an_envelope_is_made_around_data(name: str, delivered: Callable[[str], dict[str, Any]], now: datetime) -> None:
    sent = check_event(delivered(name))
    whole = sent.envelope

    made = envelope_for(
        sent.data,
        event_id=whole.event_id,
        occurred_at=whole.occurred_at,
        facility=whole.facility,
        subject=whole.subject,
        actor=whole.actor,
        correlation=whole.correlation,
    )

    read = parse_event(as_delivered(to_eventbridge(made, sent.source)), now=now)
    assert read == parse_event(json.dumps(delivered(name)), now=now)


def test_what_was_not_measured_is_not_sent() -> None:
    envelope = envelope_for(OxygenChanged(flow_l_min=2), event_id="EV-1", occurred_at=CHANGED_AT, facility="HARBOR")

    assert envelope.data == {"flow_l_min": 2}
    assert envelope.occurred_at == datetime(2026, 3, 2, 8, 5, tzinfo=UTC)


def test_times_in_data_are_sent_with_their_offset() -> None:
    shift = ShiftStarted(staff_id="RT-LINDEN", roles=("RT",), until=CHANGED_AT)

    envelope = envelope_for(shift, event_id="EV-1", occurred_at=CHANGED_AT, facility="HARBOR")

    assert '"until":"2026-03-02T08:05:00Z"' in envelope.model_dump_json()


def test_an_envelope_that_no_event_may_have_is_not_made() -> None:
    def made(**other: Any) -> Envelope:
        whole: dict[str, Any] = {"event_id": "EV-1", "occurred_at": CHANGED_AT, "facility": "HARBOR"}
        parties = {"subject": Subject(patient="P-1", encounter="E-1"), "actor": Actor(id="RT-1", role="RT")}
        return envelope_for(OxygenChanged(), **(whole | parties | other))

    assert made().type == "oxygen_changed"
    for wrong in ({"event_id": "a b"}, {"facility": ""}, {"occurred_at": CHANGED_AT.replace(tzinfo=None)}):
        with pytest.raises(ValidationError):
            made(**wrong)


def test_data_outside_the_catalog_is_not_published() -> None:
    class Unlisted(EventData):
        pass

    with pytest.raises(LookupError, match="Unlisted is not in the catalog"):
        envelope_for(Unlisted(), event_id="EV-1", occurred_at=CHANGED_AT, facility="HARBOR")
