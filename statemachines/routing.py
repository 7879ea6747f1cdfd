"""Who is asked to own a step: (role, facility's policy, roster, now) → assignment, with its reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import NamedTuple

from statemachines.definition import Definition, RoleCode
from statemachines.policy import Policy


class OnShift(NamedTuple):
    """A person on the roster: the roles they hold and the epoch second at which their shift ends."""

    staff: str
    roles: tuple[RoleCode, ...]
    until: float


class Assignment(NamedTuple):
    """The accountable role at the facility, the person the task is offered to (None: whoever holds the role), and why."""

    role: RoleCode
    person: str | None
    reasons: tuple[str, ...]


def route(
    role: RoleCode,
    definition: Definition,
    policy: Policy,
    roster: Iterable[OnShift],
    now: float,
    *,
    case: str,
    knows_patient: Collection[str] = (),
    excluded: Collection[str] = (),
) -> Assignment:
    """Name the accountable role, and offer the task to a person.

    The chain is: the role itself, whoever does its work at this facility, the fallbacks, the always staffed role. The first
    with anybody on shift is accountable; among its people, whoever already acted on the case comes first, the others
    are spread evenly over cases. ``excluded`` are people who may not take it. There is always a role.
    """
    people = [p for p in roster if p.until > now]
    reasons: list[str] = []
    chain = [role, *policy.performed_by.get(role, ()), *fallbacks(role, definition, policy), policy.always_staffed]
    for candidate in dict.fromkeys(chain):
        holders = [p.staff for p in people if candidate in p.roles and p.staff not in excluded]
        if not holders:
            reasons.append(f"{candidate}: nobody on shift")
            continue
        familiar = [staff for staff in holders if staff in knows_patient]
        person = min(familiar or holders, key=lambda staff: _spread(case, staff))
        why = "already acted on this case" if familiar else f"one of {len(holders)} on shift"
        reasons.append(f"{candidate}: {person}, {why}")
        return Assignment(candidate, person, tuple(reasons))
    reasons.append(f"{policy.always_staffed}: always staffed, offered to the role")
    return Assignment(policy.always_staffed, None, tuple(reasons))


def fallbacks(role: RoleCode, definition: Definition, policy: Policy) -> tuple[RoleCode, ...]:
    """Who stands in for a role at the facility, in order: the facility's chain if it has one, else the workflow's."""
    if role in policy.fallbacks:
        return policy.fallbacks[role]
    return next((r.fallback for r in definition.roles if r.code == role), ())


def _spread(case: str, staff: str) -> bytes:
    """Rendezvous hashing: cases spread evenly over people without a shared counter, and alike on every retry."""
    return hashlib.blake2b(f"{case}\x00{staff}".encode(), digest_size=8).digest()
