"""The one way to read an event: from what SQS delivers to a typed event, or to the named reason why not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from events.catalog import CATALOG, EventData, EventType
from events.envelope import OWN_SOURCE, Envelope, Source
from events.explain import unreadable
from events.unreadable import Unreadable, UnreadableReason

__all__ = [
    "FUTURE_TOLERANCE",
    "SIZE_LIMIT",
    "Event",
    "Parsed",
    "Unreadable",
    "UnreadableReason",
    "Value",
    "check_event",
    "parse_event",
]

SIZE_LIMIT: Final = 256 * 1024
"""Bytes of one event as delivered. An entry of this size is an attachment that lost its way, not an event."""

FUTURE_TOLERANCE: Final = timedelta(minutes=5)
"""How far a sender's clock may run ahead. Beyond it, an event would make its facts look fresher than they are."""

Value = str | int | float | bool | datetime | tuple[str, ...]
"""A value that an event states. Times are in UTC."""

_Model = TypeVar("_Model", bound=BaseModel)

_POSITION: Final = re.compile(r"line \d+ column \d+$")


@dataclass(frozen=True, slots=True)
class Event:
    """One event that may enter: its envelope laid flat, and its data typed.

    `values` holds the data's fields that were measured or stated; a field that is not in it is unknown, never zero.
    """

    event_id: str
    type: str
    version: int
    source: Source
    occurred_at: datetime
    """UTC."""
    facility: str
    patient: str | None
    encounter: str | None
    actor_id: str | None
    actor_role: str | None
    correlation: Mapping[str, str]
    data: EventData
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Parsed:
    """An event after all checks, still in its parts."""

    source: Source
    envelope: Envelope
    kind: EventType
    data: EventData


def parse_event(raw: str | bytes, *, now: datetime) -> Event:
    """The event in an EventBridge event's JSON, as an SQS message body holds it.

    `now` is the reader's clock, aware; an event from more than FUTURE_TOLERANCE after it is refused.

    Raises Unreadable, and nothing else, whatever `raw` holds.
    """
    parsed = check_event(_decode(raw))
    envelope = parsed.envelope
    if envelope.occurred_at > now + FUTURE_TOLERANCE:
        raise Unreadable(
            UnreadableReason.TIME_IN_FUTURE,
            "detail.occurred_at",
            "set the sender's clock and its UTC offset right, and send the event again",
        )
    subject, actor, data = envelope.subject, envelope.actor, parsed.data
    return Event(
        event_id=envelope.event_id,
        type=envelope.type,
        version=envelope.schema_version,
        source=parsed.source,
        occurred_at=envelope.occurred_at,
        facility=envelope.facility,
        patient=subject.patient if subject else None,
        encounter=subject.encounter if subject else None,
        actor_id=actor.id if actor else None,
        actor_role=actor.role if actor else None,
        correlation=MappingProxyType(dict(envelope.correlation)),
        data=data,
        values=MappingProxyType({name: value for name, value in data.__dict__.items() if value is not None}),
    )


def check_event(outer: object) -> Parsed:
    """Every check of an event that needs no clock, on an EventBridge event already decoded from JSON.

    Raises Unreadable with the first fault: what it is, before who may send it, before what it says.
    """
    if not isinstance(outer, dict):
        raise Unreadable(
            UnreadableReason.NOT_AN_EVENT, "event", "send a JSON object with source, detail-type and detail"
        )
    source, type_name = _text(outer, "source"), _text(outer, "detail-type")
    if source == OWN_SOURCE:
        raise Unreadable(
            UnreadableReason.OWN_EVENT,
            "source",
            "Baton's own output is not taken in: exclude it in the rule's event pattern",
        )
    detail = outer.get("detail")
    if not isinstance(detail, dict):
        raise Unreadable(UnreadableReason.NOT_AN_EVENT, "detail", "put the envelope there, as a JSON object")
    kind = _kind(type_name, detail)
    allowed = _allowed_source(source, kind)
    envelope = _validated(Envelope, detail, "detail")
    _check_parties(envelope, kind)
    return Parsed(allowed, envelope, kind, _validated(kind.model, envelope.data, "detail.data"))


def _decode(raw: str | bytes) -> object:
    # A str holds at least one byte a character, so an oversized one is refused before it is encoded.
    if len(raw) > SIZE_LIMIT or (isinstance(raw, str) and len(raw.encode(errors="replace")) > SIZE_LIMIT):
        raise Unreadable(
            UnreadableReason.TOO_LARGE, "event", f"keep it under {SIZE_LIMIT} bytes: send ids, not documents"
        )
    try:
        return from_json(raw, allow_inf_nan=False)
    except (ValueError, TypeError) as error:
        # TypeError is what from_json raises for a str with lone surrogates, which no UTF-8 can carry.
        position = _POSITION.search(str(error))
    raise Unreadable(
        UnreadableReason.INVALID_JSON, position.group() if position else "event", "send JSON (RFC 8259) in UTF-8"
    )


def _text(outer: Mapping[str, Any], name: str) -> str:
    value = outer.get(name)
    if not isinstance(value, str):
        raise Unreadable(UnreadableReason.NOT_AN_EVENT, name, "send it through EventBridge, which needs it as text")
    return value


def _kind(type_name: str, detail: Mapping[str, Any]) -> EventType:
    kind = CATALOG.get(type_name)
    if kind is None:
        raise Unreadable(UnreadableReason.UNKNOWN_TYPE, "detail-type", "use a type of the catalog in events/README.md")
    if "type" in detail and detail["type"] != type_name:
        raise Unreadable(UnreadableReason.NOT_AN_EVENT, "detail.type", f"must equal detail-type, here {kind.name}")
    version = detail.get("schema_version", kind.version)
    # A version that is no number at all is left to the envelope's own check, which names that fault.
    if isinstance(version, int | float) and version != kind.version:
        raise Unreadable(
            UnreadableReason.UNKNOWN_VERSION, "detail.schema_version", f"{kind.name} exists in version {kind.version}"
        )
    return kind


def _allowed_source(source: str, kind: EventType) -> Source:
    for allowed in kind.sources:
        if allowed == source:
            return allowed
    raise Unreadable(
        UnreadableReason.SOURCE_NOT_ALLOWED,
        "source",
        f"{kind.name} may come from {', '.join(sorted(kind.sources))}",
    )


def _check_parties(envelope: Envelope, kind: EventType) -> None:
    if kind.needs_subject and envelope.subject is None:
        raise Unreadable(UnreadableReason.MISSING_SUBJECT, "detail.subject", "name the patient and the encounter")
    if not kind.needs_subject and envelope.subject is not None:
        raise Unreadable(
            UnreadableReason.UNKNOWN_FIELD, "detail.subject", f"remove it: {kind.name} is about no patient"
        )
    if kind.needs_actor and envelope.actor is None:
        raise Unreadable(UnreadableReason.MISSING_ACTOR, "detail.actor", "name who did it, with id and role")


def _validated(model: type[_Model], value: object, place: str) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fault = unreadable(error, model, place)
    # Raised out here so that the ValidationError, which knows the sender's field names, is not chained to it.
    raise fault
