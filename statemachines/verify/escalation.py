"""Escalation: where deadlines lead when nobody acts.

The rule, as escalation policies of hospitals have it (an unanswered call goes up the chain of command, and stays there): each
missed deadline may hand the case on, never back to a step that failed to answer before; the ladder ends in a step that
returns to itself, a reminder, and there whoever is reminded is somebody that nobody below is, or the facility's always staffed
role, above which there is nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from statemachines.definition import DEADLINE_MISSED, State, StateKind
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.graph import circling, step
from statemachines.verify.index import OPENING, Edge
from statemachines.verify.machines import Machines
from statemachines.verify.overlays import Overlay


def check_escalation(machines: Machines) -> Iterator[Finding]:
    """Circles, ends with nobody new, and arrows that contradict what the state says."""
    index, union = machines.index, machines.union
    ladder: dict[int, list[Edge]] = {}
    for place, _ in index.open_states():
        rungs = [
            edge
            for edge in index.groups.get((place, DEADLINE_MISSED), ())
            if union.enabled[edge.number] and not edge.transition.by
        ]
        if rungs and union.graph.reached[place]:
            ladder[place] = rungs
    yield from _circles(machines, ladder)
    yield from _ends(machines, ladder)
    yield from _elsewhere(machines, ladder)


def _circles(machines: Machines, ladder: dict[int, list[Edge]]) -> Iterator[Finding]:
    """Walks each circle once."""
    index = machines.index
    following = circling(
        {
            place: {e.target for e in rungs if e.target != place and e.target in ladder}
            for place, rungs in ladder.items()
        }
    )
    seen: set[int] = set()
    for start in sorted(following):
        walk: list[int] = []
        place = start
        while place not in seen:
            seen.add(place)
            walk.append(place)
            place = min(following[place])
        if place in walk:
            circle = walk[walk.index(place) :]
            names = " → ".join(index.title(p) for p in (*circle, circle[0]))
            edges = [
                next(e for e in ladder[p] if e.target == q)
                for p, q in zip(circle, (*circle[1:], circle[0]), strict=True)
            ]
            yield codes.ESCALATION_CYCLES.found(
                index.place(
                    state=index.states[circle[0]].name,
                    transition=", ".join(e.transition.id for e in edges),
                    event=DEADLINE_MISSED,
                ),
                f"When nobody answers, the case goes round for ever: {names}.",
                (*machines.union.graph.way_to(circle[0]), *map(step, edges)),
            )


def _ends(machines: Machines, ladder: dict[int, list[Edge]]) -> Iterator[Finding]:
    index, graph = machines.index, machines.union.graph
    judged: dict[tuple[str, frozenset[str]], list[_Ending]] = {}
    for place, rungs in ladder.items():
        for edge in rungs:
            if index.states[edge.target].kind is StateKind.END:
                yield codes.ESCALATION_ENDS.found(
                    index.place(state=index.states[place].name, transition=edge.transition.id),
                    f"When {index.title(place)} is not left in time, the case ends in {index.title(edge.target)}: nobody is told.",
                    (*graph.way_to(place), step(edge)),
                )
        owner = index.states[place].owner
        if owner is not None and all(edge.target == place for edge in rungs):
            key = (owner, _below(machines, place))
            if key not in judged:
                judged[key] = list(_judge(machines, *key))
            for ending in judged[key]:
                yield _reminding(machines, place, rungs[0], ending)


class _Ending(NamedTuple):
    """Where the last step of a ladder reminds nobody new: at these facilities, on a shift (None: on all); and why."""

    facilities: tuple[str, ...]
    shift: str | None
    why: str


def _below(machines: Machines, place: int) -> frozenset[str]:
    """The roles that own the steps from which missed deadlines lead up to a step."""
    index, union = machines.index, machines.union
    on_the_way, queue = {place}, [place]
    for at in queue:
        for edge in index.entering[at]:
            if edge.transition.on == DEADLINE_MISSED and edge.source not in on_the_way and union.enabled[edge.number]:
                on_the_way.add(edge.source)
                queue.append(edge.source)
    states = [index.states[at] for at in on_the_way if at != place]
    return frozenset(s.owner for s in states if s.kind is StateKind.WAITING and s.owner is not None)


def _judge(machines: Machines, owner: str, below: frozenset[str]) -> Iterator[_Ending]:
    """Whether the last step of a ladder, which returns to itself, reminds somebody whom nobody below is."""
    alone = [
        n
        for n, overlay in enumerate(machines.overlays)
        if not _last_resort(owner, overlay, machines) and (not below or owner in below)
    ]
    if alone:
        why = f"{owner} did not answer before, and nobody above is told" if below else "nobody else was ever told"
        yield _Ending(machines.facilities(alone), None, f"{owner} is reminded again and again; {why}")
    for n, overlay in enumerate(machines.overlays):
        if n in alone:
            continue
        for name, staffed in overlay.shifts:
            last = answering(overlay, owner, staffed, machines)
            first = {answering(overlay, role, staffed, machines) for role in below}
            if last is not None and last != overlay.always_staffed and first == {last}:
                why = f"on the shift {name}, {last} answers for every step before it too: nobody else is told"
                yield _Ending(overlay.facilities, name, why)


def _last_resort(role: str, overlay: Overlay, machines: Machines) -> bool:
    """Whether there is nobody above a role: it is always staffed, or (where no policy says) nobody stands in for it."""
    if overlay.always_staffed is not None:
        return overlay.always_staffed == role
    declared = machines.index.roles.get(role)
    return declared is not None and not declared.fallback


def _reminding(machines: Machines, place: int, edge: Edge, ending: _Ending) -> Finding:
    index = machines.index
    return codes.ESCALATION_ENDS.found(
        index.place(
            state=index.states[place].name,
            transition=edge.transition.id,
            role=index.states[place].owner,
            facilities=ending.facilities,
            shift=ending.shift,
        ),
        f"When nobody acts in {index.title(place)}, {ending.why}.",
        (*machines.union.graph.way_to(place), step(edge)),
    )


def answering(overlay: Overlay, role: str, staffed: frozenset[str], machines: Machines) -> str | None:
    """Who owns a step of ``role`` on a shift, as routing finds them; None when nobody does."""
    return next((who for who in overlay.chain(role, machines.index) if who in staffed), None)


def _elsewhere(machines: Machines, ladder: dict[int, list[Edge]]) -> Iterator[Finding]:
    index = machines.index
    for place, rungs in ladder.items():
        state: State = index.states[place]
        for edge in rungs:
            target = index.states[edge.target]
            if state.escalates_to is None or edge.source == OPENING or target.kind is StateKind.END:
                continue
            if target.owner is not None and target.owner != state.escalates_to:
                yield codes.ESCALATES_ELSEWHERE.found(
                    index.place(state=state.name, transition=edge.transition.id, role=state.escalates_to),
                    f"{index.title(place)} says {state.escalates_to} is told next; {edge.transition.id} hands it to {target.owner}.",
                    (*machines.union.graph.way_to(place), step(edge)),
                )
