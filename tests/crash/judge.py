"""What must hold once everything has come to rest, and what must be the same as if nobody had died."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, NamedTuple

from functions.cases import keys, wiring
from functions.cases.journal import Kind
from functions.cases.rows import DONE, CaseRow
from functions.cases.table import Item, Key, read_all
from functions.emr.device_request import is_open
from functions.emr.identifiers import task_identifier
from functions.emr.task import task_differs
from functions.relay.measures import measures_of
from functions.writeback.mirror import mirror_of
from statemachines import published
from statemachines.decide import Outcome
from tests.crash.hospital import FACILITY, Hospital
from tests.support import invariants
from tests.support.world import World

FOLLOWERS = frozenset({Kind.REPAIRED, "continued"})
"""Entries about executions: how often they had to be replaced is no part of a case's course."""
TIMES = frozenset(
    {"at", "hash", "due", "occurred_at", "waited_seconds", "seq", "routing", "prev", "previous", "decided_by"}
)
"""What may differ in a journal entry when something came later."""


class Looker(World):
    """The hospital as the invariants look at a world."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self.now = hospital.now
        self.table = hospital.table
        self.services = wiring.services()
        executions = {}
        for execution in hospital.states.executions.values():
            case, _, generation = execution.name.rpartition("-")
            executions[case, int(generation)] = execution
        self.following: Any = SimpleNamespace(executions=executions)

    def cases(self, facility: str = FACILITY) -> list[CaseRow]:
        """See World.cases."""
        return self.hospital.cases() if facility == FACILITY else []

    def tasks(self, case: str) -> list[Item]:
        """The tasks of the states themselves; those of checklists are looked at on their own."""
        return [task for task in self.all_tasks(case) if "item" not in task]

    def followed(self, case: str) -> list[str]:
        """See World.followed; a visit that two generations made counts once."""
        path: list[str] = []
        last = 0
        for (id, _), execution in sorted(self.following.executions.items()):
            for visit, state in zip(execution.visits, execution.path, strict=True):
                if id == case and visit > last:
                    path.append(state)
                    last = visit
        return path

    def all_tasks(self, case: str) -> list[Item]:
        """Every task of a case."""
        return read_all(self.table, keys.case_pk(case), "TASK#")


def violations(hospital: Hospital) -> list[str]:
    """Everything that is wrong. Empty when nothing is."""
    world = Looker(hospital)
    found = invariants.violations(world)
    for row in world.cases():
        name = f"{row.workflow}: "
        found += [name + fault for fault in (*_items(world, row), *_mirrored(hospital, row), *_told(hospital, row))]
    found += _answered(world) + _queues(hospital) + _measured(hospital) + _outcomes(world)
    return found + _documents(hospital) + _orders(hospital)


def _items(world: Looker, row: CaseRow) -> Iterator[str]:
    """I1 for a checklist: each open item of the case row has its one open task, and no other is open."""
    open_rows = Counter(task["item"] for task in world.all_tasks(row.id) if "item" in task and task["status"] != DONE)
    if open_rows != Counter(task.item for task in row.items):
        yield f"open items are {dict(open_rows)}, the case row names {[task.item for task in row.items]}"


def _mirrored(hospital: Hospital, row: CaseRow) -> Iterator[str]:
    """I5, I3: the EMR has one Task of the case, and it says what the case says."""
    identifier = task_identifier(row.id)
    ours = [
        t
        for t in hospital.emr.all("Task")
        if {"system": identifier.system, "value": identifier.value} in t["identifier"]
    ]
    if len(ours) != 1:
        yield f"the EMR has {len(ours)} Tasks of the case"
    mirror = mirror_of(row, published.published(row.workflow, row.version))
    for task in ours:
        if mirror is None or task_differs(task, mirror):
            yield f"the EMR says {task['status']}, the case is in {row.state}"
    shown = hospital.table.get(keys.mirror(row.id, "emr")) or {}
    if shown.get("shown") != row.seq:
        yield f"noted as shown up to {shown.get('shown')}, the journal ends with {row.seq}"


def _told(hospital: Hospital, row: CaseRow) -> Iterator[str]:
    """I5: every journal entry has been announced."""
    said = {(d["case"], d["seq"]) for d in (json.loads(e["Detail"]) for e in hospital.announced) if "case" in d}
    missing = [n for n in range(1, row.seq + 1) if (row.id, n) not in said]
    if missing:
        yield f"journal entries {missing} were never announced"


def _documents(hospital: Hospital) -> list[str]:
    """I3: nothing is filed twice."""
    valid = [d for d in hospital.emr.all("DocumentReference") if d["status"] != "entered-in-error"]
    same = Counter(json.dumps(d["identifier"], sort_keys=True) for d in valid)
    return [f"{n} documents of one identity" for n in same.values() if n > 1]


def _orders(hospital: Hospital) -> list[str]:
    """I3: nothing is ordered twice."""
    valid = [o for o in hospital.emr.all("DeviceRequest") if is_open(o)]
    same = Counter(json.dumps(o["identifier"], sort_keys=True) for o in valid)
    return [f"{n} open orders of one number" for n in same.values() if n > 1]


def _answered(world: Looker) -> list[str]:
    """I2: every message has one outcome in each workflow that knows its type, or is in quarantine; nothing waits for what is there."""
    hospital, services, found = world.hospital, world.services, []
    outcomes = set(Outcome)
    for raw in hospital.sent:
        key = services.keys.quarantine(raw.encode())
        if hospital.table.get(key) is not None:
            continue
        try:
            detail = json.loads(raw)["detail"]
        except ValueError:
            found.append("a message nobody can read is in no quarantine")
            continue
        for workflow in services.library.workflows_for(detail["type"]) or ("roster",):
            mark = hospital.table.get(services.keys.mark(detail["facility"], detail["event_id"], workflow))
            if mark is None or mark["outcome"] not in outcomes or not mark["reason"]:
                found.append(f"{detail['type']} {detail['event_id']} has no answer in {workflow}: {mark}")
    for row in hospital.table.rows():
        if row["sk"].startswith("EARLY#"):
            place = hospital.table.get(Key(row["pk"], keys.OPEN))
            if place is not None and "closed_at" not in place:
                found.append("an event waits for a case that is open")
    return found


def _queues(hospital: Hospital) -> list[str]:
    """Nothing is left lying, and nothing was given up."""
    found = [f"{len(q.dead)} dead letters in {q.name}" for q in _all(hospital) if q.dead]
    found += [f"{len(q.messages)} messages left in {q.name}" for q in _all(hospital) if q.messages]
    stream = hospital.table.stream
    return found + ([] if stream.checkpoint == len(stream.rows) else ["the stream was not read to its end"])


def _all(hospital: Hospital) -> tuple[Any, ...]:
    return hospital.events, hospital.wakings, hospital.writebacks


def _measured(hospital: Hospital) -> list[str]:
    """I5: what was counted is at least what the journal says; it may be more by what was delivered again."""
    counted: Counter[tuple[Any, ...]] = Counter()
    for m in hospital.measures:
        counted[m.name, tuple(sorted(m.dimensions.items()))] += 1
    wanted: Counter[tuple[Any, ...]] = Counter()
    for row in hospital.table.rows():
        if row["sk"].startswith("J#"):
            for m in measures_of(row):
                wanted[m.name, tuple(sorted(m.dimensions.items()))] += 1
    return [
        f"{name} counted {counted[name]} times, the journal has it {n} times"
        for name, n in wanted.items()
        if counted[name] < n
    ]


def _outcomes(world: Looker) -> list[str]:
    """I2: every event is counted by its outcome in each workflow that took it; if quarantined, as that, and not when redriven."""
    counted: Counter[tuple[str, str]] = Counter()
    for m in world.hospital.measures:
        if m.name.startswith("Outcome_"):
            counted[m.dimensions["workflow"], m.dimensions["facility"]] += 1
    marked = set()
    for raw in world.hospital.sent:
        if world.hospital.table.get(world.services.keys.quarantine(raw.encode())) is not None:
            continue
        with suppress(ValueError):
            detail = json.loads(raw)["detail"]
            for workflow in world.services.library.workflows_for(detail["type"]) or ("roster",):
                mark = world.services.keys.mark(detail["facility"], detail["event_id"], workflow)
                if world.hospital.table.get(mark) is not None:
                    marked.add((workflow, detail["facility"], mark))
    return [
        f"{n} events of {workflow} at {facility}, {counted[workflow, facility]} outcomes counted"
        for (workflow, facility), n in Counter(each[:2] for each in marked).items()
        if counted[workflow, facility] < n
    ]


# ── when to stop watching ────────────────────────────────────────────────────────────────────────────────────────────────

LATE_SECONDS = 180.0
"""How much later a deadline may be decided because something died: its own timer's grace, the sweep's minute, and some."""


def falls_due_about_now(hospital: Hospital) -> bool:
    """Whether a deadline has just been decided, or is about to be: who stops watching now sees it or not by mere chance."""
    return any(
        row.case.entered > hospital.now - LATE_SECONDS
        or (row.case.due is not None and row.case.due < hospital.now + LATE_SECONDS)
        for row in hospital.cases()
    )


# ── the same as if nobody had died ───────────────────────────────────────────────────────────────────────────────────────


class End(NamedTuple):
    """How a run ended, without times, repairs, and counts of attempts."""

    courses: Mapping[str, Any]
    marks: Mapping[str, Any]
    kept: Mapping[str, Any]
    emr: Mapping[str, Any]

    def at_rest(self) -> End:
        """Where the cases stand, what was kept and what the EMR has, whatever way led there."""
        resting = {name: it for name, it in self.courses.items() if name.endswith((" rest", " facts"))}
        return End(resting, {}, self.kept, self.emr)

    def differs(self, other: End) -> list[str]:
        """Where another end is not this one."""
        found = []
        for name, mine, theirs in zip(self._fields, self, other, strict=True):
            found += [
                f"{name} {key}: {theirs.get(key)!r}, without a crash {mine.get(key)!r}"
                for key in sorted({*mine, *theirs})
                if mine.get(key) != theirs.get(key)
            ]
        return found


def end_of(hospital: Hospital) -> End:
    """How a run ended."""
    courses: dict[str, Any] = {}
    marks: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for row in hospital.cases():
        name = f"{row.workflow} {row.id[:6]}"
        journal = read_all(hospital.table, keys.case_pk(row.id), "J#")
        for number, entry in enumerate(e for e in journal if e["kind"] not in FOLLOWERS):
            courses[f"{name} {number}"] = {k: v for k, v in entry.items() if k not in TIMES | {"sk", "pk"}}
        courses[f"{name} facts"] = {k: known.value for k, known in row.case.facts.items()}
        courses[f"{name} rest"] = (
            row.state,
            [t.owner for t in row.tasks],
            [d.id for d in row.case.deferred],
            row.patient,
        )
    for item in hospital.table.rows():
        if item["pk"].startswith("EVENT#"):
            marks[f"{item['pk']} {item['sk']}"] = (item["outcome"], item["reason"], item.get("case"))
        elif item["pk"].startswith("QUARANTINE#"):
            kept[item["sk"]] = (item.get("reason"), item["body"])
        elif item["sk"].startswith("EARLY#"):
            kept[item["sk"]] = "waits"
        elif item["pk"].startswith("STAFF#"):
            kept[item["sk"]] = item["roles"]
    emr: dict[str, list[str]] = {}
    for (kind, _), found in hospital.emr.resources.items():
        emr.setdefault(f"{kind} {json.dumps(found['identifier'], sort_keys=True)}", []).append(found["status"])
    return End(courses, marks, kept, {name: sorted(statuses) for name, statuses in emr.items()})
