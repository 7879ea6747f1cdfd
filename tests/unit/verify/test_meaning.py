"""What the verifier passes, the interpreter never drops: random courses of workflows without findings, event by event."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from statemachines.case import Case, Occurrence
from statemachines.decide import Outcome, Reason, advance
from statemachines.definition import (
    CHECKLIST_COMPLETED,
    DEADLINE_MISSED,
    SUB_CASE_REQUESTED,
    Definition,
    StateKind,
    ValueType,
)
from statemachines.expressions import Value
from statemachines.facilities import facilities
from statemachines.machine import Machine
from statemachines.policy import Policy
from statemachines.verify import verify
from statemachines.verify.catalog import fields_of
from statemachines.verify.commits import CommitLimits, hand_offs
from statemachines.verify.domain import Vocabulary
from statemachines.verify.index import OPENING, Index
from statemachines.verify.machines import Machines
from statemachines.verify.overlays import distinct
from statemachines.workflows import WORKFLOWS
from tests.unit.verify.good import FETCH, GOOD, POLICIES

OURS: Mapping[str, tuple[Definition, Sequence[Policy]]] = {
    GOOD.workflow: (GOOD, POLICIES),
    FETCH.workflow: (FETCH, POLICIES),
    **{name: (definition, list(facilities().values())) for name, definition in WORKFLOWS.items()},
}
STEPS = 150


def values(event: str, chance: random.Random) -> dict[str, Value]:
    """What an event could say: every field that it always has, and some of the others."""
    found: dict[str, Value] = {}
    for name, field in (fields_of(event) or {}).items():
        if not field.always and chance.random() < 0.5:
            continue
        match field.type:
            case ValueType.NUMBER:
                number = chance.choice((0.0, 1.0, chance.random())) * ((field.high or 100) - (field.low or 0)) + (
                    field.low or 0
                )
                found[name] = round(number) if field.integer else round(number, chance.randint(0, 2))
            case ValueType.BOOLEAN:
                found[name] = chance.random() < 0.5
            case _:
                found[name] = chance.choice(("a", "b"))
    return found


class Walk:
    """A case at one facility to which anything may happen."""

    def __init__(self, definition: Definition, policy: Policy, chance: random.Random) -> None:
        self.definition, self.chance = definition, chance
        self.machine = Machine(definition, policy)
        self.roles = [role.code for role in definition.roles]
        self.events = [expectation.event for expectation in definition.events]
        self.case, self.now = Case(), 1_000_000.0
        self.count = 0

    def occurrence(self, type: str) -> Occurrence:
        """Something that happens now, or happened a little earlier."""
        self.count += 1
        role = self.chance.choice(self.roles)
        at = self.now - self.chance.choice((0, 0, 30, 4000))
        override = (
            self.chance.choice([t.id for t in self.definition.transitions]) if self.chance.random() < 0.05 else None
        )
        person = f"{role}-{self.chance.randint(1, 2)}"
        return Occurrence(
            type,
            f"e{self.count}",
            at,
            person,
            role,
            values(type, self.chance),
            override,
            "because" if override else None,
        )

    def own(self, type: str) -> Occurrence:
        """Something that Baton itself brings about."""
        self.count += 1
        return Occurrence(type, f"o{self.count}", self.now)

    def next(self) -> Occurrence:
        """What happens next: an event, a deadline, an outcome, the end of a sub-case."""
        self.now += self.chance.choice((1, 60, 600, 9000))
        if self.case.state is None:
            opening = [t.on for t in self.definition.transitions if not t.sources]
            first = self.chance.choice(opening)
            return self.own(first) if first == SUB_CASE_REQUESTED else self.occurrence(first)
        state = self.machine.states[self.case.state]
        ways = [DEADLINE_MISSED]
        if state.work is not None:
            ways += [f"{state.work.name}.{outcome}" for outcome in state.work.outcomes]
        if state.opens is not None:
            ways += [f"{state.opens.workflow}.{end}" for end in state.opens.ends]
        if self.chance.random() < 0.2:
            return self.own(self.chance.choice(ways))
        return self.occurrence(self.chance.choice(self.events))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("workflow", OURS)
def test_no_event_is_dropped_and_nothing_is_reached_that_was_not_foreseen(workflow: str, seed: int) -> None:
    definition, policies = OURS[workflow]
    others = {**WORKFLOWS, FETCH.workflow: FETCH, GOOD.workflow: GOOD}
    clean = not verify(definition, policies, others=others)
    index = Index(definition)
    chance = random.Random(seed)
    for policy in policies:
        machines = Machines(index, Vocabulary(definition), distinct(index, [policy]))
        knowledge, reached = machines.union.knowledge, machines.union.graph.reached
        longest: dict[int, int] = {}
        for hand_off in hand_offs(machines, CommitLimits()):
            source = hand_off.edge.source
            longest[source] = max(longest.get(source, 0), hand_off.moves)
        walk = Walk(definition, policy, chance)
        for _ in range(STEPS):
            happening = walk.next()
            source = OPENING if walk.case.state is None else index.position[walk.case.state]
            progress = advance(walk.machine, walk.case, happening, walk.now)
            decision = progress.decision
            if source != OPENING and clean:
                assert decision.reason is not Reason.NOT_EXPECTED_HERE, (walk.case.state, happening)
                if happening.type == DEADLINE_MISSED or (happening.actor_id is None and "." in happening.type):
                    assert decision.outcome is Outcome.MOVED, (walk.case.state, happening)
            assert len(progress.moves) <= longest.get(source, 0)
            for move in progress.moves:
                assert reached[index.position[move.target]], (move.transition, move.target)
            walk.case = progress.case
            if walk.case.state is None:
                continue
            place = index.position[walk.case.state]
            known = frozenset(walk.case.facts)
            assert knowledge.names(knowledge.every_path[place]) <= known
            assert known <= knowledge.names(knowledge.some_path[place] | knowledge.learnt[place])
            if walk.machine.states[walk.case.state].kind is StateKind.END:
                walk.case = Case()


def test_a_completed_checklist_always_leads_on() -> None:
    for definition, policies in OURS.values():
        for policy in policies:
            machine = Machine(definition, policy)
            for state in machine.checklists:
                assert machine.arrows.get((state, CHECKLIST_COMPLETED))
