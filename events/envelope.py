"""The envelope: what every event says about itself, whatever it is about.

On EventBridge the envelope is the `detail`; `detail-type` repeats the envelope's `type`, and `source` names the system
that published it. Everything here may be PHI and stays inside Baton's data boundary.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError


class Source(StrEnum):
    """The systems whose events Baton takes in, as EventBridge's `source` names them."""

    PLATFORM = "baton.platform"
    """The care platform: what clinicians do in its screens."""
    EMR = "baton.emr"
    """The electronic medical record, through the ingress (FHIR Subscriptions, HL7 v2)."""
    ROSTER = "baton.roster"
    """The staffing system: who is on duty."""


OWN_SOURCE: Final = "baton.orchestrator"
"""The source of Baton's own output. Never taken in, or one event could feed itself for ever."""

# RFC 3339 section 5.6 without leap seconds, which Python's datetime cannot hold; nanoseconds are cut to microseconds.
_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?"
_OFFSET: Final = r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
_LOCAL_TIME: Final = re.compile(_TIME)
_INSTANT: Final = re.compile(_TIME + _OFFSET)


def _instant(value: object) -> datetime:
    if isinstance(value, str):
        if not _INSTANT.fullmatch(value):
            if _LOCAL_TIME.fullmatch(value):
                raise PydanticCustomError("naive_time", "a time needs its offset from UTC")
            raise PydanticCustomError("not_a_time", "a time is written as in RFC 3339")
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError:
            raise PydanticCustomError("no_such_time", "no such day or hour") from None
    if not isinstance(value, datetime):
        raise PydanticCustomError("not_a_time", "a time is written as in RFC 3339")
    if value.tzinfo is None or value.utcoffset() is None:
        raise PydanticCustomError("naive_time", "a time needs its offset from UTC")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("no_such_time", "outside years 1 to 9999 in UTC") from None


Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_TIME}{_OFFSET}$"}),
]
"""A point in time with its offset (RFC 3339), held in UTC. Without an offset nobody can tell when it was: refused."""


def _whole(value: object) -> object:
    # JSON knows only numbers: 5.0 is the integer 5 there and in JSON Schema, so it is one here.
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
"""Marks a whole number; stands after its limits, or pydantic leaves them out of the JSON Schema."""

ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$"
CODE: Final = r"^[A-Za-z][A-Za-z0-9_-]*$"
NAME: Final = r"^[a-z][a-z0-9_]*$"
TEXT: Final = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F]*[^\s\x00-\x08\x0E-\x1F][^\x00-\x08\x0B\x0C\x0E-\x1F]*$"
"""No control characters except tab, line feed and carriage return (FHIR R4 string), and not blank."""

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=ID)]
"""An opaque identifier: FHIR's id characters (R4 section 2.24.0.1) and `_`, `:`. `#` and `/` are left out because keys
and addresses are built from ids."""

ResourceId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9.-]+$")]
"""The id of a resource in the EMR (https://hl7.org/fhir/R4/datatypes.html#id): what is written back refers to it."""

EventId = Annotated[str, Field(min_length=1, max_length=128, pattern=ID)]
"""Names one event for ever, within its facility. A publisher that retries sends the same id again."""

RoleCode = Annotated[str, Field(min_length=1, max_length=32, pattern=CODE)]
"""A stable code such as `RT`, never a display name: a renamed group must not lose its tasks."""

TypeName = Annotated[str, Field(min_length=1, max_length=64, pattern=NAME)]
"""An event type: past tense, snake case."""

CorrelationName = Annotated[str, Field(min_length=1, max_length=64, pattern=NAME)]


class Part(BaseModel):
    """What all models of this package share: nothing changes, nothing unlisted, nothing coerced, no input in errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False)


class Actor(Part):
    """Who did what the event reports: a person, or a device or service under its own id."""

    id: Id = Field(description="Staff, device or service id in the sending system.")
    role: RoleCode = Field(description="Role in which the actor acted, as a stable code such as RT, RN or PROVIDER.")


class Subject(Part):
    """Whom the event is about."""

    patient: ResourceId = Field(description="Patient id in the EMR.")
    encounter: ResourceId = Field(description="Encounter (visit) id in the EMR.")


class Envelope(Part):
    """One event, as it travels: who, what, where and when, and the data that its type defines."""

    event_id: EventId = Field(
        description="Names this event for ever within its facility; the same on every retry, so repeats are recognised."
    )
    type: TypeName = Field(description="Event type from the catalog; equal to EventBridge's detail-type.")
    schema_version: Annotated[int, Field(ge=1), WHOLE] = Field(description="Version of the type's data.")
    occurred_at: Instant = Field(description="When it happened, not when it was sent; with its offset from UTC.")
    facility: Id = Field(description="Facility where it happened.")
    subject: Subject | None = Field(default=None, description="Patient and encounter; absent only in roster events.")
    actor: Actor | None = Field(default=None, description="Who did it; may be absent where the catalog says so.")
    correlation: Mapping[CorrelationName, Id] = Field(
        default_factory=dict, max_length=16, description="Further ids that tie events together, by name, e.g. order_id."
    )
    data: Mapping[str, Any] = Field(description="What the type defines, see the catalog; {} when it defines nothing.")
