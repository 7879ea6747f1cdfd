"""What happens in a run, before anything goes wrong: a few patients' courses, disturbed as senders and people disturb them.

A story is drawn from the seed alone. It does not look at the run, so leaving an event out changes none of the others.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from events.catalog import CATALOG
from statemachines.case import Case, Occurrence
from statemachines.decide import Outcome, advance
from statemachines.definition import DEADLINE_MISSED, SUB_CASE_REQUESTED, Correlation, StateKind
from statemachines.facilities import facilities
from statemachines.machine import Machine
from statemachines.workflows import WORKFLOWS
from tests.support.course import DATA as OXYGEN_DATA
from tests.unit.workflows.ways import DATA as OTHER_DATA

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 24 * 3600.0
OVERRIDDEN_BECAUSE = "seen at the bedside"
LEAST_EVENTS = 30
SHARED, OF_ALL = 0.6, 0.6
"""In this share of stories a patient has two courses at a time, of two workflows or for two results; in this share of those
something happens that concerns both.
"""

LENGTHS = (1 * HOUR, 2 * HOUR, 2 * HOUR, 4 * HOUR, 4 * HOUR, 30 * HOUR)
"""How long courses may be planned."""

DATA: Mapping[str, Sequence[Mapping[str, Any]]] = {
    **OXYGEN_DATA,
    **OTHER_DATA,
    "oxygen_ordered": (
        {"order_id": "O1", "age_years": 70},
        {"order_id": "O2", "age_years": 70, "hypercapnic_risk": True, "target_spo2_low": 88, "target_spo2_high": 92},
    ),
    "spo2_observed": tuple({"spo2_percent": value} for value in (97, 95, 91, 85)),
    "news2_scored": ({"news2": 1}, {"news2": 6}, {"news2": 9}),
}


STRAIGHT: Mapping[str, tuple[str, ...]] = {
    "critical_lab": (
        "critical_result_reported", "result_verified", "result_called", "result_read_back", "result_acknowledged",
        "action_ordered",
    ),
    "home_oxygen": (
        "discharge_planned", "qualifying_test_ordered", "qualifying_test_completed", "home_oxygen_requested",
    ),
    "home_oxygen_order": (
        "home_oxygen_order_drafted", "home_oxygen_order_signed", "home_oxygen_order_cosigned",
    ),
}  # fmt: skip
"""The straight way to the steps in which Baton looks for an order in the EMR, or sends one."""

CALLED_OFF = ("home_oxygen_order_cancelled", "home_oxygen_not_needed", "discharge_plan_cancelled")
"""What ends an order; told while it is being sent, it makes Baton undo what it sent."""


class Kind(StrEnum):
    """How an event was disturbed."""

    VALID = "valid"
    LATE = "late"
    EARLY = "early"
    BEFORE_ITS_CASE = "before_its_case"
    DUPLICATE = "duplicate"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    MALFORMED = "malformed"
    AFTER_THE_END = "after_the_end"
    TRANSFERRED = "transferred"
    MERGED = "merged"
    ROSTER = "roster"
    AFTER_ITS_MARK = "after_its_mark"


class Sent(NamedTuple):
    """A message for the bus: when it is sent, its name, the message itself, and how it was disturbed."""

    at: float
    name: str
    raw: str
    kind: Kind


class Given(NamedTuple):
    """A command that a person gives about the newest case of a subject: claim, decline, reassign or override."""

    at: float
    name: str
    act: str
    facility: str
    workflow: str
    subject: str
    person: str
    role: str
    other: str
    transition: str


class Story(NamedTuple):
    """Everything that happens, in no order; each has a name of its own."""

    sent: tuple[Sent, ...]
    given: tuple[Given, ...]
    ends_at: float

    @property
    def names(self) -> list[str]:
        """The names of all that happens, in order of time."""
        happening = [(one.at, one.name) for one in self.sent] + [(one.at, one.name) for one in self.given]
        return [name for _, name in sorted(happening)]

    def only(self, names: frozenset[str]) -> Story:
        """The story with nothing but what is named."""
        return Story(
            tuple(s for s in self.sent if s.name in names),
            tuple(g for g in self.given if g.name in names),
            self.ends_at,
        )


def staff(role: str) -> tuple[str, str]:
    """Two made-up people in a role."""
    plain = role.replace("_", "-")
    return f"{plain}-ALDER", f"{plain}-BIRCH"


ROLES = tuple(sorted({role.code for definition in WORKFLOWS.values() for role in definition.roles}))
FACILITIES = tuple(facilities())
PEOPLE = {person: role for role in ROLES for person in staff(role)}


@cache
def machine(workflow: str, facility: str) -> Machine:
    """A workflow as a facility runs it."""
    return Machine(WORKFLOWS[workflow], facilities()[facility])


@cache
def _by(workflow: str, event: str) -> tuple[str, ...]:
    """The roles that may cause an event somewhere in a workflow."""
    definition = WORKFLOWS[workflow]
    roles = [role for t in definition.transitions if t.on == event for role in t.by]
    for state in definition.states:
        if state.checklist is not None:
            roles += [role for item in state.checklist.items if event in item.done_on for role in item.by or ()]
    return tuple(dict.fromkeys(roles))


def raw_event(
    type: str, *, id: str, at: float, facility: str, patient: str, encounter: str, by: tuple[str, str] | None, data: Any
) -> str:
    """An event as the queue delivers it. ``by`` is a person's id and role."""
    kind = CATALOG[type]
    detail: dict[str, Any] = {
        "event_id": id,
        "type": type,
        "schema_version": 1,
        "occurred_at": datetime.fromtimestamp(at, UTC).isoformat(),
        "facility": facility,
        "data": dict(data),
    }
    if kind.needs_subject:
        detail["subject"] = {"patient": patient, "encounter": encounter}
    if by is not None:
        detail["actor"] = {"id": by[0], "role": by[1]}
    return json.dumps({"source": max(kind.sources), "detail-type": type, "detail": detail})


class _Patient:
    """One patient at a facility, whose course is planned event by event; ``now`` is the time in the plan."""

    def __init__(self, random_: random.Random, number: int, facility: str, now: float, ends: float) -> None:
        self.random, self.number, self.facility, self.now, self.ends = random_, number, facility, now, ends
        self.patient, self.encounter = f"PAT-{number:04d}", f"ENC-{number:04d}"
        self.result = "R1"
        self.sent: list[Sent] = []
        self.given: list[Given] = []
        self.been: set[str | None] = {None}
        self.straight: dict[str, list[str]] = {}
        self._count = 0

    def is_the_same_as(self, other: _Patient) -> None:
        """This is another course of the same patient in the same encounter, and another result."""
        self.facility, self.patient, self.encounter = other.facility, other.patient, other.encounter
        self.result = "R2"

    def name(self) -> str:
        self._count += 1
        return f"ev-{self.number}-{self._count}"

    def say(
        self,
        type: str,
        data: Mapping[str, Any],
        role: str | None,
        *,
        workflow: str,
        kind: Kind = Kind.VALID,
        at: float | None = None,
        sent_at: float | None = None,
    ) -> None:
        """Plan one event, of now unless ``at`` says otherwise."""
        data = {**_bare(type)[0], **data}
        if "result_id" in data:
            data["result_id"] = self.result
        at = self.now if at is None else at
        sent_at = at + self.random.random() * 2 if sent_at is None else sent_at
        by = None
        if role is not None:
            by = (self.random.choice(staff(role)), role)
        elif CATALOG[type].needs_actor:
            roles = _by(workflow, type) or ROLES
            chosen = self.random.choice(roles)
            by = (self.random.choice(staff(chosen)), chosen)
        name = self.name()
        self.sent.append(Sent(sent_at, name, self._raw(type, name, at, by, data), kind))
        chance = self.random.random()
        if chance < 0.12:
            for _ in range(self.random.choice((1, 1, 2))):
                self._again(self.sent[-1] if self.sent[-1].kind is not Kind.DUPLICATE else self.sent[-2])
        elif chance < 0.2 and (other := _corrected(self.random, data)) is not None:
            name = self.name()
            delay = self.random.choice((1.0, 60.0, 1200.0))
            self.sent.append(Sent(sent_at + delay, name, self._raw(type, name, at, by, other), Kind.CORRECTED))

    def _again(self, sent: Sent) -> None:
        delay = self.random.choice((0.0, 1.0, 90.0, 2 * HOUR))
        self.sent.append(Sent(sent.at + delay, f"{sent.name}/{len(self.sent)}", sent.raw, Kind.DUPLICATE))

    def _raw(self, type: str, id: str, at: float, by: tuple[str, str] | None, data: Mapping[str, Any]) -> str:
        return raw_event(
            type,
            id=id,
            at=at,
            facility=self.facility,
            patient=self.patient,
            encounter=self.encounter,
            by=by,
            data=data,
        )

    def command(self, workflow: str, role: str | None, transitions: Sequence[str]) -> None:
        """Plan what somebody does with the task: mostly whoever it belongs to."""
        random_ = self.random
        acts = ("claim", "claim", "decline", "reassign", "override")
        chosen = role if role is not None and random_.random() < 0.8 else random_.choice(ROLES)
        self._count += 1
        for _ in range(random_.choice((1, 1, 2))):
            person = random_.choice(staff(chosen))
            self.given.append(
                Given(
                    self.now + random_.random() * 3, f"co-{self.number}-{len(self.given)}", random_.choice(acts),
                    self.facility, workflow, self.patient, person, chosen, random_.choice(staff(chosen)),
                    random_.choice(transitions) if transitions else "T-01",
                )
            )  # fmt: skip

    # ── a course ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def course(self, workflow: str, steps: int, *, begun: bool = False) -> None:
        """A walk through a workflow as the pure interpreter takes it, with what else happens on the way."""
        random_ = self.random
        runs = machine(workflow, self.facility)
        case = Case()
        if begun:  # a parent opens it
            case = advance(runs, case, Occurrence(SUB_CASE_REQUESTED, "sub-case", self.now), self.now).case
        for _ in range(steps):
            if self.now > self.ends:
                return
            if case.state is not None and runs.states[case.state].kind is StateKind.END:
                self._after_the_end(workflow)
                return
            case = self._step(workflow, runs, case)
            self.been.add(case.state)
            if any(self.straight.values()):
                continue
            if random_.random() < 0.3:
                self._besides(workflow, runs)
            if random_.random() < 0.3 and case.state is not None:
                arrows = [id for state, id in runs.overrides if state == case.state and id is not None]
                self.command(workflow, runs.states[case.state].owner, arrows)

    def _step(self, workflow: str, runs: Machine, case: Case) -> Case:
        random_ = self.random
        here = runs.states[case.state] if case.state is not None else None
        if here is not None and here.kind is StateKind.SYSTEM and here.work is not None:
            self.now += 5
            return self._took(runs, case, f"{here.work.name}.{here.work.outcomes[0]}", {}, None)
        if here is not None and here.opens is not None and (self.straight or random_.random() < 0.8):
            if not self.straight and random_.random() < 0.7:
                self._ordered_soon(here.opens.workflow)
            self.course(here.opens.workflow, random_.choice((3, 5, 7)), begun=True)
            return self._took(runs, case, f"{here.opens.workflow}.{here.opens.ends[0]}", {}, None)
        if here is None or here.kind is StateKind.WAITING:
            after = self._straight_on(workflow, runs, case)
            if after is not case:
                return after
        self.now += random_.choice((5, 30, 120, 600, 1500))
        options = [type for state, type in runs.arrows if state == case.state and type in CATALOG]
        if here is not None and case.state in runs.checklists:
            options += [type for item in runs.checklists[case.state].items for type in item.done_on]
        if not options or (case.state is not None and random_.random() < 0.06):
            if case.due is not None:
                missed = case.due + random_.choice((1, 30, 200))
                self.now = max(self.now, missed if missed < self.ends else self.now)
            return self._took(runs, case, DEADLINE_MISSED, {}, None)
        life = {e for e in runs.definition.lifecycle.model_dump(exclude={"because"}).values() if e is not None}
        ahead = [type for type in options if type not in life and not _ends(runs, case.state, type)]
        new = [type for type in ahead if _targets(runs, case.state, type) - self.been]
        chosen = new if new and random_.random() < 0.7 else ahead
        type = random_.choice(chosen if chosen and random_.random() < 0.92 else options)
        data: Mapping[str, Any] = {}
        role: str | None = None
        after = case
        for _ in range(3):  # data for which a guard holds, if that is soon found
            data = random_.choice(DATA.get(type) or _bare(type))
            roles = _by(workflow, type)
            role = random_.choice(roles) if roles else None
            after = self._took(runs, case, type, data, role)
            if after is not case:
                break
        self._sent(workflow, type, data, role, life)
        return after

    def _straight_on(self, workflow: str, runs: Machine, case: Case) -> Case:
        """The next event of the straight way, if the course takes it; what does not move the case here is left out."""
        way = self.straight.get(workflow, [])
        while way:
            type = way.pop(0)
            data, roles = (DATA.get(type) or _bare(type))[0], _by(workflow, type)
            self.now += self.random.choice((5, 30))
            after = self._took(runs, case, type, data, roles[0] if roles else None)
            if after.state == case.state:
                continue
            self.say(type, data, roles[0] if roles else None, workflow=workflow)
            here = runs.states[after.state] if after.state is not None else None
            if here is not None and here.kind is StateKind.SYSTEM and workflow == "home_oxygen_order":
                return self._called_off(workflow, runs, after)
            return after
        return case

    def _called_off(self, workflow: str, runs: Machine, case: Case) -> Case:
        """Mostly an order is not wanted any more while it is being sent."""
        if self.random.random() < 0.25:
            return case
        type = self.random.choice(CALLED_OFF)
        data, role = (DATA.get(type) or _bare(type))[0], _by(workflow, type)[0]
        self.now += self.random.choice((0.5, 1, 2, 4))
        self.say(type, data, role, workflow=workflow, kind=Kind.CANCELLED)
        return self._took(runs, case, type, data, role)

    def _ordered_soon(self, workflow: str) -> None:
        """An order is drafted and signed at once, so that what is sent for a case can meet its end."""
        for type in ("home_oxygen_order_drafted", "home_oxygen_order_signed"):
            if roles := _by(workflow, type):
                self.now += self.random.choice((5, 30, 120))
                self.say(type, self.random.choice(DATA.get(type) or _bare(type)), roles[0], workflow=workflow)

    def _took(self, runs: Machine, case: Case, type: str, data: Mapping[str, Any], role: str | None) -> Case:
        person = staff(role)[0] if role is not None else None
        progress = advance(runs, case, Occurrence(type, "planned", self.now, person, role, data), self.now)
        if progress.decision.outcome in (Outcome.REFUSED, Outcome.IGNORED):
            return case
        after = progress.case
        if after.state is not None:
            after = replace(after, accountable_role=runs.states[after.state].owner)
        return after

    def _sent(self, workflow: str, type: str, data: Mapping[str, Any], role: str | None, life: set[str]) -> None:
        random_ = self.random
        chance = random_.random()
        kind = Kind.CANCELLED if type in life else Kind.VALID
        opens = (None, type) in machine(workflow, self.facility).arrows
        if chance < 0.08:
            delay = random_.choice((90.0, 20 * MINUTE, 3 * HOUR))
            self.say(type, data, role, workflow=workflow, kind=Kind.LATE, sent_at=self.now + delay)
        elif chance < 0.16 and self.sent and not opens:
            early = self.now - random_.choice((20.0, 300.0, 1800.0))
            self.say(type, data, role, workflow=workflow, kind=Kind.EARLY, at=early)
        elif opens and chance < 0.3:
            late = self.now + random_.choice((5.0, 5.3, 30.1, 120.2, 900.0))
            self.say(type, data, role, workflow=workflow, kind=Kind.BEFORE_ITS_CASE, sent_at=late)
        else:
            self.say(type, data, role, workflow=workflow, kind=kind)
        if opens and random_.random() < 0.4:  # somebody else reports the same, at the same time
            sent_at = self.sent[-1].at + random_.choice((0.0, 0.0, 0.1, 0.2, 30.0))
            self.say(type, data, role, workflow=workflow, kind=Kind.CORRECTED, sent_at=sent_at)

    def _besides(self, workflow: str, runs: Machine) -> None:
        """Something that need not move the case."""
        random_ = self.random
        type = random_.choice([e.event for e in runs.definition.events])
        chance = random_.random()
        kind = Kind.VALID
        merged = 0.15 if runs.definition.correlation is Correlation.PATIENT else 0.06
        if chance < merged:
            type, kind = "patient_merged", Kind.MERGED
        elif chance < merged + 0.1:
            type, kind = "patient_transferred", Kind.TRANSFERRED
        elif type in ("patient_died", "patient_discharged", "patient_merged") and random_.random() < 0.8:
            type = random_.choice([e.event for e in runs.definition.events if e.observation] or [type])
        self.now += random_.choice((1, 10, 60))
        data = dict(random_.choice(DATA.get(type) or _bare(type)))
        if type == "patient_merged":
            data["surviving_patient"] = f"{self.patient}-S"
            if random_.random() < 0.6:
                self._opened_under_the_survivor(workflow, runs)
        self.say(type, data, None, workflow=workflow, kind=kind)
        if type == "patient_merged" and random_.random() < 0.5:
            self.patient = f"{self.patient}-S"

    def _opened_under_the_survivor(self, workflow: str, runs: Machine) -> None:
        """The record that survives a merge has a case of its own, or a second one is opened for the same encounter."""
        own = self.patient
        self.patient = f"{own}-S"
        for state, type in runs.arrows:
            if state is None and type in CATALOG:
                data, roles = self.random.choice(DATA.get(type) or _bare(type)), _by(workflow, type)
                sent_at = self.now + self.random.choice((-600.0, -5.0, 0.0, 5.0))
                self.say(type, data, roles[0] if roles else None, workflow=workflow, sent_at=sent_at)
        self.patient = own

    def _after_the_end(self, workflow: str) -> None:
        self.now += self.random.choice((5, 120))
        type = self.random.choice([e.event for e in WORKFLOWS[workflow].events])
        data = self.random.choice(DATA.get(type) or _bare(type))
        self.say(type, data, None, workflow=workflow, kind=Kind.AFTER_THE_END)


def _targets(runs: Machine, state: str | None, type: str) -> set[str | None]:
    return {arrow.target for arrow in runs.arrows.get((state, type), ())}


def _ends(runs: Machine, state: str | None, type: str) -> bool:
    arrows = runs.arrows.get((state, type), ())
    return bool(arrows) and all(
        arrow.target is not None and runs.states[arrow.target].kind is StateKind.END for arrow in arrows
    )


@cache
def _bare(type: str) -> tuple[Mapping[str, Any], ...]:
    """The least that an event of a type must say."""
    known = {
        "note_id": "N1", "comment_id": "C1", "order_id": "O1", "reason": "as agreed", "recipient_id": "MD-1",
        "tried_id": "MD-2", "how": "by the family", "to_unit": "U2", "surviving_patient": "PAT-9999", "test_id": "T1",
        "vendor_id": "V1", "flow_l_min": 2, "appointment_id": "A1", "result_id": "R1", "age_years": 70,
    }  # fmt: skip
    fields = CATALOG[type].model.model_fields
    return ({name: known[name] for name, field in fields.items() if field.is_required() and name in known},)


def _corrected(random_: random.Random, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same observation with another value."""
    numbers = {name: value for name, value in data.items() if type(value) in (int, float)}
    if not numbers:
        return None
    name = random_.choice(sorted(numbers))
    return {**data, name: max(0, numbers[name] - random_.choice((1, 2)))}


def _malformed(random_: random.Random, sent: Sequence[Sent], at: float, number: int) -> Sent:
    whole = random_.choice(sent).raw
    body = json.loads(whole)
    body["detail"]["event_id"] = f"bad-{number}"
    match random_.randrange(7):
        case 0:
            raw = whole[: random_.randrange(1, len(whole))]
        case 1:
            body["detail-type"] = "no_such_event"
            raw = json.dumps(body)
        case 2:
            body["detail"]["occurred_at"] = "2026-03-02T08:00:00"
            raw = json.dumps(body)
        case 3:
            body["detail"]["facility"] = "nowhere"
            raw = json.dumps(body)
        case 4:
            body["detail"]["occurred_at"] = datetime.fromtimestamp(at + DAY, UTC).isoformat()
            raw = json.dumps(body)
        case 5:
            body["source"] = "baton.orchestrator"
            raw = json.dumps(body)
        case _:
            body["detail"]["occurred_at"] = datetime.fromtimestamp(at - 31 * DAY, UTC).isoformat()
            raw = json.dumps(body)
    return Sent(at, f"bad-{number}", raw, Kind.MALFORMED)


def tell(seed: int) -> Story:
    """The story of a seed: four courses at three facilities, every published workflow, at least LEAST_EVENTS events."""
    random_ = random.Random(f"story {seed}")
    workflows = ["oxygen", "critical_lab", "home_oxygen", random_.choice(("oxygen", "critical_lab"))]
    sites = [*random_.sample(FACILITIES, 3), random_.choice(FACILITIES)]
    patients: list[_Patient] = []
    ends, longest = START + random_.choice(LENGTHS), random_.choice((1, 1, 2, 3, 3, 3))
    for number, (workflow, facility) in enumerate(zip(workflows, sites, strict=True), start=1):
        patient = _Patient(random_, number, facility, START + random_.random() * 600, ends)
        if number == 4 and random_.random() < SHARED:
            patient.is_the_same_as(random_.choice([one for one in patients if workflows[one.number - 1] != "oxygen"]))
        patients.append(patient)
        if number == longest and workflow != "oxygen" and random_.random() < 0.9:
            patient.straight = {name: list(way) for name, way in STRAIGHT.items() if name.startswith(workflow)}
        patient.course(workflow, random_.choice((12, 14, 16)) if number == longest else random_.choice((3, 4, 5)))
        if patient.result != "R1" and random_.random() < OF_ALL:
            patient.now = START + 600 + random_.random() * HOUR
            type = random_.choice(("patient_died", "patient_died", "patient_discharged", "patient_transferred"))
            patient.say(type, {}, None, workflow=workflow)
    while sum(len(patient.sent) for patient in patients) < LEAST_EVENTS - 2:
        patient = random_.choice(patients[:2])
        workflow = workflows[patients.index(patient)]
        patient._besides(workflow, machine(workflow, patient.facility))
    sent = [one for patient in patients for one in patient.sent]
    sent += [
        _malformed(random_, sent, START + random_.random() * HOUR, number)
        for number in range(random_.choice((1, 2, 3)))
    ]
    sent += _shifts(random_)
    given = tuple(one for patient in patients for one in patient.given)
    return Story(tuple(sent), given, max(*(one.at for one in sent), *(one.at for one in given), START))


def _shifts(random_: random.Random) -> Iterator[Sent]:
    """Somebody goes home, and perhaps comes back."""
    for number in range(random_.choice((1, 2, 4))):
        facility, person = random_.choice(FACILITIES), random_.choice(sorted(PEOPLE))
        at = START + random_.random() * HOUR
        common: dict[str, Any] = {"facility": facility, "patient": "", "encounter": "", "by": None}
        yield Sent(
            at,
            f"off-{number}",
            raw_event("shift_ended", id=f"off-{number}", at=at, data={"staff_id": person}, **common),
            Kind.ROSTER,
        )
        if random_.random() < 0.5:
            back = at + random_.choice((30.0, 3000.0))
            until = datetime.fromtimestamp(back + 8 * HOUR, UTC).isoformat()
            data = {"staff_id": person, "roles": [PEOPLE[person]], "until": until}
            yield Sent(
                back,
                f"on-{number}",
                raw_event("shift_started", id=f"on-{number}", at=back, data=data, **common),
                Kind.ROSTER,
            )
