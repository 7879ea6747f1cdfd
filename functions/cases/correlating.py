"""Which case an event is for: the one of its patient, encounter or result; or every open one of its encounter."""

from __future__ import annotations

from events.parse import Event
from functions.cases.outcome import Unplaceable
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.table import Key
from statemachines.case import Occurrence
from statemachines.definition import Correlation


def is_for_every_case(services: Services, workflow: str, event: Event) -> bool:
    """Whether an encounter has several cases of the workflow, and the event names none of them."""
    named_by = services.library.correlation(workflow).named_by
    return named_by is not None and named_by not in event.values


def correlation_of(services: Services, workflow: str, event: Event) -> str:
    """The partition of the event's correlation key. Raises Unplaceable when the event names no subject.

    A result is looked for in the encounter that the event names: one with another encounter's id finds no case there.
    """
    correlation = services.library.correlation(workflow)
    subject = event.patient if correlation is Correlation.PATIENT else event.encounter
    if subject is None:
        raise Unplaceable("missing_subject", "detail.subject", "this event needs its patient and encounter")
    within = (str(event.values[correlation.named_by]),) if correlation.named_by is not None else ()
    return services.keys.correlation(event.facility, workflow, subject, *within)


def group_of(services: Services, workflow: str, event: Event) -> str | None:
    """The partition that names every open case of the workflow in the event's encounter; None where there is only one."""
    if services.library.correlation(workflow).named_by is None or event.encounter is None:
        return None
    return services.keys.correlation(event.facility, workflow, event.encounter)


def mark_of(services: Services, row: CaseRow, event: Occurrence) -> Key:
    """Where it is noted what became of an event in a case: its mark, or its mark for this one of several cases."""
    named_by = services.library.correlation(row.workflow).named_by
    alone = named_by is None or named_by in event.values
    return services.keys.mark(row.facility, event.id, row.workflow, None if alone else row.id)
