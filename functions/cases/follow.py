"""What an execution asks of Baton: to be parked until the case moves, and to have a deadline decided.

The journal in the table is the truth; an execution only ever learns what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from functions.cases import keys
from functions.cases.generations import continued, outlived
from functions.cases.ports import Services, Signal
from functions.cases.rows import CaseRow, Park, case_from, moved_on, signal, superseded, visit_from
from functions.cases.settle import follow, hand_off, tell_relatives_again
from functions.cases.store import load_case, machine_of, persist
from functions.cases.table import Condition, Contention, Test, Update, WriteRefused
from statemachines.case import Occurrence
from statemachines.definition import DEADLINE_MISSED, StateKind

EARLY_SECONDS = 1.0
"""A timer counts whole seconds and two clocks differ; a deadline this near has passed."""

REWAIT = "rewait"
NO_TIMER = "sweep: no timer had fired"
"""Who decided a deadline, where it was not its timer."""


class Lag(NamedTuple):
    """How many seconds after the commit the execution of a workflow's case at a facility had followed."""

    seconds: float
    workflow: str
    facility: str


class Answer(NamedTuple):
    """What an execution is told: its next input, or None when it is parked; and how long it lagged behind the commit."""

    signal: Signal | None
    lag: Lag | None = None


def park(services: Services, case: str, where: Park) -> Lag | None:
    """Let an execution's state wait under a token until the case moves on.

    Accepted only while the case is still at that visit, and only from an attempt newer than the stored one: a retried
    attempt's late, dead token can never take the place of a live one. When the case has moved on already, the
    execution is sent after it at once. Returns how long after the commit it came; None when it is not waiting now.
    """
    conditions = (
        Condition("visit", Test.EQUALS, where.visit),
        Condition("generation", Test.EQUALS, where.generation),
        Condition("park_order", Test.ABSENT_OR_BELOW, where.order),
    )
    try:
        found = services.table.update(
            Update(
                keys.meta(case),
                set={"park": where._asdict(), "park_order": where.order},
                add={"rev": 1},
                copy={"look_at": "overdue_at"},
                conditions=conditions,
            )
        )
    except WriteRefused as refused:
        there = refused.failed[0]
        if there is None:
            raise LookupError(f"an execution asks for case {case}, which does not exist") from refused
        _sent_after(services, case_from(there), where)
        return None
    row = case_from(found)
    after = _continued(services, row, where.visit)
    if after is not None:
        follow(services, after)
        return None
    return Lag(max(0.0, services.now() - float(found["moved_at"])), row.workflow, row.facility)


def _sent_after(services: Services, row: CaseRow, where: Park) -> None:
    if where.generation == row.generation and where.visit < row.visit:
        after = _continued(services, row, where.visit)
        if after is None:
            services.executions.succeed(where.token, following(services, row, where.visit))
            return
        row = after
    if where.generation < row.generation:
        services.executions.succeed(where.token, _ended_by_another(services, row, where.generation, where.visit))
    # Else a newer attempt of the same visit holds the place; this token is dead.


def _continued(services: Services, row: CaseRow, visit: int) -> CaseRow | None:
    """The case as another execution now follows it from this visit on; None while the present one may go on."""
    why = outlived(services, row, visit)
    if why is None:
        return None
    try:
        return continued(services, row, visit, why)
    except (WriteRefused, Contention):
        return None  # the case moved in this moment and takes its execution along; its next wait ends it, or the sweep


def following(services: Services, row: CaseRow, visit: int) -> Signal:
    """The next input of an execution that has followed the case up to ``visit``."""
    item = services.table.get(keys.visit(row.id, visit + 1))
    if item is None:
        raise LookupError(f"case {row.id} has no visit {visit + 1}")
    return signal(visit_from(item), row.generation, services.now())


def gone_on(services: Services, case: str, generation: int, visit: int) -> Signal:
    """How an execution goes on whose case has left the visit already.

    Whoever moved it, an earlier try of the same request perhaps, may have died before parent or sub-case knew of it; and
    nobody repeats that but this execution. A person who acts meanwhile must not be answered by a case that does not know.
    """
    tell_relatives_again(services, _row(services, case))
    row = _row(services, case)
    if generation < row.generation:
        return _ended_by_another(services, row, generation, visit)
    return following(services, row, visit)


def deadline(services: Services, case: str, generation: int, visit: int, entry: int) -> Signal:
    """Decide the deadline that an execution waited for, and say how to go on.

    If an event won the race, the execution simply follows the journal. A wait that ended for another reason before its
    time is resumed, by another execution when this one has lived long enough.
    """

    def attempt(_: int) -> Signal | None:
        row = _row(services, case)
        if visit < row.visit:
            return None
        if generation < row.generation:
            return _ended_by_another(services, row, generation, visit)
        now = services.now()
        if row.case.due is not None and row.case.due - now > EARLY_SECONDS:
            return _resumed(services, row, entry)
        return _decided(services, row, DEADLINE_MISSED, visit)

    return persist(services, attempt) or gone_on(services, case, generation, visit)


def give_up(services: Services, case: str, generation: int, visit: int, work: str) -> Signal:
    """A system step failed in every attempt: that is its outcome ``failed``, decided like any event."""

    def attempt(_: int) -> Signal | None:
        row = _row(services, case)
        if visit < row.visit:
            return None
        if generation < row.generation:
            return _ended_by_another(services, row, generation, visit)
        return _decided(services, row, f"{work}.failed", visit)

    return persist(services, attempt) or gone_on(services, case, generation, visit)


def _ended_by_another(services: Services, row: CaseRow, generation: int, visit: int) -> Signal:
    if row.parked_visit == 0:  # whoever began the newer generation may have died before it was started
        follow(services, row)
    return superseded(row, generation, visit)


def decide_overdue(services: Services, row: CaseRow) -> None:
    """Decide a deadline whose timer is missing; the sweep's way, as the journal says. Raises LookupError when the state has no
    way to escalate.
    """
    occurrence = replace(own_occurrence(DEADLINE_MISSED, row.visit, services.now()), reason=NO_TIMER)
    done = hand_off(services, row, occurrence)
    if not done.progress.moves:
        raise LookupError(f"{row.workflow} {row.version}: {DEADLINE_MISSED} leads nowhere from {row.state}")


def own_occurrence(event: str, visit: int, now: float, **values: Any) -> Occurrence:
    """Something that Baton itself brings about at a visit of a case."""
    return Occurrence(event, f"{event}:{visit}", now, values=values)


def _decided(services: Services, row: CaseRow, event: str, visit: int) -> Signal:
    done = hand_off(services, row, own_occurrence(event, visit, services.now()), signal=False)
    if not done.progress.moves:
        raise LookupError(f"{row.workflow} {row.version}: {event} leads nowhere from {row.state}")
    return following(services, done.row, visit)


def _resumed(services: Services, row: CaseRow, entry: int) -> Signal:
    if machine_of(services, row).states[row.state].kind is not StateKind.WAITING:
        raise LookupError(f"{row.state} does not wait")
    item = services.table.get(keys.visit(row.id, row.visit))
    if item is None:
        raise LookupError(f"case {row.id} has no visit {row.visit}")
    # Each wait adds to the execution's history, and no new visit tells of this one.
    why = outlived(services, moved_on(row, rewaits=row.rewaits + 1), row.visit)
    if why is not None:
        after = continued(services, row, row.visit, why)
        follow(services, after)
        return superseded(after, row.generation, row.visit)
    counted = Condition("rev", Test.EQUALS, row.rev)
    services.table.update(Update(keys.meta(row.id), add={"rev": 1, "rewaits": 1}, conditions=(counted,)))
    return signal(visit_from(item), row.generation, services.now(), entry=entry + 1, transition=REWAIT)


def _row(services: Services, case: str) -> CaseRow:
    row = load_case(services, case)
    if row is None:
        raise LookupError(f"an execution asks for case {case}, which does not exist")
    return row


def dispatch(services: Services, request: Mapping[str, Any]) -> Answer:
    """One request of an execution: ``park`` answers later through its token, the others answer with the next input."""
    case, generation, visit = str(request["case"]), int(request["generation"]), int(request["visit"])
    match request["action"]:
        case "park":
            where = Park(generation, visit, int(request["entry"]), int(request["attempt"]), str(request["token"]))
            return Answer(None, park(services, case, where))
        case "deadline":
            return Answer(deadline(services, case, generation, visit, int(request["entry"])))
        case "give_up":
            return Answer(give_up(services, case, generation, visit, str(request["work"])))
    raise ValueError(f"unknown action {request['action']!r}; one of park, deadline, give_up")
