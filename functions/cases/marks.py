"""The event's mark: that a workflow has seen an event, and what became of it. One row per event and workflow."""

from __future__ import annotations

from typing import Any

from functions.cases.table import NEW, Condition, Delete, Key, Put, Test, Update, Write
from statemachines.decide import Decision, Outcome

MARK_KEPT_SECONDS = 30 * 24 * 3600.0
_SLACK_SECONDS = 3600  # a sender's clock may run ahead; the mark outlives the moment at which its event is too old
"""Marks are kept this long; an event older than that can no longer be told from a repetition and is quarantined."""


class SeenBefore(Exception):
    """The event's mark is there already."""


def mark_item(mark: Key, outcome: str, reason: str, now: float, case: str | None = None) -> dict[str, Any]:
    """The mark as a row; ``expires_at`` lets the table forget it."""
    item: dict[str, Any] = {
        "pk": mark.pk,
        "sk": mark.sk,
        "outcome": outcome,
        "reason": reason,
        "at": now,
        "expires_at": int(now + MARK_KEPT_SECONDS) + _SLACK_SECONDS,
    }
    return item if case is None else item | {"case": case}


def marked(item: dict[str, Any], early: Key | None) -> tuple[Write, ...]:
    """Set the mark once. ``early``: the event waited there; whoever takes it out of that place does so once."""
    if early is None:
        return (Put(item, NEW),)
    return (
        Put(item, (Condition("outcome", Test.EQUALS, str(Outcome.HELD_EARLY)),)),
        Delete(early, (Condition("pk", Test.EXISTS),)),
    )


def answered(mark: Key, decision: Decision, now: float) -> Write:
    """A deferred event has found its answer; its mark is kept from now on as long as any other."""
    kept = {"at": now, "expires_at": int(now + MARK_KEPT_SECONDS) + _SLACK_SECONDS}
    return Update(mark, set={"outcome": str(decision.outcome), "reason": str(decision.reason), **kept})
