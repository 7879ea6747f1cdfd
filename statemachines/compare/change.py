"""What a comparison of two versions says: data for text, pull requests and machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from statemachines.compare.migration import MigrationPlan


class Subject(StrEnum):
    """What a change is about, in the order in which people read it."""

    WORKFLOW = "workflow"
    STATE = "state"
    ARROW = "arrow"
    PARAMETER = "parameter"
    FACT = "fact"
    ROLE = "role"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference in meaning; or, with ``wording``, in words that people read and no decision depends on.

    ``aspect`` says what of the subject changed (``added``, ``guard``, ``owner``, …), ``place`` is the subject's own name,
    ``title`` what people call it. ``before`` and ``after`` are empty where something was added or removed.
    ``facilities`` are those whose cases it can touch.
    """

    subject: Subject
    aspect: str
    place: str
    title: str
    sentence: str
    before: str = ""
    after: str = ""
    details: tuple[str, ...] = ()
    facilities: tuple[str, ...] = ()
    wording: bool = False

    @property
    def code(self) -> str:
        """What kind of change it is, e.g. ``arrow.guard``."""
        return f"{self.subject}.{self.aspect}"


@dataclass(frozen=True, slots=True)
class VersionName:
    """Which version: the workflow, its number, and the hash that pins it."""

    workflow: str
    version: int
    title: str
    digest: str

    def __str__(self) -> str:
        """As it is written in commands: "oxygen@1"."""
        return f"{self.workflow}@{self.version}"


@dataclass(frozen=True, slots=True)
class Facility:
    """A facility and what the new version means for it: the places that change there, or why its overlay does not fit."""

    name: str
    title: str
    touched: tuple[str, ...]
    unfit: str | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """All that changed in meaning between two versions, whom it touches, and what becomes of cases in flight."""

    old: VersionName
    new: VersionName
    changes: tuple[Change, ...]
    facilities: tuple[Facility, ...]
    migration: MigrationPlan

    @property
    def meaning(self) -> tuple[Change, ...]:
        """The changes that decisions depend on."""
        return tuple(change for change in self.changes if not change.wording)

    @property
    def words(self) -> tuple[Change, ...]:
        """The changes that only people read."""
        return tuple(change for change in self.changes if change.wording)

    def of(self, subject: Subject) -> Iterator[Change]:
        """The changes in meaning of one kind of subject."""
        return (change for change in self.meaning if change.subject is subject)
