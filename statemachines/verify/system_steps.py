"""System steps: every way they can end has an arrow, and an outcome that comes late is answered wherever the case can be by then."""

from __future__ import annotations

from collections.abc import Iterator

from statemachines.definition import StateKind
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.graph import step
from statemachines.verify.index import Edge
from statemachines.verify.machines import Machines

FAILED = "failed"
"""The outcome of a step that failed in every attempt."""


def check_system_steps(machines: Machines) -> Iterator[Finding]:
    """Outcomes, then late outcomes."""
    index, union = machines.index, machines.union
    for place, state in index.open_states():
        if state.kind is not StateKind.SYSTEM or state.work is None:
            continue
        work = state.work
        for outcome in dict.fromkeys((*work.outcomes, FAILED)):
            event = f"{work.name}.{outcome}"
            if outcome not in work.outcomes:
                yield codes.OUTCOME_UNANSWERED.found(
                    index.place(state=state.name, event=event),
                    f"{work.name} does not say what happens when all of its {work.attempts} attempts fail.",
                    (*union.graph.way_to(place), event),
                    "Declare the outcome failed, and an arrow for it.",
                )
            elif not any(not edge.transition.by for edge in index.groups.get((place, event), ())):
                yield codes.OUTCOME_UNANSWERED.found(
                    index.place(state=state.name, event=event),
                    f"{work.name} in {index.title(place)} can end as {outcome}, and no arrow is taken then.",
                    (*union.graph.way_to(place), event),
                )
        if union.graph.reached[place]:
            yield from _late(machines, place, work.name)


def _late(machines: Machines, place: int, work: str) -> Iterator[Finding]:
    """While the step works, its execution waits for it: the case moves on by events, deadlines and life, by no other outcome."""
    index, union = machines.index, machines.union

    def meanwhile(edge: Edge) -> bool:
        goes_on = edge.transition.on not in index.outcomes and not edge.transition.reopens
        return bool(union.enabled[edge.number]) and goes_on

    left = {edge.target for edge in index.leaving[place] if meanwhile(edge)}
    reached = union.graph.forwards(left, meanwhile)
    silent = [p for p in range(len(index.states)) if reached[p] and work not in index.states[p].late]
    if silent:
        titles = ", ".join(index.title(p) for p in silent[:3]) + (
            f" and {len(silent) - 3} more" if len(silent) > 3 else ""
        )
        yield codes.LATE_UNANSWERED.found(
            index.place(state=", ".join(index.states[p].name for p in silent), name=work),
            f"While {work} is at work in {index.title(place)}, the case can come to {titles}: what does its outcome mean there?",
            (*union.graph.way_to(place), *_path(machines, place, silent[0])),
        )


def _path(machines: Machines, source: int, target: int) -> tuple[str, ...]:
    """The shortest way from one state to another (through at least one arrow) without outcomes of system steps."""
    index, union = machines.index, machines.union
    came: dict[int, Edge] = {}
    queue = [source]
    for at in queue:
        for edge in index.leaving[at]:
            if edge.target not in came and union.enabled[edge.number] and edge.transition.on not in index.outcomes:
                came[edge.target] = edge
                queue.append(edge.target)
        if target in came:
            break
    steps: list[str] = []
    at = target
    while at in came:
        steps.append(step(came[at]))
        at = came.pop(at).source
        if at == source:
            break
    return tuple(reversed(steps))
