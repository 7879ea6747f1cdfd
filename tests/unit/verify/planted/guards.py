"""What guards compare, when they hold, how they compete, and what they read."""

from __future__ import annotations

from typing import Any

from statemachines.expressions import AnyGuard
from statemachines.verify import codes
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import age, cosign, distress, flow, goal, high, low, news2, spo2, style, within
from tests.unit.verify.planted.plant import Planted

ON = cosign == True  # noqa: E712
NOTE = style == "note"
DISTRESS, EASE = distress == True, distress == False  # noqa: E712


def _when(id: str, guard: AnyGuard) -> Any:
    """Gives an arrow another guard."""
    return lambda d: d.arrow(id, when=guard)


def _alarm(guard: AnyGuard, *, by: tuple[str, ...] = (), target: str = "alarm_late", on: str = "news2_scored") -> Any:
    """Adds an arrow from the treated state."""
    return lambda d: d.new_arrow("X-1", ["treated"], on, target, when=guard, by=by)


def _both(on: str, first: AnyGuard, second: AnyGuard, state: str = "treated") -> Any:
    """Two arrows on one event, and no answer when neither is taken."""

    def change(d: Draft) -> Draft:
        d.answer(on, None, state)
        return d.new_arrow("X-1", [state], on, "alarm_late", when=first).new_arrow(
            "X-2", [state], on, state, when=second
        )

    return change


PLANTED = (
    Planted(
        codes.DIFFERENT_UNITS,
        {
            "a saturation and a time": _when("G-05", spo2 < within),
            "a score and a word": _when("G-06", news2 >= "high"),
            "an order of yes and no": _when("G-07", distress > True),
            "a fall in minutes": _when("G-05", spo2.fell(within)),
            "an age in percent": _when("G-06", news2.older_than(low)),
            "a saturation among words": _when("G-05", spo2.one_of("low", "very low")),
        },
        {
            "a saturation and a target": _when("G-05", spo2 < high),
            "a score and a number": _when("G-06", news2 >= 6.5),
            "an age in minutes": lambda d: d.arrow("G-06", when=(news2 >= 7) & ~news2.older_than(within)),
        },
    ),
    Planted(
        codes.NEVER_TRUE,
        {
            "beyond what can be measured": _when("G-05", spo2 > 120),
            "two parts that exclude each other": _when("G-05", (spo2 < 85) & (spo2 > 92)),
            "between two whole numbers": _when("G-06", (news2 > 6) & (news2 < 7)),
            "a fall that the event does not report": _when("G-06", news2.known & spo2.fell(3)),
            "a limit of one facility that no value passes": lambda d: d.arrow("G-05", when=spo2 > high).setting(1, high=100),
            "a fall from above the highest": _when("G-05", (spo2 >= 96) & spo2.fell(5)),
            "a choice that does not exist": _when("G-15", style == "letter"),
            "a patient's goal above all that can be": _when("G-10", (goal > 100) & (flow > 0)),
            "a shorter limit for an age that nobody has": lambda d: d.state(
                "ordered", deadline={"within": {"amount": 60}, "sooner": [
                    {"when": age > 200, "within": {"amount": 5}, "because": "very old"}]}),
        },
        {
            "at the very edge of what can be": _when("G-05", spo2 >= 100),
            "a narrow range": _when("G-05", (spo2 > 89) & (spo2 < 89.5)),
            "switched off by every facility, but not by all policies": lambda d: d.arrow("G-16", when=ON).setting(1, cosign=False),
            "a fall just possible": _when("G-05", (spo2 >= 95) & spo2.fell(5)),
            "one whole number": _when("G-06", (news2 > 6) & (news2 < 8)),
        },
    ),
    Planted(
        codes.OVERLAP,
        {
            "two ranges that touch": _both("news2_scored", news2 >= 7, news2 <= 7),
            "two ranges, at one facility only": lambda d: _both("spo2_observed", spo2 < low, spo2 > 92)(d.drop_arrow("G-05").setting(1, low=94)),
            "a patient's goal and a fixed number": lambda d: _both("spo2_observed", spo2 >= goal, spo2 < 92)(d.drop_arrow("G-05")),
            "a fall and a limit": lambda d: _both("spo2_observed", spo2 < 90, spo2.fell(3) & (spo2 < 95))(d.drop_arrow("G-05")),
            "roles that one facility mixes": lambda d: d.arrow("G-07", when=None, by=["RN"]).arrow("G-08", when=None, by=["LEAD", "CHARGE"]),
            "two openings": lambda d: d.new_arrow("X-1", [], "oxygen_ordered", "treated", when=age < 18),
        },
        {
            "two ranges that meet": lambda d: _both("news2_scored", news2 >= 7, news2 < 7)(d.drop_arrow("G-06")),
            "roles that no facility mixes": lambda d: d.arrow("G-07", when=None, by=["RN"]).arrow("G-08", when=None, by=["PROVIDER"]),
            "ranges that a parameter keeps apart everywhere": lambda d: _both(
                "spo2_observed", spo2 < low, spo2 > high)(d.drop_arrow("G-05").answer("spo2_observed", "records", "treated")),
            "a patient's goal and its opposite": lambda d: _both("spo2_observed", spo2 >= goal, spo2 < goal)(d.drop_arrow("G-05")),
            "a rise and a fall": lambda d: _both("spo2_observed", spo2.rose(3), spo2.fell(3))(d.drop_arrow("G-05")),
        },
    ),
    Planted(
        codes.GAP,
        {
            "between two ranges": lambda d: _both("news2_scored", news2 >= 7, news2 <= 4)(d.drop_arrow("G-06")),
            "at the limit itself": lambda d: _both("spo2_observed", spo2 < low, spo2 > low)(d.drop_arrow("G-05")),
            "while a fact is unknown": _both("weaning_started", flow == 0, flow > 0),
            "at one facility only": lambda d: _both("spo2_observed", spo2 < low, spo2 >= 90)(d.drop_arrow("G-05")),
            "one arrow with a guard, and no other answer": lambda d: d.answer("spo2_observed", None, "treated"),
            "an outcome with a guard": _when("G-25", NOTE),
        },
        {
            "closed by an answer": lambda d: _both("news2_scored", news2 >= 7, news2 <= 4)(d.drop_arrow("G-06")).answer(
                "news2_scored", "records", "treated"),
            "no whole number between": lambda d: _both("news2_scored", news2 >= 5, news2 <= 4)(d.drop_arrow("G-06")),
            "unknown is one of the cases": _both("weaning_started", flow.known, ~flow.known),
            "an arrow for the rest, for somebody else": lambda d: d.arrow("G-07", by=["RN"]).arrow("G-08", by=["LEAD"]),
        },
    ),
    Planted(
        codes.SHADOWED,
        {
            "after an arrow without a guard": lambda d: d.drop_arrow("G-06").new_arrow("X-1", ["treated"], "news2_scored", "alarmed").new_arrow(
                "X-2", ["treated"], "news2_scored", "alarm_late", when=news2 >= 9),
            "after a wider range": _alarm(news2 >= 9),
            "after two that cover it together": lambda d: d.drop_arrow("G-06").new_arrow(
                "X-1", ["treated"], "news2_scored", "alarmed", when=news2 >= 7).new_arrow(
                "X-2", ["treated"], "news2_scored", "treated", when=news2 < 7).new_arrow(
                "X-3", ["treated"], "news2_scored", "alarm_late", when=news2 == 7),
            "a guard that always holds comes first": lambda d: d.drop_arrow("G-06").new_arrow(
                "X-1", ["treated"], "news2_scored", "alarmed", when=(news2 >= 5) | (news2 < 5)).new_arrow(
                "X-2", ["treated"], "news2_scored", "alarm_late", when=news2 == 3),
            "at one facility, whose people do both roles": lambda d: d.arrow("G-07", when=None, by=["RN"]).arrow(
                "G-08", when=None, by=["LEAD"]),
        },
        {
            "a narrower range comes first": lambda d: d.drop_arrow("G-06").new_arrow(
                "X-1", ["treated"], "news2_scored", "alarm_late", when=news2 >= 9).new_arrow(
                "X-2", ["treated"], "news2_scored", "alarmed", when=(news2 >= 7) & (news2 < 9)),
            "the wider range is for others": lambda d: d.arrow("G-07", when=None, by=["RN"]).arrow("G-08", by=["PROVIDER"]),
        },
    ),
    Planted(
        codes.NEVER_SET,
        {
            "before any event can report it": lambda d: d.new_arrow(
                "X-1", ["ordered"], "weaning_started", "order_late", when=DISTRESS).answer("assessment_completed", "refuses", "ordered", "order_late"),
            "in a shorter limit": lambda d: d.state("ordered", deadline={"within": {"amount": 60}, "sooner": [
                {"when": spo2 < 90, "within": {"amount": 5}, "because": "low"}]}),
            "by an opening": lambda d: d.arrow("G-01", when=spo2 < 94),
            "in a time that is counted from it": lambda d: d.state("ordered", deadline={"within": {"amount": 60, "since": "spo2"}}),
            "where every event that reports it is refused": lambda d: d.answer(
                "assessment_completed", "refuses", "ordered", "order_late").arrow("G-02", when=EASE).answer(
                "oxygen_changed", "ignores", "ordered", "order_late"),
        },
        {
            "recorded in the same state": lambda d: d.new_arrow("X-1", ["ordered"], "weaning_started", "order_late", when=DISTRESS),
            "asked whether it is known": lambda d: d.arrow("G-01", when=spo2.known | (age >= 0)),
            "in a time that is counted from what opened the case": lambda d: d.state(
                "ordered", deadline={"within": {"amount": 60, "since": "age"}}),
            "reported by the event itself": lambda d: d.new_arrow("X-1", ["ordered"], "assessment_completed", "order_late", when=DISTRESS),
        },
    ),
    Planted(
        codes.UNKNOWN_PASSES,
        {
            "not low, and perhaps not measured": lambda d: d.new_arrow(
                "X-1", ["treated"], "weaning_started", "alarmed", when=~(spo2 < low)).answer("weaning_started", "records", "treated"),
            "not in distress, on a path without assessment": lambda d: d.new_arrow(
                "X-1", ["treated"], "weaning_started", "prepared", when=~DISTRESS).answer("weaning_started", "records", "treated"),
            "an override that skipped the measurement": lambda d: d.arrow(
                "G-02", when=spo2 >= 85, override_by=["LEAD"]).new_arrow(
                "X-1", ["treated"], "weaning_started", "prepared", when=~(spo2 < low)).answer("weaning_started", "records", "treated"),
            "an override in place of the event that reports it": lambda d: d.arrow(
                "G-02", on="spo2_observed", override_by=["LEAD"]).answer("spo2_observed", None, "ordered", "order_late").answer(
                "oxygen_changed", "records", "ordered", "order_late").new_arrow(
                "X-1", ["treated"], "weaning_started", "prepared", when=~(spo2 < low)),
            "not too old, and perhaps never measured": lambda d: d.new_arrow(
                "X-1", ["treated"], "weaning_started", "prepared", when=~spo2.older_than(60) & ~(spo2 < low)),
            "the opposite of a pair": lambda d: d.arrow("G-11", when=~((spo2 >= goal) & (flow > 0))).arrow("G-10", when=(spo2 >= goal) & (flow > 0)),
        },
        {
            "asked whether it is known": lambda d: d.new_arrow(
                "X-1", ["treated"], "weaning_started", "alarmed", when=spo2.known & ~(spo2 < low)),
            "always reported by the event": lambda d: d.arrow("G-05", when=~(spo2 >= low)),
            "proven by the guard of the only way in": lambda d: d.arrow("G-02", when=spo2 >= 85).new_arrow(
                "X-1", ["treated"], "weaning_started", "prepared", when=~(spo2 < low)),
            "always reported by the event of the only way in": lambda d: d.arrow(
                "G-02", on="spo2_observed").answer("spo2_observed", None, "ordered", "order_late").answer(
                "oxygen_changed", "records", "ordered", "order_late").new_arrow(
                "X-1", ["treated"], "weaning_started", "prepared", when=~(spo2 < low)),
            "a negation that cannot matter": lambda d: d.new_arrow(
                "X-1", ["treated"], "weaning_started", "alarmed", when=~((spo2 < low) & (spo2 > 97))),
        },
    ),
    Planted(
        codes.STALE,
        {
            "a score on another event": lambda d: d.new_arrow("X-1", ["treated"], "weaning_started", "alarmed", when=news2 >= 5),
            "a score that came before a long wait": lambda d: d.state("treated", deadline={"within": {"amount": 90}}).new_arrow(
                "X-1", ["treated"], "note_written", "alarmed", when=news2 <= 3),
            "a saturation that the event need not report": lambda d: d.fact("spo2", stale_after_minutes=30),
            "a score read round a circle": lambda d: d.fact("news2", stale_after_minutes=400).new_arrow(
                "X-1", ["treated"], "weaning_started", "alarmed", when=news2 >= 5),
        },
        {
            "always reported by the event": lambda d: d,
            "asked for its age": lambda d: d.new_arrow(
                "X-1", ["treated"], "weaning_started", "alarmed", when=(news2 >= 5) & ~news2.older_than(60)),
            "a fact that never grows stale": lambda d: d.new_arrow("X-1", ["treated"], "weaning_started", "alarmed", when=flow >= 5),
            "younger than its limit by then": lambda d: d.fact("age", stale_after_minutes=500).new_arrow(
                "X-1", ["ordered"], "weaning_started", "order_late", when=age > 70),
        },
    ),
)  # fmt: skip
