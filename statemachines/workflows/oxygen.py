"""W1 Oxygen: assess, titrate, document.

A provider orders oxygen; a nurse starts it; a respiratory therapist assesses within the time that the patient's condition
allows, titrates to the target saturation, and weans; a nurse watches in between. When oxygen ends, it is documented as the
facility's policy means "complete", and the documentation is filed in the EMR and read back.

Clinical limits are defaults that a facility may set, subject to its clinicians' approval:
targets and the fall that calls for assessment, British Thoracic Society guideline for oxygen use in adults, 2017;
times to assessment, UW Health respiratory care policy 1.53; scores that hurry it, NEWS2, Royal College of Physicians, 2017.

Whoever gets worse is answered wherever they are: distress is seen at once, a NEWS2 of 5 or more within the hour and of 7 or
more within half of it, also of a patient who was stable. A score or a distress of long ago hurries nobody.

What is not known never counts as good: a saturation that nobody has measured for four hours moves no case towards stable or
weaning but brings somebody to the bedside, and oxygen whose setting nobody reported counts as oxygen, not as room air.
"""

from events.catalog import (
    AssessmentCompleted,
    CarePlanUpdated,
    FilingRetryRequested,
    FlowsheetCommentRecorded,
    News2Scored,
    NoteCosigned,
    NoteSigned,
    NoteWritten,
    OrderCancelled,
    OxygenChanged,
    OxygenDiscontinued,
    OxygenOrdered,
    PatientDied,
    PatientDischarged,
    PatientMerged,
    PatientTransferred,
    Spo2Observed,
    WeaningStarted,
)
from statemachines.definition import Correlation, Late, Unplaced, ValueType, Work
from statemachines.language import (
    DEADLINE,
    ParameterTerm,
    Reasons,
    T,
    WorkOutcome,
    emr,
    end,
    expect,
    fact,
    lifecycle,
    minutes,
    of,
    parameter,
    role,
    sooner,
    system,
    waiting,
    workflow,
)

# ── Roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
CHARGE_NURSE = role("CHARGE_NURSE", "Charge nurse")
PROVIDER = role("PROVIDER", "Ordering provider")
RT_LEAD = role("RT_LEAD", "Respiratory therapy lead", CHARGE_NURSE)
RT = role("RT", "Respiratory therapist", RT_LEAD, CHARGE_NURSE)
RN = role("RN", "Nurse", CHARGE_NURSE)

# ── Facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
SPO2_COUNTS_FOR = 240
"""Minutes for which a measured saturation may be relied on. Whoever is on oxygen scores at least 2 by NEWS2, which asks for
observations every 4 to 6 hours (Royal College of Physicians, 2017)."""

SICK_COUNTS_FOR = 240
"""Minutes for which a score or a distress hurries what is to be done. NEWS2 of 5 or more is scored again at least every hour."""

spo2 = fact(
    "spo2",
    "SpO2",
    ValueType.NUMBER,
    of(OxygenChanged, lambda e: e.spo2_percent),
    of(AssessmentCompleted, lambda e: e.spo2_percent),
    of(Spo2Observed, lambda e: e.spo2_percent),
    unit="%",
    loinc="59408-5",
    stale_after_minutes=SPO2_COUNTS_FOR,
)
flow = fact(
    "flow", "oxygen flow", ValueType.NUMBER, of(OxygenChanged, lambda e: e.flow_l_min), unit="L/min", loinc="3151-8"
)
fio2 = fact("fio2", "FiO2", ValueType.NUMBER, of(OxygenChanged, lambda e: e.fio2), unit="1", loinc="3150-0")
news2 = fact(
    "news2",
    "NEWS2",
    ValueType.NUMBER,
    of(News2Scored, lambda e: e.news2),
    of(AssessmentCompleted, lambda e: e.news2),
    unit="{score}",
)
news2_assessed = fact(
    "news2_assessed",
    "NEWS2 at the last assessment",
    ValueType.NUMBER,
    of(AssessmentCompleted, lambda e: e.news2),
    unit="{score}",
)
distress = fact("distress", "distress", ValueType.BOOLEAN, of(AssessmentCompleted, lambda e: e.distress))
age = fact("age", "age", ValueType.NUMBER, of(OxygenOrdered, lambda e: e.age_years), unit="a")
hypercapnic = fact(
    "hypercapnic",
    "hypercapnic risk",
    ValueType.BOOLEAN,
    of(OxygenOrdered, lambda e: e.hypercapnic_risk),
    of(CarePlanUpdated, lambda e: e.hypercapnic_risk),
)

# ── Parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────────
BTS = "BTS guideline for oxygen use in adults in healthcare and emergency settings, 2017"
UW = "UW Health respiratory care policy 1.53"
RCP = "scores of Royal College of Physicians, National Early Warning Score 2, 2017; the minutes are Baton's default"
OWN = "Baton's default; set by the facility"

_low = (of(OxygenOrdered, lambda e: e.target_spo2_low), of(CarePlanUpdated, lambda e: e.target_spo2_low))
_high = (of(OxygenOrdered, lambda e: e.target_spo2_high), of(CarePlanUpdated, lambda e: e.target_spo2_high))
target_low = parameter("target_low", "target low", 94, BTS, unit="%", minimum=70, maximum=100, patient=_low)
target_high = parameter("target_high", "target high", 98, BTS, unit="%", minimum=70, maximum=100, patient=_high)
hypercapnic_low = parameter(
    "hypercapnic_low", "hypercapnic target low", 88, BTS, unit="%", minimum=70, maximum=100, patient=_low
)
hypercapnic_high = parameter(
    "hypercapnic_high", "hypercapnic target high", 92, BTS, unit="%", minimum=70, maximum=100, patient=_high
)
fall = parameter("fall", "fall that calls for assessment", 3, BTS, unit="%", minimum=1, maximum=20)
adult_from = parameter("adult_from", "adult from", 18, OWN, unit="a", minimum=12, maximum=21)


def _limit(name: str, title: str, default: float, source: str = OWN) -> ParameterTerm:
    return parameter(name, title, default, source, unit="min", minimum=0.001, maximum=7 * 24 * 60)


start_within = _limit("start_within", "start oxygen within", 30)
assess_adult = _limit("assess_adult", "assess an adult within", 120, UW)
assess_distress = _limit("assess_distress", "see distress within", 5, f"{UW}: at once; the minutes are Baton's default")
assess_child = _limit("assess_child", "assess a child within", 60, UW)
assess_news2_5 = _limit("assess_news2_5", "assess at NEWS2 ≥ 5 within", 60, RCP)
assess_news2_7 = _limit("assess_news2_7", "assess at NEWS2 ≥ 7 within", 30, RCP)
answered_for = _limit(
    "answered_for", "an assessment answers a score no higher than its own for", 60, f"{RCP}; 5 or more is scored hourly"
)
escalation = _limit("escalation", "answer an escalation within", 30)
titrate_within = _limit("titrate_within", "bring into target within", 60)
recheck_within = _limit("recheck_within", "reassess stable oxygen within", 480)
recheck_sick = _limit("recheck_sick", "reassess after distress or NEWS2 ≥ 7 within", 60)
wean_within = _limit("wean_within", "complete weaning within", 240)
trial_within = _limit("trial_within", "end a trial without oxygen within", 60)
document_within = _limit("document_within", "document within", 240)
sign_within = _limit("sign_within", "sign within", 720)
file_within = _limit("file_within", "file within", 15)
documentation = parameter(
    "documentation",
    "complete documentation",
    "signed_note",
    f"{UW}: a progress note for adults, a flowsheet comment for children; that notes are signed is Baton's default",
    choices=("signed_note", "cosigned_note", "flowsheet_comment"),
)

# ── Guards ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
below = ((hypercapnic == True) & (spo2 < hypercapnic_low)) | (~(hypercapnic == True) & (spo2 < target_low))  # noqa: E712
above = ((hypercapnic == True) & (spo2 > hypercapnic_high)) | (~(hypercapnic == True) & (spo2 > target_high))  # noqa: E712
ROOM_AIR = 0.21
setting_known = flow.known | fio2.known
on_room_air = setting_known & ((flow == 0) | (fio2 <= ROOM_AIR))  # a setting that nobody reported counts as oxygen
on_oxygen = (flow > 0) | (fio2 > ROOM_AIR)
measured = spo2.known & ~spo2.older_than(SPO2_COUNTS_FOR)
unmeasured = ~spo2.known | spo2.older_than(SPO2_COUNTS_FOR)
in_target = measured & ~below & (~above | on_room_air)
out_of_target = measured & (below | (above & ~on_room_air))
over_oxygenated = (hypercapnic == True) & (spo2 > hypercapnic_high) & ~on_room_air  # noqa: E712
calls_for_assessment = below | spo2.fell(fall) | over_oxygenated
unsafe = measured & calls_for_assessment
safe = measured & ~calls_for_assessment
in_distress = (distress == True) & ~distress.older_than(SICK_COUNTS_FOR)  # noqa: E712
found_in_distress = (distress == True) & ~distress.older_than(0)  # noqa: E712
urgent = (news2 >= 5) & ~news2.older_than(SICK_COUNTS_FOR)
emergency = (news2 >= 7) & ~news2.older_than(SICK_COUNTS_FOR)
getting_worse = (news2 >= 5) & (
    ~news2_assessed.known | news2_assessed.older_than(answered_for) | (news2_assessed < news2)
)
found_sick = found_in_distress | ((news2_assessed >= 7) & ~news2_assessed.older_than(0))
found_well = ~found_in_distress & (~news2_assessed.known | news2_assessed.older_than(0) | (news2_assessed < 7))
wants_note = documentation.one_of("signed_note", "cosigned_note")
wants_cosign = documentation == "cosigned_note"
wants_comment = documentation == "flowsheet_comment"

# ── System steps ─────────────────────────────────────────────────────────────────────────────────────────────────────────
FILE = Work(name="file_documentation", outcomes=("sent", "failed"))
CONFIRM = Work(name="confirm_documentation", outcomes=("confirmed", "mismatch", "failed"))
SENT = WorkOutcome(FILE.name, "sent")
NOT_SENT = WorkOutcome(FILE.name, "failed")
CONFIRMED = WorkOutcome(CONFIRM.name, "confirmed")
MISMATCH = WorkOutcome(CONFIRM.name, "mismatch")
UNCONFIRMED = WorkOutcome(CONFIRM.name, "failed")

# ── States ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
_waits_for_documentation = "kept until oxygen has ended: documentation follows care"
_early_documentation: Reasons = {
    NoteWritten: _waits_for_documentation,
    NoteSigned: _waits_for_documentation,
    NoteCosigned: _waits_for_documentation,
    FlowsheetCommentRecorded: _waits_for_documentation,
}
_news: Reasons = {
    News2Scored: "score noted",
    CarePlanUpdated: "care plan noted",
    PatientMerged: "patient identity noted",
}
_vitals: Reasons = {Spo2Observed: "saturation noted", OxygenChanged: "setting noted", **_news}
_once: Reasons = {OxygenOrdered: "oxygen is ordered already; change the order in the EMR"}
_nothing_to_file_again: Reasons = {FilingRetryRequested: "no filing has failed; the documentation is not complete yet"}
_refused: Reasons = _once | _nothing_to_file_again
_care_is_over: Reasons = {
    OxygenChanged: "oxygen has ended; noted for the record",
    Spo2Observed: "oxygen has ended; noted for the record",
    AssessmentCompleted: "oxygen has ended; noted for the record",
    PatientTransferred: "documentation goes on wherever the patient is",
    PatientDischarged: "documentation goes on after discharge",
    PatientDied: "documentation goes on after death",
    **_news,
}
_care_has_gone_on: Reasons = {
    WeaningStarted: "oxygen has ended",
    OxygenDiscontinued: "oxygen has ended already",
    OrderCancelled: "oxygen was given; it must be documented",
}

_other_documentation: Reasons = {
    NoteWritten: "this facility wants a flowsheet comment",
    FlowsheetCommentRecorded: "this facility wants a note",
}

ORDERED = waiting(
    "ordered", "Ordered", owner=RN, within=minutes(start_within), do="Start oxygen as ordered",
    escalates_to=CHARGE_NURSE, emr=emr("ready", "ordered"),
    records=_news | {
        Spo2Observed: "saturation noted; oxygen is not started", PatientTransferred: "start it in the new unit",
    },
    defers={AssessmentCompleted: "kept until oxygen is started", **_early_documentation},
    ignores={WeaningStarted: "oxygen is not started", OxygenDiscontinued: "oxygen is not started"}, refuses=_refused,
)  # fmt: skip
ORDER_OVERDUE = waiting(
    "order_overdue", "Start overdue", owner=CHARGE_NURSE, within=minutes(escalation), do="See that oxygen is started",
    escalates_to=CHARGE_NURSE, emr=emr("ready", "start-overdue"),
    records=_news | {
        Spo2Observed: "saturation noted; oxygen is not started", PatientTransferred: "start it in the new unit",
    },
    defers={AssessmentCompleted: "kept until oxygen is started", **_early_documentation},
    ignores={WeaningStarted: "oxygen is not started", OxygenDiscontinued: "oxygen is not started"}, refuses=_refused,
)  # fmt: skip
ASSESSMENT_DUE = waiting(
    "assessment_due", "Assessment due", owner=RT, within=minutes(assess_adult), do="Assess the patient on oxygen",
    sooner=(
        sooner(in_distress, minutes(assess_distress), "distress is seen at once"),
        sooner(age < adult_from, minutes(assess_child), "children are assessed sooner"),
        sooner(urgent, minutes(assess_news2_5), "NEWS2 of 5 or more: urgent"),
        sooner(emergency, minutes(assess_news2_7), "NEWS2 of 7 or more: emergency"),
    ),
    escalates_to=RT_LEAD, emr=emr("in-progress", "assessment-due"),
    records=_vitals,
    defers={WeaningStarted: "kept until assessed", **_early_documentation}, refuses=_refused,
)  # fmt: skip
_distress_at_once = (sooner(in_distress, minutes(assess_distress), "distress is seen at once"),)
ESCALATED = waiting(
    "escalated", "Escalated to RT lead", owner=RT_LEAD, within=minutes(escalation), do="See that the patient is seen now",
    sooner=_distress_at_once,
    escalates_to=PROVIDER, emr=emr("in-progress", "escalated"),
    records=_vitals | {PatientTransferred: "still not assessed; the escalation goes on"},
    defers={WeaningStarted: "kept until assessed", **_early_documentation}, refuses=_refused,
)  # fmt: skip
ESCALATED_TO_PROVIDER = waiting(
    "escalated_to_provider", "Escalated to provider", owner=PROVIDER, within=minutes(escalation),
    do="Decide what happens with this patient's oxygen", sooner=_distress_at_once, escalates_to=PROVIDER,
    emr=emr("in-progress", "escalated-to-provider"),
    records=_vitals | {PatientTransferred: "still not assessed; the escalation goes on"},
    defers={WeaningStarted: "kept until assessed", **_early_documentation}, refuses=_refused,
)  # fmt: skip
_sick_is_treated_sooner = (
    sooner(urgent, minutes(assess_news2_5), "NEWS2 of 5 or more: urgent"),
    sooner(emergency, minutes(assess_news2_7), "NEWS2 of 7 or more: emergency"),
)
ASSESSED = waiting(
    "assessed", "Assessed", owner=RT, within=minutes(titrate_within), do="Set oxygen to bring saturation into target",
    sooner=(
        sooner(in_distress, minutes(assess_distress), "distress is treated at once"), *_sick_is_treated_sooner,
    ),
    escalates_to=RT_LEAD, emr=emr("in-progress", "assessed"),
    records=_news | {AssessmentCompleted: "assessed again", Spo2Observed: "out of target; oxygen is not set yet"},
    defers={WeaningStarted: "kept until saturation is in target", **_early_documentation}, refuses=_refused,
)  # fmt: skip
TITRATING = waiting(
    "titrating", "Titrating", owner=RT, within=minutes(titrate_within), do="Titrate until saturation is in target",
    sooner=(
        sooner(in_distress, minutes(assess_news2_7), "distress is an emergency"), *_sick_is_treated_sooner,
    ),
    escalates_to=RT_LEAD, emr=emr("in-progress", "titrating"),
    records=_vitals | {
        AssessmentCompleted: "assessed again; titration goes on",
        OxygenChanged: "setting noted; not known to be in target",
    },
    defers={WeaningStarted: "kept until saturation is in target", **_early_documentation}, refuses=_refused,
)  # fmt: skip
STABLE = waiting(
    "stable", "Stable", owner=RN, within=minutes(recheck_within), do="Watch saturation; call RT when it falls",
    sooner=(
        sooner(in_distress, minutes(recheck_sick), "distress was found, and nobody has assessed since"),
        sooner(emergency, minutes(recheck_sick), "NEWS2 of 7 or more, and no lower score since"),
    ),
    escalates_to=RT, emr=emr("in-progress", "stable"),
    records=_vitals | {AssessmentCompleted: "assessed again; stays stable"}, defers=_early_documentation, refuses=_refused,
)  # fmt: skip
WEANING = waiting(
    "weaning", "Weaning", owner=RT, within=minutes(wean_within), do="Reduce oxygen while saturation holds",
    escalates_to=RT_LEAD, emr=emr("in-progress", "weaning"),
    records=_vitals | {AssessmentCompleted: "assessed while weaning"},
    ignores={WeaningStarted: "weaning already"}, defers=_early_documentation, refuses=_refused,
)  # fmt: skip
TRIAL_OFF = waiting(
    "trial_off", "Trial without oxygen", owner=RN, within=minutes(trial_within), do="Watch on room air; end or resume oxygen",
    escalates_to=RT_LEAD, emr=emr("in-progress", "trial-off", "Trial without oxygen"),
    records=_vitals | {AssessmentCompleted: "assessed on room air"},
    ignores={WeaningStarted: "on room air already"}, defers=_early_documentation, refuses=_refused,
)  # fmt: skip
TITRATED_UNDOCUMENTED = waiting(
    "titrated_undocumented", "Titrated, undocumented", owner=RT, within=minutes(document_within),
    do="Document the oxygen therapy", escalates_to=RT_LEAD, emr=emr("in-progress", "undocumented"),
    records=_care_is_over, ignores=_other_documentation | _care_has_gone_on,
    defers={NoteSigned: "kept until the note is known", NoteCosigned: "kept until the note is signed"}, refuses=_refused,
)  # fmt: skip
UNDOCUMENTED_OVERDUE = waiting(
    "undocumented_overdue", "Documentation overdue", owner=RT_LEAD, within=minutes(escalation),
    do="See that the oxygen therapy is documented", escalates_to=CHARGE_NURSE, emr=emr("in-progress", "documentation-overdue"),
    records=_care_is_over, ignores=_other_documentation | _care_has_gone_on,
    defers={NoteSigned: "kept until the note is known", NoteCosigned: "kept until the note is signed"}, refuses=_refused,
)  # fmt: skip
STILL_UNDOCUMENTED = waiting(
    "still_undocumented", "Still undocumented", owner=CHARGE_NURSE, within=minutes(escalation),
    do="Find a therapist who documents the oxygen therapy", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "still-undocumented"),
    records=_care_is_over, ignores=_other_documentation | _care_has_gone_on,
    defers={NoteSigned: "kept until the note is known", NoteCosigned: "kept until the note is signed"}, refuses=_refused,
)  # fmt: skip
DOCUMENTED_UNSIGNED = waiting(
    "documented_unsigned", "Documented, unsigned", owner=RT, within=minutes(sign_within), do="Sign the note",
    escalates_to=RT_LEAD, emr=emr("in-progress", "unsigned"), optional=wants_note,
    records=_care_is_over | {NoteWritten: "note changed before signature"},
    ignores={FlowsheetCommentRecorded: "this facility wants a note", **_care_has_gone_on},
    defers={NoteCosigned: "kept until the note is signed"}, refuses=_refused,
)  # fmt: skip
UNSIGNED_OVERDUE = waiting(
    "unsigned_overdue", "Signature overdue", owner=RT_LEAD, within=minutes(escalation), do="See that the note is signed",
    escalates_to=CHARGE_NURSE, emr=emr("in-progress", "signature-overdue"), optional=wants_note,
    records=_care_is_over | {NoteWritten: "note changed before signature"},
    ignores={FlowsheetCommentRecorded: "this facility wants a note", **_care_has_gone_on},
    defers={NoteCosigned: "kept until the note is signed"}, refuses=_refused,
)  # fmt: skip
STILL_UNSIGNED = waiting(
    "still_unsigned", "Still unsigned", owner=CHARGE_NURSE, within=minutes(escalation),
    do="Find a therapist who signs the note", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "still-unsigned"), optional=wants_note,
    records=_care_is_over | {NoteWritten: "note changed before signature"},
    ignores={FlowsheetCommentRecorded: "this facility wants a note", **_care_has_gone_on},
    defers={NoteCosigned: "kept until the note is signed"}, refuses=_refused,
)  # fmt: skip
AWAITING_COSIGN = waiting(
    "awaiting_cosign", "Awaiting co-signature", owner=PROVIDER, within=minutes(sign_within), do="Co-sign the note",
    validates=PROVIDER, escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "awaiting-cosign", "Awaiting co-signature"), optional=wants_cosign,
    records=_care_is_over, refuses=_refused,
    ignores={
        FlowsheetCommentRecorded: "this facility wants a note", NoteWritten: "the note is signed already",
        NoteSigned: "the note is signed already", **_care_has_gone_on,
    },
)  # fmt: skip
_documented: Reasons = {
    NoteWritten: "documentation is complete", NoteSigned: "documentation is complete",
    NoteCosigned: "documentation is complete", FlowsheetCommentRecorded: "documentation is complete",
    **_care_has_gone_on,
}  # fmt: skip
COSIGN_OVERDUE = waiting(
    "cosign_overdue", "Co-signature overdue", owner=CHARGE_NURSE, within=minutes(escalation),
    do="Find a provider who co-signs", validates=PROVIDER, escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "cosign-overdue", "Co-signature overdue"), optional=wants_cosign, records=_care_is_over, refuses=_refused,
    ignores={
        FlowsheetCommentRecorded: "this facility wants a note", NoteWritten: "the note is signed already",
        NoteSigned: "the note is signed already", **_care_has_gone_on,
    },
)  # fmt: skip
_being_filed: Reasons = {FilingRetryRequested: "it is being filed already"}
# A late outcome is noted and moves nothing: every try files the same document under the same identifier, so that it is as true
# of this try as of the one before, and this try files and reads back for itself.
FILING = system(
    "filing", "Filing documentation", work=FILE, owner=RT_LEAD, within=minutes(file_within),
    emr=emr("in-progress", "filing"), records=_care_is_over, ignores=_documented | _being_filed, refuses=_once,
    late={FILE: Late.ACCEPT, CONFIRM: Late.ACCEPT},
)  # fmt: skip
CONFIRMING = system(
    "confirming", "Reading documentation back", work=CONFIRM, owner=RT_LEAD, within=minutes(file_within),
    emr=emr("in-progress", "filed-unconfirmed", "Filed, not confirmed"),
    records=_care_is_over, ignores=_documented | _being_filed, refuses=_once,
    late={FILE: Late.ACCEPT},
)  # fmt: skip
FILING_FAILED = waiting(
    "filing_failed", "Filing failed", owner=RT_LEAD, within=minutes(escalation),
    do="Find out why the EMR did not take the documentation; file again", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "filing-failed"), records=_care_is_over, ignores=_documented, refuses=_once,
    late={FILE: Late.ACCEPT, CONFIRM: Late.ACCEPT},
)  # fmt: skip
FILING_OVERDUE = waiting(
    "filing_overdue", "Filing overdue", owner=CHARGE_NURSE, within=minutes(escalation),
    do="See that the documentation reaches the EMR: have it filed again, or call who keeps the EMR running",
    escalates_to=CHARGE_NURSE, emr=emr("in-progress", "filing-overdue"), records=_care_is_over, ignores=_documented,
    refuses=_once, late={FILE: Late.ACCEPT, CONFIRM: Late.ACCEPT},
)  # fmt: skip
COMPLETE = end("complete", "Complete", emr=emr("completed", "complete"), late={FILE: Late.ACCEPT, CONFIRM: Late.ACCEPT})
CANCELLED = end("cancelled", "Cancelled", emr=emr("cancelled", "cancelled"))
DECEASED = end("deceased", "Patient died", emr=emr("cancelled", "patient-died"))

NOT_STARTED = (ORDERED, ORDER_OVERDUE)
UNSEEN = (ASSESSMENT_DUE, ESCALATED, ESCALATED_TO_PROVIDER)
SEEN = (ASSESSED, TITRATING, STABLE, WEANING, TRIAL_OFF)
ON_OXYGEN = (*UNSEEN, *SEEN)
WATCHED = (STABLE, WEANING, TRIAL_OFF)
TREATED = (ASSESSED, TITRATING)
UNDOCUMENTED = (TITRATED_UNDOCUMENTED, UNDOCUMENTED_OVERDUE, STILL_UNDOCUMENTED)
UNSIGNED = (DOCUMENTED_UNSIGNED, UNSIGNED_OVERDUE, STILL_UNSIGNED)

# ── Transitions: one row per arrow ───────────────────────────────────────────────────────────────────────────────────────
TRANSITIONS = (
    # start
    T("T-01", None, on=OxygenOrdered, to=ORDERED, by=PROVIDER, because="oxygen ordered"),
    T("T-02", NOT_STARTED, on=OxygenChanged, to=ASSESSMENT_DUE, by=(RN, RT), because="oxygen started"),
    T("T-03", ORDERED, on=DEADLINE, to=ORDER_OVERDUE, because="oxygen not started in time"),
    T("T-04", ORDER_OVERDUE, on=DEADLINE, to=None, because="still not started"),
    T("T-05", NOT_STARTED, on=OrderCancelled, to=CANCELLED, by=PROVIDER, because="cancelled before oxygen was started"),
    # assess
    T("T-10", UNSEEN, on=AssessmentCompleted, to=ASSESSED, by=(RT, RT_LEAD, PROVIDER), because="assessed at the bedside"),
    T("T-11", ASSESSMENT_DUE, on=DEADLINE, to=ESCALATED, because="not assessed in time"),
    T("T-12", ESCALATED, on=DEADLINE, to=ESCALATED_TO_PROVIDER, because="escalation not answered in time"),
    T("T-13", ESCALATED_TO_PROVIDER, on=DEADLINE, to=None, because="escalation still not answered"),
    T("T-14", ASSESSMENT_DUE, on=News2Scored, when=news2 >= 5, to=None, because="sicker: assess sooner"),
    # titrate
    T("T-20", ASSESSED, on=OxygenChanged, when=out_of_target, to=TITRATING, by=(RT, RN), because="out of target range"),
    T("T-21", ASSESSED, on=OxygenChanged, when=in_target, to=STABLE, by=(RT, RN), because="within target range"),
    T("T-22", ASSESSED, on=Spo2Observed, when=in_target, to=STABLE, because="in target as it is; nothing to change"),
    T("T-23", ASSESSED, on=OxygenChanged, when=unmeasured, to=TITRATING, by=(RT, RN),
      because="no saturation of the last 4 hours: measure it"),
    T("T-24", ASSESSED, on=DEADLINE, to=ESCALATED, because="not titrated in time"),
    T("T-25", TITRATING, on=OxygenChanged, when=in_target, to=STABLE, because="in target range",
      override_by=(RT_LEAD, PROVIDER)),
    T("T-26", TITRATING, on=Spo2Observed, when=in_target, to=STABLE, because="in target range"),
    T("T-27", TITRATING, on=DEADLINE, to=ESCALATED, because="not in target in time"),
    T("T-28", TREATED, on=News2Scored, when=getting_worse, to=None, because="sicker: treat sooner"),
    T("T-29", TREATED, on=AssessmentCompleted, when=found_in_distress, to=ASSESSED, because="in distress: set oxygen at once"),
    # watch; whoever is found sick is not stable
    T("T-16", WATCHED, on=News2Scored, when=getting_worse, to=ASSESSMENT_DUE, because="sicker: assess"),
    T("T-17", WATCHED, on=AssessmentCompleted, when=found_sick, to=ASSESSMENT_DUE,
      because="found in distress or with NEWS2 of 7 or more: assess"),
    T("T-30", STABLE, on=OxygenChanged, when=unsafe, to=ASSESSMENT_DUE, because="saturation fell or left the safe range"),
    T("T-31", STABLE, on=Spo2Observed, when=unsafe, to=ASSESSMENT_DUE, because="saturation fell or left the safe range"),
    T("T-32", STABLE, on=DEADLINE, to=ASSESSMENT_DUE, because="reassessment due"),
    T("T-33", STABLE, on=OxygenChanged, when=safe & on_room_air, to=TRIAL_OFF, because="oxygen turned off"),
    T("T-34", STABLE, on=OxygenChanged, when=unmeasured, to=ASSESSMENT_DUE,
      because="oxygen changed, no saturation of the last 4 hours: assess"),
    T("T-35", STABLE, on=WeaningStarted, when=unmeasured, to=ASSESSMENT_DUE, by=(RT, RN),
      because="no saturation of the last 4 hours: assess before weaning"),
    T("T-36", STABLE, on=AssessmentCompleted, when=unsafe & found_well, to=TITRATING, because="assessed: fell or left the safe range"),
    # wean
    T("T-38", STABLE, on=WeaningStarted, when=measured & in_distress, to=ASSESSMENT_DUE, by=(RT, RN),
      because="in distress when last assessed: assess before weaning"),
    T("T-40", STABLE, on=WeaningStarted, when=measured & ~in_distress, to=WEANING, by=(RT, RN), because="weaning started"),
    T("T-41", WEANING, on=OxygenChanged, when=measured & ~below & on_room_air, to=TRIAL_OFF, by=(RT, RN),
      because="oxygen turned off"),
    T("T-42", WEANING, on=OxygenChanged, when=measured & below, to=TITRATING, because="below target while weaning"),
    T("T-43", WEANING, on=Spo2Observed, when=below, to=TITRATING, because="below target while weaning"),
    T("T-44", WEANING, on=DEADLINE, to=ESCALATED, because="not weaned in time"),
    T("T-45", TRIAL_OFF, on=OxygenChanged, when=measured & (below | on_oxygen), to=TITRATING, because="oxygen needed again"),
    T("T-46", TRIAL_OFF, on=Spo2Observed, when=below, to=TITRATING, because="below target without oxygen"),
    T("T-47", TRIAL_OFF, on=DEADLINE, to=ESCALATED, because="trial not ended in time"),
    T("T-48", ON_OXYGEN, on=OxygenDiscontinued, to=TITRATED_UNDOCUMENTED, by=(RN, RT, PROVIDER), because="oxygen ended"),
    T("T-49", (WEANING, TRIAL_OFF), on=OxygenChanged, when=unmeasured, to=TITRATING,
      because="no saturation of the last 4 hours: measure it"),
    T("T-37", (WEANING, TRIAL_OFF), on=AssessmentCompleted, when=measured & below & found_well, to=TITRATING,
      because="assessed: below target"),
    # document, as the facility means "complete"
    T("T-50", UNDOCUMENTED, on=NoteWritten, when=wants_note, to=DOCUMENTED_UNSIGNED, by=RT, because="note written"),
    T("T-51", UNDOCUMENTED, on=FlowsheetCommentRecorded, when=wants_comment, to=FILING, by=(RT, RN),
      because="flowsheet comment is what this facility wants"),
    T("T-52", TITRATED_UNDOCUMENTED, on=DEADLINE, to=UNDOCUMENTED_OVERDUE, because="not documented in time"),
    T("T-53", UNDOCUMENTED_OVERDUE, on=DEADLINE, to=STILL_UNDOCUMENTED, because="still not documented"),
    T("T-71", STILL_UNDOCUMENTED, on=DEADLINE, to=None, because="not documented all the same"),
    T("T-54", UNSIGNED, on=NoteSigned, when=documentation != "cosigned_note", to=FILING, by=RT, because="note signed"),
    T("T-55", UNSIGNED, on=NoteSigned, when=wants_cosign, to=AWAITING_COSIGN, by=RT,
      because="note signed; this facility wants a co-signature"),
    T("T-56", DOCUMENTED_UNSIGNED, on=DEADLINE, to=UNSIGNED_OVERDUE, because="not signed in time"),
    T("T-57", (AWAITING_COSIGN, COSIGN_OVERDUE), on=NoteCosigned, to=FILING, by=PROVIDER,
      separate_from=("T-55",), because="note co-signed"),
    T("T-58", AWAITING_COSIGN, on=DEADLINE, to=COSIGN_OVERDUE, because="not co-signed in time"),
    T("T-59", UNSIGNED_OVERDUE, on=DEADLINE, to=STILL_UNSIGNED, because="still not signed"),
    T("T-72", STILL_UNSIGNED, on=DEADLINE, to=None, because="not signed all the same"),
    T("T-69", COSIGN_OVERDUE, on=DEADLINE, to=None, because="still not co-signed"),
    # file
    T("T-60", FILING, on=SENT, to=CONFIRMING, because="the EMR took the documentation"),
    T("T-61", FILING, on=NOT_SENT, to=FILING_FAILED, because="the EMR did not take the documentation"),
    T("T-62", FILING, on=DEADLINE, to=FILING_FAILED, because="not filed in time"),
    T("T-63", CONFIRMING, on=CONFIRMED, to=COMPLETE, because="the EMR shows what was filed"),
    T("T-64", CONFIRMING, on=MISMATCH, to=FILING_FAILED, because="the EMR shows something else"),
    T("T-65", CONFIRMING, on=UNCONFIRMED, to=FILING_FAILED, because="the EMR could not be read back"),
    T("T-66", CONFIRMING, on=DEADLINE, to=FILING_FAILED, because="not read back in time"),
    T("T-67", (FILING_FAILED, FILING_OVERDUE), on=FilingRetryRequested, to=FILING, by=(RT_LEAD, RT, CHARGE_NURSE),
      because="file again"),
    T("T-68", FILING_FAILED, on=DEADLINE, to=FILING_OVERDUE, because="not filed again in time"),
    T("T-70", FILING_OVERDUE, on=DEADLINE, to=None, because="still not filed"),
    # the patient's life goes on
    T("T-80", (ASSESSMENT_DUE, *SEEN), on=PatientTransferred, to=ASSESSMENT_DUE, because="new unit: assess again"),
    T("T-81", ON_OXYGEN, on=PatientDischarged, to=TITRATED_UNDOCUMENTED, because="discharged: document what was given"),
    T("T-82", NOT_STARTED, on=PatientDischarged, to=CANCELLED, because="discharged before oxygen was started"),
    T("T-83", NOT_STARTED, on=PatientDied, to=DECEASED, because="the patient died before oxygen was started"),
    T("T-85", ON_OXYGEN, on=PatientDied, to=TITRATED_UNDOCUMENTED, because="the patient died: document what was given"),
    T("T-84", ON_OXYGEN, on=OrderCancelled, to=TITRATED_UNDOCUMENTED, by=PROVIDER, because="order cancelled: document"),
)  # fmt: skip

OXYGEN = workflow(
    "oxygen",
    1,
    title="Oxygen: assess, titrate, document",
    purpose="Every patient on oxygen is assessed in time, kept in target, and documented once, with an owner at every step.",
    correlation=Correlation.ENCOUNTER,
    roles=(PROVIDER, RT, RN, RT_LEAD, CHARGE_NURSE),
    facts=(spo2, flow, fio2, news2, news2_assessed, distress, age, hypercapnic),
    parameters=(
        target_low, target_high, hypercapnic_low, hypercapnic_high, fall, adult_from, start_within, assess_distress,
        assess_adult, assess_child, assess_news2_5, assess_news2_7, answered_for, escalation, titrate_within, recheck_within,
        recheck_sick, wean_within, trial_within, document_within, sign_within, file_within, documentation,
    ),
    events=(
        expect(OxygenOrdered),
        expect(OxygenChanged, Unplaced.HOLD, "oxygen may be started before its order arrives"),
        expect(AssessmentCompleted, Unplaced.HOLD, "an assessment may arrive before its order"),
        expect(Spo2Observed, Unplaced.NOT_APPLICABLE, "no oxygen case is open for this encounter"),
        expect(News2Scored, Unplaced.NOT_APPLICABLE, "no oxygen case is open for this encounter"),
        expect(WeaningStarted),
        expect(OxygenDiscontinued),
        expect(NoteWritten, Unplaced.NOT_APPLICABLE, "no oxygen case waits for this note"),
        expect(NoteSigned, Unplaced.NOT_APPLICABLE, "no oxygen case waits for this note"),
        expect(NoteCosigned, Unplaced.NOT_APPLICABLE, "no oxygen case waits for this note"),
        expect(FlowsheetCommentRecorded, Unplaced.NOT_APPLICABLE, "no oxygen case waits for this comment"),
        expect(FilingRetryRequested),
        expect(CarePlanUpdated, Unplaced.NOT_APPLICABLE, "no oxygen case is open; the order will carry the target"),
        expect(OrderCancelled),
        expect(PatientTransferred, Unplaced.NOT_APPLICABLE, "no oxygen case is open for this encounter"),
        expect(PatientDischarged, Unplaced.NOT_APPLICABLE, "no oxygen case is open for this encounter"),
        expect(PatientDied, Unplaced.NOT_APPLICABLE, "no oxygen case is open for this encounter"),
        expect(PatientMerged, Unplaced.NOT_APPLICABLE, "no oxygen case is open for this encounter"),
    ),
    states=(
        ORDERED, ORDER_OVERDUE, ASSESSMENT_DUE, ESCALATED, ESCALATED_TO_PROVIDER, ASSESSED, TITRATING, STABLE, WEANING,
        TRIAL_OFF, TITRATED_UNDOCUMENTED, UNDOCUMENTED_OVERDUE, STILL_UNDOCUMENTED, DOCUMENTED_UNSIGNED, UNSIGNED_OVERDUE,
        STILL_UNSIGNED, AWAITING_COSIGN, COSIGN_OVERDUE, FILING, CONFIRMING, FILING_FAILED, FILING_OVERDUE, COMPLETE, CANCELLED,
        DECEASED,
    ),
    transitions=TRANSITIONS,
    lifecycle=lifecycle(
        transfer=PatientTransferred, merge=PatientMerged, discharge=PatientDischarged, death=PatientDied,
        cancellation=OrderCancelled,
    ),
)  # fmt: skip
