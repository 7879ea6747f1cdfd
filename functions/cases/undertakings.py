"""What system steps set out to do, on record until it is known what became of it: so no compensation is lost in a crash.

Only steps that some state wants undone when they end late are recorded. The record goes with the commit of the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from functions.cases import keys
from functions.cases.change import Change, noted
from functions.cases.commit import transaction
from functions.cases.journal import Entry, Kind
from functions.cases.marks import MARK_KEPT_SECONDS
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, moved_on, visit_from
from functions.cases.store import machine_of
from functions.cases.table import Condition, Item, Key, Put, Test, Update, Write, read_all
from statemachines.decide import Reason
from statemachines.definition import Late
from statemachines.expressions import Known
from statemachines.machine import Machine

TRY_AGAIN_SECONDS = 300.0
"""How long after the last try another execution is sent back to the step: its own retries are over by then."""

MAX_RETURNS = 12
"""So many executions are sent back to undo what a step did; then the journal calls for a person, and an alarm rings."""

UNDO_BY_HAND = "undo_by_hand"
"""The reason in the journal where a person must undo what a step did."""

_PREFIX = "WORK#"


class Undertaking(NamedTuple):
    """A step at work in a visit, with the facts that it knew. ``owed``: it ended late as this, and is to be undone."""

    visit: int
    work: str
    facts: Mapping[str, Known]
    tried_at: float
    owed: str | None = None
    returns: int = 0


def _key(case: str, visit: int) -> Key:
    return Key(keys.case_pk(case), f"{_PREFIX}{visit:06d}")


def is_recorded(machine: Machine, work: str) -> bool:
    """Whether some state wants the work undone when it ends there too late."""
    return work in machine.undone


def set_out(
    services: Services, case: str, visit: int, work: str, facts: Mapping[str, Known], *, owed: str | None = None
) -> None:
    """Put on record that a step is about to act upon these facts; or, when it is ``owed``, that what it did is to be undone,
    whatever becomes of the case meanwhile.
    """
    key = _key(case, visit)
    known = {name: list(fact) for name, fact in facts.items()}
    item = {"pk": key.pk, "sk": key.sk, "work": work, "facts": known, "tried_at": services.now()}
    services.table.write((Put(item if owed is None else {**item, "owed": owed}),))


def still_on_record(services: Services, case: str, visit: int) -> Undertaking | None:
    """What the step of a visit set out to do; None when it never began, or it is known what became of it."""
    item = services.table.get(_key(case, visit))
    return _from(item) if item is not None and "done_at" not in item else None


def any_on_record(services: Services, row: CaseRow) -> bool:
    """Whether it is not known yet what became of some step of the case that may have to be undone."""
    if not machine_of(services, row).sets_out:
        return False
    return any("done_at" not in item for item in read_all(services.table, keys.case_pk(row.id), _PREFIX))


def done_with(case: str, visit: int, now: float) -> Write:
    """It is known what became of the step, as the commit beside it says; the table forgets the record in time."""
    return Update(_key(case, visit), set={"done_at": now, "expires_at": int(now + MARK_KEPT_SECONDS)})


def came_late(services: Services, row: CaseRow, undertaking: Undertaking) -> bool:
    """Whether the case left the visit in another way than by an outcome of the step."""
    item = services.table.get(keys.visit(row.id, undertaking.visit + 1))
    if item is None:
        return False
    took = visit_from(item).transition
    on = next(t.on for t in machine_of(services, row).definition.transitions if t.id == took)
    return not on.startswith(f"{undertaking.work}.")


def sent_back(services: Services, row: CaseRow) -> CaseRow | None:
    """The case as another execution follows it, from a step that still has to be undone; None when there is none to send.

    The step's own execution tried as often as it may and went on. Raises WriteRefused when the case moved meanwhile.
    """
    machine = machine_of(services, row)
    if not machine.sets_out:
        return None
    now = services.now()
    for item in read_all(services.table, keys.case_pk(row.id), _PREFIX):
        if "done_at" in item:
            continue
        undertaking = _from(item)
        if undertaking.visit >= row.visit or undertaking.tried_at + TRY_AGAIN_SECONDS > now:
            continue
        wanted = machine.states[row.state].late.get(undertaking.work) is Late.COMPENSATE
        if undertaking.owed is None and not (wanted and came_late(services, row, undertaking)):
            continue
        return _returned(services, row, undertaking, now)
    return None


def _returned(services: Services, row: CaseRow, undertaking: Undertaking, now: float) -> CaseRow | None:
    what = f"{undertaking.work} of visit {undertaking.visit}"
    if undertaking.returns >= MAX_RETURNS:
        because = f"{what} ended too late and could not be undone; undo it by hand"
        write: Write = done_with(row.id, undertaking.visit, now)
        kind, after, reason = Kind.REFUSED, row, UNDO_BY_HAND
    else:
        because = f"{what} ended too late and is not undone; another execution tries again"
        write = Update(
            _key(row.id, undertaking.visit),
            set={"tried_at": now},
            add={"returns": 1},
            conditions=(Condition("done_at", Test.ABSENT),),
        )
        kind, reason = Kind.REPAIRED, str(Reason.NOT_UNDONE)
        after = moved_on(
            row, generation=row.generation + 1, resumed_at=undertaking.visit, followed_since=now, rewaits=0
        )
    told = Entry(
        kind=kind,
        at=now,
        reason=reason,
        because=because,
        event=f"{undertaking.work}.{undertaking.owed}" if undertaking.owed else undertaking.work,
        event_id=f"{undertaking.work}:{undertaking.visit}:{undertaking.returns}",
        occurred_at=now,
    )
    change = noted(Change(before=row, after=after), told).also(write)
    services.table.write(transaction(change, now))
    return change.after if kind is Kind.REPAIRED else None


def _from(item: Item) -> Undertaking:
    return Undertaking(
        int(item["sk"].removeprefix(_PREFIX)),
        item["work"],
        {name: Known(*known) for name, known in item["facts"].items()},
        float(item["tried_at"]),
        item.get("owed"),
        int(item.get("returns", 0)),
    )
