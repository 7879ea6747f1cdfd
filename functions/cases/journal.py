"""The journal: one immutable entry for each thing that concerns a case's course, chained by hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from functions.cases import keys
from functions.cases.table import Item


class Kind(StrEnum):
    """What an entry tells of."""

    MOVED = "moved"
    DEFERRED = "deferred"
    REFUSED = "refused"
    RECORDED = "recorded"
    CLAIMED = "claimed"
    REASSIGNED = "reassigned"
    DECLINED = "declined"
    REPAIRED = "repaired"
    CONTINUED = "continued"
    REROUTED = "rerouted"
    ITEM_DONE = "item_done"


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry. Times are epoch seconds; ``task_closed`` and ``task_opened`` are task numbers.

    ``earlier`` is the ended case that this one, with this entry, re-opened. ``decided_by`` says who decided a missed deadline,
    where it was not its timer.
    """

    kind: Kind
    at: float
    reason: str
    because: str
    event: str
    event_id: str
    occurred_at: float
    actor: str | None = None
    actor_role: str | None = None
    transition: str | None = None
    source: str | None = None
    target: str | None = None
    due: float | None = None
    visit: int | None = None
    role: str | None = None
    person: str | None = None
    routing: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    task_closed: int | None = None
    task_opened: int | None = None
    waited_seconds: float | None = None
    missed_deadline: bool = False
    escalation: bool = False
    earlier: str | None = None
    decided_by: str | None = None


def link(case: str, seq: int, previous: str, entry: Entry, scope: Mapping[str, Any]) -> tuple[Item, str]:
    """The entry as a row, and its hash. ``scope`` names workflow, version and facility, so that a reader needs no other row."""
    key = keys.journal(case, seq)
    body = {
        "seq": seq,
        **scope,
        **{
            name: list(value) if isinstance(value, tuple) else value
            for name in Entry.__slots__
            if (value := getattr(entry, name)) is not None and value != ()
        },
        "previous": previous,
    }
    digest = _digest(body)
    return {"pk": key.pk, "sk": key.sk, **body, "hash": digest}, digest


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _digest(body: Mapping[str, Any]) -> str:
    """SHA-256 over canonical JSON. A whole float counts as its integer, since a table keeps numbers, not their Python type."""
    plain = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in body.items()}
    return hashlib.sha256(_canonical(plain).encode()).hexdigest()


def broken_links(entries: list[Item]) -> list[int]:
    """The ``seq`` of every entry that does not continue the one before it, or was changed after it was written."""
    broken, previous = [], ""
    for expected, item in enumerate(entries, start=1):
        body = {k: v for k, v in item.items() if k not in ("pk", "sk", "hash")}
        if item["seq"] != expected or item["previous"] != previous or item["hash"] != _digest(body):
            broken.append(item["seq"])
        previous = item["hash"]
    return broken
