"""What intake counts: every event's outcome, repetitions, quarantine, and how long an event took to its hand-off."""

from __future__ import annotations

from functions.cases.outcome import Placed
from functions.cases.quarantine import Kept
from functions.cases.telemetry import Measure


def measures_of(result: list[Placed] | Kept, now: float) -> list[Measure]:
    """The measures of one message. ``now`` in epoch seconds."""
    if isinstance(result, Kept):
        # By reason to look at, and altogether for the alarm, which can watch one series only.
        return [Measure("Quarantined", 1, "Count", {"reason": result.reason}), Measure("Quarantined", 1, "Count", {})]
    measures = []
    for placed in result:
        where = {"workflow": placed.workflow, "facility": placed.facility}
        if placed.duplicate:
            measures.append(Measure("Duplicates", 1, "Count", where))
            continue
        measures.append(Measure(f"Outcome_{placed.outcome}", 1, "Count", where))
        if placed.transitions:
            lag = max(0.0, now - placed.occurred_at) * 1000
            measures.append(Measure("EventToHandOff", round(lag), "Milliseconds", where))
        if placed.attempts > 1:
            measures.append(Measure("LostRaces", placed.attempts - 1, "Count", where))
    return measures
