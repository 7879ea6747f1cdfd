"""What reconcile counts: what the sweep mended, by what, and the rows that it could not look at."""

from __future__ import annotations

from functions.cases.sweep import Looked, Mended, SweepFaults
from functions.cases.telemetry import Measure

FAULTS_OF_OURS = (Mended.OVERDUE, Mended.RESTARTED)
"""A timer that did not fire and an execution that ended too early: each was mended, and an alarm rings all the same."""


def measures_of(looked: Looked) -> list[Measure]:
    """The measures of one look. By one dimension only, so that an alarm can watch each thing that is mended."""
    if looked.mended is Mended.NOTHING:
        return []
    return [Measure("Mended", 1, "Count", {"what": str(looked.mended)})]


def not_looked_at(faults: SweepFaults) -> list[Measure]:
    """The measures of rows that the sweep could not look at."""
    return [Measure("SweepFaults", len(faults.exceptions), "Count", {})]
