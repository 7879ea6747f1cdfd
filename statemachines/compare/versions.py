"""Two versions laid side by side: what every part of the comparison asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from statemachines.compare.change import Change, Subject
from statemachines.compare.guards import Reasoner
from statemachines.compare.sense import Sense, sense_of
from statemachines.compare.settings import Pair, Pairs, pairs
from statemachines.compare.words import Words
from statemachines.definition import Definition, Name
from statemachines.expressions import AnyGuard, Data
from statemachines.policy import Policy


@dataclass(frozen=True, slots=True)
class Versions:
    """The old and the new version, under every policy, with their vocabularies."""

    old: Definition
    new: Definition
    sense: Sense
    reasoner: Reasoner
    pairs: Pairs
    old_words: Words
    new_words: Words

    def where(self, touches: Callable[[Pair], bool]) -> tuple[str, ...]:
        """The facilities of which it is true."""
        return tuple(pair.facility for pair in self.pairs.facilities if pair.facility is not None and touches(pair))

    @property
    def all_facilities(self) -> tuple[str, ...]:
        """Every facility whose overlay fits both versions."""
        return self.where(lambda _: True)

    def same_guard(self, one: AnyGuard | None, other: AnyGuard | None, pair: Pair) -> bool:
        """Whether two guards hold in the same situations under a pair of settings, with and without a care plan."""
        return (
            self.reasoner.compare(one, other, pair.old.fixed, pair.new.fixed).same is True
            and self.reasoner.compare(one, other, pair.old.values, pair.new.values).same is True
        )

    def same_guard_whatever_is_set(self, one: AnyGuard | None, other: AnyGuard | None) -> bool:
        """Whether two guards hold in the same situations for all values that parameters can have."""
        return self.reasoner.compare(one, other).same is True

    def entered(self, state: Name) -> Callable[[Pair], bool]:
        """Whether cases can be in a state, in either version."""
        return lambda pair: state in pair.old.entered or state in pair.new.entered


def side_by_side(old: Definition, new: Definition, policies: Iterable[Policy]) -> Versions:
    """Lay two versions side by side under every policy."""
    sense = sense_of(old, new)
    reasoner = Reasoner(sense)
    return Versions(old, new, sense, reasoner, pairs(old, new, policies, reasoner), Words(old), Words(new))


N = TypeVar("N", bound=Data)


def matched(old: Iterable[N], new: Iterable[N], key: Callable[[N], str]) -> tuple[list[N], list[N], list[tuple[N, N]]]:
    """Parts that only the new version has, parts that only the old one has, and parts of both; by their own names."""
    before, after = {key(part): part for part in old}, {key(part): part for part in new}
    return (
        [part for name, part in after.items() if name not in before],
        [part for name, part in before.items() if name not in after],
        [(before[name], part) for name, part in after.items() if name in before],
    )


def other_fields(
    subject: Subject, place: str, title: str, old: Data, new: Data, handled: frozenset[str], facilities: tuple[str, ...]
) -> Iterator[Change]:
    """Differences in fields that nothing else compares, so that none goes unsaid when the language grows."""
    for field in sorted(type(new).model_fields.keys() - handled):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            name = field.replace("_", " ")
            yield Change(
                subject,
                field,
                place,
                title,
                f"{name}: {before if before is not None else 'nothing'} → {after if after is not None else 'nothing'}",
                str(before),
                str(after),
                facilities=facilities,
            )
