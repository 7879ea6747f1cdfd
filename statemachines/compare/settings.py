"""A version as a facility runs it: its limits there, and the states that a case can be in there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from statemachines.compare.guards import Reasoner, Values
from statemachines.compare.sense import parameters_in
from statemachines.definition import Definition, Name, RoleCode, Transition
from statemachines.policy import Policy, UnknownInPolicy
from statemachines.routing import fallbacks


class Edge(NamedTuple):
    """A transition from one of its sources (None: it opens a case) to where it leads; it can be taken at the facility."""

    source: Name | None
    target: Name
    transition: Transition


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A version under one policy, or under its own defaults (``policy`` None).

    ``values`` holds every parameter; ``fixed`` those that no patient's care plan can change. ``entered`` are the states that
    a case can be in, ``edges`` the transitions that can be taken there: no more than guards and limits allow, though who is
    on shift or what patients there are may allow less.
    """

    definition: Definition
    policy: Policy | None
    values: Values
    fixed: Values
    entered: frozenset[Name]
    edges: tuple[Edge, ...]

    def leaving(self, state: Name) -> tuple[Edge, ...]:
        """The transitions that a case in that state can take."""
        return tuple(edge for edge in self.edges if edge.source == state)

    def performing(self, roles: Iterable[RoleCode]) -> frozenset[RoleCode]:
        """The roles that may act for any of ``roles`` here."""
        given = frozenset(roles)
        if self.policy is None:
            return given
        return given | {who for role in given for who in self.policy.performed_by.get(role, ())}

    def chain(self, role: RoleCode) -> tuple[RoleCode, ...]:
        """Who is accountable for a role's work here: the first of these that anybody on shift holds."""
        if self.policy is None:
            return tuple(
                dict.fromkeys((role, *next((r.fallback for r in self.definition.roles if r.code == role), ())))
            )
        does, stands_in = self.policy.performed_by.get(role, ()), fallbacks(role, self.definition, self.policy)
        return tuple(dict.fromkeys((role, *does, *stands_in, self.policy.always_staffed)))


class Pair(NamedTuple):
    """The old and the new version as one facility runs them; ``facility`` None: under their own defaults."""

    facility: str | None
    old: Setting
    new: Setting


@dataclass(frozen=True, slots=True)
class Pairs:
    """Both versions everywhere. ``unfit`` says for each facility whose overlay does not fit one of them, why."""

    defaults: Pair
    facilities: tuple[Pair, ...]
    titles: Mapping[str, str]
    unfit: Mapping[str, str]

    def everywhere(self) -> tuple[Pair, ...]:
        """The defaults, then every facility."""
        return (self.defaults, *self.facilities)


class Surroundings:
    """Makes settings of one version; facilities whose limits open the same arrows share what was found out."""

    def __init__(self, definition: Definition, reasoner: Reasoner) -> None:
        self._definition = definition
        self._reasoner = reasoner
        self._of_patient = frozenset(p.name for p in definition.parameters if p.patient)
        asked = (t.when for t in definition.transitions if t.when is not None)
        self._decisive = frozenset(name for guard in asked for name in parameters_in(guard))
        self._found: dict[tuple[tuple[Name, object], ...], tuple[frozenset[Name], tuple[Edge, ...]]] = {}

    def under(self, policy: Policy | None) -> Setting:
        """The version under a policy. Raises UnknownInPolicy when the policy does not fit it."""
        values = (
            policy.resolve(self._definition)
            if policy is not None
            else {p.name: p.default for p in self._definition.parameters}
        )
        fixed = {name: value for name, value in values.items() if name not in self._of_patient}
        key = tuple(sorted((name, repr(value)) for name, value in fixed.items() if name in self._decisive))
        if key not in self._found:
            self._found[key] = _course(self._definition, fixed, self._reasoner)
        entered, edges = self._found[key]
        return Setting(self._definition, policy, values, fixed, entered, edges)


def _course(definition: Definition, fixed: Values, reasoner: Reasoner) -> tuple[frozenset[Name], tuple[Edge, ...]]:
    """The states that a case can be in, and the transitions that can be taken, from the opening on."""
    by_source: dict[Name | None, list[Transition]] = {}
    for transition in definition.transitions:
        if transition.override_by or reasoner.can_hold(transition.when, fixed):
            for source in transition.sources or (None,):
                by_source.setdefault(source, []).append(transition)
    entered: set[Name] = set()
    edges: list[Edge] = []
    waiting: list[Name | None] = [None]
    while waiting:
        source = waiting.pop()
        for transition in by_source.get(source, ()):
            target = transition.target if transition.target is not None else source
            if target is None:
                continue
            edges.append(Edge(source, target, transition))
            if target not in entered:
                entered.add(target)
                waiting.append(target)
    return frozenset(entered), tuple(edges)


def pairs(old: Definition, new: Definition, policies: Iterable[Policy], reasoner: Reasoner) -> Pairs:
    """Both versions under their defaults and under every policy."""
    before, after = Surroundings(old, reasoner), Surroundings(new, reasoner)
    found: list[Pair] = []
    unfit: dict[str, str] = {}
    titles: dict[str, str] = {}
    for policy in policies:
        titles[policy.facility] = policy.title
        try:
            one = before.under(policy)
        except UnknownInPolicy as problem:
            unfit[policy.facility] = f"its overlay does not fit version {old.version}: {problem}"
            continue
        try:
            found.append(Pair(policy.facility, one, after.under(policy)))
        except UnknownInPolicy as problem:
            unfit[policy.facility] = f"its overlay does not fit version {new.version}: {problem}"
    return Pairs(Pair(None, before.under(None), after.under(None)), tuple(found), titles, unfit)
