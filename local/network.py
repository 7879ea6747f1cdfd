"""A network of made-up facilities whose policies differ as real ones do, from a seed: for checking workflows at scale.

They differ in times, limits and choices, in time zone and holidays, and in who is there: in the evening, at night and at the
weekend several roles are missing at once, seniors and those at the bedside alike; colleagues do a missing role's work, or
stand in for it in an order of the facility's own. Somebody always answers: the last role of every chain is never missing.
Nobody does the work of those whom they are told about when it is late, for then nobody else would be told.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from statemachines.definition import DEADLINE_MISSED, Definition, Parameter, RoleCode, Unit, ValueType
from statemachines.expressions import Value
from statemachines.policy import Calendar, Policy, Shift

ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""How much longer or shorter than the default a facility's times are."""
HOLIDAYS = tuple(
    date(year, month, day)
    for year in (2026, 2027)
    for month, day in ((1, 1), (1, 19), (5, 25), (6, 19), (7, 3), (9, 7), (11, 26), (11, 27), (12, 24), (12, 25))
)
OFF_HOURS = ("evening", "night", "weekend")
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
    others = [code for code in roles if code != last]
    shade = chance.choice(SHADES)
    colleagues = _colleagues(definitions, last)
    performed_by = {
        code: tuple(chance.sample(colleagues[code], min(len(colleagues[code]), chance.choice((1, 1, 2)))))
        for code in others
        if colleagues[code] and chance.random() < 0.15
    }
    fallbacks = {
        code: _chain(code, colleagues[code], last, definitions, chance) for code in others if chance.random() < 0.2
    }
    return Policy(
        facility=f"generated-{number:03}",
        title=f"Generated facility {number}",
        calendar=Calendar(
            time_zone=chance.choice(ZONES), holidays=tuple(sorted(chance.sample(HOLIDAYS, chance.randint(0, 12))))
        ),
        parameters={d.workflow: _settings(d, shade, chance) for d in definitions},
        performed_by=performed_by,
        fallbacks=fallbacks,
        shifts=(
            Shift(name="day", staffed=tuple(roles)),
            *(
                Shift(name=name, staffed=tuple(code for code in roles if code not in missing))
                for name in OFF_HOURS[: chance.randint(1, 3)]
                for missing in [set(chance.sample(others, chance.randint(0, len(others) * 2 // 3)))]
            ),
        ),
        always_staffed=last,
    )


def _chain(
    code: RoleCode,
    colleagues: Sequence[RoleCode],
    last: RoleCode,
    definitions: Sequence[Definition],
    chance: random.Random,
) -> tuple[RoleCode, ...]:
    """A chain of the facility's own: that of the workflows in another order, shortened, or with a colleague in it."""
    named = (who for d in definitions for role in d.roles if role.code == code for who in role.fallback)
    chain = [who for who in dict.fromkeys(named) if who != last]
    chance.shuffle(chain)
    chain = chain[: chance.randint(0, len(chain))]
    extra = [who for who in colleagues if who not in chain]
    if extra and chance.random() < 0.5:
        chain.insert(chance.randint(0, len(chain)), chance.choice(extra))
    return (*chain, last)


def _colleagues(definitions: Sequence[Definition], last: RoleCode) -> Mapping[RoleCode, tuple[RoleCode, ...]]:
    """By role, who may do its work: anybody of a workflow it has who is not told when that work, or work before it, is late.

    Nobody does the work of those who are told last. Who passes judgement in a workflow does no work there to be judged, and
    whoever does the work there passes no judgement.
    """
    roles = _roles(definitions)
    told: dict[RoleCode, set[RoleCode]] = {code: set() for code in roles}
    only_they: set[RoleCode] = {last}
    apart: list[tuple[set[RoleCode], set[RoleCode]]] = []
    for definition in definitions:
        states = {state.name: state for state in definition.states}
        validating = [
            t for t in definition.transitions if any(states[source].validates in t.by for source in t.sources)
        ]
        judges = {code for t in validating for code in t.by}
        apart.append((judges, {role.code for role in definition.roles} - judges))
        for transition in definition.transitions:
            for source in transition.sources if transition.on == DEADLINE_MISSED else ():
                owner, above = states[source].owner, states[transition.target or source].owner
                if owner is not None and above is not None:
                    told[owner].add(above)
                    if transition.target in (None, source):
                        only_they.add(owner)
    for code in roles:  # whoever is told of somebody who is told
        queue = list(told[code])
        for who in queue:
            queue += told[who] - told[code]
            told[code] |= told[who]
    where = {code: {d.workflow for d in definitions for role in d.roles if role.code == code} for code in roles}
    return {
        code: ()
        if code in only_they
        else tuple(
            who
            for who in roles
            if who not in {code, last} | told[code]
            and where[code] & where[who]
            and not any({code, who} & judges and {code, who} & judged for judges, judged in apart)
        )
        for code in roles
    }


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
    days = parameter.unit == "business days"
    number = float(default) * (chance.choice(FACTORS) if time or days else 1 + shade)
    number = round(number) if isinstance(default, int) or float(default).is_integer() else round(number, 2)
    low = parameter.minimum if parameter.minimum is not None else number
    high = parameter.maximum if parameter.maximum is not None else number
    return min(max(number, low), high)
