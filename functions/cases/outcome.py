"""What became of an event: one of the outcomes, or quarantine, always with a reason."""

from __future__ import annotations

from typing import NamedTuple


class Placed(NamedTuple):
    """What became of one event in one workflow.

    ``outcome`` is one of statemachines.decide.Outcome. ``duplicate``: it had been placed before, and nothing changed now.
    ``attempts`` counts the races it took; ``occurred_at`` is in epoch seconds.
    """

    workflow: str
    outcome: str
    reason: str
    because: str
    case: str | None = None
    facility: str = ""
    transitions: tuple[str, ...] = ()
    duplicate: bool = False
    attempts: int = 1
    occurred_at: float = 0.0


class Unplaceable(Exception):
    """No case can take the event; it belongs in quarantine. ``reason`` is a stable code; nothing here holds a payload."""

    def __init__(self, reason: str, where: str, mend: str) -> None:
        super().__init__(f"{reason} at {where}: {mend}")
        self.reason, self.where, self.mend = reason, where, mend
