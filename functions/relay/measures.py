"""What one journal entry measures. Reports recompute the same from the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.cases.telemetry import Measure
from functions.cases.undertakings import UNDO_BY_HAND
from statemachines.decide import Reason

_COUNTED = {
    "claimed": "Claims",
    "reassigned": "Reassignments",
    "declined": "Declined",
    "repaired": "Repairs",
    "continued": "Continuations",
    "rerouted": "Reroutings",
}

CALLS_FOR_A_PERSON = {UNDO_BY_HAND: "UndoByHand", str(Reason.TWO_CASES_AFTER_MERGE): "TwoCasesAfterMerge"}
"""What nobody but a person can put right, by the entry's reason. Nobody's task says so: these alarms do."""


def measures_of(entry: Mapping[str, Any]) -> list[Measure]:
    """The measures of a journal entry, once by workflow and arrow, and once by facility."""
    scope = {"workflow": str(entry["workflow"]), "version": str(int(entry["version"]))}
    by_facility = {"workflow": scope["workflow"], "facility": str(entry["facility"])}
    kind = str(entry["kind"])
    measures: list[Measure] = []

    def count(name: str, arrow: Mapping[str, str], value: float = 1, unit: str = "Count") -> None:
        measures.append(Measure(name, value, unit, {**scope, **arrow}))
        measures.append(Measure(name, value, unit, by_facility))

    waited = entry.get("waited_seconds")
    if kind == "moved":
        arrow = {"transition": str(entry["transition"])}
        count("HandOffs", arrow)
        if waited is not None and "source" in entry:
            count("TimeToComplete", {"state": str(entry["source"])}, float(waited), "Seconds")
        if entry.get("missed_deadline"):
            count("DeadlinesMissed", {"state": str(entry["source"])})
        if entry.get("escalation"):
            count("Escalations", arrow)
        if entry.get("reason") == "override":
            count("Overrides", arrow)
    elif kind in _COUNTED:
        count(_COUNTED[kind], {"role": str(entry.get("role", "none"))})
        if kind == "claimed" and waited is not None:
            count("TimeToClaim", {"role": str(entry.get("role", "none"))}, float(waited), "Seconds")
    elif kind == "refused":
        count("Refusals", {"reason": str(entry["reason"])})
    calls = CALLS_FOR_A_PERSON.get(str(entry.get("reason")))
    if calls is not None:
        # By facility to look at, and altogether for the alarm, which can watch one series only.
        measures += [Measure(calls, 1, "Count", by_facility), Measure(calls, 1, "Count", {})]
    return measures
