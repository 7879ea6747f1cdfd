"""What the verifier says: a finding with its code, its place, a sentence, the shortest course that shows it, and its mend."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum


class Severity(StrEnum):
    """An error keeps a workflow from being shipped; a warning asks somebody to look."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is: whatever of this applies. ``facilities`` empty: under every policy that was checked.

    ``path`` is a JSON path into a document.
    """

    workflow: str = ""
    state: str | None = None
    transition: str | None = None
    event: str | None = None
    role: str | None = None
    name: str | None = None
    facilities: tuple[str, ...] = ()
    shift: str | None = None
    path: str | None = None

    def __str__(self) -> str:
        """The place in a few words, the widest part first."""
        parts = [self.workflow] if self.workflow else []
        for label, value in (
            ("facility", ", ".join(self.facilities)),
            ("shift", self.shift),
            ("state", self.state),
            ("transition", self.transition),
            ("event", self.event),
            ("role", self.role),
            ("name", self.name),
            ("at", self.path),
        ):
            if value:
                parts.append(f"{label} {value}")
        return ", ".join(parts)

    def as_dict(self) -> dict[str, str | list[str]]:
        """The parts that apply, for JSON."""
        found: dict[str, str | list[str]] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value:
                found[each.name] = list(value) if isinstance(value, tuple) else value
        return found


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a workflow or an overlay.

    ``trace`` is the shortest sequence of transitions and events from the opening that shows it; empty where none is needed.
    """

    code: str
    severity: Severity
    place: Place
    sentence: str
    mend: str
    trace: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The finding for JSON."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "place": self.place.as_dict(),
            "sentence": self.sentence,
            "trace": list(self.trace),
            "mend": self.mend,
        }
