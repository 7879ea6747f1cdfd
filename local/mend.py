"""`baton quarantine` and `baton redrive`: what could not be placed, and sending it through again once its cause is mended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from functions.cases.intake import take_in
from functions.cases.ports import Services
from functions.cases.quarantine import Kept, forget, message, quarantined
from local.problem import Problem


class Redriven(NamedTuple):
    """What became of one message that was sent through again."""

    id: str
    placed: bool
    said: str


def listed(services: Services) -> list[str]:
    """Every message in quarantine as a line and, below, how it is mended; oldest first."""
    lines = []
    for kept in sorted(quarantined(services), key=lambda kept: kept.at):
        at = datetime.fromtimestamp(kept.at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        times = f", came {kept.times} times" if kept.times > 1 else ""
        lines += [f"{kept.id[:12]}  {at}  {kept.reason} at {kept.where}{times}", f"              mend: {kept.mend}"]
    return lines


def shown(services: Services, prefix: str) -> tuple[Kept, str]:
    """A message in quarantine: why it is there, and the message as it came. Raises Problem."""
    kept = _find(services, prefix)
    return kept, message(services, kept.id)


def redrive(services: Services, prefix: str) -> Redriven:
    """Send one message through again, by the same use case as intake's. Raises Problem when there is none of that id."""
    return _again(services, _find(services, prefix))


def redrive_all(services: Services) -> Iterator[Redriven]:
    """Send every message in quarantine through again, in the order in which they came."""
    for kept in sorted(quarantined(services), key=lambda kept: kept.at):
        yield _again(services, kept)


def _again(services: Services, kept: Kept) -> Redriven:
    result = take_in(services, message(services, kept.id))
    if isinstance(result, Kept):
        return Redriven(kept.id, False, f"still in quarantine: {result.reason} at {result.where}: {result.mend}")
    forget(services, kept.id)
    said = "; ".join(
        f"{placed.workflow}: {'seen before, ' if placed.duplicate else ''}{placed.outcome} ({placed.reason})"
        for placed in result
    )
    return Redriven(kept.id, True, said)


def _find(services: Services, prefix: str) -> Kept:
    found = [kept for kept in quarantined(services) if kept.id.startswith(prefix)]
    if not found:
        raise Problem(
            f"nothing in quarantine has an id that begins with {prefix!r}; `baton quarantine` lists what is there"
        )
    if len(found) > 1:
        raise Problem(f"{len(found)} messages in quarantine begin with {prefix!r}; give more of the id")
    return found[0]
