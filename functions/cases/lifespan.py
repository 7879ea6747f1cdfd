"""How much of a case one execution may follow before another goes on in its place.

AWS Step Functions ends a standard execution that has 25,000 events in its history, and one that has run for a year (AWS Step
Functions quotas). The budget assumes that everything fails as often as the state machine lets it: retries are in the history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HISTORY_EVENTS: Final = 25_000
"""The most events that the history of an execution may have."""

ATTEMPT_EVENTS: Final = 3
"""TaskScheduled, TaskStarted, and how it ended; one more, TaskSubmitted, where a task waits for its token."""
STATE_EVENTS: Final = 2
"""A state is entered and exited."""
START_AND_END_EVENTS: Final = 6
"""ExecutionStarted, the first Choice, the last Succeed, ExecutionSucceeded."""

PARK_ATTEMPTS: Final = 1 + 6
DECIDE_ATTEMPTS: Final = 1 + 200
WORK_ATTEMPTS: Final = 20
"""The most attempts of a wait, of a question to follow, and of a system step, as the compiled state machines have them."""

WORST_VISIT_EVENTS: Final = (
    max(PARK_ATTEMPTS * (ATTEMPT_EVENTS + 1), WORK_ATTEMPTS * ATTEMPT_EVENTS)
    + DECIDE_ATTEMPTS * ATTEMPT_EVENTS
    + 3 * STATE_EVENTS
)
"""A visit in which every attempt but the last fails: the wait or the work, then the deadline or giving up, then the Choice."""

ROOM_VISITS: Final = 7
"""What may follow before an execution can end: system steps that never wait, and races lost against events."""

WAITS: Final = (HISTORY_EVENTS - START_AND_END_EVENTS) // WORST_VISIT_EVENTS - ROOM_VISITS

SECONDS: Final = 300 * 24 * 3600.0
"""The sweep looks at every open case much more often than the rest of the year is long."""


@dataclass(frozen=True, slots=True)
class Lifespan:
    """How many waits (visits, and waits that were resumed) and seconds an execution may follow its case; at least one wait."""

    waits: int = WAITS
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        if self.waits < 1 or self.seconds <= 0:
            raise ValueError("an execution follows its case for one wait at least")


LIFESPAN: Final = Lifespan()
