"""The pure interpreter run by itself: a case, decided event by event, with the visits and tasks that it leads to.

Nothing here reads or writes a row: who owns what follows from the decision and from routing alone, so what the use cases
write to the table can be compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from statemachines.case import Case, Occurrence, following
from statemachines.decide import Decision, Move, Progress, advance
from statemachines.definition import StateKind
from statemachines.machine import Machine
from statemachines.routing import OnShift, route


class Visited(NamedTuple):
    """One state entry."""

    transition: str
    source: str | None
    target: str


class Task(NamedTuple):
    """A task as opened: at which visit, for which state or item of its checklist, and whom it was routed to."""

    visit: int
    item: str | None
    state: str
    role: str
    person: str | None


@dataclass
class Interpreter:
    """A case of a machine. ``case_id`` and ``roster`` are what routing asks for besides."""

    machine: Machine
    case_id: str
    roster: Sequence[OnShift]
    case: Case = field(default_factory=Case)
    visits: list[Visited] = field(default_factory=list)
    opened: list[Task] = field(default_factory=list)
    open: dict[str | None, Task] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether the case has come to an end."""
        return self.case.state is not None and self.machine.states[self.case.state].kind is StateKind.END

    def would(self, event: Occurrence, now: float) -> Decision:
        """What would become of an occurrence."""
        return advance(self.machine, self._case_for(event), event, now).decision

    def _case_for(self, event: Occurrence) -> Case:
        """The case, or the one that could follow it after its end."""
        return following(self.case) if self.ended and event.type in self.machine.reopening else self.case

    def take(self, event: Occurrence, now: float) -> Progress:
        """Take one occurrence and all that it leads to. What re-opens the case begins another in its place."""
        progress = advance(self.machine, self._case_for(event), event, now)
        if self.ended and progress.moves:
            self.visits = []
        if not self.ended or progress.moves:
            self.case = progress.case
        if progress.moves:
            self._moved(progress.moves, now)
        else:
            for name in progress.decision.done:
                self.open.pop(name, None)
        self._know_roles()
        return progress

    def _moved(self, moves: Sequence[Move], now: float) -> None:
        self.visits += [Visited(m.transition, m.source, m.target) for m in moves]
        self.open = {}
        target = self.machine.states[moves[-1].target]
        if target.kind is StateKind.END:
            return
        owners: dict[str | None, str | None] = {None: target.owner}
        if target.checklist is not None:
            owners |= {item.name: item.owner for item in target.checklist.items if item.name not in self.case.done}
        for item, owner in owners.items():
            assert owner is not None, f"{target.name} has no owner"
            self.open[item] = self._routed(item, target.name, owner, now)
        self.opened += self.open.values()

    def _routed(self, item: str | None, state: str, owner: str, now: float) -> Task:
        to = route(
            owner,
            self.machine.definition,
            self.machine.policy,
            self.roster,
            now,
            case=self.case_id,
            knows_patient=frozenset(self.case.performers.values()),
        )
        return Task(len(self.visits), item, state, to.role, to.person)

    def _know_roles(self) -> None:
        own = self.open.get(None)
        items: Mapping[str, str] = {name: task.role for name, task in self.open.items() if name is not None}
        self.case = replace(self.case, accountable_role=own.role if own else None, item_roles=items)
