"""Checklists: which items of a state are done, by an event or because a fact is known that makes doing them needless."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from statemachines.case import Case, Occurrence
from statemachines.expressions import Known, Value
from statemachines.machine import Machine, ReadyItem


class CheckedOff(NamedTuple):
    """What an event does to a checklist: the items it finishes, and those it concerns but may not finish, or has already.

    ``claimed``: what it reports would satisfy one that it may not finish.
    """

    done: frozenset[str]
    forbidden: tuple[str, ...]
    again: tuple[str, ...]
    claimed: bool = False


def check_off(
    machine: Machine, case: Case, event: Occurrence, facts: Mapping[str, Known], limits: Mapping[str, Value]
) -> CheckedOff | None:
    """What the event does to the present state's checklist; None when the state has none, or it is not concerned."""
    checklist = machine.checklists.get(case.state) if case.state is not None else None
    if checklist is None:
        return None
    done: list[str] = []
    forbidden: list[str] = []
    again: list[str] = []
    claimed = False
    for item in checklist.items:
        concerned = event.type in item.done_on
        if item.name in case.done:
            if concerned:
                again.append(item.title)
        elif concerned and not _may(item, case, event):
            # Nor do the facts of the very event satisfy it: they would be a way around ``by``.
            forbidden.append(item.title)
            claimed = claimed or _satisfied(item, facts, limits, event.at)
        elif concerned or _satisfied(item, facts, limits, event.at):
            done.append(item.name)
    if not (done or forbidden or again):
        return None
    return CheckedOff(frozenset(done), tuple(forbidden), tuple(again), claimed)


def _satisfied(item: ReadyItem, facts: Mapping[str, Known], limits: Mapping[str, Value], at: float) -> bool:
    return item.satisfied is not None and item.satisfied(facts, limits, at)


def _may(item: ReadyItem, case: Case, event: Occurrence) -> bool:
    role = event.actor_role
    return (
        item.by is None
        or role in item.by
        or (role is not None and role == case.item_roles.get(item.name))
        or not item.by.isdisjoint(event.acts_for)
    )


def done_on_arrival(
    machine: Machine, state: str, facts: Mapping[str, Known], limits: Mapping[str, Value], at: float
) -> frozenset[str]:
    """The items of a state that need no doing when the case arrives, because a fact satisfies them."""
    checklist = machine.checklists.get(state)
    if checklist is None:
        return frozenset()
    return frozenset(item.name for item in checklist.items if _satisfied(item, facts, limits, at))


def complete(machine: Machine, state: str, done: frozenset[str]) -> bool:
    """Whether enough of the state's checklist is done; a state without one is never complete."""
    checklist = machine.checklists.get(state)
    return checklist is not None and len(done) >= checklist.needed
