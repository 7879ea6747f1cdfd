"""Where journal entries go besides metrics: the write-back queue and the bus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from events.envelope import OWN_SOURCE
from functions.cases.ports import Mirrors

DETAIL = (
    "workflow",
    "version",
    "facility",
    "kind",
    "transition",
    "source",
    "target",
    "role",
    "reason",
    "escalation",
    "missed_deadline",
)
"""What an event of ours tells the world: where a case went and whose role it is. No patient, no person, no free text."""


class NotAccepted(RuntimeError):
    """The bus did not take an event; the record is delivered again."""


class Outlets:
    """The write-back queue and the bus."""

    def __init__(self, mirrors: Mirrors, bus: Any, bus_name: str) -> None:
        self._mirrors, self._bus, self._bus_name = mirrors, bus, bus_name

    def pass_on(self, case: str, entry: Mapping[str, Any]) -> None:
        """Send one entry on. Raises NotAccepted or botocore's errors; sending again is harmless."""
        seq = int(entry["seq"])
        self._mirrors.ask(case, str(seq))
        detail = {"case": case, "seq": seq, **{name: _plain(entry[name]) for name in DETAIL if name in entry}}
        answer = self._bus.put_events(
            Entries=[
                {
                    "EventBusName": self._bus_name,
                    "Source": OWN_SOURCE,
                    "DetailType": f"case_{entry['kind']}",
                    "Detail": json.dumps(detail),
                }
            ]
        )
        if answer.get("FailedEntryCount"):
            raise NotAccepted(answer["Entries"][0].get("ErrorCode", "unknown"))


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, str)) else int(value)
