"""Why a record leads to no event: a closed list, so that every record of a replay is accounted for by name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class NotApplicable(StrEnum):
    """The reasons; MEANING says each in a sentence."""

    INVALID_RECORD = "invalid_record"
    NO_VALUE = "no_value"
    NOT_A_NUMBER = "not_a_number"
    UNKNOWN_UNIT = "unknown_unit"
    IMPLAUSIBLE_ZERO = "implausible_zero"
    WITHDRAWN = "withdrawn"
    NOT_FINAL = "not_final"
    NO_TIME = "no_time"
    NO_ENCOUNTER = "no_encounter"
    OTHER_ITEM = "other_item"
    ITEM_RENAMED = "item_renamed"
    ALARM_LIMIT = "alarm_limit"
    SPONTANEOUS_RATE = "spontaneous_rate"
    RATE_WITHOUT_SATURATION = "rate_without_saturation"
    SECOND_SOURCE_OFF = "second_source_off"
    OTHER_OBSERVATION = "other_observation"
    OTHER_RESOURCE = "other_resource"
    NOT_ENDED = "not_ended"
    CONTEXT = "context"


MEANING: Final[Mapping[NotApplicable, str]] = MappingProxyType(
    {
        NotApplicable.INVALID_RECORD: "It cannot be read: not JSON, not a resource, a row of another length, or too long.",
        NotApplicable.NO_VALUE: "Nothing was measured, or nothing was recorded.",
        NotApplicable.NOT_A_NUMBER: "A number was expected.",
        NotApplicable.UNKNOWN_UNIT: "The unit is not the one that the measurement has, so the number means nothing.",
        NotApplicable.IMPLAUSIBLE_ZERO: "Zero, where zero is a sensor or a charting artefact.",
        NotApplicable.WITHDRAWN: "Entered in error, or cancelled.",
        NotApplicable.NOT_FINAL: "Announced, but without a result yet.",
        NotApplicable.NO_TIME: "It does not say at which time of which day.",
        NotApplicable.NO_ENCOUNTER: "It names no patient or no encounter.",
        NotApplicable.OTHER_ITEM: "A charted item that no event carries, such as a partial pressure.",
        NotApplicable.ITEM_RENAMED: "The item dictionary beside it gives this item another meaning than is known here.",
        NotApplicable.ALARM_LIMIT: "A monitor's alarm limit: it says when to call, not which saturation is the target.",
        NotApplicable.SPONTANEOUS_RATE: "The patient's share of a ventilated rate; zero is normal under sedation.",
        NotApplicable.RATE_WITHOUT_SATURATION: "A respiratory rate with no saturation at the same time to go with.",
        NotApplicable.SECOND_SOURCE_OFF: "A second source of oxygen is off, which says nothing about the first.",
        NotApplicable.OTHER_OBSERVATION: "An Observation that no event carries.",
        NotApplicable.OTHER_RESOURCE: "A resource of a type that no event comes from.",
        NotApplicable.NOT_ENDED: "An encounter or a stay that has not ended, or does not say when.",
        NotApplicable.CONTEXT: "Read for what it says about others: an item's name, a patient's date of birth.",
    }
)
