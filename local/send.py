"""`baton send`: events from files, onto the bus, and what became of each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Protocol

from events.catalog import CATALOG
from events.envelope import Envelope, Source
from events.files import LoadedEvent, load_events
from functions.cases.duty import ROSTER, ROSTER_EVENTS
from functions.cases.ports import Services
from local.connection import Connection
from local.problem import Problem
from local.replay.lookup import TableLookup
from local.replay.stack import StackSink

WAIT_SECONDS = 20.0
POLL_SECONDS = 0.2
EVENT_ID_LENGTH = 128
"""See events.envelope.EventId."""
SHOWN = 20
"""So many events are told one by one; more are counted."""


class Bus(Protocol):
    """Where events are put, and where it can be read what became of them."""

    @property
    def services(self) -> Services:
        """The use cases' way to what is stored."""

    def send(self, events: Iterable[tuple[Envelope, Source]]) -> int:
        """Put events on the bus; returns how many."""


def read(paths: Iterable[Path]) -> list[LoadedEvent]:
    """The events of all files, in order; none unless all are good. Raises EventFileError, or Problem when there is no event."""
    events: list[LoadedEvent] = []
    for path in paths:
        try:
            found = load_events(path)
        except IsADirectoryError:
            raise Problem(f"{path} is a folder; name the files in it") from None
        except FileNotFoundError:
            raise Problem(f"there is no file {path}") from None
        except OSError as fault:
            raise Problem(f"{path} cannot be read: {fault.strerror}") from fault
        if not found:
            raise Problem(f"{path} holds no event; write one event, a JSON array, or one event a line")
        events += found
    return events


def moved_to(events: Sequence[LoadedEvent], now: datetime) -> list[LoadedEvent]:
    """The events moved in time together, so that the newest happens now.

    They are other events then, so their ids get a suffix of that moment: what is the same in the files stays the same.
    """
    by = now - max(event.envelope.occurred_at for event in events)
    suffix = f".{int(now.timestamp()):x}"
    return [LoadedEvent(event.source, _moved(event.envelope, by, suffix), event.line) for event in events]


def _moved(envelope: Envelope, by: timedelta, suffix: str) -> Envelope:
    """The envelope with its own time and every time that its data states moved by so much."""
    stated = CATALOG[envelope.type].model.model_validate(envelope.data)
    times = {name: value for name, value in stated.__dict__.items() if isinstance(value, datetime)}
    data = {**envelope.data, **{name: (value + by).isoformat() for name, value in times.items()}}
    event_id = envelope.event_id[: EVENT_ID_LENGTH - len(suffix)] + suffix
    moved = {"event_id": event_id, "occurred_at": envelope.occurred_at + by, "data": data}
    return envelope.model_copy(update=moved)


def admit(connection: Connection, emr: str, events: Iterable[LoadedEvent]) -> None:
    """Let the EMR of this machine know the patients and encounters of the events, as a hospital's does. Raises NotAdmitted."""
    sink = StackSink(connection, emr)
    for subject in dict.fromkeys(
        (event.envelope.subject.patient, event.envelope.subject.encounter) for event in events if event.envelope.subject
    ):
        sink.admit(*subject)


def deliver(
    bus: Bus,
    events: Sequence[LoadedEvent],
    *,
    wait_seconds: float = WAIT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """Put the events on the bus in order, and say line by line what became of them.

    Whoever comes on shift is waited for before the next event goes: the bus keeps no order, and a step is offered only to
    somebody who is on the roster. Raises NotSent.
    """
    known = {event.envelope.event_id for event in events if _fate(bus.services, event.envelope) is not None}
    for roster, group in groupby(events, key=lambda event: event.envelope.type in ROSTER_EVENTS):
        batch = list(group)
        bus.send((event.envelope, event.source) for event in batch)
        if roster:
            _wait(bus.services, batch, wait_seconds, sleep)
    fates = _wait(bus.services, events, wait_seconds, sleep)
    if len(events) <= SHOWN:
        for event in events:
            again = "sent before: " if event.envelope.event_id in known else ""
            yield f"  {event.envelope.type:24} {event.envelope.event_id:24} {again}{fates[event.envelope.event_id]}"
    else:
        for fate, count in Counter(fates.values()).most_common():
            yield f"  {count:8}  {fate}"
    yield f"{len(events)} sent"


_OPEN = "on the bus, not placed yet; `baton status` tells what is stuck"


def _wait(
    services: Services, events: Sequence[LoadedEvent], seconds: float, sleep: Callable[[float], None]
) -> dict[str, str]:
    fates: dict[str, str] = {}
    for _ in range(max(1, round(seconds / POLL_SECONDS))):
        for event in events:
            fate = None if event.envelope.event_id in fates else _fate(services, event.envelope)
            if fate is not None:
                fates[event.envelope.event_id] = fate
        if len(fates) < len(events):
            named = {event.envelope.event_id for event in events} - set(fates)
            kept = TableLookup(services).quarantined()
            fates |= {
                id: f"quarantined: {settled.reason}; see `baton quarantine`" for id, settled in kept if id in named
            }
        if len(fates) >= len({event.envelope.event_id for event in events}):
            break
        sleep(POLL_SECONDS)
    return {event.envelope.event_id: fates.get(event.envelope.event_id, _OPEN) for event in events}


def _fate(services: Services, envelope: Envelope) -> str | None:
    """What became of an event; None while nothing has."""
    if envelope.type in ROSTER_EVENTS:
        mark = services.table.get(services.keys.mark(envelope.facility, envelope.event_id, ROSTER))
        return "noted on the roster" if mark is not None else None
    settled = TableLookup(services).marked(envelope.facility, envelope.event_id, envelope.type)
    return f"{settled.outcome} ({settled.reason})" if settled is not None else None
