"""Which statuses an EMR's Task may take one after another.

The Task state machine of FHIR R4 (https://hl7.org/fhir/R4/task.html#statemachine), which HL7 calls typical.
"""

from __future__ import annotations

from collections.abc import Mapping

_CLOSED = frozenset({"completed", "failed", "cancelled", "rejected", "entered-in-error"})

_NEXT: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"requested"}),
    "requested": frozenset({"received", "accepted", "rejected", "cancelled"}),
    "received": frozenset({"accepted", "rejected", "cancelled"}),
    "accepted": frozenset({"in-progress", "cancelled"}),
    "ready": frozenset({"in-progress", "cancelled"}),
    "in-progress": frozenset({"on-hold", "completed", "failed", "ready"}),
    "on-hold": frozenset({"in-progress"}),
}


def may_follow(status: str, following: str) -> bool:
    """Whether a Task of one status may take the other; staying as it is always may."""
    if status == following or following == "entered-in-error":
        return True
    if status in _CLOSED:
        return False
    return following == "cancelled" or following in _NEXT.get(status, frozenset())
