"""Why an event cannot be read: a reason, a place and a mend, and nothing of what the event says."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class UnreadableReason(StrEnum):
    """The named reasons under which an event goes into quarantine before any workflow sees it; see MEANING."""

    INVALID_JSON = "invalid_json"
    TOO_LARGE = "too_large"
    NOT_AN_EVENT = "not_an_event"
    OWN_EVENT = "own_event"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    SOURCE_NOT_ALLOWED = "source_not_allowed"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    NAIVE_TIME = "naive_time"
    TIME_IN_FUTURE = "time_in_future"
    MISSING_SUBJECT = "missing_subject"
    MISSING_ACTOR = "missing_actor"


MEANING: Final[Mapping[UnreadableReason, str]] = MappingProxyType(
    {
        UnreadableReason.INVALID_JSON: "It is not JSON (RFC 8259) in UTF-8.",
        UnreadableReason.TOO_LARGE: "It is larger than 256 KB (262,144 bytes).",
        UnreadableReason.NOT_AN_EVENT: (
            "It is JSON, but `source` or `detail-type` is no text, `detail` is no object, "
            "or `detail-type` and the envelope's `type` differ."
        ),
        UnreadableReason.OWN_EVENT: "Its source is Baton itself.",
        UnreadableReason.UNKNOWN_TYPE: "Its type is not in the catalog.",
        UnreadableReason.UNKNOWN_VERSION: "Its type is in the catalog, but not in this version.",
        UnreadableReason.SOURCE_NOT_ALLOWED: "Its source may not send this type.",
        UnreadableReason.MISSING_FIELD: "A required field is absent.",
        UnreadableReason.UNKNOWN_FIELD: "There is a field that the type does not have.",
        UnreadableReason.WRONG_TYPE: "A field is of the wrong kind, such as a number in quotes.",
        UnreadableReason.OUT_OF_RANGE: (
            "A field is of the right kind but beyond its limits: of value, of length, or of the characters of an id."
        ),
        UnreadableReason.NAIVE_TIME: "A time lacks its offset from UTC.",
        UnreadableReason.TIME_IN_FUTURE: "It is said to have happened more than 5 minutes from now.",
        UnreadableReason.MISSING_SUBJECT: "Its type is about a patient, and it names none.",
        UnreadableReason.MISSING_ACTOR: "Someone must answer for its type, and it names nobody.",
    }
)
"""What each reason says of the event, in a sentence."""


class Unreadable(Exception):
    """An event that cannot be read, with the place of the fault and how to mend it.

    Its text holds names from the catalog, limits and positions only: never a value, and never a name that the sender
    chose, since either may identify a patient. It can therefore be logged.
    """

    def __init__(self, reason: UnreadableReason, where: str, mend: str) -> None:
        super().__init__(reason, where, mend)
        self.reason = reason
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.reason} at {self.where}: {self.mend}"
