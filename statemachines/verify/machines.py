"""The machines that a workflow is under its overlays: which arrows can be taken where, and which overlays make the same one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from statemachines.definition import CHECKLIST_COMPLETED
from statemachines.expressions import AllOf, AnyGuard, AnyOf, FactOperand, Not, ParameterOperand, Value
from statemachines.verify.comparison import Context, compared
from statemachines.verify.domain import Vocabulary
from statemachines.verify.graph import Graph
from statemachines.verify.index import Edge, Index
from statemachines.verify.intervals import Contest, TooManyCells
from statemachines.verify.knowledge import Knowledge
from statemachines.verify.overlays import Overlay
from statemachines.verify.terms import operands
from statemachines.verify.units import sound


class Group(NamedTuple):
    """The arrows that one event can take from one state, when they have guards or are more than one."""

    state: int
    event: str
    edges: tuple[Edge, ...]
    contest: Contest


class Variant:
    """One machine: the arrows that can be taken, and the overlays (by position) under which it is so."""

    def __init__(
        self,
        index: Index,
        vocabulary: Vocabulary,
        enabled: bytes,
        overlays: tuple[int, ...],
        only_by_override: frozenset[int] = frozenset(),
    ) -> None:
        """``only_by_override`` numbers the arrows whose guard never holds here, which somebody may override."""
        self.index, self.vocabulary, self.enabled, self.overlays = index, vocabulary, enabled, overlays
        self.only_by_override = only_by_override

    @cached_property
    def graph(self) -> Graph:
        """Its states and arrows."""
        return Graph(self.index, self.enabled)

    @cached_property
    def knowledge(self) -> Knowledge:
        """What its cases know in each state."""
        return Knowledge(self.graph, self.vocabulary)


class Machines:
    """Everything that overlays make of a workflow, computed once and shared by the checks.

    ``union`` has every arrow that can be taken under some overlay: what is sound there is sound in each variant.
    """

    def __init__(self, index: Index, vocabulary: Vocabulary, overlays: Sequence[Overlay]) -> None:
        self.index, self.vocabulary, self.overlays = index, vocabulary, tuple(overlays)
        self._classes: dict[tuple[str, ...], tuple[tuple[int, ...], ...]] = {}
        self._contests: dict[tuple[int, ...], Contest | None] = {}
        self.unsound: set[int] = set()
        """Numbers of arrows whose guards cannot be reasoned about; what is wrong with them is said elsewhere."""
        self.groups: tuple[Group, ...] = tuple(self._groups())
        self.variants: tuple[Variant, ...] = self._variants()
        self.variant_of = {overlay: variant for variant in self.variants for overlay in variant.overlays}
        everything = tuple(range(len(self.overlays)))
        merged = bytes(map(max, zip(*(v.enabled for v in self.variants), strict=True))) if index.edges else b""
        self.union = self.variants[0] if len(self.variants) == 1 else Variant(index, vocabulary, merged, everything)

    @cached_property
    def any_policy(self) -> Variant:
        """The machine with every arrow, whatever a policy could switch off."""
        return Variant(self.index, self.vocabulary, b"\1" * len(self.index.edges), tuple(range(len(self.overlays))))

    def _groups(self) -> Iterator[Group]:
        for (state, event), edges in self.index.groups.items():
            guards = [edge.transition.when for edge in edges]
            if len(edges) == 1 and guards[0] is None:
                continue
            contest = self.contest(guards)
            if contest is None:
                self.unsound.update(edge.number for edge in edges)
            else:
                yield Group(state, event, edges, contest)

    def contest(self, guards: Sequence[AnyGuard | None]) -> Contest | None:
        """The contest between guards; None when one of them cannot be reasoned about. Arrows from many states share one."""
        key = tuple(map(id, guards))
        if key not in self._contests:
            fine = all(guard is None or sound(guard, self.vocabulary) for guard in guards)
            self._contests[key] = Contest(guards, self.vocabulary) if fine else None
        return self._contests[key]

    def classes(self, parameters: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
        """The overlays (by position) in classes within which these parameters have the same values."""
        found = self._classes.get(parameters)
        if found is None:
            alike: dict[tuple[object, ...], list[int]] = {}
            for place, overlay in enumerate(self.overlays):
                values: list[tuple[type, Value]] = [(type(v), v) for v in (overlay.parameters[p] for p in parameters)]
                alike.setdefault(tuple(values), []).append(place)
            found = self._classes[parameters] = tuple(map(tuple, alike.values()))
        return found

    def facilities(self, overlays: Iterable[int]) -> tuple[str, ...]:
        """The facilities of some overlays."""
        return tuple(name for place in overlays for name in self.overlays[place].facilities)

    def _variants(self) -> tuple[Variant, ...]:
        base = bytearray(b"\1" * len(self.index.edges))
        switched_off: list[list[int]] = [[] for _ in self.overlays]
        for group in self.groups:
            context = anything(self.vocabulary, group.event)
            for members in self.classes(group.contest.policy):
                for number in self._impossible(group, self.overlays[members[0]], context):
                    if len(members) == len(self.overlays):
                        base[number] = 0
                    else:
                        for overlay in members:
                            switched_off[overlay].append(number)
        alike: dict[bytes, list[int]] = {}
        for overlay, numbers in enumerate(switched_off):
            possible = bytearray(base)
            for number in numbers:
                possible[number] = 0
            alike.setdefault(bytes(possible), []).append(overlay)
        overridable = [edge.number for edge in self.index.edges if edge.transition.override_by]
        found = []
        for possible_, members_ in alike.items():
            forced = frozenset(number for number in overridable if not possible_[number])
            enabled = bytearray(possible_)
            for number in forced:
                enabled[number] = 1
            found.append(Variant(self.index, self.vocabulary, bytes(enabled), tuple(members_), forced))
        return tuple(found)

    def _impossible(self, group: Group, overlay: Overlay, context: Context) -> list[int]:
        """The numbers of the group's arrows whose guards cannot hold under an overlay; each by itself where all are too many."""
        found = []
        together = self._possible(group.contest, overlay, context)
        for place, edge in enumerate(group.edges):
            if together is None and edge.transition.when is not None:
                alone = self.contest((edge.transition.when,))
                assert alone is not None, "sound together, so sound alone"
                possible = self._possible(alone, overlay, context)
                holds = (
                    bool(possible)
                    if possible is not None
                    else by_policy(edge.transition.when, overlay, self.vocabulary)
                )
                if holds is False:
                    found.append(edge.number)
            elif together is not None and place not in together:
                found.append(edge.number)
        return found

    @staticmethod
    def _possible(contest: Contest, overlay: Overlay, context: Context) -> frozenset[int] | None:
        try:
            return contest.decide(overlay.parameters, context, no_blocking(len(contest.guards))).possible
        except TooManyCells:
            return None


def by_policy(guard: AnyGuard, overlay: Overlay, vocabulary: Vocabulary) -> bool | None:
    """What a guard comes to when only the facility's parameters are known; None: it depends on more."""
    match guard:
        case Not(negated=negated):
            inner = by_policy(negated, overlay, vocabulary)
            return None if inner is None else not inner
        case AllOf(all=parts):
            each = [by_policy(part, overlay, vocabulary) for part in parts]
            return False if False in each else None if None in each else True
        case AnyOf(any=parts):
            each = [by_policy(part, overlay, vocabulary) for part in parts]
            return True if True in each else None if None in each else False
    if any(
        isinstance(o, FactOperand) or (isinstance(o, ParameterOperand) and o.parameter in vocabulary.patient)
        for o in operands(guard)
    ):
        return None
    result = compared(guard, overlay.parameters, anything(vocabulary, ""), vocabulary)
    return result if isinstance(result, bool) else None


def anything(vocabulary: Vocabulary, event: str) -> Context:
    """The context in which nothing is known but what the event itself reports."""
    every = frozenset(vocabulary.facts)
    may_report = every if event == CHECKLIST_COMPLETED else vocabulary.ever_reported(event)
    return Context(frozenset(), every, vocabulary.always_reported(event), may_report)


def no_blocking(count: int) -> tuple[int, ...]:
    """No arrow keeps another from being taken."""
    return (0,) * count
