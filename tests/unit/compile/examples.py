"""Workflows as small as what they show. The events are the catalog's; the clinical sense is made up."""

from collections.abc import Sequence

from events.catalog import (
    FilingRetryRequested,
    NoteSigned,
    NoteWritten,
    OrderCancelled,
    OxygenChanged,
    OxygenOrdered,
    PatientDied,
    PatientDischarged,
    PatientTransferred,
)
from statemachines.definition import Correlation, Definition, State, Transition, Unplaced, ValueType, Work
from statemachines.language import (
    DEADLINE,
    T,
    WorkOutcome,
    business_days,
    emr,
    end,
    expect,
    fact,
    minutes,
    of,
    parameter,
    role,
    sooner,
    system,
    waiting,
    workflow,
)

LEAD = role("LEAD", 'Lead <&> "chief"')
NURSE = role("NURSE", "Nurse", LEAD)
flow = fact("flow", "oxygen flow", ValueType.NUMBER, of(OxygenChanged, lambda e: e.flow_l_min), unit="L/min")
high = parameter("high", "high flow", 10, "A made-up guideline, 2020", unit="L/min", minimum=1, maximum=60)
within = parameter("within", "act within", 90, "A made-up policy", unit="min", minimum=1, maximum=600)
wanted = parameter("wanted", "note", "signed", "A made-up policy", choices=("signed", "none"))

SEND = Work(name="send_note", outcomes=("sent", "failed"), attempts=3, timeout_seconds=20)
ONCE = Work(name="send_once", outcomes=("sent",), attempts=1, timeout_seconds=5)


def a_state(name: str, **changes: object) -> State:
    """A waiting state like any other."""
    title = name.replace("_", " ").capitalize()
    return waiting(
        name, title, owner=NURSE, within=minutes(30), emr=emr("in-progress", name), do=f"Do {name}"
    ).model_copy(update=changes)


def a_workflow(states: Sequence[State], transitions: Sequence[Transition], name: str = "example") -> Definition:
    """The states and arrows as a workflow."""
    return workflow(
        name,
        1,
        title="Example: a | b < c",
        purpose="Shows what it shows.",
        correlation=Correlation.ENCOUNTER,
        roles=(LEAD, NURSE),
        facts=(flow,),
        parameters=(high, within, wanted),
        events=(
            expect(OxygenOrdered),
            expect(OxygenChanged, Unplaced.HOLD, "may come early", hold_minutes=90),
            expect(NoteSigned, Unplaced.NOT_APPLICABLE, "nobody waits for it"),
            expect(PatientDied),
        ),
        states=states,
        transitions=transitions,
    )


OPEN = a_state("open").model_copy(
    update=dict(
        waiting(
            "open",
            'Open; to do: "now"',
            owner=NURSE,
            within=minutes(within),
            sooner=(sooner(flow > high, minutes(15), "much oxygen"),),
            escalates_to=LEAD,
            emr=emr("ready", "open"),
            do="Act",
            records={OxygenChanged: "noted | as it is"},
            optional=wanted.one_of("signed", "none"),
        )
    )
)
LATE = waiting("late", "Late", owner=LEAD, within=business_days(2), emr=emr("ready", "late"), do="See to it")
SENDING = system("sending", "Sending", work=SEND, owner=LEAD, within=minutes(10), emr=emr("in-progress", "sending"))
DONE = end("done", "Done", emr=emr("completed", "done"))
DEAD = end("dead", "Dead", emr=emr("cancelled", "dead"))

SMALL = a_workflow(
    (OPEN, LATE, SENDING, DONE, DEAD),
    (
        T("T-01", None, on=OxygenOrdered, to=OPEN, by=NURSE, because="ordered"),
        T("T-02", OPEN, on=OxygenChanged, when=flow > high, to=None, because="more oxygen"),
        T("T-03", (OPEN, LATE), on=NoteSigned, to=SENDING, by=NURSE, override_by=LEAD, because="note signed"),
        T("T-04", OPEN, on=DEADLINE, to=LATE, because="not signed in time"),
        T("T-05", LATE, on=DEADLINE, to=None, because="still not signed"),
        T("T-06", SENDING, on=WorkOutcome(SEND.name, "sent"), to=DONE, because="sent"),
        T("T-07", SENDING, on=WorkOutcome(SEND.name, "failed"), to=LATE, because="not sent"),
        T("T-08", (OPEN, LATE, SENDING), on=PatientDied, to=DEAD, because="died"),
    ),
    "small",
)  # fmt: skip
"""Every kind of state; an arrow that returns, one from two states, one by override."""

_A, _B, _C, _D, _E, _F, _G = (a_state(name) for name in "abcdefg")

CROSSING = a_workflow(
    (_A, _B, _C, _D, _E, _F, _G, DONE, DEAD),
    (
        T("T-01", None, on=OxygenOrdered, to=_A, because="ordered"),
        *(
            T(f"T-1{place}", source, on=NoteWritten, to=target, because="on")
            for place, (source, target) in enumerate(zip((_A, _B, _C, _D, _E, _F), (_B, _C, _D, _E, _F, _G), strict=True))
        ),
        T("T-20", _G, on=NoteSigned, to=DONE, because="signed"),
        T("T-30", (_A, _B, _C, _D, _E), on=OrderCancelled, to=DEAD, because="one group"),
        T("T-31", (_A, _B, _C, _D, _E), on=PatientTransferred, to=_A, because="the same group, inside"),
        T("T-32", (_C, _D, _E, _F, _G), on=PatientDischarged, to=DONE, because="a group that crosses it"),
        T("T-33", (_C, _D, _E, _F, _G), on=FilingRetryRequested, to=None, because="and stays"),
        T("T-34", (_A, _B, _C, _D, _E, _F, _G), on=PatientDied, to=DEAD, because="every open state"),
    ),
    "crossing",
)  # fmt: skip
"""Arrows shared by groups of states that cross one another, so that only one group can have a box."""
