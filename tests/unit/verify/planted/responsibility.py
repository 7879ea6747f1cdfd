"""Owners, staffing, and separated duties."""

from __future__ import annotations

from statemachines.verify import codes
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import cosign, flow
from tests.unit.verify.planted.plant import Planted

ON = cosign == True  # noqa: E712


def _two_steps(d: Draft) -> Draft:
    """Writing and signing are two steps, and both lead to the co-signature at one facility or another."""
    return d.new_arrow("X-1", ["treated"], "note_written", "unsigned", when=ON & (flow > 0), by=["RN"])


PLANTED = (
    Planted(
        codes.NO_OWNER,
        {
            "a wait": lambda d: d.state("treated", owner=None),
            "a system step": lambda d: d.state("filing", owner=None),
            "the last step of a ladder": lambda d: d.state("unfiled", owner=None),
        },
        {
            "an end": lambda d: d,
            "an owner without arrows": lambda d: d.state("treated", owner="PROVIDER"),
        },
    ),
    Planted(
        codes.NOBODY_ON_SHIFT,
        {
            "nobody of the whole chain": lambda d: d.shift(1, 1, "PROVIDER").policy(1, always_staffed="CHARGE"),
            "a facility's own chain is shorter": lambda d: d.policy(0, fallbacks={"RN": ["LEAD"]}, always_staffed="PROVIDER").shift(0, 1, "CHARGE"),
            "an empty shift": lambda d: d.shift(2, 0),
            "the owner of an item": lambda d: d.policy(0, fallbacks={"LEAD": []}, always_staffed="LEAD"),
        },
        {
            "a stand-in of the workflow": lambda d: d.shift(0, 1, "LEAD", "PROVIDER", "CHARGE"),
            "somebody who does the work there": lambda d: d.shift(2, 0, "LEAD", "PROVIDER", "CHARGE"),
            "only the always staffed role": lambda d: d.shift(0, 1, "CHARGE"),
        },
    ),
    Planted(
        codes.NOT_ALWAYS_STAFFED,
        {
            "not at night": lambda d: d.shift(0, 1, "RN", "PROVIDER", "LEAD"),
            "on no shift": lambda d: d.shift(2, 0, "RN", "LEAD", "PROVIDER"),
            "another role was named": lambda d: d.policy(1, always_staffed="PROVIDER"),
        },
        {
            "on every shift": lambda d: d.policy(0, always_staffed="RN"),
            "without any shifts": lambda d: d.policy(0, shifts=[]),
        },
    ),
    Planted(
        codes.OWN_WORK,
        {
            "not separate at all": lambda d: d.arrow("G-17", separate_from=[]),
            "separate from another step": lambda d: d.arrow("G-17", separate_from=["G-02"]),
            "separate on one of two paths": _two_steps,
            "the work was done before a deadline": lambda d: d.arrow("G-16", target="prepared").arrow(
                "G-22", target="unsigned").state("unsigned", optional=None).state("unsigned_late", optional=None).arrow("G-17", target="filing"),
            "a second validating arrow": lambda d: d.new_arrow("X-1", ["unsigned"], "weaning_started", "prepared", by=["PROVIDER"]),
        },
        {
            "separate on both paths": lambda d: _two_steps(d).arrow("G-17", separate_from=["G-16", "X-1"]),
            "the arrow that sends it back": lambda d: d.arrow("G-20", by=["PROVIDER"]),
            "the arrow that cancels it": lambda d: d.new_arrow("X-1", ["unsigned"], "weaning_started", "cancelled", by=["PROVIDER"]),
            "nobody validates": lambda d: d.state("unsigned", validates=None).state("unsigned_late", validates=None).arrow("G-17", separate_from=[]),
        },
    ),
    Planted(
        codes.ONE_ROLE_DOES_BOTH,
        {
            "nurses do the provider's work": lambda d: d.policy(1, performed_by={"PROVIDER": ["RN"]}),
            "providers do the nurse's work": lambda d: d.policy(1, performed_by={"RN": ["PROVIDER"]}),
            "leads do both": lambda d: d.policy(1, performed_by={"PROVIDER": ["LEAD"], "RN": ["LEAD"]}),
        },
        {
            "at a facility that does not co-sign": lambda d: d.policy(0, performed_by={"PROVIDER": ["RN"]}),
            "somebody else does the provider's work": lambda d: d.policy(1, performed_by={"PROVIDER": ["CHARGE"]}),
            "the workflow itself lets one role do both": lambda d: d.arrow("G-17", by=["PROVIDER", "RN"]),
        },
    ),
    Planted(
        codes.OVERRIDE_SKIPS_VALIDATION,
        {
            "a guard that would lead elsewhere": lambda d: d.arrow("G-15", override_by=["LEAD"]),
            "the validation itself": lambda d: d.arrow("G-17", override_by=["CHARGE"]),
            "from a step before": lambda d: d.new_arrow("X-1", ["alarmed"], "weaning_started", "filing", when=cosign == False, override_by=["LEAD"]),  # noqa: E712
            "the other branch of a limit": lambda d: d.arrow("G-15", when=~ON | (flow <= 4), override_by=["LEAD"]).arrow(
                "G-16", when=ON & (flow > 4)),
        },
        {
            "to the validation": lambda d: d.arrow("G-16", override_by=["LEAD"]),
            "long before it": lambda d: d.arrow("G-10", override_by=["LEAD"]),
            "after it": lambda d: d.new_arrow("X-1", ["prepared_late"], "weaning_started", "filing", when=flow == 0, override_by=["LEAD"]),
        },
    ),
    Planted(
        codes.NOBODY_MAY_TAKE,
        {
            "an outcome": lambda d: d.arrow("G-25", by=["RN"]),
            "a deadline": lambda d: d.arrow("G-12", by=["LEAD"]),
            "a finished checklist": lambda d: d.arrow("G-21", by=["RN"]),
            "the end of a sub-case": lambda d: d.arrow("G-30", by=["CHARGE"]),
        },
        {
            "a device's reading": lambda d: d.arrow("G-05", by=["RN"]),
            "an event of the patient's life": lambda d: d.arrow("G-34", by=["CHARGE"]),
        },
    ),
    Planted(
        codes.NO_STAFFING_PROFILE,
        {
            "one facility": lambda d: d.policy(0, shifts=[]),
            "another": lambda d: d.policy(2, shifts=[]),
            "all of them": lambda d: d.policy(0, shifts=[]).policy(1, shifts=[]).policy(2, shifts=[]),
        },
        {
            "one shift": lambda d: d.policy(0, shifts=[{"name": "always", "staffed": ["RN", "CHARGE", "PROVIDER"]}]),
            "no facility at all": lambda d: d.alone(),
        },
    ),
)  # fmt: skip
