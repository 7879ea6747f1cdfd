"""The shape of a picture: which arrows are drawn, which are said in words, and which states form the main path.

A picture that draws an arrow from each of eighteen states shows nothing, so an arrow that many states share is drawn once,
from the box around them. What re-opens a case begins another one, and is drawn once too: from a list of the ends after
which it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from statemachines.compile import arrows
from statemachines.definition import DEADLINE_MISSED, Definition, StateKind, Transition

MANY = 4
"""An arrow from more states than this is shared: drawn once, not from each of them; from just as many, where a box fits."""

BOXED = 8
"""A box holds at most so many states: around most of the picture it would say less than a list of them."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """All transitions from one state to another that one drawn arrow stands for; ``late`` when time limits cause them."""

    source: str
    target: str
    transitions: tuple[Transition, ...]
    late: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """Transitions that the same states share. ``boxed``: the states can be drawn inside one box; else it lists them."""

    states: tuple[str, ...]
    transitions: tuple[Transition, ...]
    boxed: bool

    def leaving(self) -> dict[str, tuple[Transition, ...]]:
        """The transitions to states outside, by target."""
        targets: dict[str, tuple[Transition, ...]] = {}
        for transition in self.transitions:
            if transition.target is not None and transition.target not in self.states:
                targets[transition.target] = (*targets.get(transition.target, ()), transition)
        return targets

    def inside(self) -> tuple[Transition, ...]:
        """The transitions to one of the states themselves, or back to where the case was."""
        return tuple(t for t in self.transitions if t.target is None or t.target in self.states)


@dataclass(frozen=True, slots=True)
class Reopening:
    """Transitions that after the same ends begin another case in the same state."""

    ends: tuple[str, ...]
    target: str
    transitions: tuple[Transition, ...]


class Shape:
    """What a picture of a definition consists of; everything in the definition's own order."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._order = {state.name: place for place, state in enumerate(definition.states)}

    @cached_property
    def _single(self) -> tuple[Transition, ...]:
        """The transitions that are drawn from each of their states."""
        elsewhere = {t.id for group in self.shared for t in group.transitions}
        elsewhere |= {t.id for again in self.reopening for t in again.transitions}
        return tuple(t for t in self.definition.transitions if t.sources and t.id not in elsewhere)

    @cached_property
    def opening(self) -> tuple[Transition, ...]:
        """The transitions that open a case."""
        return tuple(t for t in self.definition.transitions if not t.sources)

    @cached_property
    def arrows(self) -> tuple[Arrow, ...]:
        """The arrows between two states."""
        found: dict[tuple[str, str, bool], tuple[Transition, ...]] = {}
        for transition in self._single:
            for source in transition.sources:
                if transition.target is not None and transition.target != source:
                    key = (source, transition.target, transition.on == DEADLINE_MISSED)
                    found[key] = (*found.get(key, ()), transition)
        return tuple(Arrow(source, target, rows, late) for (source, target, late), rows in found.items())

    @cached_property
    def again(self) -> dict[str, tuple[Transition, ...]]:
        """The transitions that return to the state they leave; said in the state, not drawn."""
        found: dict[str, tuple[Transition, ...]] = {}
        for transition in self._single:
            for name in dict.fromkeys(transition.sources):
                if transition.target in (None, name):
                    found[name] = (*found.get(name, ()), transition)
        return {name: found[name] for name in self._order if name in found}

    @cached_property
    def shared(self) -> tuple[Shared, ...]:
        """Transitions from many states, by the states they share; the smallest group first.

        A group gets a box when no other box crosses it, it is not too large, and some state lies outside it. A larger one is
        drawn once without a box too, one of just MANY states is not: it leaves the box to such a one that crosses no other such.
        """
        groups: dict[frozenset[str], list[Transition]] = {}
        for transition in self.definition.transitions:
            if len(transition.sources) >= MANY and not transition.reopens:
                groups.setdefault(frozenset(transition.sources), []).append(transition)
        open_states = {s.name for s in self.definition.states if s.kind is not StateKind.END}
        small = [states for states in groups if len(states) == MANY]
        clear = [states for states in small if not any(states & other for other in small if other != states)]
        boxes: list[frozenset[str]] = []
        found = []
        for states, rows in sorted(groups.items(), key=lambda item: (len(item[0]) == MANY, len(item[0]))):
            fits = len(states) <= BOXED and states != open_states
            boxed = fits and not any(states & box for box in (*boxes, *clear) if states != box)
            if boxed:
                boxes.append(states)
            elif len(states) == MANY:
                continue
            found.append(Shared(self._ordered(states), tuple(rows), boxed))
        return tuple(found)

    @cached_property
    def reopening(self) -> tuple[Reopening, ...]:
        """The transitions that begin another case, by the ends after which they do and the state in which it begins.

        In the order of the ends. However few these are, none has an arrow of its own back into the course that led to it; and
        each group has but one target, so that it can stand beside that, wherever its ends stand.
        """
        groups: dict[tuple[frozenset[str], str], list[Transition]] = {}
        for t in self.definition.transitions:
            if t.reopens and t.sources and t.target is not None:
                groups.setdefault((frozenset(t.sources), t.target), []).append(t)
        found = [Reopening(self._ordered(ends), target, tuple(rows)) for (ends, target), rows in groups.items()]
        return tuple(sorted(found, key=lambda again: [self._order[end] for end in again.ends]))

    def _ordered(self, states: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(states, key=self._order.__getitem__))

    @cached_property
    def main_path(self) -> tuple[str, ...]:
        """The course a case takes when nothing goes wrong: from the opening, each time the first way to somewhere new.

        Time limits are not taken; the order of the definition's transitions decides.
        """
        leaving = arrows.leaving(self.definition)
        place = next((t.target for t in self.opening), None)
        path: dict[str, None] = {}
        while place is not None and place not in path:
            path[place] = None
            ways = (t.target for t in leaving[place] if t.on != DEADLINE_MISSED and not t.reopens)
            place = next((target for target in ways if target is not None and target not in path), None)
        return tuple(path)

    @cached_property
    def main_steps(self) -> frozenset[tuple[str, str]]:
        """The (source, target) pairs along the main path."""
        return frozenset(pairwise(self.main_path))
