"""A definition indexed for verification. It tolerates what is broken: an arrow to an unknown state is simply left out here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from events.catalog import CATALOG
from statemachines.definition import (
    CHECKLIST_COMPLETED,
    DEADLINE_MISSED,
    SUB_CASE_REQUESTED,
    Definition,
    State,
    StateKind,
    Transition,
)
from statemachines.verify.finding import Place

OPENING = -1
"""The position of "no case yet", from which opening arrows lead."""


LIFE = ("transfer", "merge", "discharge", "death", "cancellation")
"""The turns of a patient's life that a workflow answers."""


class Edge(NamedTuple):
    """One arrow from one state: a transition with several sources has several. Positions are those of the states.

    An arrow that re-opens leads from an end to where a new case begins, which knows what the ended one knew.
    """

    number: int
    transition: Transition
    source: int
    target: int


class Index:
    """States and arrows of a definition by position; of two with one name, the first counts."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.states: tuple[State, ...] = tuple({state.name: state for state in reversed(definition.states)}.values())[
            ::-1
        ]
        self.position = {state.name: place for place, state in enumerate(self.states)}
        self.roles = {role.code: role for role in definition.roles}
        self.facts = {fact.name: fact for fact in definition.facts}
        self.parameters = {parameter.name: parameter for parameter in definition.parameters}
        self.expected = {expectation.event for expectation in definition.events}
        self.transitions = {transition.id: transition for transition in definition.transitions}
        self.edges: tuple[Edge, ...] = tuple(self._edges())
        self.leaving: list[list[Edge]] = [[] for _ in self.states]
        self.entering: list[list[Edge]] = [[] for _ in self.states]
        self.opening: list[Edge] = []
        self.groups: dict[tuple[int, str], tuple[Edge, ...]] = {}
        for edge in self.edges:
            (self.opening if edge.source == OPENING else self.leaving[edge.source]).append(edge)
            self.entering[edge.target].append(edge)
            key = (edge.source, edge.transition.on)
            self.groups[key] = (*self.groups.get(key, ()), edge)
        lifecycle = definition.lifecycle
        self.life: dict[str, str] = {event: kind for kind in LIFE if (event := getattr(lifecycle, kind)) is not None}
        """The events that tell of the patient's life, each with what it tells."""
        self.reopening = dict.fromkeys(edge.transition.on for edge in self.edges if edge.transition.reopens)
        """The events that re-open ended cases."""
        self.works = {state.work.name: state.work for state in self.states if state.work is not None}
        self.subcases = {state.opens.workflow: state.opens for state in self.states if state.opens is not None}
        self.outcomes = {f"{w.name}.{outcome}" for w in self.works.values() for outcome in w.outcomes}
        self.ends = {f"{s.workflow}.{end}" for s in self.subcases.values() for end in s.ends}

    def _edges(self) -> Iterator[Edge]:
        number = 0
        for transition in self.definition.transitions:
            if transition.sources:
                sources = [self.position[name] for name in dict.fromkeys(transition.sources) if name in self.position]
            else:
                sources = [OPENING]
            for source in sources:
                target = source if transition.target is None else self.position.get(transition.target, OPENING)
                ended = source != OPENING and self.states[source].kind is StateKind.END
                if target == OPENING or ended is not transition.reopens:
                    continue  # said elsewhere: an arrow to nowhere, out of an end, or one that re-opens what has not ended
                yield Edge(number, transition, source, target)
                number += 1

    def own_event(self, event: str) -> bool:
        """Whether Baton itself makes the event: a deadline, a system step's outcome, a checklist, a sub-case's request or end."""
        return (
            event in (DEADLINE_MISSED, CHECKLIST_COMPLETED, SUB_CASE_REQUESTED)
            or event in self.outcomes
            or event in self.ends
        )

    def by_person(self, event: str) -> bool:
        """Whether a person performs something by the event; not Baton, nor a device, nor a turn of the patient's life."""
        if self.own_event(event) or event in self.life:
            return False
        row = CATALOG.get(event)
        return row is None or not row.observation

    def open_states(self) -> Iterator[tuple[int, State]]:
        """The states in which a case is open, with their positions."""
        return ((place, state) for place, state in enumerate(self.states) if state.kind is not StateKind.END)

    def place(self, **where: str | tuple[str, ...] | None) -> Place:
        """A place in this workflow."""
        return Place(workflow=self.definition.workflow, **where)  # type: ignore[arg-type]

    def title(self, state: int) -> str:
        """A state as a sentence names it."""
        return f"“{self.states[state].title or self.states[state].name}”"

    def event_words(self, event: str) -> str:
        """An event type as a sentence names it."""
        if event == DEADLINE_MISSED:
            return "the deadline"
        return f"“{event.replace('_', ' ').replace('.', ': ')}”"


def answers(state: State, event: str) -> str | None:
    """How a state declares to answer an event that takes no arrow there: records, ignores, defers or refuses; else None."""
    for how in ("records", "ignores", "defers", "refuses"):
        if event in getattr(state, how):
            return how
    if state.checklist is not None and any(event in item.done_on for item in state.checklist.items):
        return "checklist"
    return None
