"""A facility's policy: how one facility runs the workflows. Data, and pinned by hash like a definition.

An overlay sets parameters, says who does a role's work here, who stands in when nobody is on shift, and which role is
always staffed, so that responsibility always has somewhere to go.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from statemachines.definition import Definition, Name, RoleCode, ValueType
from statemachines.expressions import Data, Value


class UnknownInPolicy(ValueError):
    """The overlay refers to something the workflow does not have; the text says what and where."""


class Calendar(Data):
    """Local time zone (IANA name) and the days that are not business days besides Saturday and Sunday."""

    time_zone: str = "UTC"
    holidays: tuple[date, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError) as missing:
            raise ValueError(f"no such time zone: {name!r}; use an IANA name such as America/New_York") from missing
        return name


class Shift(Data):
    """A kind of shift (day, night, weekend) and the roles that somebody holds in it."""

    name: str
    staffed: tuple[RoleCode, ...]


class Policy(Data):
    """One facility's overlay over every workflow it runs."""

    facility: str
    title: str
    calendar: Calendar = Calendar()
    parameters: dict[Name, dict[Name, Value]] = {}
    """By workflow, then by parameter name."""
    performed_by: dict[RoleCode, tuple[RoleCode, ...]] = {}
    """Roles that may do another role's work here, besides the role itself."""
    fallbacks: dict[RoleCode, tuple[RoleCode, ...]] = {}
    """Who stands in when nobody holds the role on this shift, in order; replaces the workflow's own chain."""
    shifts: tuple[Shift, ...] = ()
    """The facility's staffing profile; the verifier shows that every step has an owner in each of them."""
    always_staffed: RoleCode = Field(description="Accountable when every chain is exhausted; somebody always answers.")

    def resolve(self, definition: Definition) -> dict[Name, Value]:
        """Every parameter of the workflow with this facility's value, else its default.

        Raises UnknownInPolicy when the overlay names a parameter that the workflow lacks, a role that neither the workflow has
        nor anybody here holds on any shift, or sets a value of the wrong type or outside the parameter's limits.
        """
        ours = self.parameters.get(definition.workflow, {})
        known = {p.name: p for p in definition.parameters}
        where = f"facility {self.facility}, workflow {definition.workflow}"
        for name, value in ours.items():
            if name not in known:
                raise UnknownInPolicy(f"{where}: no parameter {name!r}; it has {', '.join(sorted(known))}")
            parameter = known[name]
            if not fits(value, parameter.type):
                raise UnknownInPolicy(f"{where}: parameter {name!r} takes a {parameter.type}, not {value!r}")
            if parameter.choices and value not in parameter.choices:
                raise UnknownInPolicy(
                    f"{where}: parameter {name!r} is one of {', '.join(parameter.choices)}, not {value!r}"
                )
            if parameter.type is ValueType.NUMBER and not (
                (parameter.minimum is None or float(value) >= parameter.minimum)
                and (parameter.maximum is None or float(value) <= parameter.maximum)
            ):
                raise UnknownInPolicy(
                    f"{where}: parameter {name!r} lies between {parameter.minimum} and {parameter.maximum}, not {value!r}"
                )
        roles = {role.code for role in definition.roles}
        here = roles.union(
            *(shift.staffed for shift in self.shifts)
        )  # other workflows' roles are known by who holds them
        for setting, chains in (("performed_by", self.performed_by), ("fallbacks", self.fallbacks)):
            for role, others in chains.items():
                for unknown in sorted({role, *others} - here):
                    raise UnknownInPolicy(
                        f"{where}: {setting} of {role!r}: {unknown!r} is no role of the workflow; "
                        f"it has {', '.join(sorted(roles))}"
                    )
        if self.always_staffed not in roles:
            raise UnknownInPolicy(
                f"{where}: the always staffed role {self.always_staffed!r} is no role of the workflow"
            )
        return {name: ours.get(name, parameter.default) for name, parameter in known.items()}


def fits(value: Value, kind: ValueType) -> bool:
    """Whether a value is of a fact's or parameter's type; a boolean is not a number."""
    match kind:
        case ValueType.NUMBER:
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case ValueType.BOOLEAN:
            return isinstance(value, bool)
        case ValueType.CODE:
            return isinstance(value, str)


def dump(policy: Policy) -> str:
    """The overlay as a stable JSON document."""
    return json.dumps(policy.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def load(text: str | bytes) -> Policy:
    """Read an overlay document. Raises pydantic.ValidationError, which locates every fault."""
    return Policy.model_validate_json(text)


def digest(policy: Policy) -> str:
    """The first 16 hex digits of the SHA-256 of the overlay: its version."""
    canonical = json.dumps(policy.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
