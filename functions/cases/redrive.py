"""Sending a quarantined message through again, once its cause is mended; as it came, or in a corrected copy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from events.parse import Unreadable, parse_event
from functions.cases.duty import ROSTER, ROSTER_EVENTS
from functions.cases.intake import place, take_in
from functions.cases.outcome import Placed, Unplaceable
from functions.cases.ports import Services
from functions.cases.quarantine import Kept, find_kept, mark_redriven, message
from statemachines.decide import Outcome


class NotInQuarantine(LookupError):
    """There is no message of that name."""


class NotACorrection(ValueError):
    """The corrected copy cannot take the message's place; the text says why, and nothing of what either says."""


class Redriven(NamedTuple):
    """What became of one message that was sent through again; ``placed``: it waits no longer."""

    id: str
    placed: bool
    said: str


def redrive(services: Services, id: str) -> Redriven:
    """Send one message through again, by the same use case as intake's.

    It is placed first, then marked as sent through: a crash in between loses nothing, and as an event it is known by its
    mark, so that sending it through twice does nothing twice. What was sent through already is left alone. Raises
    NotInQuarantine.
    """
    kept = _waiting(services, id)
    if isinstance(kept, Redriven):
        return kept
    result = take_in(services, message(services, id))
    if isinstance(result, Kept):
        return Redriven(id, False, f"still in quarantine: {result.reason} at {result.where}: {result.mend}")
    if any(each.duplicate and each.outcome == Outcome.HELD_EARLY for each in result):
        # The sweep may be giving it up this very moment; whoever notes it as placed now would lose it.
        return Redriven(id, False, f"{words_for(result)}; it waits for its case to open")
    return _noted(services, kept, words_for(result))


def redrive_corrected(services: Services, id: str, corrected: str) -> Redriven:
    """Place a corrected copy in the message's stead; a copy that cannot be placed changes nothing and is not kept.

    A message that names its event is corrected under the same event id, so that the two are placed once together. One
    that names none is told from another correction only by having been marked: do not send two corrections at a time.

    Raises NotInQuarantine and NotACorrection.
    """
    kept = _waiting(services, id)
    if isinstance(kept, Redriven):
        return kept
    said = _names(message(services, id))
    try:
        event = parse_event(corrected, now=datetime.fromtimestamp(services.now(), UTC))
    except Unreadable as fault:
        raise NotACorrection(f"the corrected copy cannot be read: {fault}") from None
    if said.event_id is not None and said.event_id != event.event_id:
        raise NotACorrection("the corrected copy has another event_id; keep it, so that the event is placed once")
    if _seen(services, said):
        return redrive(services, id)  # it was placed as it came, and only the note of that is missing
    try:
        result = place(services, corrected)
    except Unplaceable as homeless:
        return Redriven(id, False, f"the corrected copy has no place: {homeless}")
    return _noted(services, kept, "corrected; " + words_for(result))


def words_for(placed: Sequence[Placed]) -> str:
    """What became of a message in each workflow, without anything of what it says."""
    return "; ".join(
        f"{each.workflow}: {'seen before, ' if each.duplicate else ''}{each.outcome} ({each.reason})" for each in placed
    )


def _waiting(services: Services, id: str) -> Kept | Redriven:
    kept = find_kept(services, id)
    if kept is None:
        raise NotInQuarantine(f"nothing in quarantine has the id {id}")
    if kept.redriven_at is not None:
        return Redriven(id, True, f"sent through already: {kept.history[-1].said}")
    return kept


def _noted(services: Services, kept: Kept, said: str) -> Redriven:
    if mark_redriven(services, kept, said):
        return Redriven(kept.id, True, said)
    now = find_kept(services, kept.id)
    if now is None or now.redriven_at is not None:
        return Redriven(kept.id, True, said)  # somebody else sent it through at the same time
    return Redriven(kept.id, False, f"placed ({said}), and came again meanwhile: redrive it once more")


class _Named(NamedTuple):
    """What a message says that it is, as far as it says so."""

    facility: str | None = None
    event_id: str | None = None
    type: str | None = None


def _names(raw: str) -> _Named:
    try:
        outer: Any = json.loads(raw)
        detail = outer["detail"]
        said = (detail.get("facility"), detail.get("event_id"), outer.get("detail-type"))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return _Named()
    return _Named(*(each if isinstance(each, str) else None for each in said))


def _seen(services: Services, said: _Named) -> bool:
    """Whether any workflow, or the roster, has a mark of the message as it came."""
    if said.facility is None or said.event_id is None or said.type is None:
        return False
    workflows = (ROSTER,) if said.type in ROSTER_EVENTS else services.library.workflows_for(said.type)
    marks = (services.keys.mark(said.facility, said.event_id, workflow) for workflow in workflows)
    return any(services.table.get(mark) is not None for mark in marks)
