"""Time limits as lengths of time, so that 60 minutes and 1 hour are no difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from statemachines.compare.guards import Reasoner, Values
from statemachines.compare.sense import any_of
from statemachines.compare.settings import Pair
from statemachines.compare.words import Words, listed, value
from statemachines.definition import Deadline, Duration, Name, Unit
from statemachines.expressions import AnyGuard

_SECONDS = {Unit.SECONDS: 1.0, Unit.MINUTES: 60.0, Unit.HOURS: 3600.0}


class Length(NamedTuple):
    """So many seconds or business days; or ``unset``, the parameter that should have held it."""

    seconds: float = 0.0
    business_days: float | None = None
    unset: Name | None = None
    since: Name | None = None
    """The fact from which it is counted; None: from entering the state."""

    def __str__(self) -> str:
        """As a person says it."""
        counted = f" after {self.since.replace('_', ' ')}" if self.since is not None else ""
        return f"{self._time()}{counted}"

    def _time(self) -> str:
        if self.unset is not None:
            return f"as long as {self.unset} says"
        if self.business_days is not None:
            return f"{self.business_days:g} business day{'' if self.business_days == 1 else 's'}"
        return value(self.seconds / 60, "min")


def length(duration: Duration, values: Values) -> Length:
    """A duration under these limits."""
    amount: object = duration.amount or 0
    if duration.parameter is not None:
        amount = values.get(duration.parameter)
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        return Length(unset=duration.parameter, since=duration.since)
    if duration.unit is Unit.BUSINESS_DAYS:
        return Length(business_days=float(amount), since=duration.since)
    return Length(seconds=amount * _SECONDS[duration.unit], since=duration.since)


def durations(deadline: Deadline | None) -> Iterator[Duration]:
    """All lengths of time in a deadline."""
    if deadline is not None:
        yield deadline.within
        yield from (sooner.within for sooner in deadline.sooner)


def guards(deadline: Deadline | None) -> Iterator[AnyGuard]:
    """All guards in a deadline."""
    if deadline is not None:
        yield from (sooner.when for sooner in deadline.sooner)


def same_limits(one: Deadline | None, other: Deadline | None, pair: Pair, reasoner: Reasoner) -> bool:
    """Whether two deadlines give every case the same time under a pair of settings, whatever its patient's care plan says."""
    if one is None or other is None:
        return one is other
    left, right = _limits(one, pair.old.values), _limits(other, pair.new.values)
    return _alike(left, right, pair.old.fixed, pair.new.fixed, reasoner) and _alike(
        left, right, pair.old.values, pair.new.values, reasoner
    )


def same_whatever_is_set(one: Deadline | None, other: Deadline | None, reasoner: Reasoner) -> bool:
    """Whether two deadlines give the same time whatever facilities set.

    Lengths that come from parameters are the same only when they come from the same parameters.
    """
    if one is None or other is None:
        return one is other
    if not any(duration.parameter for duration in (*durations(one), *durations(other))):
        return _alike(_limits(one, {}), _limits(other, {}), {}, {}, reasoner)
    left, right = _by_source(one), _by_source(other)
    return left.keys() == right.keys() and all(
        reasoner.compare(_either(left[key]), _either(right[key])).same is True for key in left
    )


_Limits = list[tuple[Length, AnyGuard | None]]


def _alike(left: _Limits, right: _Limits, values: Values, others: Values, reasoner: Reasoner) -> bool:
    """Whatever limit is asked for, both must be within it in the same situations.

    Business days, whose length depends on the day, and what is counted from a fact are compared one by one.
    """
    if any(limit.business_days is not None or limit.unset or limit.since for limit, _ in (*left, *right)):
        return len(left) == len(right) and all(
            a == b and reasoner.compare(g, h, values, others).same is True
            for (a, g), (b, h) in zip(left, right, strict=True)
        )
    marks = sorted({limit.seconds for limit, _ in (*left, *right)})
    return all(
        reasoner.compare(_within(left, mark), _within(right, mark), values, others).same is True for mark in marks
    )


def _by_source(deadline: Deadline) -> dict[tuple[Length, Unit | None], list[AnyGuard | None]]:
    found: dict[tuple[Length, Unit | None], list[AnyGuard | None]] = {}
    for duration, guard in [(deadline.within, None), *((s.within, s.when) for s in deadline.sooner)]:
        key = (length(duration, {}), duration.unit if duration.parameter is not None else None)
        found.setdefault(key, []).append(guard)
    return found


def _either(guards_: list[AnyGuard | None]) -> AnyGuard | None:
    return None if None in guards_ else any_of(guard for guard in guards_ if guard is not None)


def _limits(deadline: Deadline, values: Values) -> _Limits:
    return [
        (length(deadline.within, values), None),
        *((length(sooner.within, values), sooner.when) for sooner in deadline.sooner),
    ]


def _within(limits: _Limits, seconds: float) -> AnyGuard | None:
    """When the time is at most so long."""
    return _either([guard for limit, guard in limits if limit.seconds <= seconds])


def in_words(deadline: Deadline | None, values: Values, words: Words) -> str:
    """The limits in a sentence: "2 h; 30 min if NEWS2 ≥ 7"."""
    if deadline is None:
        return "no deadline"
    said = [str(length(deadline.within, values))]
    said += [f"{length(sooner.within, values)} if {words.guard(sooner.when)}" for sooner in deadline.sooner]
    return "; ".join(said)


def parameters(deadline: Deadline | None) -> str:
    """Where the lengths come from: the parameters by name, and constants."""
    return listed(dict.fromkeys(duration.parameter or str(length(duration, {})) for duration in durations(deadline)))
