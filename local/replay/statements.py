"""What a record states, whatever its source: a measurement, a setting, or the end of an encounter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What is stated."""

    SATURATION = "saturation"
    RESPIRATORY_RATE = "respiratory_rate"
    VENTILATOR_RATE = "ventilator_rate"
    SUPPORT = "support"
    ENDED = "ended"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that one record states about one encounter.

    ``true_at`` is when it was true, ``known_at`` when a live system would have learned it (epoch seconds). ``identity``
    names the record in its source. ``values``: spo2_percent, respiratory_rate, flow_l_min, fio2, device, source (the
    number of the oxygen source, 1 is the main one), disposition.
    """

    kind: Kind
    patient: str
    encounter: str
    true_at: float
    known_at: float
    identity: str
    values: Mapping[str, str | float] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The same for the same record with the same content, wherever it is found; else different."""
        known = [self.kind, self.patient, self.encounter, self.true_at, self.known_at, self.identity]
        return json.dumps([*known, dict(sorted(self.values.items()))])


class Context(NamedTuple):
    """What a record says about others: ``kind`` is one of birth (a patient's date), unit (an encounter's), item (a label)."""

    kind: str
    id: str
    value: str
