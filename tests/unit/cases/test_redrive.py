"""Sending through again: placed once however often it is tried and wherever it breaks off, and remembered with its history."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from functions.cases.adapters.memory import MemoryTable
from functions.cases.outcome import Placed
from functions.cases.quarantine import (
    CHUNK_BYTES,
    MOST_REMEMBERED,
    REDRIVEN_KEPT_SECONDS,
    Kept,
    find_kept,
    kept_messages,
    mark_redriven,
    message,
    quarantine,
    quarantined,
)
from functions.cases.redrive import NotACorrection, NotInQuarantine, redrive, redrive_corrected
from functions.cases.table import Delete, Item, Key, Update, Write, WriteRefused
from tests.support.course import staffed
from tests.support.world import DAY, World

MD, RN = "MD-OAK:PROVIDER", "RN-ASH:RN"


class Died(Exception):
    """The process ended here."""


class DyingTable(MemoryTable):
    """Dies instead of the write number ``dies_at`` (0: never); counts the writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.dies_at = 0

    def write(self, writes: Any) -> None:
        """See Table.write."""
        self.writes += 1
        if self.writes == self.dies_at:
            raise Died
        super().write(writes)


def waiting(world: World, **event: Any) -> Kept:
    """An event for which no case is open yet, in quarantine; then its case opens."""
    kept = world.send("weaning_started", by=RN, id="w-1", **event)
    assert isinstance(kept, Kept)
    world.now += 60
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    world.place("oxygen_changed", by=RN, flow_l_min=2)
    return kept


def course(world: World) -> dict[Key, Item]:
    """Every row but those of the quarantine."""
    return {key: row for key, row in world.snapshot().items() if not key.pk.startswith("QUARANTINE#")}


def test_redriven_twice_nothing_happens_twice() -> None:
    world = staffed("northfield")
    kept = waiting(world)
    first = redrive(world.services, kept.id)
    assert (first.placed, first.said) == (True, "oxygen: deferred (" + first.said.partition("(")[2])
    before = world.snapshot()
    again = redrive(world.services, kept.id)
    assert (again.placed, again.said) == (True, f"sent through already: {first.said}")
    assert world.snapshot() == before


def test_wherever_it_breaks_off_it_still_waits_or_has_been_placed_and_the_next_time_agrees() -> None:
    def prepared() -> tuple[World, DyingTable, Kept]:
        table = DyingTable()
        world = World(table=table)
        world.on_shift("RT-LINDEN:RT", RN, MD, "LEAD-ELM:RT_LEAD", "CN-FIR:CHARGE_NURSE")
        kept = waiting(world)
        table.writes = 0
        return world, table, kept

    world, table, kept = prepared()
    redrive(world.services, kept.id)
    wanted, writes = course(world), table.writes
    assert writes >= 2, "the commit, and the note that it was redriven"
    for at in range(1, writes + 1):
        world, table, kept = prepared()
        table.dies_at = at
        with pytest.raises(Died):
            redrive(world.services, kept.id)
        assert [k.id for k in quarantined(world.services)] == [kept.id], "it waits until it is known to be placed"
        again = redrive(world.services, kept.id)
        assert again.placed
        assert course(world) == wanted
        assert list(quarantined(world.services)) == []


def test_it_is_remembered_as_long_as_marks_are_and_what_waits_never_expires() -> None:
    world = staffed("northfield")
    kept, stays = waiting(world), world.deliver("not json")
    assert isinstance(stays, Kept)
    redrive(world.services, kept.id)
    table = world.table
    assert isinstance(table, MemoryTable)
    table.forget(world.now + REDRIVEN_KEPT_SECONDS - 1)
    assert {k.id for k in kept_messages(world.services)} == {kept.id, stays.id}
    table.forget(world.now + 1000 * DAY)
    assert {k.id for k in kept_messages(world.services)} == {stays.id}
    assert message(world.services, stays.id) == "not json"
    with pytest.raises(NotInQuarantine):
        redrive(world.services, kept.id)


def test_quarantined_again_it_waits_again_with_its_history() -> None:
    world = staffed("northfield")
    kept = waiting(world)
    redrive(world.services, kept.id)
    redriven_at = world.now
    world.now += 100
    again = quarantine(world.services, message(world.services, kept.id), "no_case", "detail.subject", "look")
    assert (again.id, again.times, again.at, again.redriven_at) == (kept.id, 2, world.now, None)
    (earlier,) = again.history
    assert (earlier.reason, earlier.at, earlier.redriven_at) == ("no_case", kept.at, redriven_at)
    assert earlier.said.startswith("oxygen: deferred")
    assert find_kept(world.services, kept.id) == again
    assert "expires_at" not in world.row(Key("QUARANTINE#" + kept.id[0], kept.id)), "what waits never expires"


def test_a_message_in_parts_expires_and_waits_again_as_a_whole() -> None:
    world = World()
    raw = random.Random(1).randbytes(2 * CHUNK_BYTES).hex()
    kept = quarantine(world.services, raw, "too_large", "event", "send less")
    table = world.table
    assert isinstance(table, MemoryTable)

    def rows() -> list[Item]:
        return [row for row in table.rows() if row["pk"].startswith("QUARANTINE#")]

    assert mark_redriven(world.services, kept, "by hand")
    assert len(rows()) == 3
    assert len({row["expires_at"] for row in rows()}) == 1
    again = quarantine(world.services, raw, "too_large", "event", "send less")
    assert not [row for row in rows() if "expires_at" in row]
    assert mark_redriven(world.services, again, "by hand")
    table.forget(world.now + REDRIVEN_KEPT_SECONDS + 1)
    assert rows() == []


def test_the_parts_of_a_message_that_waits_again_do_not_expire_under_it() -> None:
    """It is quarantined again while somebody notes that it was redriven: the note comes between its parts and itself."""
    world = World()
    raw = random.Random(1).randbytes(CHUNK_BYTES).hex()
    kept = quarantine(world.services, raw, "too_large", "event", "send less")
    inner = world.table

    class Between:
        """Lets the note happen right before the message's own row is written."""

        def __init__(self) -> None:
            self.noted = False

        def write(self, writes: tuple[Write, ...]) -> None:
            """See Table.write."""
            if writes[0].key.sk == kept.id and not self.noted:
                self.noted = True
                assert mark_redriven(world.services, kept, "by hand")
            inner.write(writes)

        def update(self, update: Update) -> Item:
            """See Table.update."""
            return inner.update(update)

    racing = replace(world.services, table=Between())  # type: ignore[arg-type]
    again = quarantine(racing, raw, "too_large", "event", "send less")
    assert again.redriven_at is None
    assert isinstance(inner, MemoryTable)
    inner.forget(world.now + 1000 * DAY)
    assert message(world.services, kept.id) == raw


def test_what_came_again_meanwhile_is_not_noted_as_redriven() -> None:
    world = World()
    kept = world.deliver("not json")
    assert isinstance(kept, Kept)
    world.deliver("not json")
    assert not mark_redriven(world.services, kept, "by hand")
    assert [k.times for k in quarantined(world.services)] == [2]


def test_two_who_redrive_at_once_note_it_once() -> None:
    world = World()
    kept = world.deliver("not json")
    assert isinstance(kept, Kept)
    assert mark_redriven(world.services, kept, "first")
    assert not mark_redriven(world.services, kept, "second")
    (only,) = kept_messages(world.services)
    assert [each.said for each in only.history] == ["first"]


def test_what_is_noted_as_redriven_in_the_moment_it_comes_again_waits_again() -> None:
    world = World()
    kept = quarantine(world.services, "not json", "invalid_json", "event", "send JSON")
    inner = world.table

    class Between:
        """Lets the note happen after the message was found to wait, before it is counted."""

        def __init__(self) -> None:
            self.noted = False

        def write(self, writes: tuple[Write, ...]) -> None:
            """See Table.write."""
            inner.write(writes)

        def update(self, update: Update) -> Item:
            """See Table.update."""
            if not self.noted:
                self.noted = True
                assert mark_redriven(world.services, kept, "by hand")
            return inner.update(update)

    racing = replace(world.services, table=Between())  # type: ignore[arg-type]
    quarantine(racing, "not json", "invalid_json", "event", "send JSON")
    (waits,) = quarantined(world.services)
    assert (waits.times, len(waits.history)) == (2, 1)


def test_only_so_much_history_is_remembered() -> None:
    world = World()
    for number in range(MOST_REMEMBERED + 2):
        world.now += 1
        kept = world.deliver("not json")
        assert isinstance(kept, Kept)
        assert mark_redriven(world.services, kept, str(number))
    (only,) = kept_messages(world.services)
    assert [each.said for each in only.history] == [str(n) for n in range(2, MOST_REMEMBERED + 2)]


def test_an_event_that_is_held_early_already_goes_on_waiting_here_too() -> None:
    """The sweep quarantines it, then forgets mark and waiting place: redriven in between, it must not be lost."""
    world = staffed("northfield")
    raw = world.raw("oxygen_changed", by=RN, flow_l_min=2, spo2_percent=95, id="early-1")
    held = world.deliver(raw)
    assert isinstance(held, Placed)
    assert held.outcome == "held_early"
    kept = quarantine(world.services, raw, "no_case", "detail.subject", "its case did not open in time")
    again = redrive(world.services, kept.id)
    assert not again.placed
    assert [k.id for k in quarantined(world.services)] == [kept.id]


def corrected(raw: str, **detail: Any) -> str:
    """The message with something in its envelope changed."""
    outer = json.loads(raw)
    outer["detail"].update(detail)
    return json.dumps(outer)


def test_a_corrected_copy_takes_the_message_s_place_once() -> None:
    world = World()
    raw = world.raw("oxygen_ordered", by=MD, order_id="O1", age_years=70, facility="nowhere")
    kept = world.deliver(raw)
    assert isinstance(kept, Kept)
    right = corrected(raw, facility="northfield")
    done = redrive_corrected(world.services, kept.id, right)
    assert (done.placed, world.state()) == (True, "ordered")
    before = world.snapshot()
    assert redrive_corrected(world.services, kept.id, right).placed
    assert redrive(world.services, kept.id).placed
    assert world.snapshot() == before
    (only,) = kept_messages(world.services)
    assert only.history[0].said.startswith("corrected; oxygen: moved")


def test_a_corrected_copy_that_is_no_better_changes_nothing() -> None:
    world = World()
    raw = world.raw("oxygen_ordered", by=MD, order_id="O1", age_years=70, facility="nowhere")
    kept = world.deliver(raw)
    assert isinstance(kept, Kept)
    before = world.snapshot()
    assert "unknown_facility" in redrive_corrected(world.services, kept.id, corrected(raw, facility="nowhere-2")).said
    for wrong, why in ((corrected(raw, event_id="other"), "event_id"), ("{", "cannot be read")):
        with pytest.raises(NotACorrection, match=why):
            redrive_corrected(world.services, kept.id, wrong)
    assert world.snapshot() == before


def test_a_message_that_was_placed_as_it_came_is_not_placed_again_corrected() -> None:
    """It broke off after it was placed and before that was noted; then somebody corrects it instead."""
    world = staffed("northfield")
    kept = waiting(world)
    raw = message(world.services, kept.id)
    world.deliver(raw)
    before = course(world)
    done = redrive_corrected(world.services, kept.id, corrected(raw, facility="southgate"))
    assert (done.placed, "seen before" in done.said) == (True, True)
    assert course(world) == before
    assert list(quarantined(world.services)) == []


@pytest.mark.parametrize("redriven", [False, True])
def test_what_expires_in_the_moment_it_comes_again_is_kept_anew_and_whole(redriven: bool) -> None:
    world = World()
    kept = world.deliver("not json")
    assert isinstance(kept, Kept)
    if redriven:
        assert mark_redriven(world.services, kept, "by hand")
    inner = world.table
    place = Key("QUARANTINE#" + kept.id[0], kept.id)

    class Expiring:
        """Loses the message's row right after it was found to be there."""

        def write(self, writes: tuple[Write, ...]) -> None:
            """See Table.write."""
            try:
                inner.write(writes)
            except WriteRefused:
                inner.write((Delete(place),))
                raise

        def update(self, update: Update) -> Item:
            """See Table.update."""
            return inner.update(update)

    again = quarantine(replace(world.services, table=Expiring()), "not json", "invalid_json", "event", "send JSON")  # type: ignore[arg-type]
    assert (again.times, again.history) == (1, ())
    assert message(world.services, again.id) == "not json"
