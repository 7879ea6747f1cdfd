"""The pulse: a row that the schedule's look writes anew each minute, so that the table's stream is never silent.

Without it nobody could tell a stream whose mapping was disabled, or may no longer read, from a night without hand-offs.
"""

from __future__ import annotations

from functions.cases import keys
from functions.cases.table import Put, Table


def beat(table: Table, now: float) -> None:
    """Write the pulse. ``now`` in epoch seconds. Raises Contention."""
    table.write((Put({"pk": keys.PULSE.pk, "sk": keys.PULSE.sk, "at": now}),))
