"""Deferred events that were left over: the state that the case came to answers them, but nobody asked it.

A commit makes a bounded number of moves; what it did not come to waits here for the sweep.
"""

from __future__ import annotations

from dataclasses import replace

from functions.cases.correlating import mark_of
from functions.cases.marks import answered
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, moved_on
from functions.cases.settle import hand_off
from functions.cases.store import machine_of
from functions.cases.table import Write
from statemachines.decide import Decision, Outcome, decide


def answer_deferred(services: Services, row: CaseRow) -> bool:
    """Let the present state answer the earliest deferred event that it has an answer for; whether there was one.

    Raises WriteRefused when the case moved meanwhile, Contention.
    """
    if not row.case.deferred:
        return False
    machine, now = machine_of(services, row), services.now()
    for held in sorted(row.case.deferred, key=lambda event: event.at):
        if decide(machine, replace(row.case, deferred=()), held, now).outcome is Outcome.DEFERRED:
            continue
        mark = mark_of(services, row, held)

        def note(decision: Decision, _: CaseRow) -> tuple[Write, ...]:
            return (answered(mark, decision, now),)  # noqa: B023 - called before the loop goes on

        rest = tuple(event for event in row.case.deferred if event is not held)
        hand_off(services, moved_on(row, case=replace(row.case, deferred=rest)), held, note=note)
        return True
    return False
