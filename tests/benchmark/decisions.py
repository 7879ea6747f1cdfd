"""How many decisions a second the pure core makes on one core, beside a state machine library's bare events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from transitions import Machine as BareMachine

from statemachines.case import Case, Occurrence
from statemachines.decide import Outcome, advance, decide
from statemachines.facilities import facilities
from statemachines.machine import Machine
from statemachines.workflows.oxygen import OXYGEN

ROUNDS = 7
A_ROUND = 30_000
START = 1_772_438_400.0

COURSE: Sequence[tuple[str, str, str | None, dict[str, Any]]] = (
    ("oxygen_ordered", "PROVIDER", "MD-OAK", {"age_years": 70}),
    ("oxygen_changed", "RN", "RN-ASH", {"flow_l_min": 2.0}),
    ("assessment_completed", "RT", "RT-LINDEN", {"spo2_percent": 91}),
    ("oxygen_changed", "RT", "RT-LINDEN", {"flow_l_min": 3.0, "spo2_percent": 92}),
    ("spo2_observed", "RN", None, {"spo2_percent": 96}),
    ("weaning_started", "RT", "RT-LINDEN", {}),
    ("oxygen_changed", "RT", "RT-LINDEN", {"flow_l_min": 0.0, "spo2_percent": 96}),
    ("oxygen_discontinued", "RN", "RN-ASH", {}),
    ("note_written", "RT", "RT-LINDEN", {}),
    ("note_signed", "RT", "RT-LINDEN", {}),
)
"""A case from its order to its filed documentation; every event moves it."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions and bare events a second."""

    moves: float
    vitals: float
    bare: float

    @property
    def ratio(self) -> float:
        """Decisions that move a case, for each bare event of the library."""
        return self.moves / self.bare


def measure() -> Decisions:
    """Measure by turns, so that what else the machine does falls on all alike; the best round of each counts."""
    machine = Machine(OXYGEN, facilities()["northfield"])
    moves = list(_moves(machine))
    vitals = _vitals(machine, moves)
    runs: dict[str, Callable[[], int]] = {
        "moves": lambda: _decide(machine, moves),
        "vitals": lambda: _decide(machine, vitals),
        "bare": _bare(),
    }
    best = dict.fromkeys(runs, 0.0)
    for _ in range(ROUNDS):
        for name, run in runs.items():
            began = time.perf_counter()
            done = run()
            best[name] = max(best[name], done / (time.perf_counter() - began))
    return Decisions(**best)


def _moves(machine: Machine) -> Iterator[tuple[Case, Occurrence, float]]:
    case = Case()
    for number, (type, role, actor, values) in enumerate(COURSE):
        at = START + 60.0 * number
        event = Occurrence(type, f"event-{number}", at, actor, role, values)
        yield case, event, at
        progress = advance(machine, case, event, at)
        if not progress.moves:
            raise RuntimeError(f"{type} does not move a case in {case.state}: {progress.decision.because}")
        case = progress.case


def _vitals(
    machine: Machine, moves: Sequence[tuple[Case, Occurrence, float]]
) -> Sequence[tuple[Case, Occurrence, float]]:
    """A saturation in target in every state that merely notes it."""
    vitals = []
    for case, _, at in moves[1:]:
        event = Occurrence("spo2_observed", "vital", at, None, None, {"spo2_percent": 96})
        if decide(machine, case, event, at).outcome is Outcome.RECORDED:
            vitals.append((case, event, at))
    return vitals


def _decide(machine: Machine, pairs: Sequence[tuple[Case, Occurrence, float]]) -> int:
    turns = A_ROUND // len(pairs)
    for _ in range(turns):
        for case, event, at in pairs:
            decide(machine, case, event, at)
    return turns * len(pairs)


def _bare() -> Callable[[], int]:
    states = [f"s{number}" for number in range(len(COURSE))]
    machine = BareMachine(states=states, initial=states[0], auto_transitions=False)
    machine.add_ordered_transitions(trigger="go")
    go: Callable[[], bool] = getattr(machine, "go")  # noqa: B009 - the library adds it at run time

    def run() -> int:
        for _ in range(A_ROUND):
            go()
        return A_ROUND

    return run
