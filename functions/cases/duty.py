"""Who is on shift, from the staffing system's events."""

from __future__ import annotations

from events.catalog import type_name
from events.catalog.roster import ShiftEnded, ShiftStarted
from events.parse import Event
from functions.cases import keys
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.ports import Services
from functions.cases.store import persist
from functions.cases.table import Condition, Test, Update, WriteRefused

ROSTER_EVENTS = frozenset({type_name(ShiftStarted), type_name(ShiftEnded)})


def note_shift(services: Services, event: Event) -> Placed:
    """Put a person on the roster or take them off it. News that is older than what is known changes nothing.

    Raises Unplaceable for a facility nobody registered.
    """
    if services.library.active(event.facility) is None:
        raise Unplaceable("unknown_facility", "detail.facility", "register the facility, then redrive")
    at = event.occurred_at.timestamp()
    data = event.data
    if isinstance(data, ShiftStarted):
        changes = {"roles": list(data.roles), "until": data.until.timestamp()}
    elif isinstance(data, ShiftEnded):
        changes = {"roles": [], "until": at}
    else:
        raise TypeError(f"{event.type} is no roster event")
    key = keys.staff(event.facility, data.staff_id)
    update = Update(
        key,
        set={**changes, "at": at, "event": event.event_id},
        conditions=(Condition("at", Test.ABSENT_OR_BELOW, at),),
    )

    def attempt(number: int) -> Placed:
        try:
            services.table.update(update)
        except WriteRefused as refused:
            known = refused.failed[0] or {}
            duplicate = known.get("event") == event.event_id
            return _placed(event, "older_than_known", "something newer is known already", duplicate, number)
        return _placed(event, "on_roster", "noted on the roster", False, number)

    return persist(services, attempt)


def _placed(event: Event, reason: str, because: str, duplicate: bool, attempts: int) -> Placed:
    return Placed(
        "roster",
        "recorded",
        reason,
        because,
        None,
        event.facility,
        duplicate=duplicate,
        attempts=attempts,
        occurred_at=event.occurred_at.timestamp(),
    )
