"""Reading cases, and the one loop in which every change to a case is tried until it is committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from functions.cases import keys
from functions.cases.outcome import Unplaceable
from functions.cases.ports import Reading, Services
from functions.cases.rows import CaseRow, case_from
from functions.cases.table import Condition, Contention, Item, Key, Test, WriteRefused, read_all
from statemachines.machine import Machine
from statemachines.routing import OnShift

MERGED_INTO = "merged_into"
"""On a correlation's place: the partition of the key where its case, and all that is told of it, has gone."""

JOINS = "joins"
"""On the place of an open case: the partitions of other records' keys that had open cases of their own when they were merged."""

MAX_ATTEMPTS = 60
"""A change that loses the race so often fails as a fault, and its message is delivered again."""

R = TypeVar("R")


class Place(NamedTuple):
    """The correlation's place: its newest case, whether that case is still open, and when it ended (epoch seconds)."""

    case: str
    open: bool
    ended: float | None = None
    """When what ended it happened, not when it was heard of."""
    before: str | None = None
    """The case that had the place before, and with which the newest one does not carry on; ``before_ended`` is when what ended it
    happened.
    """
    before_ended: float | None = None
    joins: tuple[str, ...] = ()
    """The partitions of other records' keys, with which this one's becomes one when its case, or theirs, has ended."""

    @classmethod
    def of(cls, row: Item) -> Place:
        """The place as its row says it."""
        return cls(
            row["case"],
            "closed_at" not in row,
            row.get("ended"),
            row.get("before"),
            row.get("before_ended"),
            tuple(row.get(JOINS, ())),
        )

    def as_read(self) -> tuple[Condition, ...]:
        """That the place still is as it was read: what is written now takes all of it into account."""
        return (
            Condition("case", Test.EQUALS, self.case),
            Condition("closed_at", Test.ABSENT if self.open else Test.EXISTS),
            Condition(MERGED_INTO, Test.ABSENT),
            Condition("before", Test.ABSENT if self.before is None else Test.EQUALS, self.before),
            Condition(JOINS, Test.EQUALS if self.joins else Test.ABSENT, list(self.joins) or None),
        )

    def named_before(self, *, reopened: bool = False) -> Item:
        """What the next place under the key says of the case before it."""
        case, ended = (self.before, self.before_ended) if reopened else (self.case, self.ended)
        return {} if case is None or ended is None else {"before": case, "before_ended": ended}


def find_place(services: Reading, correlation: str) -> Place | None:
    """The newest case of a correlation key, if there ever was one."""
    row = services.table.get(Key(correlation, keys.OPEN))
    return Place.of(row) if row is not None else None


def load_case(services: Reading, case: str) -> CaseRow | None:
    """The case, or None when there is no such case."""
    row = services.table.get(keys.meta(case))
    return case_from(row) if row is not None else None


def machine_of(services: Reading, row: CaseRow) -> Machine:
    """The machine a case runs under: the version and the policy it began with."""
    return services.library.machine(row.workflow, row.version, row.facility, row.policy)


def roster(services: Reading, facility: str) -> list[OnShift]:
    """Everybody on the facility's roster, with the end of their shift."""
    rows: list[Item] = read_all(services.table, keys.staff(facility, "").pk)
    return [OnShift(row["sk"], tuple(row["roles"]), float(row["until"])) for row in rows]


def persist(services: Services, attempt: Callable[[int], R]) -> R:
    """Run ``attempt`` (read, decide, write) until no race is lost. Each try reads and decides anew.

    Raises Contention after MAX_ATTEMPTS.
    """
    for number in range(1, MAX_ATTEMPTS + 1):
        try:
            return attempt(number)
        except (WriteRefused, Contention):
            services.pause(number)
    raise Contention(f"gave up after {MAX_ATTEMPTS} tries")


def machine_for_new(services: Reading, workflow: str, facility: str) -> tuple[Machine, str]:
    """The machine that a new case at the facility begins under, and its policy's version.

    Raises Unplaceable for a facility nobody registered, or one that does not run the workflow.
    """
    active = services.library.active(facility)
    if active is None:
        raise Unplaceable("unknown_facility", "detail.facility", "register the facility, then redrive")
    version = active.workflows.get(workflow)
    if version is None:
        raise Unplaceable("workflow_not_active", "detail.facility", f"the facility does not run {workflow}")
    return services.library.machine(workflow, version, facility, active.policy), active.policy
