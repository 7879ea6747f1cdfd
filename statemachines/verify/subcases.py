"""Sub-cases and checklists: what a state opens exists and comes back, and what it holds can be completed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from statemachines.definition import (
    CHECKLIST_COMPLETED,
    SUB_CASE_REQUESTED,
    Checklist,
    Definition,
    Item,
    State,
    StateKind,
)
from statemachines.verify import codes
from statemachines.verify.contradictions import never_true
from statemachines.verify.finding import Finding, Place
from statemachines.verify.index import answers
from statemachines.verify.intervals import TooManyCells
from statemachines.verify.machines import Machines, no_blocking
from statemachines.verify.smt import Solver


def check_subcases(machines: Machines, others: Mapping[str, Definition]) -> Iterator[Finding]:
    """Every workflow that a state opens, and every way in which that can end."""
    index = machines.index
    known = {**others, index.definition.workflow: index.definition}
    for place, state in index.open_states():
        if state.opens is None:
            continue
        way = machines.union.graph.way_to(place)
        where = index.place(state=state.name, name=state.opens.workflow)
        child = known.get(state.opens.workflow)
        if child is None:
            yield codes.UNKNOWN_SUBCASE.found(
                where, f"{index.title(place)} opens {state.opens.workflow}, which does not exist.", way,
                f"The workflows are {', '.join(sorted(known))}.",
            )  # fmt: skip
        else:
            yield from _child(state, child, where, known, way)
        for end in state.opens.ends:
            event = f"{state.opens.workflow}.{end}"
            if (place, event) not in index.groups and answers(state, event) in (None, "refuses"):
                yield codes.SUBCASE_UNANSWERED.found(
                    index.place(state=state.name, event=event),
                    f"{state.opens.workflow} can end as {end}, and {index.title(place)} goes on waiting for it.",
                    (*way, event),
                )


def _child(
    state: State, child: Definition, where: Place, known: Mapping[str, Definition], way: tuple[str, ...]
) -> Iterator[Finding]:
    assert state.opens is not None
    ends = {s.name for s in child.states if s.kind is StateKind.END}
    for end in sorted(set(state.opens.ends) - ends):
        yield codes.UNKNOWN_SUBCASE.found(
            where,
            f"{state.name} waits for {child.workflow} to end as {end}; it ends as {', '.join(sorted(ends))}.",
            way,
        )
    for end in sorted(ends - set(state.opens.ends)):
        yield codes.UNKNOWN_SUBCASE.found(
            where, f"{child.workflow} can also end as {end}, for which {state.name} does not wait.", way
        )
    if not any(not t.sources and t.on == SUB_CASE_REQUESTED for t in child.transitions):
        yield codes.UNKNOWN_SUBCASE.found(
            where, f"{child.workflow} has no arrow that opens it for another workflow.", way,
            f"Let an arrow of {child.workflow} open it on {SUB_CASE_REQUESTED}.",
        )  # fmt: skip
    if where.workflow in _opened(child.workflow, known):
        yield codes.UNKNOWN_SUBCASE.found(
            where, f"{child.workflow} opens {where.workflow} in turn: neither would ever end.", way, "Break the circle."
        )


def _opened(workflow: str, known: Mapping[str, Definition]) -> set[str]:
    """The workflows that a workflow opens, and those that they open; itself included."""
    found = {workflow}
    queue = [workflow]
    for name in queue:
        for state in known[name].states if name in known else ():
            if state.opens is not None and state.opens.workflow not in found:
                found.add(state.opens.workflow)
                queue.append(state.opens.workflow)
    return found


def check_checklists(machines: Machines, solver: Solver) -> Iterator[Finding]:
    """Every item can be done, there are as many as are needed, and completing them leads on."""
    index = machines.index
    for place, state in index.open_states():
        if state.checklist is None:
            continue
        way = machines.union.graph.way_to(place)
        yield from _items(machines, solver, place, state.checklist, way)
        if not any(not edge.transition.by for edge in index.groups.get((place, CHECKLIST_COMPLETED), ())):
            yield codes.CHECKLIST_UNANSWERED.found(
                index.place(state=state.name, event=CHECKLIST_COMPLETED),
                f"When the checklist of {index.title(place)} is done, no arrow is taken.",
                (*way, CHECKLIST_COMPLETED),
            )


def _items(
    machines: Machines, solver: Solver, place: int, checklist: Checklist, way: tuple[str, ...]
) -> Iterator[Finding]:
    index, state = machines.index, machines.index.states[place]
    if not checklist.items:
        yield codes.NEVER_COMPLETE.found(
            index.place(state=state.name), f"The checklist of {index.title(place)} is empty.", way
        )
    if checklist.needed is not None and checklist.needed > len(checklist.items):
        yield codes.NEVER_COMPLETE.found(
            index.place(state=state.name),
            f"The checklist of {index.title(place)} needs {checklist.needed} of {len(checklist.items)} items.",
            way,
            "Need no more items than there are.",
        )
    for item in checklist.items:
        why = _undoable(machines, solver, place, item)
        if why is not None:
            yield codes.NEVER_COMPLETE.found(
                index.place(state=state.name, name=item.name), f"“{item.title}” in {index.title(place)} {why}.", way
            )


def _undoable(machines: Machines, solver: Solver, place: int, item: Item) -> str | None:
    """Why an item can be neither done nor satisfied; None when it can."""
    index = machines.index
    doing = [event for event in item.done_on if event in index.expected or event in index.ends]
    taken = [event for event in doing if _always_leaves(machines, place, event)]
    if len(taken) < len(doing):
        return None
    if item.satisfied is not None:
        return _unsatisfiable(machines, solver, place, item)
    if taken:
        return f"is never done: {', '.join(taken)} moves the case on instead"
    return "can be neither done nor satisfied" if not item.done_on else "is done by nothing that can arrive"


def _always_leaves(machines: Machines, place: int, event: str) -> bool:
    """Whether an arrow without a guard takes the event before the checklist sees it."""
    return any(edge.transition.when is None for edge in machines.index.groups.get((place, event), ()))


def _unsatisfiable(machines: Machines, solver: Solver, place: int, item: Item) -> str | None:
    assert item.satisfied is not None
    contest = machines.contest((item.satisfied,))
    if contest is None:
        return None
    index, knowledge = machines.index, machines.union.knowledge
    events = {edge.transition.on for edge in index.entering[place]} | index.expected
    impossible: list[int] = []
    for members in machines.classes(contest.policy):
        try:
            possible = any(
                contest.decide(
                    machines.overlays[members[0]].parameters, knowledge.context(place, event), no_blocking(1)
                ).possible
                for event in events
            )
        except TooManyCells:
            continue
        if not possible:
            impossible.extend(members)
    found = never_true(machines, solver, item.satisfied, impossible, min(events, default="")) if impossible else None
    return f"is never satisfied: {found[1]}" if found is not None else None
