"""The catalog: every event type that may arrive, its data, and who may send it.

CATALOG["oxygen_changed"].model     -> OxygenChanged
type_name(OxygenChanged)            -> "oxygen_changed"
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from events.catalog.base import EventData
from events.catalog.discharge import (
    ContactNumberConfirmed,
    DischargePlanCancelled,
    DischargePlanned,
    FollowUpContactFailed,
    FollowUpContactMade,
    FollowUpDeclined,
    FollowUpVisitBooked,
    FollowUpVisitCompleted,
    HomeOxygenArranged,
    HomeOxygenNotNeeded,
    HomeOxygenRequested,
    OxygenEducationCompleted,
    QualifyingTestCompleted,
    QualifyingTestOrdered,
)
from events.catalog.documentation import (
    FilingRetryRequested,
    FlowsheetCommentRecorded,
    NoteCosigned,
    NoteSigned,
    NoteWritten,
)
from events.catalog.equipment import (
    EquipmentDelivered,
    HomeOxygenOrderCancelled,
    HomeOxygenOrderCosigned,
    HomeOxygenOrderDrafted,
    HomeOxygenOrderSigned,
    OrderSendingRequested,
    VendorAcknowledged,
    VendorDeclined,
    VendorTold,
)
from events.catalog.lab import (
    ActionCompleted,
    ActionOrdered,
    CorrectionAcknowledged,
    CriticalResultReported,
    ExpectedResultReviewed,
    NoActionNeeded,
    ProviderNotReached,
    ResultAcknowledged,
    ResultCalled,
    ResultCallRequested,
    ResultCorrected,
    ResultReadBack,
    ResultVerified,
    ResultWithdrawn,
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
    PatientReadmitted,
    PatientTransferred,
)
from events.catalog.roster import ShiftEnded, ShiftStarted
from events.envelope import Source

__all__ = [
    "CATALOG",
    "ActionCompleted",
    "ActionOrdered",
    "AssessmentCompleted",
    "CarePlanUpdated",
    "ContactNumberConfirmed",
    "CorrectionAcknowledged",
    "CriticalResultReported",
    "DischargePlanCancelled",
    "DischargePlanned",
    "EquipmentDelivered",
    "EventData",
    "EventType",
    "ExpectedResultReviewed",
    "FilingRetryRequested",
    "FlowsheetCommentRecorded",
    "FollowUpContactFailed",
    "FollowUpContactMade",
    "FollowUpDeclined",
    "FollowUpVisitBooked",
    "FollowUpVisitCompleted",
    "HomeOxygenArranged",
    "HomeOxygenNotNeeded",
    "HomeOxygenOrderCancelled",
    "HomeOxygenOrderCosigned",
    "HomeOxygenOrderDrafted",
    "HomeOxygenOrderSigned",
    "HomeOxygenRequested",
    "News2Scored",
    "NoActionNeeded",
    "NoteCosigned",
    "NoteSigned",
    "NoteWritten",
    "OrderCancelled",
    "OrderSendingRequested",
    "OxygenChanged",
    "OxygenDiscontinued",
    "OxygenEducationCompleted",
    "OxygenOrdered",
    "PatientDied",
    "PatientDischarged",
    "PatientMerged",
    "PatientReadmitted",
    "PatientTransferred",
    "ProviderNotReached",
    "QualifyingTestCompleted",
    "QualifyingTestOrdered",
    "ResultAcknowledged",
    "ResultCallRequested",
    "ResultCalled",
    "ResultCorrected",
    "ResultReadBack",
    "ResultVerified",
    "ResultWithdrawn",
    "ShiftEnded",
    "ShiftStarted",
    "Spo2Observed",
    "VendorAcknowledged",
    "VendorDeclined",
    "VendorTold",
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
    _observation("critical_result_reported", CriticalResultReported, _EITHER, "A critical result was reported."),
    EventType("result_verified", 1, ResultVerified, _EITHER, "The laboratory checked a critical result."),
    EventType("result_withdrawn", 1, ResultWithdrawn, _EITHER, "The laboratory took a result back."),
    _observation("result_corrected", ResultCorrected, _EITHER, "The laboratory corrected a result."),
    EventType("result_called", 1, ResultCalled, _EITHER, "The laboratory reached somebody with a critical result."),
    EventType("result_read_back", 1, ResultReadBack, _EITHER, "The recipient read a critical result back."),
    EventType("provider_not_reached", 1, ProviderNotReached, _EITHER, "A provider was tried and did not answer."),
    EventType("result_acknowledged", 1, ResultAcknowledged, _EITHER, "A provider took note of a critical result."),
    EventType("action_ordered", 1, ActionOrdered, _EITHER, "A provider ordered what a critical result calls for."),
    EventType("no_action_needed", 1, NoActionNeeded, _EITHER, "A provider decided that a result calls for nothing."),
    EventType("action_completed", 1, ActionCompleted, _EITHER, "What a critical result called for was done."),
    EventType("expected_result_reviewed", 1, ExpectedResultReviewed, _EITHER, "A provider saw an expected result."),
    EventType("result_call_requested", 1, ResultCallRequested, _PLATFORM, "A person wants an expected result called."),
    EventType("correction_acknowledged", 1, CorrectionAcknowledged, _EITHER, "A corrected result is known."),
    EventType("discharge_planned", 1, DischargePlanned, _EITHER, "A discharge that may need home oxygen is planned."),
    EventType("qualifying_test_ordered", 1, QualifyingTestOrdered, _EITHER, "A provider ordered the home oxygen test."),
    EventType("qualifying_test_completed", 1, QualifyingTestCompleted, _EITHER, "The home oxygen test was done."),
    EventType("home_oxygen_requested", 1, HomeOxygenRequested, _EITHER, "A provider decided on oxygen at home."),
    EventType("home_oxygen_not_needed", 1, HomeOxygenNotNeeded, _EITHER, "A provider decided against oxygen at home."),
    EventType("discharge_plan_cancelled", 1, DischargePlanCancelled, _EITHER, "The patient will not go home for now."),
    EventType("home_oxygen_order_drafted", 1, HomeOxygenOrderDrafted, _EITHER, "A home oxygen order was prepared."),
    EventType("home_oxygen_order_signed", 1, HomeOxygenOrderSigned, _EITHER, "A provider signed the order."),
    EventType("home_oxygen_order_cosigned", 1, HomeOxygenOrderCosigned, _EITHER, "An attending co-signed the order."),
    EventType("home_oxygen_order_cancelled", 1, HomeOxygenOrderCancelled, _EITHER, "The home oxygen order is off."),
    EventType("order_sending_requested", 1, OrderSendingRequested, _PLATFORM, "A person asked to send it again."),
    EventType("vendor_acknowledged", 1, VendorAcknowledged, _EITHER, "The equipment vendor took the order on."),
    EventType("vendor_declined", 1, VendorDeclined, _EITHER, "The equipment vendor will not deliver."),
    EventType("equipment_delivered", 1, EquipmentDelivered, _EITHER, "The equipment was handed over and works."),
    EventType("vendor_told", 1, VendorTold, _EITHER, "The vendor knows that the order is cancelled."),
    EventType("oxygen_education_completed", 1, OxygenEducationCompleted, _EITHER, "Safe use of oxygen was taught."),
    EventType("contact_number_confirmed", 1, ContactNumberConfirmed, _EITHER, "The patient's phone number was tried."),
    EventType("follow_up_visit_booked", 1, FollowUpVisitBooked, _EITHER, "A visit after discharge was booked."),
    EventType("home_oxygen_arranged", 1, HomeOxygenArranged, _EITHER, "Oxygen is in place for one who left without."),
    EventType("follow_up_contact_made", 1, FollowUpContactMade, _EITHER, "The patient was reached after discharge."),
    EventType("follow_up_contact_failed", 1, FollowUpContactFailed, _EITHER, "The patient was not reached."),
    EventType("follow_up_visit_completed", 1, FollowUpVisitCompleted, _EITHER, "The patient was seen after discharge."),
    EventType("follow_up_declined", 1, FollowUpDeclined, _EITHER, "The patient does not want to be followed up."),
    EventType("patient_transferred", 1, PatientTransferred, _EMR, "The patient moved to another unit."),
    EventType("patient_discharged", 1, PatientDischarged, _EMR, "The encounter ended and the patient left."),
    EventType("patient_readmitted", 1, PatientReadmitted, _EMR, "A discharged patient was admitted again."),
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
