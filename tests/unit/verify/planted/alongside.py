"""What else is found where a fault or a near miss was planted: allowed case by case, and anything more is a false alarm.

A change in one place of the good workflow breaks what depended on it too. These findings are true: each says what, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Alongside(NamedTuple):
    """Codes that a near miss has of its own doing, and why they are right."""

    codes: tuple[str, ...]
    why: str


NEAR_MISSES: Mapping[str, Mapping[str, Alongside]] = {
    "BTN-108": {
        "a state that depends on a parameter": Alongside(
            ("BTN-201",), "where the parameter switches it off, what comes after it is not reached"
        ),
    },
    "BTN-110": {
        "a state's name just short enough": Alongside(
            ("BTN-201", "BTN-402"), "the long name is a new state's, to and from which no arrow leads"
        ),
        "a large machine that fits": Alongside(
            ("BTN-204", "BTN-702"), "the many new states answer no more events than they need to be many"
        ),
    },
    "BTN-111": {
        "every opening event names its result": Alongside(
            ("BTN-201", "BTN-204", "BTN-306"),
            "the sub-case is taken out, the new events are answered nowhere, and what the order reported is not known at the opening",
        ),
        "an event that may wait names its result": Alongside(
            ("BTN-201", "BTN-204", "BTN-306"),
            "the sub-case is taken out, the new events are answered nowhere, and what the order reported is not known at the opening",
        ),
    },
    "BTN-201": {
        "an end that one facility's cases come to": Alongside(
            ("BTN-702",), "death and cancellation lost their arrows to the end"
        ),
    },
    "BTN-202": {
        "an end that only a deadline leads to": Alongside(
            ("BTN-405", "BTN-702"),
            "all else that led there is gone: the patient's life is not answered, and nobody is told when the end comes",
        ),
        "a long way round": Alongside(("BTN-702",), "the shorter ways, which answered the patient's life, are gone"),
    },
    "BTN-203": {
        "an arrow whose condition implies the state's": Alongside(
            ("BTN-201",), "at one facility the narrower condition never holds"
        ),
        "a state that is not optional": Alongside(("BTN-201",), "where the parameter is off, nothing leads to it"),
    },
    "BTN-204": {
        "in a state that no case reaches": Alongside(("BTN-201",), "no case reaches the state: that is the point"),
    },
    "BTN-207": {
        "a checklist of some items": Alongside(
            ("BTN-204",), "the new checklist has no item for an event that the old one took"
        ),
        "a long checklist where nothing was deferred": Alongside(
            ("BTN-204",), "the new checklist has no item for an event that the old one took"
        ),
    },
    "BTN-208": {
        "six kinds, one after another": Alongside(
            ("BTN-204", "BTN-206", "BTN-702"),
            "the new states defer and move, and answer nothing else; the last ones keep what nobody takes",
        ),
        "a circle of two kinds": Alongside(
            ("BTN-204", "BTN-702"), "the new states defer and move, and answer nothing else"
        ),
    },
    "BTN-209": {
        "an end to which no case comes": Alongside(("BTN-201",), "no arrow leads to the end that was added"),
    },
    "BTN-303": {
        "ranges that a parameter keeps apart everywhere": Alongside(
            ("BTN-304",), "what is kept apart leaves a gap between"
        ),
        "a rise and a fall": Alongside(("BTN-304",), "neither holds when the value stays"),
    },
    "BTN-307": {
        "proven by the guard of the only way in": Alongside(
            ("BTN-304", "BTN-504"),
            "the way in has a guard now, which leaves a gap; and the added way to the validation has work on it that separate_from does not name",
        ),
        "always reported by the event of the only way in": Alongside(
            ("BTN-504",), "the added way to the validation has other work on it, which separate_from does not name"
        ),
    },
    "BTN-404": {
        "two ladders that end in one step": Alongside(("BTN-201",), "the ladder's own last step is left out"),
    },
    "BTN-406": {
        "it does not say": Alongside(("BTN-201",), "the deadline does not lead to the next step any more"),
    },
    "BTN-503": {
        "without any shifts": Alongside(("BTN-508",), "that is the warning which a facility without shifts gets"),
    },
    "BTN-506": {
        "to the validation": Alongside(
            ("BTN-203", "BTN-504"),
            "the override leads to the validation also where it is switched off, and whoever overrides is not kept from validating",
        ),
    },
    "BTN-603": {
        "one code with one display": Alongside(
            ("BTN-602",), "two states that show the same cannot be told apart: another fault"
        ),
    },
    "BTN-604": {
        "an end that failed": Alongside(("BTN-601",), "FHIR's Task has no way from ready to failed: another fault"),
    },
    "BTN-702": {
        "a death where no case comes": Alongside(("BTN-201",), "no case comes there: that is the point"),
    },
    "BTN-711": {
        "two outcomes to one state": Alongside(("BTN-201",), "what the other outcome led to is not reached any more"),
    },
    "BTN-722": {
        "both ends to one state": Alongside(("BTN-201",), "what the other end led to is not reached any more"),
    },
    "BTN-731": {
        "only satisfied": Alongside(
            ("BTN-204",), "the event that showed that the item is done is now answered by nothing"
        ),
    },
}

"""By code and near miss."""

WHY: Mapping[str, str] = {
    "BTN-104": "what names the event is planted with it",
    "BTN-107": "separate_from named the arrow that was removed",
    "BTN-201": "what only the broken part led to is not reached any more",
    "BTN-204": "the broken part answered the event, and nothing else does",
    "BTN-205": "the new checklist takes an event that the state also answers",
    "BTN-206": "what was kept for a later state waits for the broken part",
    "BTN-302": "a value that nothing reports, or that does not exist, makes a guard that never holds",
    "BTN-304": "the changed guard also leaves values for which no arrow is taken",
    "BTN-305": "of two arrows that hold together the second is never taken",
    "BTN-306": "the fact's source is what was broken",
    "BTN-402": "the state has lost the arrow of its deadline, or it cannot be taken",
    "BTN-405": "the escalation ends with the role that was taken away",
    "BTN-406": "the deadline leads elsewhere than escalates_to says",
    "BTN-502": "when the last resort is away, nobody is left to own the step",
    "BTN-503": "whoever is away is the always staffed role too",
    "BTN-504": "the changed or added way to the validation has other work on it, which separate_from does not name",
    "BTN-506": "a role that does not exist overrides, and skips the validation",
    "BTN-507": "an arrow of Baton's own was given to a role: that is how it is not answered",
    "BTN-601": "a wrong status, or a case that begins with its end, also makes a wrong step of the FHIR Task",
    "BTN-602": "two states that share a code also look the same",
    "BTN-702": "the broken or added part does not answer the patient's life",
    "BTN-711": "an outcome whose arrow nobody can take is not answered",
    "BTN-712": "the arrows are still there for outcomes that are declared no more",
    "BTN-722": "the sub-case's ends are not those that the arrows wait for",
    "BTN-732": "the arrow of the finished checklist leads nowhere, or cannot be taken",
}
"""By code: why it is found alongside a fault that is not it."""

FAULTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "BTN-101": {
        "two transitions": ("BTN-305",),
    },
    "BTN-102": {
        "an arrow to a misspelt state": ("BTN-201", "BTN-204", "BTN-206"),
        "an arrow from a state that was removed": ("BTN-702",),
        "an arrow to a state in capitals": ("BTN-732",),
    },
    "BTN-103": {
        "who may override": ("BTN-506",),
    },
    "BTN-104": {
        "an arrow on an event that is not expected": ("BTN-204",),
        "an event that the catalog lacks": ("BTN-204",),
        "a fact from an event that is never delivered": ("BTN-302", "BTN-306"),
    },
    "BTN-105": {
        "a field that the event lacks": ("BTN-302", "BTN-306"),
        "a fact without a source": ("BTN-306",),
    },
    "BTN-107": {
        "one that was removed": ("BTN-204",),
        "a state's name": ("BTN-504",),
    },
    "BTN-108": {
        "a system state without work": ("BTN-712",),
        "an arrow out of an end": ("BTN-702",),
        "an opening that leads nowhere": ("BTN-201",),
        "no opening at all": ("BTN-201",),
        "a state that depends on a fact": ("BTN-201",),
        "re-opened and ended at once": ("BTN-601",),
    },
    "BTN-110": {
        "a state's name": ("BTN-201", "BTN-402"),
        "a name that the compiler makes": ("BTN-201", "BTN-402"),
        "a machine too large": ("BTN-204", "BTN-702"),
    },
    "BTN-111": {
        "an opening event that names no result": ("BTN-201",),
        "one that is opened by another, and waits for one": ("BTN-104", "BTN-306"),
        "an event that waits for its case and names none": ("BTN-201", "BTN-204", "BTN-306"),
    },
    "BTN-201": {
        "no arrow leads there": ("BTN-406",),
        "switched off by every policy, and not said to be optional": ("BTN-402",),
    },
    "BTN-202": {
        "no arrow leaves it": ("BTN-204", "BTN-402", "BTN-702"),
        "two states that lead only to each other": ("BTN-702",),
        "the only ends are switched off everywhere": ("BTN-304", "BTN-702"),
    },
    "BTN-203": {
        "an arrow without the condition": ("BTN-504",),
        "the opposite condition": ("BTN-201",),
    },
    "BTN-204": {
        "after the only arrow on it is gone": ("BTN-201", "BTN-206"),
    },
    "BTN-206": {
        "only deferred and ignored": ("BTN-107", "BTN-201"),
    },
    "BTN-207": {
        "a checklist of many items": ("BTN-204",),
        "a checklist after deferred events": ("BTN-204",),
        "two checklists in a row": ("BTN-204", "BTN-205"),
    },
    "BTN-208": {
        "eight kinds, one after another": ("BTN-206", "BTN-702"),
        "nine kinds": ("BTN-206", "BTN-702"),
        "eight kinds and a circle": ("BTN-702",),
    },
    "BTN-302": {
        "a choice that does not exist": ("BTN-201",),
    },
    "BTN-303": {
        "two ranges that touch": ("BTN-305",),
        "two ranges, at one facility only": ("BTN-304",),
        "a patient's goal and a fixed number": ("BTN-304",),
        "a fall and a limit": ("BTN-304",),
    },
    "BTN-304": {
        "an outcome with a guard": ("BTN-201",),
    },
    "BTN-306": {
        "before any event can report it": ("BTN-302",),
        "by an opening": ("BTN-302",),
        "where every event that reports it is refused": ("BTN-302",),
    },
    "BTN-307": {
        "not in distress, on a path without assessment": ("BTN-504",),
        "an override that skipped the measurement": ("BTN-304", "BTN-504"),
        "an override in place of the event that reports it": ("BTN-504",),
        "not too old, and perhaps never measured": ("BTN-504",),
    },
    "BTN-402": {
        "an arrow for a role": ("BTN-507",),
    },
    "BTN-404": {
        "three steps of three roles": ("BTN-406",),
    },
    "BTN-502": {
        "nobody of the whole chain": ("BTN-503",),
        "a facility's own chain is shorter": ("BTN-405", "BTN-503"),
        "an empty shift": ("BTN-503",),
        "the owner of an item": ("BTN-503",),
    },
    "BTN-503": {
        "not at night": ("BTN-502",),
        "on no shift": ("BTN-502",),
        "another role was named": ("BTN-405",),
    },
    "BTN-504": {
        "the work was done before a deadline": ("BTN-201",),
    },
    "BTN-506": {
        "the other branch of a limit": ("BTN-504",),
    },
    "BTN-507": {
        "an outcome": ("BTN-711",),
        "a deadline": ("BTN-402",),
        "a finished checklist": ("BTN-732",),
    },
    "BTN-603": {
        "one code with two displays": ("BTN-602",),
    },
    "BTN-604": {
        "an open state shown as completed": ("BTN-601",),
    },
    "BTN-711": {
        "no arrow": ("BTN-201",),
        "an arrow for a role only": ("BTN-507",),
    },
    "BTN-713": {
        "a second step at work": ("BTN-712",),
    },
    "BTN-721": {
        "a workflow that is not there": ("BTN-712", "BTN-722"),
        "an end that it does not have": ("BTN-722",),
        "itself": ("BTN-712", "BTN-722"),
    },
    "BTN-722": {
        "no arrows at all": ("BTN-201",),
    },
    "BTN-731": {
        "nothing shows that it is done": ("BTN-204",),
        "shown by what never arrives": ("BTN-104", "BTN-204"),
        "satisfied by what cannot be": ("BTN-204",),
        "its event moves the case on instead": ("BTN-204",),
        "a checklist without items": ("BTN-204",),
    },
    "BTN-732": {
        "an arrow for a role only": ("BTN-507",),
    },
    "BTN-801": {
        "the always staffed role": ("BTN-503",),
    },
}
"""By code and fault."""
