"""`baton quarantine`: what could not be placed, what is known of it, and sending it through again once its cause is mended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from events.files import load_events
from events.publish import to_eventbridge
from functions.cases.ports import Services
from functions.cases.quarantine import Kept, kept_messages, message, quarantined
from functions.cases.redrive import NotACorrection, Redriven, redrive_corrected
from functions.cases.redrive import redrive as redrive_message
from local.problem import Problem

UNKNOWN = "–"
"""Shown for a facility that nobody has registered: what a message says there may be anything."""


def listed(services: Services, *, reason: str | None = None, facility: str | None = None) -> list[str]:
    """What waits in quarantine, oldest first: a line each, and below it how it is mended. Nothing of what a message says."""
    shown = _Shown(services)
    return [line for kept in chosen(services, reason=reason, facility=facility) for line in shown.lines(kept)]


def chosen(services: Services, *, reason: str | None = None, facility: str | None = None) -> list[Kept]:
    """What waits in quarantine, oldest first; only that of a reason, or of a facility, if one is named."""
    found = (kept for kept in quarantined(services) if reason in (None, kept.reason))
    return sorted((kept for kept in found if facility in (None, kept.facility)), key=lambda kept: kept.at)


def shown(services: Services, prefix: str) -> list[str]:
    """All that is known of one message but what it says: why, where, how to mend it, and its history. Raises Problem."""
    kept = find(services, prefix)
    about = _Shown(services)
    lines = [
        f"id        {kept.id}",
        f"reason    {kept.reason}",
        f"where     {kept.where}",
        f"mend      {kept.mend}",
        f"facility  {about.facility(kept)}",
        f"since     {_time(kept.at)} ({_age(services.now() - kept.at)})",
        f"came      {_times(kept.times)}",
    ]
    lines += [
        f"earlier   {_time(earlier.at)} {earlier.reason} at {earlier.where}; "
        f"redriven {_time(earlier.redriven_at)}: {earlier.said}"
        for earlier in kept.history
    ]
    if kept.redriven_at is not None:
        lines.append("waits     no longer: it was redriven")
    return lines


def phi(services: Services, prefix: str) -> str:
    """The message itself as it came: patients' data. Raises Problem."""
    return message(services, find(services, prefix).id)


def redrive(services: Services, prefix: str, corrected: Path | None = None) -> Redriven:
    """Send one message through again, or the one corrected event in a file in its stead. Raises Problem and EventFileError."""
    kept = find(services, prefix)
    if corrected is None:
        return redrive_message(services, kept.id)
    events = load_events(corrected)
    if len(events) != 1:
        raise Problem(f"{corrected} holds {len(events)} events; a message is corrected by one")
    (event,) = events
    entry = to_eventbridge(event.envelope, event.source)
    outer = {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
    try:
        return redrive_corrected(services, kept.id, json.dumps(outer))
    except NotACorrection as fault:
        raise Problem(f"{corrected}: {fault}") from fault


def redrive_all(services: Services, *, reason: str | None = None, facility: str | None = None) -> Iterator[Redriven]:
    """Send through again what waits, of a reason or a facility if one is named, in the order in which it came."""
    for kept in chosen(services, reason=reason, facility=facility):
        yield redrive_message(services, kept.id)


def find(services: Services, prefix: str) -> Kept:
    """The one message whose id begins so, waiting or not; one that waits goes first. Raises Problem."""
    found = [kept for kept in kept_messages(services) if kept.id.startswith(prefix)]
    found = [kept for kept in found if kept.redriven_at is None] or found
    if not found:
        raise Problem(
            f"nothing in quarantine has an id that begins with {prefix!r}; `baton quarantine list` lists what is there"
        )
    if len(found) > 1:
        raise Problem(f"{len(found)} messages in quarantine begin with {prefix!r}; give more of the id")
    return found[0]


def told(again: Iterable[Redriven], say: Callable[[str], None]) -> bool:
    """Say what became of each message as it becomes known; whether none waits any longer."""
    none_waits = True
    for each in again:
        say(f"{each.id[:12]}  {each.said}")
        none_waits = none_waits and each.placed
    return none_waits


class _Shown:
    """Messages in lines; knows which facilities are registered, and asks once for each."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._registered: dict[str, bool] = {}

    def facility(self, kept: Kept) -> str:
        """The facility, where it is one: what stands there otherwise may be a patient's name."""
        name = kept.facility
        if name is None:
            return UNKNOWN
        if name not in self._registered:
            self._registered[name] = self._services.library.active(name) is not None
        return name if self._registered[name] else UNKNOWN

    def lines(self, kept: Kept) -> list[str]:
        """One message: what is wrong where, how long it waits, and how to mend it."""
        age = _age(self._services.now() - kept.at)
        times = f", came {_times(kept.times)}" if kept.times > 1 else ""
        before = f", redriven {_times(len(kept.history))} before" if kept.history else ""
        return [
            f"{kept.id[:12]}  {age:>8}  {self.facility(kept):12}  {kept.reason} at {kept.where}{times}{before}",
            f"              mend: {kept.mend}",
        ]


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
