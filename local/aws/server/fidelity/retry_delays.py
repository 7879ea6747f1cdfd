"""The delay before a retry: `MaxDelaySeconds` and `JitterStrategy`, and no limit that is not written.

AWS: IntervalSeconds x BackoffRate ^ retries so far, at most MaxDelaySeconds; with JitterStrategy FULL a random time
between 0 and that (developer guide, "Retrying after an error").
MiniStack: ignores both fields and never waits longer than 60 s.
Baton: waits and system steps retry with a capped, jittered back-off.
"""

from __future__ import annotations

import random
from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    """Sleep the delay where the retrier is found, and tell MiniStack that there is none left."""
    find_matching_retrier = sfn._find_matching_retrier

    def retrier(retriers: Any, error: str, counts: dict[int, int]) -> Any:
        found, index = find_matching_retrier(retriers, error, counts)
        if found is None:
            return found, index
        sfn._scaled_sleep(delay(found, counts.get(index, 0)))
        return {**found, "IntervalSeconds": 0}, index

    sfn._find_matching_retrier = retrier


def delay(retrier: dict[str, Any], retries: int) -> float:
    """Seconds to wait after `retries` retries."""
    full = float(retrier.get("IntervalSeconds", 1)) * float(retrier.get("BackoffRate", 2.0)) ** retries
    longest = min(full, float(retrier.get("MaxDelaySeconds", full)))
    return random.uniform(0, longest) if retrier.get("JitterStrategy") == "FULL" else longest
