"""Events that wait for their case to open: read again when it has, and given up when nobody can place them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from events.parse import Event, Unreadable, parse_event
from functions.cases import keys
from functions.cases.course import began
from functions.cases.marks import mark_item, marked
from functions.cases.outcome import Unplaceable
from functions.cases.ports import Services
from functions.cases.quarantine import quarantine
from functions.cases.table import Check, Condition, Delete, Item, Key, Test, WriteRefused, read_all
from statemachines.case import SAME_MINUTE_SECONDS
from statemachines.decide import Outcome
from statemachines.definition import Unplaced

NO_CASE_IN_TIME = "no_case_in_time"
"""The reason on the mark of an event that waited for its case and does not apply, since none opened."""


def waiting_events(services: Services, correlation: str) -> Iterator[tuple[Event, Item]]:
    """The events that wait for the correlation's case, in the order in which they happened, each with its row."""
    found = [(readable(services, item), item) for item in read_all(services.table, correlation, keys.EARLY)]
    readables = [(event, item) for event, item in found if event is not None]
    yield from sorted(readables, key=lambda pair: pair[0].occurred_at)


def readable(services: Services, item: Item) -> Event | None:
    """The event that waits in a row; None when it can no longer be read: then it is in quarantine, and holds up nothing.

    It could be read when it came, but a stricter release may be at work by now.
    """
    try:
        return parse_event(item["raw"], now=datetime.fromtimestamp(services.now(), UTC))
    except Unreadable as unreadable:
        with suppress(WriteRefused):  # somebody else has taken it out of its place
            give_up(services, item, Unplaceable(str(unreadable.reason), unreadable.where, unreadable.mend))
        return None


def give_up(services: Services, item: Item, why: Unplaceable, *still: Check) -> None:
    """Quarantine first, then forget the waiting place and the mark: a crash between leaves it in both, never in neither.

    Raises WriteRefused when somebody else has taken it out of its place meanwhile, or what must still be so is not.
    """
    quarantine(services, item["raw"], why.reason, why.where, why.mend)
    place = Key(item["pk"], item["sk"])
    mark = keys.mark_of_early(place, item["workflow"])
    services.table.write((Delete(place, (Condition("pk", Test.EXISTS),)), Delete(mark, ()), *still))


def only_takes_back(item: Item) -> bool:
    """Whether an event waits only to take back what a case was opened for (HOLD_THEN_IGNORE)."""
    return bool(item.get("unplaced") == Unplaced.HOLD_THEN_IGNORE)


def waits_for(services: Services, item: Item, event: Event, case: str) -> bool:
    """Whether an event that waits is for this case: what takes something back is for no case that began after it.

    What names the result that it takes back may bear the very minute of its report, or come from a slower clock. A plan or
    an order has no such name: who cancels one twice, and wants another within that minute, gets the other.
    """
    named = services.library.correlation(item["workflow"]).named_by is not None
    grace = SAME_MINUTE_SECONDS if named else 0.0
    return not only_takes_back(item) or event.occurred_at.timestamp() + grace >= began(services, case)


def not_applicable(services: Services, item: Item, *still: Check) -> None:
    """The time of an event that takes something back is over: its mark says that it does not apply, and it waits no longer.

    Raises WriteRefused when somebody else has taken it out of its place meanwhile, or what must still be so is not.
    """
    place = Key(item["pk"], item["sk"])
    mark = keys.mark_of_early(place, item["workflow"])
    services.table.write(
        (*marked(mark_item(mark, str(Outcome.IGNORED), NO_CASE_IN_TIME, services.now()), place), *still)
    )
