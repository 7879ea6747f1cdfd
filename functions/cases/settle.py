"""All that must follow a commit, and does no harm when done again: the execution follows the case, and so do its relatives.

It runs after every commit, on duplicates (so that a crash between commit and signal heals when the event is redelivered),
and in the sweep.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial

from functions.cases import keys
from functions.cases.change import Change, noted
from functions.cases.handoff import HandOff, Note, begun, commit, decided, entry, taken_up
from functions.cases.marks import SeenBefore, mark_item, marked
from functions.cases.merging import placed_under
from functions.cases.outcome import Unplaceable
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, Parent, Visit, signal, superseded, visit_from
from functions.cases.store import load_case, machine_for_new, machine_of, persist
from functions.cases.table import Check, Condition, Contention, Key, Test, Write, WriteRefused
from functions.cases.undertakings import sent_back
from statemachines.case import Case, Occurrence
from statemachines.decide import MAX_DEFERRED, Decision, Outcome, Progress, Reason
from statemachines.definition import SUB_CASE_REQUESTED, Correlation, SubCase

_log = logging.getLogger(__name__)


class Unopenable(LookupError):
    """The sub-case that a case waits for can never be opened as things are."""


def hand_off(
    services: Services,
    row: CaseRow,
    occurrence: Occurrence,
    *,
    mark: Key | None = None,
    note: Note = lambda _, __: (),
    signal: bool = True,
) -> HandOff:
    """Decide an occurrence against a case as read, commit what follows, and let its followers follow.

    ``signal`` False: the caller is the execution and goes on by itself. Raises what ``decided`` raises.
    """
    done = decided(services, row, occurrence, mark=mark, note=note)
    if done.progress.moves:
        rested, visits = _come_to_rest(services, done.row)
        done = HandOff(done.progress, rested, done.visits + visits)
        if signal:
            follow(services, done.row, done.visits)
        tell_relatives(services, done.row)
    return done


def settle(services: Services, row: CaseRow, fresh: tuple[Visit, ...] = ()) -> None:
    """Bring everything that follows a case after its journal. ``fresh`` are the visits just committed, to save reading them."""
    follow(services, row, fresh)
    tell_relatives(services, row)


def follow(services: Services, row: CaseRow, fresh: tuple[Visit, ...] = ()) -> None:
    """Start the execution that follows the case, or signal it if it is parked behind; one of an older generation ends first."""
    if row.parked_visit == 0:
        if row.park is not None:
            older = superseded(row, row.park.generation, row.park.visit)
            services.executions.succeed(row.park.token, older)
        first = _visit(services, row, row.resumed_at, fresh)
        services.executions.start(
            row.workflow, row.version, row.id, row.generation, signal(first, row.generation, services.now())
        )
    elif row.park is not None and row.parked_visit < row.visit:
        following = _visit(services, row, row.parked_visit + 1, fresh)
        services.executions.succeed(row.park.token, signal(following, row.generation, services.now()))


def _visit(services: Services, row: CaseRow, number: int, fresh: tuple[Visit, ...]) -> Visit:
    for visit in fresh:
        if visit.number == number:
            return visit
    item = services.table.get(keys.visit(row.id, number))
    if item is None:
        raise LookupError(f"case {row.id} has no visit {number}")
    return visit_from(item)


def tell_relatives(services: Services, row: CaseRow) -> None:
    """Open the case that the present state waits for, or tell the parent that this one has ended.

    What a full commit left over is taken up first: only where a case comes to rest does it wait for another. And a system
    step that is still to be undone is gone back to.
    """
    row, visits = _come_to_rest(services, row)
    if visits:
        follow(services, row, visits)
    with suppress(WriteRefused, Contention):  # the case moved; whoever moved it looks as well
        undoing = sent_back(services, row)
        if undoing is not None:
            follow(services, undoing)
            row = undoing
    if row.ended_at is not None:
        if row.parent is not None:
            _report(services, row, row.parent)
        return
    wanted = machine_of(services, row).states[row.state].opens
    if wanted is not None:
        _open_sub_case(services, row, wanted)


def tell_relatives_again(services: Services, row: CaseRow) -> None:
    """The same, for an execution that finds its case moved on: whoever moved it may have died before anybody was told.

    A sub-case that can never be opened as things are must not keep the execution from following, or no timer would run for
    the state's deadline. Whoever moved the case raised that; here it is written to the log, and the sweep fails on it. Any
    other fault is raised, so that the execution asks again.
    """
    try:
        tell_relatives(services, row)
    except Unopenable:
        _log.exception("case %s has moved on, and its relatives cannot be told", row.id)


def sub_case_request(row: CaseRow) -> str:
    """What asks for the sub-case that a case waits for: the same however often, another when it comes back to wait anew."""
    return f"sub-case#{row.id}#{row.arrived}"


def _come_to_rest(services: Services, row: CaseRow) -> tuple[CaseRow, tuple[Visit, ...]]:
    """The case when all deferred events that it can answer have been, however many commits that takes; and its new visits."""
    visits: tuple[Visit, ...] = ()
    for _ in range(MAX_DEFERRED):
        row, done = persist(services, partial(_take_up_rest, services, row))
        if done is None:
            break
        row, visits = done[0], visits + done[1]
    return row, visits


def _take_up_rest(
    services: Services, row: CaseRow, attempt: int
) -> tuple[CaseRow, tuple[CaseRow, tuple[Visit, ...]] | None]:
    """The case as it was read, again after a lost race, and what taking up the rest made of it."""
    here = row if attempt == 1 else load_case(services, row.id)
    if here is None:
        raise LookupError(f"case {row.id} is to come to rest, and does not exist")
    return here, taken_up(services, here)


def _open_sub_case(services: Services, row: CaseRow, wanted: SubCase) -> None:
    """Open the sub-case that the case came here to wait for, once. Its own deadline stands if the place is taken now.

    What waited for it is placed by the sweep, within a minute. Raises Unopenable when it can never be opened as things are: that
    must be heard, although the case has moved already.
    """
    request = sub_case_request(row)
    mark = services.keys.mark(row.facility, request, wanted.workflow)
    correlated = services.library.correlation(wanted.workflow)
    if correlated.named_by is not None:
        raise Unopenable(f"case {row.id} waits for a case of {wanted.workflow}, and cannot say for which {correlated}")
    try:
        machine, policy = machine_for_new(services, wanted.workflow, row.facility)
    except Unplaceable as stopped:  # no fault of the event that is being placed: it has moved its case
        raise Unopenable(
            f"case {row.id} waits for a case of {wanted.workflow}, which {row.facility} does not run"
        ) from stopped
    shared = {fact.name for fact in machine.definition.facts}

    def note(decision: Decision, opened: CaseRow) -> tuple[Write, ...]:
        item = mark_item(mark, str(decision.outcome), str(decision.reason), services.now(), opened.id)
        same_patient = Condition("patient", Test.EQUALS, opened.patient)  # a merge may be telling the parent just now
        return (*marked(item, None), Check(keys.meta(row.id), (same_patient,)))

    def attempt(_: int) -> HandOff | None:
        parent = load_case(services, row.id) or row
        subject = parent.encounter if correlated is Correlation.ENCOUNTER else parent.patient
        if subject is None:
            raise Unopenable(f"case {row.id} has nobody to open {wanted.workflow} for")
        named = services.keys.correlation(row.facility, wanted.workflow, subject)
        correlation, place = placed_under(services, named)
        if place is not None and place.open:
            return None
        arrival = _arrival(services, row)
        child = CaseRow(
            id=services.keys.case(row.facility, wanted.workflow, correlation, request),
            facility=row.facility,
            workflow=wanted.workflow,
            version=machine.definition.version,
            policy=policy,
            correlation=correlation,
            patient=parent.patient,
            encounter=parent.encounter,
            opened_at=services.now(),
            parent=Parent(row.id, row.arrived),
            case=Case(
                entered=max(arrival.entered, place.ended or 0.0 if place is not None else 0.0),
                facts={name: known for name, known in row.case.facts.items() if name in shared},
                patient_parameters=row.case.patient_parameters,
                patient_parameters_at=row.case.patient_parameters_at,
            ),
        )
        occurrence = Occurrence(SUB_CASE_REQUESTED, request, arrival.happened)
        return begun(services, machine, child, occurrence, place=place, mark=mark, note=note)

    opened = None
    with suppress(SeenBefore):
        opened = persist(services, attempt)
    if opened is not None:
        settle(services, opened.row, opened.visits)
    else:
        _settle_opened(services, mark)


def _arrival(services: Services, row: CaseRow) -> Visit:
    """The state entry with which a case came to wait for its sub-case."""
    visit = services.table.get(keys.visit(row.id, row.arrived))
    if visit is None:
        raise LookupError(f"case {row.id} has no visit {row.arrived}")
    return visit_from(visit)


def _settle_opened(services: Services, request: Key) -> None:
    """Whoever opened the sub-case may have died before anything followed it. Where another case has its place, none was opened."""
    asked = services.table.get(request)
    if asked is None:
        return
    opened = load_case(services, asked["case"])
    if opened is None:
        raise LookupError(f"case {asked['case']} was opened for another, and does not exist")
    settle(services, opened)


def _report(services: Services, child: CaseRow, parent: Parent) -> None:
    """Tell the parent how its sub-case ended, once; one that has gone on by then is not moved unless its state says so.

    It ended when what ended it happened: that this was heard of late must not make what the parent is told next look early.
    """
    report = f"sub-case-ended#{child.id}"

    def attempt(_: int) -> HandOff | None:
        row = load_case(services, parent.case)
        if row is None:
            raise LookupError(f"case {child.id} was opened by {parent.case}, which does not exist")
        mark = services.keys.mark(row.facility, report, row.workflow)
        occurrence = Occurrence(f"{child.workflow}.{child.state}", report, child.case.entered)
        if row.arrived != parent.visit and not _answers(services, row, child.workflow, occurrence):
            return _late(services, row, occurrence, mark)

        def note(decision: Decision, told: CaseRow) -> tuple[Write, ...]:
            return marked(mark_item(mark, str(decision.outcome), str(decision.reason), services.now(), told.id), None)

        return decided(services, row, occurrence, mark=mark, note=note)

    try:
        told = persist(services, attempt)
    except SeenBefore:
        return
    if told is not None:
        settle(services, told.row, told.visits)


def _answers(services: Services, row: CaseRow, workflow: str, ended: Occurrence) -> bool:
    """Whether the parent's present state, which waits for no case of that workflow, says what becomes of such an end."""
    machine = machine_of(services, row)
    state = machine.states[row.state]
    if state.opens is not None and state.opens.workflow == workflow:
        return False  # it came back and waits for another case, opened for this arrival
    declared = (state.records, state.ignores, state.defers, state.refuses)
    return (row.state, ended.type) in machine.arrows or any(ended.type in answers for answers in declared)


def _late(services: Services, row: CaseRow, ended: Occurrence, mark: Key) -> HandOff:
    """The parent no longer waits for this case: how it ended is journaled, and changes nothing."""
    now = services.now()
    because = f"{row.workflow} no longer waits for it, and is in {row.state}"
    decision = Decision(Outcome.IGNORED, Reason.SUB_CASE_ENDED_LATE, because)
    change = noted(Change(before=row, after=row), entry(ended, decision, now))
    change = change.also(*marked(mark_item(mark, str(decision.outcome), str(decision.reason), now, row.id), None))
    commit(services, change, now, mark)
    return HandOff(Progress(decision, (), row.case, ()), change.after)
