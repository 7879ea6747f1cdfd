"""What `baton status` says of a running stack."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from functions.cases.quarantine import Kept, quarantined
from functions.cases.rows import CaseRow
from local.connection import Connection

_ADDRESSES = {"aws_endpoint": "AWS is at", "emr": "EMR is at"}


def status(connection: Connection, running: Mapping[str, Any]) -> int:
    """Print where the stack is, what is open or late, what is in quarantine, and what nobody works off; 0 when nothing is stuck."""
    rows = connection.all_cases()
    letters = dead_letters(connection)
    kept = list(quarantined(connection.services))
    for name, said in _ADDRESSES.items():
        print(f"{said:10} {running[name]}")
    for line in described(rows, kept, letters, time.time()):
        print(line)
    return 1 if _late(rows, time.time()) or any(letters.values()) else 0


def dead_letters(connection: Connection) -> dict[str, int]:
    """How many messages each function has given up."""
    sqs = connection.aws.client("sqs")
    name = "ApproximateNumberOfMessages"
    return {
        function: int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
        for function, url in connection.outputs.dead_letters.items()
    }


def described(rows: Sequence[CaseRow], kept: Sequence[Kept], letters: Mapping[str, int], now: float) -> list[str]:
    """The state of things in words."""
    opened = sum(1 for row in rows if row.ended_at is None)
    lines = [f"{_many(len(rows), 'case')}, {opened} open, {len(_late(rows, now))} past the deadline"]
    lines += [
        f"  late: {row.id[:8]} at {row.facility} in {row.state}, {(now - (row.case.due or now)) / 60:.0f} min"
        for row in _late(rows, now)
    ]
    lines.append(f"{_many(len(kept), 'message')} in quarantine" + ("; `baton quarantine` lists them" if kept else ""))
    given_up = {function: count for function, count in letters.items() if count}
    lines += [
        f"{_many(count, 'message')} given up by {function} (dead letters)" for function, count in given_up.items()
    ]
    if not given_up:
        lines.append("no function has given up a message")
    return lines


def _late(rows: Sequence[CaseRow], now: float) -> list[CaseRow]:
    return [row for row in rows if row.ended_at is None and row.case.due is not None and row.case.due < now]


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
