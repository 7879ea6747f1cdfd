"""Keys of the table's rows. Whatever derives from people is an HMAC: a plain hash of a record number can be reversed."""

from __future__ import annotations

import hashlib
import hmac

from functions.cases.table import Key

SWEEP_SHARDS = 4
_ALL_SWEEP_SHARDS = tuple(f"SWEEP#{n}" for n in range(SWEEP_SHARDS))


class Keyring:
    """Makes every key that derives from a person, a facility's identifiers or an event, under one secret."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("the HMAC secret needs at least 16 bytes")
        self._secret = secret

    def _mac(self, *parts: str) -> str:
        # Length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
        message = b"".join(len(raw := part.encode()).to_bytes(4, "big") + raw for part in parts)
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:32]

    def case(self, facility: str, workflow: str, correlation: str, opened_by: str) -> str:
        """The id of the case that event ``opened_by`` opens."""
        return self._mac("case", facility, workflow, correlation, opened_by)

    def correlation(self, facility: str, workflow: str, *values: str) -> str:
        """The partition that holds the one open case for a correlation value, and the events held until it opens.

        Where an encounter has several cases, its own partition names the open ones, and each of them has another.
        """
        return "KEY#" + self._mac("key", facility, workflow, *values)

    def mark(self, facility: str, event_id: str, workflow: str, case: str | None = None) -> Key:
        """Where it is noted that an event was seen by a workflow, and what became of it.

        ``case``: what became of it in that one of the several cases that it was for.
        """
        return Key(EVENT + self._mac("event", facility, event_id), workflow if case is None else f"{workflow}#{case}")

    def early(self, correlation: str, facility: str, event_id: str) -> Key:
        """Where an event waits for its case to open."""
        return Key(correlation, EARLY + self._mac("event", facility, event_id))

    def quarantine(self, raw: bytes) -> Key:
        """Where an unplaceable message is kept; the same message always has the same place."""
        name = hmac.new(self._secret, raw, hashlib.sha256).hexdigest()[:32]
        return Key("QUARANTINE#" + name[0], name)


EARLY = "EARLY#"
EVENT = "EVENT#"


def mark_of_early(place: Key, workflow: str) -> Key:
    """The mark of the event that waits at a place."""
    return Key(EVENT + place.sk.removeprefix(EARLY), workflow)


OPEN = "OPEN"
META = "META"
MEMBER = "MEMBER#"


def member(group: str, case: str) -> Key:
    """Where an encounter's partition names one of its open cases."""
    return Key(group, MEMBER + case)


def case_pk(case: str) -> str:
    """The partition of a case."""
    return "CASE#" + case


def meta(case: str) -> Key:
    """The case row: the one lock."""
    return Key(case_pk(case), META)


def journal(case: str, seq: int) -> Key:
    """A journal entry."""
    return Key(case_pk(case), f"J#{seq:06d}")


def visit(case: str, number: int) -> Key:
    """A state entry; what the execution follows."""
    return Key(case_pk(case), f"V#{number:06d}")


def task(case: str, number: int, item: str | None = None) -> Key:
    """The task of a state entry, or of an item of its checklist."""
    return Key(case_pk(case), f"TASK#{number:06d}" + (f"#{item}" if item is not None else ""))


def staff(facility: str, person: str) -> Key:
    """A person on a facility's roster."""
    return Key("STAFF#" + facility, person)


def facility_active(facility: str) -> Key:
    """Which workflow versions a facility starts, and under which policy."""
    return Key("FACILITY#" + facility, "ACTIVE")


def facility_policy(facility: str, version: str) -> Key:
    """One version of a facility's policy; never changed once written."""
    return Key("FACILITY#" + facility, "POLICY#" + version)


def ledger(case: str, resource: str, source: str) -> Key:
    """What is known of one write to the EMR."""
    return Key(case_pk(case), f"EMR#{resource}#{source}")


MIRROR = "MIRROR#"


def mirror(case: str, emr: str) -> Key:
    """How far an EMR shows a case: the newest journal entry that its Task was made from."""
    return Key(case_pk(case), MIRROR + emr)


PULSE = Key("PULSE", "PULSE")
"""What the sweep's schedule writes each minute, so that the stream always has something to tell."""


def worklist(facility: str, role: str) -> str:
    """The worklist of a role at a facility."""
    return f"{facility}#{role}"


def sweep_shard(case: str) -> str:
    """The part of the sweep's index that a case belongs to."""
    return f"SWEEP#{int(hashlib.sha256(case.encode()).hexdigest()[:4], 16) % SWEEP_SHARDS}"


def all_sweep_shards() -> tuple[str, ...]:
    """Every part of the sweep's index."""
    return _ALL_SWEEP_SHARDS


def all_quarantine_shards() -> tuple[str, ...]:
    """Every partition of the quarantine."""
    return tuple("QUARANTINE#" + digit for digit in "0123456789abcdef")
