"""What cannot be understood or placed is kept, with its reason, until somebody mends it and sends it through again.

It is kept in the table, under the customer key. What waits is kept until it has been sent through: it never expires. What has
been sent through stays for REDRIVEN_KEPT_SECONDS with its history, then the table forgets it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from events.envelope import ID
from functions.cases import keys
from functions.cases.ports import Services
from functions.cases.store import persist
from functions.cases.table import NEW, Condition, Item, Key, Put, Test, Update, WriteRefused, read_all
from functions.cases.telemetry import Measure

CHUNK_BYTES = 300_000
"""A row holds at most 400 KB; a larger message is kept in several."""

REDRIVEN_KEPT_SECONDS = 30 * 24 * 3600.0
"""How long a message is kept after it has been sent through: as long as the marks by which a repetition is known."""

MOST_REMEMBERED = 50
"""So many of its earlier ways through are remembered of one message; the oldest are forgotten first."""


class Earlier(NamedTuple):
    """One time that a message was in quarantine and left it: since when, why, when it was sent through, what became of it."""

    at: float
    reason: str
    where: str
    redriven_at: float
    said: str


class Kept(NamedTuple):
    """A quarantined message: its name, why it is here, and how often it came. ``at`` is in epoch seconds.

    ``facility`` is what the message itself says, so it may be anything; show it only where it is known to be a facility.
    ``redriven_at`` is None as long as it waits for somebody.
    """

    id: str
    reason: str
    where: str
    mend: str
    at: float
    times: int
    facility: str | None = None
    redriven_at: float | None = None
    history: tuple[Earlier, ...] = ()


def quarantine(services: Services, raw: str, reason: str, where: str, mend: str) -> Kept:
    """Keep a message with the reason why it could not be placed. The same message again is counted, not kept twice.

    One that had been sent through and comes here again waits again, with its history. It is counted before it is kept, so that
    whatever waits was counted at least once, whoever brought it: what a worker that dies in between has counted is counted again.
    """
    data = raw.encode(errors="surrogatepass")
    key = services.keys.quarantine(data)
    packed = gzip.compress(data, mtime=0)
    chunks = [packed[i : i + CHUNK_BYTES] for i in range(0, len(packed), CHUNK_BYTES)]
    why = {"reason": reason, "where": where, "mend": mend}
    parts = tuple(
        Put({"pk": key.pk, "sk": f"{key.sk}/{number:03d}", "body": chunk})
        for number, chunk in enumerate(chunks[1:], start=1)
    )
    for part in parts:
        services.table.write((part,))
    row: Item = {"pk": key.pk, "sk": key.sk, "times": 1, "chunks": len(chunks), "body": chunks[0], **why}
    facility = _facility(raw)
    if facility is not None:
        row["facility"] = facility

    services.count(measured(reason))

    def attempt(_: int) -> Kept:
        now = services.now()
        try:
            services.table.write((Put({**row, "at": now}, NEW),))
        except WriteRefused as refused:
            found = refused.failed[0] or {}
            if "redriven_at" in found:
                return _waits_again(services, _kept(found), why, parts)
            waits = (Condition("pk", Test.EXISTS), Condition("redriven_at", Test.ABSENT))
            return _kept(services.table.update(Update(key, set=why, add={"times": 1}, conditions=waits)))
        return _kept({**row, "at": now})

    return persist(services, attempt)


def measured(reason: str) -> list[Measure]:
    """By reason to look at, and altogether for the alarm, which can watch one series only."""
    return [Measure("Quarantined", 1, "Count", {"reason": reason}), Measure("Quarantined", 1, "Count", {})]


def _waits_again(services: Services, before: Kept, why: Mapping[str, str], parts: tuple[Put, ...]) -> Kept:
    """It had been sent through; neither it nor its parts may expire now. All in one, so that none is left to expire alone."""
    key, now = _key(before.id), services.now()
    again = Update(
        key,
        set={**why, "at": now},
        add={"times": 1},
        remove=("redriven_at", "expires_at"),
        conditions=(Condition("redriven_at", Test.EQUALS, before.redriven_at),),
    )
    services.table.write((again, *parts))
    return before._replace(
        reason=why["reason"], where=why["where"], mend=why["mend"], at=now, times=before.times + 1, redriven_at=None
    )


def quarantined(services: Services) -> Iterator[Kept]:
    """Every message that waits in quarantine."""
    return (kept for kept in kept_messages(services) if kept.redriven_at is None)


def kept_messages(services: Services) -> Iterator[Kept]:
    """Every message that waits in quarantine, or that was sent through and is still remembered."""
    for shard in keys.all_quarantine_shards():
        for row in read_all(services.table, shard):
            if "reason" in row:
                yield _kept(row)


def find_kept(services: Services, id: str) -> Kept | None:
    """The message of that name; None when it is not, or no longer, in quarantine."""
    row = services.table.get(_key(id))
    return _kept(row) if row is not None else None


def message(services: Services, id: str) -> str:
    """The message itself, as it came. Raises LookupError when it is not in quarantine."""
    key = _key(id)
    row = services.table.get(key)
    if row is None:
        raise LookupError(f"nothing in quarantine has the id {id}")
    packed = row["body"]
    for number in range(1, row["chunks"]):
        part = services.table.get(Key(key.pk, f"{key.sk}/{number:03d}"))
        if part is None:
            raise LookupError(f"part {number} of quarantined message {id} is missing")
        packed += part["body"]
    return gzip.decompress(packed).decode(errors="surrogatepass")


def mark_redriven(services: Services, kept: Kept, said: str) -> bool:
    """Note that a message has been placed, and how. False when it came again meanwhile, or somebody else noted it.

    Only after it has been placed: after a crash in between it waits still, and is known as a repetition when it is sent
    through again.
    """
    now = services.now()
    expires = {"expires_at": int(now + REDRIVEN_KEPT_SECONDS)}
    key = _key(kept.id)
    waits = (Condition("times", Test.EQUALS, kept.times), Condition("redriven_at", Test.ABSENT))
    history = [*kept.history, Earlier(kept.at, kept.reason, kept.where, now, said)][-MOST_REMEMBERED:]
    noted = {"redriven_at": now, "history": [each._asdict() for each in history], **expires}
    parts = [row for row in read_all(services.table, key.pk, key.sk + "/") if "body" in row]
    try:
        services.table.write(
            (
                Update(key, set=noted, conditions=waits),
                *(Update(Key(row["pk"], row["sk"]), set=expires) for row in parts),
            )
        )
    except WriteRefused:
        return False
    return True


def _key(id: str) -> Key:
    return Key("QUARANTINE#" + id[:1], id)


def _facility(raw: str) -> str | None:
    """What a message says its facility is, if it says so in a facility's characters."""
    try:
        said: Any = json.loads(raw)["detail"]["facility"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return said if isinstance(said, str) and len(said) <= 64 and re.fullmatch(ID, said) else None


def _kept(row: Item) -> Kept:
    redriven = row.get("redriven_at")
    history = tuple(
        Earlier(float(each["at"]), each["reason"], each["where"], float(each["redriven_at"]), each["said"])
        for each in row.get("history", ())
    )
    return Kept(
        row["sk"],
        row["reason"],
        row["where"],
        row["mend"],
        float(row["at"]),
        int(row["times"]),
        row.get("facility"),
        float(redriven) if redriven is not None else None,
        history,
    )
