"""One message from the bus: read, placed, or quarantined with its reason. Nothing is lost and nothing stops the others."""

from __future__ import annotations

from datetime import UTC, datetime

from events.parse import Unreadable, parse_event
from functions.cases.duty import ROSTER_EVENTS, note_shift
from functions.cases.events import place_event
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.ports import Services
from functions.cases.quarantine import Kept, quarantine


def take_in(services: Services, raw: str) -> list[Placed] | Kept:
    """Place one message as the bus delivers it; or keep it in quarantine.

    A fault of ours (a race lost too often, the table away) raises, so that the message is delivered again.
    """
    try:
        return place(services, raw)
    except Unreadable as unreadable:
        return quarantine(services, raw, str(unreadable.reason), unreadable.where, unreadable.mend)
    except Unplaceable as homeless:
        return quarantine(services, raw, homeless.reason, homeless.where, homeless.mend)


def place(services: Services, raw: str) -> list[Placed]:
    """Place one message as the bus delivers it. Raises Unreadable and Unplaceable; then nothing has changed."""
    event = parse_event(raw, now=datetime.fromtimestamp(services.now(), UTC))
    if event.type in ROSTER_EVENTS:
        return [note_shift(services, event)]
    return place_event(services, event, raw)
