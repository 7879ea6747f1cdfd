"""The patient's course, which goes on whatever a workflow is doing: care plan, transfer, discharge, readmission, death, merge."""

from typing import Self

from pydantic import Field, model_validator

from events.catalog.base import EventData, Saturation, Text
from events.catalog.oxygen import refuse_inverted_target
from events.envelope import Id, ResourceId


class CarePlanUpdated(EventData):
    """The patient's own saturation target was set; it outranks the facility's policy wherever the patient lies.

    Sent by the EMR or the platform. Saturation in %; BTS guideline 2017: 88-92 % at risk of hypercapnia.
    """

    target_spo2_low: Saturation = Field(description="Lower end of the target, %, 0-100.")
    target_spo2_high: Saturation = Field(description="Upper end of the target, %, 0-100; not below the lower.")
    hypercapnic_risk: bool = Field(description="Patient is at risk of hypercapnic respiratory failure.")

    @model_validator(mode="after")
    def _target_in_order(self) -> Self:
        refuse_inverted_target(self.target_spo2_low, self.target_spo2_high)
        return self


class PatientTransferred(EventData):
    """The patient moved to another unit within the encounter. Sent by the EMR (HL7 v2 ADT A02)."""

    to_unit: Id = Field(description="The unit that now cares for the patient.")


class PatientDischarged(EventData):
    """The encounter ended and the patient left. Sent by the EMR (HL7 v2 ADT A03)."""

    disposition: Text | None = Field(default=None, description="Where the patient went, e.g. home.")


class PatientReadmitted(EventData):
    """A patient who had been discharged was admitted again. The envelope's encounter is the new one.

    Sent by the EMR (HL7 v2 ADT A01). No data.
    """


class PatientDied(EventData):
    """The patient died. Sent by the EMR (HL7 v2 ADT A03 with PID-30 set). No data."""


class PatientMerged(EventData):
    """Two records were found to be one person. The envelope's subject is the record that ends.

    Sent by the EMR (HL7 v2 ADT A40).
    """

    surviving_patient: ResourceId = Field(description="Patient id of the record that remains.")
