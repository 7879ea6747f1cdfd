"""What every course of a case, or some course, has behind it or ahead of it under one setting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property
from types import NoneType
from typing import TypeVar, get_args

from events.catalog import CATALOG
from statemachines.compare.durations import durations, guards
from statemachines.compare.guards import Reasoner
from statemachines.compare.sense import facts_in, parameters_in
from statemachines.compare.settings import Edge, Setting
from statemachines.definition import DEADLINE_MISSED, Definition, Name, RoleCode, Source, State, StateKind

Validation = tuple[RoleCode, str]
"""A validation that took place: the validating role, and the event that showed it."""

ANSWERS = ("records", "ignores", "defers", "refuses")
"""The fields of a state that answer events, in the order in which a decision looks for them."""


def answer(state: State, event: str) -> tuple[str, str] | None:
    """How a state answers an event that moves nothing, and why; None: it is not expected there."""
    for field in ANSWERS:
        reasons: dict[str, str] = getattr(state, field)
        if event in reasons:
            return field, reasons[event]
    return None


T = TypeVar("T")


class Paths:
    """The courses of a case under one setting."""

    def __init__(self, setting: Setting, reasoner: Reasoner) -> None:
        self.setting = setting
        self.definition: Definition = setting.definition
        self._reasoner = reasoner
        self._states = {state.name: state for state in self.definition.states}

    # ── behind ───────────────────────────────────────────────────────────────────────────────────────────────────────────
    @cached_property
    def surely_known(self) -> dict[Name, frozenset[Name]]:
        """By state: the facts that are known there on every path."""

        def learned(edge: Edge) -> frozenset[Name]:
            surely = self._surely_reported(edge.transition.on)
            if edge.transition.override_by:  # may be taken though its guard does not hold
                return surely
            return surely | self._reasoner.proves_known(edge.transition.when, self.setting.fixed)

        return self._on_every_path(learned)

    @cached_property
    def surely_validated(self) -> dict[Name, frozenset[Validation]]:
        """By state: the validations that took place on every path to it."""

        def validated(edge: Edge) -> frozenset[Validation]:
            source = self._states.get(edge.source or "")
            if source is None or source.validates is None or edge.transition.on == DEADLINE_MISSED:
                return frozenset()
            by = edge.transition.by
            return frozenset({(source.validates, edge.transition.on)}) if source.validates in by else frozenset()

        return self._on_every_path(validated)

    def validating(self, validations: Iterable[Validation]) -> tuple[State, ...]:
        """The states that a case can be in and in which one of these validations is done."""
        wanted = set(validations)
        return tuple(
            state
            for state in self.definition.states
            if any(
                (state.validates, edge.transition.on) in wanted and state.validates in edge.transition.by
                for edge in self.leaving(state.name)
            )
        )

    def _on_every_path(self, gained: Callable[[Edge], frozenset[T]]) -> dict[Name, frozenset[T]]:
        """The greatest solution: what holds along all paths. Each round only takes away, so rounds end."""
        found: dict[Name, frozenset[T]] = {}
        waiting: deque[Edge] = deque(edge for edge in self.setting.edges if edge.source is None)
        while waiting:
            edge = waiting.popleft()
            before = found[edge.source] if edge.source is not None else frozenset()
            arriving = before | gained(edge)
            now = arriving & found[edge.target] if edge.target in found else arriving
            if edge.target not in found or now != found[edge.target]:
                found[edge.target] = now
                waiting.extend(self._leaving.get(edge.target, ()))
        return found

    @cached_property
    def _leaving(self) -> dict[Name | None, list[Edge]]:
        found: dict[Name | None, list[Edge]] = {}
        for edge in self.setting.edges:
            found.setdefault(edge.source, []).append(edge)
        return found

    def _surely_reported(self, event: str) -> frozenset[Name]:
        return frozenset(
            fact.name
            for fact in self.definition.facts
            if any(source.event == event and always_reports(source) for source in fact.sources)
        )

    # ── ahead ────────────────────────────────────────────────────────────────────────────────────────────────────────────
    def leaving(self, state: Name) -> tuple[Edge, ...]:
        """The transitions that a case in that state can take; one that has ended takes none, it is another that re-opens."""
        return tuple(edge for edge in self._leaving.get(state, ()) if not edge.transition.reopens)

    def ahead(self, state: Name) -> frozenset[Name]:
        """The state and all that can follow it."""
        found, waiting = {state}, [state]
        while waiting:
            for edge in self.leaving(waiting.pop()):
                if edge.target not in found:
                    found.add(edge.target)
                    waiting.append(edge.target)
        return frozenset(found)

    def way_to_end(self, state: Name) -> tuple[str, ...] | None:
        """A shortest way to an end, as transition ids, without missing a deadline where that can be; None: there is none."""
        for edges in (
            [edge for edge in self.setting.edges if edge.transition.on != DEADLINE_MISSED],
            list(self.setting.edges),
        ):
            way = self._way(state, edges)
            if way is not None:
                return way
        return None

    def _way(self, state: Name, edges: Iterable[Edge]) -> tuple[str, ...] | None:
        leaving: dict[Name | None, list[Edge]] = {}
        for edge in edges:
            leaving.setdefault(edge.source, []).append(edge)
        ways: dict[Name, tuple[str, ...]] = {state: ()}
        waiting = deque([state])
        while waiting:
            place = waiting.popleft()
            if self._states[place].kind is StateKind.END:
                return ways[place]
            for edge in leaving.get(place, ()):
                if edge.target in self._states and edge.target not in ways:
                    ways[edge.target] = (*ways[place], edge.transition.id)
                    waiting.append(edge.target)
        return None

    def needed(self, state: Name) -> frozenset[Name]:
        """The facts that are read in that state, on entering it, or later before some event surely reports them anew."""
        entering = self._entering(state)
        return entering | self._read.get(state, frozenset())

    @cached_property
    def _read(self) -> dict[Name, frozenset[Name]]:
        """The least solution: what is read along some path. Each round only adds, so rounds end."""
        found: dict[Name, frozenset[Name]] = {}
        changed = True
        while changed:
            changed = False
            for edge in self.setting.edges:
                if edge.source is None or edge.transition.reopens:
                    continue
                guard = edge.transition.when
                later = found.get(edge.target, frozenset()) | self._entering(edge.target)
                read = (facts_in(guard) if guard is not None else frozenset()) | later
                now = found.get(edge.source, frozenset()) | (read - self._surely_reported(edge.transition.on))
                if now != found.get(edge.source):
                    found[edge.source] = now
                    changed = True
        return found

    def _entering(self, name: Name) -> frozenset[Name]:
        state = self._states.get(name)
        if state is None:
            return frozenset()
        read = [*guards(state.deadline)]
        if state.checklist is not None:
            read += [item.satisfied for item in state.checklist.items if item.satisfied is not None]
        return frozenset(fact for guard in read for fact in facts_in(guard))

    def limits_ahead(self, state: Name) -> frozenset[Name]:
        """The parameters that decide anything in that state or later."""
        found: set[Name] = set()
        for name in self.ahead(state):
            place = self._states.get(name)
            if place is not None and place.deadline is not None:
                found |= {p for guard in guards(place.deadline) for p in parameters_in(guard)}
                found |= {d.parameter for d in durations(place.deadline) if d.parameter is not None}
            for edge in self.leaving(name):
                found |= parameters_in(edge.transition.when) if edge.transition.when is not None else set()
        return frozenset(found)

    def may_report(self, fact: Name, state: Name) -> bool:
        """Whether in that state or later an event that reports the fact is still taken note of."""
        events = {source.event for known in self.definition.facts if known.name == fact for source in known.sources}
        for name in self.ahead(state):
            if any(edge.transition.on in events for edge in self.leaving(name)):
                return True
            place = self._states.get(name)
            if place is not None and any(
                told is not None and told[0] != "refuses" for told in (answer(place, event) for event in events)
            ):
                return True
        return False


def always_reports(source: Source) -> bool:
    """Whether every event of the type carries the field. An event type that the catalog does not have may leave it out."""
    known = CATALOG.get(source.event)
    if known is not None and source.field is None:
        return True
    if known is None or source.field not in known.model.model_fields:
        return False
    field = known.model.model_fields[source.field]
    return (field.is_required() or field.default is not None) and NoneType not in get_args(field.annotation)
