"""Who is on shift, from the staffing system's events."""

from __future__ import annotations

from events.catalog import type_name
from events.catalog.roster import ShiftEnded, ShiftStarted
from events.parse import Event
from functions.cases import keys
from functions.cases.marks import MARK_KEPT_SECONDS, mark_item
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.ports import Services
from functions.cases.store import persist
from functions.cases.table import NEW, Condition, Put, Test, Update, WriteRefused
from statemachines.decide import Outcome

ROSTER = "roster"
"""Where the marks of roster events say who took them."""

RECORDED = str(Outcome.RECORDED)

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
        until, roles, rank = data.until.timestamp(), list(data.roles), 1
    elif isinstance(data, ShiftEnded):
        until, roles, rank = at, [], 0
    else:
        raise TypeError(f"{event.type} is no roster event")
    # One shift may end at the instant at which the next begins, and their events may come in any order: then on shift wins.
    order = f"{at:017.6f}.{rank}"
    person = Update(
        keys.staff(event.facility, data.staff_id),
        set={"roles": roles, "until": until, "order": order, "expires_at": int(max(at, until) + MARK_KEPT_SECONDS)},
        conditions=(Condition("order", Test.ABSENT_OR_BELOW, order),),
    )
    mark = services.keys.mark(event.facility, event.event_id, ROSTER)

    def attempt(number: int) -> Placed:
        now = services.now()
        try:
            services.table.write((Put(mark_item(mark, RECORDED, "on_roster", now), NEW), person))
        except WriteRefused as refused:
            if 0 in refused.failed:
                seen = refused.failed[0] or {}
                return _placed(event, str(seen.get("reason", "")), "seen before", True, number)
            services.table.write((Put(mark_item(mark, RECORDED, "older_than_known", now), NEW),))
            return _placed(event, "older_than_known", "something newer is known already", False, number)
        return _placed(event, "on_roster", "noted on the roster", False, number)

    return persist(services, attempt)


def _placed(event: Event, reason: str, because: str, duplicate: bool, attempts: int) -> Placed:
    return Placed(
        ROSTER,
        RECORDED,
        reason,
        because,
        None,
        event.facility,
        duplicate=duplicate,
        attempts=attempts,
        occurred_at=event.occurred_at.timestamp(),
    )
