"""Reaching and leaving states, answering events, deferring them, and the size of a hand-off."""

from __future__ import annotations

from statemachines.verify import codes
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import OPEN_STATES, cosign, spo2, style
from tests.unit.verify.planted.plant import Planted

ON = cosign == True  # noqa: E712


def _again(d: Draft, *ends: str, **more: object) -> Draft:
    """A note that is written after one of these ends re-opens the case."""
    return d.new_arrow("R-1", ends, "note_written", "ordered", **{"reopens": True, **more})


def _chain(d: Draft, length: int, *, circle: bool = False) -> Draft:
    """Steps that deferred events of as many kinds lead through, one after another."""
    events = ["weaning_started", "note_written", "note_cosigned", "filing_retry_requested", "oxygen_changed", "spo2_observed",
              "news2_scored", "assessment_completed", "care_plan_updated"][:length]  # fmt: skip
    d.new_state("step_0", "alarm_late").new_arrow("C-00", ["alarm_late"], "note_signed", "step_0").answer(
        "note_signed", None, "alarm_late"
    )
    for event in events:
        d.answer(event, "defers", "alarm_late", "step_0")
    for n, event in enumerate(events, start=1):
        d.new_state(f"step_{n}", "alarm_late").new_arrow(f"C-{n:02}", [f"step_{n - 1}"], event, f"step_{n}")
        for later in events:
            d.answer(later, "defers", f"step_{n}")
        d.answer(event, None, f"step_{n - 1}")
    names = [f"step_{n}" for n in range(length + 1)]
    d.answer("note_signed", "ignores", *names)
    if circle:
        d.new_arrow("C-98", [names[-1]], events[0], names[0]).answer(events[0], None, names[-1])
    d.new_arrow("C-99", names, "deadline_missed", None).new_arrow("C-97", [names[-1]], "note_signed", "cancelled")
    return d.answer("note_signed", None, names[-1]).drop_arrow("G-13")


def _checklist(d: Draft, items: int) -> Draft:
    one = {"title": "Item", "owner": "RN", "done_on": ["assessment_completed"]}
    return d.state("prepared", checklist={"items": [{"name": f"item_{n}", **one} for n in range(items)]})


PLANTED = (
    Planted(
        codes.UNREACHABLE,
        {
            "no arrow leads there": lambda d: d.drop_arrow("G-12").new_arrow("G-12", ["alarmed"], "deadline_missed", None),
            "only from itself": lambda d: d.new_state("limbo", "alarm_late").new_arrow("L-1", ["limbo"], "deadline_missed", None),
            "two that only reach each other": lambda d: d.new_state("here", "alarm_late").new_state("there", "alarm_late").new_arrow(
                "L-1", ["here"], "deadline_missed", "there").new_arrow("L-2", ["there"], "deadline_missed", "here"),
            "switched off by every policy, and not said to be optional": lambda d: d.new_state("letter", "alarm_late").arrow(
                "G-15", when=(~ON) & (style == "note")).new_arrow("L-1", ["treated"], "note_written", "letter", when=style == "comment").policy(
                2, parameters={}),
        },
        {
            "optional, and switched off at two facilities": lambda d: d,
            "reached by a deadline only": lambda d: d.arrow("G-02", sources=["order_late"]).answer("oxygen_changed", "records", "ordered"),
            "an end that one facility's cases come to": lambda d: d.drop_state("cancelled").copy_of(
                "states", "name", "done", "signed_off",
                emr={"status": "completed", "business_status": "signed-off", "display": "Signed off"},
            ).new_arrow("L-1", ["unsigned"], "order_cancelled", "signed_off").answer("order_cancelled", None, "unsigned"),
        },
    ),
    Planted(
        codes.NO_WAY_OUT,
        {
            "no arrow leaves it": lambda d: d.drop_arrow("G-28", "G-29").arrow("G-34", sources=[s for s in OPEN_STATES if s != "unfiled"]),
            "two states that lead only to each other": lambda d: d.arrow("G-13", target="alarm_late").arrow(
                "G-33", sources=["ordered"]).arrow("G-34", sources=["ordered"]),
            "the only ends are switched off everywhere": lambda d: d.drop_arrow("G-34").arrow("G-30", when=style == "letter").arrow(
                "G-33", sources=["ordered"]).parameter("style", choices=["note", "comment", "letter"]),
        },
        {
            "an end that only a deadline leads to": lambda d: d.drop_arrow("G-34").arrow("G-32", target="cancelled").arrow("G-33", sources=["ordered"]),
            "a long way round": lambda d: d.arrow("G-33", sources=["ordered"]).arrow("G-34", sources=["unfiled"]),
        },
    ),
    Planted(
        codes.NOT_SWITCHED_OFF,
        {
            "an arrow without the condition": lambda d: d.arrow("G-15", when=None).drop_arrow("G-16").new_arrow(
                "G-16", ["alarm_late"], "note_signed", "unsigned").answer("note_signed", None, "alarm_late"),
            "the opposite condition": lambda d: d.state("unsigned", optional=~ON),
            "the condition of another parameter": lambda d: d.state("unsigned_late", optional=(cosign == True) & (style == "comment")),  # noqa: E712
        },
        {
            "an arrow whose condition implies the state's": lambda d: d.state("unsigned", optional=ON | (style == "comment")),
            "a state that is not optional": lambda d: d.state("unsigned", optional=None).state("unsigned_late", optional=None),
        },
    ),
    Planted(
        codes.UNANSWERED,
        {
            "in one state": lambda d: d.answer("weaning_started", None, "treated"),
            "in a system state": lambda d: d.answer("spo2_observed", None, "filing"),
            "after the only arrow on it is gone": lambda d: d.drop_arrow("G-02"),
            "a new event in every state": lambda d: d.copy_of("events", "event", "note_written", "result_called"),
        },
        {
            "in a state that no case reaches": lambda d: d.new_state("limbo", "alarm_late").answer("weaning_started", None, "limbo").new_arrow(
                "L-1", ["limbo"], "deadline_missed", None),
            "refused with a reason": lambda d: d.answer("weaning_started", "refuses", "treated"),
            "done by an item of a checklist": lambda d: d.answer("assessment_completed", None, "prepared"),
        },
    ),
    Planted(
        codes.ANSWERED_TWICE,
        {
            "recorded and refused": lambda d: _also(d, "treated", "refuses", "spo2_observed"),
            "ignored and deferred": lambda d: _also(d, "treated", "defers", "weaning_started"),
            "an item of a checklist, and ignored": lambda d: _also(d, "prepared", "ignores", "assessment_completed"),
        },
        {
            "recorded where its guards do not hold": lambda d: d,
            "recorded here and refused there": lambda d: d.answer("weaning_started", "refuses", "alarmed"),
        },
    ),
    Planted(
        codes.NEVER_TAKEN_UP,
        {
            "only deferred and ignored": lambda d: d.answer("weaning_started", "defers", "ordered").answer(
                "weaning_started", "ignores", *[s for s in OPEN_STATES if s not in ("ordered", "prepared")]).drop_arrow("G-15", "G-16"),
            "deferred in the last state": lambda d: d.answer("note_signed", "defers", "unfiled", "filing", "fetching"),
            "only taken in a state before": lambda d: d.answer("oxygen_ordered", "defers", "fetching").answer(
                "oxygen_ordered", "records", "ordered").answer("oxygen_ordered", "ignores", "unfiled"),
        },
        {
            "recorded later": lambda d: d.answer("weaning_started", "defers", "ordered").answer("weaning_started", "records", "treated"),
            "taken where it is deferred, when the case returns": lambda d: d.answer("note_cosigned", "defers", "treated"),
            "taken at a facility that co-signs, ignored elsewhere": lambda d: d.answer("note_cosigned", "defers", "ordered"),
        },
    ),
    Planted(
        codes.COMMIT_TOO_LARGE,
        {
            "a checklist of many items": lambda d: _checklist(d, 40),
            "a checklist after deferred events": lambda d: _checklist(d, 14),
            "two checklists in a row": lambda d: _checklist(d, 24).state(
                "prepared_late", checklist={"items": [{"name": f"i{n}", "title": "I", "owner": "RN", "done_on": ["weaning_started"]} for n in range(24)]}
            ).new_arrow("L-1", ["prepared_late"], "checklist_completed", "filing"),
        },
        {
            "a checklist of some items": lambda d: _checklist(d, 8),
            "a long checklist where nothing was deferred": lambda d: _checklist(
                d.answer("note_signed", "ignores", "ordered", "order_late"), 20),
        },
    ),
    Planted(
        codes.TOO_MANY_MOVES,
        {
            "eight kinds, one after another": lambda d: _chain(d, 8),
            "nine kinds": lambda d: _chain(d, 9),
            "eight kinds and a circle": lambda d: _chain(d, 8, circle=True),
        },
        {
            "six kinds, one after another": lambda d: _chain(d, 6),
            "a circle of two kinds": lambda d: _chain(d, 2, circle=True),
        },
    ),
    Planted(
        codes.END_UNANSWERED,
        {
            "one of two ends is silent": lambda d: _again(d, "done"),
            "the other of two ends is silent": lambda d: _again(d, "cancelled", when=style == "note").new_arrow(
                "R-2", ["cancelled"], "note_written", "treated", when=style == "comment", reopens=True),
            "what it answers is another event": lambda d: _again(d, "done").new_arrow(
                "R-2", ["done", "cancelled"], "note_cosigned", "ordered", reopens=True).answer("note_cosigned", "ignores", "done"),
            "what opens a case would forget the one that ended there": lambda d: d.new_arrow(
                "R-1", ["done"], "oxygen_ordered", "ordered", reopens=True),
        },
        {
            "re-opened from every end": lambda d: _again(d, "done", "cancelled"),
            "ignored after one of two ends": lambda d: _again(d, "done").answer("note_written", "ignores", "cancelled"),
            "refused after one of two ends": lambda d: _again(d, "done").answer("note_written", "refuses", "cancelled"),
            "what opens a case re-opens it from every end": lambda d: d.new_arrow(
                "R-1", ["done", "cancelled"], "oxygen_ordered", "ordered", reopens=True),
            "what opens a case opens none after one of two ends": lambda d: d.new_arrow(
                "R-1", ["done"], "oxygen_ordered", "ordered", reopens=True).answer("oxygen_ordered", "refuses", "cancelled"),
            "re-opened if, and ignored otherwise": lambda d: _again(d, "done", "cancelled", when=spo2 < 80).answer(
                "note_written", "ignores", "cancelled", "done"),
            "an end to which no case comes": lambda d: _again(d, "done", "cancelled").copy_of(
                "states", "name", "done", "signed_off",
                emr={"status": "completed", "business_status": "signed-off", "display": "Signed off"}),
        },
    ),
)  # fmt: skip


def _also(d: Draft, state: str, how: str, event: str) -> Draft:
    found = next(s for s in d.document["states"] if s["name"] == state)
    found[how][event] = "planted"
    return d
