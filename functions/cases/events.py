"""The main use case: an event is placed in its case, decided and committed; or it is held, ignored or refused, with a reason."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from events.parse import Event, parse_event
from functions.cases.correlating import correlation_of, is_for_every_case
from functions.cases.every_case import place_in_every
from functions.cases.marks import MARK_KEPT_SECONDS, SeenBefore
from functions.cases.merging import survivor_of
from functions.cases.opened import into_case, occurrence_of, placed_by
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.settle import settle
from functions.cases.store import load_case, persist
from functions.cases.table import Key, read_all
from functions.cases.unopened import answer_without_case, not_for, open_case
from statemachines.definition import Unplaced


def place_event(services: Services, event: Event, raw: str) -> list[Placed]:
    """Place one event in every workflow that knows its type; ``raw`` is kept when it must wait for its case.

    Raises Unplaceable when no workflow can take it, and Contention when it lost too many races; then nothing has
    changed, and it may be delivered again.
    """
    if services.now() - event.occurred_at.timestamp() > MARK_KEPT_SECONDS:
        raise Unplaceable(
            "too_old", "detail.occurred_at", "older than event marks are kept; check by hand whether its case has it"
        )
    workflows = services.library.workflows_for(event.type)
    if not workflows:
        raise Unplaceable("no_workflow", "detail-type", "no published workflow handles this event type")
    placed: list[Placed] = []
    homeless: list[tuple[str, Unplaceable]] = []
    for workflow in workflows:
        try:
            if is_for_every_case(services, workflow, event):
                placed += place_in_every(services, workflow, event, raw)
            else:
                placed.append(place_in(services, workflow, event, raw))
        except Unplaceable as nowhere:
            homeless.append((workflow, nowhere))
    if not placed:
        raise homeless[0][1]
    # One workflow took it; what the others say of it is kept as their answer.
    return placed + [not_for(services, workflow, event, nowhere.reason) for workflow, nowhere in homeless]


def place_in(services: Services, workflow: str, event: Event, raw: str, *, held: bool = False) -> Placed:
    """Place one event in one workflow. ``held``: it comes from the place where early events wait for their case."""
    mark = services.keys.mark(event.facility, event.event_id, workflow)
    named = correlation_of(services, workflow, event)
    occurrence = occurrence_of(event)

    def attempt(number: int) -> Placed:
        correlation, place = survivor_of(services, named)
        early = _waiting_place(services, event, named, correlation) if held else None
        if place is not None and place.open:
            return into_case(services, place.case, occurrence, mark, early, number)
        opened = open_case(services, workflow, event, occurrence, correlation, place, mark, early)
        if opened is not None:
            drain_early(services, opened.row)
            return placed_by(opened, occurrence, number)
        answer = answer_without_case(services, workflow, event, occurrence, correlation, place, mark, raw, held=held)
        if answer is Unplaced.QUARANTINE:
            if place is None or held:
                raise Unplaceable(
                    "no_case", "detail.subject", "no case is open for it; check the encounter, then redrive"
                )
            return into_case(services, place.case, occurrence, mark, early, number)  # refused there: it has ended
        return answer

    try:
        return persist(services, attempt)
    except SeenBefore:
        return _again(services, workflow, event, mark)


def _waiting_place(services: Services, event: Event, named: str, correlation: str) -> Key:
    """Where a held event waits: under the record that it names, or the one that this was merged into before it came."""
    waits = services.keys.early(named, event.facility, event.event_id)
    if correlation == named or services.table.get(waits) is not None:
        return waits
    return services.keys.early(correlation, event.facility, event.event_id)


def _again(services: Services, workflow: str, event: Event, mark: Key) -> Placed:
    """A repetition changes nothing, but what must follow the first time's commit is done again if need be."""
    seen = services.table.get(mark) or {}
    case = seen.get("case")
    row = load_case(services, case) if case is not None else None
    if row is not None:
        settle(services, row)
        drain_early(services, row)
    return Placed(
        workflow,
        seen.get("outcome", ""),
        seen.get("reason", ""),
        "seen before",
        case,
        event.facility,
        duplicate=True,
        occurred_at=event.occurred_at.timestamp(),
    )


def drain_early(services: Services, row: CaseRow) -> None:
    """Place the events that waited for this case to open, in the order in which they happened.

    One whose case has ended meanwhile stays where it is, until its time is over and the sweep gives it up with its reason.
    """
    moment = datetime.fromtimestamp(services.now(), UTC)
    waiting = [
        (parse_event(item["raw"], now=moment), item) for item in read_all(services.table, row.correlation, "EARLY#")
    ]
    for event, item in sorted(waiting, key=lambda pair: pair[0].occurred_at):
        with suppress(Unplaceable):
            place_in(services, item["workflow"], event, item["raw"], held=True)
