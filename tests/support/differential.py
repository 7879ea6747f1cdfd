"""The same course, by the pure interpreter and by executions of the generated state machine: whatever differs is said."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import pytest

from functions.cases import keys
from functions.cases.commands import Command, Person, Refused, override
from functions.cases.facilities import register
from functions.cases.follow import decide_overdue
from functions.cases.intake import take_in
from functions.cases.outcome import Placed
from functions.cases.ports import Services
from functions.cases.rows import DONE, CaseRow
from functions.cases.store import load_case
from functions.cases.sweep import Mended, mend
from functions.cases.table import Item, Key, read_all
from statemachines.definition import StateKind
from tests.support.interpreter import Task, Visited
from tests.support.random_courses import (
    MUST_HAPPEN,
    Course,
    Foreseen,
    Overridden,
    Passed,
    Restarted,
    Sent,
    Step,
    Swept,
    Worked,
    drawn,
    told,
)
from tests.support.scripted import dismiss, has_begun, let_stumble, looks, store_definition, tell
from tests.support.world import message

PATIENCE_SECONDS = 40.0
"""How long something that must happen may take on a busy machine, before its absence is a disagreement."""
CHUNK = 60
"""Hypothesis draws so many at a time; of more in one go, more are alike."""
MOST_DRAWS = 4
"""How many times as many are drawn at most, where a stage cannot run all of them."""
ENDED_BADLY = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


class Trail(NamedTuple):
    """What an execution did: its status, and the states of its machine in the order in which it entered them."""

    status: str
    states: list[str]


class Stage(Protocol):
    """Where executions of state machines run."""

    def deploy(self, course: Course) -> Services:
        """Deploy the course's state machine, and give what use cases need there."""

    def trail(self, course: Course, row: CaseRow) -> Trail:
        """What the case's execution did so far."""

    def stop(self, course: Course, row: CaseRow) -> None:
        """End the case's execution; nobody needs it any more."""


class Disagreement(Exception):
    """Something came differently than the interpreter foresaw."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What was compared, and where the two differ."""

    course: Course
    differences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([told(self.course), *(f"  ! {difference}" for difference in self.differences)])


def compare(stage: Stage, course: Course, *, patience: float = PATIENCE_SECONDS) -> Compared:
    """Let a course happen on a stage and compare it with what the interpreter foresees."""
    foreseen = Foreseen.of(course)
    player = _Player(stage, course, foreseen, patience)
    try:
        player.play()
        found = player.differences()
    except Disagreement as disagreement:
        found = [str(disagreement)]
    finally:
        player.stop()
    return Compared(course, tuple(found))


def compare_all(
    stage: Stage, courses: Iterable[Course], *, at_once: int = 6, patience: float = PATIENCE_SECONDS
) -> list[Compared]:
    """Compare many courses, several at a time.

    What disagrees is compared once more, by itself: deadlines of a second pass by real time, and on a busy machine one may pass
    before the event that the course has next. What a compiler or an interpreter does wrong, it does again.
    """
    with ThreadPoolExecutor(at_once) as pool:
        found = list(pool.map(lambda course: compare(stage, course, patience=patience), courses))
    return [_again(stage, each.course, patience) if each.differences else each for each in found]


def _again(stage: Stage, course: Course, patience: float) -> Compared:
    return compare(stage, course.named(f"{course.workflow}-again"), patience=patience)


@dataclass(slots=True)
class Tally:
    """How much was compared on a stage, and what disagreed."""

    stage: str
    seed: int
    compared: list[Compared] = field(default_factory=list)

    def draw(self, total: int, *, runs: Callable[[Course], bool] = lambda _: True) -> Iterator[list[Course]]:
        """So many courses in all that the stage can run, a few at a time."""
        left = total
        for number in range(MOST_DRAWS * -(-total // CHUNK)):
            found = [course for course in drawn(min(CHUNK, 2 * left), self.seed + number) if runs(course)][-left:]
            yield found
            left -= len(found)
            if left == 0:
                return

    @property
    def disagreements(self) -> list[Compared]:
        """Those that disagree."""
        return [each for each in self.compared if each.differences]

    def tell(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Say how much it was, whether or not the test that did it passes."""
        definitions = {repr(each.course.definition.model_copy(update={"workflow": ""})) for each in self.compared}
        steps = sum(len(each.course.steps) for each in self.compared)
        foreseen = [Foreseen.of(each.course) for each in self.compared]
        happened = sum((each.happened for each in foreseen), Counter[str]())
        tasks = sum(len(each.tasks) for each in foreseen)
        visits = sum(len(each.visits) for each in foreseen)
        line = (
            f"\n  {self.stage}: {len(definitions)} workflows, {len(self.compared)} courses, "
            f"{steps} steps, {visits} state entries, {tasks} tasks, "
            f"{len(self.disagreements)} disagreements (BATON_SEED={self.seed})\n"
            f"    of these: {', '.join(f'{happened[what]} {what}' for what in MUST_HAPPEN)}"
        )
        with capsys.disabled():
            print(line)


def how_many(every_day: int) -> int:
    """How many courses a run compares: as the environment says, else as many as every run can afford."""
    return int(os.environ.get("BATON_WORKFLOWS", str(every_day)))


def time_limit_seconds(courses: int) -> float:
    """How long a test may take that compares so many."""
    return 300.0 + 5 * courses


def seed_of_this_run() -> int:
    """The seed that the environment names, else one that nobody has drawn before."""
    named = os.environ.get("BATON_SEED")
    return int(named) if named is not None else secrets.randbelow(10**9)


class _Nobody:
    """There is no EMR here that could be behind."""

    def ask(self, case: str, entry: str) -> None:
        """See Mirrors.ask."""

    def check(self, case: str, entry: str) -> None:
        """See Mirrors.check."""


class _Player:
    def __init__(self, stage: Stage, course: Course, foreseen: Foreseen, patience: float) -> None:
        self.stage, self.course, self.foreseen, self.patience = stage, course, foreseen, patience
        self.services = stage.deploy(course)
        self.table = self.services.table
        store_definition(self.table, course.definition)
        register(self.table, course.policy, {course.workflow: course.definition.version}, [course.definition])
        self._on_shift()
        for visit, action in sorted(course.stumbles):
            let_stumble(self.table, course.case, visit, action)

    def _on_shift(self) -> None:
        now = self.services.now()
        until = datetime.fromtimestamp(now + 365 * 24 * 3600.0, UTC).isoformat()
        for number, (staff, roles) in enumerate(sorted(self.course.roster.items())):
            data: dict[str, Any] = {"staff_id": staff, "roles": list(roles), "until": until}
            id = f"{self.course.workflow}-shift-{number}"
            raw = message("shift_started", at=now, id=id, encounter="", facility=self.course.facility, **data)
            assert isinstance(take_in(self.services, raw), list), "the roster is in quarantine"

    # ── playing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def play(self) -> None:
        """Let every step happen. Raises Disagreement at the first that comes differently."""
        for place, step in enumerate(self.course.steps):
            if place and self._must_wait(place, step):
                self._caught_up(self.foreseen.visits_after[place - 1])
            self._let_happen(place, step)
        self._caught_up(self.foreseen.visits_after[-1])

    def _must_wait(self, place: int, step: Step) -> bool:
        """A system step is at work before anything else happens to it; a waiting state need not be parked."""
        return self._kind(self.foreseen.visits_after[place - 1]) is StateKind.SYSTEM or not (
            isinstance(step, Passed) or (isinstance(step, Sent) and step.at_once)
        )

    def _let_happen(self, place: int, step: Step) -> None:
        before = self.foreseen.visits_after[place - 1] if place else 0
        match step:
            case Sent():
                self._answered(place, self._send(place, step))
            case Overridden():
                self._answered(place, self._override(place, step))
            case Worked():
                tell(self.table, self.course.case, before, step.results)
            case Swept():
                decide_overdue(self.services, self._row())
            case Passed():
                pass  # nobody does anything: the timer is running
            case Restarted():
                self.stage.stop(self.course, self._row())
                looked = mend(self.services, self.course.case, _Nobody())
                if looked.mended is not Mended.RESTARTED:
                    raise Disagreement(f"step {place}: the sweep found {looked.mended}")
        if (left := self.foreseen.interrupted.get(place)) is not None:
            tell(self.table, self.course.case, left, self._late(left, step))
        wanted = self.foreseen.visits_after[place]
        self._until(lambda: self._row().visit >= wanted, f"step {place} leads to visit {wanted}")

    def _late(self, visit: int, step: Step) -> Sequence[str]:
        work = self.course.definition.state(self.foreseen.visits[visit - 1].target).work
        assert work is not None
        return getattr(step, "late", ()) or work.outcomes[:1]

    def _send(self, place: int, step: Sent) -> tuple[str, str, tuple[str, ...]]:
        raw = self.course.raw(place, step, self.services.now())
        placed = take_in(self.services, raw)
        if not isinstance(placed, list):
            raise Disagreement(f"step {place} is in quarantine: {placed.reason} at {placed.where}")
        (only,) = placed
        assert isinstance(only, Placed)
        return str(only.outcome), only.reason, only.transitions

    def _override(self, place: int, step: Overridden) -> tuple[str, str, tuple[str, ...]]:
        staff, role = step.by.split(":")
        before = self._row().visit
        command = Command(f"{self.course.workflow}-{place}", self.course.case, Person(staff, role))
        try:
            override(self.services, command, transition=step.transition, reason=step.reason)
        except Refused as refused:
            return "refused", refused.reason, ()
        taken = tuple(v.transition for v in self._visits()[before:])
        return "moved", "override", taken

    def _answered(self, place: int, answer: tuple[str, str, tuple[str, ...]]) -> None:
        if answer != self.foreseen.answers[place]:
            raise Disagreement(f"step {place} was answered {answer}, foreseen is {self.foreseen.answers[place]}")

    # ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _caught_up(self, visit: int) -> None:
        """Wait until the execution is where the case is: parked, at work, or at its end."""

        def there() -> bool:
            row = self._row()
            match self._kind(visit):
                case StateKind.WAITING:
                    return row.parked_visit == visit  # 0 as long as only an earlier generation was parked
                case StateKind.SYSTEM:
                    return has_begun(self.table, self.course.case, visit)
                case _:
                    return self.stage.trail(self.course, row).status != "RUNNING"

        where = self.foreseen.visits[visit - 1].target
        self._until(there, f"the execution comes to visit {visit} in {where}")

    def _until(self, there: Callable[[], bool], what: str) -> None:
        trail: Trail | None = None
        for looked, _ in enumerate(looks(self.patience)):
            if there():
                return
            if looked % 5 == 4 and (row := load_case(self.services, self.course.case)) is not None:
                trail = self.stage.trail(self.course, row)
                if trail.status in ENDED_BADLY:
                    break  # it cannot come there any more
        raise Disagreement(f"it does not happen that {what}; execution: {trail}; foreseen {self.foreseen.trail}")

    def _kind(self, visit: int) -> StateKind:
        return self.course.definition.state(self.foreseen.visits[visit - 1].target).kind

    def _row(self) -> CaseRow:
        row = load_case(self.services, self.course.case)
        if row is None:
            raise Disagreement(f"there is no case {self.course.case}")
        return row

    # ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def differences(self) -> list[str]:
        """What is not as foreseen when all has happened."""
        row, case = self._row(), self.foreseen.interpreter.case
        trail = self.stage.trail(self.course, row)
        pairs: list[tuple[str, object, object]] = [
            ("visits", self._visits(), self.foreseen.visits),
            ("tasks", self._tasks(), self.foreseen.tasks),
            ("execution", trail.states, self.foreseen.trail),
            ("status", trail.status, self.foreseen.status),
            ("state", row.case.state, case.state),
            ("done", row.case.done, case.done),
            ("roles", (row.case.accountable_role, dict(row.case.item_roles)), (case.accountable_role, dict(case.item_roles))),
            ("performers", dict(row.case.performers), dict(case.performers)),
            ("parameters", dict(row.case.patient_parameters), dict(case.patient_parameters)),
            ("deferred", [e.id for e in row.case.deferred], [e.id for e in case.deferred]),
            ("facts", _values(row), {n: (k.value, k.previous) for n, k in case.facts.items()}),
        ]  # fmt: skip
        return [f"{what}: {found}, foreseen {wanted}" for what, found, wanted in pairs if found != wanted]

    def _visits(self) -> list[Visited]:
        rows = read_all(self.table, keys.case_pk(self.course.case), "V#")
        return [Visited(row["transition"], row.get("from"), row["to"]) for row in rows]

    def _tasks(self) -> dict[Task, bool]:
        rows = read_all(self.table, keys.case_pk(self.course.case), "TASK#")
        return {_task(row): row["status"] != DONE for row in rows}

    def stop(self) -> None:
        """Leave nothing running."""
        row = load_case(self.services, self.course.case)
        if row is None:
            return
        dismiss(self.table, self.course.case)
        self.stage.stop(self.course, row)


def _values(row: CaseRow) -> dict[str, tuple[object, object]]:
    return {name: (known.value, known.previous) for name, known in row.case.facts.items()}


def _task(row: Item) -> Task:
    number = int(Key(row["pk"], row["sk"]).sk.split("#")[1])
    return Task(number, row.get("item"), row["state"], row["role"], row.get("person"))
