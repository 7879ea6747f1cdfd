"""A definition under one facility's policy, indexed for decisions. Built once, asked often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from statemachines.definition import Checklist, Definition, Duration, Late, RoleCode, State, Transition
from statemachines.expressions import Test, Value, compile_guard
from statemachines.policy import Policy


class Arrow(NamedTuple):
    """A transition ready to be decided: its guard compiled, its roles widened by the facility's policy (None: anyone).

    ``validates``: by it the source's validating role passes judgement on somebody's work, so nobody stands in for that role.
    """

    id: str
    target: str | None
    test: Test | None
    by: frozenset[RoleCode] | None
    override_by: frozenset[RoleCode]
    separate_from: tuple[str, ...]
    because: str
    validates: bool = False


class ReadyItem(NamedTuple):
    """An item of a checklist ready to be decided: its guard compiled, its roles widened by the facility's policy."""

    name: str
    title: str
    done_on: frozenset[str]
    by: frozenset[RoleCode] | None
    satisfied: Test | None


class ReadyChecklist(NamedTuple):
    """A checklist ready to be decided; ``needed`` of its items complete it."""

    items: tuple[ReadyItem, ...]
    needed: int


class Machine:
    """A workflow version as one facility runs it.

    ``arrows`` are found by (state, event type), in the order of the definition; ``overrides`` by (state, transition id);
    ``facts`` and ``care_plan`` list (name, event field) by event type; without a field, the fact is that it happened.
    ``reopening`` are the event types that may re-open an ended case, ``renewed`` the facts that they report; ``about_patient``
    are those of the patient's life and care plan, which outlast a case, ``observations`` those that report facts and are caused
    by nobody in particular, ``observed`` the facts that one of them reports. ``undone`` names the work that some state wants
    undone when it ends there too late; ``sets_out``: some state does such work.
    """

    __slots__ = (
        "about_patient",
        "arrows",
        "care_plan",
        "checklists",
        "definition",
        "expectations",
        "facts",
        "observations",
        "observed",
        "overrides",
        "parameters",
        "policy",
        "renewed",
        "reopening",
        "sets_out",
        "sooner",
        "states",
        "undone",
    )

    def __init__(self, definition: Definition, policy: Policy) -> None:
        """Raises UnknownInPolicy when the policy does not fit the definition."""
        self.definition = definition
        self.policy = policy
        self.parameters: Mapping[str, Value] = policy.resolve(definition)
        self.states: Mapping[str, State] = {state.name: state for state in definition.states}
        self.expectations = {expected.event: expected for expected in definition.events}
        self.arrows: dict[tuple[str | None, str], tuple[Arrow, ...]] = {}
        self.overrides: dict[tuple[str | None, str | None], Arrow] = {}
        for transition in definition.transitions:
            ready = self._arrow(transition)
            for source in transition.sources or (None,):
                validator = self.states[source].validates if source is not None else None
                arrow = ready._replace(validates=validator is not None and validator in transition.by)
                self.arrows[source, transition.on] = (*self.arrows.get((source, transition.on), ()), arrow)
                if transition.override_by:
                    self.overrides[source, transition.id] = arrow
        self.facts: dict[str, tuple[tuple[str, str | None], ...]] = {}
        for fact in definition.facts:
            for source_ in fact.sources:
                self.facts[source_.event] = (*self.facts.get(source_.event, ()), (fact.name, source_.field))
        self.care_plan: dict[str, tuple[tuple[str, str], ...]] = {}
        for parameter in definition.parameters:
            for source_ in (source for source in parameter.patient if source.field is not None):
                assert source_.field is not None
                self.care_plan[source_.event] = (
                    *self.care_plan.get(source_.event, ()),
                    (parameter.name, source_.field),
                )
        life = definition.lifecycle
        self.about_patient = frozenset(self.care_plan) | {life.transfer, life.merge, life.discharge, life.death}
        self.reopening = frozenset(t.on for t in definition.transitions if t.reopens)
        self.renewed = frozenset(name for type in self.reopening for name, _ in self.facts.get(type, ()))
        self.observations = frozenset(e.event for e in definition.events if e.observation)
        self.observed = frozenset(
            fact.name for fact in definition.facts if any(source.event in self.observations for source in fact.sources)
        )
        self.checklists: dict[str, ReadyChecklist] = {
            state.name: self._checklist(state.checklist) for state in definition.states if state.checklist is not None
        }
        self.undone = frozenset(
            work for state in definition.states for work, late in state.late.items() if late is Late.COMPENSATE
        )
        self.sets_out = any(state.work is not None and state.work.name in self.undone for state in definition.states)
        self.sooner: dict[str, tuple[tuple[Test, Duration], ...]] = {
            state.name: tuple((compile_guard(s.when), s.within) for s in state.deadline.sooner)
            for state in definition.states
            if state.deadline is not None and state.deadline.sooner
        }

    def _arrow(self, transition: Transition) -> Arrow:
        return Arrow(
            transition.id,
            transition.target,
            compile_guard(transition.when) if transition.when is not None else None,
            self.performing(transition.by) if transition.by else None,
            self.performing(transition.override_by),
            transition.separate_from,
            transition.because,
        )

    def _checklist(self, checklist: Checklist) -> ReadyChecklist:
        items = tuple(
            ReadyItem(
                item.name,
                item.title,
                frozenset(item.done_on),
                self.performing(item.by) if item.by else None,
                compile_guard(item.satisfied) if item.satisfied is not None else None,
            )
            for item in checklist.items
        )
        return ReadyChecklist(items, checklist.needed if checklist.needed is not None else len(items))

    def answers_after(self, end: str | None, event: str) -> bool:
        """Whether this version says what becomes of an event after an end: one of another version may not be known to it."""
        state = self.states.get(end) if end is not None else None
        return state is not None and ((end, event) in self.arrows or event in state.ignores or event in state.refuses)

    def leaving(self, state: str) -> Iterator[Arrow]:
        """The arrows that leave a state."""
        return (arrow for (source, _), arrows in self.arrows.items() if source == state for arrow in arrows)

    def performing(self, roles: tuple[RoleCode, ...]) -> frozenset[RoleCode]:
        """The roles that may act for any of ``roles`` at this facility."""
        return frozenset(roles) | {who for role in roles for who in self.policy.performed_by.get(role, ())}
