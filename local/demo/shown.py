"""What the demonstration must show; a run in which something of it did not happen has shown nothing of it."""

from __future__ import annotations

from events.unreadable import UnreadableReason
from local.agreement import Happening, Report

HAPPENINGS = tuple(Happening)
"""Each must happen once at least."""

QUARANTINED = (
    str(UnreadableReason.INVALID_JSON),
    str(UnreadableReason.TOO_LARGE),
    str(UnreadableReason.MISSING_FIELD),
    str(UnreadableReason.WRONG_TYPE),
    str(UnreadableReason.UNKNOWN_TYPE),
    str(UnreadableReason.UNKNOWN_VERSION),
    str(UnreadableReason.NAIVE_TIME),
    str(UnreadableReason.TIME_IN_FUTURE),
    "unknown_facility",
    "no_case",
)
"""Each must be the reason of a message in quarantine."""


def unshown(report: Report) -> list[str]:
    """What should have happened and did not."""
    kept = {message["reason"] for message in report.quarantine}
    return [
        *(f"{name} was to be seen, and was not" for name in HAPPENINGS if not report.happenings.get(name)),
        *(
            f"a message was to be in quarantine as {reason}, and none is"
            for reason in QUARANTINED
            if reason not in kept
        ),
    ]
