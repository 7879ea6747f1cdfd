"""How the two versions' parts read in sentences. Unlike a picture's words, these never fail on a name that is not declared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

from statemachines.compare.cells import OTHER_CODE, Aspect, Dimension
from statemachines.compare.sense import Quantity, Sense
from statemachines.compare.solver import Situation
from statemachines.compile.wording import TIME_LIMIT_PASSED, Wording
from statemachines.definition import DEADLINE_MISSED, Correlation, Definition, Name, RoleCode, ValueType
from statemachines.expressions import AnyGuard, Value, describe


class Words:
    """The vocabulary of one version."""

    def __init__(self, definition: Definition) -> None:
        self._wording = Wording(definition)
        self._states = {state.name: state.title for state in definition.states}
        self._roles = {role.code: role.title for role in definition.roles}
        self._names = {fact.name: fact.title for fact in definition.facts} | {
            p.name: f"{p.title} ({value(p.default, p.unit)})" if p.type is ValueType.NUMBER else p.title
            for p in definition.parameters
        }

    def state(self, name: Name | None) -> str:
        """The title of a state."""
        return "the same step" if name is None else self._states.get(name, name)

    def states(self, names: Iterable[Name]) -> str:
        """Titles of states in a row; what opens a case comes from none."""
        return listed([self.state(name) for name in names]) or "no case"

    def role(self, code: RoleCode | None) -> str:
        """The title of a role."""
        return "nobody" if code is None else self._roles.get(code, code)

    def roles(self, codes: Iterable[RoleCode], none: str = "nobody") -> str:
        """Titles of roles in a row."""
        return listed([self.role(code) for code in codes]) or none

    def event(self, event: str) -> str:
        """An event type as a person says it."""
        return TIME_LIMIT_PASSED if event == DEADLINE_MISSED else self._wording.event(event)

    def guard(self, guard: AnyGuard | None) -> str:
        """A guard, each numeric limit with its default."""
        return "always" if guard is None else describe(guard, names=self._names).replace("_", " ")


def value(it: Value, unit: str | None) -> str:
    """A value with its unit."""
    return _ANY.value(it, None if unit == "1" else unit)


_ANY = Wording(
    Definition(
        workflow="any",
        version=1,
        title="",
        purpose="",
        correlation=Correlation.ENCOUNTER,
        roles=(),
        facts=(),
        parameters=(),
        events=(),
        states=(),
        transitions=(),
    )
)
"""Speaks of values, which are told alike in every workflow."""


def id_order(identifier: str) -> tuple[tuple[str, int], ...]:
    """Ids as people look them up, numbers by their size: T-9 before T-10."""
    return tuple((text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", identifier))


def quoted(text: str) -> str:
    """Words that somebody wrote."""
    return f"“{text}”" if text else "nothing"


def listed(items: Iterable[str], joined: str = "and") -> str:
    """One, two and three."""
    parts = list(items)
    return f" {joined} ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} {joined} {parts[-1]}"


MOST_NAMES = 4
"""More names of facilities than this are counted instead."""


def names(facilities: Sequence[str]) -> str:
    """The first names and how many more."""
    if len(facilities) <= MOST_NAMES:
        return listed(facilities)
    return f"{', '.join(facilities[:MOST_NAMES])} and {len(facilities) - MOST_NAMES} more"


def counted(count: int, one: str, many: str | None = None) -> str:
    """1 arrow, 2 arrows."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def shown(situation: Situation, sense: Sense) -> str:
    """A situation as an example: "SpO2 93%, hypercapnic risk not known"."""
    said = []
    for place, known in situation.items():
        if isinstance(place, Dimension):
            text = _fact(place, known, sense.facts[place.fact])
            if text is not None:
                said.append(text)
        elif known is not None:
            parameter = sense.parameters[place]
            said.append(f"{parameter.title} {_plain(known, parameter.unit)}")
    return ", ".join(said)


def _fact(dimension: Dimension, known: Fraction | bool | str | None, quantity: Quantity) -> str | None:
    match dimension.aspect:
        case Aspect.RISE:
            if not isinstance(known, Fraction) or known == 0:
                return None
            how = "risen" if known > 0 else "fallen"
            return f"{quantity.title} {how} by {_plain(abs(known), quantity.unit)}"
        case Aspect.AGE:
            return None if not known else f"{quantity.title} {_plain(known, None)} min old"
        case _:
            if known is None:
                return f"{quantity.title} not known"
            if isinstance(known, bool):
                return quantity.title if known else f"no {quantity.title}"
            return f"{quantity.title} {_plain(known, quantity.unit)}"


def _plain(known: Fraction | bool | str, unit: str | None) -> str:
    if known == OTHER_CODE:
        return "something else"
    return value(float(known) if isinstance(known, Fraction) else known, unit)
