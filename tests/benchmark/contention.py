"""Fifty events at once on one case: all of them land, and how often they had to be decided again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from functions.cases.intake import take_in
from functions.cases.table import Contention
from tests.stack.ward import Ward

AT_ONCE = 50
DELIVERIES = 10
"""So often the queue delivers a message before it is a dead letter."""
STATE = "assessment_due"


@dataclass(frozen=True, slots=True)
class Contended:
    """How many events landed of how many, with how many decisions beyond the first, and how many deliveries beyond the first."""

    events: int
    landed: int
    decided_again: int
    delivered_again: int
    seconds: float


def measure(ward: Ward) -> Contended:
    """Saturations that all change the case's row, each from a thread of its own; what loses too many races is delivered again."""
    row = ward.parked(STATE)
    raws = [ward.raw("spo2_observed", row.encounter, spo2_percent=90 + number % 10) for number in range(AT_ONCE)]
    together = threading.Barrier(AT_ONCE)

    def land(raw: str) -> tuple[int, int]:
        together.wait()
        for delivery in range(DELIVERIES):
            try:
                placed = take_in(ward.followed, raw)
            except Contention:
                continue
            if not isinstance(placed, list):
                raise RuntimeError(f"an event was quarantined: {placed.reason}")
            return sum(each.attempts - 1 for each in placed if each.case), delivery
        raise RuntimeError(f"an event did not land in {DELIVERIES} deliveries")

    before = row.rev
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        took = list(pool.map(land, raws))
    seconds = time.perf_counter() - began
    landed = ward.row(row.id).rev - before
    return Contended(AT_ONCE, landed, sum(again for again, _ in took), sum(more for _, more in took), round(seconds, 2))
