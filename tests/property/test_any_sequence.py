"""Whatever happens, in whatever order, however often and with whatever delay: what must always hold holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from functions.cases.commands import Command, Person, Refused, claim, decline
from functions.cases.outcome import Placed
from functions.cases.sweep import sweep
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON
from tests.support.invariants import one_open_case, one_owner, steps_join, unanswered, unbroken, violations
from tests.support.world import STAFF, StepFunctionsDown, World

FACILITIES = ("northfield", "southgate")
MINUTE, HOUR = 60.0, 3600.0

EVENTS: dict[str, tuple[dict[str, Any], ...]] = {
    "oxygen_ordered": (
        {"order_id": "O1", "age_years": 70},
        {"order_id": "O2", "age_years": 5, "hypercapnic_risk": True, "target_spo2_low": 88, "target_spo2_high": 92},
    ),
    "oxygen_changed": (
        {"spo2_percent": 96, "flow_l_min": 2},
        {"spo2_percent": 85, "flow_l_min": 4},
        {"spo2_percent": 95, "flow_l_min": 0},
        {"flow_l_min": 1},
    ),
    "spo2_observed": ({"spo2_percent": 96}, {"spo2_percent": 91}, {"spo2_percent": 80}),
    "news2_scored": ({"news2": 2}, {"news2": 5}, {"news2": 9}),
    "assessment_completed": ({}, {"spo2_percent": 95, "distress": True, "news2": 7}),
    "care_plan_updated": ({"target_spo2_low": 88, "target_spo2_high": 92, "hypercapnic_risk": True},),
    "weaning_started": ({},),
    "oxygen_discontinued": ({},),
    "order_cancelled": ({"reason": "a mistake"},),
    "note_written": ({"note_id": "N1"},),
    "note_signed": ({"note_id": "N1"},),
    "note_cosigned": ({"note_id": "N1"},),
    "flowsheet_comment_recorded": ({"comment_id": "C1"},),
    "filing_retry_requested": ({},),
    "patient_transferred": ({"to_unit": "U2"},),
    "patient_discharged": ({},),
    "patient_died": ({},),
    "patient_merged": ({"surviving_patient": "P-9"},),
}

Action: TypeAlias = Callable[["Happening"], None]


class Happening:
    """A world to which things happen, and what was delivered to it."""

    def __init__(self) -> None:
        self.world = World()
        self.delivered: list[str] = []
        self.given_back: list[str] = []
        self.commands = 0
        self.shifts: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for facility in FACILITIES:
            for person in STAFF:
                self.shift(person, facility, hours=24)

    def shift(self, person: str, facility: str, *, hours: float) -> None:
        """News of the roster; no hours left: the shift has ended."""
        staff = person.partition(":")[0]
        self.world.now += 1
        if hours:
            self.world.on_shift(person, facility=facility, hours=hours)
        else:
            self.world.off_shift(staff, facility=facility)
        self.shifts.setdefault((facility, staff), []).append((self.world.now, self.world.now + hours * HOUR))

    def was_there(self, facility: str, staff: str, at: float) -> bool:
        """Whether a person was on shift at a moment."""
        news = [until for since, until in self.shifts[facility, staff] if since <= at]
        return bool(news) and news[-1] > at

    def deliver(self, raw: str, *, run: bool) -> None:
        """As the queue does: what raised is delivered again later."""
        if raw not in self.delivered:
            self.delivered.append(raw)
        try:
            answer = self.world.deliver(raw, run=run)
        except StepFunctionsDown:
            self.given_back.append(raw)
        else:
            if isinstance(answer, Placed):
                event(f"{answer.outcome} {answer.reason}" if not answer.duplicate else "duplicate")

    def come_to_rest(self) -> None:
        """Step Functions is there again, what was given back is delivered, everybody catches up, and the sweep looks twice."""
        self.world.following.down = False
        for raw in self.given_back:
            self.world.deliver(raw)
        self.given_back.clear()
        for _ in range(2):
            self.world.pass_time(MINUTE + 1)
            self.world.sweep()


def _send(
    type: str, data: dict[str, Any], by: str, facility: str, encounter: str, ago: float, run: bool, h: Happening
) -> None:
    raw = h.world.raw(type, by=by, facility=facility, encounter=encounter, at=h.world.now - ago, **data)
    h.deliver(raw, run=run)


def _again(which: int, run: bool, h: Happening) -> None:
    if h.delivered:
        h.deliver(h.delivered[which % len(h.delivered)], run=run)


def _pass_time(seconds: float, run: bool, h: Happening) -> None:
    if h.world.following.down:
        h.world.following.down = False
    h.world.pass_time(seconds, run=run)


def _shift(person: str, facility: str, hours: float, h: Happening) -> None:
    h.shift(person, facility, hours=hours)


def _command(person: str, which: int, facility: str, act: str, h: Happening) -> None:
    rows = h.world.cases(facility)
    if not rows:
        return
    h.commands += 1
    staff, role = person.split(":")
    command = Command(f"command-{h.commands}", rows[which % len(rows)].id, Person(staff, role))
    with suppress(Refused):
        if act == "claim":
            claim(h.world.services, command)
        else:
            decline(h.world.services, command, reason="busy")


def _down(down: bool, h: Happening) -> None:
    h.world.following.down = down


def _sweep(h: Happening) -> None:
    if not h.world.following.down:
        list(sweep(h.world.services, h.world.mirrors))


def _outcome(work: str, outcome: str, h: Happening) -> None:
    {"file": h.world.file, "confirm": h.world.confirm}[work].outcomes.insert(0, outcome)


def _bound(action: Callable[..., None], *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Action]:
    return st.tuples(*arguments).map(lambda values: partial(action, *values))


RIGHT = {t.on: tuple(PERSON[role] for role in t.by) for t in OXYGEN.transitions if t.by}
"""Whose event it is, by type."""


def _sends() -> st.SearchStrategy[Action]:
    """Any event; mostly of the one encounter, mostly by whoever it is for, mostly in time."""
    kinds = [(type, data) for type, variants in EVENTS.items() for data in variants]

    def sent(which: int, by: int, facility: str, encounter: str, ago: float, run: bool) -> Action:
        type, data = kinds[which]
        people = RIGHT.get(type, STAFF) if by < 8 else STAFF
        return partial(_send, type, data, people[by % len(people)], facility, encounter, ago, run)

    return st.builds(
        sent,
        st.integers(0, len(kinds) - 1),
        st.integers(0, 9),
        st.sampled_from(["northfield", "southgate", "southgate", "southgate"]),
        st.sampled_from(["E-1", "E-1", "E-1", "E-2"]),
        st.sampled_from([0.0, 0.0, 0.0, 0.0, 1.0, 90.0, 1800.0, 3 * HOUR]),
        st.sampled_from([True, True, False]),
    )


USUAL = (
    ("oxygen_ordered", 0, "MD-OAK:PROVIDER"), ("oxygen_changed", 3, "RN-ASH:RN"), ("assessment_completed", 0, "RT-LINDEN:RT"),
    ("oxygen_changed", 0, "RT-LINDEN:RT"), ("oxygen_discontinued", 0, "RN-ASH:RN"), ("note_written", 0, "RT-LINDEN:RT"),
    ("note_signed", 0, "RT-LINDEN:RT"), ("note_cosigned", 0, "MD-OAK:PROVIDER"),
)  # fmt: skip
"""The usual course, so that examples get far."""


def _usual(which: int) -> Action:
    type, variant, by = USUAL[which]
    return partial(_send, type, EVENTS[type][variant], by, "southgate", "E-1", 0.0, True)


ACTIONS: st.SearchStrategy[Action] = st.one_of(
    _sends(),
    _sends(),
    _sends(),
    st.integers(0, len(USUAL) - 1).map(_usual),
    st.integers(0, len(USUAL) - 1).map(_usual),
    _bound(_again, st.integers(0, 40), st.booleans()),
    _bound(_pass_time, st.sampled_from([1.0, MINUTE, 40 * MINUTE, 2 * HOUR, 9 * HOUR]), st.booleans()),
    _bound(_shift, st.sampled_from(STAFF), st.sampled_from(FACILITIES), st.sampled_from([0.0, 0.0, 2.0, 12.0])),
    _bound(_command, st.sampled_from(STAFF), st.integers(0, 3), st.sampled_from(FACILITIES), st.sampled_from(["claim", "decline"])),
    _bound(_down, st.booleans()),
    _bound(_sweep),
    _bound(_outcome, st.just("file"), st.sampled_from(["sent", "failed"])),
    _bound(_outcome, st.just("confirm"), st.sampled_from(["mismatch", "failed"])),
)  # fmt: skip

SEQUENCES = st.tuples(st.integers(0, len(USUAL)), st.lists(ACTIONS, min_size=10, max_size=40)).map(
    lambda drawn: [*map(_usual, range(drawn[0])), *drawn[1]]
)
"""Some way along the usual course, then anything."""

SETTINGS = settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


def wrong_at_any_moment(world: World) -> list[str]:
    """What must hold at every moment, whether or not anybody has followed yet."""
    found = []
    for facility in FACILITIES:
        rows = world.cases(facility)
        for row in rows:
            found += one_owner(world, row) + unbroken(world, row) + steps_join(world, row)
        found += one_open_case(world, rows)
    return found


@SETTINGS
@given(SEQUENCES)
def test_at_every_moment_one_owner_and_one_course(actions: list[Action]) -> None:
    """I1, and a journal without gap or break."""
    happening = Happening()
    for action in actions:
        action(happening)
        assert wrong_at_any_moment(happening.world) == []


@SETTINGS
@given(SEQUENCES)
def test_every_event_is_answered_everybody_follows_and_nothing_happens_twice(actions: list[Action]) -> None:
    """I2, I3, I4 and I5, once things have come to rest."""
    happening = Happening()
    for action in actions:
        action(happening)
    happening.come_to_rest()
    world = happening.world
    assert violations(world) == []
    quarantined = {row["sk"] for row in world.snapshot().values() if row["pk"].startswith("QUARANTINE#")}
    answered = []
    for raw in happening.delivered:
        detail = json.loads(raw)["detail"]
        if world.services.keys.quarantine(raw.encode()).sk not in quarantined:
            assert unanswered(world, [(detail["facility"], detail["event_id"])]) == []
            answered.append(raw)
    before = world.snapshot()
    for raw in (*answered, *reversed(answered)):
        again = world.deliver(raw)
        assert isinstance(again, Placed)
        assert again.duplicate
    assert world.snapshot() == before


@SETTINGS
@given(SEQUENCES)
def test_whoever_is_asked_is_on_shift(actions: list[Action]) -> None:
    """A task is offered only to somebody who is there at that moment, in a role that the reasons name."""
    happening = Happening()
    for action in actions:
        action(happening)
    for facility in FACILITIES:
        for row in happening.world.cases(facility):
            for entry in happening.world.journal(row.id):
                if entry["kind"] in {"moved", "declined"} and "person" in entry:
                    assert happening.was_there(facility, entry["person"], entry["at"]), entry
