"""A deployed stack: paced, looked up afterwards, and what stays unknown is said to be."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from events.catalog import Spo2Observed
from events.envelope import Source
from local.connection import Connection
from local.replay.deployed import BATCH, Deployed
from local.replay.ledger import Ledger, Settled
from local.replay.lookup import TableLookup
from local.replay.message import Message, bus_event
from local.replay.stack import StackSink
from local.replay.staging import Staging
from tests.support.world import World


class Stack:
    """A stack that places what it gets when it is looked at for the second time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.sent: list[list[dict[str, Any]]] = []
        self.admitted: list[tuple[str, str]] = []
        self.marks: dict[str, Settled] = {}
        self.held: dict[str, Settled] = {}
        self.becomes: dict[str, Settled] = {}

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.marks |= self.becomes

    def admit(self, patient: str, encounter: str) -> None:
        self.admitted.append((patient, encounter))

    def send(self, events: list[dict[str, Any]]) -> None:
        self.sent.append(events)

    def marked(self, facility: str, event_id: str, type: str) -> Settled | None:
        assert (facility, type) == ("northfield", "spo2_observed")
        return self.marks.get(event_id)

    def quarantined(self) -> Iterator[tuple[str, Settled]]:
        return iter(self.held.items())


def message(number: int, *, encounter: str = "E-1", id: str | None = None) -> Message:
    event = bus_event(
        Spo2Observed,
        {"spo2_percent": 95},
        source=Source.EMR,
        event_id=id or f"event-{number}",
        occurred_at=float(number),
        facility="northfield",
        subject=("p", encounter.lower()),
    )
    return Message(event, number, encounter, float(number), 1000.0)


def replayed(folder: Path, stack: Stack, *messages: Message, rate: float = 10.0) -> dict[str, str | None]:
    """Outcomes by event id, of the last event of that id."""
    with closing(Staging(folder / "statements.sqlite")) as staging:
        staging.arrange()
        ledger = Ledger(staging.database)
        runner = Deployed(
            stack, stack, ledger, rate=rate, settle_seconds=60, clock=lambda: stack.now, sleep=stack.sleep
        )
        for each in messages:
            runner.deliver(each)
        runner.finish()
        rows = staging.database.execute("SELECT event_id, outcome FROM events ORDER BY id")
        return dict(rows.fetchall())


def test_events_are_sent_in_batches_at_the_rate_asked_for(tmp_path: Path) -> None:
    stack = Stack()
    stack.becomes = {f"event-{n}": Settled("recorded", "no_guard_holds") for n in range(25)}
    replayed(tmp_path, stack, *(message(n) for n in range(25)), rate=10.0)
    assert [len(batch) for batch in stack.sent] == [BATCH, BATCH, 5]
    assert [batch[0]["detail"]["event_id"] for batch in stack.sent] == ["event-0", "event-10", "event-20"]
    assert stack.slept[:2] == [1.0, 1.0]


def test_each_encounter_is_admitted_once_before_its_first_event(tmp_path: Path) -> None:
    stack = Stack()
    stack.becomes = {f"event-{n}": Settled("recorded", "x") for n in range(4)}
    replayed(tmp_path, stack, message(0), message(1), message(2, encounter="E-2"), message(3))
    assert stack.admitted == [("p", "e-1"), ("p", "e-2")]


def test_outcomes_are_read_back_until_all_are_known(tmp_path: Path) -> None:
    stack = Stack()
    stack.becomes = {"event-0": Settled("moved", "transition"), "event-1": Settled("deferred", "declared")}
    stack.held = {
        "event-2": Settled("quarantined", "out_of_range", "q-1"),
        "someone-elses": Settled("quarantined", "x"),
    }
    outcomes = replayed(tmp_path, stack, message(0), message(1), message(2))
    assert outcomes == {"event-0": "moved", "event-1": "deferred", "event-2": "quarantined"}


def test_what_was_seen_before_or_comes_twice_is_a_duplicate_and_is_sent_all_the_same(tmp_path: Path) -> None:
    stack = Stack()
    stack.marks = {"event-0": Settled("moved", "transition")}
    stack.becomes = {"event-1": Settled("recorded", "x")}
    outcomes = replayed(tmp_path, stack, message(0), message(1), message(2, id="event-1"))
    assert outcomes == {"event-0": "duplicate", "event-1": "duplicate"}
    assert len(stack.sent[0]) == 3


def test_what_is_not_known_in_time_stays_unknown(tmp_path: Path) -> None:
    stack = Stack()
    outcomes = replayed(tmp_path, stack, message(0))
    assert outcomes == {"event-0": None}
    assert stack.now >= 60


# ── what the stack's own parts do ────────────────────────────────────────────────────────────────────────────────────────


class Bus:
    """Takes entries as PutEvents does."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put(self, entries: list[dict[str, Any]]) -> int:
        self.entries += entries
        return len(entries)


def test_events_go_to_the_bus_as_putevents_takes_them() -> None:
    bus = Bus()
    StackSink(cast(Connection, bus), "http://127.0.0.1").send([dict(message(0).event)])
    (entry,) = bus.entries
    assert (entry["Source"], entry["DetailType"]) == ("baton.emr", "spo2_observed")
    assert json.loads(entry["Detail"]) == message(0).event["detail"]


def test_the_table_says_what_became_of_events() -> None:
    world = World()
    lookup = TableLookup(world.services)
    world.send("spo2_observed", id="ignored-1", spo2_percent=95)
    world.send("spo2_observed", id="bad-1", spo2_percent=140)
    world.deliver("not JSON")
    assert lookup.marked("northfield", "ignored-1", "spo2_observed") == Settled("ignored", "not_applicable")
    assert lookup.marked("northfield", "bad-1", "spo2_observed") is None
    assert [(id, settled[:2]) for id, settled in lookup.quarantined()] == [("bad-1", ("quarantined", "out_of_range"))]
