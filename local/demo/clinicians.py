"""What the people of the demonstration do next with a patient on oxygen, wherever the case stands."""

from __future__ import annotations

from typing import Any

from local.demo.people import ROSTERS, Patient, Staff
from local.demo.stage import Stage, TooLate

ENDS = frozenset({"complete", "cancelled", "deceased"})
WORKING = frozenset({"filing", "confirming"})
MAX_STEPS = 40


def somebody(facility: str, *roles: str) -> Staff:
    """Whoever is on shift there in the first of the roles that anybody holds. Raises LookupError."""
    for role in roles:
        for person in ROSTERS[facility]:
            if role in person.roles:
                return person
    raise LookupError(f"nobody at {facility} is on shift as {' or '.join(roles)}")


def next_event(who: Patient, state: str) -> tuple[str, Staff | None, dict[str, Any]]:
    """The event that good care brings next in a state: its type, who causes it, and its data."""
    rt, rn, md = (
        somebody(who.facility, "RT", "RN"),
        somebody(who.facility, "RN"),
        somebody(who.facility, "PROVIDER"),
    )
    note = {"note_id": f"note-{who.encounter}"}
    steps: dict[str, tuple[str, Staff | None, dict[str, Any]]] = {
        "ordered": ("oxygen_changed", rn, {"flow_l_min": 2.0, "device": "nasal cannula"}),
        "order_overdue": ("oxygen_changed", rn, {"flow_l_min": 2.0, "device": "nasal cannula"}),
        "assessment_due": ("assessment_completed", rt, {"spo2_percent": 93, "respiratory_rate": 18}),
        "escalated": ("assessment_completed", rt, {"spo2_percent": 92, "respiratory_rate": 22}),
        "escalated_to_provider": ("assessment_completed", md, {"spo2_percent": 92, "respiratory_rate": 22}),
        "assessed": ("oxygen_changed", rt, {"flow_l_min": 2.0, "spo2_percent": 95}),
        "titrating": ("spo2_observed", None, {"spo2_percent": 96}),
        "stable": ("weaning_started", rt, {}),
        "weaning": ("oxygen_changed", rt, {"flow_l_min": 0.0, "spo2_percent": 96}),
        "trial_off": ("oxygen_discontinued", rn, {"reason": "stable on room air"}),
        "titrated_undocumented": ("note_written", rt, note),
        "undocumented_overdue": ("note_written", rt, note),
        "still_undocumented": ("note_written", rt, note),
        "documented_unsigned": ("note_signed", rt, note),
        "unsigned_overdue": ("note_signed", rt, note),
        "still_unsigned": ("note_signed", rt, note),
        "awaiting_cosign": ("note_cosigned", md, note),
        "cosign_overdue": ("note_cosigned", md, note),
        "filing_failed": ("filing_retry_requested", rt, {}),
        "filing_overdue": ("filing_retry_requested", rt, {}),
    }
    if state in ("titrated_undocumented", "undocumented_overdue", "still_undocumented") and who.facility == "lakeside":
        return "flowsheet_comment_recorded", rt, {"comment_id": f"comment-{who.encounter}"}
    return steps[state]


def care_until(stage: Stage, who: Patient, *goals: str) -> None:
    """Let people do what is next until the case is in one of the states. Raises TooLate."""
    for _ in range(MAX_STEPS):
        state = stage.state(who)
        if state in goals:
            return
        if state is None or state in ENDS:
            raise TooLate(f"{who.encounter} is {state}, not {' or '.join(goals)}")
        if state in WORKING:
            stage.until(f"{who.encounter} out of {state}", lambda: stage.state(who) not in WORKING)
            continue
        type, by, data = next_event(who, state)
        entry = stage.event(type, who, by, **data)
        stage.put(entry)
        event_id = next(reversed(stage.sent))
        stage.until_placed(event_id)
    raise TooLate(f"{who.encounter} did not reach {' or '.join(goals)} in {MAX_STEPS} steps")
