"""The catalog: every event type that may arrive, its data, and who may send it.

CATALOG["oxygen_changed"].model     -> OxygenChanged
type_name(OxygenChanged)            -> "oxygen_changed"
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from events.catalog.base import EventData
from events.catalog.documentation import (
    FilingRetryRequested,
    FlowsheetCommentRecorded,
    NoteCosigned,
    NoteSigned,
    NoteWritten,
)
from events.catalog.oxygen import (
    AssessmentCompleted,
    News2Scored,
    OrderCancelled,
    OxygenChanged,
    OxygenDiscontinued,
    OxygenOrdered,
    Spo2Observed,
    WeaningStarted,
)
from events.catalog.patient import (
    CarePlanUpdated,
    PatientDied,
    PatientDischarged,
    PatientMerged,
    PatientTransferred,
)
from events.catalog.roster import ShiftEnded, ShiftStarted
from events.envelope import Source

__all__ = [
    "CATALOG",
    "AssessmentCompleted",
    "CarePlanUpdated",
    "EventData",
    "EventType",
    "FilingRetryRequested",
    "FlowsheetCommentRecorded",
    "News2Scored",
    "NoteCosigned",
    "NoteSigned",
    "NoteWritten",
    "OrderCancelled",
    "OxygenChanged",
    "OxygenDiscontinued",
    "OxygenOrdered",
    "PatientDied",
    "PatientDischarged",
    "PatientMerged",
    "PatientTransferred",
    "ShiftEnded",
    "ShiftStarted",
    "Spo2Observed",
    "WeaningStarted",
    "event_type",
    "type_name",
]


@dataclass(frozen=True, slots=True)
class EventType:
    """One row of the catalog: what the event is called, what it carries, and who may send it."""

    name: str
    version: int
    model: type[EventData]
    sources: frozenset[Source]
    summary: str
    observation: bool = False
    """A measurement that may come from a device: no actor needed."""
    needs_subject: bool = True
    """Whether the event is about a patient. One that is not must not name any."""
    needs_actor: bool = True
    """Whether someone must answer for the event."""


_PLATFORM = frozenset({Source.PLATFORM})
_EMR = frozenset({Source.EMR})
_EITHER = frozenset({Source.PLATFORM, Source.EMR})
_ROSTER = frozenset({Source.ROSTER})


def _observation(name: str, model: type[EventData], sources: frozenset[Source], summary: str) -> EventType:
    return EventType(name, 1, model, sources, summary, observation=True, needs_actor=False)


def _roster(name: str, model: type[EventData], summary: str) -> EventType:
    return EventType(name, 1, model, _ROSTER, summary, needs_subject=False, needs_actor=False)


_TYPES: Final = (
    EventType("oxygen_ordered", 1, OxygenOrdered, _EITHER, "A provider ordered oxygen."),
    EventType("assessment_completed", 1, AssessmentCompleted, _EITHER, "A clinician assessed the patient's breathing."),
    EventType("oxygen_changed", 1, OxygenChanged, _EITHER, "Oxygen delivery was changed or charted anew."),
    _observation("spo2_observed", Spo2Observed, _EMR, "A saturation was measured."),
    _observation("news2_scored", News2Scored, _EITHER, "An early warning score was computed."),
    EventType("weaning_started", 1, WeaningStarted, _EITHER, "A clinician began to reduce the oxygen."),
    EventType("oxygen_discontinued", 1, OxygenDiscontinued, _EITHER, "Oxygen therapy was ended."),
    EventType("order_cancelled", 1, OrderCancelled, _EITHER, "The oxygen order was withdrawn."),
    EventType("note_written", 1, NoteWritten, _EITHER, "A progress note was saved, unsigned."),
    EventType("note_signed", 1, NoteSigned, _EITHER, "The note's author signed it."),
    EventType("note_cosigned", 1, NoteCosigned, _EITHER, "A second clinician co-signed the note."),
    EventType("flowsheet_comment_recorded", 1, FlowsheetCommentRecorded, _EITHER, "A flowsheet comment was charted."),
    EventType("filing_retry_requested", 1, FilingRetryRequested, _PLATFORM, "A person asked to file in the EMR again."),
    EventType("care_plan_updated", 1, CarePlanUpdated, _EITHER, "The patient's own saturation target was set."),
    EventType("patient_transferred", 1, PatientTransferred, _EMR, "The patient moved to another unit."),
    EventType("patient_discharged", 1, PatientDischarged, _EMR, "The encounter ended and the patient left."),
    EventType("patient_died", 1, PatientDied, _EMR, "The patient died."),
    EventType("patient_merged", 1, PatientMerged, _EMR, "Two records were found to be one person."),
    _roster("shift_started", ShiftStarted, "A person came on duty."),
    _roster("shift_ended", ShiftEnded, "A person went off duty."),
)

CATALOG: Final[Mapping[str, EventType]] = MappingProxyType({each.name: each for each in _TYPES})
"""Every event type, by name, in the order of a patient's course."""

_BY_MODEL: Final[Mapping[type[EventData], EventType]] = {each.model: each for each in _TYPES}


def event_type(model: type[EventData]) -> EventType:
    """The catalog's row for a data model. Raises LookupError for a model that is not in the catalog."""
    found = _BY_MODEL.get(model)
    if found is None:
        raise LookupError(f"{model.__name__} is not in the catalog: add its row in events/catalog/__init__.py")
    return found


def type_name(model: type[EventData]) -> str:
    """The event type's name, e.g. `oxygen_changed` for OxygenChanged. Raises LookupError as `event_type` does."""
    return event_type(model).name
