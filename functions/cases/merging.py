"""Two records of one patient became one: a case that is told by its patient is found under the record that survives."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from functions.cases import keys
from functions.cases.change import Change
from functions.cases.ports import Reading
from functions.cases.rows import moved_on
from functions.cases.store import Place
from functions.cases.table import NEW, Check, Condition, Key, Put, Test, Update

MERGED_INTO = "merged_into"
"""On a correlation's place: the partition of the key where its case, and all that is told of it, has gone."""

MAX_MERGES = 50
"""Records are merged a few times at most; a longer chain of places is a fault."""


class Survivor(NamedTuple):
    """The correlation under which events are placed now, and its newest case."""

    correlation: str
    place: Place | None


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


def rekeyed(change: Change, survivor: Survivor, own: Place | None, now: float) -> tuple[Change, bool]:
    """The change that takes an open case to another record's key, and leaves word at the old one, ``own``.

    When another case is open there, both stay where they are, and the second answer is True.
    """
    row, (correlation, place) = change.after, survivor
    there, here = Key(correlation, keys.OPEN), Key(row.correlation, keys.OPEN)
    free: tuple[Condition, ...] = NEW
    if place is not None:
        named = Condition("case", Test.EQUALS, place.case)
        if place.open:
            return change.also(Check(there, (named, Condition("closed_at", Test.ABSENT)))), True
        free = (named, Condition("closed_at", Test.EXISTS), Condition(MERGED_INTO, Test.ABSENT))
    earlier = [each for each in (own and own.named_before(reopened=True), place and place.named_before()) if each]
    last = max(earlier, key=lambda each: float(each["before_ended"]), default={})
    return replace(change, after=moved_on(row, correlation=correlation)).also(
        Put({"pk": there.pk, "sk": there.sk, "case": row.id, **last}, free),
        # The case's own place: whoever else would write it writes the case's row too, and loses to this commit.
        Update(here, set={"closed_at": now, MERGED_INTO: correlation}),
    ), False
