"""Walks through a published version, to be recorded: towards arrows that no walk has taken yet, and now and then astray."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from statemachines.case import Occurrence
from statemachines.decide import Reason
from statemachines.definition import (
    CHECKLIST_COMPLETED,
    DEADLINE_MISSED,
    Definition,
    StateKind,
    Transition,
    ValueType,
)
from statemachines.expressions import AllOf, AnyGuard, AnyOf, Compare, Constant, Member, Not, Value
from statemachines.policy import Policy
from tests.support.interpreter import Interpreter
from tests.traces.trace import Arrow, Step, Trace, arrows, interpreter, take

START = 1_772_438_400.0
"""2026-03-02 08:00 UTC, a Monday."""
LONGEST = 25
TRIES_EACH = 6
ASTRAY = 0.15
ENDING = 0.05
PATIENCE = 60
"""How often a walk comes by an arrow that it cannot take, before nobody heads for it any more."""
SECOND_CHANCE = 50
"""After so many walks in a row that take nothing new, everything is headed for again."""
GIVE_UP = 300
"""So many walks in a row that take nothing new are enough."""
PAUSES = (1.0, 60.0, 600.0, 600.0, 3600.0, 3 * 86_400.0)
TREES = ("LINDEN", "ASH")
FAR = 1000


class Walker:
    """Walks of one version at several facilities. ``taken`` are the arrows that no walk is needed for any more."""

    def __init__(self, definition: Definition, facilities: Sequence[Policy], taken: Iterable[Arrow] = ()) -> None:
        self.definition, self.facilities = definition, facilities
        self.taken = set(taken)
        self._in_vain: Counter[Arrow] = Counter()
        self._stayed: set[tuple[str | None, Reason]] = set()
        self._values = dict(_values(definition))
        self._ends = {state.name for state in definition.states if state.kind is StateKind.END}

    def walks(self, first: int = 0) -> Iterator[tuple[Policy, Trace]]:
        """Walks that each take an arrow none had taken before, at one facility after another, until no more are found."""
        number, in_vain = first, 0
        while in_vain < GIVE_UP and arrows(self.definition) - self.taken:
            policy = self.facilities[number % len(self.facilities)]
            trace = self.walk(policy, number)
            number, in_vain = number + 1, 0 if trace.steps else in_vain + 1
            if trace.steps:
                yield policy, trace
            elif in_vain % SECOND_CHANCE == 0:
                self._in_vain.clear()

    def walk(self, policy: Policy, number: int) -> Trace:
        """One walk up to the last arrow that none had taken before (without steps if there was none).

        The same number gives the same one, after the same walks before.
        """
        chance = random.Random(f"{self.definition.workflow} {self.definition.version} {policy.facility} {number}")
        case = f"{chance.getrandbits(128):032x}"
        roster = self._roster(policy, chance)
        running = interpreter(self.definition, policy, roster, case)
        steps: list[Step] = []
        now, kept = START, 0
        while len(steps) < LONGEST:
            now += chance.choice(PAUSES)
            event = self._next(running, chance, f"event-{len(steps)}", now)
            now = max(now, event.at)
            steps.append(Step(now, event, take(running, event, now)))
            took = set(Trace(case, roster, tuple(steps[-1:])).taken)
            if took - self.taken:
                kept = len(steps)
            self.taken |= took
            if running.ended and not self._wanted(running.case.state) and chance.random() < 0.7:
                break
        return Trace(case, roster, tuple(steps[:kept]))

    def _roster(self, policy: Policy, chance: random.Random) -> dict[str, tuple[str, ...]]:
        """Everybody twice, everybody once, or only whoever is always there and somebody else."""
        codes = [role.code for role in self.definition.roles]
        many = chance.choice((2, 1, 0))
        held = codes if many else sorted({policy.always_staffed, chance.choice(codes)})
        return {f"{code}-{tree}": (code,) for code in held for tree in TREES[: many or 1]}

    # ── where to ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _next(self, running: Interpreter, chance: random.Random, name: str, now: float) -> Occurrence:
        """Mostly what takes an arrow that was never taken, or leads to one; at times something that leads nowhere."""
        tries = list(self._tries(running, chance, name, now))
        rated: list[tuple[int, Occurrence]] = []
        staying: list[tuple[bool, Occurrence]] = []
        found: set[Arrow] = set()
        distances = self._distances()
        for event in tries:
            decision = running.would(event, max(now, event.at))
            move = decision.move
            if move is None:
                staying.append(((running.case.state, decision.reason) in self._stayed, event))
                if decision.done:
                    rated.append((1, event))
                continue
            arrow = (move.transition, move.source)
            found.add(arrow)
            fresh, ends = arrow not in self.taken, move.target in self._ends
            over = ends and move.target not in distances
            far = FAR if over else 1 + distances.get(move.target, FAR - 2)
            rated.append((0 if fresh and (not ends or chance.random() < ENDING) else far, event))
        for arrow in self._wanted(running.case.state) - found:
            self._in_vain[arrow] += 1
        if rated and (not staying or chance.random() >= ASTRAY or running.case.state is None):
            best = min(far for far, _ in rated)
            return chance.choice([event for far, event in rated if far == best])
        if not staying:
            return chance.choice(tries)
        seen = min(seen for seen, _ in staying)
        chosen = chance.choice([event for before, event in staying if before == seen])
        self._stayed.add((running.case.state, running.would(chosen, max(now, chosen.at)).reason))
        return chosen

    def _wanted(self, state: str | None) -> set[Arrow]:
        """The arrows out of a state that no walk has taken, and that are not given up."""
        leaving = {(t.id, state) for t in self.definition.transitions if state in (t.sources or (None,))}
        return {arrow for arrow in leaving - self.taken if self._in_vain[arrow] < PATIENCE}

    def _distances(self) -> dict[str, int]:
        """How many arrows each state is away from one with a wanted arrow, as the diagram has it."""
        found = {state.name: 0 for state in self.definition.states if self._wanted(state.name)}
        grown = True
        while grown:
            grown = False
            for transition in self.definition.transitions:
                near = found.get(transition.target or "")
                for source in transition.sources:
                    if near is not None and near + 1 < found.get(source, FAR):
                        found[source] = near + 1
                        grown = True
        return found

    # ── what could happen ────────────────────────────────────────────────────────────────────────────────────────────────

    def _tries(self, running: Interpreter, chance: random.Random, name: str, now: float) -> Iterator[Occurrence]:
        """Occurrences for every arrow out of the present state, and some for none."""
        state = running.case.state
        leaving = [t for t in self.definition.transitions if state in (t.sources or (None,))]
        known = {expected.event for expected in self.definition.events}
        for transition in leaving:
            for _ in range(TRIES_EACH):
                if transition.on in known:
                    yield self._event(transition.on, transition.by, chance, name, now)
                elif transition.on == DEADLINE_MISSED:
                    yield Occurrence(transition.on, name, max(now, running.case.due or now))
                elif transition.on != CHECKLIST_COMPLETED:
                    yield Occurrence(transition.on, name, now)
            for earlier in transition.separate_from:
                if (staff := running.case.performers.get(earlier)) is not None:
                    yield self._event(transition.on, transition.by, chance, name, now, staff=staff)
            if transition.override_by:
                yield self._override(transition, chance, name, now)
        if state is None:
            return
        items = self.definition.state(state).checklist
        for item in items.items if items is not None else ():
            for type in item.done_on:
                yield self._event(type, item.by, chance, name, now)
        for _ in range(TRIES_EACH):
            yield self._event(chance.choice(sorted(known)), (), chance, name, now)

    def _override(self, transition: Transition, chance: random.Random, name: str, now: float) -> Occurrence:
        staff, role = self._person(chance, transition.override_by)
        return Occurrence("overridden", name, now, staff, role, override=transition.id, reason="for this patient")

    def _event(
        self, type: str, by: Sequence[str], chance: random.Random, name: str, now: float, *, staff: str | None = None
    ) -> Occurrence:
        expected = next(e for e in self.definition.events if e.event == type)
        person: tuple[str | None, str | None] = (None, None) if expected.observation else self._person(chance, by)
        if staff is not None:
            person = staff, person[1]
        values = {
            field: chance.choice(options)
            for field, options in self._values.get(type, {}).items()
            if options and chance.random() < 0.9
        }
        at = now - chance.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 900.0, 7200.0))
        return Occurrence(type, name, at, *person, values)

    def _person(self, chance: random.Random, by: Sequence[str]) -> tuple[str, str]:
        """Somebody of those an arrow is for; now and then anybody."""
        codes = list(by) if by and chance.random() < 0.9 else [role.code for role in self.definition.roles]
        code = chance.choice(codes)
        return f"{code}-{chance.choice(TREES)}", code


# ── what events may say ──────────────────────────────────────────────────────────────────────────────────────────────────


def _values(definition: Definition) -> Iterator[tuple[str, dict[str, list[Value]]]]:
    """By event type: for each field that a fact or a parameter is taken from, values on both sides of every limit."""
    options: dict[str, list[Value]] = {}
    limits = [float(p.default) for p in definition.parameters if p.type is ValueType.NUMBER]
    for fact in definition.facts:
        constants = [c for guard in _guards(definition) for c in _constants(guard, fact.name)]
        match fact.type:
            case ValueType.BOOLEAN:
                options[fact.name] = [True, False]
            case ValueType.CODE:
                options[fact.name] = [*dict.fromkeys(str(c) for c in constants), "something_else"]
            case ValueType.NUMBER:
                near = {float(c) + d for c in (*constants, *limits) for d in (-1.0, 0.0, 1.0)}
                low, high = fact.minimum, fact.maximum
                options[fact.name] = sorted(
                    v for v in near if (low is None or v >= low) and (high is None or v <= high)
                )
    found: dict[str, dict[str, list[Value]]] = {}
    for fact in definition.facts:
        for source in (source for source in fact.sources if source.field is not None):
            found.setdefault(source.event, {}).setdefault(str(source.field), []).extend(options[fact.name])
    for parameter in definition.parameters:
        for source in (source for source in parameter.patient if source.field is not None):
            ours: Sequence[Value] = parameter.choices or (
                (True, False)
                if parameter.type is ValueType.BOOLEAN
                else tuple(v for v in (parameter.default, parameter.minimum, parameter.maximum) if v is not None)
            )
            found.setdefault(source.event, {}).setdefault(str(source.field), []).extend(ours)
    yield from found.items()


def _guards(definition: Definition) -> Iterator[AnyGuard]:
    for transition in definition.transitions:
        if transition.when is not None:
            yield transition.when
    for state in definition.states:
        if state.deadline is not None:
            yield from (sooner.when for sooner in state.deadline.sooner)
        for item in state.checklist.items if state.checklist is not None else ():
            if item.satisfied is not None:
                yield item.satisfied


def _constants(guard: AnyGuard, fact: str) -> Iterator[Value]:
    """The constants that a guard compares a fact with."""
    match guard:
        case AllOf(all=parts) | AnyOf(any=parts):
            for part in parts:
                yield from _constants(part, fact)
        case Not(negated=part):
            yield from _constants(part, fact)
        case Member(operand=operand, values=values):
            if getattr(operand, "fact", None) == fact:
                yield from values
        case Compare(left=left, right=right):
            for one, other in ((left, right), (right, left)):
                if getattr(one, "fact", None) == fact and isinstance(other, Constant):
                    yield other.value
        case _:
            return
