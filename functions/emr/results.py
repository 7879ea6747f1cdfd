"""What became of a request to the EMR: every way it can end is a value. No repr of these shows a patient's data."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Resource: TypeAlias = dict[str, Any]
"""A FHIR resource as JSON."""


@dataclass(frozen=True, slots=True)
class Written:
    """The EMR did it. The version is None where the EMR has none, the body None where it sent none back."""

    resource_id: str
    version: str | None
    body: Resource | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A resource as the EMR has it. The version is None where the EMR has none."""

    resource_id: str
    version: str | None
    body: Resource = field(repr=False)


@dataclass(frozen=True, slots=True)
class Matches:
    """All that a search found, in the EMR's order."""

    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """The EMR has no such resource (any more)."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else was there first: read again, and decide again."""

    status: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The EMR will not have it, now or later. The diagnostics name codes and elements, never values."""

    status: int
    diagnostics: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Surely nothing was written; try again after so many seconds, where the EMR said how many."""

    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether the EMR did it: look before doing it again."""

    why: str


CreateResult: TypeAlias = Written | Found | Conflict | Rejected | Busy | Unknown
ReadResult: TypeAlias = Found | Missing | Rejected | Busy | Unknown
UpdateResult: TypeAlias = Written | Missing | Conflict | Rejected | Busy | Unknown
SearchResult: TypeAlias = Matches | Rejected | Busy | Unknown
