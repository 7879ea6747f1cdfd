"""Where a replay's events go: a stack in memory, or a deployed one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from local.replay.ledger import Settled
from local.replay.message import Message


@dataclass(slots=True)
class Cases:
    """What the cases of a replay came to."""

    opened: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """By end state."""
    left_open: Counter[str] = field(default_factory=Counter)
    """By the state in which the data left them."""
    transitions: Counter[str] = field(default_factory=Counter)
    missed_deadlines: int = 0
    escalations: int = 0
    disagreeing: list[str] = field(default_factory=list)
    """Cases whose execution did not visit the journal's states in order, or whose journal's chain is broken; at most 100."""
    mended: Counter[str] = field(default_factory=Counter)
    """What the sweep had to do."""
    longest: int = 0
    """State entries of the case that had most."""

    def as_json(self) -> Mapping[str, Any]:
        """For machines."""
        return {
            "opened": self.opened,
            "ended": dict(self.ended),
            "left_open": dict(self.left_open),
            "missed_deadlines": self.missed_deadlines,
            "escalations": self.escalations,
            "transitions": dict(sorted(self.transitions.items())),
            "most_state_entries": self.longest,
            "disagreeing": self.disagreeing,
            "sweep": dict(self.mended),
        }


class Runner(Protocol):
    """Delivers messages in their order."""

    def deliver(self, message: Message) -> None:
        """Deliver one, and note it in the ledger."""

    def finish(self) -> Cases | None:
        """Let everything come to rest, and settle in the ledger what was open; what the cases came to, if that is known."""


def placed(outcomes: list[Settled]) -> Settled:
    """What became of an event that several workflows take: the one that it did most in."""
    return min(outcomes, key=lambda settled: _RANK.get(settled.outcome, len(_RANK)))


_RANK = {
    name: rank
    for rank, name in enumerate(("moved", "refused", "deferred", "held_early", "recorded", "ignored", "duplicate"))
}
