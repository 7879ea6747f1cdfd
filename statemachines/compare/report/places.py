"""Facilities in few words, for networks of three and of a hundred and sixty."""

from __future__ import annotations

from collections.abc import Sequence

from statemachines.compare.words import MOST_NAMES, listed


def where(facilities: Sequence[str], all_: int) -> str:
    """ "everywhere", "nowhere", "northfield and southgate", "12 of 160 facilities"."""
    if not facilities:
        return "nowhere"
    if len(facilities) == all_ and all_ > 1:
        return "everywhere"
    if len(facilities) <= MOST_NAMES:
        return listed(facilities)
    return f"{len(facilities)} of {all_} facilities"


MOST_DETAILS = 8
"""More lines about one change than this are left to the JSON."""


def shortened(details: Sequence[str]) -> tuple[str, ...]:
    """The first details and how many more."""
    if len(details) <= MOST_DETAILS:
        return tuple(details)
    return (*details[:MOST_DETAILS], f"and {len(details) - MOST_DETAILS} more")
