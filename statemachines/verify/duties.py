"""Separated duties: whoever performs a step does not validate it, at any facility and by no override.

A state that names a validating role is one; the arrows by which that role leaves it validate. What is validated is the last
thing that a person did on each path into it: deadlines, system steps, devices and the patient's life perform nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from statemachines.definition import StateKind
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.graph import step
from statemachines.verify.index import OPENING, Edge, Index
from statemachines.verify.machines import Machines, Variant
from statemachines.verify.overlays import Overlay

COMPLETED = "completed"
"""The status of an end in which the work counts as done; work that is given up needs no validation."""


def check_duties(machines: Machines) -> Iterator[Finding]:
    """In every machine, for every validation: the states, next to each other, in which one role validates."""
    index = machines.index
    overridable = any(edge.transition.override_by for edge in index.edges)
    for role, states in _validations(index):
        yield from _nobody_validates(index, role, states)
        for variant in machines.variants:
            here = {place for place in states if variant.graph.reached[place]}
            if here:
                yield from _Validation(machines, variant, role, here).check(overridable)


def _validations(index: Index) -> Iterator[tuple[str, set[int]]]:
    """Validating states of one role belong together when an arrow leads from one to the other."""
    seen: set[int] = set()
    for place, state in index.open_states():
        role = state.validates
        if role is None or place in seen:
            continue
        together, queue = {place}, [place]
        for at in queue:
            beside = [e.target for e in index.leaving[at]] + [e.source for e in index.entering[at]]
            for other in beside:
                if other != OPENING and other not in together and index.states[other].validates == role:
                    together.add(other)
                    queue.append(other)
        seen |= together
        yield role, together


def _nobody_validates(index: Index, role: str, states: set[int]) -> Iterator[Finding]:
    for place in sorted(states):
        if not any(_may_validate(index, edge, role, states) for edge in index.leaving[place]):
            yield codes.INCOMPLETE.found(
                index.place(state=index.states[place].name, role=role),
                f"{role} validates in {index.title(place)}, and no arrow of {role} leaves it.",
                mend="Add the arrow by which the role validates, or remove validates.",
            )


def _may_validate(index: Index, edge: Edge, role: str, states: set[int]) -> bool:
    transition = edge.transition
    return edge.target not in states and index.by_person(transition.on) and (not transition.by or role in transition.by)


class _Validation:
    """One validation in one machine."""

    def __init__(self, machines: Machines, variant: Variant, role: str, states: set[int]) -> None:
        self.machines, self.variant, self.role, self.states = machines, variant, role, states
        self.index, self.graph = machines.index, variant.graph

    def _enabled(self, edge: Edge) -> bool:
        return bool(self.variant.enabled[edge.number]) and edge.number not in self.variant.only_by_override

    @cached_property
    def past(self) -> bytearray:
        """The states from which the work can be completed without this validation, by what people and Baton do."""
        ends = [p for p, state in enumerate(self.index.states) if state.kind is StateKind.END]
        ends = [p for p in ends if self.index.states[p].emr.status == COMPLETED] or ends
        return self.graph.backwards(
            ends,
            lambda e: (
                self._enabled(e)
                and e.source not in self.states
                and e.transition.on not in self.index.life
                and not e.transition.reopens
            ),
        )

    def check(self, overridable: bool) -> Iterator[Finding]:
        """``overridable``: whether the workflow has overrides at all."""
        leaving = [
            edge
            for place in sorted(self.states)
            for edge in self.index.leaving[place]
            if self.variant.enabled[edge.number] and _may_validate(self.index, edge, self.role, self.states)
        ]
        performing = self._performing()
        seen: set[tuple[str, str]] = set()
        for edge in leaving:
            for before in performing:
                pair = (before.transition.id, edge.transition.id)
                if pair not in seen:
                    seen.add(pair)
                    yield from self._pair(before, edge)
        if overridable:
            yield from self._overrides(leaving)

    def _validates(self, edge: Edge) -> bool:
        """An arrow back to the work, or out of it, rejects it: that anybody may."""
        return bool(self.past[edge.target])

    def _performing(self) -> list[Edge]:
        """The arrows by which a person last did something on the way into the validating states."""
        found: dict[str, Edge] = {}
        seen = set(self.states)
        queue = list(seen)
        for place in queue:
            for edge in self.index.entering[place]:
                if not self.variant.enabled[edge.number] or edge.source in self.states:
                    continue
                if edge.source != OPENING and not self.graph.reached[edge.source]:
                    continue
                if self.index.by_person(edge.transition.on):
                    found.setdefault(edge.transition.id, edge)
                elif edge.source != OPENING and edge.source not in seen:
                    seen.add(edge.source)
                    queue.append(edge.source)
        return list(found.values())

    def _trace(self, *edges: Edge) -> tuple[str, ...]:
        first = edges[0]
        way = self.graph.way_to(first.source) if first.source != OPENING else ()
        return (*way, *map(step, edges))

    def _pair(self, before: Edge, edge: Edge) -> Iterator[Finding]:
        a, b = before.transition, edge.transition
        state = self.index.states[edge.source]
        if a.id not in b.separate_from and self._validates(edge):
            yield codes.OWN_WORK.found(
                self.index.place(
                    state=state.name,
                    transition=b.id,
                    name=a.id,
                    role=self.role,
                    facilities=self.machines.facilities(self.variant.overlays),
                ),
                f"Whoever takes {a.id} ({self.index.event_words(a.on)}) may also validate it by {b.id}.",
                self._trace(before, edge),
                f"Add {a.id} to separate_from of {b.id}.",
            )
        if a.by and b.by and not set(a.by) & set(b.by):
            both = [n for n in self.variant.overlays if self._shared(self.machines.overlays[n], before, edge)]
            if both and self._validates(edge):
                roles = ", ".join(sorted(self._shared(self.machines.overlays[both[0]], before, edge)))
                yield codes.ONE_ROLE_DOES_BOTH.found(
                    self.index.place(
                        state=state.name,
                        transition=b.id,
                        name=a.id,
                        role=self.role,
                        facilities=self.machines.facilities(both),
                    ),
                    f"{roles} may perform {a.id} and validate it by {b.id}, which are for {', '.join(a.by)} and {', '.join(b.by)}.",
                    self._trace(before, edge),
                )

    @staticmethod
    def _shared(overlay: Overlay, before: Edge, edge: Edge) -> frozenset[str]:
        return overlay.performing(before.transition.by) & overlay.performing(edge.transition.by)

    def _overrides(self, leaving: list[Edge]) -> Iterator[Finding]:
        for edge in leaving:
            if edge.transition.override_by and self._validates(edge):
                yield self._jump(edge, f"validates for {self.role} without asking who did the work")
        behind = self._behind()
        for edge in self.index.edges:
            if not edge.transition.override_by or edge.source == OPENING or edge.source in self.states:
                continue
            if not self.graph.reached[edge.source] or edge.target in self.states:
                continue
            if edge.target in behind and edge.source not in behind:
                yield self._jump(edge, f"leads to {self.index.title(edge.target)}, past the validation by {self.role}")
            elif self._sibling(edge) and self.past[edge.target]:
                yield self._jump(edge, f"can be taken when the same event would lead to the validation by {self.role}")

    def _behind(self) -> set[int]:
        """The states that are reached only through the validation."""
        index = self.index
        start = [e.target for e in index.opening if self._enabled(e) and e.target not in self.states]
        without = self.graph.forwards(start, lambda e: self._enabled(e) and e.target not in self.states)
        every = self.graph.forwards([e.target for e in index.opening if self._enabled(e)], self._enabled)
        return {p for p in range(len(index.states)) if every[p] and not without[p] and p not in self.states}

    def _sibling(self, edge: Edge) -> bool:
        others = self.index.groups[edge.source, edge.transition.on]
        return edge.transition.when is not None and any(
            other.target in self.states and self.variant.enabled[other.number] for other in others if other is not edge
        )

    def _jump(self, edge: Edge, what: str) -> Finding:
        transition = edge.transition
        return codes.OVERRIDE_SKIPS_VALIDATION.found(
            self.index.place(
                state=self.index.states[edge.source].name,
                transition=transition.id,
                role=self.role,
                facilities=self.machines.facilities(self.variant.overlays),
            ),
            f"{transition.id}, by override of {', '.join(transition.override_by)}, {what}.",
            (*self._trace(edge)[:-1], f"{step(edge)} by override"),
        )
