"""The limits: what a facility may set, what decides by them, and where their defaults come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from statemachines.compile.markdown import cell, section, table
from statemachines.compile.wording import Wording
from statemachines.definition import Definition, Parameter, State, ValueType
from statemachines.expressions import Data, FactOperand, ParameterOperand


def limits(definition: Definition, wording: Wording) -> str:
    """The section of all parameters."""
    uses = _uses(definition)
    rows = [
        [
            f"**{cell(p.title)}**<br>`{p.name}`",
            cell(wording.value(p.default, p.unit)),
            cell(_range(p, wording)),
            cell(", ".join(dict.fromkeys(wording.event(s.event) for s in p.patient)) or "–"),
            cell("; ".join(uses.get(p.name, ())) or "nowhere"),
            cell(p.source),
        ]
        for p in definition.parameters
    ]
    heading = [
        "Limit",
        "Default",
        "A facility may set",
        "A patient's own, from",
        "Used by",
        "Where the default comes from",
    ]
    return section("Limits and where they come from", table(heading, rows))


def _range(p: Parameter, wording: Wording) -> str:
    if p.choices:
        return "one of: " + ", ".join(wording.value(choice, None) for choice in p.choices)
    if p.minimum is None and p.maximum is None:
        return "yes or no" if p.type is ValueType.BOOLEAN else "anything"
    low = wording.value(p.minimum, p.unit) if p.minimum is not None else "any"
    high = wording.value(p.maximum, p.unit) if p.maximum is not None else "any"
    if p.unit == "min" and p.minimum is not None and p.minimum < 1:
        return f"up to {high}"
    return f"{low} to {high}"


def _uses(definition: Definition) -> Mapping[str, Sequence[str]]:
    """The steps, then the arrows, that use each parameter."""
    found: dict[str, list[str]] = {}
    for state in definition.states:
        for name in dict.fromkeys(_used_by(state)):
            found.setdefault(name, []).append(state.title)
    for t in definition.transitions:
        for name in dict.fromkeys(_parameters(t.when) if t.when is not None else ()):
            found.setdefault(name, []).append(t.id)
    return found


def _used_by(state: State) -> Iterator[str]:
    """The names of all parameters in a step's time limits and conditions."""
    if state.deadline is not None:
        for duration in (state.deadline.within, *(s.within for s in state.deadline.sooner)):
            if duration.parameter is not None:
                yield duration.parameter
        for sooner in state.deadline.sooner:
            yield from _parameters(sooner.when)
    if state.optional is not None:
        yield from _parameters(state.optional)


def _parameters(part: Data) -> Iterator[str]:
    """The names of all parameters in a guard."""
    if isinstance(part, ParameterOperand):
        yield part.parameter
    elif not isinstance(part, FactOperand):
        for name in type(part).model_fields:
            value = getattr(part, name)
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, Data):
                    yield from _parameters(inner)
