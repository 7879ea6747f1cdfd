"""The open questions of a draft: findings like the verifier's, placed by the row of the table that they come from."""

from __future__ import annotations

from typing import Final

from statemachines.verify.codes import ERROR, WARNING, Code

NO_OWNER: Final = Code(
    "BTN-901", ERROR, "Step that nobody does",
    "The table does not say who does the step, so nobody would be accountable for it.",
    "Name the one role that is accountable.",
)  # fmt: skip
SEVERAL_OWNERS: Final = Code(
    "BTN-902", WARNING, "Step that several roles do",
    "Exactly one role is accountable at every moment; the draft takes the first, and lets the others complete the step.",
    "Say who is accountable; the others may still do it.",
)  # fmt: skip
NO_DEADLINE: Final = Code(
    "BTN-903", ERROR, "Step without a time limit",
    "The table does not say by when, so nobody would notice that the step is not done.",
    "Ask by when, and who says so.",
)  # fmt: skip
DEADLINE_NOT_UNDERSTOOD: Final = Code(
    "BTN-904", ERROR, "Time limit that is no length of time",
    "A time limit must be so many minutes, hours or business days after the step begins.",
    "Ask how long that is at most.",
)  # fmt: skip
DEADLINE_IN_PART: Final = Code(
    "BTN-905", WARNING, "Time limit of which only a part was understood",
    "More was said than a length of time: perhaps a shorter limit under some condition.",
    "Add a shorter limit (sooner) with its condition, or leave it out.",
)  # fmt: skip
NOBODY_VALIDATES: Final = Code(
    "BTN-906", WARNING, "Step that nobody validates",
    "The table does not say who checks the step; the draft goes on without.",
    "Name who validates, or write “none”.",
)  # fmt: skip
VALIDATES_OWN_WORK: Final = Code(
    "BTN-907", WARNING, "Step validated by those who do it",
    "The same role performs and validates; the draft asks for another person.",
    "Confirm that another person of the same role validates, or name another role.",
)  # fmt: skip
NO_ESCALATION: Final = Code(
    "BTN-908", WARNING, "Nobody is told when the step is late",
    "When the time limit passes, the draft only reminds the same owner.",
    "Name who has to act then.",
)  # fmt: skip
EVENT_UNKNOWN: Final = Code(
    "BTN-909", ERROR, "Event that the catalog does not have",
    "No event tells that this happened, so the case could not move on.",
    "Say which event tells it, or add one to the catalog.",
)  # fmt: skip
EVENT_ASSUMED: Final = Code(
    "BTN-910", WARNING, "Event taken from the words",
    "The table did not name the event; the draft took the one whose name the words hold.",
    "Confirm the event, or name another in a column “done when”.",
)  # fmt: skip
AFTER_MISSING: Final = Code(
    "BTN-911", ERROR, "Step of which nobody said after what it comes",
    "The draft lets it follow the row above.",
    "Say after which step it comes.",
)  # fmt: skip
AFTER_UNKNOWN: Final = Code(
    "BTN-912", ERROR, "Step that comes after something unknown",
    "What it comes after is neither a step of the table nor an event.",
    "Name a step of the table, or an event.",
)  # fmt: skip
AFTER_EVENT: Final = Code(
    "BTN-913", WARNING, "Step that an event from outside begins",
    "The table does not say where the case is then; the draft lets it come from the row above.",
    "Say in which steps the event leads here.",
)  # fmt: skip
AFTER_ALL: Final = Code(
    "BTN-914", WARNING, "Step that comes after several others",
    "The draft goes there as soon as one of them is done.",
    "If all must be done, let one step hold them as a checklist.",
)  # fmt: skip
CHOICE: Final = Code(
    "BTN-915", ERROR, "Two steps after one, and nobody said when which",
    "Only the first would ever be entered.",
    "Say what decides (a guard over facts), or put one after the other.",
)  # fmt: skip
CONDITION: Final = Code(
    "BTN-916", WARNING, "Condition in words",
    "What was said has the form of a condition; the draft does not contain it.",
    "Name the facts and limits that decide, and write a guard.",
)  # fmt: skip
NO_OPENING: Final = Code(
    "BTN-917", ERROR, "Nothing begins a case",
    "No step comes after an event from outside.",
    "Say which event begins the first step.",
)  # fmt: skip
NEVER_REACHED: Final = Code(
    "BTN-918", ERROR, "Step that is never reached",
    "No course from the beginning leads there.",
    "Say after which step it comes.",
)  # fmt: skip
NO_END: Final = Code(
    "BTN-919", ERROR, "No end",
    "Every step is followed by another, so no case would ever end.",
    "Say after which step the case is over.",
)  # fmt: skip
END_ASSUMED: Final = Code(
    "BTN-920", WARNING, "End taken from the table's silence",
    "Nothing follows these steps; the draft ends the case there.",
    "Confirm that the case is over then.",
)  # fmt: skip
SYSTEM_STEP: Final = Code(
    "BTN-921", WARNING, "Step of a system",
    "No person does it; if Baton itself acts, it needs outcomes and somebody who looks when it fails.",
    "Make it a system step with its outcomes, or name who does it.",
)  # fmt: skip
NO_STAND_IN: Final = Code(
    "BTN-922", WARNING, "Roles for which nobody stands in",
    "When nobody of a role is on shift, its steps fall to the always staffed role at once.",
    "Ask who takes over on nights and weekends.",
)  # fmt: skip
LIFE: Final = Code(
    "BTN-923", WARNING, "Patient's life that the table leaves out",
    "A patient may be transferred, discharged, merged with another record or die, and an order may be cancelled.",
    "Ask for each what becomes of an open case.",
)  # fmt: skip
COLUMN_UNUSED: Final = Code(
    "BTN-924", WARNING, "Column that was not understood",
    "Its contents are not in the draft.",
    "Give it one of the known headings, or leave it out.",
)  # fmt: skip
ROW_WITHOUT_STEP: Final = Code(
    "BTN-925", WARNING, "Line without a step",
    "The line says something, and not of which step.",
    "Name the step.",
)  # fmt: skip
SAME_NAME: Final = Code(
    "BTN-926", WARNING, "Two steps of one name",
    "The draft tells them apart by a number.",
    "Say how they differ, or that they are one step which the case comes back to.",
)  # fmt: skip

CODES: Final[tuple[Code, ...]] = tuple(each for each in globals().values() if isinstance(each, Code))
"""Every question a draft can ask."""
