"""What the EMR should show of a case: a function of the case, free of FHIR's types."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from functions.emr.identifiers import is_resource_id


class TaskStatus(StrEnum):
    """The codes that FHIR R4 requires for Task.status (https://hl7.org/fhir/R4/valueset-task-status.html)."""

    DRAFT = "draft"
    REQUESTED = "requested"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    READY = "ready"
    CANCELLED = "cancelled"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    FAILED = "failed"
    COMPLETED = "completed"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True)
class Code:
    """A code and the words that people read for it."""

    code: str
    display: str


@dataclass(frozen=True, slots=True)
class TaskMirror:
    """The Task that the EMR should have for a case.

    `case_id` is the case's keyed hash, `revision` the sequence number of the case's journal that this was made from:
    an older one never replaces a newer one. `person` is the owner's id, None while the step is only offered to the
    `role`. `patient` and `encounter` are the EMR's own resource ids. `focus` is the id of the event that triggered the
    step. `due` is when the step's deadline fires, `authored_on` when the case was opened.

    Raises ValueError for a status outside TaskStatus, a naive time, times in the wrong order, a missing text, or an id
    that no FHIR server gives.
    """

    case_id: str
    revision: int
    workflow: str
    version: str
    state: str
    status: TaskStatus
    business_status: Code
    role: str
    patient: str = field(repr=False)
    encounter: str = field(repr=False)
    facility: str
    authored_on: datetime
    last_modified: datetime
    person: str | None = None
    due: datetime | None = None
    reason: str | None = field(default=None, repr=False)
    focus: str | None = None

    def __post_init__(self) -> None:
        # A caller without types may bring a plain string; the models of fhir.resources let any code through.
        object.__setattr__(self, "status", TaskStatus(self.status))
        for name in ("case_id", "workflow", "version", "state", "role", "facility"):
            require_text(name, getattr(self, name))
        for name in ("person", "reason", "focus"):
            if getattr(self, name) is not None:
                require_text(name, getattr(self, name))
        require_text("business_status", self.business_status.code)
        require_text("business_status", self.business_status.display)
        require_resource_id("patient", self.patient)
        require_resource_id("encounter", self.encounter)
        require_zone("authored_on", self.authored_on)
        require_zone("last_modified", self.last_modified)
        if self.due is not None:
            require_zone("due", self.due)
        if self.last_modified < self.authored_on:  # invariant inv-1 of https://hl7.org/fhir/R4/task.html
            raise ValueError("last_modified must not be before authored_on")


def require_text(name: str, value: str) -> None:
    """Raises ValueError for a text that is empty or blank, which FHIR does not allow."""
    if not value.strip():
        raise ValueError(f"{name} must not be empty")


def require_resource_id(name: str, value: str) -> None:
    """Raises ValueError for what cannot be the id of a FHIR resource; the message does not repeat it."""
    if not is_resource_id(value):
        raise ValueError(f"{name} is not a FHIR id")


def require_zone(name: str, value: datetime) -> None:
    """Raises ValueError for a time without a zone."""
    if value.utcoffset() is None:
        raise ValueError(f"{name} needs a time zone")
