"""Facilities with compressed deadlines, so that a demonstration need not last a shift."""

from __future__ import annotations

from collections.abc import Iterable

from statemachines.definition import Definition, ValueType
from statemachines.policy import Policy

MINUTES = "min"


def compressed(policy: Policy, definitions: Iterable[Definition], seconds_per_minute: float) -> Policy:
    """The same policy on a faster clock: every limit in minutes lasts so many seconds a minute; nothing else changes."""
    parameters = {workflow: dict(values) for workflow, values in policy.parameters.items()}
    for definition in definitions:
        own = parameters.setdefault(definition.workflow, {})
        for parameter in definition.parameters:
            if parameter.type is ValueType.NUMBER and parameter.unit == MINUTES:
                own[parameter.name] = float(own.get(parameter.name, parameter.default)) * seconds_per_minute / 60
    return policy.model_copy(update={"parameters": parameters, "title": f"{policy.title} (fast clock)"})
