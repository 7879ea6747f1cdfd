"""Finds every moment at which a use case can die in a scenario, and plays the scenario once for each."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from types import FrameType
from typing import Any, NamedTuple

from tests.crash import judge
from tests.crash.hospital import Hospital, deployed
from tests.crash.judge import End
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.tape import FUNCTIONS, Call, Tape, When

REST = 1020.0
"""Seconds after the last action until everything must have come to rest; the sweep looks every minute."""
MOST_REST = 2 * REST
SWEEP_EVERY = 60.0


class Point(NamedTuple):
    """A moment at which to die: just before or just after a call takes effect."""

    scenario: str
    call: Call
    when: When

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return f"{self.scenario}:{self.call.number}:{self.when}"

    def __str__(self) -> str:
        return f"{self.name} ({self.when} {self.call.use_case} → {self.call.port}.{self.call.operation})"


@dataclass(frozen=True, slots=True)
class Recording:
    """A scenario as it goes when nobody dies. ``entered`` are the functions of the product that ran, by file and name.

    It was watched for ``watched`` seconds after the last action, and a run in which somebody dies is watched as long. A case
    that nobody takes up is reminded of again and again: watching ends while no reminder is near, or one that comes a second
    later because something died would count as missing.
    """

    scenario: Scenario
    calls: Sequence[Call]
    end: End
    watched: float
    entered: frozenset[tuple[str, str]] = field(repr=False)

    def points(self) -> Iterator[Point]:
        """Every point, in order."""
        for call in self.calls:
            for when in When:
                yield Point(self.scenario.name, call, when)

    def moments(self) -> list[tuple[Point, ...]]:
        """The points in groups that leave the same world behind: between them nothing outside the process changes.

        Dying before a read, after it, or before the next write of the same invocation is the same to everybody else.
        """
        groups: list[list[Point]] = []
        invocation = None
        for point in self.points():
            call = point.call
            if call.invocation != invocation or (call.changed and point.when is When.AFTER):
                groups.append([])
            invocation = call.invocation
            groups[-1].append(point)
        return [tuple(group) for group in groups]


class Run(NamedTuple):
    """What does not hold after a run, where it ended otherwise than without a crash, and how often something died in it."""

    violations: Sequence[str]
    different: Sequence[str]
    crashed: int
    trace: Sequence[str]

    @property
    def wrong(self) -> list[str]:
        """All that is wrong."""
        return [*self.violations, *self.different]


def play(
    tape: Tape, scenario: Scenario, hospital: Hospital, *, swept: bool = True, watched: float | None = None
) -> float:
    """Let a scenario happen, and come to rest; ``swept``: with the help of the sweep.

    Returns for how many seconds it was watched; None: until nothing falls due. Raises RuntimeError when something always does.
    """
    scenario.given(hospital)
    hospital.wait(0)
    hospital.forget()
    tape.running = True
    try:
        scenario.play(hospital)
        hospital.wait(0)
    finally:
        last, tape.running = tape.counted, False
    if tape.crashes and max(tape.crashes) >= last:
        tape.running = True  # a crash that is still to come may hit what mends
    last_action = hospital.now

    def enough() -> bool:
        seconds = hospital.now - last_action
        if watched is not None:
            return seconds >= watched
        if seconds > MOST_REST:
            raise RuntimeError(f"{scenario.name} has no moment in which nothing falls due")
        return seconds >= REST and not judge.falls_due_about_now(hospital)

    while not enough():
        hospital.wait(SWEEP_EVERY)
        if swept:
            hospital.sweep()
    tape.running = False
    hospital.wait(0)
    return hospital.now - last_action


@cache
def record(scenario: Scenario) -> Recording:
    """Play a scenario without a crash. Raises AssertionError when it is wrong even so."""
    tape = Tape()
    entered: set[tuple[str, str]] = set()
    root = str(FUNCTIONS)

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(root):
            entered.add((frame.f_code.co_filename, frame.f_code.co_qualname))

    with deployed(tape) as hospital:
        tape.fingerprint = hospital.fingerprint
        sys.setprofile(note)
        try:
            watched = play(tape, scenario, hospital)
        finally:
            sys.setprofile(None)
        wrong = judge.violations(hospital)
        assert not wrong, f"{scenario.name} is wrong without any crash: {wrong}"
        return Recording(scenario, tape.calls, judge.end_of(hospital), watched, frozenset(entered))


def run(
    recording: Recording,
    crashes: Mapping[int, When],
    *,
    traced: bool = False,
    swept: bool = True,
    anyway: bool = False,
) -> Run:
    """Play a recorded scenario with crashes, and judge it; ``anyway``: whatever course led to the same rest."""
    expected = recording.end
    tape = Tape(crashes=crashes, trace=[] if traced else None)
    with deployed(tape) as hospital:
        try:
            play(tape, recording.scenario, hospital, swept=swept, watched=recording.watched)
        except Exception as fault:  # noqa: BLE001 - a scenario that cannot go on is what is looked for
            return Run([f"cannot go on: {type(fault).__name__}: {fault}"], (), tape.crashed, tape.trace or ())
        end = judge.end_of(hospital)
        different = expected.at_rest().differs(end.at_rest()) if anyway else expected.differs(end)
        return Run(judge.violations(hospital), different, tape.crashed, tape.trace or ())


def find(name: str) -> tuple[Recording, Point]:
    """The point of that name. Raises LookupError."""
    scenario, number, when = name.rsplit(":", 2)
    with suppress(StopIteration):
        recording = record(next(s for s in SCENARIOS if s.name == scenario))
        return recording, next(p for p in recording.points() if p.call.number == int(number) and p.when == when)
    raise LookupError(f"there is no point {name!r}")


def survive(recording: Recording, point: Point, *, traced: bool = False, swept: bool = True) -> Run:
    """Die at one point.

    A step of the system that dies is tried again by Step Functions in an EMR that may answer otherwise by then, and nobody
    lived to tell its first outcome: it must come to the same rest, by whatever way.
    """
    deaths = {point.call.number: point.when}
    in_a_step = point.call.use_case.startswith("work.")
    result = run(recording, deaths, traced=traced, swept=swept, anyway=in_a_step)
    assert result.crashed == 1, f"{point} was not reached: the run is not the recorded one"
    return result


def pairs(recording: Recording, seed: int, count: int) -> Iterator[tuple[int, When, int, When]]:
    """Two moments to die at in one run, drawn by a seed; the second is counted in the run that has died once."""
    chance = random.Random(f"{recording.scenario.name} {seed}")
    for _ in range(count):
        first = chance.randrange(len(recording.calls))
        second = first + 1 + chance.randrange(min(30, len(recording.calls)))
        yield first, chance.choice(tuple(When)), second, chance.choice(tuple(When))
