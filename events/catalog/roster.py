"""The roster: who is on duty, in which roles, until when. Without patients."""

from typing import Annotated

from pydantic import Field

from events.catalog.base import EventData
from events.envelope import Id, Instant, RoleCode


class ShiftStarted(EventData):
    """A person came on duty. Sent by the roster; the envelope's occurred_at is when the shift began."""

    staff_id: Id = Field(description="The person's staff id.")
    roles: Annotated[tuple[RoleCode, ...], Field(strict=False)] = Field(
        min_length=1, max_length=16, description="Role codes that the person covers during this shift."
    )
    until: Instant = Field(description="When the shift is planned to end; with offset from UTC.")


class ShiftEnded(EventData):
    """A person went off duty, as planned or earlier. Sent by the roster."""

    staff_id: Id = Field(description="The person's staff id.")
