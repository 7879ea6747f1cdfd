"""Events for which no case is open: one opens it, others wait for it, do not apply, or have nowhere to go."""

from __future__ import annotations

from typing import Literal

from events.parse import Event
from functions.cases import keys
from functions.cases.correlating import group_of
from functions.cases.handoff import HandOff, begun
from functions.cases.marks import SeenBefore, mark_item, marked
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.settle import settle
from functions.cases.store import Place, machine_for_new
from functions.cases.table import NEW, Check, Condition, Key, Put, Test, Write, WriteRefused
from statemachines.case import Case, Occurrence
from statemachines.decide import Decision, Outcome, advance
from statemachines.definition import Unplaced

EARLY_LOOK_SECONDS = 60.0
"""How soon the sweep looks whether the case of an early event has opened after all."""


def open_case(
    services: Services,
    workflow: str,
    event: Event,
    occurrence: Occurrence,
    correlation: str,
    place: Place | None,
    mark: Key,
    early: Key | None,
) -> HandOff | None:
    """Open a case if the event does that; None when it opens nothing. Raises what ``begun`` raises."""
    machine, policy = machine_for_new(services, workflow, event.facility)
    if (None, event.type) not in machine.arrows:
        return None
    row = CaseRow(
        id=services.keys.case(event.facility, workflow, correlation, event.event_id),
        facility=event.facility,
        workflow=workflow,
        version=machine.definition.version,
        policy=policy,
        correlation=correlation,
        group=group_of(services, workflow, event),
        patient=event.patient,
        encounter=event.encounter,
        opened_at=services.now(),
        case=Case(),
    )

    def note(decision: Decision, opened: CaseRow) -> tuple[Write, ...]:
        item = mark_item(mark, str(decision.outcome), str(decision.reason), services.now(), opened.id)
        return marked(item, early)

    done = begun(services, machine, row, occurrence, place=place, mark=mark, note=note)
    if done is not None:
        settle(services, done.row, done.visits)
    return done


def answer_without_case(
    services: Services,
    workflow: str,
    event: Event,
    occurrence: Occurrence,
    correlation: str,
    place: Place | None,
    mark: Key,
    raw: str,
    *,
    held: bool,
) -> Placed | Literal[Unplaced.QUARANTINE]:
    """What becomes of an event that opens nothing while no case is open: held, ignored or refused, or for quarantine."""
    machine, _ = machine_for_new(services, workflow, event.facility)
    if (None, event.type) in machine.arrows:
        decision = advance(machine, Case(), occurrence, services.now()).decision
        return _alone(
            services, workflow, event, occurrence, mark, decision.outcome, str(decision.reason), decision.because
        )
    expectation = machine.expectations.get(event.type)
    if expectation is None:
        raise Unplaceable(
            "not_known_to_version", "detail-type", f"{workflow} {machine.definition.version} does not know it"
        )
    if held or expectation.unplaced is Unplaced.QUARANTINE:
        return Unplaced.QUARANTINE
    if expectation.unplaced is Unplaced.NOT_APPLICABLE:
        return _alone(
            services, workflow, event, occurrence, mark, Outcome.IGNORED, "not_applicable", expectation.because
        )
    now = services.now()
    waiting_place = services.keys.early(correlation, event.facility, event.event_id)
    waiting = {
        "pk": waiting_place.pk,
        "sk": waiting_place.sk,
        "workflow": workflow,
        "raw": raw,
        "held_until": now + expectation.hold_minutes * 60,
        "sweep": keys.sweep_shard(correlation),
        "look_at": now + EARLY_LOOK_SECONDS,
    }
    return _alone(
        services,
        workflow,
        event,
        occurrence,
        mark,
        Outcome.HELD_EARLY,
        "before_its_case",
        expectation.because,
        Put(waiting, NEW),
        still_no_case(correlation, place),
    )


def not_for(services: Services, workflow: str, event: Event, reason: str) -> Placed:
    """A workflow that knows the event's type has no use for this one, which another workflow took."""
    mark = services.keys.mark(event.facility, event.event_id, workflow)
    because = "another workflow took it"
    try:
        services.table.write((Put(mark_item(mark, str(Outcome.IGNORED), reason, services.now()), NEW),))
    except WriteRefused:
        return Placed(workflow, Outcome.IGNORED, reason, "seen before", None, event.facility, duplicate=True)
    return Placed(workflow, Outcome.IGNORED, reason, because, None, event.facility)


def still_no_case(correlation: str, place: Place | None) -> Check:
    """An event is held only while no case is open; one that opens meanwhile makes this fail, and the event is placed there."""
    key = Key(correlation, keys.OPEN)
    if place is None:
        return Check(key, (Condition("pk", Test.ABSENT),))
    return Check(key, (Condition("case", Test.EQUALS, place.case), Condition("closed_at", Test.EXISTS)))


def _alone(
    services: Services,
    workflow: str,
    event: Event,
    occurrence: Occurrence,
    mark: Key,
    outcome: Outcome,
    reason: str,
    because: str,
    *also: Write,
) -> Placed:
    """Note what became of the event, where there is no case to note it in."""
    try:
        services.table.write((Put(mark_item(mark, str(outcome), reason, services.now()), NEW), *also))
    except WriteRefused as refused:
        if 0 in refused.failed:
            raise SeenBefore from refused
        raise
    return Placed(workflow, outcome, reason, because, None, event.facility, occurred_at=occurrence.at)
