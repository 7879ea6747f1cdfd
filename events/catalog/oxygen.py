"""Oxygen therapy: ordered, assessed, changed, observed, weaned, ended."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from events.catalog.base import (
    AgeYears,
    BreathsPerMinute,
    EventData,
    News2,
    OxygenFlow,
    OxygenFraction,
    Saturation,
    Text,
)
from events.envelope import Id


def refuse_inverted_target(low: float | None, high: float | None) -> None:
    """A target range whose lower end lies above its upper end can hold no patient.

    Raises PydanticCustomError `inverted_range`.
    """
    if low is not None and high is not None and low > high:
        raise PydanticCustomError("inverted_range", "target_spo2_low is above target_spo2_high")


class OxygenOrdered(EventData):
    """A provider ordered oxygen for a patient.

    Sent by the platform, or by the EMR when the order was written there. Saturation in %, flow in L/min, age in
    completed years. Target ranges: BTS guideline for oxygen use in adults, 2017 (94-98 %, or 88-92 % at risk of
    hypercapnia).
    """

    order_id: Id = Field(description="The order's id in the EMR.")
    age_years: AgeYears = Field(description="Patient's age in completed years, 0-130; children are assessed sooner.")
    device: Text | None = Field(default=None, description="Delivery device as ordered, e.g. nasal cannula.")
    flow_l_min: OxygenFlow | None = Field(default=None, description="Ordered oxygen flow, L/min, 0-100.")
    hypercapnic_risk: bool = Field(default=False, description="Patient is at risk of hypercapnic respiratory failure.")
    target_spo2_low: Saturation | None = Field(
        default=None, description="Lower end of the ordered saturation target, %; absent: the facility's policy holds."
    )
    target_spo2_high: Saturation | None = Field(
        default=None,
        description="Upper end of the ordered saturation target, %; not below the lower; absent: the policy holds.",
    )

    @model_validator(mode="after")
    def _target_in_order(self) -> Self:
        refuse_inverted_target(self.target_spo2_low, self.target_spo2_high)
        return self


class AssessmentCompleted(EventData):
    """A clinician assessed the patient's breathing.

    Sent by the platform, or by the EMR when the assessment was charted there. Saturation in %, rate in breaths/min;
    NEWS2 per Royal College of Physicians, 2017.
    """

    spo2_percent: Saturation | None = Field(default=None, description="Oxygen saturation, %, 0-100.")
    respiratory_rate: BreathsPerMinute | None = Field(default=None, description="Breaths per minute, 0-200.")
    news2: News2 | None = Field(default=None, description="National Early Warning Score 2, points, 0-20.")
    distress: bool = Field(default=False, description="The assessor saw respiratory distress.")


class OxygenChanged(EventData):
    """Oxygen delivery was changed at the bedside, or charted anew with the saturation it achieves.

    Sent by the platform, or by the EMR's flowsheet. Saturation in %, flow in L/min, FiO2 as a fraction.
    """

    spo2_percent: Saturation | None = Field(default=None, description="Oxygen saturation after the change, %, 0-100.")
    flow_l_min: OxygenFlow | None = Field(default=None, description="Oxygen flow now given, L/min, 0-100.")
    fio2: OxygenFraction | None = Field(
        default=None, description="Fraction of inspired oxygen now given, 0.21-1.0; not a percentage."
    )
    device: Text | None = Field(default=None, description="Delivery device now in use, e.g. simple mask.")


class Spo2Observed(EventData):
    """A saturation was measured, usually by a monitor, without anyone changing the therapy.

    Sent by the EMR (FHIR Observation, LOINC 2708-6 arterial or 59408-5 by pulse oximetry; HL7 v2 ORU). Saturation in %,
    rate in breaths/min (LOINC 9279-1).
    """

    spo2_percent: Saturation = Field(description="Oxygen saturation, %, 0-100 (LOINC 59408-5 or 2708-6).")
    respiratory_rate: BreathsPerMinute | None = Field(
        default=None, description="Breaths per minute measured with it, 0-200 (LOINC 9279-1)."
    )
    observation_id: Id | None = Field(default=None, description="The Observation's id in the EMR.")


class News2Scored(EventData):
    """An early warning score was computed from a round of vital signs.

    Sent by the EMR or the platform. Points; Royal College of Physicians, NEWS2, 2017: 5 or more is urgent, 7 or more
    an emergency.
    """

    news2: News2 = Field(description="National Early Warning Score 2, points, 0-20.")


class WeaningStarted(EventData):
    """A clinician began to reduce the oxygen with the aim of ending it. Sent by the platform or the EMR. No data."""


class OxygenDiscontinued(EventData):
    """Oxygen therapy was ended at the bedside. Sent by the platform or the EMR."""

    reason: Text | None = Field(default=None, description="Why it was ended, in the clinician's words.")


class OrderCancelled(EventData):
    """The oxygen order was withdrawn before its work was done. Sent by the platform or the EMR."""

    reason: Text = Field(description="Why it was withdrawn, in the provider's words.")
