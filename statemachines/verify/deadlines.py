"""Waits: each has a deadline, the deadline is a time, and an arrow is taken when it passes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from statemachines.definition import DEADLINE_MISSED, Duration, State, Unit
from statemachines.verify import codes
from statemachines.verify.domain import said
from statemachines.verify.finding import Finding
from statemachines.verify.machines import Machines
from statemachines.verify.units import wrong_unit

LONGEST_DAYS = 365
"""AWS Step Functions ends an execution after a year."""

_DAYS = {Unit.SECONDS: 1 / 86_400, Unit.MINUTES: 1 / 1440, Unit.HOURS: 1 / 24, Unit.BUSINESS_DAYS: 7 / 5}


def check_deadlines(machines: Machines) -> Iterator[Finding]:
    """In every open state; gaps between guarded deadlines are found with the other guards."""
    index = machines.index
    for place, state in index.open_states():
        if state.deadline is None:
            yield codes.NO_DEADLINE.found(
                index.place(state=state.name),
                f"{index.title(place)} can be waited in for ever: it has no deadline.",
                machines.union.graph.way_to(place),
            )
        else:
            for duration in (state.deadline.within, *(sooner.within for sooner in state.deadline.sooner)):
                yield from _duration(machines, state, duration)
        arrows = index.groups.get((place, DEADLINE_MISSED), ())
        if not any(not edge.transition.by for edge in arrows):
            yield codes.DEADLINE_UNANSWERED.found(
                index.place(state=state.name, event=DEADLINE_MISSED),
                f"When the deadline of {index.title(place)} passes, no arrow is taken: nobody is told.",
                (*machines.union.graph.way_to(place), DEADLINE_MISSED),
            )


def _duration(machines: Machines, state: State, duration: Duration) -> Iterator[Finding]:
    index = machines.index
    where = index.place(state=state.name)
    if (duration.amount is None) is (duration.parameter is None):
        what = "neither an amount nor a parameter" if duration.amount is None else "both an amount and a parameter"
        yield codes.BAD_DURATION.found(where, f"A time limit of {state.name} has {what}.")
        return
    if (objection := wrong_unit(duration, machines.vocabulary)) is not None:
        yield codes.BAD_DURATION.found(where, f"A time limit of {state.name}: {objection}.")
        return
    if duration.parameter is None:
        fault = _fault(duration.amount or 0, duration.unit)
        if fault is not None:
            yield codes.BAD_DURATION.found(where, f"A time limit of {state.name} {fault}.")
        return
    if duration.parameter not in index.parameters:
        return  # said elsewhere
    for members in machines.classes((duration.parameter,)):
        amount = machines.overlays[members[0]].parameters[duration.parameter]
        fault = _fault(float(amount), duration.unit)
        if fault is not None:
            yield codes.BAD_DURATION.found(
                index.place(state=state.name, name=duration.parameter, facilities=machines.facilities(members)),
                f"A time limit of {state.name} is {duration.parameter}, which {fault}.",
            )


def _fault(amount: float, unit: Unit) -> str | None:
    whole = int(amount) if unit is Unit.BUSINESS_DAYS and math.isfinite(amount) else amount
    words = f"{said(amount)} {unit.replace('_', ' ')}"
    if not whole > 0:
        return f"is {words}: it has passed before anybody can act"
    if not whole * _DAYS[unit] <= LONGEST_DAYS:
        return f"is {words}: longer than an execution can wait (a year)"
    return None


def minutes(duration: Duration, amount: float) -> float:
    """The longest that a wait of an amount can last, in minutes; a business day with the weekend that may lie before it."""
    if duration.unit is Unit.BUSINESS_DAYS:
        return (amount + 1) * 1440 * 7 / 5 + 2 * 1440
    return amount * _DAYS[duration.unit] * 1440
