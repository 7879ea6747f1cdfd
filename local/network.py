"""A network of made-up facilities whose policies differ as real ones do, from a seed: for checking workflows at scale."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from statemachines.definition import Definition, Parameter, RoleCode, Unit, ValueType
from statemachines.expressions import Value
from statemachines.policy import Calendar, Policy, Shift

ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""How much longer or shorter than the default a facility's times are."""
SHADES = (-0.03, -0.01, 0.0, 0.01, 0.03)
"""By how much a facility's clinical limits differ from the default: all alike, so that a low limit stays below its high one."""


def network(count: int, definitions: Sequence[Definition], seed: int = 2026) -> Iterator[Policy]:
    """So many facilities that run all of these workflows. The same arguments give the same facilities.

    Raises ValueError when the workflows share no role that could always be staffed.
    """
    shared = set.intersection(*({role.code for role in d.roles} for d in definitions)) if definitions else set()
    last = [code for code in _roles(definitions) if code in shared and not _stand_ins(code, definitions)]
    if not last:
        raise ValueError("the workflows share no role without a stand-in, so none can be the always staffed one")
    for number in range(1, count + 1):
        yield _facility(number, definitions, last[-1], random.Random(seed * 100_003 + number))


def _facility(number: int, definitions: Sequence[Definition], last: RoleCode, chance: random.Random) -> Policy:
    roles = _roles(definitions)
    shade = chance.choice(SHADES)
    covered = [code for code in roles if code != last and _stand_ins(code, definitions)]
    seniors = [code for code in covered if any(code in _stand_ins(other, definitions) for other in covered)]
    return Policy(
        facility=f"generated-{number:03}",
        title=f"Generated facility {number}",
        calendar=Calendar(time_zone=chance.choice(ZONES)),
        parameters={d.workflow: _settings(d, shade, chance) for d in definitions},
        performed_by={},
        fallbacks={code: (*_stand_ins(code, definitions), last) for code in covered if chance.random() < 0.15},
        shifts=(
            Shift(name="day", staffed=tuple(roles)),
            *(
                Shift(name=name, staffed=tuple(code for code in roles if code not in missing))
                for name in ("evening", "night", "weekend")[: chance.randint(1, 3)]
                for missing in [set(chance.sample(seniors, min(len(seniors), chance.randint(0, 1))))]
            ),
        ),
        always_staffed=last,
    )


def _settings(definition: Definition, shade: float, chance: random.Random) -> dict[str, Value]:
    """Some times and choices of the facility's own; and its own clinical limits, all or none, as they belong together."""
    own_limits = chance.random() < 0.5
    found: dict[str, Value] = {}
    for parameter in definition.parameters:
        time = _is_time(parameter, definition)
        limit = parameter.type is ValueType.NUMBER and not time
        if own_limits if limit else chance.random() < 0.4:
            found[parameter.name] = _value(parameter, time, shade, chance)
    return found


def _roles(definitions: Sequence[Definition]) -> list[RoleCode]:
    return list(dict.fromkeys(role.code for d in definitions for role in d.roles))


def _stand_ins(code: RoleCode, definitions: Sequence[Definition]) -> tuple[RoleCode, ...]:
    """Who stands in for a role in every workflow that has it."""
    chains = [role.fallback for d in definitions for role in d.roles if role.code == code]
    return tuple(who for who in chains[0] if all(who in chain for chain in chains)) if chains else ()


def _is_time(parameter: Parameter, definition: Definition) -> bool:
    limits = [state.deadline for state in definition.states if state.deadline is not None]
    durations = [d for limit in limits for d in (limit.within, *(sooner.within for sooner in limit.sooner))]
    named = {d.parameter for d in durations if d.unit is not Unit.BUSINESS_DAYS}
    return parameter.name in named or parameter.unit in ("min", "h")


def _value(parameter: Parameter, time: bool, shade: float, chance: random.Random) -> Value:
    default = parameter.default
    if parameter.type is ValueType.BOOLEAN:
        return chance.random() < 0.5
    if parameter.type is ValueType.CODE:
        return chance.choice(parameter.choices) if parameter.choices else default
    number = float(default) * (chance.choice(FACTORS) if time else 1 + shade)
    number = round(number) if isinstance(default, int) or float(default).is_integer() else round(number, 2)
    low = parameter.minimum if parameter.minimum is not None else number
    high = parameter.maximum if parameter.maximum is not None else number
    return min(max(number, low), high)
