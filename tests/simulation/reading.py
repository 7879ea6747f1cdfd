"""What is read again and again in a run, read once: how a message is read, and how a key is made, is tested elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from unittest.mock import patch

from events.parse import FUTURE_TOLERANCE, Event, parse_event
from functions.cases import early, intake
from functions.cases.keys import Keyring

_NEVER_TOO_EARLY = datetime(9999, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def _read(raw: str) -> Event:
    return parse_event(raw, now=_NEVER_TOO_EARLY)


def parse_once(raw: str, *, now: datetime) -> Event:
    """See parse_event; all that depends on the time is whether the event is of the future."""
    event = _read(raw)
    return event if event.occurred_at <= now + FUTURE_TOLERANCE else parse_event(raw, now=now)


@contextmanager
def messages_read_once() -> Iterator[None]:
    """Meanwhile each message is read once in this process."""
    with ExitStack() as stack:
        for module in (intake, early):
            stack.enter_context(patch.object(module, "parse_event", parse_once))
        yield


class RememberingKeyring(Keyring):
    """A keyring that makes each key once."""

    __slots__ = ("_mac",)

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self._mac = lru_cache(maxsize=8192)(super()._mac)  # type: ignore[method-assign]
