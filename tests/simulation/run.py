"""One run of a seed: the story happens, everything comes to rest, and what must hold is checked."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from typing import NamedTuple

from tests.simulation.dice import Dice, Fault, likelihoods
from tests.simulation.evidence import gathered
from tests.simulation.handlers import wired
from tests.simulation.hospital import REDELIVERED_LATE, Hospital
from tests.simulation.invariants import violations
from tests.simulation.reading import messages_read_once
from tests.simulation.story import Kind, tell
from tests.simulation.validity import shapes_validated_once


class Run(NamedTuple):
    """What became of a run."""

    seed: int
    events: int
    wrong: list[str]
    faults: Counter[Fault]
    kinds: Counter[str]
    answers: Counter[str]
    throws: tuple[int, ...]


EVERY = frozenset(Fault)
WITHOUT_THE_SWEEP = EVERY - {Fault.EXECUTION_ENDS, Fault.TIMER_LOST, Fault.AWAY_TABLE}
"""Faults that redelivery alone heals."""

MORE_WAITS_THAN_A_STORY_HAS = 1000
"""So that no execution is replaced: when the start of the next one fails, the one before has been told to end already, nobody
repeats that start, and the case waits for the sweep.
"""


class Part(NamedTuple):
    """The part of a seed's run that shall happen: events and commands by name, faults by the number of their throw; None: all."""

    names: frozenset[str] | None = None
    throws: frozenset[int] | None = None


ALL = Part()


def hospital_of(
    seed: int, part: Part = ALL, *, told: bool = False, sweeps: bool = True, faults: frozenset[Fault] = EVERY
) -> Hospital:
    """The hospital of a seed, before anything happens. ``told``: it keeps its history; ``faults``: it has no others."""
    story = tell(seed)
    likely = {fault: chance for fault, chance in likelihoods(seed).items() if fault in faults}
    if part.names is not None:
        story = story.only(part.names)
    random_ = random.Random(f"hospital {seed}")
    hospital = Hospital(
        story,
        Dice(seed, likely, part.throws),
        waits=random_.choice((None, None, 3, 6)) if sweeps else MORE_WAITS_THAN_A_STORY_HAS,
        if_none_exist=random_.random() < 0.7,
        sweeps=sweeps,
    )
    if told:
        hospital.clock.history = []
    return hospital


def played(hospital: Hospital) -> list[str]:
    """Let everything happen; returns what is wrong."""
    with messages_read_once(), shapes_validated_once(), wired(hospital):
        return _played(hospital)


def _played(hospital: Hospital) -> list[str]:
    hospital.begin()
    try:
        hospital.clock.run_until(hospital.story.ends_at + 30)
        hospital.come_to_rest()
        wrong = violations(gathered(hospital), hospital.services.keys)
        return wrong or hospital.redeliver() or hospital.redeliver_without_marks()
    except Exception as fault:  # noqa: BLE001 - rows in disarray show themselves so, too
        place = traceback.extract_tb(fault.__traceback__)[-1]
        return [f"{type(fault).__name__} in {place.name}: {fault}"]


def run(seed: int, part: Part = ALL) -> Run:
    """Play a seed, or a part of it, and say what became of it."""
    hospital = hospital_of(seed, part)
    wrong = played(hospital)
    done = Run(
        seed,
        len(hospital.story.sent),
        wrong,
        hospital.dice.hits,
        Counter(str(sent.kind) for sent in hospital.story.sent) + Counter({str(Kind.AFTER_ITS_MARK): REDELIVERED_LATE}),
        hospital.answers,
        tuple(hospital.dice.throws),
    )
    hospital.close()
    return done
