"""Deadlines and escalation."""

from __future__ import annotations

from statemachines.verify import codes
from tests.unit.verify.good import flow, style
from tests.unit.verify.planted.plant import Planted

NOTE, COMMENT = style == "note", style == "comment"

PLANTED = (
    Planted(
        codes.NO_DEADLINE,
        {
            "a wait for a person": lambda d: d.state("treated", deadline=None),
            "a system step": lambda d: d.state("filing", deadline=None),
            "a wait for a sub-case": lambda d: d.state("fetching", deadline=None),
        },
        {
            "an end": lambda d: d,
            "a long deadline": lambda d: d.state("fetching", deadline={"within": {"amount": 300, "unit": "hours"}}),
        },
    ),
    Planted(
        codes.DEADLINE_UNANSWERED,
        {
            "no arrow": lambda d: d.drop_arrow("G-09"),
            "no arrow from one of two states": lambda d: d.drop_arrow("G-04"),
            "an arrow with a guard": lambda d: d.arrow("G-09", when=NOTE),
            "two arrows with a gap": lambda d: d.arrow("G-09", when=flow > 0).new_arrow("X-1", ["treated"], "deadline_missed", None, when=flow == 0),
            "an arrow for a role": lambda d: d.arrow("G-09", by=["RN"]),
            "no arrow out of a system step": lambda d: d.drop_arrow("G-27"),
        },
        {
            "two arrows without a gap": lambda d: d.arrow("G-09", when=NOTE).new_arrow("X-1", ["treated"], "deadline_missed", "alarm_late", when=COMMENT),
            "unknown is one of the cases": lambda d: d.arrow("G-09", when=flow.known).new_arrow(
                "X-1", ["treated"], "deadline_missed", "alarm_late", when=~flow.known),
        },
    ),
    Planted(
        codes.BAD_DURATION,
        {
            "no time at all": lambda d: d.state("treated", deadline={"within": {"unit": "hours"}}),
            "zero": lambda d: d.state("treated", deadline={"within": {"amount": 0}}),
            "half a business day": lambda d: d.state("treated", deadline={"within": {"amount": 0.5, "unit": "business_days"}}),
            "minutes used as hours": lambda d: d.state("treated", deadline={"within": {"parameter": "within", "unit": "hours"}}),
            "a saturation as a time": lambda d: d.state("treated", deadline={"within": {"parameter": "low"}}),
            "zero at one facility": lambda d: d.parameter("within", minimum=0).setting(1, within=0),
            "two years": lambda d: d.state("treated", deadline={"within": {"amount": 17520, "unit": "hours"}}),
            "both a number and a parameter": lambda d: d.state("treated", deadline={"within": {"amount": 5, "parameter": "within"}}),
        },
        {
            "one second": lambda d: d.state("treated", deadline={"within": {"amount": 1, "unit": "seconds"}}),
            "hours in hours": lambda d: d.parameter("within", unit="h").state("treated", deadline={"within": {"parameter": "within", "unit": "hours"}}).state(
                "ordered", deadline={"within": {"amount": 1}}).state("order_late", deadline={"within": {"amount": 1}}).state(
                "unsigned", deadline={"within": {"amount": 1}}).state("unsigned_late", deadline={"within": {"amount": 1}}).state(
                "prepared", deadline={"within": {"amount": 1}}).state("prepared_late", deadline={"within": {"amount": 1}}),
            "two business days": lambda d: d.state("treated", deadline={"within": {"amount": 2, "unit": "business_days"}}),
        },
    ),
    Planted(
        codes.ESCALATION_CYCLES,
        {
            "two steps": lambda d: d.arrow("G-14", target="alarmed"),
            "back to where it began": lambda d: d.arrow("G-14", target="treated"),
            "a system step and its failure": lambda d: d.arrow("G-29", target="filing"),
            "three steps of three roles": lambda d: d.arrow("G-04", target="treated").arrow("G-14", target="order_late"),
        },
        {
            "the last step returns to itself": lambda d: d,
            "a circle that an assessment closes, not a deadline": lambda d: d.arrow("G-13", target="alarmed"),
            "two ladders that end in one step": lambda d: d.arrow("G-03", target="alarm_late"),
        },
    ),
    Planted(
        codes.ESCALATION_ENDS,
        {
            "the case ends": lambda d: d.arrow("G-09", target="cancelled"),
            "the first step reminds itself": lambda d: d.arrow("G-09", target=None),
            "the same role again, and then for ever": lambda d: d.state("alarm_late", owner="RN").state("alarmed", owner="RN", escalates_to=None),
            "on one shift the same person is everybody": lambda d: d.state("alarm_late", owner="LEAD").state("alarmed", owner="PROVIDER", escalates_to="LEAD").state(
                "treated", owner="PROVIDER").policy(1, fallbacks={"PROVIDER": ["RN"], "LEAD": ["RN"]}),
        },
        {
            "the always staffed role reminds itself": lambda d: d.state("treated", owner="CHARGE").arrow("G-09", target=None),
            "another role above": lambda d: d.state("alarm_late", owner="PROVIDER").state("alarmed", escalates_to="PROVIDER"),
            "a step that ends by an event": lambda d: d.arrow("G-13", target="cancelled"),
        },
    ),
    Planted(
        codes.ESCALATES_ELSEWHERE,
        {
            "to another role": lambda d: d.state("alarmed", escalates_to="PROVIDER"),
            "the target's owner changed": lambda d: d.state("order_late", owner="LEAD", escalates_to="LEAD"),
            "it stays where it is": lambda d: d.state("alarm_late", escalates_to="PROVIDER"),
        },
        {
            "to the owner of the next step": lambda d: d,
            "it does not say": lambda d: d.state("alarmed", escalates_to=None).arrow("G-12", target="order_late"),
        },
    ),
)  # fmt: skip
