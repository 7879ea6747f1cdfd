"""What people read of cases: plain English, and since when somebody has the step."""

from __future__ import annotations

from rich.console import Console

from functions.cases import commands
from functions.cases.commands import Person
from functions.cases.quarantine import Kept
from local.demo.screen import clock, line, owners
from local.status import described
from tests.support.world import STAFF, World


def opened() -> World:
    """A case that waits for an assessment."""
    world = World()
    world.on_shift(*STAFF, "RT-MAPLE:RT")
    world.send("oxygen_ordered", by="MD-OAK:PROVIDER", order_id="order-1", age_years=60)
    world.send("oxygen_changed", by="RN-ASH:RN", flow_l_min=2.0, device="nasal cannula")
    return world


def told(world: World) -> str:
    """The newest journal entry as people read it."""
    row = world.case()
    console = Console(width=300, color_system=None)
    with console.capture() as shown:
        console.print(line(row, world.journal(row.id)[-1]), highlight=False)
    return shown.get().partition(row.id[:6])[2].strip()


def test_what_people_do_reads_as_a_sentence() -> None:
    world = opened()
    commands.claim(world.services, world.command("RT-LINDEN:RT"))
    assert told(world) == "RT-LINDEN (RT) claims the step"
    commands.decline(world.services, world.command("RT-LINDEN:RT"), reason="called away")
    assert told(world) == "RT-LINDEN (RT) declines the step; it goes to RT RT-MAPLE  (called away)"
    commands.reassign(
        world.services, world.command("CN-FIR:CHARGE_NURSE"), to=Person("RT-LINDEN", "RT"), reason="back from [bay 2]"
    )
    assert told(world) == "CN-FIR (CHARGE_NURSE) hands the step on to RT RT-LINDEN  (back from [bay 2])"


def test_what_events_do_reads_as_a_sentence() -> None:
    world = opened()
    world.send("note_written", by="RT-LINDEN:RT", note_id="note-1")
    assert told(world).startswith("note_written from RT-LINDEN (RT) waits for a later state  (kept until")
    world.send("assessment_completed", by="CN-FIR:CHARGE_NURSE", spo2_percent=95)
    assert told(world).startswith("assessment_completed from CN-FIR (CHARGE_NURSE) is refused  (T-10 is for")


def test_since_when_is_since_the_owner_has_it() -> None:
    world = opened()
    world.pass_time(600)
    commands.claim(world.services, world.command("RT-LINDEN:RT"))
    row = world.case()
    assert row.task is not None
    assert row.task.since != row.case.entered
    cells = [column._cells[0] for column in owners([row]).columns]
    assert cells[-2:] == [clock(row.task.since), clock(row.case.due)]


def test_status_says_in_words_what_is_late_or_given_up() -> None:
    world = opened()
    now = (world.case().case.due or 0.0) + 180
    kept = [Kept("0123", "no_case", "detail", "mend it", 0.0, 1)]
    said = described([world.case()], kept, {"relay": 0, "intake": 2}, now)
    assert said == [
        "1 case, 1 open, 1 past the deadline",
        f"  late: {world.case().id[:8]} at northfield in assessment_due, 3 min",
        "1 message in quarantine; `baton quarantine` lists them",
        "2 messages given up by intake (dead letters)",
    ]
    assert described([], [], {"relay": 0}, now)[-1] == "no function has given up a message"
