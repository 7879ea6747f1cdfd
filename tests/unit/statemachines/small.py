"""A workflow small enough to see through, for rules that no real workflow shows alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.catalog import (
    AssessmentCompleted,
    CarePlanUpdated,
    NoteSigned,
    NoteWritten,
    OxygenChanged,
    OxygenDiscontinued,
    OxygenOrdered,
    Spo2Observed,
    WeaningStarted,
)
from statemachines.case import Case, Occurrence
from statemachines.decide import Decision, Progress, advance, decide
from statemachines.definition import Correlation, Definition, ValueType
from statemachines.expressions import Known, Value
from statemachines.language import (
    DEADLINE,
    T,
    emr,
    end,
    expect,
    fact,
    minutes,
    of,
    parameter,
    role,
    sooner,
    waiting,
    workflow,
)
from statemachines.machine import Machine
from statemachines.policy import Policy

LEAD = role("LEAD", "Lead")
RT = role("RT", "Therapist", LEAD)
RN = role("RN", "Nurse", LEAD)

spo2 = fact(
    "spo2",
    "SpO2",
    ValueType.NUMBER,
    of(Spo2Observed, lambda e: e.spo2_percent),
    of(OxygenChanged, lambda e: e.spo2_percent),
)
flow = fact("flow", "flow", ValueType.NUMBER, of(OxygenChanged, lambda e: e.flow_l_min))
low = parameter(
    "low",
    "target low",
    94,
    "a source",
    minimum=80,
    maximum=100,
    patient=(of(OxygenOrdered, lambda e: e.target_spo2_low), of(CarePlanUpdated, lambda e: e.target_spo2_low)),
)
within = parameter("within", "wait within", 60, "a source", minimum=1, maximum=1000)
style = parameter("style", "style", "plain", "a source", choices=("plain", "ornate"))
strict = parameter("strict", "strict", False, "a source")

WAITING = waiting(
    "waiting", "Waiting", owner=RT, within=minutes(within), do="Look", emr=emr("ready", "waiting"),
    sooner=(sooner(spo2 < low, minutes(10), "low is urgent"), sooner(spo2 < 80, minutes(2), "very low is more urgent")),
    records={Spo2Observed: "noted", CarePlanUpdated: "plan noted", OxygenChanged: "setting noted"},
    ignores={OxygenDiscontinued: "not on oxygen"},
    refuses={OxygenOrdered: "ordered already"},
    defers={NoteWritten: "later", NoteSigned: "later", WeaningStarted: "later"},
)  # fmt: skip
WATCHED = waiting(
    "watched", "Watched", owner=RN, within=minutes(120), do="Watch", emr=emr("in-progress", "watched"),
    records={Spo2Observed: "noted", CarePlanUpdated: "plan noted", OxygenChanged: "setting noted", WeaningStarted: "noted"},
    refuses={OxygenOrdered: "ordered already"},
    defers={NoteSigned: "not written"},
)  # fmt: skip
WRITTEN = waiting(
    "written", "Written", owner=RN, within=minutes(30), do="Sign", emr=emr("in-progress", "written"),
    records={Spo2Observed: "noted"}, ignores={NoteWritten: "written already"},
)  # fmt: skip
DONE = end("done", "Done", emr=emr("completed", "done"))

SMALL: Definition = workflow(
    "small", 1, title="Small", purpose="To see through", correlation=Correlation.ENCOUNTER,
    roles=(RT, RN, LEAD), facts=(spo2, flow), parameters=(low, within, style, strict),
    events=tuple(
        expect(e) for e in (
            OxygenOrdered, OxygenChanged, Spo2Observed, AssessmentCompleted, CarePlanUpdated, OxygenDiscontinued,
            WeaningStarted, NoteWritten, NoteSigned,
        )
    ),
    states=(WAITING, WATCHED, WRITTEN, DONE),
    transitions=(
        T("S-1", None, on=OxygenOrdered, to=WAITING, by=LEAD, because="ordered"),
        T("S-2", WAITING, on=AssessmentCompleted, when=spo2.known, to=WATCHED, by=RT, because="seen", override_by=LEAD),
        T("S-3", WAITING, on=Spo2Observed, when=spo2.fell(5), to=None, because="falling"),
        T("S-4", WAITING, on=OxygenChanged, when=spo2.fell(5), to=None, because="falling"),
        T("S-5", WAITING, on=DEADLINE, to=None, because="late"),
        T("S-6", WATCHED, on=NoteWritten, to=WRITTEN, by=RN, because="written"),
        T("S-7", WRITTEN, on=NoteSigned, to=DONE, by=(RN, RT), separate_from=("S-6",), because="signed by another"),
        T("S-8", WATCHED, on=AssessmentCompleted, when=spo2 < low, to=WAITING, by=RT, because="low again"),
        T("S-9", WATCHED, on=AssessmentCompleted, to=DONE, by=LEAD, because="the lead ends it"),
    ),
)  # fmt: skip

PLAIN = Policy(facility="plain", title="Plain", always_staffed="LEAD")
NOW = 1_000_000.0


class Run:
    """A case of the small workflow (or another) that takes events one after another, without a table."""

    def __init__(self, definition: Definition = SMALL, policy: Policy = PLAIN, **case: Any) -> None:
        self.machine = Machine(definition, policy)
        self.case = Case(**case)
        self.now = NOW
        self._count = 0

    def event(
        self,
        type: str,
        by: str | None = None,
        *,
        at: float | None = None,
        override: str | None = None,
        reason: str | None = None,
        **values: Value,
    ) -> Occurrence:
        """An occurrence; ``by`` is "ID:ROLE"."""
        self._count += 1
        person, role = by.split(":") if by else (None, None)
        moment = self.now if at is None else at
        return Occurrence(type, f"e{self._count}", moment, person, role, values, override, reason)

    def take(self, type: str, by: str | None = None, **event: Any) -> Decision:
        """Take one event, and what it leads to."""
        return self.progress(type, by, **event).decision

    def progress(self, type: str, by: str | None = None, **event: Any) -> Progress:
        """Take one event; all that it led to."""
        progress = advance(self.machine, self.case, self.event(type, by, **event), self.now)
        self.case = progress.case
        return progress

    def would(self, type: str, by: str | None = None, **event: Any) -> Decision:
        """Decide without taking."""
        return decide(self.machine, self.case, self.event(type, by, **event), self.now)

    def opened(self, **order: Value) -> Run:
        """The same, after the order that opens the case."""
        assert self.take("oxygen_ordered", "LEAD-ELM:LEAD", order_id="O1", **order).move is not None
        return self

    @property
    def facts(self) -> Mapping[str, Known]:
        """What is known."""
        return self.case.facts
