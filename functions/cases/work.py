"""A system step of the workflow: do the work, then decide its outcome like any event; nothing is done for a case that moved on."""

from __future__ import annotations

from typing import Protocol

from functions.cases.change import Change, noted
from functions.cases.follow import following, own_occurrence, superseded
from functions.cases.handoff import commit, entry
from functions.cases.journal import Kind
from functions.cases.marks import SeenBefore, mark_item, marked
from functions.cases.ports import Services, Signal
from functions.cases.rows import CaseRow
from functions.cases.settle import hand_off
from functions.cases.store import load_case, machine_of, persist
from statemachines.case import Occurrence
from statemachines.decide import Decision, Outcome, Reason
from statemachines.definition import Late


class Step(Protocol):
    """What a system step does in the world. Doing it again does no harm."""

    def perform(self, row: CaseRow) -> str:
        """Do it and return its outcome, one of those the workflow declares. A fault raises, and the step is tried again."""

    def compensate(self, row: CaseRow) -> None:
        """Undo what ``perform`` did, as far as it can be undone."""


def perform(services: Services, case: str, generation: int, visit: int, work: str, step: Step) -> Signal:
    """Perform a system step for a visit of a case, commit its outcome, and say how the execution goes on.

    If the case moved on before, nothing is done; if it moved on meanwhile, the state it is in now says what becomes of the
    late outcome.
    """
    row = _row(services, case)
    if generation < row.generation:
        return superseded(row, generation, visit)
    if visit < row.visit:
        return following(services, row, visit)
    declared = machine_of(services, row).states[row.state].work
    if declared is None or declared.name != work:
        raise LookupError(f"{row.state} does not do {work}")
    outcome = step.perform(row)
    if outcome not in declared.outcomes:
        raise LookupError(f"{work} may end as {', '.join(declared.outcomes)}, not as {outcome!r}")

    def attempt(_: int) -> Signal:
        now_row = _row(services, case)
        if visit < now_row.visit:
            _late(services, now_row, visit, work, outcome, step)
            return (
                following(services, now_row, visit)
                if generation == now_row.generation
                else superseded(now_row, generation, visit)
            )
        occurrence = own_occurrence(f"{work}.{outcome}", visit, services.now())
        done = hand_off(services, now_row, occurrence, signal=False)
        if not done.progress.moves:
            raise LookupError(f"{work}.{outcome} leads nowhere from {now_row.state}")
        if (
            generation < done.row.generation
        ):  # a newer execution follows the case; it learns the outcome from the journal
            return superseded(done.row, generation, visit)
        return following(services, done.row, visit)

    return persist(services, attempt)


def _late(services: Services, row: CaseRow, visit: int, work: str, outcome: str, step: Step) -> None:
    """The case left the step while it was at work: the state it is in now declares what becomes of the outcome."""
    now = services.now()
    what = machine_of(services, row).states[row.state].late.get(work, Late.REFUSE)
    if what is Late.COMPENSATE:
        step.compensate(row)
    occurrence = Occurrence(f"{work}.{outcome}", f"{work}.{outcome}:{visit}", now)
    refused = what is Late.REFUSE
    decision = Decision(
        Outcome.REFUSED if refused else Outcome.RECORDED, Reason.DECLARED, f"late outcome: {what} in {row.state}"
    )
    change = noted(
        Change(before=row, after=row), entry(occurrence, decision, now, Kind.REFUSED if refused else Kind.RECORDED)
    )
    mark = services.keys.mark(row.facility, f"{row.id}#{occurrence.id}", row.workflow)
    change = change.also(*marked(mark_item(mark, str(decision.outcome), "late_outcome", now, row.id), None))
    try:
        commit(services, change, now, mark)
    except SeenBefore:
        return  # an earlier try of this step noted it


def _row(services: Services, case: str) -> CaseRow:
    row = load_case(services, case)
    if row is None:
        raise LookupError(f"an execution works for case {case}, which does not exist")
    return row
