"""A workflow without a fault that has one of everything, the workflow of its sub-cases, and three facilities' policies."""

from __future__ import annotations

from collections.abc import Sequence

from events.catalog import (
    AssessmentCompleted,
    CarePlanUpdated,
    EventData,
    FilingRetryRequested,
    News2Scored,
    NoteCosigned,
    NoteSigned,
    NoteWritten,
    OrderCancelled,
    OxygenChanged,
    OxygenOrdered,
    PatientDied,
    PatientDischarged,
    PatientMerged,
    PatientTransferred,
    Spo2Observed,
    WeaningStarted,
    type_name,
)
from statemachines.definition import Correlation, Definition, Late, State, StateKind, Transition, ValueType, Work
from statemachines.language import (
    CHECKLIST,
    DEADLINE,
    REQUESTED,
    T,
    WorkOutcome,
    checklist,
    emr,
    end,
    ended,
    expect,
    fact,
    item,
    lifecycle,
    minutes,
    of,
    opens,
    parameter,
    role,
    sooner,
    system,
    waiting,
    workflow,
)
from statemachines.policy import Policy, Shift

CHARGE = role("CHARGE", "Charge nurse")
LEAD = role("LEAD", "Lead", CHARGE)
RN = role("RN", "Nurse", LEAD, CHARGE)
PROVIDER = role("PROVIDER", "Provider", CHARGE)

spo2 = fact(
    "spo2",
    "SpO2",
    ValueType.NUMBER,
    of(Spo2Observed, lambda e: e.spo2_percent),
    of(OxygenChanged, lambda e: e.spo2_percent),
    unit="%",
)
flow = fact("flow", "flow", ValueType.NUMBER, of(OxygenChanged, lambda e: e.flow_l_min), unit="L/min")
news2 = fact(
    "news2", "NEWS2", ValueType.NUMBER, of(News2Scored, lambda e: e.news2), unit="{score}", stale_after_minutes=60
)
distress = fact("distress", "distress", ValueType.BOOLEAN, of(AssessmentCompleted, lambda e: e.distress))
age = fact("age", "age", ValueType.NUMBER, of(OxygenOrdered, lambda e: e.age_years), unit="a")
device = fact("device", "device", ValueType.CODE, of(OxygenChanged, lambda e: e.device))

low = parameter("low", "target low", 90, "made up", unit="%", minimum=80, maximum=95)
high = parameter("high", "target high", 96, "made up", unit="%", minimum=90, maximum=100)
goal = parameter(
    "goal",
    "own goal",
    94,
    "made up",
    unit="%",
    minimum=80,
    maximum=100,
    patient=(of(CarePlanUpdated, lambda e: e.target_spo2_low),),
)
within = parameter("within", "act within", 60, "made up", unit="min", minimum=1, maximum=600)
cosign = parameter("cosign", "co-signature", False, "made up")
style = parameter("style", "style", "note", "made up", choices=("note", "comment"))
signs = cosign == True  # noqa: E712

FILE = Work(name="file_note", outcomes=("sent", "failed"))

# ── the workflow that it opens cases of ──────────────────────────────────────────────────────────────────────────────────
ASKED = waiting("asked", "Asked", owner=CHARGE, within=minutes(30), do="Fetch", emr=emr("in-progress", "asked"))
FETCHED = end("fetched", "Fetched", emr=emr("completed", "fetched"))
DROPPED = end("dropped", "Dropped", emr=emr("cancelled", "dropped"))

ORDERED = waiting(
    "ordered", "Ordered", owner=RN, within=minutes(within), do="Begin", escalates_to=CHARGE, emr=emr("ready", "ordered"),
    sooner=(sooner(age < 18, minutes(20), "children first"),), defers={NoteSigned: "later"},
)  # fmt: skip
ORDER_LATE = waiting(
    "order_late", "Order late", owner=CHARGE, within=minutes(within), do="Begin", escalates_to=CHARGE, emr=emr("ready", "order-late"),
    defers={NoteSigned: "later"},
)  # fmt: skip
TREATED = waiting("treated", "Treated", owner=RN, within=minutes(within), do="Watch", emr=emr("in-progress", "treated"))
ALARMED = waiting(
    "alarmed",
    "Alarmed",
    owner=LEAD,
    within=minutes(10),
    do="Help",
    escalates_to=CHARGE,
    emr=emr("in-progress", "alarmed"),
)
ALARM_LATE = waiting(
    "alarm_late", "Alarm late", owner=CHARGE, within=minutes(10), do="Help", emr=emr("in-progress", "alarm-late")
)
UNSIGNED = waiting("unsigned", "Unsigned", owner=PROVIDER, within=minutes(within), do="Co-sign", validates=PROVIDER,
    optional=signs, emr=emr("in-progress", "unsigned"))  # fmt: skip
UNSIGNED_LATE = waiting(
    "unsigned_late", "Unsigned, late", owner=CHARGE, within=minutes(within), do="Find a provider", validates=PROVIDER,
    optional=signs, emr=emr("in-progress", "unsigned-late"),
)  # fmt: skip
PREPARED = waiting(
    "prepared", "Prepared", owner=RN, within=minutes(within), do="Prepare", emr=emr("in-progress", "prepared"),
    checklist=checklist(
        item("seen", "Seen", owner=RN, done_on=AssessmentCompleted, by=RN),
        item("weaned", "Weaned", owner=LEAD, done_on=WeaningStarted, satisfied=flow == 0),
    ),
)  # fmt: skip
PREPARED_LATE = waiting(
    "prepared_late",
    "Prepared late",
    owner=CHARGE,
    within=minutes(within),
    do="Prepare",
    emr=emr("in-progress", "prepared-late"),
)


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
EVENTS: tuple[type[EventData], ...] = (
    OxygenOrdered, OxygenChanged, Spo2Observed, News2Scored, AssessmentCompleted, WeaningStarted, NoteWritten, NoteSigned,
    NoteCosigned, FilingRetryRequested, CarePlanUpdated, OrderCancelled, PatientTransferred, PatientDischarged, PatientDied,
    PatientMerged,
)  # fmt: skip
OBSERVED: frozenset[type[EventData]] = frozenset(
    {OxygenChanged, Spo2Observed, News2Scored, CarePlanUpdated, AssessmentCompleted}
)


def answering_rest(
    states: Sequence[State], transitions: Sequence[Transition], events: Sequence[type[EventData]]
) -> list[State]:
    """The states, each open one recording or ignoring every event that it does not answer otherwise."""
    found = []
    for state in states:
        handled = {t.on for t in transitions if state.name in t.sources and t.when is None}
        handled |= {*state.records, *state.ignores, *state.defers, *state.refuses}
        handled |= {event for i in (state.checklist.items if state.checklist else ()) for event in i.done_on}
        rest = [event for event in events if type_name(event) not in handled and state.kind is not StateKind.END]
        records = {**state.records, **{type_name(e): "noted" for e in rest if e in OBSERVED}}
        ignores = {**state.ignores, **{type_name(e): "of no concern here" for e in rest if e not in OBSERVED}}
        found.append(state.model_copy(update={"records": records, "ignores": ignores}))
    return found


LIFE = lifecycle(
    transfer=PatientTransferred,
    merge=PatientMerged,
    discharge=PatientDischarged,
    death=PatientDied,
    cancellation=OrderCancelled,
)


def _fetch() -> Definition:
    events = (WeaningStarted, OrderCancelled, PatientTransferred, PatientDischarged, PatientDied, PatientMerged)
    transitions = (
        T("F-1", None, on=REQUESTED, to=ASKED, because="asked for"),
        T("F-2", ASKED, on=WeaningStarted, to=FETCHED, because="fetched"),
        T("F-3", ASKED, on=OrderCancelled, to=DROPPED, because="not needed"),
        T("F-4", ASKED, on=PatientDied, to=DROPPED, because="died"),
        T("F-5", ASKED, on=DEADLINE, to=None, because="still not fetched"),
    )
    return workflow(
        "fetch", 1, title="Fetch", purpose="To be opened by another", correlation=Correlation.PATIENT, roles=(CHARGE,), facts=(),
        parameters=(), events=[expect(e) for e in events], states=answering_rest((ASKED, FETCHED, DROPPED), transitions, events),
        transitions=transitions, lifecycle=LIFE,
    )  # fmt: skip


FETCH = _fetch()

FETCHING = waiting(
    "fetching", "Fetching", owner=RN, within=minutes(120), do="Wait", emr=emr("in-progress", "fetching"),
    opens=opens(FETCH, FETCHED, DROPPED), late={FILE: Late.ACCEPT},
)  # fmt: skip
FILING = system(
    "filing",
    "Filing",
    work=FILE,
    owner=RN,
    within=minutes(15),
    emr=emr("in-progress", "filing"),
    late={FILE: Late.ACCEPT},
)
UNFILED = waiting(
    "unfiled",
    "Unfiled",
    owner=CHARGE,
    within=minutes(15),
    do="File again",
    emr=emr("in-progress", "unfiled"),
    late={FILE: Late.ACCEPT},
)
DONE = end("done", "Done", emr=emr("completed", "done"), late={FILE: Late.ACCEPT})
CANCELLED = end("cancelled", "Cancelled", emr=emr("cancelled", "cancelled"), late={FILE: Late.ACCEPT})

UNTREATED = (ORDERED, ORDER_LATE)
SIGNING = (UNSIGNED, UNSIGNED_LATE)
OPEN = (*UNTREATED, TREATED, ALARMED, ALARM_LATE, *SIGNING, PREPARED, PREPARED_LATE, FETCHING, FILING, UNFILED)
OPEN_STATES = tuple(state.name for state in OPEN)
TRANSITIONS = (
    T("G-01", None, on=OxygenOrdered, to=ORDERED, by=PROVIDER, because="ordered"),
    T("G-02", UNTREATED, on=OxygenChanged, to=TREATED, by=RN, because="begun"),
    T("G-03", ORDERED, on=DEADLINE, to=ORDER_LATE, because="not begun in time"),
    T("G-04", ORDER_LATE, on=DEADLINE, to=None, because="still not begun"),
    T("G-05", TREATED, on=Spo2Observed, when=(spo2 < low) | spo2.fell(5), to=ALARMED, because="low"),
    T("G-06", TREATED, on=News2Scored, when=news2 >= 7, to=ALARMED, because="sick"),
    T("G-07", TREATED, on=AssessmentCompleted, when=distress == True, to=ALARMED, by=RN, because="in distress"),  # noqa: E712
    T("G-08", TREATED, on=AssessmentCompleted, when=distress == False, to=None, by=RN, because="at ease"),  # noqa: E712
    T("G-09", TREATED, on=DEADLINE, to=ALARMED, because="not seen in time"),
    T("G-10", ALARMED, on=OxygenChanged, when=(spo2 >= goal) & (flow > 0), to=TREATED, by=(RN, LEAD), because="at the goal"),
    T("G-11", ALARMED, on=OxygenChanged, when=(spo2 < goal) & (flow > 0), to=None, by=(RN, LEAD), because="not at the goal"),
    T("G-12", ALARMED, on=DEADLINE, to=ALARM_LATE, because="not helped in time"),
    T("G-13", ALARM_LATE, on=AssessmentCompleted, to=TREATED, by=(LEAD, CHARGE), because="helped"),
    T("G-14", ALARM_LATE, on=DEADLINE, to=None, because="still not helped"),
    T("G-15", TREATED, on=NoteSigned, when=~signs, to=PREPARED, by=RN, override_by=(), because="signed"),
    T("G-16", TREATED, on=NoteSigned, when=signs, to=UNSIGNED, by=RN, because="signed; to be co-signed"),
    T("G-17", SIGNING, on=NoteCosigned, to=PREPARED, by=PROVIDER, separate_from=("G-16",), because="co-signed"),
    T("G-18", UNSIGNED, on=DEADLINE, to=UNSIGNED_LATE, because="not co-signed in time"),
    T("G-19", UNSIGNED_LATE, on=DEADLINE, to=None, because="still not co-signed"),
    T("G-20", SIGNING, on=NoteWritten, to=TREATED, by=PROVIDER, because="sent back"),
    T("G-21", PREPARED, on=CHECKLIST, to=FILING, because="prepared"),
    T("G-22", PREPARED, on=DEADLINE, to=PREPARED_LATE, because="not prepared in time"),
    T("G-23", PREPARED_LATE, on=AssessmentCompleted, to=FILING, by=(RN, CHARGE), because="prepared after all"),
    T("G-24", PREPARED_LATE, on=DEADLINE, to=None, because="still not prepared"),
    T("G-25", FILING, on=WorkOutcome(FILE.name, "sent"), to=FETCHING, because="filed"),
    T("G-26", FILING, on=WorkOutcome(FILE.name, "failed"), to=UNFILED, because="not filed"),
    T("G-27", FILING, on=DEADLINE, to=UNFILED, because="not filed in time"),
    T("G-28", UNFILED, on=FilingRetryRequested, to=FILING, by=(CHARGE, LEAD), because="again"),
    T("G-29", UNFILED, on=DEADLINE, to=None, because="still not filed"),
    T("G-30", FETCHING, on=ended(FETCH, FETCHED), to=DONE, because="fetched"),
    T("G-31", FETCHING, on=ended(FETCH, DROPPED), to=UNFILED, because="not fetched: look"),
    T("G-32", FETCHING, on=DEADLINE, to=UNFILED, because="not fetched in time"),
    T("G-33", (*UNTREATED, TREATED, ALARMED, ALARM_LATE), on=OrderCancelled, to=CANCELLED, by=PROVIDER, because="cancelled"),
    T("G-34", OPEN, on=PatientDied, to=CANCELLED, because="died"),
)  # fmt: skip

GOOD: Definition = workflow(
    "good", 1, title="Good", purpose="To be made worse", correlation=Correlation.ENCOUNTER,
    roles=(RN, LEAD, PROVIDER, CHARGE), facts=(spo2, flow, news2, distress, age, device),
    parameters=(low, high, goal, within, cosign, style),
    events=[expect(e) for e in EVENTS],
    states=answering_rest((*OPEN, DONE, CANCELLED), TRANSITIONS, EVENTS),
    transitions=TRANSITIONS, lifecycle=LIFE,
)  # fmt: skip

ALL_ROLES = ("RN", "LEAD", "PROVIDER", "CHARGE")
POLICIES: tuple[Policy, ...] = (
    Policy(
        facility="hill", title="Hill", always_staffed="CHARGE",
        shifts=(Shift(name="day", staffed=ALL_ROLES), Shift(name="night", staffed=("RN", "PROVIDER", "CHARGE"))),
    ),
    Policy(
        facility="lake", title="Lake", always_staffed="CHARGE", parameters={"good": {"cosign": True, "low": 88, "within": 30}},
        shifts=(Shift(name="day", staffed=ALL_ROLES), Shift(name="night", staffed=("RN", "CHARGE"))),
    ),
    Policy(
        facility="moor", title="Moor", always_staffed="CHARGE", parameters={"good": {"style": "comment"}},
        performed_by={"RN": ("LEAD",)}, fallbacks={"LEAD": ("RN",)},
        shifts=(Shift(name="all day", staffed=("RN", "LEAD", "CHARGE", "PROVIDER")),),
    ),
)  # fmt: skip
