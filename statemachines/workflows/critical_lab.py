"""W2 Critical laboratory result: call it, read it back, acknowledge it, act on it.

The laboratory reports a result beyond the facility's critical limits and calls the patient's nurse, who reads back two
identifiers and the value and tells the ordering provider. A provider who does not answer is followed by the covering provider,
the chief of service and the nursing supervisor. "Called", "acknowledged" and "acted on" are three different states, and an
order that vanished between systems is looked for. Results that were expected are not called, but reviewed, unless somebody was
given a value of them. Each result is a case of its own, so that none is lost in what becomes of another; and once anybody was told
of it, it does not end as if nobody had been. What is said of an earlier value counts for no later one: nobody acknowledges,
reviews, reads back or decides on a value before there is one.
What is corrected, withdrawn or reported again after that opens a new case for the same result, which knows that somebody was
told, and the laboratory owns telling them. Once a provider took the result on, a critical value is called to a provider, not to
a nurse, in the same case and after it: whose nurse it was may have changed, and the provider has to be told anyway. So it is when
the patient has left: no nurse cares for them any more. For the same reason a correction is known when a provider acknowledges it
then: who acted on the first value can undo what was ordered, and those who carry that out learn it from the orders. Where no
provider ever knew, a nurse ends it, and is called again. Version 1 did not note who took a result on: of whatever was told under
it, a provider counts as knowing. Who takes the call reads back: a nurse then tells the provider, a provider takes it on thereby,
and nobody stands in for one.

Accepted until clinicians say otherwise: one acknowledgement of a correction by any provider ends it, also while a nurse has the
first value and may be about to act on it; and where a provider read a first value back, and it is taken back before they ordered
anything, a nurse's acknowledgement ends it too, since the case does not know who it was that read back.

Limits are defaults that a facility may set, subject to its clinicians' approval: critical limits, Kost, JAMA 1990;263:704
(mean of US medical centers); times, CAP Q-Probes (15 to 30 min for inpatients) and the MCLNO laboratory's critical value
procedure (alternate procedure after 15 min); read-back, Joint Commission; corrected reports, 42 CFR 493.1291(k): to whoever
ordered the test and, if applicable, whoever uses the result.
"""

from collections.abc import Callable

from events.catalog import (
    ActionCompleted,
    ActionOrdered,
    CorrectionAcknowledged,
    CriticalResultReported,
    ExpectedResultReviewed,
    NoActionNeeded,
    PatientDied,
    PatientDischarged,
    PatientMerged,
    PatientTransferred,
    ProviderNotReached,
    ResultAcknowledged,
    ResultCalled,
    ResultCallRequested,
    ResultCorrected,
    ResultReadBack,
    ResultVerified,
    ResultWithdrawn,
)
from events.catalog.lab import LabValues
from statemachines.definition import Correlation, Late, Source, Unplaced, ValueType, Work
from statemachines.expressions import AnyGuard
from statemachines.language import (
    DEADLINE,
    FactTerm,
    ParameterTerm,
    Reasons,
    T,
    WorkOutcome,
    emr,
    end,
    expect,
    fact,
    happened,
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
SUPERVISOR = role("SUPERVISOR", "Nursing supervisor", CHARGE_NURSE)
CHIEF = role("CHIEF", "Chief of service", SUPERVISOR)
COVERING = role("COVERING", "Covering provider", CHIEF, SUPERVISOR)
PROVIDER = role("PROVIDER", "Ordering provider", COVERING, CHIEF)
RN = role("RN", "Nurse", CHARGE_NURSE)
LAB = role("LAB", "Laboratory", CHARGE_NURSE)
PROVIDERS = (PROVIDER, COVERING, CHIEF)
NURSES = (RN, CHARGE_NURSE)


# ── Facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _reported(field: Callable[[LabValues], object]) -> tuple[Source, Source]:
    return of(CriticalResultReported, field), of(ResultCorrected, field)


NUMBER, YES_NO, CODE = ValueType.NUMBER, ValueType.BOOLEAN, ValueType.CODE
result_id = fact("result_id", "the result", CODE, *_reported(lambda e: e.result_id))
potassium = fact(
    "potassium", "potassium", NUMBER, *_reported(lambda e: e.potassium_mmol_l), unit="mmol/L", loinc="2823-3"
)
sodium = fact("sodium", "sodium", NUMBER, *_reported(lambda e: e.sodium_mmol_l), unit="mmol/L", loinc="2951-2")
glucose = fact("glucose", "glucose", NUMBER, *_reported(lambda e: e.glucose_mg_dl), unit="mg/dL", loinc="2345-7")
calcium = fact("calcium", "calcium", NUMBER, *_reported(lambda e: e.calcium_mg_dl), unit="mg/dL", loinc="17861-6")
always_called = fact(
    "always_called", "always called, whatever its value", YES_NO, *_reported(lambda e: e.called_whatever_its_value)
)
chronic = fact("chronic", "chronic disease explains it", YES_NO, *_reported(lambda e: e.chronic_disease))
trending = fact("trending", "trending to normal", YES_NO, *_reported(lambda e: e.trending_to_normal))
on_protocol = fact("on_protocol", "on protocol", YES_NO, *_reported(lambda e: e.on_protocol))
right_recipient = fact(
    "right_recipient", "the recipient cares for the patient", YES_NO, of(ResultCalled, lambda e: e.cares_for_patient)
)
identifiers = fact(
    "identifiers", "identifiers read back", NUMBER, of(ResultReadBack, lambda e: e.identifiers_confirmed)
)
value_matches = fact(
    "value_matches", "the value read back matches", YES_NO, of(ResultReadBack, lambda e: e.value_confirmed)
)
order_id = fact("order_id", "the order", CODE, of(ActionOrdered, lambda e: e.order_id))
done_order = fact("done_order", "the order that was carried out", CODE, of(ActionCompleted, lambda e: e.order_id))
given = fact("given", "somebody who was given the value", YES_NO, happened(ResultCalled), happened(ResultReadBack))
"""Known as soon as anybody was given a value, the right person or not, whatever the call came to; it is never unknown again."""
taken_on = fact(
    "told", "a provider who took it on", YES_NO, happened(ResultAcknowledged), happened(ActionOrdered),
    happened(NoActionNeeded), happened(ExpectedResultReviewed),
)  # fmt: skip
"""Known as soon as a provider has a value to act on; it is never unknown again.

Under this name version 1 noted that anybody was told, and not who: a case that knows of that counts as known to a provider.
"""
left = fact("left", "the patient's discharge", YES_NO, happened(PatientDischarged))

# ── Parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────────
KOST = "Kost, Critical limits for urgent clinician notification at US medical centers, JAMA 1990;263:704"
CAP = "College of American Pathologists, Q-Probes: 15 to 30 minutes from result to caregiver for inpatients"
MCLNO = "Medical Center of Louisiana at New Orleans, critical value reporting: alternate procedure after 15 minutes"
JOINT = "Joint Commission, NPSG.01.01.01: at least two patient identifiers"
CLIA = "42 CFR 493.1291(k): promptly; the minutes are Baton's default"
OWN = "Baton's default; set by the facility"
STAFF = "Baton's default; the laboratory director and the medical staff decide"


def _limit(name: str, title: str, default: float, unit: str, top: float) -> ParameterTerm:
    return parameter(name, title, default, KOST, unit=unit, minimum=0, maximum=top)


potassium_low = _limit("potassium_low", "low limit of potassium", 2.8, "mmol/L", 20)
potassium_high = _limit("potassium_high", "high limit of potassium", 6.2, "mmol/L", 20)
sodium_low = _limit("sodium_low", "low limit of sodium", 120, "mmol/L", 250)
sodium_high = _limit("sodium_high", "high limit of sodium", 158, "mmol/L", 250)
glucose_low = _limit("glucose_low", "low limit of glucose", 46, "mg/dL", 3000)
glucose_high = _limit("glucose_high", "high limit of glucose", 484, "mg/dL", 3000)
calcium_low = _limit("calcium_low", "low limit of calcium", 6.6, "mg/dL", 30)
calcium_high = _limit("calcium_high", "high limit of calcium", 12.9, "mg/dL", 30)
suppress_chronic = parameter("suppress_chronic", "results that a chronic disease explains are not called", True, STAFF)
suppress_trending = parameter("suppress_trending", "results trending to normal are not called", True, STAFF)
suppress_on_protocol = parameter("suppress_on_protocol", "results that a protocol answers are not called", True, STAFF)
two = parameter("identifiers_needed", "identifiers needed", 2, JOINT, minimum=2, maximum=9)


def _time(name: str, title: str, default: float, source: str = OWN) -> ParameterTerm:
    return parameter(name, title, default, source, unit="min", minimum=0.001, maximum=7 * 24 * 60)


_SHARE = f"{CAP}; Baton's share of them"
verify_within = _time("verify_within", "verify within", 5, _SHARE)
call_within = _time("call_within", "call within", 5, _SHARE)
read_back_within = _time("read_back_within", "read back within", 5, _SHARE)
alternate_after = _time("alternate_after", "turn to the alternate after", 15, MCLNO)
late_after = _time("late_after", "half of the time to a provider", 15, CAP)
hurry_within = _time("hurry_within", "reach the provider, when late, within", 10, _SHARE)
next_within = _time("next_within", "each next in line answers within", 10)
act_within = _time("act_within", "act on the result within", 30)
look_within = _time("look_within", "find the order in the EMR within", 10)
carry_out_within = _time("carry_out_within", "carry the order out within", 60)
review_within = _time("review_within", "review an expected result within", 24 * 60)
correct_within = _time("correct_within", "tell a correction within", 30, CLIA)
escalation = _time("escalation", "answer an escalation within", 15)


# ── Guards ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _beyond(value: FactTerm, low: ParameterTerm, high: ParameterTerm) -> AnyGuard:
    return (value < low) | (value > high)


def _within(value: FactTerm, low: ParameterTerm, high: ParameterTerm) -> AnyGuard:
    """Not measured, or not critical: the exact opposite of ``_beyond``."""
    return ~value.known | ((value >= low) & (value <= high))


critical = (
    (always_called == True)  # noqa: E712
    | _beyond(potassium, potassium_low, potassium_high)
    | _beyond(sodium, sodium_low, sodium_high)
    | _beyond(glucose, glucose_low, glucose_high)
    | _beyond(calcium, calcium_low, calcium_high)
)
harmless = (
    (always_called == False)  # noqa: E712
    & _within(potassium, potassium_low, potassium_high)
    & _within(sodium, sodium_low, sodium_high)
    & _within(glucose, glucose_low, glucose_high)
    & _within(calcium, calcium_low, calcium_high)
)
expected = (
    ((chronic == True) & (suppress_chronic == True))  # noqa: E712
    | ((trending == True) & (suppress_trending == True))  # noqa: E712
    | ((on_protocol == True) & (suppress_on_protocol == True))  # noqa: E712
)
suppresses = (suppress_chronic == True) | (suppress_trending == True) | (suppress_on_protocol == True)  # noqa: E712
to_be_called = critical & (~expected | given.known)
not_to_be_called = critical & expected & ~given.known
"""Nobody who was given a value is left with it, also where the new one is expected."""
was_told = given.known | taken_on.known
nobody_told = ~given.known & ~taken_on.known
for_provider = taken_on.known | left.known
for_nurse = ~taken_on.known & ~left.known
"""The exact opposite of ``for_provider``: no provider knew it, and the patient is here."""
nurse_suffices = given.known & for_nurse
provider_must = ~given.known | for_provider
"""The exact opposite of ``nurse_suffices``. Who knew of it if nobody was called did so by a review, which version 1 did not note."""
of_this_value = result_id.older_than(-1)
"""Said of the newest value. Within a minute before it their stamps do not tell which came first, and it counts."""
carried_out = done_order == order_id
"""What was ordered last is done. After a correction an earlier order may be done still, and the new one is not done by that."""
reached = (right_recipient == True) & of_this_value  # noqa: E712
read_back_matches = (identifiers >= two) & (value_matches == True) & of_this_value  # noqa: E712

# ── System step ──────────────────────────────────────────────────────────────────────────────────────────────────────────
LOOK = Work(name="confirm_order", outcomes=("confirmed", "missing", "failed"))
FOUND = WorkOutcome(LOOK.name, "confirmed")
MISSING = WorkOutcome(LOOK.name, "missing")
NOT_READ = WorkOutcome(LOOK.name, "failed")
_looked = {LOOK: Late.ACCEPT}
"""Looking for an order changes nothing, so a late answer does no harm anywhere."""

# ── States ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
_here: Reasons = {
    PatientDischarged: "the patient has left; the result must reach a provider all the same",
    PatientMerged: "patient identity noted",
}
_moving: Reasons = {PatientTransferred: "the result goes with the patient", **_here}
_not_suppressed: Reasons = {
    ExpectedResultReviewed: "the result is not held to be expected",
    ResultCallRequested: "it is being called already",
}
_not_corrected: Reasons = {CorrectionAcknowledged: "no correction has to be told"}
_verified: Reasons = {ResultVerified: "verified already"}
_called: Reasons = {ResultCalled: "called already", ResultReadBack: "read back already"}
_acknowledged: Reasons = {
    ResultAcknowledged: "acknowledged already",
    ProviderNotReached: "the provider was reached already",
}
_nobody_asked: Reasons = {ProviderNotReached: "nobody needs to reach the provider yet"}
_acting_early: Reasons = {
    ActionOrdered: "kept until the result is acknowledged",
    NoActionNeeded: "kept until the result is acknowledged",
    ActionCompleted: "kept until the order is known",
}
_knowing_early: Reasons = {ResultAcknowledged: "kept until the result was read back", **_acting_early}
_calling_early: Reasons = {ResultReadBack: "kept until the call is known", **_knowing_early}
_reported_already: Reasons = {CriticalResultReported: "reported already; other values come as a correction"}
_other_order: Reasons = {ActionCompleted: "another order was carried out: noted"}

RESULTED = waiting(
    "resulted", "Resulted", owner=LAB, within=minutes(verify_within),
    do="Check specimen and result; verify the result or withdraw it", escalates_to=CHARGE_NURSE, emr=emr("ready", "resulted"),
    records={
        CriticalResultReported: "reported again: verify what it says now", ResultCorrected: "corrected before it was verified",
        **_moving,
    },
    defers={
        ResultCalled: "kept until the result is verified",
        ResultCallRequested: "kept until it is known whether the result is called",
        **_calling_early,
    },
    ignores={ExpectedResultReviewed: "the result is not verified", **_nobody_asked, **_not_corrected},
)  # fmt: skip
NOTIFY_DUE = waiting(
    "notify_due", "To be called", owner=LAB, within=minutes(call_within),
    do="Call the nurse who cares for the patient; give the result", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "notify-due", "To be called"),
    records={
        CriticalResultReported: "reported again: the call gives the latest value",
        ResultCorrected: "the call gives the corrected value",
        ResultCalled: "whoever answered does not care for this patient, or was given an earlier value: call again",
        PatientTransferred: "the result goes with the patient", PatientMerged: "patient identity noted",
    },
    defers=_calling_early, ignores={**_verified, **_nobody_asked, **_not_suppressed, **_not_corrected}, late=_looked,
)  # fmt: skip
NOTIFY_OVERDUE = waiting(
    "notify_overdue", "Call overdue", owner=CHARGE_NURSE, within=minutes(escalation),
    do="Call the laboratory, take the result for the unit and read it back", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "notify-overdue", "Call overdue"),
    records={
        CriticalResultReported: "reported again: the call gives the latest value", ResultVerified: "verified; it must still be called",
        ResultCorrected: "the call gives the corrected value",
        ResultCalled: "whoever answered does not care for this patient, or was given an earlier value: call again",
        ResultReadBack: "the read-back did not match, or was of an earlier value: read it back again", **_moving,
    },
    defers=_knowing_early, ignores={**_nobody_asked, **_not_suppressed, **_not_corrected}, late=_looked,
)  # fmt: skip
CONTACTED = waiting(
    "contacted", "On the phone", owner=RN, within=minutes(read_back_within),
    do="Write the result down; read back two identifiers and the value", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "contacted", "On the phone, not read back yet"),
    records={ResultReadBack: "the read-back did not match, or was of an earlier value: read it back again", **_here},
    defers=_knowing_early, refuses=_reported_already,
    ignores={ResultCalled: "called already", **_verified, **_nobody_asked, **_not_suppressed, **_not_corrected}, late=_looked,
)  # fmt: skip
_to_provider: Reasons = {
    **_verified, **_not_suppressed, CorrectionAcknowledged: "the value is critical: a provider reads it back",
}  # fmt: skip
PROVIDER_DUE = waiting(
    "provider_due", "Provider to be called", owner=LAB, within=minutes(call_within),
    do="Call the provider who is responsible for the patient now, wherever the patient is; give the latest value",
    escalates_to=CHARGE_NURSE, emr=emr("in-progress", "provider-due", "Provider to be called"),
    records={
        CriticalResultReported: "reported again: the call gives the latest value",
        ResultCorrected: "the call gives the latest value", ProviderNotReached: "another attempt noted",
        ResultCalled: "whoever answered is not responsible for this patient, or was given an earlier value: call again", **_moving,
    },
    defers=_calling_early, ignores=_to_provider, late=_looked,
)  # fmt: skip
PROVIDER_CALLED = waiting(
    "provider_called", "Provider on the phone", owner=PROVIDER, within=minutes(read_back_within),
    do="Write the value down; read back two identifiers and the value", validates=PROVIDER, escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "provider-called", "Provider on the phone, not read back yet"),
    records={ResultReadBack: "the read-back did not match, or was of an earlier value: read it back again", **_moving},
    defers=_knowing_early, refuses=_reported_already,
    ignores={ResultCalled: "called already", ProviderNotReached: "the provider was reached already", **_to_provider}, late=_looked,
)  # fmt: skip
_unanswered: Reasons = {
    ResultAcknowledged: "acknowledged for an earlier value: the newest one has to be told",
    **_moving,
}
_asking: Reasons = {**_verified, **_called, **_not_suppressed, **_not_corrected}
READ_BACK_OK = waiting(
    "read_back_ok", "Read back", owner=RN, within=minutes(alternate_after), do="Tell the ordering provider; get an acknowledgement",
    sooner=(sooner(result_id.older_than(late_after), minutes(hurry_within), "half of the time to reach a provider is gone"),),
    validates=PROVIDER, escalates_to=COVERING,
    emr=emr("in-progress", "read-back-ok", "Read back, provider not told yet"), records=_unanswered, refuses=_reported_already,
    defers=_acting_early, ignores=_asking, late=_looked,
)  # fmt: skip
COVERING_ASKED = waiting(
    "unreachable_1", "Covering provider asked", owner=COVERING, within=minutes(next_within),
    do="Take the result on in the ordering provider's place", validates=PROVIDER, escalates_to=CHIEF,
    emr=emr("in-progress", "unreachable-1", "Provider unreachable, covering provider asked"), records=_unanswered,
    refuses=_reported_already, defers=_acting_early, ignores=_asking, late=_looked,
)  # fmt: skip
CHIEF_ASKED = waiting(
    "unreachable_2", "Chief of service asked", owner=CHIEF, within=minutes(next_within),
    do="Take the result on, or name a provider who does", validates=PROVIDER, escalates_to=SUPERVISOR,
    emr=emr("in-progress", "unreachable-2", "Covering provider unreachable, chief asked"), records=_unanswered,
    refuses=_reported_already, defers=_acting_early, ignores=_asking, late=_looked,
)  # fmt: skip
SUPERVISOR_ASKED = waiting(
    "unreachable_3", "Nobody reached", owner=SUPERVISOR, within=minutes(next_within),
    do="Bring a provider to the patient, by the emergency team if need be", validates=PROVIDER, escalates_to=SUPERVISOR,
    emr=emr("in-progress", "unreachable-3", "No provider reached, supervisor asked"),
    records={ProviderNotReached: "another attempt noted", **_unanswered}, refuses=_reported_already, defers=_acting_early,
    ignores=_asking, late=_looked,
)  # fmt: skip
_acting: Reasons = {**_asking, **_acknowledged}
_earlier: Reasons = {
    ActionOrdered: "ordered for an earlier value: noted",
    NoActionNeeded: "decided on an earlier value: noted",
}
_deciding: Reasons = {**_earlier, **_moving}
PROVIDER_ACK = waiting(
    "provider_ack", "Acknowledged", owner=PROVIDER, within=minutes(act_within),
    do="Order what the result calls for, or say why nothing is needed", escalates_to=COVERING,
    emr=emr("in-progress", "provider-ack", "Acknowledged by a provider"),
    records=_deciding, refuses=_reported_already, defers={ActionCompleted: "kept until the order is known"}, ignores=_acting,
    late=_looked,
)  # fmt: skip
_not_decided: Reasons = {ActionCompleted: "noted; a provider says whether that answers the result", **_deciding}
CONFIRMING_ORDER = system(
    "confirming_order", "Looking for the order", work=LOOK, owner=PROVIDER, within=minutes(look_within),
    emr=emr("in-progress", "confirming-order", "Looking for the order"),
    records={
        ActionOrdered: "another order noted", PatientTransferred: "the result goes with the patient",
        PatientMerged: "patient identity noted",
    },
    defers={
        ActionCompleted: "kept until the order is found",
        PatientDischarged: "kept until it is known whether there is an order that cannot be carried out any more",
    },
    refuses=_reported_already,
    ignores={NoActionNeeded: "something has been ordered", **_acting}, late=_looked,
)  # fmt: skip
ORDER_MISSING = waiting(
    "order_missing", "Order missing", owner=PROVIDER, within=minutes(act_within),
    do="The EMR does not show the order: place it again", escalates_to=COVERING, emr=emr("in-progress", "order-missing"),
    records=_other_order | _deciding, refuses=_reported_already, ignores=_acting, late=_looked,
)  # fmt: skip
NOT_ACTED_ON = waiting(
    "not_acted_on", "Known, not acted on", owner=COVERING, within=minutes(escalation),
    do="See that the result is acted on: order, or say why nothing is needed", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "not-acted-on", "Known, not acted on"), records=_not_decided, refuses=_reported_already, ignores=_acting,
    late=_looked,
)  # fmt: skip
STILL_NOT_ACTED_ON = waiting(
    "still_not_acted_on", "Still not acted on", owner=SUPERVISOR, within=minutes(escalation),
    do="Bring a provider to the patient who acts on the result", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "still-not-acted-on"), records=_not_decided, refuses=_reported_already, ignores=_acting, late=_looked,
)  # fmt: skip
_done: Reasons = {
    **_earlier, ActionOrdered: "another order noted", **_other_order, PatientMerged: "patient identity noted",
}  # fmt: skip
ACTION_ORDERED = waiting(
    "action_ordered", "Action ordered", owner=RN, within=minutes(carry_out_within), do="Carry the order out and document it",
    escalates_to=CHARGE_NURSE, emr=emr("in-progress", "action-ordered"), records=_done, refuses=_reported_already,
    ignores=_acting, late=_looked,
)  # fmt: skip
NOT_CARRIED_OUT = waiting(
    "not_carried_out", "Ordered, not carried out", owner=CHARGE_NURSE, within=minutes(escalation),
    do="See that the order is carried out now", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "not-carried-out", "Ordered, not carried out"),
    records={PatientTransferred: "the order must still be carried out, in the new unit", **_done}, refuses=_reported_already,
    ignores=_acting, late=_looked,
)  # fmt: skip
SUPPRESSED_EXPECTED = waiting(
    "suppressed_expected", "Expected, not called", owner=PROVIDER, within=minutes(review_within),
    do="Review the expected result; have it called if it is not expected", escalates_to=LAB,
    emr=emr("in-progress", "suppressed-expected", "Expected, not called"), optional=suppresses,
    records={
        ResultCorrected: "corrected; still expected",
        ResultCalled: "the person reached does not care for this patient, or was given an earlier value",
        ResultAcknowledged: "the provider knows it; a review closes it", ActionOrdered: "ordered although it was expected",
        NoActionNeeded: "the provider knows it; a review closes it", ExpectedResultReviewed: "reviewed by an earlier value",
        CriticalResultReported: "reported again; still expected, or within this facility's limits", **_moving,
    },
    ignores={
        ResultReadBack: "nobody has to read it back", ActionCompleted: "nothing had to be done", **_verified, **_nobody_asked,
        **_not_corrected,
    }, late=_looked,
)  # fmt: skip
_correcting: Reasons = {
    CriticalResultReported: "reported again; expected, or within this facility's limits",
    ResultWithdrawn: "withdrawn after it was corrected",
    ResultCorrected: "corrected again: tell the latest value", CorrectionAcknowledged: "that was an earlier correction",
    ResultCalled: "called about the correction",
    ResultReadBack: "the correction was read back", ActionOrdered: "ordered after the correction",
    NoActionNeeded: "decided after the correction", ActionCompleted: "done for the first value; noted", **_moving,
}  # fmt: skip
_first_value: Reasons = {
    ResultAcknowledged: "that was the first value; the correction is acknowledged on its own",
    ProviderNotReached: "that was for the first value",
    **_verified,
    **_not_suppressed,
}
CORRECTED = waiting(
    "corrected", "Corrected after it was told", owner=LAB, within=minutes(correct_within),
    do="Tell everybody who knows the first value that it was wrong", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "corrected", "Corrected after it was told"),
    records=_correcting, ignores=_first_value, late=_looked,
)  # fmt: skip
CORRECTION_OVERDUE = waiting(
    "correction_overdue", "Correction not told", owner=CHARGE_NURSE, within=minutes(escalation),
    do="See that nurse and provider know that the first value was wrong", escalates_to=CHARGE_NURSE,
    emr=emr("in-progress", "correction-overdue", "Correction not told"), records=_correcting, ignores=_first_value, late=_looked,
)  # fmt: skip
_nobody_was_told: Reasons = {ResultWithdrawn: "nobody was told a value"}
CLOSED = end("closed", "Closed", emr=emr("completed", "closed"), late=_looked)
REVIEWED = end(
    "reviewed", "Expected, reviewed", emr=emr("completed", "expected-reviewed", "Expected, reviewed"), late=_looked
)
CORRECTION_KNOWN = end("correction_known", "Correction known", emr=emr("completed", "correction-known"), late=_looked)
NOT_CRITICAL = end(
    "not_critical", "Not critical here", emr=emr("cancelled", "not-critical", "Not critical here"),
    ignores={ResultCorrected: "not critical by either value, and nobody was told one", **_nobody_was_told}, late=_looked,
)  # fmt: skip
WITHDRAWN = end(
    "withdrawn",
    "Withdrawn before it was told",
    emr=emr("cancelled", "withdrawn", "Withdrawn before it was told"),
    ignores={ResultCorrected: "not critical as corrected, and nobody was told the first value", **_nobody_was_told},
    late=_looked,
)
_died: Reasons = {
    CriticalResultReported: "the patient died: nobody acts on it any more, and the report itself is in the record",
    ResultCorrected: "the patient died: nobody acts on it any more, and the report itself is corrected in the record",
    ResultWithdrawn: "the patient died: nobody acts on it any more, and the report itself is withdrawn in the record",
}
DECEASED = end("deceased", "Patient died", emr=emr("cancelled", "patient-died"), ignores=_died, late=_looked)

TO_CALL = (NOTIFY_DUE, NOTIFY_OVERDUE, PROVIDER_DUE)
TO_TELL = (RESULTED, *TO_CALL, SUPPRESSED_EXPECTED)
"""Nobody is being told here; somebody may have been, before the case came back."""
ASKING = (READ_BACK_OK, COVERING_ASKED, CHIEF_ASKED, SUPERVISOR_ASKED)
UNDECIDED = (PROVIDER_ACK, ORDER_MISSING, NOT_ACTED_ON, STILL_NOT_ACTED_ON)
ORDERED = (ACTION_ORDERED, NOT_CARRIED_OUT)
CORRECTING = (CORRECTED, CORRECTION_OVERDUE)
BY_THE_NURSE = (CONTACTED, *ASKING)
BY_A_PROVIDER = (PROVIDER_CALLED, CONFIRMING_ORDER, *UNDECIDED, *ORDERED)
TOLD = (*BY_THE_NURSE, *BY_A_PROVIDER)
OPEN = (*TO_TELL, *TOLD, *CORRECTING)
KNOWN_TO_SOMEBODY, KNOWN_TO_NOBODY = (CLOSED, REVIEWED, CORRECTION_KNOWN), (NOT_CRITICAL, WITHDRAWN)
"""How a case can have ended, but for the patient's death."""

# ── Transitions: one row per arrow ───────────────────────────────────────────────────────────────────────────────────────
TRANSITIONS = (
    # verify
    T("T-01", None, on=CriticalResultReported, to=RESULTED, because="reported as critical"),
    T("T-02", RESULTED, on=ResultVerified, when=to_be_called & for_nurse, to=NOTIFY_DUE, by=LAB, override_by=(LAB, PROVIDER),
      because="critical here, and not expected, or somebody was told before"),
    T("T-07", RESULTED, on=ResultVerified, when=to_be_called & for_provider, to=PROVIDER_DUE, by=LAB, override_by=(LAB, PROVIDER),
      because="critical here, and a provider knew it or the patient has left: call the provider"),
    T("T-03", (RESULTED, NOTIFY_OVERDUE), on=ResultVerified, when=not_to_be_called, to=SUPPRESSED_EXPECTED, by=LAB,
      because="critical, but expected for this patient, and nobody was told before"),
    T("T-04", (RESULTED, NOTIFY_OVERDUE), on=ResultVerified, when=harmless & nobody_told, to=NOT_CRITICAL, by=LAB,
      because="within this facility's critical limits"),
    T("T-06", (RESULTED, NOTIFY_OVERDUE), on=ResultVerified, when=harmless & was_told, to=CORRECTED, by=LAB,
      because="within this facility's critical limits, and somebody was told"),
    T("T-05", RESULTED, on=DEADLINE, to=NOTIFY_OVERDUE, because="not verified in time: get it unverified"),
    # call and read back
    T("T-10", (NOTIFY_DUE, NOTIFY_OVERDUE, SUPPRESSED_EXPECTED), on=ResultCalled, when=reached, to=CONTACTED, by=LAB,
      because="the patient's nurse is on the phone"),
    T("T-11", NOTIFY_DUE, on=DEADLINE, to=NOTIFY_OVERDUE, because="not called in time"),
    T("T-12", NOTIFY_OVERDUE, on=DEADLINE, to=None, because="still not called"),
    T("T-13", (CONTACTED, NOTIFY_OVERDUE), on=ResultReadBack, when=read_back_matches, to=READ_BACK_OK, by=NURSES,
      separate_from=("T-10",), because="two identifiers and the value match"),
    T("T-14", CONTACTED, on=DEADLINE, to=NOTIFY_OVERDUE, because="not read back in time"),
    T("T-15", PROVIDER_DUE, on=ResultCalled, when=reached, to=PROVIDER_CALLED, by=LAB,
      because="the responsible provider is on the phone"),
    T("T-16", PROVIDER_DUE, on=DEADLINE, to=NOTIFY_OVERDUE, because="no provider was called in time: take it for the unit"),
    T("T-17", PROVIDER_CALLED, on=ResultReadBack, when=read_back_matches, to=PROVIDER_ACK, by=PROVIDERS,
      separate_from=("T-13", "T-15"), because="two identifiers and the value match: the provider takes it on"),
    T("T-29", PROVIDER_CALLED, on=ResultReadBack, when=read_back_matches, to=READ_BACK_OK, by=NURSES,
      separate_from=("T-15",), because="a nurse took the provider's call: two identifiers and the value match"),
    T("T-18", PROVIDER_CALLED, on=DEADLINE, to=NOTIFY_OVERDUE, because="the provider did not read it back in time"),
    T("T-28", (*BY_THE_NURSE, NOTIFY_OVERDUE), on=ResultReadBack, when=read_back_matches, to=PROVIDER_ACK, by=PROVIDERS,
      separate_from=("T-10", "T-13", "T-15", "T-29"), because="a provider took the call: two identifiers and the value match"),
    # reach a provider
    T("T-20", ASKING, on=ResultAcknowledged, when=of_this_value, to=PROVIDER_ACK, by=PROVIDERS, separate_from=("T-13", "T-15", "T-29"),
      because="a provider takes the result on"),
    T("T-21", READ_BACK_OK, on=DEADLINE, to=COVERING_ASKED, because="the ordering provider did not answer in time"),
    T("T-22", READ_BACK_OK, on=ProviderNotReached, to=COVERING_ASKED, by=NURSES, because="the ordering provider cannot be reached"),
    T("T-23", COVERING_ASKED, on=DEADLINE, to=CHIEF_ASKED, because="the covering provider did not answer in time"),
    T("T-24", COVERING_ASKED, on=ProviderNotReached, to=CHIEF_ASKED, by=NURSES, because="the covering provider cannot be reached"),
    T("T-25", CHIEF_ASKED, on=DEADLINE, to=SUPERVISOR_ASKED, because="the chief did not answer in time"),
    T("T-26", CHIEF_ASKED, on=ProviderNotReached, to=SUPERVISOR_ASKED, by=NURSES, because="the chief cannot be reached"),
    T("T-27", SUPERVISOR_ASKED, on=DEADLINE, to=None, because="still no provider"),
    # act
    T("T-30", UNDECIDED, on=ActionOrdered, when=of_this_value, to=CONFIRMING_ORDER, by=PROVIDERS, because="ordered"),
    T("T-31", CONFIRMING_ORDER, on=FOUND, to=ACTION_ORDERED, because="the EMR shows the order"),
    T("T-32", CONFIRMING_ORDER, on=MISSING, to=ORDER_MISSING, because="the EMR has no such order"),
    T("T-33", CONFIRMING_ORDER, on=NOT_READ, to=ORDER_MISSING, because="the EMR could not be read"),
    T("T-34", CONFIRMING_ORDER, on=DEADLINE, to=ORDER_MISSING, because="not found in time"),
    T("T-35", PROVIDER_ACK, on=DEADLINE, to=NOT_ACTED_ON, because="acknowledged, and nothing ordered in time"),
    T("T-36", ORDER_MISSING, on=DEADLINE, to=NOT_ACTED_ON, because="not ordered again in time"),
    T("T-37", NOT_ACTED_ON, on=DEADLINE, to=STILL_NOT_ACTED_ON, because="still nothing ordered"),
    T("T-38", STILL_NOT_ACTED_ON, on=DEADLINE, to=None, because="still nothing ordered"),
    T("T-40", ORDERED, on=ActionCompleted, when=carried_out, to=CLOSED, by=NURSES, because="done"),
    T("T-41", ORDER_MISSING, on=ActionCompleted, when=carried_out, to=CLOSED, by=NURSES,
      because="done, though the EMR never showed the order"),
    T("T-44", UNDECIDED, on=NoActionNeeded, when=of_this_value, to=CLOSED, by=PROVIDERS,
      because="a provider decided that nothing is needed"),
    T("T-45", ORDERED, on=NoActionNeeded, when=of_this_value, to=CLOSED, by=PROVIDERS,
      because="a provider decided that it is no longer needed"),
    T("T-42", ACTION_ORDERED, on=DEADLINE, to=NOT_CARRIED_OUT, because="not carried out in time"),
    T("T-43", NOT_CARRIED_OUT, on=DEADLINE, to=None, because="still not carried out"),
    # expected
    T("T-50", SUPPRESSED_EXPECTED, on=ExpectedResultReviewed, when=of_this_value, to=REVIEWED, by=PROVIDERS,
      because="reviewed: expected"),
    T("T-51", SUPPRESSED_EXPECTED, on=ResultCallRequested, when=for_nurse, to=NOTIFY_DUE, by=(LAB, *NURSES, *PROVIDERS),
      because="somebody wants it called"),
    T("T-53", SUPPRESSED_EXPECTED, on=ResultCallRequested, when=for_provider, to=PROVIDER_DUE, by=(LAB, *NURSES, *PROVIDERS),
      because="somebody wants it called, and a provider knew it or the patient has left"),
    T("T-52", SUPPRESSED_EXPECTED, on=DEADLINE, when=for_nurse, to=NOTIFY_DUE, because="nobody reviewed it: call it after all"),
    T("T-54", SUPPRESSED_EXPECTED, on=DEADLINE, when=for_provider, to=PROVIDER_DUE,
      because="nobody reviewed it, and a provider knew it or the patient has left: call the provider after all"),
    # a correction, a withdrawal
    T("T-72", (SUPPRESSED_EXPECTED, *CORRECTING), on=CriticalResultReported, when=to_be_called & for_nurse, to=NOTIFY_DUE,
      because="reported again, critical, and not expected or known to somebody: call it"),
    T("T-76", (SUPPRESSED_EXPECTED, *CORRECTING), on=CriticalResultReported, when=to_be_called & for_provider, to=PROVIDER_DUE,
      because="reported again, critical, and not expected or known to somebody: call it to the provider"),
    T("T-61", SUPPRESSED_EXPECTED, on=ResultCorrected, when=to_be_called & for_nurse, to=NOTIFY_DUE,
      because="corrected: no longer expected"),
    T("T-77", SUPPRESSED_EXPECTED, on=ResultCorrected, when=to_be_called & for_provider, to=PROVIDER_DUE,
      because="corrected: no longer expected, call it to the provider"),
    T("T-62", (*TO_CALL, SUPPRESSED_EXPECTED), on=ResultCorrected, when=harmless & nobody_told, to=NOT_CRITICAL,
      because="corrected: not critical, and nobody was told"),
    T("T-63", (*BY_THE_NURSE, *CORRECTING), on=ResultCorrected, when=~harmless & for_nurse, to=NOTIFY_DUE,
      because="corrected, and still critical: call the corrected value"),
    T("T-75", (*BY_THE_NURSE, *CORRECTING), on=ResultCorrected, when=~harmless & for_provider, to=PROVIDER_DUE,
      because="corrected, and still critical: call the corrected value to the provider"),
    T("T-19", BY_A_PROVIDER, on=ResultCorrected, when=~harmless, to=PROVIDER_DUE,
      because="corrected, and still critical: the provider who has the first value is called"),
    T("T-64", TOLD, on=ResultCorrected, when=harmless, to=CORRECTED,
      because="corrected: not critical, and it was told"),
    T("T-70", (*TO_CALL, SUPPRESSED_EXPECTED), on=ResultCorrected, when=harmless & was_told, to=CORRECTED,
      because="corrected: not critical, and somebody was told before"),
    T("T-65", TO_TELL, on=ResultWithdrawn, when=nobody_told, to=WITHDRAWN, by=LAB, because="withdrawn before anybody was told"),
    T("T-66", TOLD, on=ResultWithdrawn, to=CORRECTED, by=LAB, because="withdrawn after it was told"),
    T("T-71", TO_TELL, on=ResultWithdrawn, when=was_told, to=CORRECTED, by=LAB, because="withdrawn, and somebody was told before"),
    T("T-73", CORRECTING, on=CorrectionAcknowledged, when=nurse_suffices & of_this_value, to=CORRECTION_KNOWN, by=NURSES,
      because="a nurse knows the correction, no provider knew the first value, and the patient is here"),
    T("T-74", CORRECTING, on=CorrectionAcknowledged, when=provider_must & of_this_value, to=None, by=NURSES,
      because="a nurse knows the correction; a provider took the first value on or the patient has left: one must know it too"),
    T("T-67", CORRECTING, on=CorrectionAcknowledged, when=of_this_value, to=CORRECTION_KNOWN, by=PROVIDERS,
      because="a provider knows the correction"),
    T("T-68", CORRECTED, on=DEADLINE, to=CORRECTION_OVERDUE, because="the correction was not told in time"),
    T("T-69", CORRECTION_OVERDUE, on=DEADLINE, to=None, because="the correction is still not known"),
    # a correction, a withdrawal, another report after the end
    T("T-90", CLOSED, on=ResultCorrected, when=~harmless, to=PROVIDER_DUE, reopens=True,
      because="corrected after the end, and critical: call the corrected value to the provider"),
    T("T-97", CORRECTION_KNOWN, on=ResultCorrected, when=~harmless & for_nurse, to=NOTIFY_DUE, reopens=True,
      because="corrected again, critical after all, and no provider ever knew of it: call the nurse"),
    T("T-98", CORRECTION_KNOWN, on=ResultCorrected, when=~harmless & for_provider, to=PROVIDER_DUE, reopens=True,
      because="corrected again, critical after all: call the corrected value to the provider"),
    T("T-91", REVIEWED, on=ResultCorrected, when=~harmless & ~expected, to=PROVIDER_DUE, reopens=True,
      because="corrected after it was reviewed, and no longer expected: call it to the provider"),
    T("T-92", REVIEWED, on=ResultCorrected, when=~harmless & expected, to=SUPPRESSED_EXPECTED, reopens=True,
      because="corrected after it was reviewed, and still expected: review the corrected value"),
    T("T-93", KNOWN_TO_SOMEBODY, on=ResultCorrected, when=harmless, to=CORRECTED, reopens=True,
      because="corrected after the end: not critical, and it was told"),
    T("T-94", KNOWN_TO_SOMEBODY, on=ResultWithdrawn, to=CORRECTED, by=LAB, reopens=True,
      because="withdrawn after the end, and it was told"),
    T("T-95", KNOWN_TO_NOBODY, on=ResultCorrected, when=~harmless, to=RESULTED, reopens=True,
      because="corrected after the end, and critical after all: a fresh result, to be verified"),
    T("T-96", (*KNOWN_TO_SOMEBODY, *KNOWN_TO_NOBODY), on=CriticalResultReported, to=RESULTED, reopens=True,
      because="reported again after the end: verify what it says now; whoever was told before counts as told"),
    # the patient's life goes on
    T("T-80", CONTACTED, on=PatientTransferred, to=NOTIFY_DUE, because="another nurse cares for the patient now: call there"),
    T("T-84", NOTIFY_DUE, on=PatientDischarged, to=PROVIDER_DUE, because="no nurse cares for the patient any more: call the provider"),
    T("T-81", ACTION_ORDERED, on=PatientTransferred, to=None, because="the new unit carries it out"),
    T("T-82", ORDERED, on=PatientDischarged, to=PROVIDER_ACK, because="left before it was carried out: decide what now"),
    T("T-83", OPEN, on=PatientDied, to=DECEASED, because="the patient died"),
)  # fmt: skip

_OVERTAKEN = 4 * 60
"""Baton's default, in minutes: queues and interfaces that are slow or start again are behind by seconds to hours. A correction
waits for its own result only, so waiting longer would harm nobody; but nearly all concern results that never were critical."""
_WAITS = "it may have overtaken its result (Baton's default); nearly all concern results that were not critical"

CRITICAL_LAB = workflow(
    "critical_lab",
    2,
    title="Critical laboratory result: call, read back, act",
    purpose="Every critical result reaches a provider within half an hour, is read back correctly, and is acted on; "
    "called, acknowledged and acted on are never confused.",
    correlation=Correlation.RESULT,
    roles=(PROVIDER, RN, LAB, COVERING, CHIEF, SUPERVISOR, CHARGE_NURSE),
    facts=(
        result_id, chronic, trending, on_protocol, potassium, sodium, glucose, calcium, always_called, right_recipient,
        identifiers, value_matches, order_id, done_order, given, taken_on, left,
    ),
    parameters=(
        potassium_low, potassium_high, sodium_low, sodium_high, glucose_low, glucose_high, calcium_low, calcium_high,
        suppress_chronic, suppress_trending, suppress_on_protocol, two, verify_within, call_within, read_back_within,
        alternate_after, late_after, hurry_within, next_within, act_within, look_within, carry_out_within, review_within,
        correct_within, escalation,
    ),
    events=(
        expect(CriticalResultReported),
        expect(ResultVerified, Unplaced.HOLD, "the result itself may arrive later"),
        expect(ResultCalled, Unplaced.HOLD, "the result itself may arrive later"),
        expect(ResultReadBack, Unplaced.HOLD, "the result itself may arrive later"),
        expect(ProviderNotReached),
        expect(ResultAcknowledged, Unplaced.HOLD, "the result itself may arrive later"),
        expect(ActionOrdered),
        expect(NoActionNeeded),
        expect(ActionCompleted),
        expect(ExpectedResultReviewed),
        expect(ResultCallRequested),
        expect(ResultCorrected, Unplaced.HOLD_THEN_IGNORE, _WAITS, hold_minutes=_OVERTAKEN),
        expect(ResultWithdrawn, Unplaced.HOLD_THEN_IGNORE, _WAITS, hold_minutes=_OVERTAKEN),
        expect(CorrectionAcknowledged),
        expect(PatientTransferred, Unplaced.NOT_APPLICABLE, "no critical result is open for this encounter"),
        expect(PatientDischarged, Unplaced.NOT_APPLICABLE, "no critical result is open for this encounter"),
        expect(PatientDied, Unplaced.NOT_APPLICABLE, "no critical result is open for this encounter"),
        expect(PatientMerged, Unplaced.NOT_APPLICABLE, "no critical result is open for this encounter"),
    ),
    states=(
        RESULTED, NOTIFY_DUE, NOTIFY_OVERDUE, CONTACTED, READ_BACK_OK, PROVIDER_DUE, PROVIDER_CALLED, COVERING_ASKED,
        CHIEF_ASKED, SUPERVISOR_ASKED, PROVIDER_ACK, CONFIRMING_ORDER, ORDER_MISSING, NOT_ACTED_ON, STILL_NOT_ACTED_ON,
        NOT_CARRIED_OUT, ACTION_ORDERED, SUPPRESSED_EXPECTED, CORRECTED, CORRECTION_OVERDUE, CLOSED, REVIEWED,
        CORRECTION_KNOWN, NOT_CRITICAL, WITHDRAWN, DECEASED,
    ),
    transitions=TRANSITIONS,
    lifecycle=lifecycle(
        transfer=PatientTransferred, merge=PatientMerged, discharge=PatientDischarged, death=PatientDied,
        cancellation=ResultWithdrawn,
    ),
)  # fmt: skip
