"""What cannot be understood or placed is kept with its reason, once, counted, and can be read again as it came."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from events.unreadable import UnreadableReason
from functions.cases import keys
from functions.cases.outcome import Placed
from functions.cases.quarantine import CHUNK_BYTES, Kept, message, quarantine, quarantined
from functions.cases.table import Delete, Key, Put
from tests.support.course import staffed
from tests.support.world import DAY, World

MD, RN = "MD-OAK:PROVIDER", "RN-ASH:RN"


def changed(world: World, **changes: Any) -> str:
    """A good event with something in it made bad; ``detail_x`` changes x in the detail, ``data_x`` in its data."""
    outer = json.loads(world.raw("oxygen_changed", by=RN, flow_l_min=2, spo2_percent=95))
    for name, value in changes.items():
        place, _, field = name.partition("_")
        target = {"detail": outer["detail"], "data": outer["detail"]["data"]}.get(place, outer)
        field = field if target is not outer else name.replace("_", "-")
        if value is None:
            target.pop(field, None)
        else:
            target[field] = value
    return json.dumps(outer)


UNREADABLE: list[tuple[str, dict[str, Any], UnreadableReason, str]] = [
    ("unknown type", {"detail_type": "toast_buttered"}, UnreadableReason.NOT_AN_EVENT, "detail.type"),
    ("unknown detail-type", {"detail-type": "toast_buttered"}, UnreadableReason.UNKNOWN_TYPE, "detail-type"),
    ("unknown version", {"detail_schema_version": 7}, UnreadableReason.UNKNOWN_VERSION, "detail.schema_version"),
    ("missing field", {"detail_event_id": None}, UnreadableReason.MISSING_FIELD, "detail.event_id"),
    ("unknown field", {"data_flow": 2}, UnreadableReason.UNKNOWN_FIELD, "detail.data"),
    ("ill-typed", {"data_flow_l_min": "two"}, UnreadableReason.WRONG_TYPE, "detail.data.flow_l_min"),
    ("impossible", {"data_spo2_percent": 140}, UnreadableReason.OUT_OF_RANGE, "detail.data.spo2_percent"),
    ("naive time", {"detail_occurred_at": "2026-03-02T08:00:00"}, UnreadableReason.NAIVE_TIME, "detail.occurred_at"),
    ("future", {"detail_occurred_at": "2027-03-02T08:00:00Z"}, UnreadableReason.TIME_IN_FUTURE, "detail.occurred_at"),
    ("no subject", {"detail_subject": None}, UnreadableReason.MISSING_SUBJECT, "detail.subject"),
    ("no actor", {"detail_actor": None}, UnreadableReason.MISSING_ACTOR, "detail.actor"),
    ("wrong source", {"source": "baton.roster"}, UnreadableReason.SOURCE_NOT_ALLOWED, "source"),
    ("our own", {"source": "baton.orchestrator"}, UnreadableReason.OWN_EVENT, "source"),
    ("no detail", {"detail": None}, UnreadableReason.NOT_AN_EVENT, "detail"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "reason", "where"), [u[1:] for u in UNREADABLE], ids=[u[0] for u in UNREADABLE])
def test_an_unreadable_event(changes: dict[str, Any], reason: UnreadableReason, where: str) -> None:
    world = World()
    if "detail" in changes:
        outer = json.loads(world.raw("oxygen_changed", by=RN))
        del outer["detail"]
        raw = json.dumps(outer)
    else:
        raw = changed(world, **changes)
    kept = world.deliver(raw)
    assert isinstance(kept, Kept)
    assert (kept.reason, kept.times, kept.at) == (reason, 1, world.now)
    assert kept.where.startswith(where)
    assert kept.mend
    assert message(world.services, kept.id) == raw


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", UnreadableReason.INVALID_JSON),
        ("{", UnreadableReason.INVALID_JSON),
        ("\ud800", UnreadableReason.INVALID_JSON),
        ("[1, 2]", UnreadableReason.NOT_AN_EVENT),
        ("null", UnreadableReason.NOT_AN_EVENT),
        ('{"detail": "' + "x" * 300_000 + '"}', UnreadableReason.TOO_LARGE),
    ],
    ids=["empty", "cut off", "no UTF-8", "a list", "null", "300 KB"],
)
def test_what_is_no_event_at_all(raw: str, reason: UnreadableReason) -> None:
    world = World()
    kept = world.deliver(raw)
    assert isinstance(kept, Kept)
    assert kept.reason == reason
    assert message(world.services, kept.id) == raw


@pytest.mark.parametrize(
    ("event", "reason", "where"),
    [
        ({"type": "weaning_started", "by": RN}, "no_case", "detail.subject"),
        ({"type": "weaning_started", "by": RN, "facility": "atlantis"}, "unknown_facility", "detail.facility"),
        ({"type": "weaning_started", "by": RN, "at": World().now - 31 * DAY}, "too_old", "detail.occurred_at"),
        ({"type": "shift_ended", "facility": "atlantis", "staff_id": "X"}, "unknown_facility", "detail.facility"),
    ],
)  # fmt: skip
def test_an_event_that_has_no_place(event: dict[str, Any], reason: str, where: str) -> None:
    world = World()
    kept = world.send(**event)
    assert isinstance(kept, Kept)
    assert (kept.reason, kept.where) == (reason, where)


def test_a_facility_that_does_not_run_the_workflow() -> None:
    world = World()
    active = keys.facility_active("northfield")
    row = world.row(active)
    world.table.write((Put({**row, "workflows": {}}),))
    kept = world.send("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    assert isinstance(kept, Kept)
    assert kept.reason == "workflow_not_active"


def test_the_same_message_again_is_counted_not_kept_twice() -> None:
    world = World()
    raw = world.raw("weaning_started", by=RN)
    answers = [world.deliver(raw) for _ in range(3)]
    assert [kept.times for kept in answers if isinstance(kept, Kept)] == [1, 2, 3]
    (only,) = quarantined(world.services)
    assert (only.times, only.at) == (3, world.now)


def test_another_message_is_another_row_and_all_are_found() -> None:
    world = World()
    ids = {
        kept.id for n in range(40) if isinstance(kept := world.send("weaning_started", by=RN, encounter=f"E-{n}"), Kept)
    }
    assert {kept.id for kept in quarantined(world.services)} == ids
    assert len(ids) == 40


def test_a_large_message_that_does_not_compress_is_kept_in_parts() -> None:
    world = World()
    raw = random.Random(1).randbytes(2 * CHUNK_BYTES).hex() + "é\ud800"
    kept = quarantine(world.services, raw, "too_large", "event", "send less")
    place = Key("QUARANTINE#" + kept.id[0], kept.id)
    assert world.row(place)["chunks"] == 3
    assert all(len(row["body"]) <= CHUNK_BYTES for key, row in world.snapshot().items() if key.pk == place.pk)
    assert message(world.services, kept.id) == raw
    assert [k.id for k in quarantined(world.services)] == [kept.id], "its parts are no messages of their own"


def test_a_message_that_lost_a_part_is_not_passed_off_as_whole() -> None:
    world = World()
    kept = quarantine(world.services, random.Random(1).randbytes(CHUNK_BYTES).hex(), "too_large", "event", "send less")
    world.table.write((Delete(Key("QUARANTINE#" + kept.id[0], f"{kept.id}/001")),))
    with pytest.raises(LookupError, match="part 1"):
        message(world.services, kept.id)
    with pytest.raises(LookupError, match="nothing in quarantine"):
        message(world.services, "0" * 32)


def test_once_mended_it_can_be_sent_through_again() -> None:
    world = staffed("northfield")
    kept = world.send("weaning_started", by=RN, id="w-1")
    assert isinstance(kept, Kept)
    assert world.mark("w-1") is None, "an event in quarantine has not been seen"
    world.now += 60
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    again = world.deliver(message(world.services, kept.id))
    assert isinstance(again, Placed)
    assert again.outcome == "deferred"


def test_one_bad_message_holds_up_nothing() -> None:
    world = staffed("northfield")
    answers = [world.deliver("{"), world.send("oxygen_ordered", by=MD, order_id="O1", age_years=70), world.deliver("{")]
    assert [isinstance(answer, Placed) for answer in answers] == [False, True, False]
