"""The main use case: an event is placed in its case, decided and committed; or it is held, ignored or refused, with a reason."""

from __future__ import annotations

from contextlib import suppress

from events.parse import Event
from functions.cases.correlating import correlation_of, is_for_every_case
from functions.cases.course import case_before, case_of, case_of_its_record, elsewhere
from functions.cases.early import waiting_events, waits_for
from functions.cases.every_case import place_in_every
from functions.cases.faults import Faults
from functions.cases.joined_cases import place_in_joined
from functions.cases.marks import MARK_KEPT_SECONDS, SeenBefore
from functions.cases.merging import placed_under
from functions.cases.opened import into_case, into_row, occurrence_of, placed_by
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.settle import settle
from functions.cases.store import load_case, persist
from functions.cases.table import Key
from functions.cases.unopened import answer_without_case, merged_without_case, not_for, of_no_case, open_case
from statemachines.definition import Unplaced


def place_event(services: Services, event: Event, raw: str) -> list[Placed]:
    """Place one event in every workflow that knows its type; ``raw`` is kept when it must wait for its case.

    Raises Unplaceable when no workflow can take it; then nothing has changed. Where a workflow fails (it lost too many races,
    or its case was committed and could not be followed), the others are told all the same, then the fault is raised: the event
    may be delivered again, and changes nothing where it was placed.
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
    faults = Faults()
    for workflow in workflows:
        with faults.kept():
            try:
                if is_for_every_case(services, workflow, event):
                    placed += place_in_every(services, workflow, event, raw)
                else:
                    first = place_in(services, workflow, event, raw)
                    placed.append(first)
                    placed += place_in_joined(services, workflow, event, first)
            except Unplaceable as nowhere:
                homeless.append((workflow, nowhere))
    faults.raise_together()
    if not placed:
        raise homeless[0][1]
    # One workflow took it; what the others say of it is kept as their answer.
    return placed + [not_for(services, workflow, event, nowhere.reason) for workflow, nowhere in homeless]


def place_in(services: Services, workflow: str, event: Event, raw: str, *, early: Key | None = None) -> Placed:
    """Place one event in one workflow. ``early``: where it has waited for its case."""
    mark = services.keys.mark(event.facility, event.event_id, workflow)
    named = correlation_of(services, workflow, event)
    occurrence = occurrence_of(event)

    def attempt(number: int) -> Placed:
        here = placed_under(services, named)
        correlation, place = here
        if early is not None:
            waiting = services.table.get(early)
            if waiting is None:
                raise SeenBefore  # somebody else has placed it
            if place is not None and not waits_for(services, waiting, event, place.case):
                raise Unplaceable("no_case", "detail.subject", "the case began after what would take it back")
        if place is not None and place.open:
            row = case_of(services, place)
            before = case_of_its_record(services, named, row, occurrence)
            if before is None:
                why = elsewhere(services, place, row, event, occurrence)
                if why is not None:
                    return of_no_case(services, workflow, event, occurrence, why, mark, early)
                before = case_before(services, place, row, occurrence)
            if before is not None:
                return into_case(services, before, occurrence, mark, early, number)
            return into_row(services, row, occurrence, mark, early, number)
        merged = merged_without_case(services, workflow, event, occurrence, here, mark, early)
        if merged is not None:
            return merged
        opened = open_case(services, workflow, event, occurrence, correlation, place, mark, early)
        if opened is not None:
            drain_early(services, opened.row)
            return placed_by(opened, occurrence, number)
        if place is not None and place.ended is not None and occurrence.at < place.ended:
            # It happened in the case that has ended, and must not wait for the next one: refused there.
            return into_case(services, place.case, occurrence, mark, early, number)
        answer = answer_without_case(
            services, workflow, event, occurrence, correlation, place, mark, raw, held=early is not None
        )
        if answer is Unplaced.QUARANTINE:
            if place is None or early is not None:
                raise Unplaceable(
                    "no_case", "detail.subject", "no case is open for it; check the encounter, then redrive"
                )
            return into_case(services, place.case, occurrence, mark, early, number)  # refused there: it has ended
        return answer

    try:
        return persist(services, attempt)
    except SeenBefore:
        return _again(services, workflow, event, mark)


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

    When the case has ended meanwhile, what happened after its end stays where it is: the next case takes it, or the sweep
    gives it up with its reason when its time is over.
    """
    for event, item in waiting_events(services, row.correlation):
        with suppress(Unplaceable):
            place_in(services, item["workflow"], event, item["raw"], early=Key(item["pk"], item["sk"]))
