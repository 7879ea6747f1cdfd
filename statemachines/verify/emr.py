"""What the EMR shows: Task statuses that follow one another, and businessStatus codes that tell states apart.

The Task's state machine: https://hl7.org/fhir/R4/task.html#statemachine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from statemachines.compare.task_status import may_follow
from statemachines.definition import StateKind
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.graph import step
from statemachines.verify.index import OPENING, Index
from statemachines.verify.machines import Machines

BEGINNINGS: Final = frozenset({"draft", "requested", "received", "accepted", "ready", "in-progress"})
"""Statuses in which a Task that Baton makes may begin."""
OPEN: Final = BEGINNINGS | {"on-hold"}
CLOSED: Final = frozenset({"completed", "failed", "cancelled", "rejected", "entered-in-error"})


def check_emr(machines: Machines) -> Iterator[Finding]:
    """The statuses of single states, of states beside each other, and along every arrow that can be taken."""
    index = machines.index
    yield from _statuses(index)
    yield from _apart(index)
    for edge in index.edges:
        target = index.states[edge.target]
        if not machines.union.enabled[edge.number] or target.emr.status not in OPEN | CLOSED:
            continue
        if edge.source == OPENING or edge.transition.reopens:  # a new case has a Task of its own
            if target.emr.status not in BEGINNINGS:
                yield codes.ILLEGAL_TASK_PATH.found(
                    index.place(state=target.name, transition=edge.transition.id),
                    f"{edge.transition.id} opens a case whose Task begins as {target.emr.status}.",
                    (step(edge),),
                )
            continue
        before = index.states[edge.source].emr.status
        if before in OPEN | CLOSED and not may_follow(before, target.emr.status):
            yield codes.ILLEGAL_TASK_PATH.found(
                index.place(state=index.states[edge.source].name, transition=edge.transition.id),
                f"{edge.transition.id} takes the Task from {before} to {target.emr.status}, which FHIR's state machine does not have.",
                (*machines.union.graph.way_to(edge.source), step(edge)),
            )


def _statuses(index: Index) -> Iterator[Finding]:
    for place, state in enumerate(index.states):
        status = state.emr.status
        where = index.place(state=state.name)
        if status not in OPEN | CLOSED:
            yield codes.WRONG_TASK_STATUS.found(
                where, f"{index.title(place)} shows {status!r}, which is no status of FHIR Task."
            )
        elif state.kind is StateKind.END and status in OPEN:
            yield codes.WRONG_TASK_STATUS.found(
                where, f"The case has ended in {index.title(place)}, and the EMR shows it as {status}."
            )
        elif state.kind is not StateKind.END and status in CLOSED:
            yield codes.WRONG_TASK_STATUS.found(
                where, f"The case is open in {index.title(place)}, and the EMR shows it as {status}."
            )


def _apart(index: Index) -> Iterator[Finding]:
    by_code: dict[str, list[int]] = {}
    by_display: dict[tuple[str, str], list[int]] = {}
    for place, state in enumerate(index.states):
        by_code.setdefault(state.emr.business_status, []).append(place)
        by_display.setdefault((state.emr.status, state.emr.display.casefold()), []).append(place)
    for code, places in by_code.items():
        shown = {(index.states[p].emr.status, index.states[p].emr.display) for p in places}
        names = ", ".join(index.states[p].name for p in places)
        if len(shown) > 1:
            yield codes.TWO_MEANINGS.found(
                index.place(state=names, name=code),
                f"{code} means {' and '.join(sorted(f'“{display}” ({status})' for status, display in shown))}.",
            )
        if len(places) > 1 and len({status for status, _ in shown}) < len(places):
            yield codes.INDISTINGUISHABLE.found(
                index.place(state=names, name=code),
                f"{names} all show {code}: nobody can tell from the EMR where the case is.",
            )
    for (status, _), places in by_display.items():
        if len({index.states[p].emr.business_status for p in places}) > 1:
            names = ", ".join(index.states[p].name for p in places)
            yield codes.INDISTINGUISHABLE.found(
                index.place(state=names, name=index.states[places[0]].emr.display),
                f"{names} all show “{index.states[places[0]].emr.display}” ({status}): nobody who reads it can tell them apart.",
            )
