"""Facilities' overlays: what is wrong with them, and which of them are the same machine to a workflow."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from statemachines.definition import Definition, Parameter, RoleCode, ValueType
from statemachines.expressions import Value
from statemachines.policy import Policy, UnknownInPolicy, fits
from statemachines.verify import codes
from statemachines.verify.finding import Finding, Place
from statemachines.verify.index import Index


@dataclass(frozen=True, slots=True)
class Overlay:
    """What a workflow sees of a policy; several facilities may be alike. ``always_staffed`` None: defaults, no policy."""

    facilities: tuple[str, ...]
    parameters: Mapping[str, Value]
    performed_by: Mapping[RoleCode, tuple[RoleCode, ...]]
    fallbacks: Mapping[RoleCode, tuple[RoleCode, ...]]
    shifts: tuple[tuple[str, frozenset[RoleCode]], ...]
    always_staffed: RoleCode | None

    def performing(self, roles: Iterable[RoleCode]) -> frozenset[RoleCode]:
        """The roles that may act for any of ``roles`` here."""
        named = frozenset(roles)
        return named | {who for role in named for who in self.performed_by.get(role, ())}

    def chain(self, role: RoleCode, index: Index) -> tuple[RoleCode, ...]:
        """Who is asked to own a step of ``role``, in order, as routing asks."""
        declared = index.roles.get(role)
        stand_ins = self.fallbacks.get(role, declared.fallback if declared is not None else ())
        last = (self.always_staffed,) if self.always_staffed is not None else ()
        return tuple(dict.fromkeys((role, *self.performed_by.get(role, ()), *stand_ins, *last)))


def distinct(index: Index, policies: Sequence[Policy]) -> tuple[Overlay, ...]:
    """The overlays that differ in anything that matters to the workflow. Without policies: its own defaults."""
    definition = index.definition
    if not policies:
        return (Overlay((), {p.name: _default(p) for p in definition.parameters}, {}, {}, (), None),)
    found: dict[object, Overlay] = {}
    members: dict[object, list[str]] = {}
    roles = frozenset(index.roles)
    for policy in policies:
        overlay = _seen(index, policy, roles)
        key = (
            tuple(overlay.parameters.values()),
            tuple(map(type, overlay.parameters.values())),  # 1 and True are equal, but not alike
            tuple(sorted(overlay.performed_by.items())),
            tuple(sorted(overlay.fallbacks.items())),
            overlay.shifts,
            overlay.always_staffed,
        )
        found.setdefault(key, overlay)
        members.setdefault(key, []).append(policy.facility)
    return tuple(
        Overlay(
            tuple(members[key]), o.parameters, o.performed_by, o.fallbacks, o.shifts, o.always_staffed
        )
        for key, o in found.items()
    )  # fmt: skip


def _seen(index: Index, policy: Policy, roles: frozenset[RoleCode]) -> Overlay:
    ours = policy.parameters.get(index.definition.workflow, {})

    def chains(of: Mapping[RoleCode, tuple[RoleCode, ...]]) -> dict[RoleCode, tuple[RoleCode, ...]]:
        return {role: others for role, others in of.items() if role in roles}

    performed_by, fallbacks = chains(policy.performed_by), chains(policy.fallbacks)
    named = roles | {policy.always_staffed}
    named |= {role for of in (performed_by, fallbacks) for others in of.values() for role in others}
    shifts = dict.fromkeys((shift.name, frozenset(shift.staffed) & named) for shift in policy.shifts)
    return Overlay(
        facilities=(policy.facility,),
        parameters={
            p.name: ours[p.name] if p.name in ours and allowed(p, ours[p.name]) is None else _default(p)
            for p in index.definition.parameters
        },
        performed_by={role: others for role, others in performed_by.items() if others},
        fallbacks=fallbacks,
        shifts=tuple(shifts),
        always_staffed=policy.always_staffed,
    )


def _default(parameter: Parameter) -> Value:
    """The default, or where that is none (which is said elsewhere) any value of the right type."""
    if allowed(parameter, parameter.default) is None:
        return parameter.default
    match parameter.type:
        case ValueType.BOOLEAN:
            return False
        case ValueType.CODE:
            return parameter.choices[0] if parameter.choices else ""
        case ValueType.NUMBER:
            limits = (parameter.minimum, parameter.maximum)
            return next((limit for limit in limits if limit is not None and math.isfinite(limit)), 1)


def allowed(parameter: Parameter, value: Value) -> str | None:
    """Why a parameter may not have a value; None when it may."""
    if not fits(value, parameter.type):
        return f"takes a {parameter.type}, not {value!r}"
    if parameter.choices and value not in parameter.choices:
        return f"is one of {', '.join(parameter.choices)}, not {value!r}"
    if parameter.type is ValueType.NUMBER:
        number = float(value)
        if not math.isfinite(number):
            return f"needs a number, not {value!r}"
        if (parameter.minimum is not None and not number >= parameter.minimum) or (
            parameter.maximum is not None and not number <= parameter.maximum
        ):
            return f"lies between {parameter.minimum} and {parameter.maximum}, not {value!r}"
    return None


def check_overlays(index: Index, policies: Sequence[Policy], others: Mapping[str, Definition]) -> Iterator[Finding]:
    """What overlays name that is not there, and values that are not allowed. A role of another workflow is known."""
    workflow = index.definition.workflow
    everyone = {role.code for other in others.values() for role in other.roles}
    for facility, count in Counter(policy.facility for policy in policies).items():
        if count > 1:
            yield codes.TWO_OVERLAYS.found(
                Place(workflow, facilities=(facility,)), f"{count} overlays are given for the facility {facility}."
            )
    for policy in policies:
        before = False
        for finding in _one(index, policy, others, everyone):
            before = True
            yield finding
        if not before:
            try:
                policy.resolve(index.definition)
            except UnknownInPolicy as unknown:
                yield codes.NOT_IN_WORKFLOW.found(Place(workflow, facilities=(policy.facility,)), f"{unknown}.")


def _one(index: Index, policy: Policy, others: Mapping[str, Definition], everyone: set[RoleCode]) -> Iterator[Finding]:
    here = Place(index.definition.workflow, facilities=(policy.facility,))
    known = sorted({index.definition.workflow, *others})
    for name in policy.parameters:
        if name not in known:
            yield codes.NOT_IN_WORKFLOW.found(
                Place(facilities=(policy.facility,), path=f"$.parameters.{name}"),
                f"{policy.facility} sets parameters of the workflow {name}, which does not exist.",
                mend=f"The workflows are {', '.join(known)}.",
            )
    for name, value in policy.parameters.get(index.definition.workflow, {}).items():
        where = Place(here.workflow, name=name, facilities=here.facilities)
        parameter = index.parameters.get(name)
        if parameter is None:
            yield codes.NOT_IN_WORKFLOW.found(
                where,
                f"{policy.facility} sets {name}, which is no parameter of {here.workflow}.",
                mend=f"Its parameters are {', '.join(sorted(index.parameters)) or 'none'}.",
            )
        elif (objection := allowed(parameter, value)) is not None:
            yield codes.BAD_VALUE.found(where, f"{policy.facility} sets {name}, which {objection}.")
    named: list[tuple[str, RoleCode]] = [("always_staffed", policy.always_staffed)]
    for setting, chains in (("performed_by", policy.performed_by), ("fallbacks", policy.fallbacks)):
        for role, stand_ins in chains.items():
            named += [(setting, role), *((f"{setting} of {role}", other) for other in stand_ins)]
    named += [(f"shift {shift.name}", role) for shift in policy.shifts for role in shift.staffed]
    for setting, role in dict.fromkeys(named):
        if role not in index.roles and role not in everyone:
            yield codes.NOT_IN_WORKFLOW.found(
                Place(here.workflow, role=role, facilities=here.facilities),
                f"{policy.facility} names {role} under {setting}, which is no role of {here.workflow}.",
                mend=f"Its roles are {', '.join(sorted(index.roles))}.",
            )
    for name, count in Counter(shift.name for shift in policy.shifts).items():
        if count > 1:
            yield codes.TWO_OVERLAYS.found(
                Place(here.workflow, shift=name, facilities=here.facilities),
                f"{policy.facility} describes {count} shifts called {name}.",
            )
