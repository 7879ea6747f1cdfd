"""Circles of checklists: states that a case passes through at once, because what is known completes them, and comes back to.

Nothing that is known changes on the way, so one set of values that completes every checklist of a circle, and lets every
arrow between them be taken, sends a case round for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from statemachines.definition import CHECKLIST_COMPLETED, State
from statemachines.expressions import AllOf, AnyGuard, AnyOf
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.graph import circling, step
from statemachines.verify.index import Edge
from statemachines.verify.machines import Machines
from statemachines.verify.overlays import Overlay
from statemachines.verify.smt import Solver, Undecided, Wanted
from statemachines.verify.terms import parameters_in

MOST_WAYS = 1_000
"""So many ways are followed under one overlay at most. Guards that exclude each other leave few."""


def check_circles(machines: Machines, solver: Solver) -> Iterator[Finding]:
    """No checklist that facts complete leads, by others of its kind, back to itself."""
    passing = _passing(machines)
    ways = {
        place: [
            edge
            for edge in machines.index.groups.get((place, CHECKLIST_COMPLETED), ())
            if edge.target in passing
            and not edge.transition.by
            and machines.union.enabled[edge.number]
            and edge.number not in machines.unsound
        ]
        for place in passing
    }
    around = circling({place: {edge.target for edge in edges} for place, edges in ways.items()})
    if not around:
        return
    ways = {place: [edge for edge in ways[place] if edge.target in around] for place in around}
    read = [passing[place] for place in around]
    read += [edge.transition.when for edges in ways.values() for edge in edges if edge.transition.when is not None]
    for members in machines.classes(tuple(sorted({name for guard in read for name in parameters_in(guard)}))):
        for circle in _Walk(machines, solver, passing, ways, machines.overlays[members[0]]).circles():
            yield _round(machines, circle, members)


def _passing(machines: Machines) -> dict[int, AnyGuard]:
    """The states that are reached and whose checklist facts alone can complete, with what completes it."""
    found = {}
    for place, state in machines.index.open_states():
        guard = _complete(machines, state)
        if guard is not None and machines.union.graph.reached[place]:
            found[place] = guard
    return found


def _complete(machines: Machines, state: State) -> AnyGuard | None:
    if state.checklist is None or not state.checklist.items:
        return None
    items = state.checklist.items
    satisfied = [item.satisfied for item in items if item.satisfied is not None]
    sound = [guard for guard in satisfied if machines.contest((guard,)) is not None]
    needed = min(state.checklist.needed or len(items), len(items))
    if len(sound) < needed:
        return None
    ways = [each[0] if needed == 1 else AllOf(all=each) for each in combinations(sound, needed)]
    return ways[0] if len(ways) == 1 else AnyOf(any=tuple(ways))


class _Walk:
    """The ways of a case that never rests, at facilities with one overlay."""

    def __init__(
        self,
        machines: Machines,
        solver: Solver,
        passing: dict[int, AnyGuard],
        ways: dict[int, list[Edge]],
        overlay: Overlay,
    ) -> None:
        self.machines, self.solver, self.passing, self.ways, self.overlay = machines, solver, passing, ways, overlay
        self.left = MOST_WAYS

    def circles(self) -> Iterator[tuple[Edge, ...]]:
        """Each circle once, from its first state."""
        for start in sorted(self.ways):
            queue: list[tuple[Edge, ...]] = [(edge,) for edge in self.ways[start] if edge.target >= start]
            while queue and self.left:
                self.left -= 1
                way = queue.pop()
                if not self._can_be(way):
                    continue
                if way[-1].target == start:
                    yield way
                    continue
                been = {edge.source for edge in way}
                queue += [
                    (*way, edge)
                    for edge in self.ways[way[-1].target]
                    if edge.target == start or (edge.target > start and edge.target not in been)
                ]

    def _can_be(self, way: Sequence[Edge]) -> bool:
        """Whether some values complete every checklist on a way and let its arrows be taken."""
        wanted = [Wanted(self.passing[edge.source], True) for edge in way]
        wanted += [Wanted(edge.transition.when, True) for edge in way]
        context = self.machines.union.knowledge.context(way[0].source, CHECKLIST_COMPLETED)
        try:
            return self.solver.example(wanted, context, self.overlay.parameters) is not None
        except Undecided:
            return True


def _round(machines: Machines, circle: tuple[Edge, ...], members: tuple[int, ...]) -> Finding:
    index, first = machines.index, circle[0].source
    names = " → ".join(index.title(edge.source) for edge in circle)
    return codes.CHECKLISTS_CIRCLE.found(
        index.place(
            state=index.states[first].name,
            transition=", ".join(edge.transition.id for edge in circle),
            event=CHECKLIST_COMPLETED,
            facilities=machines.facilities(members),
        ),
        f"What is known can complete every checklist of this circle: {names} → {index.title(first)}. The case never rests.",
        (*machines.union.graph.way_to(first), *map(step, circle)),
    )
