"""Every finding the verifier can make: a stable code, what it means, why it matters, and how it is usually mended.

A code is never given a new meaning; README.md beside this file is generated from the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from statemachines.verify.finding import Finding, Place, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table. ``mend`` is said with a finding that knows nothing better."""

    id: str
    severity: Severity
    title: str
    meaning: str
    mend: str

    def found(self, place: Place, sentence: str, trace: tuple[str, ...] = (), mend: str | None = None) -> Finding:
        """A finding of this kind."""
        return Finding(self.id, self.severity, place, sentence, mend or self.mend, trace)


# ── 0: the document ──────────────────────────────────────────────────────────────────────────────────────────────────────
MALFORMED: Final = Code(
    "BTN-001", ERROR, "Document that is no workflow",
    "The file cannot be read as JSON, or does not have the shape that statemachines/workflow.schema.json describes.",
    "Write it as the published schema describes it.",
)  # fmt: skip

# ── 1: names and references ──────────────────────────────────────────────────────────────────────────────────────────────
DUPLICATE: Final = Code(
    "BTN-101", ERROR, "Two things with one name",
    "States, transitions, roles, facts, parameters, events and items are found by their name; of two, one is never found.",
    "Rename one of them.",
)  # fmt: skip
UNKNOWN_STATE: Final = Code(
    "BTN-102", ERROR, "Arrow to or from a state that is not there",
    "The arrow leads nowhere, so its event would be lost.",
    "Add the state, or correct the name.",
)  # fmt: skip
UNKNOWN_ROLE: Final = Code(
    "BTN-103", ERROR, "Role that is not declared",
    "Nobody can hold a role that the workflow does not declare.",
    "Declare the role, or correct its code.",
)  # fmt: skip
UNKNOWN_EVENT: Final = Code(
    "BTN-104", ERROR, "Event that cannot arrive",
    "The workflow does not expect this event type, or the catalog does not have it: it would never be delivered here.",
    "Declare it under events, add it to the catalog, or correct the name.",
)  # fmt: skip
UNKNOWN_FIELD: Final = Code(
    "BTN-105", ERROR, "Source that does not report this",
    "A fact or a patient's limit is taken from a field that its event does not have, or that has another type or range.",
    "Name a field of the event, with its type and range.",
)  # fmt: skip
UNKNOWN_TERM: Final = Code(
    "BTN-106", ERROR, "Fact or parameter that is not declared",
    "A guard or a time limit reads a name that the workflow does not declare.",
    "Declare it, or correct the name.",
)  # fmt: skip
UNKNOWN_TRANSITION: Final = Code(
    "BTN-107", ERROR, "Separate from a transition that is not there",
    "The arrow asks for somebody other than who performed a transition that does not exist, so nobody is kept apart.",
    "Name the transition whose performer may not act here.",
)  # fmt: skip
INCOMPLETE: Final = Code(
    "BTN-108", ERROR, "State or arrow that lacks a part, or has one that makes no sense there",
    "Work without a system state, an arrow out of an end, an arrow that opens a case without a target, and the like.",
    "Complete it, or remove the part.",
)  # fmt: skip
BAD_PARAMETER: Final = Code(
    "BTN-109", ERROR, "Parameter or fact whose limits contradict each other",
    "A default outside its own limits or of another type, a minimum above the maximum.",
    "Correct the default or the limits.",
)  # fmt: skip
TOO_LONG: Final = Code(
    "BTN-110", ERROR, "Beyond what Step Functions takes",
    "A state's name makes an ASL name of more than 80 characters, the state machine is larger than its limit, or a name "
    "cannot be used there.",
    "Shorten the name, or divide the workflow.",
)  # fmt: skip

CASE_NOT_NAMED: Final = Code(
    "BTN-111", ERROR, "Case that is not named",
    "Where an encounter has one case per result, an event that opens one or waits for one must say which; a sub-case's request "
    "cannot, so such a case neither opens another nor is opened by one.",
    "Take an event whose data always name the result.",
)  # fmt: skip

# ── 2: the course ────────────────────────────────────────────────────────────────────────────────────────────────────────
UNREACHABLE: Final = Code(
    "BTN-201", ERROR, "State that no case reaches",
    "What was planned there never happens.",
    "Lead an arrow to it, remove it, or say under which parameter it is switched on (optional).",
)  # fmt: skip
NO_WAY_OUT: Final = Code(
    "BTN-202", ERROR, "State from which no end can be reached",
    "A case that comes here stays open for ever.",
    "Lead an arrow towards an end.",
)  # fmt: skip
NOT_SWITCHED_OFF: Final = Code(
    "BTN-203", ERROR, "Optional state that is reached although it is switched off",
    "The facility's policy says that this step does not exist, and an arrow leads to it all the same.",
    "Give every arrow to it a guard that implies the condition of the state.",
)  # fmt: skip
UNANSWERED: Final = Code(
    "BTN-204", ERROR, "Event that a state does not answer",
    "The event can arrive here and is neither handled, recorded, ignored, deferred nor refused with a reason.",
    "Add an arrow, or say in the state what becomes of it and why.",
)  # fmt: skip
ANSWERED_TWICE: Final = Code(
    "BTN-205", ERROR, "Event that a state answers in two ways",
    "The state declares two different answers for one event; only the first of records, ignores, defers, refuses counts.",
    "Keep one of the answers.",
)  # fmt: skip
NEVER_TAKEN_UP: Final = Code(
    "BTN-206", ERROR, "Deferred event that no later state takes",
    "The event is kept for a later state, and no state that follows acts on it or records it.",
    "Let a later state take it, or ignore or refuse it here with a reason.",
)  # fmt: skip
COMMIT_TOO_LARGE: Final = Code(
    "BTN-207", ERROR, "Hand-off that may not fit one transaction",
    "Ownership passes in one transaction; one that has too many items is refused by the table, every time.",
    "Shorten the checklists, or defer less.",
)  # fmt: skip
TOO_MANY_MOVES: Final = Code(
    "BTN-208", WARNING, "More moves from one event than one commit makes",
    "Deferred events can move a case further than one commit goes; what is left waits for the next event or deadline.",
    "Defer fewer of the events that move a case, or break the circle in which they follow each other.",
)  # fmt: skip
END_UNANSWERED: Final = Code(
    "BTN-209", ERROR, "End that does not answer what re-opens others",
    "The event re-opens cases that ended otherwise; after this end it would be refused, or begin a case that knows nothing of the "
    "ended one, and nobody decided that.",
    "Re-open the case from this end too, or say there why the event is ignored or refused.",
)  # fmt: skip

# ── 3: guards ────────────────────────────────────────────────────────────────────────────────────────────────────────────
DIFFERENT_UNITS: Final = Code(
    "BTN-301", ERROR, "Comparison of things that cannot be compared",
    "The two sides have different units or types, so the comparison means nothing or fails when it is evaluated.",
    "Compare values of one type and unit.",
)  # fmt: skip
NEVER_TRUE: Final = Code(
    "BTN-302", ERROR, "Guard that can never hold",
    "Its parts contradict each other, or lie outside what the facts can be; the arrow is never taken.",
    "Correct the limits, or remove the arrow.",
)  # fmt: skip
OVERLAP: Final = Code(
    "BTN-303", ERROR, "Guards that can hold together",
    "Two arrows answer the same event of the same actor; which is taken depends on the order in which they are written.",
    "Make the guards exclude each other.",
)  # fmt: skip
GAP: Final = Code(
    "BTN-304", ERROR, "Gap between guards",
    "There are values for which none of the arrows is taken, and the state does not say what becomes of the event then.",
    "Close the gap, or say in the state what becomes of the event otherwise.",
)  # fmt: skip
SHADOWED: Final = Code(
    "BTN-305", ERROR, "Arrow that another one always forestalls",
    "Whenever this arrow could be taken, an earlier one is.",
    "Narrow the earlier arrow's guard, or remove this arrow.",
)  # fmt: skip
NEVER_SET: Final = Code(
    "BTN-306", ERROR, "Fact read before any path sets it",
    "No event that can have happened by then reports the fact, so the comparison is always false.",
    "Read it later, or let an earlier event report it.",
)  # fmt: skip
UNKNOWN_PASSES: Final = Code(
    "BTN-307", ERROR, "Unknown fact that counts as if it were fine",
    "On some path nobody has reported the fact, and then the guard holds although a reported value could forbid it.",
    "Say what counts while it is unknown: ask for fact.known, or name the case in the guard.",
)  # fmt: skip
STALE: Final = Code(
    "BTN-308", ERROR, "Stale fact that is read as if it were new",
    "The value can be older than the workflow itself calls stale, and the guard does not look at its age.",
    "Ask for older_than in the guard, or let the event report the fact.",
)  # fmt: skip

# ── 4: time and escalation ───────────────────────────────────────────────────────────────────────────────────────────────
NO_DEADLINE: Final = Code(
    "BTN-401", ERROR, "Wait without deadline",
    "A case can wait here for ever and nobody is told.",
    "Say within which time the state must be left.",
)  # fmt: skip
DEADLINE_UNANSWERED: Final = Code(
    "BTN-402", ERROR, "Deadline that leads nowhere",
    "The state has a deadline, and there is no arrow that is taken when it passes, or not always.",
    "Add an arrow on the deadline, without a guard or with guards that leave no gap.",
)  # fmt: skip
BAD_DURATION: Final = Code(
    "BTN-403", ERROR, "Deadline that is no time",
    "The time limit is missing, zero, negative, or in a unit other than its parameter's.",
    "Give a positive time in the parameter's own unit.",
)  # fmt: skip
ESCALATION_CYCLES: Final = Code(
    "BTN-404", ERROR, "Escalation that goes round in a circle",
    "When nobody answers, deadlines pass the case round among the same steps. An escalation that went unanswered must never "
    "fall back to a step that failed to answer before: it stays with whoever is highest, and reminds them.",
    "Let the last step of the ladder return to itself.",
)  # fmt: skip
ESCALATION_ENDS: Final = Code(
    "BTN-405", ERROR, "Escalation that ends with nobody new",
    "When nobody answers, the case ends, or the same role is told again and again without anybody else ever being told.",
    "Lead the deadline to a step that a more senior or an always staffed role owns.",
)  # fmt: skip
ESCALATES_ELSEWHERE: Final = Code(
    "BTN-406", ERROR, "Escalation that says one thing and does another",
    "The state says to whom it escalates, and its deadline hands the case to somebody else.",
    "Let the deadline lead to a step which that role owns, or correct escalates_to.",
)  # fmt: skip

# ── 5: responsibility ────────────────────────────────────────────────────────────────────────────────────────────────────
NO_OWNER: Final = Code(
    "BTN-501", ERROR, "State without an owner",
    "While a case waits here, nobody is accountable for it.",
    "Name the role that owns the step.",
)  # fmt: skip
NOBODY_ON_SHIFT: Final = Code(
    "BTN-502", ERROR, "Step that nobody on a shift can own",
    "Neither the role, nor who does its work here, nor any stand-in, nor the always staffed role is on that shift.",
    "Staff one of these roles on the shift, or name a stand-in who is there.",
)  # fmt: skip
NOT_ALWAYS_STAFFED: Final = Code(
    "BTN-503", ERROR, "Always staffed role that is not",
    "The last resort of every chain has nobody on this shift.",
    "Staff the role on every shift, or name another as always staffed.",
)  # fmt: skip
OWN_WORK: Final = Code(
    "BTN-504", ERROR, "Performer who may validate their own work",
    "The state demands a second person, and an arrow lets whoever did the work also validate it.",
    "Name every arrow that does the work in separate_from of the validating arrow.",
)  # fmt: skip
ONE_ROLE_DOES_BOTH: Final = Code(
    "BTN-505", ERROR, "Overlay that lets one role perform and validate",
    "The workflow keeps the two roles apart; the facility's performed_by puts them together again.",
    "Take the performing role out of performed_by of the validating role.",
)  # fmt: skip
OVERRIDE_SKIPS_VALIDATION: Final = Code(
    "BTN-506", ERROR, "Override that jumps past a required validation",
    "Whoever overrides the guard comes out behind the validation, or validates without a second person.",
    "Do not allow the override there, or lead it to the validating state.",
)  # fmt: skip
NOBODY_MAY_TAKE: Final = Code(
    "BTN-507", ERROR, "Arrow that nobody can take",
    "Baton itself causes the event, so nobody holds a role when it happens, and the arrow asks for one.",
    "Remove by from the arrow.",
)  # fmt: skip
NO_STAFFING_PROFILE: Final = Code(
    "BTN-508", WARNING, "Facility without staffing profile",
    "The overlay names no shifts, so nobody can show that every step has an owner at all hours.",
    "Describe the facility's shifts and who is on them.",
)  # fmt: skip

# ── 6: what the EMR shows ────────────────────────────────────────────────────────────────────────────────────────────────
ILLEGAL_TASK_PATH: Final = Code(
    "BTN-601", ERROR, "Arrow that the FHIR Task cannot follow",
    "The Task's status would change in a way that its state machine (FHIR R4, Task) does not have, or begin in the middle.",
    "Map the states to statuses that follow each other, e.g. ready, in-progress, completed.",
)  # fmt: skip
INDISTINGUISHABLE: Final = Code(
    "BTN-602", ERROR, "Two states that the EMR cannot tell apart",
    "Both show the same status and businessStatus, so nobody who looks into the EMR knows where the case is.",
    "Give each state a businessStatus of its own.",
)  # fmt: skip
TWO_MEANINGS: Final = Code(
    "BTN-603", ERROR, "Status that means two things",
    "One businessStatus code appears with two displays or two statuses.",
    "Use one code for one meaning.",
)  # fmt: skip
WRONG_TASK_STATUS: Final = Code(
    "BTN-604", ERROR, "Task status that contradicts the state",
    "The status is no code of FHIR Task, shows an open case as ended, or an ended one as open.",
    "Use an open status for open states, and completed, failed, cancelled or rejected for ends.",
)  # fmt: skip

# ── 7: the patient's life, system steps, sub-cases, checklists ───────────────────────────────────────────────────────────
LIFE_NOT_DECLARED: Final = Code(
    "BTN-701", ERROR, "Patient's life that is not declared",
    "The workflow does not say which events tell of transfer, merge, discharge, death and cancellation, nor why one cannot be.",
    "Name the event of each in lifecycle, or say in because why it cannot happen.",
)  # fmt: skip
LIFE_UNANSWERED: Final = Code(
    "BTN-702", ERROR, "Turn of the patient's life that an open state does not answer",
    "The patient is transferred, merged, discharged or dies, or the order is cancelled, and the state does not say what then. "
    "What has happened to a patient cannot be refused.",
    "Add an arrow, or say in the state why it is recorded or ignored.",
)  # fmt: skip
OUTCOME_UNANSWERED: Final = Code(
    "BTN-711", ERROR, "Outcome of a system step without an arrow",
    "The step can end this way, and the case would stay where it is.",
    "Add an arrow for the outcome, and declare the outcome failed: it stands for every attempt having failed.",
)  # fmt: skip
NO_SUCH_OUTCOME: Final = Code(
    "BTN-712", ERROR, "Arrow on an outcome that is not declared",
    "The system step in that state never ends this way, so the arrow is never taken.",
    "Declare the outcome, or correct the arrow.",
)  # fmt: skip
LATE_UNANSWERED: Final = Code(
    "BTN-713", ERROR, "Late outcome that a state does not answer",
    "The case can come here while the step is still at work; what its outcome means then is not declared.",
    "Say in the state's late whether the outcome is accepted, compensated or refused.",
)  # fmt: skip
UNKNOWN_SUBCASE: Final = Code(
    "BTN-721", ERROR, "Sub-case that cannot be opened, or ends otherwise",
    "The workflow to be opened does not exist, its ends are not the ones declared, or it opens itself.",
    "Name an existing workflow and all of its ends.",
)  # fmt: skip
SUBCASE_UNANSWERED: Final = Code(
    "BTN-722", ERROR, "End of a sub-case that is not answered",
    "The sub-case ends this way, and the case that opened it goes on waiting.",
    "Add an arrow on <workflow>.<end state>.",
)  # fmt: skip
NEVER_COMPLETE: Final = Code(
    "BTN-731", ERROR, "Checklist that is never complete",
    "An item can be neither done nor satisfied, or more items are needed than there are.",
    "Say which event shows that the item is done, or which fact satisfies it.",
)  # fmt: skip
CHECKLIST_UNANSWERED: Final = Code(
    "BTN-732", ERROR, "Completed checklist that leads nowhere",
    "When the checklist is done, no arrow is taken.",
    "Add an arrow on checklist_completed without a gap.",
)  # fmt: skip
CHECKLISTS_CIRCLE: Final = Code(
    "BTN-733", ERROR, "Checklists that send a case round for ever",
    "What is already known completes the checklist of each of these states on arrival, and each leads to the next: the case never "
    "rests, and nobody is asked for anything.",
    "Let one of them need an item that somebody does, or lead out of the circle.",
)  # fmt: skip

# ── 8: overlays ──────────────────────────────────────────────────────────────────────────────────────────────────────────
NOT_IN_WORKFLOW: Final = Code(
    "BTN-801", ERROR, "Overlay that refers to what is not there",
    "The facility's policy names a workflow, parameter or role that does not exist, so what it wants does not happen.",
    "Correct the name.",
)  # fmt: skip
BAD_VALUE: Final = Code(
    "BTN-802", ERROR, "Overlay with a value that is not allowed",
    "The value has the wrong type, is none of the choices, or lies outside the parameter's limits.",
    "Set a value within the limits.",
)  # fmt: skip
TWO_OVERLAYS: Final = Code(
    "BTN-803", ERROR, "Two overlays for one facility, or two shifts of one name",
    "Which of them counts depends on the order in which they are read.",
    "Keep one of them.",
)  # fmt: skip

CODES: Final[tuple[Code, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Code))
"""The whole table, in order."""
