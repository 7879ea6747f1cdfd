"""The case row and what hangs on it, as typed values and as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple

from functions.cases import keys
from functions.cases.table import Item
from statemachines.case import Case, Occurrence
from statemachines.expressions import Known


class Park(NamedTuple):
    """Where an execution waits: the order of its attempt and the token that wakes it."""

    generation: int
    visit: int
    entry: int
    attempt: int
    token: str

    @property
    def order(self) -> str:
        """Sorts as text in the order in which attempts were made."""
        return f"{self.generation:06d}.{self.visit:06d}.{self.entry:04d}.{self.attempt:03d}"


class OpenTask(NamedTuple):
    """An open step of a case: who is accountable, and whether a person has claimed it. ``item`` names a checklist's item.

    ``since`` is when the present owner got it, ``opened_at`` when the step began; both in epoch seconds.
    """

    number: int
    role: str
    person: str | None
    status: str
    since: float
    opened_at: float
    item: str | None = None

    @property
    def owner(self) -> str:
        """The one accountable owner: the person who claimed it, else the role."""
        return self.person if self.status == CLAIMED and self.person else self.role


class Parent(NamedTuple):
    """The case that opened this one, and the visit with which it came to the state where it waits for it."""

    case: str
    visit: int


OFFERED = "offered"
CLAIMED = "claimed"
DONE = "done"


@dataclass(frozen=True, slots=True)
class CaseRow:
    """The case row, read or about to be written. ``resumed_at`` is the visit at which this generation's execution begins.

    ``arrived`` is the visit with which the case came to its present state from another one: waiting in the same place
    goes on under a new ``visit``. ``moved_at`` is when its newest visit was committed (epoch seconds), ``followed_since`` when
    this generation began (epoch seconds; 0: with the case), ``rewaits`` how many of its waits were resumed,
    ``repairs`` how many generations replaced one that had failed. ``checked_at`` is when the sweep last had the EMR looked at as a
    whole. ``group`` is the partition that names every open case of the workflow in this one's encounter; None where an encounter
    has no more than one. ``earlier`` is the ended case that this one re-opened.
    """

    id: str
    facility: str
    workflow: str
    version: int
    policy: str
    correlation: str
    patient: str | None
    encounter: str | None
    opened_at: float
    case: Case
    rev: int = 0
    seq: int = 0
    visit: int = 0
    arrived: int = 0
    generation: int = 1
    resumed_at: int = 1
    followed_since: float = 0.0
    rewaits: int = 0
    repairs: int = 0
    journal_hash: str = ""
    task: OpenTask | None = None
    items: tuple[OpenTask, ...] = ()
    park: Park | None = None
    parent: Parent | None = None
    merged_at: float = 0.0
    moved_at: float = 0.0
    ended_at: float | None = None
    checked_at: float = 0.0
    group: str | None = None
    earlier: str | None = None

    @property
    def tasks(self) -> tuple[OpenTask, ...]:
        """Every open task: the state's own, and those of its checklist."""
        return ((self.task,) if self.task is not None else ()) + self.items

    @property
    def state(self) -> str:
        """The present state. Raises ValueError for a case that is not open yet."""
        if self.case.state is None:
            raise ValueError("the case is not open")
        return self.case.state

    @property
    def parked_visit(self) -> int:
        """The visit whose execution state waits for a signal; 0 when none ever did in this generation."""
        return self.park.visit if self.park is not None and self.park.generation == self.generation else 0


def _task(task: Mapping[str, Any]) -> OpenTask:
    return OpenTask(
        task["number"],
        task["role"],
        task.get("person"),
        task["status"],
        float(task["since"]),
        float(task["opened_at"]),
        task.get("item"),
    )


def _task_item(task: OpenTask) -> dict[str, Any]:
    return {name: value for name, value in task._asdict().items() if value is not None}


def case_from(row: Item) -> CaseRow:
    """The case row as DynamoDB holds it."""
    task, park = row.get("task"), row.get("park")
    return CaseRow(
        id=row["pk"].removeprefix("CASE#"),
        facility=row["facility"],
        workflow=row["workflow"],
        version=int(row["version"]),
        policy=row["policy"],
        correlation=row["correlation"],
        patient=row.get("patient"),
        encounter=row.get("encounter"),
        opened_at=float(row["opened_at"]),
        case=Case(
            state=row["state"],
            facts={name: Known(*known) for name, known in row["facts"].items()},
            patient_parameters=row["patient_parameters"],
            patient_parameters_at=row["patient_parameters_at"],
            entered=float(row["entered"]),
            due=row.get("due"),
            accountable_role=task["role"] if task else None,
            performers=row["performers"],
            deferred=tuple(map(occurrence_from, row["deferred"])),
            done=frozenset(row.get("done", ())),
            item_roles={item["item"]: item["role"] for item in row.get("items", ())},
        ),
        rev=int(row["rev"]),
        seq=int(row["seq"]),
        visit=int(row["visit"]),
        arrived=int(row["arrived"] if "arrived" in row else row["visit"]),
        generation=int(row["generation"]),
        resumed_at=int(row["resumed_at"]),
        followed_since=float(row.get("followed_since", 0.0)),
        rewaits=int(row.get("rewaits", 0)),
        repairs=int(row.get("repairs", 0)),
        journal_hash=row["journal_hash"],
        task=_task(task) if task else None,
        items=tuple(map(_task, row.get("items", ()))),
        merged_at=float(row.get("merged_at", 0.0)),
        moved_at=float(row.get("moved_at", 0.0)),
        parent=Parent(**row["parent"]) if row.get("parent") else None,
        park=Park(**park) if park else None,
        ended_at=row.get("ended_at"),
        checked_at=float(row.get("checked_at", 0.0)),
        group=row.get("group"),
        earlier=row.get("earlier"),
    )


def case_attributes(row: CaseRow) -> dict[str, Any]:
    """What a commit sets on the case row: everything but its keys, its lock and its parked token."""
    case = row.case
    return {
        "facility": row.facility,
        "workflow": row.workflow,
        "version": row.version,
        "policy": row.policy,
        "correlation": row.correlation,
        "group": row.group,
        "earlier": row.earlier,
        "patient": row.patient,
        "encounter": row.encounter,
        "opened_at": row.opened_at,
        "facility_cases": row.facility,
        "state": row.state,
        "facts": {name: list(known) for name, known in case.facts.items()},
        "patient_parameters": dict(case.patient_parameters),
        "patient_parameters_at": dict(case.patient_parameters_at),
        "entered": case.entered,
        "due": case.due,
        "performers": dict(case.performers),
        "deferred": [occurrence_item(held) for held in case.deferred],
        "seq": row.seq,
        "visit": row.visit,
        "arrived": row.arrived,
        "generation": row.generation,
        "resumed_at": row.resumed_at,
        "followed_since": row.followed_since or None,
        "rewaits": row.rewaits or None,
        "repairs": row.repairs or None,
        "journal_hash": row.journal_hash,
        "merged_at": row.merged_at or None,
        "moved_at": row.moved_at or None,
        "done": sorted(case.done) or None,
        "task": _task_item(row.task) if row.task else None,
        "items": [_task_item(item) for item in row.items] or None,
        "parent": row.parent._asdict() if row.parent else None,
        "ended_at": row.ended_at,
    }


def occurrence_item(event: Occurrence) -> dict[str, Any]:
    """A deferred event as the case row keeps it."""
    return {
        "type": event.type,
        "id": event.id,
        "at": event.at,
        "actor_id": event.actor_id,
        "actor_role": event.actor_role,
        "values": dict(event.values),
    }


def occurrence_from(item: Mapping[str, Any]) -> Occurrence:
    """A deferred event as decisions see it."""
    return Occurrence(**{**item, "at": float(item["at"])})


@dataclass(frozen=True, slots=True)
class Visit:
    """A state entry; what the execution follows.

    ``happened`` is when what moved the case happened. It is entered then, or when the state before it was, if that is later:
    Baton's own clock may have had a part in that one.
    """

    case: str
    number: int
    generation: int
    transition: str
    source: str | None
    target: str
    entered: float
    due: float | None
    happened: float

    def item(self) -> Item:
        """As a row."""
        key = keys.visit(self.case, self.number)
        item = {
            "pk": key.pk,
            "sk": key.sk,
            "visit": self.number,
            "generation": self.generation,
            "transition": self.transition,
            "from": self.source,
            "to": self.target,
            "entered": self.entered,
            "due": self.due,
            "happened": self.happened,
        }
        return {name: value for name, value in item.items() if value is not None}


def visit_from(row: Item) -> Visit:
    """A state entry as DynamoDB holds it."""
    return Visit(
        case=row["pk"].removeprefix("CASE#"),
        number=row["visit"],
        generation=row["generation"],
        transition=row["transition"],
        source=row.get("from"),
        target=row["to"],
        entered=float(row["entered"]),
        due=row.get("due"),
        happened=float(row["happened" if "happened" in row else "entered"]),
    )


def signal(
    visit: Visit, generation: int, now: float, *, entry: int = 0, transition: str | None = None
) -> dict[str, Any]:
    """The execution's next input: ids and seconds, nothing else. The wait is what is left until the absolute deadline."""
    left = 60.0 if visit.due is None else visit.due - now
    return {
        "case": visit.case,
        "generation": generation,
        "visit": visit.number,
        "entry": entry,
        "transition": transition or visit.transition,
        "state": visit.target,
        "timeout": max(1, min(99_999_999, int(-(-left // 1)))),
    }


SUPERSEDED = "superseded"


def superseded(row: CaseRow, generation: int, visit: int) -> dict[str, Any]:
    """What an execution of an older generation is told: end, another one follows this case now."""
    return {
        "case": row.id,
        "generation": generation,
        "visit": visit,
        "entry": 0,
        "transition": SUPERSEDED,
        "state": row.state,
        "timeout": 1,
    }


_NAMES = tuple(field.name for field in fields(CaseRow))
_values = attrgetter(*_NAMES)


def moved_on(row: CaseRow, **changes: Any) -> CaseRow:
    """The row with changes."""
    # As dataclasses.replace does, which goes through the fields one by one: a commit makes a dozen rows on its way.
    values = dict(zip(_NAMES, _values(row), strict=True))
    values.update(changes)
    return CaseRow(**values)
