"""Critical laboratory results: reported, called, read back, acknowledged, acted on; and corrected or withdrawn."""

from typing import Annotated

from pydantic import Field

from events.catalog.base import EventData, Text
from events.envelope import WHOLE, Id, Part

Potassium = Annotated[float, Field(ge=0, le=20)]
"""Potassium in serum or plasma, mmol/L (LOINC 2823-3)."""

Sodium = Annotated[float, Field(ge=50, le=250)]
"""Sodium in serum or plasma, mmol/L (LOINC 2951-2)."""

Glucose = Annotated[float, Field(ge=0, le=3000)]
"""Glucose in serum or plasma, mg/dL (LOINC 2345-7)."""

Calcium = Annotated[float, Field(ge=0, le=30)]
"""Calcium, total, in serum or plasma, mg/dL (LOINC 17861-6)."""


class AboutResult(Part):
    """Which result an event is about. A patient can have several critical ones at a time, and each is a case of its own."""

    result_id: Id = Field(description="The result's id in the laboratory system; a correction keeps it.")


class LabValues(AboutResult):
    """What a laboratory reports of one specimen. Absent values were not measured."""

    potassium_mmol_l: Potassium | None = Field(default=None, description="Potassium, mmol/L, 0-20 (LOINC 2823-3).")
    sodium_mmol_l: Sodium | None = Field(default=None, description="Sodium, mmol/L, 50-250 (LOINC 2951-2).")
    glucose_mg_dl: Glucose | None = Field(default=None, description="Glucose, mg/dL, 0-3000 (LOINC 2345-7).")
    calcium_mg_dl: Calcium | None = Field(default=None, description="Total calcium, mg/dL, 0-30 (LOINC 17861-6).")
    called_whatever_its_value: bool = Field(
        default=False, description="A finding that is always called, e.g. a positive blood culture."
    )
    chronic_disease: bool = Field(
        default=False, description="The value is expected for a chronic disease that is on the patient's problem list."
    )
    trending_to_normal: bool = Field(
        default=False, description="The value lies nearer to normal than the one before, which was called."
    )
    on_protocol: bool = Field(
        default=False, description="A treatment protocol that the patient is on already says what to do."
    )


class CriticalResultReported(LabValues, EventData):
    """The laboratory reported a result that it holds to be critical. Sent by the EMR (HL7 v2 ORU) or the platform.

    Whether it is critical here is decided by the facility's own limits. Other values of the same result come as
    `result_corrected`.
    """


class ResultCorrected(LabValues, EventData):
    """The laboratory reported other values for a result that it had reported before.

    Sent by the EMR (HL7 v2 ORU, OBX-11 = C) or the platform. Those who were told must be told again (42 CFR 493.1291(k)).
    """


class ResultVerified(AboutResult, EventData):
    """The laboratory checked specimen and result and stands by it. Sent by the platform or the EMR."""


class ResultWithdrawn(AboutResult, EventData):
    """The laboratory takes the result back, e.g. because the specimen was haemolysed. Sent by the platform or the EMR."""

    reason: Text = Field(description="Why, in the laboratory's words.")


class ResultCalled(AboutResult, EventData):
    """The laboratory reached somebody with the result. Sent by the platform or the EMR."""

    recipient_id: Id = Field(description="Who took the call, by staff id.")
    cares_for_patient: bool = Field(description="The recipient said that they care for this patient now.")


class ResultReadBack(AboutResult, EventData):
    """The recipient wrote the result down and read it back to the laboratory. Sent by the platform or the EMR.

    Two identifiers and the value: Joint Commission NPSG.01.01.01 and PC.02.01.03.
    """

    identifiers_confirmed: Annotated[int, Field(ge=0, le=9), WHOLE] = Field(
        description="How many of the patient's identifiers were read back and matched, 0-9; two are needed."
    )
    value_confirmed: bool = Field(description="The value was read back and matched.")


class ProviderNotReached(AboutResult, EventData):
    """The provider who was tried did not answer. Sent by the platform or the EMR."""

    tried_id: Id = Field(description="Who was tried, by staff id.")


class ResultAcknowledged(AboutResult, EventData):
    """A provider took note of the result and takes it on. Sent by the platform or the EMR."""


class ActionOrdered(AboutResult, EventData):
    """A provider ordered what the result calls for. Sent by the platform or the EMR."""

    order_id: Id = Field(description="The order's id in the EMR.")


class NoActionNeeded(AboutResult, EventData):
    """A provider decided that the result calls for nothing. Sent by the platform or the EMR."""

    reason: Text = Field(description="Why, in the provider's words.")


class ActionCompleted(AboutResult, EventData):
    """What was ordered because of the result has been done. Sent by the platform or the EMR."""

    order_id: Id = Field(description="The order's id in the EMR.")


class ExpectedResultReviewed(AboutResult, EventData):
    """A provider saw a result that was not called because it was expected, and agrees. Sent by the platform or the EMR."""


class ResultCallRequested(AboutResult, EventData):
    """Somebody wants a result called that was held to be expected. Sent by the platform."""

    reason: Text = Field(description="Why, in their words.")


class CorrectionAcknowledged(AboutResult, EventData):
    """Somebody who was told the first value now knows the corrected one. Sent by the platform or the EMR."""
