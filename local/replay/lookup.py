"""What became of an event, as the table says it: its marks, or its place in quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterator

from functions.cases.ports import Services
from functions.cases.quarantine import message, quarantined
from local.replay.ledger import QUARANTINED, Settled
from local.replay.runner import placed


class TableLookup:
    """Looks at marks and quarantine through the use cases' own ports."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def marked(self, facility: str, event_id: str, type: str) -> Settled | None:
        """What the event's marks say; None when no workflow has seen it."""
        marks = (
            self._services.table.get(self._services.keys.mark(facility, event_id, workflow))
            for workflow in self._services.library.workflows_for(type)
        )
        found = [Settled(mark["outcome"], mark["reason"]) for mark in marks if mark is not None]
        return placed(found) if found else None

    def quarantined(self) -> Iterator[tuple[str, Settled]]:
        """Everything in quarantine that has an event id, with the reason."""
        for kept in quarantined(self._services):
            try:
                event_id = json.loads(message(self._services, kept.id))["detail"]["event_id"]
            except (ValueError, LookupError, TypeError):
                continue  # not an event of a replay: those are well formed
            yield event_id, Settled(QUARANTINED, kept.reason, kept.id)
