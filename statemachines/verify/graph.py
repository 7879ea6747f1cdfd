"""Which states are reached, from which an end can be reached, and the shortest way there. Linear in states and arrows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from statemachines.definition import StateKind
from statemachines.verify.index import OPENING, Edge, Index


class Graph:
    """The states and those arrows of a workflow that can be taken."""

    def __init__(self, index: Index, enabled: bytes | bytearray) -> None:
        """``enabled`` holds a non-zero byte for each arrow, by its number, that can be taken."""
        self.index = index
        self.enabled = enabled
        self._came: list[Edge | None] | None = None
        self.reached = self._reach()

    def _reach(self) -> bytearray:
        """Breadth first from the opening; remembers by which arrow each state was first reached."""
        index, enabled = self.index, self.enabled
        reached = bytearray(len(index.states))
        came: list[Edge | None] = [None] * len(index.states)
        queue: list[int] = []
        for edge in index.opening:
            if enabled[edge.number] and not reached[edge.target]:
                reached[edge.target] = 1
                came[edge.target] = edge
                queue.append(edge.target)
        leaving = index.leaving
        for state in queue:
            for edge in leaving[state]:
                target = edge.target
                if not reached[target] and enabled[edge.number]:
                    reached[target] = 1
                    came[target] = edge
                    queue.append(target)
        self._came = came
        return reached

    def can_end(self) -> bytearray:
        """The states from which an end can be reached."""
        index, enabled = self.index, self.enabled
        return self.backwards(
            (place for place, state in enumerate(index.states) if state.kind is StateKind.END),
            lambda edge: bool(enabled[edge.number]),
        )

    def backwards(self, targets: Iterable[int], follow: Callable[[Edge], bool]) -> bytearray:
        """The states from which one of ``targets`` can be reached along the arrows to follow; the targets included."""
        entering = self.index.entering
        found = bytearray(len(self.index.states))
        queue = list(targets)
        for state in queue:
            found[state] = 1
        for state in queue:
            for edge in entering[state]:
                source = edge.source
                if source != OPENING and not found[source] and follow(edge):
                    found[source] = 1
                    queue.append(source)
        return found

    def forwards(self, sources: Iterable[int], follow: Callable[[Edge], bool]) -> bytearray:
        """The states that can be reached from ``sources`` along the arrows to follow; the sources included."""
        leaving = self.index.leaving
        found = bytearray(len(self.index.states))
        queue = list(sources)
        for state in queue:
            found[state] = 1
        for state in queue:
            for edge in leaving[state]:
                if not found[edge.target] and follow(edge):
                    found[edge.target] = 1
                    queue.append(edge.target)
        return found

    def way_to(self, state: int) -> tuple[str, ...]:
        """The shortest sequence of arrows from the opening to a state; empty when it is not reached."""
        assert self._came is not None
        steps: list[str] = []
        while (edge := self._came[state]) is not None:
            steps.append(step(edge))
            if edge.source == OPENING:
                break
            state = edge.source
        return tuple(reversed(steps))

    def shortest(self, state: int, follow: Callable[[Edge], bool]) -> tuple[str, ...]:
        """The shortest sequence of arrows from the opening to a state along the arrows to follow; empty when there is none."""
        came: dict[int, Edge] = {}
        queue: list[int] = []
        for edge in self.index.opening:
            if edge.target not in came and self.enabled[edge.number] and follow(edge):
                came[edge.target] = edge
                queue.append(edge.target)
        for at in queue:
            if state in came:
                break
            for edge in self.index.leaving[at]:
                if edge.target not in came and self.enabled[edge.number] and follow(edge):
                    came[edge.target] = edge
                    queue.append(edge.target)
        steps: list[str] = []
        while state in came:
            edge = came[state]
            steps.append(step(edge))
            if edge.source == OPENING:
                return tuple(reversed(steps))
            state = edge.source
        return ()


def step(edge: Edge) -> str:
    """One step of a trace: the transition's id and its event."""
    return f"{edge.transition.id} {edge.transition.on}"


def circling(following: Mapping[int, set[int]]) -> dict[int, set[int]]:
    """Of states and those that follow each, what lies on a circle or between two."""
    onwards = {place: set(targets) for place, targets in following.items()}
    back: dict[int, set[int]] = {place: set() for place in onwards}
    for place, targets in onwards.items():
        for target in targets:
            back[target].add(place)
    for here, there in ((onwards, back), (back, onwards)):
        free = [place for place in here if not here[place]]
        while free:
            gone = free.pop()
            for other in there.pop(gone):
                here[other].discard(gone)
                if not here[other]:
                    free.append(other)
            here.pop(gone)
    return onwards
