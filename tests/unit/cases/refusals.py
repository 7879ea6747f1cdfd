"""A command that is refused: the journal says so, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from functions.cases.commands import Refused
from functions.cases.rows import CaseRow
from functions.cases.table import Item
from tests.support.world import World


def refused(act: Callable[[], object]) -> str:
    """Why the act was refused; the refusal says it in words, too."""
    with pytest.raises(Refused) as why:
        act()
    assert str(why.value)
    return why.value.reason


def only_journaled(world: World, case: str, act: Callable[[], object]) -> Item:
    """The journal entry of a refusal that changes nothing but the journal."""
    before, tasks, visits = _row(world, case), world.tasks(case), world.path(case)
    reason = refused(act)
    after = _row(world, case)
    assert replace(after, rev=before.rev, seq=before.seq, journal_hash=before.journal_hash) == before
    assert (after.rev, after.seq, world.tasks(case), world.path(case)) == (
        before.rev + 1,
        before.seq + 1,
        tasks,
        visits,
    )
    entry = world.journal(case)[-1]
    assert (entry["kind"], entry["reason"], entry["seq"]) == ("refused", reason, after.seq)
    assert entry["because"]
    return entry


def _row(world: World, case: str) -> CaseRow:
    (row,) = (row for row in world.cases() if row.id == case)
    return row
