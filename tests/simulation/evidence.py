"""What a run left behind, as plain values that the invariants judge."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from functions.cases import keys
from functions.cases.rows import CaseRow, case_from
from functions.cases.table import Item, Key
from functions.emr.mirror import TaskMirror
from functions.writeback.mirror import mirror_of
from statemachines.machine import Machine
from tests.simulation.executions import Entered
from tests.simulation.hospital import Hospital
from tests.simulation.story import Given
from tests.simulation.table import Commit


class ExecutionSeen(NamedTuple):
    """An execution of a case: its generation, how it ended, what it visited, and when its wait is over."""

    generation: int
    status: str
    path: tuple[Entered, ...]
    fires_at: float | None
    unheard: bool = False
    """It ended other than by finishing, and no event told of it."""


@dataclass(frozen=True, slots=True)
class CaseSeen:
    """One case, with all that hangs on it."""

    row: CaseRow
    meta: Item
    journal: Sequence[Item]
    visits: Sequence[Item]
    tasks: Sequence[Item]
    executions: Sequence[ExecutionSeen]
    machine: Machine
    commits: Sequence[Commit]
    mirror: TaskMirror | None
    shown: int
    under_way: bool
    """It is not known yet what became of a system step."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything there is when a run has come to rest. ``marks`` by (pk, sk); ``sent`` are the messages as delivered.

    ``given_up`` are the marks of events that waited for their case in vain.
    """

    now: float
    cases: Sequence[CaseSeen]
    places: Mapping[str, Item]
    marks: Mapping[tuple[str, str], Item]
    early: Mapping[str, Item]
    quarantined: Mapping[str, Item]
    given_up: Collection[Key]
    sent: Sequence[str]
    given: Mapping[str, Given]
    emr_tasks: Sequence[Mapping[str, Any]]
    emr_documents: Sequence[Mapping[str, Any]]
    emr_orders: Sequence[Mapping[str, Any]]
    emr_notes: Mapping[str, int]
    counted: Mapping[tuple[str, tuple[tuple[str, str], ...]], int]
    relay_lost: Sequence[Item]
    outside: Sequence[str]
    unexpected: Sequence[str]


def gathered(hospital: Hospital) -> Evidence:
    """The evidence of a run."""
    metas: list[Item] = []
    journals: dict[str, list[Item]] = {}
    visits: dict[str, list[Item]] = {}
    tasks: dict[str, list[Item]] = {}
    shown: dict[str, int] = {}
    places: dict[str, Item] = {}
    marks: dict[tuple[str, str], Item] = {}
    early: dict[str, Item] = {}
    quarantined: dict[str, Item] = {}
    under_way: set[str] = set()
    for (pk, sk), row in hospital.table.memory.snapshot().items():
        kind = pk.partition("#")[0]
        if kind == "CASE":
            if sk == keys.META:
                metas.append(row)
            elif sk.startswith("J#"):
                journals.setdefault(pk, []).append(row)
            elif sk.startswith("V#"):
                visits.setdefault(pk, []).append(row)
            elif sk.startswith("TASK#"):
                tasks.setdefault(pk, []).append(row)
            elif sk.startswith("WORK#") and "done_at" not in row:
                under_way.add(pk)
            elif sk.startswith(keys.MIRROR):
                shown[pk] = row["shown"]
        elif kind == "EVENT":
            marks[pk, sk] = row
        elif kind == "KEY":
            if sk == keys.OPEN:
                places[pk] = row
            else:
                early[sk.partition("#")[2]] = row
        elif kind == "QUARANTINE":
            quarantined[sk] = row
    commits: dict[str, list[Commit]] = {}
    for commit in hospital.table.commits:
        commits.setdefault(commit.case, []).append(commit)
    executions: dict[str, list[ExecutionSeen]] = {}
    for name, execution in hospital.sfn.executions.items():
        case, _, generation = name.rpartition("-")
        executions.setdefault(case, []).append(
            ExecutionSeen(
                int(generation),
                execution.status,
                tuple(execution.path),
                execution.fires_at,
                name in hospital.wakings_lost,
            )
        )
    cases = []
    for meta in metas:
        of, pk = case_from(meta), meta["pk"]
        machine = hospital.machine_of(of)
        cases.append(
            CaseSeen(
                row=of,
                meta=meta,
                journal=_by_sk(journals.get(pk, [])),
                visits=_by_sk(visits.get(pk, [])),
                tasks=_by_sk(tasks.get(pk, [])),
                executions=sorted(executions.get(of.id, [])),
                machine=machine,
                commits=commits.get(of.id, []),
                mirror=mirror_of(of, machine.definition),
                shown=shown.get(pk, 0),
                under_way=pk in under_way,
            )
        )
    return Evidence(
        now=hospital.clock.now,
        cases=cases,
        places=places,
        marks=marks,
        early=early,
        quarantined=quarantined,
        given_up=hospital.table.given_up,
        sent=sorted(hospital.delivered),
        given=hospital.commands,
        emr_tasks=hospital.emr.all("Task"),
        emr_documents=hospital.emr.all("DocumentReference"),
        emr_orders=hospital.emr.all("DeviceRequest"),
        emr_notes=hospital.emr.notes,
        counted=hospital.counts.counted,
        relay_lost=hospital.relay_lost,
        outside=[*hospital.outside, *hospital.sfn.inputs],
        unexpected=hospital.unexpected,
    )


def _by_sk(rows: list[Item]) -> list[Item]:
    return sorted(rows, key=lambda row: str(row["sk"]))
