"""How an event is put on the bus: the envelope around its data, and the entry that PutEvents takes."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from events.catalog import EventData, event_type
from events.envelope import Actor, Envelope, Source, Subject

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def envelope_for(
    data: EventData,
    *,
    event_id: str,
    occurred_at: datetime,
    facility: str,
    subject: Subject | None = None,
    actor: Actor | None = None,
    correlation: Mapping[str, str] = _NOTHING,
) -> Envelope:
    """The envelope around `data`, with the type and version that the catalog gives it.

    `occurred_at` is aware. Raises pydantic.ValidationError for an id, code or time that no event may carry, LookupError
    for data that is not in the catalog.
    """
    kind = event_type(type(data))
    return Envelope(
        event_id=event_id,
        type=kind.name,
        schema_version=kind.version,
        occurred_at=occurred_at,
        facility=facility,
        subject=subject,
        actor=actor,
        correlation=correlation,
        data=data.model_dump(exclude_none=True),
    )


def to_eventbridge(envelope: Envelope, source: Source) -> dict[str, Any]:
    """The entry for EventBridge's PutEvents; the caller adds EventBusName.

    Time is when the event happened. Nothing is checked here: intake checks what arrives, whoever sent it.
    """
    return {
        "Source": str(source),
        "DetailType": envelope.type,
        "Detail": envelope.model_dump_json(exclude_none=True),
        "Time": envelope.occurred_at,
    }
