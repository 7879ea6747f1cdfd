"""How large a hand-off can become: moves that follow one another by deferred events, and the tasks of checklists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from statemachines.decide import MAX_DEFERRED, MAX_MOVES
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.graph import step
from statemachines.verify.index import OPENING, Edge, Index
from statemachines.verify.machines import Machines


class CommitLimits(NamedTuple):
    """What one hand-off writes, in items of the transaction; whoever writes it may say otherwise.

    ``most``: items that a hand-off may have (DynamoDB takes 100 in one transaction; the rest is a reserve). ``always``: the
    case row, the event's mark, its place among early events, the case's place, the one beside it (where a merged record's case
    went, or where its encounter names its open cases), one refusal or merge noted. ``per_move``: state entry
    and journal entry. ``per_task``: a task closed, or opened for somebody whose shift is checked. ``per_deferred``: a
    deferred event's mark and its journal entry.
    """

    most: int = 80
    always: int = 6
    per_move: int = 2
    per_task_closed: int = 1
    per_task_opened: int = 2
    per_deferred: int = 2
    moves: int = MAX_MOVES
    deferred: int = MAX_DEFERRED


MOST_COURSES = 2000
"""So many courses of deferred events side by side count as too many to follow."""


class HandOff(NamedTuple):
    """The largest hand-off that begins with an arrow: its moves, those of deferred events included, and its items."""

    edge: Edge
    held: frozenset[str]
    moves: int
    items: int


def hand_offs(machines: Machines, limits: CommitLimits) -> Iterator[HandOff]:
    """Every arrow that a case can take, with the largest hand-off that can begin with it."""
    index, reached = machines.index, machines.union.graph.reached
    chains: dict[tuple[frozenset[str], int], int] = {}
    for edge in index.edges:
        source = edge.source
        if source != OPENING and not reached[source]:
            continue
        held = frozenset(index.states[source].defers) if source != OPENING else frozenset[str]()
        key = (held, edge.target)
        if key not in chains:
            chains[key] = _chain(machines, held, edge.target, limits.moves)
        moves = 1 + chains[key]
        yield HandOff(edge, held, moves, _items(index, edge, min(moves, limits.moves), bool(held), limits))


def check_commits(machines: Machines, limits: CommitLimits) -> Iterator[Finding]:
    """Every hand-off fits one transaction, and one commit makes all moves that follow from an event."""
    index, union = machines.index, machines.union
    too_many: dict[int, tuple[str, ...]] = {}
    for edge, held, moves, items in hand_offs(machines, limits):
        source = edge.source

        def trace(edge: Edge = edge) -> tuple[str, ...]:
            return (*(union.graph.way_to(edge.source) if edge.source != OPENING else ()), step(edge))

        if source not in too_many and moves > limits.moves and _each_once(machines, held, edge.target, limits.moves):
            too_many[source] = trace()
        if items > limits.most:
            yield codes.COMMIT_TOO_LARGE.found(
                index.place(
                    state=index.states[source].name if source != OPENING else None, transition=edge.transition.id
                ),
                f"The hand-off by {edge.transition.id} can need {items} items in one transaction; {limits.most} are allowed.",
                trace(),
            )
    for source, way in too_many.items():
        names = ", ".join(sorted(index.states[source].defers))
        yield codes.TOO_MANY_MOVES.found(
            index.place(state=index.states[source].name),
            f"What {index.title(source)} keeps for later ({names}) can move a case on more than {limits.moves} times at once.",
            way,
        )


def _chain(machines: Machines, held: frozenset[str], start: int, most: int) -> int:
    """How many moves deferred events can make from a state, one after another; counted no further than ``most``."""
    index, enabled = machines.index, machines.union.enabled
    level, length = {start}, 0
    while level and held and length < most:
        level = {
            edge.target
            for state in level
            for event in held
            for edge in index.groups.get((state, event), ())
            if enabled[edge.number]
        }
        length += bool(level)
    return length


def _each_once(machines: Machines, held: frozenset[str], start: int, most: int) -> bool:
    """Whether more moves than one commit makes can follow even when each kind of event was deferred only once."""
    index, enabled = machines.index, machines.union.enabled
    level = {(start, held)}
    for _ in range(most):
        level = {
            (edge.target, left - {event})
            for state, left in level
            for event in left
            for edge in index.groups.get((state, event), ())
            if enabled[edge.number]
        }
        if not level:
            return False
        if len(level) > MOST_COURSES:
            return True
    return True


def _items(index: Index, edge: Edge, moves: int, deferring: bool, limits: CommitLimits) -> int:
    """The items of the largest hand-off that begins with an arrow. With deferred events, it may end in any state."""

    def tasks(state: int) -> int:
        checklist = index.states[state].checklist
        return 1 + (len(checklist.items) if checklist is not None else 0)

    closed = tasks(edge.source) if edge.source != OPENING else 0
    largest = tasks(edge.target) if moves == 1 else max(tasks(state) for state in range(len(index.states)))
    return (
        limits.always
        + limits.per_move * moves
        + limits.per_task_closed * closed
        + limits.per_task_opened * largest
        + (limits.per_deferred * limits.deferred if deferring else 0)
    )
