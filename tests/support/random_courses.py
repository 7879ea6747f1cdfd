"""Courses of random workflows: what happens to a case, step by step, and what the pure interpreter says must come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from events.parse import parse_event
from functions.cases.keys import Keyring
from functions.cases.opened import occurrence_of
from statemachines.case import Occurrence
from statemachines.decide import MAX_MOVES, Outcome, Progress, Reason, decide
from statemachines.definition import CHECKLIST_COMPLETED, DEADLINE_MISSED, Definition, StateKind, Work
from statemachines.machine import Machine
from statemachines.policy import Policy
from statemachines.routing import OnShift
from tests.support import random_workflows
from tests.support.interpreter import Interpreter, Task, Visited
from tests.support.random_workflows import EVENTS, LONG_SECONDS, OBSERVATIONS, OPENING, ROLES
from tests.support.scripted import RAISE
from tests.support.world import START, message

SECRET = b"a secret that is made for tests"
KEYS = Keyring(SECRET)
ENCOUNTER = "E-1"
LONG_AGO_SECONDS = 7200.0
FOR_EVER = 10 * 365 * 24 * 3600.0
PEOPLE = ("P-ONE", "P-TWO", "P-THREE")
FEWEST_DRAWN = 40


@dataclass(frozen=True, slots=True)
class Sent:
    """An event arrives. ``long_ago``: it tells of two hours ago. ``at_once``: the execution need not have caught up before."""

    type: str
    values: Mapping[str, Any]
    by: str | None
    long_ago: bool = False
    at_once: bool = False
    late: tuple[str, ...] = ()
    """Results of the system step that the event interrupts, if it does."""


@dataclass(frozen=True, slots=True)
class Overridden:
    """A person takes an arrow in spite of its guard."""

    transition: str
    by: str
    reason: str = "for this patient"
    late: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """The deadline passes, and the execution's timer fires."""


@dataclass(frozen=True, slots=True)
class Worked:
    """The system step has these results, one for each try."""

    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Swept:
    """The sweep finds a system step overdue that is still at work."""

    late: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restarted:
    """The execution is stopped while its case is open, and the sweep starts another that follows from there."""


Step = Sent | Overridden | Passed | Worked | Swept | Restarted


@dataclass(frozen=True, slots=True)
class Course:
    """A workflow at a facility, and what happens to one case of it. ``stumbles``: (visit, request) that fail once."""

    definition: Definition
    policy: Policy
    roster: Mapping[str, tuple[str, ...]]
    steps: tuple[Step, ...]
    stumbles: frozenset[tuple[int, str]] = frozenset()

    @property
    def workflow(self) -> str:
        """The workflow's name."""
        return self.definition.workflow

    @property
    def facility(self) -> str:
        """The facility's name."""
        return self.policy.facility

    @property
    def case(self) -> str:
        """The id that the case will have."""
        correlation = KEYS.correlation(self.facility, self.workflow, ENCOUNTER)
        return KEYS.case(self.facility, self.workflow, correlation, self.event_id(0))

    def event_id(self, place: int) -> str:
        """The id of the event at a place among the steps."""
        return f"{self.workflow}-{place}"

    def raw(self, place: int, step: Sent, now: float) -> str:
        """The event of a step, as the queue delivers it at a moment (epoch seconds)."""
        return message(
            step.type,
            at=now - LONG_AGO_SECONDS if step.long_ago else now,
            id=self.event_id(place),
            encounter=ENCOUNTER,
            facility=self.facility,
            by=step.by,
            **step.values,
        )

    def named(self, name: str) -> Course:
        """The same course under a workflow and a facility of its own."""
        limits = self.policy.parameters.get(self.workflow)
        of_its_own = {"facility": f"at-{name}", "parameters": {name: limits} if limits is not None else {}}
        return replace(
            self,
            definition=self.definition.model_copy(update={"workflow": name}),
            policy=self.policy.model_copy(update=of_its_own),
        )


@dataclass(slots=True)
class Foreseen:
    """What must come of a course, by the pure interpreter. It is told step by step; time is made up, a second for each."""

    course: Course
    interpreter: Interpreter
    now: float = START
    answers: list[tuple[str, str, tuple[str, ...]] | None] = field(default_factory=list)
    visits_after: list[int] = field(default_factory=list)
    leaving: dict[int, str] = field(default_factory=dict)
    """The ASL state through which an execution leaves a visit's state, where it is not the Choice alone."""
    restarts: list[int] = field(default_factory=list)
    """The visits from which another execution follows the case."""
    interrupted: dict[int, int] = field(default_factory=dict)
    """By the place of a step: the visit of the system step that it interrupts."""
    full: bool = False
    """Whether a commit had no room for all that followed from its event. What is left then happens when an execution asks; where
    checklists complete one another in a circle that never ends, and the verifier refuses such a workflow.
    """
    happened: Counter[str] = field(default_factory=Counter)
    """How often what workflows can do came about, for a count of what was compared."""

    @classmethod
    def of(cls, course: Course) -> Foreseen:
        """All that must come of a course."""
        foreseen = cls.begin(course)
        for step in course.steps:
            foreseen.take(step)
        return foreseen

    @classmethod
    def begin(cls, course: Course) -> Foreseen:
        """Before anything has happened."""
        roster = [OnShift(staff, roles, START + FOR_EVER) for staff, roles in sorted(course.roster.items())]
        return cls(course, Interpreter(Machine(course.definition, course.policy), course.case, roster))

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def kind(self) -> StateKind | None:
        """The kind of the present state; None before the case is open."""
        state = self.interpreter.case.state
        return self.interpreter.machine.states[state].kind if state is not None else None

    @property
    def urgent(self) -> bool:
        """Whether a timer is about to fire."""
        due = self.interpreter.case.due
        return self.kind is StateKind.WAITING and due is not None and due - self.now < LONG_SECONDS / 2

    @property
    def outdated(self) -> bool:
        """Whether something was deferred whose facts are known anew since: the sweep records that before it looks any further."""
        machine, case = self.interpreter.machine, replace(self.interpreter.case, deferred=())
        held = self.interpreter.case.deferred
        return any(decide(machine, case, event, self.now).outcome is not Outcome.DEFERRED for event in held)

    @property
    def trail(self) -> list[str]:
        """The ASL states that executions must enter, in order."""
        found: list[str] = []
        for number, visit in enumerate(self.interpreter.visits):
            if number == 0:
                found.append("Resume")
            else:
                through = self.leaving.get(number)
                found += [f"{visit.source} {through}"] if through is not None else []
                found.append(f"after {visit.source}")
            found.append(visit.target)
            found += ["Resume", visit.target] * self.restarts.count(number + 1)
        return found

    @property
    def status(self) -> str:
        """The status that the execution must have."""
        return "SUCCEEDED" if self.interpreter.ended else "RUNNING"

    @property
    def visits(self) -> list[Visited]:
        """Every state entry."""
        return self.interpreter.visits

    @property
    def tasks(self) -> dict[Task, bool]:
        """Every task that must have been opened, and whether it must still be open."""
        still = set(self.interpreter.open.values())
        return {task: task in still for task in self.interpreter.opened}

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def occurrence(self, step: Sent) -> Occurrence:
        """The event of a step, read as the intake reads it."""
        raw = self.course.raw(len(self.answers), step, self.now)
        return occurrence_of(parse_event(raw, now=datetime.fromtimestamp(self.now, UTC)))

    def take(self, step: Step) -> None:
        """Let one more step happen."""
        self.now += 1.0
        before, here = self.kind, len(self.visits)
        answered: Progress | None = None
        match step:
            case Sent():
                answered = self._take(self.occurrence(step))
            case Overridden():
                staff, role = step.by.split(":")
                given = Occurrence(
                    "overridden", "command", self.now, staff, role, override=step.transition, reason=step.reason
                )
                answered = self._take(given)
            case Passed():
                self.now = max(self.now, self.interpreter.case.due or 0.0)
                self._own(DEADLINE_MISSED)
                self.leaving[here] = "deadline"
            case Worked():
                last = step.results[-1]
                self._own(f"{self._work().name}.{'failed' if last == RAISE else last}")
                if last == RAISE:
                    self.leaving[here] = "given up"
            case Swept():
                self._own(DEADLINE_MISSED)
            case Restarted():
                self.restarts.append(here)
                self.happened["restarts"] += 1
        if before is StateKind.SYSTEM and not isinstance(step, Worked) and len(self.visits) > here:
            self._interrupt(here, step)
        self.visits_after.append(len(self.visits))
        decision = answered.decision if answered is not None else None
        moves = answered.moves if answered is not None else ()
        self.answers.append(
            (str(decision.outcome), str(decision.reason), tuple(m.transition for m in moves)) if decision else None
        )

    def _own(self, type: str) -> None:
        progress = self._take(Occurrence(type, f"{type}:{len(self.visits)}", self.now))
        assert progress.moves, f"{type} leads nowhere from {self.interpreter.case.state}"

    def _take(self, occurrence: Occurrence) -> Progress:
        progress = self.interpreter.take(occurrence, self.now)
        decision, moves = progress.decision, progress.moves
        self.full |= len(moves) >= MAX_MOVES
        self.happened[decision.outcome] += 1
        self.happened["overrides"] += decision.reason is Reason.OVERRIDE
        self.happened["checklist items"] += len(decision.done)
        self.happened["deferred events taken"] += len(progress.taken)
        self.happened["several moves at once"] += len(moves) > 1
        on = {transition.id: transition.on for transition in self.course.definition.transitions}
        before = self.visits[-len(moves) - 1].transition if len(self.visits) > len(moves) > 0 else ""
        for move in moves:
            self.happened["deadlines"] += on[move.transition] == DEADLINE_MISSED
            self.happened["deadlines after deadlines"] += on[move.transition] == on.get(before) == DEADLINE_MISSED
            self.happened["checklists completed"] += on[move.transition] == CHECKLIST_COMPLETED
            self.happened["outcomes of work"] += "." in on[move.transition]
            before = move.transition
        return progress

    def _work(self) -> Work:
        work = self.interpreter.machine.states[self.interpreter.case.state or ""].work
        assert work is not None
        return work

    def _interrupt(self, visit: int, step: Step) -> None:
        """The case left a system step that is at work; its result comes late."""
        self.interrupted[len(self.answers)] = visit
        self.happened["late outcomes of work"] += 1
        state = self.interpreter.machine.states[self.visits[visit - 1].target]
        assert state.work is not None
        late = step.late if isinstance(step, (Sent, Overridden, Swept)) else ()
        if late == (RAISE,) and state.work.attempts == 1:
            self.leaving[visit] = "given up"


MUST_HAPPEN = (
    *(str(outcome) for outcome in Outcome if outcome is not Outcome.HELD_EARLY),
    "overrides",
    "checklist items",
    "checklists completed",
    "deferred events taken",
    "several moves at once",
    "deadlines",
    "deadlines after deadlines",
    "outcomes of work",
    "late outcomes of work",
    "restarts",
)
"""What courses are drawn for.

Left out, because neither decisions nor executions do it by themselves: sub-cases, events that wait for their case to open,
merging patients, migration, and handing over a task without leaving the state.
"""


# ── strategies ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def courses(draw: st.DrawFn, longest: int = 12) -> Course:
    """A random workflow at a random facility, and up to so many steps (and a few more, until the case rests)."""
    definition = draw(random_workflows.definitions())
    course = Course(definition, draw(random_workflows.policies()), draw(random_workflows.ROSTERS), ())
    foreseen = Foreseen.begin(course)
    steps: list[Step] = [Sent(OPENING, draw(EVENTS[OPENING]), "P-ONE:A")]
    foreseen.take(steps[0])
    while len(steps) < longest and not foreseen.interpreter.ended:
        steps.append(draw(_step(foreseen)))
        foreseen.take(steps[-1])
    if foreseen.interpreter.ended and draw(st.booleans()):
        after = draw(_sent(foreseen).filter(lambda sent: sent.type != OPENING))
        steps.append(after)
        foreseen.take(after)
    for _ in range(8):
        if not foreseen.urgent and foreseen.kind is not StateKind.SYSTEM:
            break
        steps.append(Passed() if foreseen.urgent else Worked((_work_outcome(foreseen),)))
        foreseen.take(steps[-1])
    assume(not foreseen.urgent and foreseen.kind is not StateKind.SYSTEM and not foreseen.full)
    return replace(course, steps=tuple(steps), stumbles=draw(_stumbles(foreseen)))


def _work_outcome(foreseen: Foreseen) -> str:
    state = foreseen.interpreter.machine.states[foreseen.interpreter.case.state or ""]
    assert state.work is not None
    return state.work.outcomes[0]


def _step(foreseen: Foreseen) -> st.SearchStrategy[Step]:
    if foreseen.urgent:
        return st.just(Passed())
    if foreseen.kind is StateKind.SYSTEM:
        by_others = [_sent(foreseen), _useful(foreseen), st.builds(Swept, _late(foreseen))]
        return st.one_of(*[_worked(foreseen)] * 3, *by_others)
    anything = [_sent(foreseen)] * 6 + [_useful(foreseen)] * 3 + [_overridden(foreseen)] * 2
    return st.one_of([*anything, st.builds(Restarted)] if not foreseen.outdated else anything)


_ACTORS = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(ROLES)).map(":".join)


def _late(foreseen: Foreseen) -> st.SearchStrategy[tuple[str, ...]]:
    if foreseen.kind is not StateKind.SYSTEM:
        return st.just(())
    return st.sampled_from([(_work_outcome(foreseen),), (RAISE,)])


def _sent(foreseen: Foreseen) -> st.SearchStrategy[Sent]:
    return st.sampled_from(sorted(EVENTS)).flatmap(lambda type: _event(foreseen, type))


def _event(foreseen: Foreseen, type: str) -> st.SearchStrategy[Sent]:
    return st.builds(
        Sent,
        st.just(type),
        EVENTS[type],
        st.none() if type in OBSERVATIONS else _ACTORS,
        st.sampled_from([False, False, False, False, True]),
        st.booleans(),
        _late(foreseen),
    )


def _useful(foreseen: Foreseen) -> st.SearchStrategy[Step]:
    """An event that the present state has an arrow or an item for, by somebody who may send it; else any."""
    machine, state = foreseen.interpreter.machine, foreseen.interpreter.case.state
    choices: list[st.SearchStrategy[Step]] = []
    for (source, type), arrows in machine.arrows.items():
        if source == state and type in EVENTS:
            choices += [_by_whom(foreseen, type, arrow.by) for arrow in arrows]
    checklist = machine.checklists.get(state or "")
    for item in checklist.items if checklist is not None else ():
        choices += [_by_whom(foreseen, type, item.by) for type in sorted(item.done_on)]
    return st.one_of(choices) if choices else _sent(foreseen)


def _by_whom(foreseen: Foreseen, type: str, roles: Iterable[str] | None) -> st.SearchStrategy[Step]:
    if type in OBSERVATIONS or roles is None:
        return _event(foreseen, type)
    people = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(sorted(roles))).map(":".join)
    return st.tuples(_event(foreseen, type), people).map(lambda drawn: replace(drawn[0], by=drawn[1]))


def _overridden(foreseen: Foreseen) -> st.SearchStrategy[Step]:
    """A command of somebody who is on shift; where nobody is, an event."""
    on_shift = [f"{staff}:{role}" for staff, roles in sorted(foreseen.course.roster.items()) for role in roles]
    ids = [t.id for t in foreseen.course.definition.transitions if t.override_by]
    if not on_shift or not ids:
        return _sent(foreseen)
    anyhow = st.builds(Overridden, st.sampled_from(ids), st.sampled_from(on_shift))
    taken = [
        Overridden(arrow.id, who)
        for (source, _), arrow in foreseen.interpreter.machine.overrides.items()
        for who in on_shift
        if source == foreseen.interpreter.case.state and who.split(":")[1] in arrow.override_by
    ]
    return st.one_of(anyhow, st.sampled_from(taken), st.sampled_from(taken)) if taken else anyhow


def _worked(foreseen: Foreseen) -> st.SearchStrategy[Step]:
    state = foreseen.interpreter.machine.states[foreseen.interpreter.case.state or ""]
    assert state.work is not None
    outcomes, failed = state.work.outcomes, (RAISE,) * (state.work.attempts - 1)
    at_once = st.sampled_from([(outcome,) for outcome in outcomes])
    at_last = st.sampled_from([(*failed, result) for result in (*outcomes, RAISE)])
    return st.one_of(at_once, at_last, at_last).map(Worked)


@st.composite
def _stumbles(draw: st.DrawFn, foreseen: Foreseen) -> frozenset[tuple[int, str]]:
    """Requests of executions that fail once. A stumble costs up to a second, so there are few."""
    found = set()
    for number, visit in enumerate(foreseen.visits, start=1):
        if foreseen.interpreter.machine.states[visit.target].kind is not StateKind.WAITING:
            continue
        if draw(st.integers(0, 11)) == 7:
            found.add((number, "park"))
        if foreseen.leaving.get(number) == "deadline" and draw(st.integers(0, 3)) == 2:
            found.add((number, "deadline"))
    return frozenset(found)


def drawn(count: int, at: int, *, longest: int = 12) -> list[Course]:
    """Courses of so many different workflows (at most) that Hypothesis makes from a seed, each under a name of its own.

    Those it makes first are the simplest, and are left out.
    """
    found: dict[str, Course] = {}

    @seed(at)
    @settings(
        max_examples=max(count + count // 4, FEWEST_DRAWN),
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(courses(longest))
    def collect(course: Course) -> None:
        found.setdefault(repr(course.definition), course)  # Hypothesis likes to draw some again

    collect()
    return [course.named(f"random{at}x{number}") for number, course in enumerate(list(found.values())[-count:])]


def told(course: Course, steps: Sequence[object] = ()) -> str:
    """A course as a person reads it, to look into a disagreement."""
    lines = [
        f"{course.workflow} at {course.facility}, roster {dict(course.roster)}, stumbles {sorted(course.stumbles)}"
    ]
    lines += [f"  {number}: {step}" for number, step in enumerate(steps or course.steps)]
    lines += [
        f"  {t.id}: {', '.join(t.sources) or '-'} --{t.on}--> {t.target or 'back'}"
        for t in course.definition.transitions
    ]
    return "\n".join(lines)
