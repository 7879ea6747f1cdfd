"""What intake counts: every event's outcome, repetitions, and how long an event took to its hand-off.

Outcomes are counted at least once: a worker that dies after its commit has counted nothing, so whoever gets its message again
counts what the event's mark says. ``Redelivered`` is by how many outcomes that may be too many. All else is counted at most once
a delivery, and lost with the worker.
"""

from __future__ import annotations

from functions.cases.outcome import Placed
from functions.cases.quarantine import Kept
from functions.cases.telemetry import Measure


def measures_of(result: list[Placed] | Kept, now: float, *, delivered_again: bool = False) -> list[Measure]:
    """The measures of one message. ``now`` in epoch seconds; ``delivered_again``: the queue had delivered it before."""
    if isinstance(result, Kept):
        return []  # counted where it was kept
    measures = []
    for placed in result:
        where = {"workflow": placed.workflow, "facility": placed.facility}
        if placed.duplicate and not (delivered_again and placed.outcome):  # a mark that was forgotten says no outcome
            measures.append(Measure("Duplicates", 1, "Count", where))
            continue
        if placed.duplicate:
            measures.append(Measure("Redelivered", 1, "Count", where))
        measures.append(Measure(f"Outcome_{placed.outcome}", 1, "Count", where))
        if placed.transitions:
            lag = max(0.0, now - placed.occurred_at) * 1000
            measures.append(Measure("EventToHandOff", round(lag), "Milliseconds", where))
        if placed.attempts > 1:
            measures.append(Measure("LostRaces", placed.attempts - 1, "Count", where))
    return measures
