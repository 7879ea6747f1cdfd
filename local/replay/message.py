"""Events as a replay sends them, and the ids in them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from events.catalog import EventData, event_type
from events.envelope import Source

DEFAULT_KEY = b"baton replay of de-identified data"
"""Gives well-formed ids, the same in every replay. It hides nobody: data about real people needs a key of its own."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event on its way. ``at``: when a live system would have got it (epoch seconds).

    ``seq`` is the statement that it comes from; ``derived``: the record does not state it, the replay concludes it.
    ``last``: when the encounter's last statement is known.
    """

    event: Mapping[str, Any]
    seq: int
    encounter: str
    at: float
    last: float
    derived: bool = False

    @property
    def event_id(self) -> str:
        """The event's id."""
        return str(self.event["detail"]["event_id"])

    @property
    def type(self) -> str:
        """The event's type."""
        return str(self.event["detail-type"])

    @property
    def facility(self) -> str:
        """Where it happened."""
        return str(self.event["detail"]["facility"])

    @property
    def raw(self) -> str:
        """As the bus delivers it."""
        return json.dumps(self.event)


class Names:
    """Ids under one key: the same person, encounter and record always get the same, and none can be read back."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def name(self, kind: str, *parts: str) -> str:
        """An id for something of a kind, in FHIR's id characters."""
        message = json.dumps([kind, *parts]).encode()
        return f"{kind}-{hmac.new(self._key, message, hashlib.sha256).hexdigest()[:32]}"


def bus_event(
    kind: type[EventData],
    data: Mapping[str, Any],
    *,
    source: Source,
    event_id: str,
    occurred_at: float,
    facility: str,
    subject: tuple[str, str] | None = None,
    actor: tuple[str, str] | None = None,
    record: str | None = None,
) -> dict[str, Any]:
    """An event as EventBridge delivers it; ``data`` is not checked here, since what is impossible is for intake to refuse.

    ``subject`` is patient and encounter, ``actor`` id and role, ``record`` where it was read, as <file's number>:<line>.
    """
    of_type = event_type(kind)
    detail: dict[str, Any] = {
        "event_id": event_id,
        "type": of_type.name,
        "schema_version": of_type.version,
        "occurred_at": datetime.fromtimestamp(occurred_at, UTC).isoformat(),
        "facility": facility,
    }
    if subject is not None:
        detail["subject"] = dict(zip(("patient", "encounter"), subject, strict=True))
    if actor is not None:
        detail["actor"] = dict(zip(("id", "role"), actor, strict=True))
    if record is not None:
        detail["correlation"] = {"replay_record": record}
    return {"source": str(source), "detail-type": of_type.name, "detail": {**detail, "data": dict(data)}}
