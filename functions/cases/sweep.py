"""The sweep: outside Step Functions, it finds cases that nobody follows and deadlines that nobody keeps, and mends them.

The index tells where to look; what is there decides. A case that needs nothing is looked at again when its deadline is due.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from events.parse import parse_event
from functions.cases import keys
from functions.cases.change import Change, noted
from functions.cases.commit import FOLLOW_WITHIN_SECONDS, transaction
from functions.cases.events import place_in
from functions.cases.follow import decide_overdue
from functions.cases.journal import Entry, Kind
from functions.cases.outcome import Unplaceable
from functions.cases.ports import Mirrors, Services
from functions.cases.quarantine import quarantine
from functions.cases.rows import CaseRow, moved_on
from functions.cases.settle import settle, tell_relatives
from functions.cases.store import load_case
from functions.cases.table import Condition, Contention, Delete, Index, Item, Key, Test, Update, WriteRefused, read_all
from functions.cases.unopened import EARLY_LOOK_SECONDS

LOOK_FOR_MIRROR_SECONDS = 300.0
"""How often the sweep asks again for an EMR that does not show the end of a case: an EMR may be away for hours."""

MAX_GENERATIONS = 100
"""A case whose executions keep failing is not restarted for ever; the sweep fails, and its alarm rings."""

RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"


class Mended(StrEnum):
    """What the sweep found and did; counted as a metric."""

    NOTHING = "nothing"
    SIGNALLED = "signalled"
    RESTARTED = "restarted"
    OVERDUE = "overdue"
    EARLY_PLACED = "early_placed"
    EARLY_EXPIRED = "early_expired"


class Looked(NamedTuple):
    """One case or held event that the sweep looked at, and what it did."""

    case: str | None
    mended: Mended


def sweep(services: Services, mirrors: Mirrors, *, limit: int = 200) -> Iterator[Looked]:
    """Look at everything that is due to be looked at, at most ``limit`` rows in each part of the index.

    A row that cannot be looked at holds up no other: after the last, all faults are raised together as an ExceptionGroup.
    """
    faults: list[Exception] = []
    for shard in keys.all_sweep_shards():
        for hint in services.table.query_index(Index.SWEEP, shard, upto=services.now(), limit=limit).items:
            try:
                yield _look_again(services, mirrors, Key(hint["pk"], hint["sk"]))
            except Exception as fault:  # noqa: BLE001 - raised with the others when all have been looked at
                faults.append(fault)
    if faults:
        raise ExceptionGroup(f"{len(faults)} rows could not be looked at", faults)


def _look_again(services: Services, mirrors: Mirrors, key: Key) -> Looked:
    try:
        return (
            mend(services, key.pk.removeprefix("CASE#"), mirrors) if key.sk == keys.META else _mend_early(services, key)
        )
    except (WriteRefused, Contention):
        return Looked(None, Mended.NOTHING)  # somebody is at work there; the next sweep looks again


def mend(services: Services, case: str, mirrors: Mirrors) -> Looked:
    """Look at one case: decide its overdue deadline, or wake, restart or replace its execution, if it needs that.

    The deadline comes first: the journal passes responsibility on even while Step Functions is away.
    """
    row = load_case(services, case)
    if row is None:
        return Looked(case, Mended.NOTHING)
    now = services.now()
    if row.ended_at is None and row.case.due is not None and row.case.due < now:
        decide_overdue(services, row)
        return Looked(case, Mended.OVERDUE)
    if is_behind(services, row):
        mirrors.ask(case, f"{row.seq}-sweep-{int(now // LOOK_FOR_MIRROR_SECONDS)}")
    status = services.executions.status(row.workflow, row.version, row.id, row.generation)
    if row.ended_at is not None and status == SUCCEEDED:
        tell_relatives(services, row)
        _next_look(services, row, now + LOOK_FOR_MIRROR_SECONDS if is_behind(services, row) else None)
        return Looked(case, Mended.NOTHING)
    if status is None:
        settle(services, row)
        _next_look(services, row, now + FOLLOW_WITHIN_SECONDS)
        return Looked(case, Mended.SIGNALLED)
    if status != RUNNING:
        _restart(services, row, status)
        return Looked(case, Mended.RESTARTED)
    if 0 < row.parked_visit < row.visit:
        settle(services, row)
        _next_look(services, row, now + FOLLOW_WITHIN_SECONDS)
        return Looked(case, Mended.SIGNALLED)
    tell_relatives(services, row)
    later = now + FOLLOW_WITHIN_SECONDS
    _next_look(services, row, later if row.case.due is None else max(later, row.case.due + FOLLOW_WITHIN_SECONDS))
    return Looked(case, Mended.NOTHING)


def is_behind(services: Services, row: CaseRow) -> bool:
    """Whether no EMR shows the newest entry of the case's journal yet."""
    if row.patient is None or row.encounter is None:
        return False
    shown = [int(mirror["shown"]) for mirror in read_all(services.table, keys.case_pk(row.id), keys.MIRROR)]
    return max(shown, default=0) < row.seq


def _restart(services: Services, row: CaseRow, status: str) -> None:
    """Begin a new generation: the old execution ended without its case, or ended with it at another state.

    It begins at the first visit that the old one did not follow to, so that together they visited the journal's states.
    """
    if row.generation >= MAX_GENERATIONS:
        raise RuntimeError(
            f"case {row.id}: {MAX_GENERATIONS} executions ended as {status}; find out why before another starts"
        )
    now = services.now()
    entry = Entry(
        kind=Kind.REPAIRED,
        at=now,
        reason="execution_" + status.lower(),
        because=f"execution {row.generation} ended as {status} before its case did; a new one follows it",
        event="execution_ended",
        event_id=f"execution:{row.generation}",
        occurred_at=now,
    )
    first = min(row.visit, row.parked_visit + 1) if row.parked_visit else row.resumed_at
    after = moved_on(row, generation=row.generation + 1, resumed_at=first)
    change = noted(Change(before=row, after=after), entry)
    services.table.write(transaction(change, now))
    settle(services, change.after)


def _next_look(services: Services, row: CaseRow, at: float | None) -> None:
    services.table.write(
        (
            Update(
                keys.meta(row.id),
                set={} if at is None else {"look_at": at},
                remove=("look_at",) if at is None else (),
                conditions=(Condition("rev", Test.EQUALS, row.rev),),
            ),
        )
    )


def _mend_early(services: Services, key: Key) -> Looked:
    """An event that waits for its case: place it when the case has opened, give it up when its time is over."""
    item = services.table.get(key)
    if item is None:
        return Looked(None, Mended.NOTHING)
    place = services.table.get(Key(key.pk, keys.OPEN))
    moment = datetime.fromtimestamp(services.now(), UTC)
    event = parse_event(item["raw"], now=moment)
    if place is not None and "closed_at" not in place:
        placed = place_in(services, item["workflow"], event, item["raw"], held=True)
        return Looked(placed.case, Mended.EARLY_PLACED)
    if item["held_until"] <= services.now():
        _expire(services, key, item, Unplaceable("no_case", "detail.subject", "its case did not open in time"))
        return Looked(None, Mended.EARLY_EXPIRED)
    services.table.write(
        (
            Update(
                key,
                set={"look_at": min(item["held_until"], services.now() + EARLY_LOOK_SECONDS)},
                conditions=(Condition("pk", Test.EXISTS),),
            ),
        )
    )
    return Looked(None, Mended.NOTHING)


def _expire(services: Services, key: Key, item: Item, why: Unplaceable) -> None:
    """Quarantine first, then forget the waiting place and the mark: a crash between leaves it in both, never in neither."""
    moment = datetime.fromtimestamp(services.now(), UTC)
    event = parse_event(item["raw"], now=moment)
    quarantine(services, item["raw"], why.reason, why.where, why.mend)
    mark = services.keys.mark(event.facility, event.event_id, item["workflow"])
    services.table.write((Delete(key, (Condition("pk", Test.EXISTS),)), Delete(mark, ())))
