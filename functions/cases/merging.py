"""Two records of one patient became one: a case that is told by its patient is found under the record that survives.

Whoever has an open case keeps it. So while each record has one, their places name each other (``JOINS``); whichever case ends
first, its record's events are placed with the other's from then on, and the patient has one case again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from functions.cases import keys
from functions.cases.change import Change
from functions.cases.ports import Reading, Services
from functions.cases.rows import moved_on
from functions.cases.store import JOINS, MERGED_INTO, Place
from functions.cases.table import NEW, Check, Condition, Item, Key, Put, Test, Update, Write

MAX_MERGES = 50
"""Records are merged a few times at most; a longer chain of places is a fault."""


class Survivor(NamedTuple):
    """The correlation under which events are placed now, and its newest case."""

    correlation: str
    place: Place | None

    def unchanged(self) -> Check:
        """That no case has opened, ended or moved here since this was read."""
        conditions = (Condition("pk", Test.ABSENT),) if self.place is None else self.place.as_read()
        return Check(Key(self.correlation, keys.OPEN), conditions)


def survivor_of(services: Reading, correlation: str) -> Survivor:
    """Where a correlation's events are placed now: at its own place, unless its record was merged into another.

    One read where nothing was merged. Raises LookupError when the places do not come to an end.
    """
    for _ in range(MAX_MERGES):
        row = services.table.get(Key(correlation, keys.OPEN))
        if row is None:
            return Survivor(correlation, None)
        if MERGED_INTO not in row:
            return Survivor(correlation, Place.of(row))
        correlation = row[MERGED_INTO]
    raise LookupError(f"the place {correlation} was merged more than {MAX_MERGES} times")


def placed_under(services: Services, correlation: str) -> Survivor:
    """The same; and where one of a merged patient's open cases has ended, its place becomes one with that of another.

    Raises WriteRefused when the race was lost (read again), Contention, LookupError when the places do not come to an end.
    """
    for _ in range(MAX_MERGES):
        here = survivor_of(services, correlation)
        if here.place is None or here.place.open:
            return here
        others = (survivor_of(services, key) for key in here.place.joins)
        there = next((other for other in others if other.correlation != here.correlation), None)
        if there is None:
            return here
        services.table.write(joined(here, there, services.now()))
    raise LookupError(f"the place {correlation} was joined to others more than {MAX_MERGES} times")


def together(services: Reading, correlation: str) -> tuple[str, ...]:
    """The newest cases of a patient: that of one record, and those of the records that were merged with it while each had one."""
    places: dict[str, Place] = {}
    met = [correlation]
    for key in met:  # grows, by keys whose places were not met before
        here = survivor_of(services, key)
        assert here.place is not None, "a case was told under it, or is joined to one that was"
        if here.correlation not in places:
            places[here.correlation] = here.place
            met += here.place.joins
    return tuple(place.case for place in places.values())


def joined(here: Survivor, there: Survivor, now: float) -> tuple[Write, ...]:
    """The writes with which all that is told ``here``, where no case is open, is placed ``there``; none when it is already.

    The place there goes on naming what ended last under either key: what happened in that one may come late.
    """
    if here.correlation == there.correlation:
        return ()
    gone, stays = Key(here.correlation, keys.OPEN), Key(there.correlation, keys.OPEN)
    if here.place is None:
        leave: Write = Put({"pk": gone.pk, "sk": gone.sk, "closed_at": now, MERGED_INTO: there.correlation}, NEW)
        return leave, Check(stays, (Condition(MERGED_INTO, Test.ABSENT),))
    leave = Update(gone, set={MERGED_INTO: there.correlation}, conditions=here.place.as_read())
    named = _newest(here.place, there.place) | _joins({gone.pk, stays.pk}, here.place, there.place)
    if there.place is None:
        return leave, Put({"pk": stays.pk, "sk": stays.sk, "closed_at": now, **named}, NEW)
    return leave, Update(stays, set=named, conditions=there.place.as_read())


def _newest(here: Place, there: Place | None) -> Item:
    """What one place says for both: the case that is open, or ended last, and what ended last before it."""
    places = (here,) if there is None else (here, there)
    newest = max(places, key=lambda place: (place.open, place.ended or 0.0))
    others = [place.named_before() for place in places if place is not newest]
    ended = {} if newest.ended is None else {"ended": newest.ended}
    return {"case": newest.case, **ended, **_last(*others, *(place.named_before(reopened=True) for place in places))}


def _joins(but: Collection[str], *places: Place | None) -> Item:
    """The other records' keys that one place still has to become one with."""
    found = {key for place in places if place is not None for key in place.joins} - set(but)
    return {JOINS: sorted(found)} if found else {}


def _last(*named: Item) -> Item:
    """Of what places say of cases that ended before, what ended last."""
    return max((each for each in named if each), key=lambda each: float(each["before_ended"]), default={})


def rekeyed(change: Change, survivor: Survivor, own: Place, now: float) -> tuple[Change, bool]:
    """The change that takes an open case to another record's key, and leaves word at the old one, ``own``.

    When another case is open there, both stay where they are until one of them ends, and the second answer is True.
    """
    row, (correlation, place) = change.after, survivor
    there, here = Key(correlation, keys.OPEN), Key(row.correlation, keys.OPEN)
    free = NEW if place is None else place.as_read()
    if place is not None and place.open:
        return change.also(
            Update(there, set={JOINS: sorted({*place.joins, here.pk})}, conditions=free),
            Update(here, set={JOINS: sorted({*own.joins, there.pk})}, conditions=own.as_read()),
        ), True
    last = _last(own.named_before(reopened=True), place.named_before() if place is not None else {})
    taken = {"pk": there.pk, "sk": there.sk, "case": row.id, **last, **_joins({here.pk, there.pk}, own, place)}
    gone = Update(here, set={"closed_at": now, MERGED_INTO: correlation}, conditions=own.as_read())
    return replace(change, after=moved_on(row, correlation=correlation)).also(Put(taken, free), gone), False
