"""A system step of the workflow: do the work, then decide its outcome like any event; nothing is done for a case that moved on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from functions.cases.change import Change, noted
from functions.cases.follow import following, gone_on, own_occurrence
from functions.cases.handoff import commit, entry
from functions.cases.journal import Kind
from functions.cases.marks import SeenBefore, mark_item, marked
from functions.cases.ports import Services, Signal
from functions.cases.rows import CaseRow, moved_on, superseded
from functions.cases.settle import hand_off
from functions.cases.store import load_case, machine_of, persist
from functions.cases.undertakings import came_late, done_with, is_recorded, set_out, still_on_record
from statemachines.case import Occurrence
from statemachines.decide import Decision, Outcome, Reason
from statemachines.definition import Late
from statemachines.expressions import Known

UNKNOWN = "unknown"
"""The outcome of a step that nobody lived to tell."""


class Step(Protocol):
    """What a system step does in the world. Doing it again does no harm."""

    def perform(self, row: CaseRow) -> str:
        """Do it and return its outcome, one of those the workflow declares. A fault raises, and the step is tried again."""

    def compensate(self, row: CaseRow) -> None:
        """Undo what ``perform`` did, as far as it can be undone."""


def perform(services: Services, case: str, generation: int, visit: int, work: str, step: Step) -> Signal:
    """Perform a system step for a visit of a case, commit its outcome, and say how the execution goes on.

    If the case moved on before, nothing is done; if it moved on meanwhile, the state it is in now says what becomes of the
    late outcome. What is to be undone is tried again until it is, by whichever execution comes here.
    """
    row = _row(services, case)
    if visit < row.visit:
        _undo_rest(services, row, generation, visit, work, step)
        return gone_on(services, case, generation, visit)
    if generation < row.generation:
        return superseded(row, generation, visit)
    declared = machine_of(services, row).states[row.state].work
    if declared is None or declared.name != work:
        raise LookupError(f"{row.state} does not do {work}")
    recorded = is_recorded(machine_of(services, row), work)
    if recorded:
        set_out(services, case, visit, work, row.case.facts)
    outcome = step.perform(row)
    if outcome not in declared.outcomes:
        raise LookupError(f"{work} may end as {', '.join(declared.outcomes)}, not as {outcome!r}")

    def attempt(_: int) -> Signal | None:
        now_row = _row(services, case)
        if visit < now_row.visit:
            _late(services, now_row, generation, visit, work, outcome, step, row.case.facts if recorded else None)
            return None
        occurrence = own_occurrence(f"{work}.{outcome}", visit, services.now())
        known = (done_with(case, visit, services.now()),) if recorded else ()
        done = hand_off(services, now_row, occurrence, signal=False, note=lambda _, __: known)
        if not done.progress.moves:
            raise LookupError(f"{work}.{outcome} leads nowhere from {now_row.state}")
        if (
            generation < done.row.generation
        ):  # a newer execution follows the case; it learns the outcome from the journal
            return superseded(done.row, generation, visit)
        return following(services, done.row, visit)

    return persist(services, attempt) or gone_on(services, case, generation, visit)


def _undo_rest(services: Services, row: CaseRow, generation: int, visit: int, work: str, step: Step) -> None:
    """An earlier try acted, or may have, and did not live to undo it; or could not."""
    undertaking = still_on_record(services, row.id, visit)
    if undertaking is None:
        return
    if undertaking.owed is not None:
        _undone(services, row, generation, visit, work, undertaking.owed, step, undertaking.facts)
    elif _declared(services, row, work) is Late.COMPENSATE and came_late(services, row, undertaking):
        _undone(services, row, generation, visit, work, UNKNOWN, step, undertaking.facts)


def _declared(services: Services, row: CaseRow, work: str) -> Late:
    return machine_of(services, row).states[row.state].late.get(work, Late.REFUSE)


def _late(
    services: Services,
    row: CaseRow,
    generation: int,
    visit: int,
    work: str,
    outcome: str,
    step: Step,
    facts: Mapping[str, Known] | None,
) -> None:
    """The case left the step while it was at work: the state it is in now declares what becomes of the outcome.

    ``facts`` are those the step acted upon, None when no state wants it undone.
    """
    what = _declared(services, row, work)
    if what is Late.COMPENSATE and facts is not None:
        set_out(services, row.id, visit, work, facts, owed=outcome)
        _undone(services, row, generation, visit, work, outcome, step, facts)
    else:
        _noted_late(services, row, visit, work, outcome, what, recorded=facts is not None)


def _undone(
    services: Services,
    row: CaseRow,
    generation: int,
    visit: int,
    work: str,
    outcome: str,
    step: Step,
    facts: Mapping[str, Known],
) -> None:
    """Undo what the step did for the case as it knew it, in its own visit: what an earlier try of it holds is this one's.

    A fault is journaled once, and raised: it is tried again.
    """
    try:
        step.compensate(moved_on(row, generation=generation, visit=visit, case=replace(row.case, facts=facts)))
    except Exception as fault:
        why = type(fault).__name__
        persist(services, lambda _: _noted_failing(services, row.id, visit, work, outcome, why))
        raise
    persist(
        services,
        lambda _: _noted_late(
            services, _row(services, row.id), visit, work, outcome, Late.COMPENSATE, recorded=True, stood=row.state
        ),
    )


def _noted_failing(services: Services, case: str, visit: int, work: str, outcome: str, why: str) -> None:
    row, now = _row(services, case), services.now()
    occurrence = Occurrence(f"{work}.{outcome}", f"{work}.{outcome}:{visit}:not_undone", now)
    because = f"it ended too late and could not be undone ({why}); it is tried again"
    decision = Decision(Outcome.REFUSED, Reason.NOT_UNDONE, because)
    mark = services.keys.mark(row.facility, f"{row.id}#{occurrence.id}", row.workflow)
    change = noted(Change(before=row, after=row), entry(occurrence, decision, now))
    change = change.also(*marked(mark_item(mark, str(decision.outcome), str(decision.reason), now, row.id), None))
    with suppress(SeenBefore):
        commit(services, change, now, mark)


def _noted_late(
    services: Services,
    row: CaseRow,
    visit: int,
    work: str,
    outcome: str,
    what: Late,
    *,
    recorded: bool,
    stood: str | None = None,
) -> None:
    """What became of a late outcome, in the journal. ``stood``: the state that wanted it so, when not the present one."""
    now = services.now()
    occurrence = Occurrence(f"{work}.{outcome}", f"{work}.{outcome}:{visit}", now)
    refused = what is Late.REFUSE
    because = f"late outcome: {what} in {stood or row.state}"
    decision = Decision(Outcome.REFUSED if refused else Outcome.RECORDED, Reason.DECLARED, because)
    change = noted(
        Change(before=row, after=row), entry(occurrence, decision, now, Kind.REFUSED if refused else Kind.RECORDED)
    )
    mark = services.keys.mark(row.facility, f"{row.id}#{occurrence.id}", row.workflow)
    change = change.also(*marked(mark_item(mark, str(decision.outcome), "late_outcome", now, row.id), None))
    if recorded:
        change = change.also(done_with(row.id, visit, now))
    try:
        commit(services, change, now, mark)
    except SeenBefore:  # an earlier try of this step noted it
        if recorded:
            services.table.write((done_with(row.id, visit, now),))


def _row(services: Services, case: str) -> CaseRow:
    row = load_case(services, case)
    if row is None:
        raise LookupError(f"an execution works for case {case}, which does not exist")
    return row
