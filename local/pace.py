"""Facilities with compressed deadlines, so that a demonstration need not last a shift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from statemachines.definition import Definition, ValueType
from statemachines.policy import Policy

MINUTES = "min"


def compressed(
    policy: Policy,
    definitions: Iterable[Definition],
    seconds_per_minute: float,
    hurried: Mapping[str, float] = MappingProxyType({}),
) -> Policy:
    """The same policy on a faster clock: every limit in minutes lasts so many seconds a minute; nothing else changes.

    ``hurried`` gives single limits, by name, seconds of their own.
    """
    parameters = {workflow: dict(values) for workflow, values in policy.parameters.items()}
    for definition in definitions:
        own = parameters.setdefault(definition.workflow, {})
        for parameter in definition.parameters:
            if parameter.type is ValueType.NUMBER and parameter.unit == MINUTES:
                pace = hurried.get(parameter.name, seconds_per_minute)
                own[parameter.name] = float(own.get(parameter.name, parameter.default)) * pace / 60
    return policy.model_copy(update={"parameters": parameters, "title": f"{policy.title} (fast clock)"})
