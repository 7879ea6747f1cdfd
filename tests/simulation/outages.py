"""Outages: for some minutes a service answers nobody, and what was to reach it ends among the dead letters."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from tests.simulation.dice import Dice, Fault

_OUTAGES = 9_100_000
LEAST_SECONDS, MOST_SECONDS = 60.0, 1500.0
"""The longer ones last for longer than a message of the bus is tried."""


class Service(StrEnum):
    """What can be away as a whole."""

    EXECUTIONS = "executions"
    TABLE = "table"
    EMR = "emr"


class Outage(NamedTuple):
    """A service is away from ``begin`` to ``end`` (epoch seconds); ``part``: only this state machine of it."""

    number: int
    service: Service
    begin: float
    end: float
    part: str = ""

    def covers(self, service: Service, part: str, now: float) -> bool:
        """Whether a call at that moment meets it."""
        return self.service is service and self.begin <= now < self.end and self.part in ("", part)


_WHAT = (
    (Fault.AWAY_EXECUTIONS, Service.EXECUTIONS),
    (Fault.AWAY_MACHINE, Service.EXECUTIONS),
    (Fault.AWAY_TABLE, Service.TABLE),
    (Fault.AWAY_EMR, Service.EMR),
)


def outages_of(dice: Dice, start: float, end: float, machines: Collection[str]) -> tuple[Outage, ...]:
    """The outages of a run, which begin between ``start`` and ``end`` (epoch seconds)."""
    found = []
    for number, (fault, service) in enumerate(_WHAT):
        if dice.hit(fault, _OUTAGES, number):
            begin, lasts, which = (dice.part(_OUTAGES + number, count) for count in range(3))
            begin = start + begin * (end - start)
            part = sorted(machines)[int(which * len(machines))] if fault is Fault.AWAY_MACHINE else ""
            lasts = LEAST_SECONDS + lasts * (MOST_SECONDS - LEAST_SECONDS)
            found.append(Outage(number, service, begin, begin + lasts, part))
    return tuple(found)
