"""W3 Discharge with home oxygen: test, order, prepare, discharge, follow up.

A provider plans a discharge and orders the test that qualifies a patient for oxygen at home; a respiratory therapist tests;
a case manager coordinates the order, which is a case of its own (W3b), and gets the patient ready; a clinic nurse calls after
discharge, and the primary care provider sees the patient. The case lasts for weeks and goes on across the discharge.

Limits are defaults that a facility may set, subject to its clinicians' approval: what qualifies, and the age of the test, CMS
NCD 240.2 (Home Use of Oxygen, 2021); contact and visit, CMS Transitional Care Management Services. Contact and visit are
counted from the discharge, whatever comes between: a late contact leaves less time for the visit, not more.
"""

from events.catalog import (
    ContactNumberConfirmed,
    DischargePlanCancelled,
    DischargePlanned,
    EquipmentDelivered,
    FollowUpContactFailed,
    FollowUpContactMade,
    FollowUpDeclined,
    FollowUpVisitBooked,
    FollowUpVisitCompleted,
    HomeOxygenArranged,
    HomeOxygenNotNeeded,
    HomeOxygenOrderCancelled,
    HomeOxygenRequested,
    OxygenEducationCompleted,
    PatientDied,
    PatientDischarged,
    PatientMerged,
    PatientReadmitted,
    PatientTransferred,
    QualifyingTestCompleted,
    QualifyingTestOrdered,
)
from statemachines.definition import Correlation, Unplaced, ValueType
from statemachines.expressions import AnyGuard
from statemachines.language import (
    CHECKLIST,
    DEADLINE,
    FactTerm,
    ParameterTerm,
    Reasons,
    T,
    business_days,
    checklist,
    emr,
    end,
    ended,
    expect,
    fact,
    happened,
    item,
    lifecycle,
    minutes,
    of,
    opens,
    parameter,
    role,
    sooner,
    waiting,
    workflow,
)
from statemachines.workflows.home_oxygen_order import DELIVERED, HOME_OXYGEN_ORDER, WITHDRAWN

# ── Roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
CHARGE_NURSE = role("CHARGE_NURSE", "Charge nurse")
SUPERVISOR = role("SUPERVISOR", "Nursing supervisor", CHARGE_NURSE)
PROVIDER = role("PROVIDER", "Ordering provider", CHARGE_NURSE)
RT = role("RT", "Respiratory therapist", CHARGE_NURSE)
RN = role("RN", "Nurse", CHARGE_NURSE)
CASE_MANAGER = role("CASE_MANAGER", "Case manager", CHARGE_NURSE)
CLINIC_RN = role("CLINIC_RN", "Clinic nurse", CASE_MANAGER, CHARGE_NURSE)
PCP = role("PCP", "Primary care provider", CASE_MANAGER, CHARGE_NURSE)

# ── Facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
NUMBER, YES_NO, CODE = ValueType.NUMBER, ValueType.BOOLEAN, ValueType.CODE
test_id = fact("test_id", "the oxygen test", CODE, of(QualifyingTestCompleted, lambda e: e.test_id))
pao2 = fact("pao2", "PaO2", NUMBER, of(QualifyingTestCompleted, lambda e: e.pao2_mm_hg), unit="mm[Hg]", loinc="2703-7")
sao2 = fact("sao2", "SaO2", NUMBER, of(QualifyingTestCompleted, lambda e: e.sao2_percent), unit="%", loinc="2708-6")
oedema = fact("oedema", "dependent oedema", YES_NO, of(QualifyingTestCompleted, lambda e: e.dependent_oedema))
cor_pulmonale = fact("cor_pulmonale", "cor pulmonale", YES_NO, of(QualifyingTestCompleted, lambda e: e.cor_pulmonale))
haematocrit = fact(
    "haematocrit",
    "haematocrit",
    NUMBER,
    of(QualifyingTestCompleted, lambda e: e.haematocrit_percent),
    unit="%",
    loinc="4544-3",
)
by_vendor = fact(
    "by_vendor", "done by the vendor", YES_NO, of(QualifyingTestCompleted, lambda e: e.performed_by_vendor)
)
high_complexity = fact("high_complexity", "high complexity", YES_NO, of(DischargePlanned, lambda e: e.high_complexity))
delivered_to = fact("delivered_to", "where oxygen was delivered", CODE, of(EquipmentDelivered, lambda e: e.place))
learner = fact("learner", "who was taught", CODE, of(OxygenEducationCompleted, lambda e: e.learner))
answered_by = fact("answered_by", "who answers the phone", CODE, of(ContactNumberConfirmed, lambda e: e.answers))
appointment = fact("appointment", "the booked visit", CODE, of(FollowUpVisitBooked, lambda e: e.appointment_id))
discharge = fact("discharge", "discharge", YES_NO, happened(PatientDischarged))
oxygen_works = fact("oxygen_works", "working oxygen at home", YES_NO, of(FollowUpContactMade, lambda e: e.oxygen_works))

# ── Parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────────
NCD = "CMS NCD 240.2, Home Use of Oxygen, 2021"
TCM = "CMS, Transitional Care Management Services"
OWN = "Baton's default; set by the facility"


def _limit(name: str, title: str, default: float, unit: str, low: float, high: float) -> ParameterTerm:
    return parameter(name, title, default, NCD, unit=unit, minimum=low, maximum=high)


pao2_low = _limit("pao2_low", "PaO2 that qualifies", 55, "mm[Hg]", 40, 80)
pao2_with_signs = _limit("pao2_with_signs", "PaO2 that qualifies with signs", 59, "mm[Hg]", 40, 80)
sao2_low = _limit("sao2_low", "SaO2 that qualifies", 88, "%", 70, 100)
sao2_with_signs = _limit("sao2_with_signs", "SaO2 that qualifies with signs", 89, "%", 70, 100)
haematocrit_high = _limit("haematocrit_high", "haematocrit that counts as a sign", 56, "%", 40, 80)


def _time(name: str, title: str, hours: float, source: str = OWN) -> ParameterTerm:
    return parameter(name, title, hours * 60, source, unit="min", minimum=0.001, maximum=30 * 24 * 60)


def _days(name: str, title: str, default: int, source: str = OWN) -> ParameterTerm:
    return parameter(name, title, default, source, unit="business days", minimum=1, maximum=20)


test_valid = _time("test_valid", "the age allowed at discharge", 48, f"{NCD}: within 2 days of discharge")
plan_within = _days("plan_within", "order the test within", 1)
decide_within = _days("decide_within", "decide without a qualifying test within", 1)
test_within = _time("test_within", "test within", 4)
request_within = _time("request_within", "request home oxygen within", 4)
order_within = _days("order_within", "oxygen is delivered within", 2)
prepare_within = _time("prepare_within", "prepare the patient within", 8)
leave_within = _time("leave_within", "leave, when all is ready, within", 12)
repair_within = _time("repair_within", "make good what was missing at home within", 2)
contact_within = _days("contact_within", "contact after discharge within", 2, f"{TCM}: 2 business days, two attempts")
find_within = _days("find_within", "find the patient within", 1)
visit_within = _time("visit_within", "visit within", 14 * 24, f"{TCM}, CPT 99495: 14 days of discharge")
visit_high = _time("visit_high", "visit, high complexity, within", 7 * 24, f"{TCM}, CPT 99496: 7 days of discharge")
rebook_within = _days("rebook_within", "book a missed visit within", 2)
escalation = _time("escalation", "answer an escalation within", 4)


# ── Guards ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _of_this_test(value: FactTerm) -> AnyGuard:
    return value.known & ~value.older_than(0)


signs = (oedema == True) | (cor_pulmonale == True) | (_of_this_test(haematocrit) & (haematocrit > haematocrit_high))  # noqa: E712
no_signs = (
    (oedema == False)  # noqa: E712
    & (cor_pulmonale == False)  # noqa: E712
    & (~_of_this_test(haematocrit) | (haematocrit <= haematocrit_high))
)
by_gas = (pao2 <= pao2_low) | ((pao2 <= pao2_with_signs) & signs)
not_by_gas = (pao2 > pao2_with_signs) | ((pao2 > pao2_low) & no_signs)
by_oximetry = (sao2 <= sao2_low) | ((sao2 <= sao2_with_signs) & signs)
not_by_oximetry = (sao2 > sao2_with_signs) | ((sao2 > sao2_low) & no_signs)
gas, oximetry_only = _of_this_test(pao2), ~_of_this_test(pao2) & _of_this_test(sao2)
counts = by_vendor == False  # noqa: E712
qualifies = counts & ((gas & by_gas) | (oximetry_only & by_oximetry))
does_not_qualify = counts & ((gas & not_by_gas) | (oximetry_only & not_by_oximetry))
expired = test_id.older_than(test_valid)
in_time = ~expired
works = oxygen_works == True  # noqa: E712
since_discharge = discharge.older_than(-1)
"""Happened since the patient left; by stamps that tell minutes, perhaps in that very minute."""
visit_late = discharge.older_than(visit_within) | (
    (high_complexity == True) & discharge.older_than(visit_high)  # noqa: E712
)

# ── Checklist ────────────────────────────────────────────────────────────────────────────────────────────────────────────
READY_TO_LEAVE = checklist(
    item(
        "oxygen", "Oxygen delivered and shown to work", owner=CASE_MANAGER, done_on=EquipmentDelivered,
        satisfied=delivered_to.known,
    ),
    item(
        "teaching", "Patient or caregiver uses the oxygen safely", owner=RT, done_on=OxygenEducationCompleted, by=(RT, RN),
        satisfied=learner.known,
    ),
    item(
        "number", "Phone number for the call after discharge tried", owner=RN, done_on=ContactNumberConfirmed,
        by=(RN, CASE_MANAGER), satisfied=answered_by.known,
    ),
    item(
        "visit", "Visit after discharge booked", owner=CASE_MANAGER, done_on=FollowUpVisitBooked,
        by=(CASE_MANAGER, CLINIC_RN), satisfied=appointment.known,
    ),
)  # fmt: skip

# ── States ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
_planned: Reasons = {DischargePlanned: "planned already"}
_prepared: Reasons = {
    OxygenEducationCompleted: "taught: not asked for again",
    ContactNumberConfirmed: "number tried: not asked for again",
    FollowUpVisitBooked: "visit booked: not asked for again",
}
_oxygen_there: Reasons = {EquipmentDelivered: "oxygen delivered: not asked for again"}
_moving: Reasons = {PatientTransferred: "the plan goes with the patient", PatientMerged: "patient identity noted"}
_not_left: Reasons = {
    HomeOxygenArranged: "the patient has not left",
    FollowUpContactMade: "the patient has not left",
    FollowUpContactFailed: "the patient has not left",
    FollowUpVisitCompleted: "the patient has not left",
    FollowUpDeclined: "the patient has not left",
    PatientReadmitted: "the patient has not left",
}
_no_order: Reasons = {HomeOxygenOrderCancelled: "no order of this plan is under way"}
_in_house: Reasons = {**_planned, **_not_left}
_not_yet: Reasons = {**_prepared, **_oxygen_there, **_moving}
_unqualified: Reasons = {HomeOxygenRequested: "kept until a test qualifies"}
_requested: Reasons = {HomeOxygenRequested: "requested already"}
_order_tells: Reasons = {
    EquipmentDelivered: "delivered; the order's own case says so",
    HomeOxygenOrderCancelled: "the order's own case says when it is withdrawn",
}
_no_result: Reasons = {
    QualifyingTestCompleted: "no value, or done by the vendor, which does not count",
}
_tested_again: Reasons = {
    QualifyingTestOrdered: "a further test was ordered",
    QualifyingTestCompleted: "tested again; the plan goes on",
}

DISCHARGE_PLANNED = waiting(
    "discharge_planned", "Discharge planned", owner=CASE_MANAGER, within=business_days(plan_within),
    do="Have the provider order the test for home oxygen, or plan without oxygen", escalates_to=SUPERVISOR,
    emr=emr("ready", "discharge-planned"), records=_not_yet | _no_result, defers=_unqualified, ignores=_in_house | _no_order,
)  # fmt: skip
DECISION_OVERDUE = waiting(
    "decision_overdue", "Decision overdue", owner=SUPERVISOR, within=minutes(escalation),
    do="Find a provider who orders the test, or plans without oxygen", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "decision-overdue"), records=_not_yet | _no_result, defers=_unqualified, ignores=_in_house | _no_order,
)  # fmt: skip
TEST_DUE = waiting(
    "test_due", "Test due", owner=RT, within=minutes(test_within),
    do="Test the patient at rest, on exertion or asleep; chart the values",
    escalates_to=CHARGE_NURSE, emr=emr("in-progress", "test-due"), records=_not_yet | _no_result, defers=_unqualified,
    ignores={QualifyingTestOrdered: "ordered already", **_in_house, **_no_order},
)  # fmt: skip
TEST_OVERDUE = waiting(
    "test_overdue", "Test overdue", owner=CHARGE_NURSE, within=minutes(escalation), do="See that the patient is tested",
    escalates_to=CHARGE_NURSE, emr=emr("in-progress", "test-overdue"), records=_not_yet | _no_result, defers=_unqualified,
    ignores={QualifyingTestOrdered: "ordered already", **_in_house, **_no_order},
)  # fmt: skip
NOT_QUALIFIED = waiting(
    "not_qualified", "Does not qualify", owner=PROVIDER, within=business_days(decide_within),
    do="Decide: plan without oxygen, test again, or state why oxygen is needed all the same", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "not-qualified", "Does not qualify for home oxygen"),
    records=_not_yet | {QualifyingTestCompleted: "tested again; still does not qualify"}, defers=_unqualified,
    ignores=_in_house | _no_order,
)  # fmt: skip
QUALIFIED = waiting(
    "qualified", "Qualifies", owner=PROVIDER, within=minutes(request_within), do="Request oxygen for home, or plan without it",
    escalates_to=SUPERVISOR,
    emr=emr("in-progress", "qualified", "Qualifies for home oxygen"), records=_not_yet | _tested_again, ignores=_in_house | _no_order,
)  # fmt: skip
REQUEST_OVERDUE = waiting(
    "request_overdue", "Request overdue", owner=SUPERVISOR, within=minutes(escalation),
    do="Find a provider who requests oxygen for home, or plans without it", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "request-overdue"), records=_not_yet | _tested_again, ignores=_in_house | _no_order,
)  # fmt: skip
ORDERING = waiting(
    "ordering", "Oxygen being ordered", owner=CASE_MANAGER, within=business_days(order_within),
    do="Follow the order until oxygen is delivered; teach, book and prepare meanwhile", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "ordering", "Oxygen being ordered"), opens=opens(HOME_OXYGEN_ORDER, DELIVERED, WITHDRAWN),
    records=_not_yet | _tested_again | _order_tells,
    ignores=_in_house | _requested,
)  # fmt: skip
ORDERING_OVERDUE = waiting(
    "ordering_overdue", "Oxygen not delivered", owner=SUPERVISOR, within=minutes(escalation),
    do="Find out where the order stands; get oxygen another way, or put the discharge off", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "ordering-overdue", "Oxygen not delivered"),
    records=_prepared | _moving | _tested_again, ignores=_in_house | _requested,
)  # fmt: skip
PREPARING = waiting(
    "preparing", "Getting ready to leave", owner=CASE_MANAGER, within=minutes(prepare_within),
    do="See that all on the list is done before the patient leaves", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "preparing", "Getting ready to leave"),
    checklist=READY_TO_LEAVE, records=_moving | _tested_again, ignores=_in_house | _requested | _no_order,
)  # fmt: skip
PREPARING_OVERDUE = waiting(
    "preparing_overdue", "Not ready in time", owner=SUPERVISOR, within=minutes(escalation),
    do="See that what is still open on the list gets done", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "preparing-overdue", "Not ready in time"),
    checklist=READY_TO_LEAVE, records=_moving | _tested_again, ignores=_in_house | _requested | _no_order,
)  # fmt: skip
_still_qualifies: Reasons = {QualifyingTestCompleted: "tested again; still qualifies"}
_complete: Reasons = {**_prepared, **_oxygen_there, **_moving}
READY = waiting(
    "ready", "Ready to leave", owner=RN, within=minutes(leave_within), do="See the patient off with oxygen running",
    escalates_to=CHARGE_NURSE, emr=emr("in-progress", "ready-to-leave"),
    records=_complete | _still_qualifies, ignores=_in_house | _requested | _no_order,
)  # fmt: skip
NOT_LEFT = waiting(
    "not_left", "Ready, not left", owner=CHARGE_NURSE, within=minutes(escalation),
    do="Find out what holds the patient; have the test repeated if it is too old", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "not-left", "Ready, not left"),
    records=_complete | _still_qualifies, ignores=_in_house | _requested | _no_order,
)  # fmt: skip
TEST_EXPIRED = waiting(
    "test_expired", "Test too old", owner=RT, within=minutes(test_within), do="Test again: the test no longer counts at discharge",
    escalates_to=CHARGE_NURSE, emr=emr("in-progress", "test-expired", "Test too old"), records=_complete | _no_result,
    ignores={QualifyingTestOrdered: "ordered already", **_in_house, **_requested, **_no_order},
)  # fmt: skip
_left: Reasons = {
    QualifyingTestOrdered: "the patient has left",
    HomeOxygenRequested: "the patient has left",
    DischargePlanCancelled: "the patient has left: decline or close instead",
    HomeOxygenOrderCancelled: "the patient has left; the order's own case answers",
    PatientTransferred: "the patient has left",
    PatientDischarged: "discharged already",
    **_planned,
}
_at_home: Reasons = {
    QualifyingTestCompleted: "tested after discharge",
    EquipmentDelivered: "equipment delivered at home",
    OxygenEducationCompleted: "taught at home",
    ContactNumberConfirmed: "number tried",
    FollowUpVisitBooked: "visit booked",
    FollowUpContactFailed: "attempt noted",
    PatientReadmitted: "admitted before this discharge: heard of late",
    PatientMerged: "patient identity noted",
}
LEFT_UNREADY = waiting(
    "left_unready", "At home, oxygen not settled", owner=CASE_MANAGER, within=minutes(repair_within),
    do="Reach patient and vendor now; make good what is missing: oxygen, test, teaching", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "left-unready", "At home, oxygen not settled"),
    records=_at_home | {
        FollowUpContactMade: "spoken to; oxygen is still to be arranged",
        FollowUpVisitCompleted: "seen; oxygen is still to be arranged", FollowUpDeclined: "oxygen is still to be arranged",
    },
    ignores=_left,
)  # fmt: skip
STILL_UNREADY = waiting(
    "still_unready", "At home, oxygen still not settled", owner=SUPERVISOR, within=minutes(escalation),
    do="Get what is missing to the patient, or the patient back", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "still-unready", "At home, oxygen still not settled"),
    records=_at_home | {
        FollowUpContactMade: "spoken to; oxygen is still to be arranged",
        FollowUpVisitCompleted: "seen; oxygen is still to be arranged", FollowUpDeclined: "oxygen is still to be arranged",
    },
    ignores=_left,
)  # fmt: skip
_followed: Reasons = {
    HomeOxygenNotNeeded: "oxygen is no longer needed; the follow-up goes on",
    FollowUpVisitCompleted: "seen before this discharge: heard of late",
    **_at_home,
}
_arranged: Reasons = {HomeOxygenArranged: "nothing was missing"}
DISCHARGED = waiting(
    "discharged", "Discharged", owner=CLINIC_RN,
    within=business_days(contact_within, since=discharge),
    do="Call the patient: is the oxygen running, are they worse? Try at least twice", escalates_to=CASE_MANAGER,
    emr=emr("in-progress", "discharged"), records=_followed, ignores=_left | _arranged,
)  # fmt: skip
UNREACHABLE = waiting(
    "unreachable", "Not reached", owner=CASE_MANAGER, within=business_days(find_within),
    do="Reach the patient another way: caregiver, vendor, home visit", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "unreachable", "Not reached after discharge"),
    records=_followed, ignores=_left | _arranged,
)  # fmt: skip
CONTACTED = waiting(
    "contacted", "Contacted", owner=PCP, within=minutes(visit_within, since=discharge),
    do="See the patient face to face; review the oxygen",
    sooner=(
        sooner(high_complexity == True, minutes(visit_high, since=discharge), "high complexity is seen within 7 days of discharge"),  # noqa: E712
    ),
    escalates_to=CASE_MANAGER, emr=emr("in-progress", "contacted", "Contacted after discharge"),
    records=_followed | {FollowUpContactMade: "contacted again; the oxygen works"}, ignores=_left | _arranged,
)  # fmt: skip
VISIT_OVERDUE = waiting(
    "visit_overdue", "Visit missed", owner=CASE_MANAGER, within=business_days(rebook_within),
    do="Find out why the patient was not seen; book a visit now", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "visit-overdue", "Visit missed"),
    records=_followed | {FollowUpContactMade: "contacted again; the oxygen works"}, ignores=_left | _arranged,
)  # fmt: skip
LOST = waiting(
    "lost", "Lost to follow-up", owner=SUPERVISOR, within=business_days(find_within),
    do="Decide how the patient is found: welfare check, home visit; or record that they decline", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "lost-to-follow-up", "Lost to follow-up"), records=_followed, ignores=_left | _arranged,
)  # fmt: skip
CLOSED = end("closed", "Seen, closed", emr=emr("completed", "closed", "Seen, closed"))
DECLINED = end("declined", "Follow-up declined", emr=emr("completed", "follow-up-declined", "Follow-up declined"))
NOT_NEEDED = end("not_needed", "Home without oxygen", emr=emr("cancelled", "not-needed", "Home without oxygen"))
CANCELLED = end("cancelled", "Discharge cancelled", emr=emr("cancelled", "discharge-cancelled"))
READMITTED = end("readmitted", "Readmitted", emr=emr("cancelled", "readmitted"))
DECEASED = end("deceased", "Patient died", emr=emr("cancelled", "patient-died"))

UNTESTED = (DISCHARGE_PLANNED, DECISION_OVERDUE, TEST_DUE, TEST_OVERDUE)
TO_REQUEST = (QUALIFIED, REQUEST_OVERDUE)
TO_DELIVER = (ORDERING, ORDERING_OVERDUE)
TO_PREPARE = (PREPARING, PREPARING_OVERDUE)
TO_LEAVE = (READY, NOT_LEFT)
UNPREPARED = (*UNTESTED, *TO_REQUEST, *TO_DELIVER, *TO_PREPARE, TEST_EXPIRED)
IN_HOSPITAL = (*UNTESTED, NOT_QUALIFIED, *TO_REQUEST, *TO_DELIVER, *TO_PREPARE, *TO_LEAVE, TEST_EXPIRED)
UNREADY = (LEFT_UNREADY, STILL_UNREADY)
FOLLOWED_UP = (DISCHARGED, UNREACHABLE, CONTACTED, VISIT_OVERDUE, LOST)
AT_HOME = (*UNREADY, *FOLLOWED_UP)

# ── Transitions: one row per arrow ───────────────────────────────────────────────────────────────────────────────────────
TRANSITIONS = (
    # plan and test
    T("T-01", None, on=DischargePlanned, to=DISCHARGE_PLANNED, by=(PROVIDER, CASE_MANAGER), because="discharge planned"),
    T("T-02", (DISCHARGE_PLANNED, DECISION_OVERDUE, NOT_QUALIFIED), on=QualifyingTestOrdered, to=TEST_DUE, by=PROVIDER,
      because="the test is ordered"),
    T("T-03", DISCHARGE_PLANNED, on=DEADLINE, to=DECISION_OVERDUE, because="no test ordered in time"),
    T("T-04", DECISION_OVERDUE, on=DEADLINE, to=None, because="still undecided"),
    T("T-05", UNTESTED, on=QualifyingTestCompleted, when=qualifies, to=QUALIFIED, by=(RT, RN), because="the test qualifies"),
    T("T-06", UNTESTED, on=QualifyingTestCompleted, when=does_not_qualify, to=NOT_QUALIFIED, by=(RT, RN),
      because="the test does not qualify"),
    T("T-07", TEST_DUE, on=DEADLINE, to=TEST_OVERDUE, because="not tested in time"),
    T("T-08", TEST_OVERDUE, on=DEADLINE, to=None, because="still not tested"),
    T("T-09", NOT_QUALIFIED, on=DEADLINE, to=DECISION_OVERDUE, because="not decided in time"),
    # order
    T("T-10", TO_REQUEST, on=HomeOxygenRequested, to=ORDERING, by=PROVIDER, because="the provider wants oxygen at home"),
    T("T-11", QUALIFIED, on=DEADLINE, to=REQUEST_OVERDUE, because="not requested in time"),
    T("T-12", REQUEST_OVERDUE, on=DEADLINE, to=None, because="still not requested"),
    T("T-13", ORDERING, on=ended(HOME_OXYGEN_ORDER, DELIVERED), to=PREPARING, because="the order is delivered"),
    T("T-14", ORDERING, on=ended(HOME_OXYGEN_ORDER, WITHDRAWN), to=QUALIFIED, because="the order was withdrawn: decide again"),
    T("T-15", ORDERING, on=DEADLINE, to=ORDERING_OVERDUE, because="no oxygen in time"),
    T("T-16", ORDERING_OVERDUE, on=EquipmentDelivered, to=PREPARING, because="oxygen is there after all"),
    T("T-17", ORDERING_OVERDUE, on=HomeOxygenOrderCancelled, to=QUALIFIED, by=(PROVIDER, CASE_MANAGER),
      because="the order was cancelled: decide again"),
    T("T-18", ORDERING_OVERDUE, on=DEADLINE, to=None, because="still no oxygen"),
    # prepare
    T("T-20", TO_PREPARE, on=CHECKLIST, when=in_time, to=READY, because="all on the list is done"),
    T("T-21", TO_PREPARE, on=CHECKLIST, when=expired, to=TEST_EXPIRED, because="all is done, and the test is too old"),
    T("T-22", PREPARING, on=DEADLINE, to=PREPARING_OVERDUE, because="not prepared in time"),
    T("T-23", PREPARING_OVERDUE, on=DEADLINE, to=None, because="still not prepared"),
    # leave
    T("T-24", TO_LEAVE, on=PatientDischarged, when=in_time, to=DISCHARGED, because="left with oxygen in place"),
    T("T-25", TO_LEAVE, on=PatientDischarged, when=expired, to=LEFT_UNREADY, because="left, and the test is too old to count"),
    T("T-26", UNPREPARED, on=PatientDischarged, to=LEFT_UNREADY, because="left before all was in place"),
    T("T-27", NOT_QUALIFIED, on=PatientDischarged, to=NOT_NEEDED, because="left without oxygen: does not qualify"),
    T("T-28", READY, on=DEADLINE, to=NOT_LEFT, because="ready, and not left in time"),
    T("T-29", NOT_LEFT, on=DEADLINE, to=None, because="still not left"),
    # test again
    T("T-30", TO_LEAVE, on=QualifyingTestOrdered, to=TEST_EXPIRED, by=PROVIDER, because="to be tested again before leaving"),
    T("T-31", TEST_EXPIRED, on=QualifyingTestCompleted, when=qualifies, to=READY, by=(RT, RN),
      because="tested again; still qualifies"),
    T("T-32", (TEST_EXPIRED, *TO_LEAVE), on=QualifyingTestCompleted, when=does_not_qualify, to=NOT_QUALIFIED, by=(RT, RN),
      because="tested again; no longer qualifies"),
    T("T-33", TEST_EXPIRED, on=DEADLINE, to=NOT_LEFT, because="not tested again in time"),
    T("T-38", NOT_QUALIFIED, on=QualifyingTestCompleted, when=qualifies, to=QUALIFIED, by=(RT, RN), override_by=PROVIDER,
      because="tested again; now qualifies"),
    T("T-39", TO_REQUEST, on=QualifyingTestCompleted, when=does_not_qualify, to=NOT_QUALIFIED, by=(RT, RN),
      because="tested again; no longer qualifies"),
    # at home without oxygen
    T("T-34", UNREADY, on=HomeOxygenArranged, to=DISCHARGED, by=(CASE_MANAGER, PROVIDER, SUPERVISOR), because="made good"),
    T("T-35", UNREADY, on=HomeOxygenNotNeeded, to=DISCHARGED, by=PROVIDER, because="the provider decided against oxygen"),
    T("T-36", LEFT_UNREADY, on=DEADLINE, to=STILL_UNREADY, because="not made good in time"),
    T("T-37", STILL_UNREADY, on=DEADLINE, to=None, because="still not made good"),
    # follow up
    T("T-40", (DISCHARGED, UNREACHABLE, LOST), on=FollowUpContactMade, when=works & ~visit_late, to=CONTACTED,
      by=(CLINIC_RN, CASE_MANAGER, PCP), because="spoken to; the oxygen works"),
    T("T-49", (DISCHARGED, UNREACHABLE, LOST), on=FollowUpContactMade, when=works & visit_late, to=VISIT_OVERDUE,
      by=(CLINIC_RN, CASE_MANAGER, PCP), because="spoken to, and the time for the visit is over"),
    T("T-41", FOLLOWED_UP, on=FollowUpVisitCompleted, when=since_discharge, to=CLOSED, by=PCP, because="seen face to face"),
    T("T-42", DISCHARGED, on=DEADLINE, to=UNREACHABLE, because="not reached within the business days"),
    T("T-43", UNREACHABLE, on=DEADLINE, to=LOST, because="still not reached"),
    T("T-44", FOLLOWED_UP, on=FollowUpContactMade, when=~works, to=LEFT_UNREADY,
      by=(CLINIC_RN, CASE_MANAGER, PCP), because="spoken to; the oxygen does not work"),
    T("T-45", CONTACTED, on=DEADLINE, to=VISIT_OVERDUE, because="not seen in time"),
    T("T-46", VISIT_OVERDUE, on=DEADLINE, to=LOST, because="still not seen"),
    T("T-47", LOST, on=DEADLINE, to=None, because="still lost"),
    T("T-48", FOLLOWED_UP, on=FollowUpDeclined, to=DECLINED, by=(CLINIC_RN, CASE_MANAGER, PCP, SUPERVISOR),
      because="the patient declines"),
    # the patient's life goes on
    T("T-80", IN_HOSPITAL, on=HomeOxygenNotNeeded, to=NOT_NEEDED, by=PROVIDER, because="the provider plans without oxygen"),
    T("T-81", IN_HOSPITAL, on=DischargePlanCancelled, to=CANCELLED, by=(PROVIDER, CASE_MANAGER), because="the patient stays"),
    T("T-82", AT_HOME, on=PatientReadmitted, when=since_discharge, to=READMITTED, because="back in hospital: plan anew"),
    T("T-83", (*IN_HOSPITAL, *AT_HOME), on=PatientDied, to=DECEASED, because="the patient died"),
)  # fmt: skip

_NO_PLAN = "no discharge with home oxygen is planned for this patient"
_OVERTAKEN = 4 * 60
"""Baton's default, in minutes: queues and interfaces that are slow or start again are behind by seconds to hours. It is for no
plan that was made after it."""
_WAITS = "it may have overtaken the plan (Baton's default); nearly all concern plans without home oxygen"
HOME_OXYGEN = workflow(
    "home_oxygen",
    2,
    title="Discharge with home oxygen: test, order, prepare, follow up",
    purpose="Nobody who needs oxygen goes home without it: the test counts, the order arrives, the patient knows how, and somebody "
    "calls and sees them afterwards.",
    correlation=Correlation.PATIENT,
    roles=(PROVIDER, RT, RN, CASE_MANAGER, CLINIC_RN, PCP, SUPERVISOR, CHARGE_NURSE),
    facts=(
        test_id, pao2, sao2, oedema, cor_pulmonale, haematocrit, by_vendor, high_complexity, delivered_to, learner, answered_by,
        appointment, discharge, oxygen_works,
    ),
    parameters=(
        pao2_low, pao2_with_signs, sao2_low, sao2_with_signs, haematocrit_high, test_valid, plan_within, decide_within,
        test_within, request_within, order_within, prepare_within, leave_within, repair_within, contact_within, find_within,
        visit_within, visit_high, rebook_within, escalation,
    ),
    events=(
        expect(DischargePlanned),
        expect(QualifyingTestOrdered, Unplaced.HOLD, "the plan itself may arrive later"),
        expect(QualifyingTestCompleted, Unplaced.HOLD, "the plan itself may arrive later"),
        expect(HomeOxygenRequested),
        expect(HomeOxygenNotNeeded, Unplaced.HOLD_THEN_IGNORE, _WAITS, hold_minutes=_OVERTAKEN),
        expect(DischargePlanCancelled, Unplaced.HOLD_THEN_IGNORE, _WAITS, hold_minutes=_OVERTAKEN),
        expect(OxygenEducationCompleted, Unplaced.NOT_APPLICABLE, _NO_PLAN),
        expect(ContactNumberConfirmed, Unplaced.NOT_APPLICABLE, _NO_PLAN),
        expect(FollowUpVisitBooked, Unplaced.NOT_APPLICABLE, _NO_PLAN),
        expect(EquipmentDelivered, Unplaced.NOT_APPLICABLE, _NO_PLAN),
        expect(HomeOxygenOrderCancelled, Unplaced.HOLD_THEN_IGNORE, _WAITS, hold_minutes=_OVERTAKEN),
        expect(HomeOxygenArranged),
        expect(FollowUpContactMade),
        expect(FollowUpContactFailed),
        expect(FollowUpVisitCompleted, Unplaced.NOT_APPLICABLE, _NO_PLAN),
        expect(FollowUpDeclined),
        expect(PatientTransferred, Unplaced.NOT_APPLICABLE, _NO_PLAN),
        expect(PatientDischarged, Unplaced.NOT_APPLICABLE, _NO_PLAN),
        expect(PatientReadmitted, Unplaced.NOT_APPLICABLE, _NO_PLAN),
        expect(PatientDied, Unplaced.NOT_APPLICABLE, _NO_PLAN),
        expect(PatientMerged, Unplaced.NOT_APPLICABLE, _NO_PLAN),
    ),
    states=(
        DISCHARGE_PLANNED, DECISION_OVERDUE, TEST_DUE, TEST_OVERDUE, NOT_QUALIFIED, QUALIFIED, REQUEST_OVERDUE, ORDERING,
        ORDERING_OVERDUE, PREPARING, PREPARING_OVERDUE, READY, NOT_LEFT, TEST_EXPIRED, LEFT_UNREADY, STILL_UNREADY, DISCHARGED,
        UNREACHABLE, CONTACTED, VISIT_OVERDUE, LOST, CLOSED, DECLINED, NOT_NEEDED, CANCELLED, READMITTED, DECEASED,
    ),
    transitions=TRANSITIONS,
    lifecycle=lifecycle(
        transfer=PatientTransferred, merge=PatientMerged, discharge=PatientDischarged, death=PatientDied,
        cancellation=DischargePlanCancelled,
    ),
)  # fmt: skip
