"""A sketch as a definition, made with the same calls that its source makes."""

from __future__ import annotations

from events.catalog import CATALOG
from statemachines.definition import Correlation, Definition, Duration, Expectation, Role, State, Transition
from statemachines.draft.sketch import DEADLINE_REF, ArrowSketch, EventRef, LimitSketch, Sketch, StateSketch
from statemachines.draft.timing import LONGEST_DAYS, LONGEST_MINUTES
from statemachines.draft.unanswered import NOBODY_YET, NOT_SAID, Proposed, expect_proposed, unanswered
from statemachines.language import (
    DEADLINE,
    ParameterTerm,
    T,
    Trigger,
    business_days,
    emr,
    end,
    expect,
    minutes,
    parameter,
    role,
    waiting,
    workflow,
)

END_TITLE = "Complete"


def build(sketch: Sketch) -> Definition:
    """The definition that a sketch stands for."""
    roles = {r.code: role(r.code, r.title) for r in sketch.roles}
    limits = {limit.name: _limit(limit) for limit in sketch.limits}
    states = {s.name: _state(s, roles, limits, sketch) for s in sketch.states}
    if sketch.end is not None:
        states[sketch.end] = end(sketch.end, END_TITLE, emr=emr("completed", business_status(sketch.end)))
    return workflow(
        sketch.name,
        1,
        title=sketch.title,
        purpose=sketch.purpose,
        correlation=Correlation.ENCOUNTER,
        roles=tuple(roles.values()),
        facts=(),
        parameters=tuple(limits.values()),
        events=tuple(_expectation(each) for each in sketch.events),
        states=tuple(states.values()),
        transitions=tuple(_transition(arrow, states, roles) for arrow in sketch.arrows),
    )


def _limit(limit: LimitSketch) -> ParameterTerm:
    low, high, unit = limits_of(business_days=limit.business_days)
    return parameter(limit.name, limit.title, limit.amount, limit.source, unit=unit, minimum=low, maximum=high)


def limits_of(*, business_days: bool) -> tuple[float, float, str]:
    """What a facility may set a time limit of a draft to, at least and at most, and its unit."""
    return (1, LONGEST_DAYS, "business days") if business_days else (0.001, LONGEST_MINUTES, "min")


def _state(sketch: StateSketch, roles: dict[str, Role], limits: dict[str, ParameterTerm], whole: Sketch) -> State:
    within = NOT_SAID
    if sketch.limit is not None:
        within = duration(limits[sketch.limit], whole, sketch.limit)
    return unanswered(
        waiting(
            sketch.name,
            sketch.title,
            owner=roles[sketch.owner] if sketch.owner is not None else NOBODY_YET,
            within=within,
            do=sketch.do,
            validates=roles[sketch.validates] if sketch.validates is not None else None,
            escalates_to=roles[sketch.escalates_to] if sketch.escalates_to is not None else None,
            emr=emr(sketch.status, business_status(sketch.name)),
        )
    )


def duration(term: ParameterTerm, sketch: Sketch, name: str) -> Duration:
    """The length of time that a limit holds."""
    days = next(limit.business_days for limit in sketch.limits if limit.name == name)
    return business_days(term) if days else minutes(term)


def business_status(name: str) -> str:
    """The code under which the EMR shows a state."""
    return name.replace("_", "-")


def _trigger(event: EventRef) -> Trigger:
    if event == DEADLINE_REF:
        return DEADLINE
    return Proposed(event.name) if event.proposed else CATALOG[event.name].model


def _expectation(event: EventRef) -> Expectation:
    return expect_proposed(Proposed(event.name)) if event.proposed else expect(CATALOG[event.name].model)


def _transition(arrow: ArrowSketch, states: dict[str, State], roles: dict[str, Role]) -> Transition:
    return T(
        arrow.id,
        tuple(states[source] for source in arrow.sources) or None,
        on=_trigger(arrow.on),
        to=states[arrow.target] if arrow.target is not None else None,
        by=tuple(roles[code] for code in arrow.by),
        separate_from=arrow.separate_from,
        because=arrow.because,
    )
