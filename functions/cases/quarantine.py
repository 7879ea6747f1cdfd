"""What cannot be understood or placed is kept, with its reason, until somebody mends it and sends it through again."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import NamedTuple

from functions.cases import keys
from functions.cases.ports import Services
from functions.cases.table import NEW, Delete, Item, Key, Put, Update, WriteRefused, read_all

CHUNK_BYTES = 300_000
"""A row holds at most 400 KB; a larger message is kept in several."""


class Kept(NamedTuple):
    """A quarantined message: its name, why it is here, and how often it came. ``at`` is in epoch seconds."""

    id: str
    reason: str
    where: str
    mend: str
    at: float
    times: int


def quarantine(services: Services, raw: str, reason: str, where: str, mend: str) -> Kept:
    """Keep a message with the reason why it could not be placed. The same message again is counted, not kept twice."""
    data = raw.encode(errors="surrogatepass")
    key = services.keys.quarantine(data)
    packed = gzip.compress(data, mtime=0)
    chunks = [packed[i : i + CHUNK_BYTES] for i in range(0, len(packed), CHUNK_BYTES)]
    now = services.now()
    for number, chunk in enumerate(chunks[1:], start=1):
        services.table.write((Put({"pk": key.pk, "sk": f"{key.sk}/{number:03d}", "body": chunk}),))
    row = {
        "pk": key.pk, "sk": key.sk, "reason": reason, "where": where, "mend": mend, "at": now, "times": 1,
        "chunks": len(chunks), "body": chunks[0],
    }  # fmt: skip
    try:
        services.table.write((Put(row, NEW),))
    except WriteRefused:
        return _kept(
            services.table.update(Update(key, set={"reason": reason, "where": where, "mend": mend}, add={"times": 1}))
        )
    return _kept(row)


def quarantined(services: Services) -> Iterator[Kept]:
    """Every message in quarantine."""
    for shard in keys.all_quarantine_shards():
        for row in read_all(services.table, shard):
            if "reason" in row:
                yield _kept(row)


def message(services: Services, id: str) -> str:
    """The message itself, as it came. Raises LookupError when it is not in quarantine."""
    key = Key("QUARANTINE#" + id[:1], id)
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


def forget(services: Services, id: str) -> None:
    """Take a message out of quarantine, once it has been placed. Harmless when it is not there.

    What names it goes first: after a crash in between, no message is there of which a part is missing.
    """
    key = Key("QUARANTINE#" + id[:1], id)
    for row in read_all(services.table, key.pk, key.sk):
        if row["sk"] == key.sk or row["sk"].startswith(key.sk + "/"):
            services.table.write((Delete(Key(row["pk"], row["sk"])),))


def _kept(row: Item) -> Kept:
    return Kept(row["sk"], row["reason"], row["where"], row["mend"], float(row["at"]), int(row["times"]))
