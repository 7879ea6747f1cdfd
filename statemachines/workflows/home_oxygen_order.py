"""W3b Home oxygen order: drafted, signed, sent, acknowledged by the vendor, delivered.

The part of a discharge with home oxygen in which orders vanish: "signed" is not "sent", "sent" is not "received", and
"received" is not "delivered". Each has an owner and a deadline. An order that is no longer wanted is recalled, so that nobody
delivers oxygen to a patient who will not come home. Times are defaults that a facility may set.
"""

from events.catalog import (
    DischargePlanCancelled,
    EquipmentDelivered,
    HomeOxygenNotNeeded,
    HomeOxygenOrderCancelled,
    HomeOxygenOrderCosigned,
    HomeOxygenOrderDrafted,
    HomeOxygenOrderSigned,
    OrderSendingRequested,
    PatientDied,
    PatientDischarged,
    PatientMerged,
    PatientTransferred,
    VendorAcknowledged,
    VendorDeclined,
    VendorTold,
)
from statemachines.definition import Correlation, Late, Unplaced, ValueType, Work
from statemachines.language import (
    DEADLINE,
    REQUESTED,
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
    system,
    waiting,
    workflow,
)

# ── Roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
CHARGE_NURSE = role("CHARGE_NURSE", "Charge nurse")
SUPERVISOR = role("SUPERVISOR", "Nursing supervisor", CHARGE_NURSE)
ATTENDING = role("ATTENDING", "Attending physician", CHARGE_NURSE)
PROVIDER = role("PROVIDER", "Ordering provider", CHARGE_NURSE)
CASE_MANAGER = role("CASE_MANAGER", "Case manager", CHARGE_NURSE)
VENDOR = role("VENDOR", "Equipment vendor", CASE_MANAGER)

# ── Facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
order_id = fact("order_id", "the order", ValueType.CODE, of(HomeOxygenOrderDrafted, lambda e: e.order_id))
vendor_id = fact("vendor_id", "the vendor", ValueType.CODE, of(HomeOxygenOrderDrafted, lambda e: e.vendor_id))
flow = fact(
    "flow",
    "oxygen flow",
    ValueType.NUMBER,
    of(HomeOxygenOrderDrafted, lambda e: e.flow_l_min),
    unit="L/min",
    loinc="3151-8",
)

# ── Parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────────
OWN = "Baton's default; set by the facility"


def _time(name: str, title: str, hours: float) -> ParameterTerm:
    return parameter(name, title, hours * 60, OWN, unit="min", minimum=0.001, maximum=14 * 24 * 60)


draft_within = _time("draft_within", "draft the order within", 4)
sign_within = _time("sign_within", "sign the order within", 4)
send_within = _time("send_within", "send or recall the order within", 0.5)
acknowledge_within = _time("acknowledge_within", "the vendor acknowledges within", 4)
call_vendor_within = _time("call_vendor_within", "settle it with the vendor within", 2)
deliver_within = _time("deliver_within", "the vendor delivers within", 24)
escalation = _time("escalation", "answer an escalation within", 2)
cosignature = parameter("cosignature", "co-signature required", False, OWN)

# ── Guards ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
wants_cosign = cosignature == True  # noqa: E712

# ── System steps ─────────────────────────────────────────────────────────────────────────────────────────────────────────
SEND = Work(name="send_order", outcomes=("sent", "failed"))
RECALL = Work(name="recall_order", outcomes=("recalled", "failed"))
SENT_OK = WorkOutcome(SEND.name, "sent")
NOT_SENT = WorkOutcome(SEND.name, "failed")
RECALLED_OK = WorkOutcome(RECALL.name, "recalled")
NOT_RECALLED = WorkOutcome(RECALL.name, "failed")
_wanted = {SEND: Late.ACCEPT}
"""The order is still wanted: that it was sent after all is good news."""
_replaced = {SEND: Late.COMPENSATE}
"""The order is being drafted anew: the old one, sent late, is recalled."""
_unwanted = {SEND: Late.COMPENSATE, RECALL: Late.ACCEPT}
"""The order is no longer wanted: one that was sent late is recalled."""

# ── States ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
_news: Reasons = {
    PatientTransferred: "the order goes with the patient",
    PatientDischarged: "the patient has left: the order is needed at home",
    PatientMerged: "patient identity noted",
}
_not_sent: Reasons = {
    VendorAcknowledged: "nothing is with a vendor: that was an order given up",
    VendorDeclined: "nothing is with a vendor: that was an order given up",
    EquipmentDelivered: "nothing is with a vendor: that was an order given up",
}
_signed_early: Reasons = {
    HomeOxygenOrderSigned: "kept until the draft is known",
    HomeOxygenOrderCosigned: "kept until the order is signed",
}
_not_failed: Reasons = {OrderSendingRequested: "sending did not fail"}
_not_recalled: Reasons = {VendorTold: "the order is still wanted"}
_signed: Reasons = {
    HomeOxygenOrderSigned: "signed already",
    HomeOxygenOrderCosigned: "signed already",
    **_not_recalled,
}
_fixed: Reasons = {HomeOxygenOrderDrafted: "the order is on its way; cancel it to change it", **_signed}

ORDER_DRAFT = waiting(
    "order_draft", "To be drafted", owner=CASE_MANAGER, within=minutes(draft_within),
    do="Prepare the order: vendor, flow, equipment for home and for the way", escalates_to=SUPERVISOR,
    emr=emr("ready", "order-draft", "To be drafted"), records=_news, defers=_signed_early,
    ignores={**_not_failed, **_not_recalled, **_not_sent},
)  # fmt: skip
DRAFT_OVERDUE = waiting(
    "draft_overdue", "Draft overdue", owner=SUPERVISOR, within=minutes(escalation), do="See that somebody prepares the order",
    escalates_to=SUPERVISOR, emr=emr("in-progress", "draft-overdue"), records=_news, defers=_signed_early,
    ignores={**_not_failed, **_not_recalled, **_not_sent},
)  # fmt: skip
DRAFTED = waiting(
    "drafted", "Drafted, unsigned", owner=PROVIDER, within=minutes(sign_within), do="Check the order and sign it",
    escalates_to=SUPERVISOR, emr=emr("in-progress", "drafted", "Drafted, unsigned"),
    records={HomeOxygenOrderDrafted: "draft changed before signature", **_news},
    defers={HomeOxygenOrderCosigned: "kept until the order is signed"},
    ignores={**_not_failed, **_not_recalled, **_not_sent}, late=_replaced,
)  # fmt: skip
SIGNATURE_OVERDUE = waiting(
    "signature_overdue", "Signature overdue", owner=SUPERVISOR, within=minutes(escalation), do="Find a provider who signs the order",
    escalates_to=SUPERVISOR, emr=emr("in-progress", "signature-overdue"),
    records={HomeOxygenOrderDrafted: "draft changed before signature", **_news},
    defers={HomeOxygenOrderCosigned: "kept until the order is signed"},
    ignores={**_not_failed, **_not_recalled, **_not_sent}, late=_replaced,
)  # fmt: skip
AWAITING_COSIGN = waiting(
    "awaiting_cosign", "Awaiting co-signature", owner=ATTENDING, within=minutes(sign_within), do="Co-sign the order",
    validates=ATTENDING, escalates_to=SUPERVISOR,
    emr=emr("in-progress", "awaiting-cosign", "Awaiting co-signature"), optional=wants_cosign,
    records=_news, ignores={
        HomeOxygenOrderDrafted: "signed already; cancel the order to change it", HomeOxygenOrderSigned: "signed already",
        **_not_failed, **_not_recalled, **_not_sent,
    }, late=_replaced,
)  # fmt: skip
COSIGN_OVERDUE = waiting(
    "cosign_overdue", "Co-signature overdue", owner=SUPERVISOR, within=minutes(escalation),
    do="Find an attending who co-signs the order", validates=ATTENDING, escalates_to=SUPERVISOR,
    emr=emr("in-progress", "cosign-overdue", "Co-signature overdue"), optional=wants_cosign, records=_news,
    ignores={
        HomeOxygenOrderDrafted: "signed already; cancel the order to change it", HomeOxygenOrderSigned: "signed already",
        **_not_failed, **_not_recalled, **_not_sent,
    }, late=_replaced,
)  # fmt: skip
SIGNED = system(
    "signed", "Signed, being sent", work=SEND, owner=CASE_MANAGER, within=minutes(send_within),
    emr=emr("in-progress", "signed", "Signed, being sent"),
    records=_news, defers={EquipmentDelivered: "kept until the vendor has acknowledged"}, ignores={**_not_failed, **_fixed},
    late=_wanted,
)  # fmt: skip
SENDING_FAILED = waiting(
    "sending_failed", "Not sent", owner=CASE_MANAGER, within=minutes(escalation),
    do="Find out why the order did not go out; send it again, or give it to the vendor by phone", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "sending-failed", "Not sent"), records=_news,
    defers={EquipmentDelivered: "kept until the vendor has acknowledged"}, ignores=_signed, late=_wanted,
)  # fmt: skip
SENT = waiting(
    "sent", "Sent, not acknowledged", owner=CASE_MANAGER, within=minutes(acknowledge_within),
    do="Watch for the vendor's acknowledgement: sent is not received", escalates_to=CASE_MANAGER,
    emr=emr("in-progress", "sent", "Sent, not acknowledged"),
    records=_news, defers={EquipmentDelivered: "kept until the vendor has acknowledged"}, ignores={**_not_failed, **_fixed},
    late=_wanted,
)  # fmt: skip
VENDOR_SILENT = waiting(
    "vendor_silent", "Vendor silent", owner=CASE_MANAGER, within=minutes(call_vendor_within),
    do="Call the vendor; if it does not take the order on, cancel it there and draft it for another", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "vendor-silent"), records=_news,
    defers={EquipmentDelivered: "kept until the vendor has acknowledged"}, ignores=_signed, late=_wanted,
)  # fmt: skip
VENDOR_ACKED = waiting(
    "vendor_acked", "Acknowledged, not delivered", owner=CASE_MANAGER, within=minutes(deliver_within),
    do="See that the vendor delivers and shows that the equipment works", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "vendor-acked", "Acknowledged, not delivered"), records=_news,
    ignores={VendorAcknowledged: "acknowledged already", **_not_failed, **_fixed}, late=_wanted,
)  # fmt: skip
VENDOR_ESCALATED = waiting(
    "vendor_escalated", "Delivery in danger", owner=SUPERVISOR, within=minutes(escalation),
    do="Get oxygen for this patient: another vendor, hospital equipment, or a later discharge", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "vendor-escalated", "Delivery in danger"),
    records={VendorDeclined: "the vendor will not deliver: noted", **_news}, ignores=_signed, late=_wanted,
)  # fmt: skip
_off: Reasons = {
    HomeOxygenOrderDrafted: "the order is being recalled; request home oxygen again",
    HomeOxygenOrderSigned: "the order is being recalled",
    HomeOxygenOrderCosigned: "the order is being recalled",
    HomeOxygenOrderCancelled: "cancelled already",
    HomeOxygenNotNeeded: "cancelled already",
    DischargePlanCancelled: "cancelled already",
    OrderSendingRequested: "the order is being recalled",
}
_recalling: Reasons = {
    VendorAcknowledged: "the vendor has the order: it must know that it is off",
    VendorDeclined: "the vendor would not have delivered",
    EquipmentDelivered: "delivered all the same: have it taken back",
    PatientDied: "the patient died; the order is being recalled already",
    **_news,
}
RECALLING = system(
    "recalling", "Being recalled", work=RECALL, owner=CASE_MANAGER, within=minutes(send_within),
    emr=emr("in-progress", "recalling", "Being recalled"),
    records=_recalling, ignores=_off, defers={VendorTold: "kept until it is known whether the recall went out"}, late=_unwanted,
)  # fmt: skip
RECALL_FAILED = waiting(
    "recall_failed", "Not recalled", owner=CASE_MANAGER, within=minutes(call_vendor_within),
    do="Call every vendor that may have the order: it is off; have equipment taken back", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "recall-failed", "Not recalled"), records=_recalling, ignores=_off, late=_unwanted,
)  # fmt: skip
RECALL_OVERDUE = waiting(
    "recall_overdue", "Vendor not told", owner=SUPERVISOR, within=minutes(escalation),
    do="See that the vendor knows that the order is off", escalates_to=SUPERVISOR,
    emr=emr("in-progress", "recall-overdue", "Vendor not told"),
    records=_recalling, ignores=_off, late=_unwanted,
)  # fmt: skip
DELIVERED = end("delivered", "Delivered", emr=emr("completed", "delivered"), late=_wanted)
WITHDRAWN = end("withdrawn", "Withdrawn", emr=emr("cancelled", "withdrawn"), late=_unwanted)

TO_DRAFT = (ORDER_DRAFT, DRAFT_OVERDUE)
TO_SIGN = (DRAFTED, SIGNATURE_OVERDUE)
TO_COSIGN = (AWAITING_COSIGN, COSIGN_OVERDUE)
TO_APPROVE = (*TO_SIGN, *TO_COSIGN)
"""What is drafted anew for another vendor may still be with the first one; to recall what was never sent does no harm."""
WITH_VENDOR = (SIGNED, SENDING_FAILED, SENT, VENDOR_SILENT, VENDOR_ACKED, VENDOR_ESCALATED)

# ── Transitions: one row per arrow ───────────────────────────────────────────────────────────────────────────────────────
TRANSITIONS = (
    # draft and sign
    T("T-01", None, on=REQUESTED, to=ORDER_DRAFT, because="home oxygen was requested"),
    T("T-02", TO_DRAFT, on=HomeOxygenOrderDrafted, to=DRAFTED, by=CASE_MANAGER, because="drafted"),
    T("T-03", ORDER_DRAFT, on=DEADLINE, to=DRAFT_OVERDUE, because="not drafted in time"),
    T("T-04", DRAFT_OVERDUE, on=DEADLINE, to=None, because="still not drafted"),
    T("T-05", TO_SIGN, on=HomeOxygenOrderSigned, when=~wants_cosign, to=SIGNED, by=PROVIDER, separate_from=("T-02", "T-19"),
      because="signed"),
    T("T-06", TO_SIGN, on=HomeOxygenOrderSigned, when=wants_cosign, to=AWAITING_COSIGN, by=PROVIDER,
      separate_from=("T-02", "T-19"), because="signed; this facility wants a co-signature"),
    T("T-07", DRAFTED, on=DEADLINE, to=SIGNATURE_OVERDUE, because="not signed in time"),
    T("T-08", SIGNATURE_OVERDUE, on=DEADLINE, to=None, because="still not signed"),
    T("T-09", TO_COSIGN, on=HomeOxygenOrderCosigned, to=SIGNED, by=ATTENDING, separate_from=("T-06",), because="co-signed"),
    T("T-10", AWAITING_COSIGN, on=DEADLINE, to=COSIGN_OVERDUE, because="not co-signed in time"),
    T("T-11", COSIGN_OVERDUE, on=DEADLINE, to=None, because="still not co-signed"),
    # send
    T("T-12", SIGNED, on=SENT_OK, to=SENT, because="the order went out"),
    T("T-13", SIGNED, on=NOT_SENT, to=SENDING_FAILED, because="the order did not go out"),
    T("T-14", SIGNED, on=DEADLINE, to=SENDING_FAILED, because="not sent in time"),
    T("T-15", (SENDING_FAILED, VENDOR_SILENT, VENDOR_ESCALATED), on=OrderSendingRequested, to=SIGNED,
      by=(CASE_MANAGER, SUPERVISOR), because="send it again"),
    T("T-16", SENDING_FAILED, on=DEADLINE, to=VENDOR_ESCALATED, because="still not sent"),
    # the vendor
    T("T-17", (SENT, SENDING_FAILED, VENDOR_SILENT, VENDOR_ESCALATED), on=VendorAcknowledged, to=VENDOR_ACKED,
      by=(VENDOR, CASE_MANAGER), because="the vendor takes the order on"),
    T("T-18", (VENDOR_ACKED, VENDOR_ESCALATED), on=EquipmentDelivered, to=DELIVERED, by=(VENDOR, CASE_MANAGER),
      because="handed over and shown to work"),
    T("T-19", (SENDING_FAILED, VENDOR_SILENT, VENDOR_ESCALATED), on=HomeOxygenOrderDrafted, to=DRAFTED,
      by=CASE_MANAGER, because="drafted for another vendor"),
    T("T-20", (SENT, SENDING_FAILED, VENDOR_SILENT, VENDOR_ACKED), on=VendorDeclined, to=VENDOR_ESCALATED,
      by=(VENDOR, CASE_MANAGER), because="the vendor will not deliver"),
    T("T-21", SIGNED, on=VendorAcknowledged, to=VENDOR_ACKED, by=(VENDOR, CASE_MANAGER),
      because="acknowledged: so it was sent"),
    T("T-22", SIGNED, on=VendorDeclined, to=VENDOR_ESCALATED, by=(VENDOR, CASE_MANAGER), because="declined: so it was sent"),
    T("T-23", SENT, on=DEADLINE, to=VENDOR_SILENT, because="sent, and no acknowledgement"),
    T("T-24", VENDOR_SILENT, on=DEADLINE, to=VENDOR_ESCALATED, because="the vendor is still silent"),
    T("T-25", VENDOR_ACKED, on=DEADLINE, to=VENDOR_ESCALATED, because="acknowledged, and not delivered in time"),
    T("T-26", VENDOR_ESCALATED, on=DEADLINE, to=None, because="still no oxygen"),
    # no longer wanted
    T("T-30", TO_DRAFT, on=HomeOxygenOrderCancelled, to=WITHDRAWN, by=(PROVIDER, CASE_MANAGER),
      because="cancelled before it was drafted"),
    T("T-31", TO_DRAFT, on=HomeOxygenNotNeeded, to=WITHDRAWN, by=PROVIDER, because="the patient goes home without oxygen"),
    T("T-32", TO_DRAFT, on=DischargePlanCancelled, to=WITHDRAWN, by=(PROVIDER, CASE_MANAGER),
      because="the patient does not go home for now"),
    T("T-33", TO_DRAFT, on=PatientDied, to=WITHDRAWN, because="the patient died"),
    T("T-46", TO_APPROVE, on=HomeOxygenOrderCancelled, to=RECALLING, by=(PROVIDER, CASE_MANAGER),
      because="cancelled; an earlier one may be with a vendor"),
    T("T-47", TO_APPROVE, on=HomeOxygenNotNeeded, to=RECALLING, by=PROVIDER, because="the patient goes home without oxygen"),
    T("T-48", TO_APPROVE, on=DischargePlanCancelled, to=RECALLING, by=(PROVIDER, CASE_MANAGER),
      because="the patient does not go home for now"),
    T("T-49", TO_APPROVE, on=PatientDied, to=RECALLING, because="the patient died"),
    T("T-34", WITH_VENDOR, on=HomeOxygenOrderCancelled, to=RECALLING, by=(PROVIDER, CASE_MANAGER),
      because="cancelled after it was signed"),
    T("T-35", WITH_VENDOR, on=HomeOxygenNotNeeded, to=RECALLING, by=PROVIDER, because="the patient goes home without oxygen"),
    T("T-36", WITH_VENDOR, on=DischargePlanCancelled, to=RECALLING, by=(PROVIDER, CASE_MANAGER),
      because="the patient does not go home for now"),
    T("T-37", WITH_VENDOR, on=PatientDied, to=RECALLING, because="the patient died: spare the family a delivery"),
    T("T-40", RECALLING, on=RECALLED_OK, to=WITHDRAWN, because="the vendor's system took the recall"),
    T("T-41", RECALLING, on=NOT_RECALLED, to=RECALL_FAILED, because="the recall did not go out"),
    T("T-42", RECALLING, on=DEADLINE, to=RECALL_FAILED, because="not recalled in time"),
    T("T-43", (RECALL_FAILED, RECALL_OVERDUE), on=VendorTold, to=WITHDRAWN, by=(CASE_MANAGER, SUPERVISOR),
      because="the vendor knows that the order is off"),
    T("T-44", RECALL_FAILED, on=DEADLINE, to=RECALL_OVERDUE, because="the vendor was not told in time"),
    T("T-45", RECALL_OVERDUE, on=DEADLINE, to=None, because="the vendor still does not know"),
)  # fmt: skip

_NO_ORDER = "no home oxygen order is open for this patient"
_OVERTAKEN = 4 * 60
"""Baton's default, in minutes: queues and interfaces that are slow or start again are behind by seconds to hours. It is for no
order that was requested after it."""
_WAITS = "it may have overtaken the request (Baton's default); nearly all concern plans without home oxygen"
HOME_OXYGEN_ORDER = workflow(
    "home_oxygen_order",
    2,
    title="Home oxygen order: draft, sign, send, deliver",
    purpose="An order for oxygen at home never vanishes between systems: signed, sent, received and delivered are four states, "
    "each with an owner, and an order that is off is recalled.",
    correlation=Correlation.PATIENT,
    roles=(PROVIDER, CASE_MANAGER, VENDOR, ATTENDING, SUPERVISOR, CHARGE_NURSE),
    facts=(order_id, vendor_id, flow),
    parameters=(
        draft_within, sign_within, send_within, acknowledge_within, call_vendor_within, deliver_within, escalation, cosignature,
    ),
    events=(
        expect(HomeOxygenOrderDrafted),
        expect(HomeOxygenOrderSigned),
        expect(HomeOxygenOrderCosigned),
        expect(OrderSendingRequested),
        expect(VendorAcknowledged),
        expect(VendorDeclined),
        expect(EquipmentDelivered, Unplaced.NOT_APPLICABLE, _NO_ORDER),
        expect(VendorTold),
        expect(HomeOxygenOrderCancelled, Unplaced.HOLD_THEN_IGNORE, _WAITS, hold_minutes=_OVERTAKEN),
        expect(HomeOxygenNotNeeded, Unplaced.HOLD_THEN_IGNORE, _WAITS, hold_minutes=_OVERTAKEN),
        expect(DischargePlanCancelled, Unplaced.HOLD_THEN_IGNORE, _WAITS, hold_minutes=_OVERTAKEN),
        expect(PatientTransferred, Unplaced.NOT_APPLICABLE, _NO_ORDER),
        expect(PatientDischarged, Unplaced.NOT_APPLICABLE, _NO_ORDER),
        expect(PatientDied, Unplaced.NOT_APPLICABLE, _NO_ORDER),
        expect(PatientMerged, Unplaced.NOT_APPLICABLE, _NO_ORDER),
    ),
    states=(
        ORDER_DRAFT, DRAFT_OVERDUE, DRAFTED, SIGNATURE_OVERDUE, AWAITING_COSIGN, COSIGN_OVERDUE, SIGNED, SENDING_FAILED, SENT,
        VENDOR_SILENT, VENDOR_ACKED, VENDOR_ESCALATED, RECALLING, RECALL_FAILED, RECALL_OVERDUE, DELIVERED, WITHDRAWN,
    ),
    transitions=TRANSITIONS,
    lifecycle=lifecycle(
        transfer=PatientTransferred, merge=PatientMerged, discharge=PatientDischarged, death=PatientDied,
        cancellation=HomeOxygenOrderCancelled,
    ),
)  # fmt: skip
