"""`baton send`: files are checked before anything is sent, and the try-out file that the help names works."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events.envelope import Envelope, Source
from events.files import EventFileError
from events.publish import to_eventbridge
from functions.cases.ports import Services
from local.command import EPILOG
from local.command import parser as command_parser
from local.paths import CHECKOUT
from local.problem import Problem
from local.send import EVENT_ID_LENGTH, deliver, moved_to, read
from tests.support.world import World

TRY = Path("local/try.json")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


class WorldBus:
    """A bus that leads straight into a world in memory."""

    def __init__(self, world: World) -> None:
        self.world, self.batches = world, list[list[str]]()

    @property
    def services(self) -> Services:
        """Where it can be read what became of events."""
        return self.world.services

    def send(self, events: Iterable[tuple[Envelope, Source]]) -> int:
        """Deliver each at once, as the bus would in the end."""
        entries = [to_eventbridge(envelope, source) for envelope, source in events]
        self.batches.append([entry["DetailType"] for entry in entries])
        for entry in entries:
            detail = json.loads(entry["Detail"])
            self.world.deliver(
                json.dumps({"source": entry["Source"], "detail-type": entry["DetailType"], "detail": detail})
            )
        return len(entries)


def event(**changes: object) -> dict[str, object]:
    """A flat event as a file may hold it."""
    return {
        "source": "baton.emr", "type": "spo2_observed", "event_id": "e-1", "schema_version": 1,
        "occurred_at": "2026-03-02T20:00:00+00:00", "facility": "northfield",
        "subject": {"patient": "P-0001", "encounter": "E-0001"}, "data": {"spo2_percent": 95},
    } | changes  # fmt: skip


def file(folder: Path, *events: dict[str, object], name: str = "events.json") -> Path:
    """A file of events."""
    path = folder / name
    path.write_text(json.dumps(events))
    return path


# ── the help's own example ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_helps_example_opens_a_case_that_its_therapist_can_claim() -> None:
    (line,) = re.findall(r"baton (send .*?)  ", EPILOG)
    given = command_parser().parse_args(line.split())
    assert given.now
    world = World()
    bus = WorldBus(world)
    events = moved_to(read(CHECKOUT / path for path in given.files), datetime.fromtimestamp(world.now, UTC))
    said = list(deliver(bus, events, sleep=lambda _: None))
    assert said[-1] == f"{len(events)} sent"
    assert [line.split()[-2] for line in said[:-1] if "oxygen" in line] == ["moved", "moved"]
    (claim,) = re.findall(r"baton claim ID --as (\S+)", EPILOG)
    task = world.case().task
    assert task is not None
    assert (world.state(), f"{task.person}:{task.role}") == ("assessment_due", claim)


def test_the_readme_sends_the_file_that_is_shipped() -> None:
    assert f"send --now {TRY}" in (CHECKOUT / "README.md").read_text()
    assert (CHECKOUT / TRY).is_file()


def test_sending_again_is_told_as_sent_before() -> None:
    world = World()
    events = moved_to(read([CHECKOUT / TRY]), datetime.fromtimestamp(world.now, UTC))
    list(deliver(WorldBus(world), events, sleep=lambda _: None))
    before = world.snapshot()
    again = list(deliver(WorldBus(world), events, sleep=lambda _: None))
    assert all("sent before" in line for line in again[:-1])
    assert world.snapshot() == before


def test_who_comes_on_shift_is_on_the_roster_before_the_next_event_goes() -> None:
    world = World()
    bus = WorldBus(world)
    list(deliver(bus, moved_to(read([CHECKOUT / TRY]), datetime.fromtimestamp(world.now, UTC)), sleep=lambda _: None))
    assert bus.batches == [["shift_started"] * 5, ["oxygen_ordered", "oxygen_changed"]]


def test_what_is_quarantined_is_told_with_its_reason(tmp_path: Path) -> None:
    world = World()
    events = moved_to(read([file(tmp_path, event(facility="nowhere"))]), datetime.fromtimestamp(world.now, UTC))
    told, _ = deliver(WorldBus(world), events, sleep=lambda _: None)
    assert "quarantined: unknown_facility" in told


# ── moved in time ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_newest_happens_now_and_the_others_as_long_before() -> None:
    events = read([TRY if TRY.is_file() else CHECKOUT / TRY])
    moved = moved_to(events, NOW)
    assert max(each.envelope.occurred_at for each in moved) == NOW
    gaps = [[each.envelope.occurred_at - all[0].envelope.occurred_at for each in all] for all in (events, moved)]
    assert gaps[0] == gaps[1]


def test_times_that_the_data_state_move_with_their_event() -> None:
    first, moved = read([CHECKOUT / TRY])[0], moved_to(read([CHECKOUT / TRY]), NOW)[0]
    hours = [datetime.fromisoformat(each.envelope.data["until"]) - each.envelope.occurred_at for each in (first, moved)]
    assert hours[0] == hours[1]


def test_moved_events_are_others_and_repetitions_stay_repetitions(tmp_path: Path) -> None:
    path = file(tmp_path, event(), event(), event(event_id="x" * EVENT_ID_LENGTH))
    ids = [each.envelope.event_id for each in moved_to(read([path]), NOW)]
    later = [each.envelope.event_id for each in moved_to(read([path]), NOW.replace(minute=3))]
    assert ids[0] == ids[1] != "e-1"
    assert set(ids).isdisjoint(later)
    assert len(ids[2]) == EVENT_ID_LENGTH


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", " \n", "[]"])
def test_a_file_without_events_is_a_problem(tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.json"
    path.write_text(text)
    with pytest.raises(Problem, match=r"empty\.json holds no event"):
        read([path])


def test_a_folder_and_a_missing_file_are_told_plainly(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is a folder"):
        read([tmp_path])
    with pytest.raises(Problem, match="there is no file"):
        read([tmp_path / "none.json"])


def test_one_bad_file_keeps_all_from_being_sent(tmp_path: Path) -> None:
    bad = file(tmp_path, event(type="oxygen_vanished"), name="bad.json")
    with pytest.raises(EventFileError, match="unknown_type"):
        read([file(tmp_path, event()), bad])
