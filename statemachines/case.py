"""A case as decisions see it: where it stands, what is known of it, and what waits for a later state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from statemachines.expressions import Known, Value

SAME_MINUTE_SECONDS = 60.0
"""Of two things that senders stamp to the minute, or by clocks of their own, this apart neither is known to be the first."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened, reduced to what a decision needs. ``at`` is when it was true, in epoch seconds.

    ``actor_role`` is None for a device or Baton itself. ``override`` names the transition that a person demands in spite of
    its guard, with their ``reason``. ``acts_for`` are the roles that the actor stood in for when the event was deferred.
    """

    type: str
    id: str
    at: float
    actor_id: str | None = None
    actor_role: str | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    override: str | None = None
    reason: str | None = None
    acts_for: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a workflow for one correlation key. ``state`` None: not open yet.

    ``entered`` and ``due`` belong to the present state (epoch seconds); ``accountable_role`` is the role that the open task
    was routed to; ``performers`` maps a transition's id to whoever performed it last; ``patient_parameters_at`` says when
    each of the patient's own parameters was set. ``done`` names the items of the present state's checklist that are done,
    ``item_roles`` the role that each other item was routed to. ``after``, of a case that is not open yet, is the end to which
    the newest case of its key came, and ``entered`` when.
    """

    state: str | None = None
    facts: Mapping[str, Known] = field(default_factory=dict)
    patient_parameters: Mapping[str, Value] = field(default_factory=dict)
    patient_parameters_at: Mapping[str, float] = field(default_factory=dict)
    entered: float = 0.0
    due: float | None = None
    accountable_role: str | None = None
    performers: Mapping[str, str] = field(default_factory=dict)
    deferred: tuple[Occurrence, ...] = ()
    done: frozenset[str] = frozenset()
    item_roles: Mapping[str, str] = field(default_factory=dict)
    after: str | None = None


def following(ended: Case) -> Case:
    """The case that could follow an ended one under its key: not open yet, and knowing what that one knew and who acted in it."""
    return Case(
        facts=ended.facts,
        patient_parameters=ended.patient_parameters,
        patient_parameters_at=ended.patient_parameters_at,
        entered=ended.entered,
        performers=ended.performers,
        after=ended.state,
    )
