"""What a case knows in each state: the facts that every path has set, and those that some path can have set.

A fact that has been reported once stays known. An event teaches its facts unless it is refused. An arrow whose guard needs a
fact proves that the fact is known, except when the arrow is taken by override. A case that is re-opened knows what it knew.
"""

from __future__ import annotations

from statemachines.definition import CHECKLIST_COMPLETED, SUB_CASE_REQUESTED, StateKind
from statemachines.expressions import (
    AllOf,
    AnyGuard,
    AnyOf,
    Compare,
    FactOperand,
    Fell,
    IsKnown,
    Member,
    Not,
    Older,
    Rose,
)
from statemachines.verify.comparison import Context
from statemachines.verify.domain import Vocabulary
from statemachines.verify.graph import Graph
from statemachines.verify.index import OPENING, Edge, Index


class Knowledge:
    """Facts as bits; by state what is known on every path, and on some."""

    def __init__(self, graph: Graph, vocabulary: Vocabulary) -> None:
        """A case that another opens may be given any fact by it."""
        self.index: Index = graph.index
        self.graph = graph
        self.vocabulary = vocabulary
        self._bit = {name: 1 << n for n, name in enumerate(vocabulary.facts)}
        self._names: dict[int, frozenset[str]] = {}
        self._proves: dict[int, int] = {}
        self._always: dict[str, int] = {}
        self._ever: dict[str, int] = {}
        self.learnt = self._learnt()
        self.every_path = self._on_every_path()
        self.some_path = self._on_some_path()

    def _bits(self, facts: frozenset[str]) -> int:
        return sum(self._bit[fact] for fact in facts)

    def always(self, event: str) -> int:
        """The facts that every event of the type reports."""
        if event not in self._always:
            self._always[event] = self._bits(self.vocabulary.always_reported(event))
        return self._always[event]

    def ever(self, event: str) -> int:
        """The facts that an event of the type may report."""
        if event not in self._ever:
            given = event == SUB_CASE_REQUESTED  # with what the case that asks for it knows
            self._ever[event] = (1 << len(self._bit)) - 1 if given else self._bits(self.vocabulary.ever_reported(event))
        return self._ever[event]

    def sets(self, edge: Edge) -> int:
        """The facts that are certainly known once the arrow is taken."""
        found = self._proves.get(edge.number)
        if found is None:
            transition = edge.transition
            found = 0
            if not transition.override_by:  # an override asks neither for the guard nor for the event
                proven = needed(transition.when) & self._bit.keys() if transition.when is not None else frozenset[str]()
                found = self._bits(proven) | self.always(transition.on)
            self._proves[edge.number] = found
        return found

    def _learnt(self) -> list[int]:
        """By state, what events can teach that take no arrow there."""
        found = []
        for state in self.index.states:
            bits = 0
            if state.kind is StateKind.END:  # what does not re-open it teaches nothing any more
                found.append(bits)
                continue
            for event in (*state.records, *state.ignores, *state.defers):
                bits |= self.ever(event)
            for item in state.checklist.items if state.checklist is not None else ():
                for event in item.done_on:
                    bits |= self.ever(event)
            found.append(bits)
        return found

    def _on_every_path(self) -> list[int]:
        index, enabled = self.index, self.graph.enabled
        everything = (1 << len(self._bit)) - 1
        known = [everything] * len(index.states)
        queue: list[int] = []
        for edge in index.opening:
            if enabled[edge.number]:
                known[edge.target] &= self.sets(edge)
                queue.append(edge.target)
        waiting, visited = set(queue), set(queue)
        for state in queue:  # grows; a state's facts only ever become fewer
            waiting.discard(state)
            here = known[state]
            for edge in index.leaving[state]:
                if not enabled[edge.number]:
                    continue
                there = known[edge.target] & (here | self.sets(edge))
                if there != known[edge.target] or edge.target not in visited:
                    known[edge.target] = there
                    visited.add(edge.target)
                    if edge.target not in waiting:
                        waiting.add(edge.target)
                        queue.append(edge.target)
        return known

    def _on_some_path(self) -> list[int]:
        index, enabled = self.index, self.graph.enabled
        known = [0] * len(index.states)
        queue: list[int] = []
        for edge in index.opening:
            if enabled[edge.number]:
                known[edge.target] |= self.ever(edge.transition.on)
                queue.append(edge.target)
        waiting, visited = set(queue), set(queue)
        for state in queue:
            waiting.discard(state)
            here = known[state] | self.learnt[state]
            for edge in index.leaving[state]:
                if not enabled[edge.number]:
                    continue
                there = known[edge.target] | here | self.ever(edge.transition.on)
                if there != known[edge.target] or edge.target not in visited:
                    known[edge.target] = there
                    visited.add(edge.target)
                    if edge.target not in waiting:
                        waiting.add(edge.target)
                        queue.append(edge.target)
        return known

    def names(self, bits: int) -> frozenset[str]:
        """Bits as names of facts."""
        found = self._names.get(bits)
        if found is None:
            found = self._names[bits] = frozenset(name for name, bit in self._bit.items() if bits & bit)
        return found

    def context(self, state: int, event: str) -> Context:
        """What a guard on an event in a state can rely on."""
        if state == OPENING:
            return Context(
                frozenset(), frozenset(), self.vocabulary.always_reported(event), self.vocabulary.ever_reported(event)
            )
        known = self.names(self.every_path[state])
        settable = self.names(self.some_path[state] | self.learnt[state])
        if event == CHECKLIST_COMPLETED:  # decided with the very event that completes the checklist, whichever that is
            return Context(known, settable, frozenset(), settable)
        return Context(known, settable, self.vocabulary.always_reported(event), self.vocabulary.ever_reported(event))

    def way_without(self, state: int, fact: str) -> tuple[str, ...]:
        """The shortest way to a state on which nothing sets a fact; empty when every way does."""
        bit = self._bit[fact]
        return self.graph.shortest(state, lambda edge: not self.sets(edge) & bit)


def needed(guard: AnyGuard, holds: bool = True) -> frozenset[str]:
    """The facts that must be known for a guard to hold (or, with ``holds`` False, not to hold)."""
    match guard:
        case Not(negated=negated):
            return needed(negated, not holds)
        case AllOf(all=parts) | AnyOf(any=parts):
            each = [needed(part, holds) for part in parts]
            if isinstance(guard, AllOf) is holds:
                return frozenset().union(*each)
            return frozenset.intersection(*each) if each else frozenset()
    if not holds:
        return frozenset()
    match guard:
        case IsKnown(fact=fact) | Fell(fact=fact) | Rose(fact=fact) | Older(fact=fact):
            return frozenset({fact})
        case Member(operand=operand):
            return frozenset({operand.fact}) if isinstance(operand, FactOperand) else frozenset()
        case Compare(left=left, right=right):
            return frozenset(o.fact for o in (left, right) if isinstance(o, FactOperand))
