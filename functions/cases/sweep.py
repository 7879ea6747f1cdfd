"""The sweep: outside Step Functions, it finds cases that nobody follows and deadlines that nobody keeps, and mends them.

The index tells where to look; what is there decides. An open case is looked at again when its deadline is due or when whoever
has its task goes off shift, and every hour at least. That no open case falls out of the index is a rule of every write to its
row, which sets when to look; nothing walks over all rows there are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

from functions.cases import keys
from functions.cases.commit import FOLLOW_WITHIN_SECONDS, LOOK_AGAIN_SECONDS, overdue_at
from functions.cases.early import give_up, not_applicable, only_takes_back, readable
from functions.cases.events import place_in
from functions.cases.follow import decide_overdue
from functions.cases.generations import continued, outlived, repaired
from functions.cases.leftover import answer_deferred
from functions.cases.merging import survivor_of
from functions.cases.outcome import Unplaceable
from functions.cases.ports import Mirrors, Services
from functions.cases.rerouting import route_again, shifts_end
from functions.cases.rows import CaseRow
from functions.cases.settle import follow, settle, sub_case_request, tell_relatives
from functions.cases.store import load_case, machine_of, roster
from functions.cases.table import Condition, Contention, Index, Item, Key, Test, Update, WriteRefused, read_all
from functions.cases.undertakings import TRY_AGAIN_SECONDS, any_on_record
from functions.cases.unopened import EARLY_LOOK_SECONDS

LOOK_FOR_MIRROR_SECONDS = 300.0
"""How often the sweep asks again for an EMR that does not show a case as it is: an EMR may be away for hours."""

CHECK_EMR_SECONDS = 24 * 3600.0
"""How often the EMR is searched for a case's Task, and how long after a case's end for the last time."""

FAULT_SECONDS = 300.0
"""How soon the sweep comes back to a row that it could not look at; meanwhile the row holds up no other."""

CONTENDED_SECONDS = 30.0
"""The same for a row at which somebody else is at work: the next run looks at it again, but not as its first."""

MAX_REPAIRS = 100
"""A case whose executions keep failing is not restarted for ever; the sweep cannot look at it, which is counted and rings."""

RUN_SECONDS = 30.0
"""How long one run looks; what is left is the oldest of the next run, which begins within a minute."""

RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"


class Mended(StrEnum):
    """What the sweep found and did; counted as a metric."""

    NOTHING = "nothing"
    SIGNALLED = "signalled"
    RESTARTED = "restarted"
    CONTINUED = "continued"
    OVERDUE = "overdue"
    REROUTED = "rerouted"
    RELATIVES_TOLD = "relatives_told"
    SENT_BACK = "sent_back"
    DEFERRED_ANSWERED = "deferred_answered"
    EARLY_PLACED = "early_placed"
    EARLY_EXPIRED = "early_expired"
    EARLY_NOT_APPLICABLE = "early_not_applicable"
    MIRROR_ASKED = "mirror_asked"


class Looked(NamedTuple):
    """One case or held event that the sweep looked at, and what it did."""

    case: str | None
    mended: Mended


class SweepFaults(ExceptionGroup[Exception]):
    """Rows that the sweep could not look at, each with its fault."""


def sweep(services: Services, mirrors: Mirrors, *, limit: int = 200) -> Iterator[Looked]:
    """Look at what is due to be looked at, what has waited longest first: at most ``limit`` rows in each part of the index.

    A row that cannot be looked at holds up no other, now or in the next run: it is put off, and after the last row all faults
    are raised together as SweepFaults.
    """
    began = services.now()
    faults: list[Exception] = []
    shards = (
        services.table.query_index(Index.SWEEP, shard, upto=began, limit=limit).items
        for shard in keys.all_sweep_shards()
    )
    for hint in heapq.merge(*shards, key=lambda hint: float(hint["look_at"])):
        if services.now() - began > RUN_SECONDS:
            break
        try:
            yield _look_again(services, mirrors, hint)
        except Exception as fault:  # noqa: BLE001 - raised with the others when all have been looked at
            faults.append(fault)
            _put_off(services, hint, FAULT_SECONDS)
    if faults:
        raise SweepFaults(f"{len(faults)} rows could not be looked at", faults)


def _put_off(services: Services, hint: Item, seconds: float) -> None:
    unchanged = (Condition("look_at", Test.EQUALS, hint["look_at"]),)
    later = Update(Key(hint["pk"], hint["sk"]), set={"look_at": services.now() + seconds}, conditions=unchanged)
    with suppress(WriteRefused, Contention):  # somebody was there meanwhile: it is looked at when they say
        services.table.write((later,))


def _look_again(services: Services, mirrors: Mirrors, hint: Item) -> Looked:
    key = Key(hint["pk"], hint["sk"])
    try:
        return (
            mend(services, key.pk.removeprefix("CASE#"), mirrors) if key.sk == keys.META else _mend_early(services, key)
        )
    except (WriteRefused, Contention):
        _put_off(services, hint, CONTENDED_SECONDS)  # somebody is at work there; the next sweep looks again
        return Looked(None, Mended.NOTHING)


def mend(services: Services, case: str, mirrors: Mirrors) -> Looked:
    """Look at one case, and mend the first thing that it needs; whatever else it needs is mended at the next look.

    The journal comes first: a deadline is decided, a task routed and a deferred event answered even while Step Functions is
    away; then its execution is woken, restarted or replaced, and its relatives are told.
    """
    row = load_case(services, case)
    if row is None:
        return Looked(case, Mended.NOTHING)
    overdue = overdue_at(row)
    if row.ended_at is None and overdue is not None and overdue <= services.now():
        decide_overdue(services, row)
        _look_soon(services, row)  # where deadlines follow one another fast, nothing else would ever be looked for
        return Looked(case, Mended.OVERDUE)
    if answer_deferred(services, row):
        _look_soon(services, row)
        return Looked(case, Mended.DEFERRED_ANSWERED)
    if row.ended_at is not None:
        return Looked(case, _mend_ended(services, row, row.ended_at, mirrors))
    on_duty = roster(services, row.facility)
    if route_again(services, row, on_duty):
        _look_soon(services, row)
        return Looked(case, Mended.REROUTED)
    now = services.now()
    behind = _ask_if_behind(services, row, mirrors)
    mended = _mend_execution(services, row, _status(services, row))
    if mended in (Mended.RESTARTED, Mended.CONTINUED):
        return Looked(case, mended)  # the new generation has its own look
    told, changed = _tell(services, row)
    if changed:
        return Looked(case, told)
    mended = told if mended is Mended.NOTHING else mended
    checked = None
    if now - max(row.checked_at, row.opened_at) >= CHECK_EMR_SECONDS:
        mirrors.check(case, f"{row.seq}-check-{int(now // CHECK_EMR_SECONDS)}")
        checked = now
    soon = now + FOLLOW_WITHIN_SECONDS
    if mended is Mended.SIGNALLED:
        _next_look(services, row, soon, checked)
    else:
        undone = now + TRY_AGAIN_SECONDS if any_on_record(services, row) else None
        unseen = now + LOOK_FOR_MIRROR_SECONDS if behind else None
        times = (now + LOOK_AGAIN_SECONDS, overdue, undone, unseen, shifts_end(on_duty, row))
        _next_look(services, row, max(soon, min(time for time in times if time is not None)), checked)
    return Looked(case, _or_asked(mended, behind))


def mend_followed(services: Services, case: str, mirrors: Mirrors) -> Iterator[Looked]:
    """Mend a case whose execution has ended: a deadline that had to be decided first does not put its execution off.

    Step Functions may go on saying for some time that it runs: then the next sweep looks again, not the one in an hour.
    """
    looked = mend(services, case, mirrors)
    yield looked
    if looked.mended is Mended.OVERDUE:
        looked = mend(services, case, mirrors)
        yield looked
    row = load_case(services, case)
    if row is not None and row.ended_at is None and looked.mended is not Mended.RESTARTED:
        _look_soon(services, row)


def _status(services: Services, row: CaseRow) -> str | None:
    return services.executions.status(row.workflow, row.version, row.id, row.generation)


def _mend_execution(services: Services, row: CaseRow, status: str | None) -> Mended:
    if status is None:
        follow(services, row)
        return Mended.SIGNALLED
    if status != RUNNING and not (status == SUCCEEDED and row.ended_at is not None):
        _restart(services, row, status)
        return Mended.RESTARTED
    if status == RUNNING and 0 < row.parked_visit < row.visit:
        follow(services, row)
        return Mended.SIGNALLED
    why = outlived(services, row, row.visit) if row.ended_at is None and row.parked_visit == row.visit else None
    if why is not None:
        settle(services, continued(services, row, row.visit, why))
        return Mended.CONTINUED
    return Mended.NOTHING


def _mend_ended(services: Services, row: CaseRow, ended_at: float, mirrors: Mirrors) -> Mended:
    """A case that ended: its execution and its relatives learn of it, and the EMR shows it, at the end and a day later."""
    behind = _ask_if_behind(services, row, mirrors)
    status = _status(services, row)
    mended = _mend_execution(services, row, status)
    if mended is Mended.RESTARTED:
        return mended
    told, changed = _tell(services, row)
    if changed:
        return told
    mended = told if mended is Mended.NOTHING else mended
    now = services.now()
    last_check = ended_at + CHECK_EMR_SECONDS
    if status != SUCCEEDED:
        _next_look(services, row, now + FOLLOW_WITHIN_SECONDS, None)
    elif behind or (now < last_check and any_on_record(services, row)):
        _next_look(services, row, now + LOOK_FOR_MIRROR_SECONDS, None)
    elif now < last_check and _is_mirrored(row):
        _next_look(services, row, last_check, None)
    else:
        if _is_mirrored(row):
            mirrors.check(row.id, f"{row.seq}-check-last")
        _next_look(services, row, None, now)
    return _or_asked(mended, behind)


def _or_asked(mended: Mended, behind: bool) -> Mended:
    return Mended.MIRROR_ASKED if behind and mended is Mended.NOTHING else mended


def _is_mirrored(row: CaseRow) -> bool:
    return row.patient is not None and row.encounter is not None


def _ask_if_behind(services: Services, row: CaseRow, mirrors: Mirrors) -> bool:
    behind = is_behind(services, row)
    if behind:
        mirrors.ask(row.id, f"{row.seq}-sweep-{int(services.now() // LOOK_FOR_MIRROR_SECONDS)}")
    return behind


def is_behind(services: Services, row: CaseRow) -> bool:
    """Whether no EMR shows the newest entry of the case's journal yet."""
    if not _is_mirrored(row):
        return False
    shown = [int(mirror["shown"]) for mirror in read_all(services.table, keys.case_pk(row.id), keys.MIRROR)]
    return max(shown, default=0) < row.seq


def _tell(services: Services, row: CaseRow) -> tuple[Mended, bool]:
    """Tell parent or sub-case what they should know, and go back to a step that is still to be undone; what was amiss.

    And whether the case's own row has changed with it, and with that when to look.
    """
    before = _relatives_know(services, row)
    tell_relatives(services, row)
    now = load_case(services, row.id)
    if now is not None and now.rev != row.rev:
        if now.generation != row.generation:
            return Mended.SENT_BACK, True
        # What can be taken up without a sub-case's word was left over by a full commit.
        waits_for_sub_case = machine_of(services, row).states[row.state].opens is not None
        return (Mended.RELATIVES_TOLD if waits_for_sub_case else Mended.DEFERRED_ANSWERED), True
    return (Mended.NOTHING if before == _relatives_know(services, row) else Mended.RELATIVES_TOLD), False


def _relatives_know(services: Services, row: CaseRow) -> object:
    if row.ended_at is not None:
        parent = load_case(services, row.parent.case) if row.parent is not None else None
        return parent.seq if parent is not None else None
    opens = machine_of(services, row).states[row.state].opens
    if opens is None:
        return None
    return services.table.get(services.keys.mark(row.facility, sub_case_request(row), opens.workflow)) is not None


def _restart(services: Services, row: CaseRow, status: str) -> None:
    """Begin a new generation: the old execution ended without its case, or ended with it at another state.

    It begins at the first visit that the old one did not follow to, so that together they visited the journal's states.
    """
    if row.repairs >= MAX_REPAIRS:
        raise RuntimeError(
            f"case {row.id}: {MAX_REPAIRS} executions ended as {status}; find out why before another starts"
        )
    first = min(row.visit, row.parked_visit + 1) if row.parked_visit else row.resumed_at
    settle(services, repaired(services, row, first, status))


def _look_soon(services: Services, row: CaseRow) -> None:
    """The next sweep looks for what else the case needs, though its row has changed by now."""
    still_there = (Condition("pk", Test.EXISTS),)
    services.table.write((Update(keys.meta(row.id), set={"look_at": services.now()}, conditions=still_there),))


def _next_look(services: Services, row: CaseRow, at: float | None, checked: float | None) -> None:
    look = {} if at is None else {"look_at": at}
    services.table.write(
        (
            Update(
                keys.meta(row.id),
                set=look if checked is None else {**look, "checked_at": checked},
                remove=("look_at",) if at is None else (),
                conditions=(Condition("rev", Test.EQUALS, row.rev),),
            ),
        )
    )


def _mend_early(services: Services, key: Key) -> Looked:
    """An event that waits for its case: place it when the case has opened, give it up when its time is over.

    An event that opens a case takes up at once what waits for it, and does so again when it is repeated. A correction of what
    names its case, a result, is looked at ever more rarely: there is one for nearly every corrected result of a hospital. What
    takes back something else may wait for a sub-case, which takes up nothing when it opens: each minute.
    """
    item = services.table.get(key)
    if item is None:
        return Looked(None, Mended.NOTHING)
    here = survivor_of(services, key.pk)
    event = readable(services, item)
    if event is None:
        return Looked(None, Mended.EARLY_EXPIRED)
    if here.place is not None:
        with suppress(Unplaceable):  # it is for no case that began later, or happened after the one that ended
            placed = place_in(services, item["workflow"], event, item["raw"], early=key)
            return Looked(placed.case, Mended.EARLY_PLACED)
    now = services.now()
    if item["held_until"] <= now and only_takes_back(item):
        not_applicable(services, item, here.unchanged())
        return Looked(None, Mended.EARLY_NOT_APPLICABLE)
    if item["held_until"] <= now:
        why = Unplaceable("no_case", "detail.subject", "its case did not open in time")
        give_up(services, item, why, here.unchanged())  # one that opens in this moment takes it
        return Looked(None, Mended.EARLY_EXPIRED)
    services.table.write(
        (
            Update(
                key,
                set={"look_at": min(item["held_until"], now + _soon(services, item, now))},
                conditions=(Condition("pk", Test.EXISTS),),
            ),
        )
    )
    return Looked(None, Mended.NOTHING)


def _soon(services: Services, item: Item, now: float) -> float:
    if only_takes_back(item) and services.library.correlation(item["workflow"]).named_by is not None:
        return max(EARLY_LOOK_SECONDS, now - float(item["held_at"]))
    return EARLY_LOOK_SECONDS
