"""Time limits as lengths of time, so that 60 minutes and 1 hour are no difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from statemachines.compare.guards import Reasoner, Values
from statemachines.compare.sense import NEVER, any_of
from statemachines.compare.words import Words, listed, value
from statemachines.definition import Deadline, Duration, Name, Unit
from statemachines.expressions import AnyGuard

_SECONDS = {Unit.SECONDS: 1.0, Unit.MINUTES: 60.0, Unit.HOURS: 3600.0}


class Length(NamedTuple):
    """So many seconds or business days; or ``unset``, the parameter that should have held it."""

    seconds: float = 0.0
    business_days: float = 0.0
    unset: Name | None = None

    def __str__(self) -> str:
        """As a person says it."""
        if self.unset is not None:
            return f"as long as {self.unset} says"
        if self.business_days:
            return f"{self.business_days:g} business day{'' if self.business_days == 1 else 's'}"
        return value(self.seconds / 60, "min")


def length(duration: Duration, values: Values) -> Length:
    """A duration under these limits."""
    amount: object = duration.amount or 0
    if duration.parameter is not None:
        amount = values.get(duration.parameter)
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        return Length(unset=duration.parameter)
    if duration.unit is Unit.BUSINESS_DAYS:
        return Length(business_days=float(amount))
    return Length(seconds=amount * _SECONDS[duration.unit])


def durations(deadline: Deadline | None) -> Iterator[Duration]:
    """All lengths of time in a deadline."""
    if deadline is not None:
        yield deadline.within
        yield from (sooner.within for sooner in deadline.sooner)


def guards(deadline: Deadline | None) -> Iterator[AnyGuard]:
    """All guards in a deadline."""
    if deadline is not None:
        yield from (sooner.when for sooner in deadline.sooner)


def same_limits(
    one: Deadline | None, other: Deadline | None, values: Values, others: Values, free: Values, free_others: Values, r: Reasoner
) -> bool:
    """Whether two deadlines give every case the same time: one under ``values``, the other under ``others``.

    Guards see only what no patient changes, ``free`` and ``free_others``. Whatever limit is asked for, both must be within
    it in the same situations; business days, whose length depends on the day, are compared one by one.
    """
    if one is None or other is None:
        return one is other
    left, right = _limits(one, values), _limits(other, others)
    if any(len_.business_days or len_.unset for len_, _ in (*left, *right)):
        return len(left) == len(right) and all(
            a == b and r.compare(g, h, free, free_others).same is True for (a, g), (b, h) in zip(left, right, strict=True)
        )
    marks = sorted({len_.seconds for len_, _ in (*left, *right)})
    return all(
        r.compare(_within(left, mark), _within(right, mark), free, free_others).same is True for mark in marks
    )


def _limits(deadline: Deadline, values: Values) -> list[tuple[Length, AnyGuard | None]]:
    return [
        (length(deadline.within, values), None),
        *((length(sooner.within, values), sooner.when) for sooner in deadline.sooner),
    ]


def _within(limits: list[tuple[Length, AnyGuard | None]], seconds: float) -> AnyGuard | None:
    """When the time is at most so long."""
    short = [guard for len_, guard in limits if len_.seconds <= seconds]
    if None in short:
        return None
    return any_of(guard for guard in short if guard is not None) if short else NEVER


def in_words(deadline: Deadline | None, values: Values, words: Words) -> str:
    """The limits in a sentence: "2 h; 30 min if NEWS2 ≥ 7"."""
    if deadline is None:
        return "no deadline"
    said = [str(length(deadline.within, values))]
    said += [f"{length(sooner.within, values)} if {words.guard(sooner.when)}" for sooner in deadline.sooner]
    return "; ".join(said)


def in_full(deadline: Deadline) -> str:
    """Where the lengths come from: constants, or parameters by name."""
    return listed(d.parameter or str(length(d, {})) for d in durations(deadline))
