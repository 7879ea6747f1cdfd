"""Mangles an input: as JSON where it is JSON, as bytes otherwise. The same seed mangles alike."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

SEPARATOR = b"\x1e"
"""Between the messages of one input (ASCII record separator; JSON text holds none)."""

CANARY = "ZEBRA"
"""Stands in every place that may identify a patient or a person; it must never be logged, counted or told."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.1, -0.0, 1e308, 5.0, "", " ", CANARY, CANARY * 60, "\x00", "\ud800",
    "é", "a\nb", "NaN", [], {}, [[]], [None], {"": None}, "northfield", "southgate", "atlantis", "RT", "RT_LEAD", "PROVIDER",
    "2026-03-02T08:00:00Z", "2026-03-02T08:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-02-30T08:00:00Z",
    "2026-03-02T08:00:60Z", "2026-03-02T07:59:59.123456789-11:00", "oxygen_changed", "oxygen_ordered", "shift_started",
    "patient_merged", "baton.platform", "baton.emr", "baton.roster", "baton.orchestrator", "park", "deadline", "give_up",
    "file_documentation", "minutes", "hours", "business days", "all", "any", "not", "compare", "waiting", "system", "end",
)  # fmt: skip

TOKENS: tuple[bytes, ...] = (
    b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\ud800", b"\x00", b"\xff", b"\xef\xbb\xbf", b"NaN", b"Infinity", b"1e999",
    b"-", b";", b"\t", b"|", b"\r\n", b"\n", b"[" * 3000, b'{"a":' * 600, SEPARATOR, b"null", b"true", b"9" * 5000, b"PK\x03\x04",
)  # fmt: skip

MOST_MESSAGES = 12


def mutate(data: bytes, rng: random.Random, others: Sequence[bytes] = (), most: int = 65_536) -> bytes:
    """One to four changes; ``others`` are inputs that parts may be taken from."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        data = _once(data, rng, others)
    return data[:most]


def _once(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    messages = data.split(SEPARATOR)
    place = rng.randrange(len(messages))
    way = rng.random()
    if way < 0.6:
        messages[place] = _as_json(messages[place], rng)
    elif way < 0.75 and others:
        borrowed = rng.choice(rng.choice(others).split(SEPARATOR))
        if rng.random() < 0.6:
            messages.insert(place, borrowed)
        else:
            messages[place] = _joined(messages[place], borrowed, rng)
    elif way < 0.85:
        rng.shuffle(messages)
        if rng.random() < 0.5:
            messages.append(rng.choice(messages))
    else:
        messages[place] = _as_bytes(messages[place], rng)
    return SEPARATOR.join(messages[:MOST_MESSAGES])


def _as_json(data: bytes, rng: random.Random) -> bytes:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return _as_bytes(data, rng)
    holders = [document, *_below(document)]
    inside = [each for each in holders if isinstance(each, (dict, list)) and each]
    if not inside:
        return _dumped(rng.choice(VALUES))
    at = rng.choice(inside)
    key: Any = rng.choice(list(at)) if isinstance(at, dict) else rng.randrange(len(at))
    match rng.randrange(7):
        case 0 | 1:
            at[key] = rng.choice(VALUES)
        case 2:
            del at[key]
        case 3:
            at[key] = _nearby(at[key], rng)
        case 4:
            at[key] = rng.choice(holders)
        case 5 if isinstance(at, dict):
            at[rng.choice((CANARY, "", str(key) + "_", str(key).upper()))] = at[key]
        case _:
            at[key] = [at[key]] if rng.random() < 0.5 else {CANARY: at[key]}
    try:
        return _dumped(document)
    except (ValueError, RecursionError):
        return data  # it had come to hold itself


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _below(value: Any) -> list[Any]:
    found: list[Any] = []
    waiting = [value]
    while waiting and len(found) < 5000:
        each = waiting.pop()
        inner = list(each.values()) if isinstance(each, dict) else each if isinstance(each, list) else []
        found += inner
        waiting += inner
    return found


def _nearby(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + rng.choice((-1, 1, 0.5, -value, value, 100))
    if isinstance(value, str):
        cut = rng.randrange(len(value) + 1)
        return (
            value[:cut] + rng.choice(("", CANARY, "/", "#", " ", "\u00a0", "0", "é")) + value[cut + rng.randrange(2) :]
        )
    return value


def _as_bytes(data: bytes, rng: random.Random) -> bytes:
    cut = rng.randrange(len(data) + 1)
    match rng.randrange(5):
        case 0:
            return data[:cut] + rng.choice(TOKENS) + data[cut:]
        case 1:
            return data[:cut] + data[cut + rng.randrange(1, 32) :]
        case 2 if data:
            flipped = bytearray(data)
            flipped[cut % len(data)] ^= 1 << rng.randrange(8)
            return bytes(flipped)
        case 3:
            return data[:cut] + data[cut : cut + rng.randrange(64)] * 2 + data[cut:]
        case _:
            return data[:cut]


def _joined(one: bytes, other: bytes, rng: random.Random) -> bytes:
    return one[: rng.randrange(len(one) + 1)] + other[rng.randrange(len(other) + 1) :]
