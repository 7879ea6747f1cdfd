"""Discharge with home oxygen: planned, tested, prepared, left, followed up."""

from typing import Annotated, Literal

from pydantic import Field

from events.catalog.base import EventData, Saturation, Text
from events.envelope import Id

OxygenPressure = Annotated[float, Field(ge=0, le=800)]
"""Partial pressure of oxygen in arterial blood, mm Hg (LOINC 2703-7)."""

Haematocrit = Annotated[float, Field(ge=0, le=100)]
"""Haematocrit, % (LOINC 4544-3)."""


class DischargePlanned(EventData):
    """Planning began for a discharge after which the patient may need oxygen at home. Sent by the platform or the EMR."""

    high_complexity: bool = Field(
        default=False, description="Medical decision making will be of high complexity, so the visit is due sooner."
    )


class QualifyingTestOrdered(EventData):
    """A provider ordered the test that shows whether the patient needs oxygen at home. Sent by the platform or the EMR. No data."""


class QualifyingTestCompleted(EventData):
    """The test for home oxygen was done. Sent by the platform or the EMR.

    Pressure in mm Hg, saturation and haematocrit in %. What qualifies: CMS NCD 240.2, Home Use of Oxygen.
    """

    test_id: Id = Field(description="The test's id in the system that holds it.")
    pao2_mm_hg: OxygenPressure | None = Field(
        default=None, description="Arterial oxygen pressure, mm Hg, 0-800 (LOINC 2703-7); counts before the saturation."
    )
    sao2_percent: Saturation | None = Field(
        default=None, description="Arterial oxygen saturation, %, 0-100 (LOINC 2708-6, or 59408-5 by oximetry)."
    )
    dependent_oedema: bool = Field(default=False, description="Dependent oedema that suggests heart failure.")
    cor_pulmonale: bool = Field(default=False, description="Pulmonary hypertension or cor pulmonale.")
    haematocrit_percent: Haematocrit | None = Field(default=None, description="Haematocrit, %, 0-100 (LOINC 4544-3).")
    performed_by_vendor: bool = Field(
        default=False, description="The equipment vendor did the test, which then does not count (NCD 240.2)."
    )


class HomeOxygenRequested(EventData):
    """A provider decided on oxygen at home for a patient who qualifies. Sent by the platform or the EMR. No data."""


class HomeOxygenNotNeeded(EventData):
    """A provider decided that the patient goes home without oxygen. Sent by the platform or the EMR."""

    reason: Text = Field(description="Why, in the provider's words.")


class DischargePlanCancelled(EventData):
    """The patient will not go home for now. Sent by the platform or the EMR."""

    reason: Text = Field(description="Why, in the words of whoever cancelled.")


class OxygenEducationCompleted(EventData):
    """Somebody was taught to use oxygen safely at home and showed it. Sent by the platform or the EMR."""

    learner: Literal["patient", "caregiver"] = Field(description="Who was taught: patient or caregiver.")


class ContactNumberConfirmed(EventData):
    """The number under which the patient is called at home was tried. Sent by the platform or the EMR."""

    answers: Literal["patient", "caregiver"] = Field(description="Who answers under it: patient or caregiver.")


class FollowUpVisitBooked(EventData):
    """A visit after discharge was booked. Sent by the platform or the EMR."""

    appointment_id: Id = Field(description="The Appointment's id in the EMR.")


class HomeOxygenArranged(EventData):
    """A patient who left before all was in place now has oxygen, test and teaching. Sent by the platform or the EMR."""

    how: Text = Field(description="What was arranged, in the words of whoever did it.")


class FollowUpContactMade(EventData):
    """The patient or their caregiver was spoken to after discharge. Sent by the platform or the EMR."""

    oxygen_works: bool = Field(description="The oxygen at home works and is used.")


class FollowUpContactFailed(EventData):
    """An attempt to reach the patient after discharge was in vain. Sent by the platform or the EMR. No data."""


class FollowUpVisitCompleted(EventData):
    """The patient was seen face to face after discharge. Sent by the platform or the EMR. No data."""


class FollowUpDeclined(EventData):
    """The patient does not want to be followed up. Sent by the platform or the EMR."""

    reason: Text = Field(description="Why, as the patient said it.")
