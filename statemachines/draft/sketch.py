"""A draft before it is written down: everything by name, with the questions that belong to each part as comments."""

from __future__ import annotations

from dataclasses import dataclass, field

from statemachines.definition import Name, RoleCode
from statemachines.verify.finding import Finding


@dataclass(frozen=True, slots=True)
class EventRef:
    """An event type; ``proposed`` when the catalog does not have it."""

    name: str
    proposed: bool


DEADLINE_REF = EventRef("deadline", proposed=False)
"""The state's own deadline."""


@dataclass(frozen=True, slots=True)
class RoleSketch:
    """A role."""

    code: RoleCode
    title: str


@dataclass(frozen=True, slots=True)
class LimitSketch:
    """A time limit, as a parameter that facilities may set; in minutes or in business days."""

    name: Name
    title: str
    amount: float
    business_days: bool
    source: str


@dataclass(frozen=True, slots=True)
class StateSketch:
    """A state in which somebody has something to do. ``owner`` and ``limit`` None: nobody said."""

    name: Name
    title: str
    do: str
    owner: RoleCode | None
    limit: Name | None
    validates: RoleCode | None = None
    escalates_to: RoleCode | None = None
    status: str = "in-progress"
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArrowSketch:
    """A transition. ``sources`` empty: it opens a case; ``target`` None: back to where it came from."""

    id: str
    sources: tuple[Name, ...]
    on: EventRef
    target: Name | None
    because: str
    by: tuple[RoleCode, ...] = ()
    separate_from: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sketch:
    """A workflow as a table tells it. ``end`` None: it has none."""

    name: Name
    title: str
    purpose: str
    origin: str
    roles: tuple[RoleSketch, ...]
    limits: tuple[LimitSketch, ...]
    events: tuple[EventRef, ...]
    states: tuple[StateSketch, ...]
    arrows: tuple[ArrowSketch, ...]
    end: Name | None
    questions: tuple[Finding, ...] = field(default=())
