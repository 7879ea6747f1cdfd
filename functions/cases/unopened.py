"""Events for which no case is open: one opens it, others wait for it, do not apply, or have nowhere to go."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from events.parse import Event
from functions.cases import keys
from functions.cases.correlating import group_of
from functions.cases.course import Elsewhere, ended_by, surely_before
from functions.cases.handoff import HandOff, begun
from functions.cases.marks import SeenBefore, mark_item, marked
from functions.cases.merging import Survivor, joined, placed_under
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.settle import settle
from functions.cases.store import Place, load_case, machine_for_new
from functions.cases.table import NEW, Check, Condition, Key, Put, Test, Write, WriteRefused
from statemachines.case import Case, Occurrence, following
from statemachines.decide import Decision, Outcome, advance
from statemachines.definition import Correlation, Unplaced
from statemachines.expressions import Known
from statemachines.machine import Machine

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
    """Open a case if the event does that; None when it opens nothing. Raises what ``begun`` raises.

    After the end of the key's newest case that may be a case which re-opens: it knows what that one knew, and names it.
    """
    machine, policy = machine_for_new(services, workflow, event.facility)
    unopened, ended = _unopened(services, machine, event, place)
    if unopened is None:
        return None
    row = CaseRow(
        id=services.keys.case(event.facility, workflow, correlation, event.event_id),
        facility=event.facility,
        workflow=workflow,
        version=machine.definition.version,
        policy=policy,
        correlation=correlation,
        group=group_of(services, workflow, event),
        patient=ended.patient if ended is not None and ended.merged_at else event.patient,
        encounter=event.encounter,
        opened_at=services.now(),
        case=unopened,
        merged_at=ended.merged_at if ended is not None else 0.0,
        earlier=ended.id if ended is not None else None,
    )

    def note(decision: Decision, opened: CaseRow) -> tuple[Write, ...]:
        item = mark_item(mark, str(decision.outcome), str(decision.reason), services.now(), opened.id)
        return marked(item, early)

    done = begun(services, machine, row, occurrence, place=place, mark=mark, note=note)
    if done is not None:
        settle(services, done.row, done.visits)
    return done


def _unopened(
    services: Services, machine: Machine, event: Event, place: Place | None
) -> tuple[Case | None, CaseRow | None]:
    """The case that the event may open, before it has; and the ended one that it follows, where it may re-open that.

    None when it opens nothing, whatever it says. What happened before the ended case began is not about that case; what
    happened in it and is heard of after its end is, and has been told to nobody, unless something newer of its kind ended it.
    What opens cases by itself opens one in any event: that knows what the ended one knew where this version says so of its end,
    and else begins anew.
    """
    opens = (None, event.type) in machine.arrows
    if event.type not in machine.reopening or place is None:
        return (Case() if opens else None), None
    ended = load_case(services, place.case)
    if ended is None:
        raise LookupError(f"case {place.case} is correlated but has no row")
    if opens:
        known = machine.answers_after(ended.case.state, event.type)
        return (_following(services, machine, ended), ended) if known else (Case(), None)
    if surely_before(services, event.occurred_at.timestamp(), place.case):
        return None, None
    if event.occurred_at.timestamp() < ended.case.entered and ended_by(services, ended) in machine.reopening:
        return None, None
    return _following(services, machine, ended), ended


def _following(services: Services, machine: Machine, ended: CaseRow) -> Case:
    """The case that could follow an ended one. It knows that what ended that one happened, though its version noted no such fact."""
    ending = machine.facts.get(ended_by(services, ended), ())
    noted = {name: Known(True, ended.case.entered) for name, field in ending if field is None}
    return following(replace(ended.case, facts={**noted, **ended.case.facts}))


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
    unopened = None if held else _unopened(services, machine, event, place)[0]
    if unopened is not None:
        decision = advance(machine, unopened, occurrence, services.now()).decision
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
        "unplaced": str(expectation.unplaced),
        "raw": raw,
        "held_at": now,
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


def of_no_case(
    services: Services,
    workflow: str,
    event: Event,
    occurrence: Occurrence,
    why: Elsewhere,
    mark: Key,
    early: Key | None,
) -> Placed:
    """An event whose name leads to an open case that it is not of moves nothing there."""
    return _alone(services, workflow, event, occurrence, mark, Outcome.IGNORED, *why, early=early)


def merged_without_case(
    services: Services,
    workflow: str,
    event: Event,
    occurrence: Occurrence,
    here: Survivor,
    mark: Key,
    early: Key | None,
) -> Placed | None:
    """A merge of patients' records that no open case hears of: from now on both are placed alike. None when it is no such merge."""
    survivor = occurrence.values.get("surviving_patient")
    if services.library.correlation(workflow) is not Correlation.PATIENT or not isinstance(survivor, str):
        return None
    machine, _ = machine_for_new(services, workflow, event.facility)
    if event.type != machine.definition.lifecycle.merge:
        return None
    there = placed_under(services, services.keys.correlation(event.facility, workflow, survivor))
    because = "no case is open for it; what is told of either record is placed alike from now on"
    joins = joined(here, there, services.now())
    outcome, reason = Outcome.RECORDED, "records_merged"
    return _alone(services, workflow, event, occurrence, mark, outcome, reason, because, *joins, early=early)


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
    early: Key | None = None,
) -> Placed:
    """Note what became of the event, where there is no case to note it in."""
    try:
        services.table.write((*marked(mark_item(mark, str(outcome), reason, services.now()), early), *also))
    except WriteRefused as refused:
        if 0 in refused.failed:
            raise SeenBefore from refused
        raise
    return Placed(workflow, outcome, reason, because, None, event.facility, occurred_at=occurrence.at)
