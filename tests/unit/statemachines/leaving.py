"""A discharge small enough to see through: a state with a checklist, and one that opens a case of another workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.catalog import (
    AssessmentCompleted,
    CarePlanUpdated,
    ContactNumberConfirmed,
    DischargePlanCancelled,
    DischargePlanned,
    EquipmentDelivered,
    HomeOxygenOrderCancelled,
    HomeOxygenOrderDrafted,
    NoteWritten,
    OrderCancelled,
    OxygenEducationCompleted,
    PatientTransferred,
    QualifyingTestCompleted,
    Spo2Observed,
    VendorAcknowledged,
)
from statemachines.definition import Correlation, Definition, Unplaced, ValueType
from statemachines.language import (
    CHECKLIST,
    DEADLINE,
    REQUESTED,
    T,
    checklist,
    emr,
    end,
    ended,
    expect,
    fact,
    hours,
    item,
    of,
    opens,
    parameter,
    role,
    waiting,
    workflow,
)
from statemachines.policy import Policy

LEAD = role("LEAD", "Lead")
RT = role("RT", "Therapist", LEAD)
RN = role("RN", "Nurse", LEAD)
MD = role("MD", "Provider", LEAD)

spo2 = fact(
    "spo2",
    "SpO2",
    ValueType.NUMBER,
    of(Spo2Observed, lambda e: e.spo2_percent),
    of(AssessmentCompleted, lambda e: e.spo2_percent),
    of(QualifyingTestCompleted, lambda e: e.sao2_percent),
)
low = parameter(
    "low",
    "target low",
    90,
    "a source",
    minimum=80,
    maximum=100,
    patient=(of(CarePlanUpdated, lambda e: e.target_spo2_low),),
)

# ── the case that is opened ──────────────────────────────────────────────────────────────────────────────────────────────

SENT = waiting(
    "sent", "Sent", owner=RN, within=hours(2), do="Wait for the kit", emr=emr("ready", "sent"),
    records={Spo2Observed: "noted", CarePlanUpdated: "plan noted", VendorAcknowledged: "noted"},
)  # fmt: skip
DELIVERED = end("delivered", "Delivered", emr=emr("completed", "delivered"))
WITHDRAWN = end("withdrawn", "Withdrawn", emr=emr("cancelled", "withdrawn"))
EXPIRED = end("expired", "Expired", emr=emr("failed", "expired"))

KIT: Definition = workflow(
    "kit", 1, title="Kit", purpose="To see through", correlation=Correlation.ENCOUNTER,
    roles=(RT, RN, MD, LEAD), facts=(spo2,), parameters=(low,),
    events=tuple(
        expect(e, Unplaced.HOLD, "before its order")
        if e is VendorAcknowledged
        else expect(e)
        for e in (
            HomeOxygenOrderDrafted, HomeOxygenOrderCancelled, EquipmentDelivered, VendorAcknowledged, CarePlanUpdated,
        )
    ),
    states=(SENT, DELIVERED, WITHDRAWN, EXPIRED),
    transitions=(
        T("K-1", None, on=REQUESTED, to=SENT, because="asked for"),
        T("K-2", None, on=HomeOxygenOrderDrafted, to=SENT, because="ordered by hand"),
        T("K-3", SENT, on=EquipmentDelivered, to=DELIVERED, because="delivered"),
        T("K-4", SENT, on=HomeOxygenOrderCancelled, to=WITHDRAWN, because="withdrawn"),
        T("K-5", SENT, on=DEADLINE, to=EXPIRED, because="nobody delivered"),
    ),
)  # fmt: skip

# ── the case that opens it ───────────────────────────────────────────────────────────────────────────────────────────────

NOTE = item("note", "Note", owner=RN, done_on=NoteWritten, by=RN)
TEACHING = item("teaching", "Teaching", owner=RT, done_on=OxygenEducationCompleted, by=RT)
SATURATION = item(
    "saturation", "Saturation", owner=RT, done_on=QualifyingTestCompleted, by=RT, satisfied=spo2 >= low
)  # fmt: skip
NUMBER = item("number", "Number", owner=RN, done_on=ContactNumberConfirmed)
ITEMS = (NOTE, TEACHING, SATURATION, NUMBER)


def leaving(*, needed: int | None = None, version: int = 1) -> Definition:
    """The workflow, whose checklist is complete with ``needed`` of its four items (None: all)."""
    planned = waiting(
        "planned", "Planned", owner=MD, within=hours(8), do="Decide", emr=emr("ready", "planned"),
        records={Spo2Observed: "noted", CarePlanUpdated: "plan noted"},
        defers={NoteWritten: "later", OxygenEducationCompleted: "later", ContactNumberConfirmed: "later"},
    )  # fmt: skip
    preparing = waiting(
        "preparing", "Preparing", owner=RN, within=hours(4), do="Prepare", emr=emr("in-progress", "preparing"),
        records={Spo2Observed: "noted", CarePlanUpdated: "plan noted"}, checklist=checklist(*ITEMS, needed=needed),
    )  # fmt: skip
    ordering = waiting(
        "ordering", "Ordering", owner=RN, within=hours(6), do="Follow the kit", emr=emr("on-hold", "ordering"),
        records={Spo2Observed: "noted", CarePlanUpdated: "plan noted"}, opens=opens(KIT, DELIVERED, WITHDRAWN, EXPIRED),
    )  # fmt: skip
    gone = end("gone", "Gone", emr=emr("completed", "gone"))
    off = end("off", "Off", emr=emr("cancelled", "off"))
    return workflow(
        "leaving", version, title="Leaving", purpose="To see through", correlation=Correlation.ENCOUNTER,
        roles=(RT, RN, MD, LEAD), facts=(spo2,), parameters=(low,),
        events=tuple(
            expect(e) for e in (
                DischargePlanned, AssessmentCompleted, QualifyingTestCompleted, Spo2Observed, CarePlanUpdated, NoteWritten,
                OxygenEducationCompleted, ContactNumberConfirmed, PatientTransferred, OrderCancelled, DischargePlanCancelled,
            )
        ),
        states=(planned, preparing, ordering, gone, off),
        transitions=(
            T("L-1", None, on=DischargePlanned, to=planned, because="planned"),
            T("L-2", planned, on=AssessmentCompleted, to=preparing, by=MD, because="decided"),
            T("L-3", preparing, on=CHECKLIST, to=ordering, because="all is prepared"),
            T("L-4", preparing, on=DEADLINE, to=None, because="not prepared in time"),
            T("L-5", (preparing, ordering), on=PatientTransferred, to=None, because="another unit"),
            T("L-6", (preparing, ordering), on=OrderCancelled, to=off, because="off"),
            T("L-7", ordering, on=ended(KIT, DELIVERED), to=gone, because="the kit is there"),
            T("L-8", ordering, on=(ended(KIT, WITHDRAWN)), to=planned, because="no kit"),
            T("L-9", ordering, on=ended(KIT, EXPIRED), to=planned, because="no kit in time"),
            T("L-10", ordering, on=DEADLINE, to=planned, because="nobody knows of the kit"),
            T("L-11", planned, on=DEADLINE, to=None, because="not decided in time"),
            T("L-12", ordering, on=DischargePlanCancelled, to=planned, because="not yet"),
        ),
    )  # fmt: skip


LEAVING = leaving()
POLICY = Policy(facility="northfield", title="Northfield", always_staffed="LEAD")
POLICIES: Mapping[str, Policy] = {"northfield": POLICY}

DATA: Mapping[str, Mapping[str, Any]] = {
    "qualifying_test_completed": {"test_id": "T-1"},
    "note_written": {"note_id": "N-1"},
    "oxygen_education_completed": {"learner": "patient"},
    "contact_number_confirmed": {"answers": "patient"},
    "patient_transferred": {"to_unit": "U-2"},
    "order_cancelled": {"reason": "not today"},
    "discharge_plan_cancelled": {"reason": "not yet"},
}
"""What an event must say, by type."""
