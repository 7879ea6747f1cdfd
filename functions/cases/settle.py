"""All that must follow a commit, and does no harm when done again: the execution follows the case, and so do its relatives.

It runs after every commit, on duplicates (so that a crash between commit and signal heals when the event is redelivered),
and in the sweep.
"""

from __future__ import annotations

from functions.cases import keys
from functions.cases.handoff import HandOff, Note, begun, decided
from functions.cases.marks import SeenBefore, mark_item, marked
from functions.cases.outcome import Unplaceable
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, Parent, Visit, signal, visit_from
from functions.cases.store import find_place, load_case, machine_for_new, machine_of, persist
from functions.cases.table import Key, Write
from statemachines.case import Case, Occurrence
from statemachines.decide import Decision
from statemachines.definition import SUB_CASE_REQUESTED, Correlation, SubCase


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
        if signal:
            follow(services, done.row, done.visits)
        tell_relatives(services, done.row)
    return done


def settle(services: Services, row: CaseRow, fresh: tuple[Visit, ...] = ()) -> None:
    """Bring everything that follows a case after its journal. ``fresh`` are the visits just committed, to save reading them."""
    follow(services, row, fresh)
    tell_relatives(services, row)


def follow(services: Services, row: CaseRow, fresh: tuple[Visit, ...] = ()) -> None:
    """Start the execution that follows the case, or signal it if it is parked behind."""
    if row.parked_visit == 0:
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
    """Open the case that the present state waits for, or tell the parent that this one has ended."""
    if row.ended_at is not None:
        if row.parent is not None:
            _report(services, row, row.parent, row.ended_at)
        return
    wanted = machine_of(services, row).states[row.state].opens
    if wanted is not None:
        _open_sub_case(services, row, wanted)


def _open_sub_case(services: Services, row: CaseRow, wanted: SubCase) -> None:
    """Open the sub-case that the case came here to wait for, once. Its own deadline stands if the place is taken now.

    Raises LookupError when it can never be opened as things are: that must be heard, although the case has moved already.
    """
    request = f"sub-case#{row.id}#{row.arrived}"
    mark = services.keys.mark(row.facility, request, wanted.workflow)
    by_encounter = services.library.correlation(wanted.workflow) is Correlation.ENCOUNTER
    subject = row.encounter if by_encounter else row.patient
    if subject is None:
        raise LookupError(f"case {row.id} has nobody to open {wanted.workflow} for")
    correlation = services.keys.correlation(row.facility, wanted.workflow, subject)
    try:
        machine, policy = machine_for_new(services, wanted.workflow, row.facility)
    except Unplaceable as stopped:  # no fault of the event that is being placed: it has moved its case
        raise LookupError(
            f"case {row.id} waits for a case of {wanted.workflow}, which {row.facility} does not run"
        ) from stopped
    shared = {fact.name for fact in machine.definition.facts}
    child = CaseRow(
        id=services.keys.case(row.facility, wanted.workflow, correlation, request),
        facility=row.facility,
        workflow=wanted.workflow,
        version=machine.definition.version,
        policy=policy,
        correlation=correlation,
        patient=row.patient,
        encounter=row.encounter,
        opened_at=services.now(),
        parent=Parent(row.id, row.arrived),
        case=Case(
            facts={name: known for name, known in row.case.facts.items() if name in shared},
            patient_parameters=row.case.patient_parameters,
            patient_parameters_at=row.case.patient_parameters_at,
        ),
    )

    def note(decision: Decision, opened: CaseRow) -> tuple[Write, ...]:
        return marked(mark_item(mark, str(decision.outcome), str(decision.reason), services.now(), opened.id), None)

    def attempt(_: int) -> HandOff | None:
        place = find_place(services, correlation)
        if place is not None and place.open:
            return None
        occurrence = Occurrence(SUB_CASE_REQUESTED, request, services.now())
        return begun(services, machine, child, occurrence, place=place, mark=mark, note=note)

    try:
        opened = persist(services, attempt)
    except SeenBefore:
        return
    if opened is not None:
        settle(services, opened.row, opened.visits)


def _report(services: Services, child: CaseRow, parent: Parent, ended_at: float) -> None:
    """Tell the parent how its sub-case ended, once; a parent that has gone on by then is not disturbed."""
    report = f"sub-case-ended#{child.id}"

    def attempt(_: int) -> HandOff | None:
        row = load_case(services, parent.case)
        if row is None:
            raise LookupError(f"case {child.id} was opened by {parent.case}, which does not exist")
        if row.arrived != parent.visit:
            return None
        mark = services.keys.mark(row.facility, report, row.workflow)

        def note(decision: Decision, told: CaseRow) -> tuple[Write, ...]:
            return marked(mark_item(mark, str(decision.outcome), str(decision.reason), services.now(), told.id), None)

        occurrence = Occurrence(f"{child.workflow}.{child.state}", report, ended_at)
        return decided(services, row, occurrence, mark=mark, note=note)

    try:
        told = persist(services, attempt)
    except SeenBefore:
        return
    if told is not None:
        settle(services, told.row, told.visits)
