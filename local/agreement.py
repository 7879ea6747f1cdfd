"""Whether journal, executions, EMR and metrics tell the same story, and what became of every event."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from functions.cases.duty import ROSTER, ROSTER_EVENTS
from functions.cases.journal import broken_links
from functions.cases.quarantine import Kept, message, quarantined
from functions.cases.rows import CaseRow
from functions.cases.table import Item
from functions.cases.telemetry import NAMESPACE
from functions.emr.identifiers import task_identifier
from functions.relay.measures import measures_of
from local.connection import Connection
from local.demo.stage import SentEvent
from local.emr.embedded import EmbeddedEmr
from statemachines import published


@dataclass
class CaseReport:
    """One case as journal, execution and EMR have it."""

    case: str
    facility: str
    workflow: str
    state: str
    owner: str | None
    journal_path: list[str]
    execution_path: list[str]
    transitions: list[str]
    owners: list[dict[str, Any]]
    deadlines_met: int
    deadlines_missed: int
    emr: list[dict[str, Any]]
    documents: list[dict[str, Any]]
    differences: list[str] = field(default_factory=list)


@dataclass
class Report:
    """The whole report. It agrees when nothing differs."""

    cases: list[CaseReport]
    events: dict[str, int]
    reasons: dict[str, int]
    lost: list[str]
    quarantine: list[dict[str, Any]]
    metrics: dict[str, dict[str, float]]
    dead_letters: dict[str, int]
    differences: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether everything tells the same story and every event is accounted for."""
        return not (
            self.differences or self.lost or any(self.dead_letters.values()) or any(c.differences for c in self.cases)
        )

    def as_json(self) -> str:
        """For machines."""
        return json.dumps({"agrees": self.agrees, **asdict(self)}, indent=2, ensure_ascii=False)


def examine(
    connection: Connection, emr: EmbeddedEmr, facilities: Iterable[str], sent: Mapping[str, SentEvent], since: datetime
) -> Report:
    """Read everything back and compare. ``since`` is when the run began."""
    rows = connection.cases(facilities)
    journals = {row.id: connection.journal(row.id) for row in rows}
    cases = [_case(connection, emr, row, journals[row.id]) for row in rows]
    kept = list(quarantined(connection.services))
    events, reasons, lost = _accounted(connection, sent, kept)
    metrics, differences = _metrics(connection, journals.values(), since)
    sqs = connection.aws.client("sqs")
    return Report(
        cases=cases,
        events=events,
        reasons=reasons,
        lost=lost,
        quarantine=[{"reason": k.reason, "where": k.where, "mend": k.mend, "times": k.times} for k in kept],
        metrics=metrics,
        dead_letters={
            name: int(
                sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"][
                    "ApproximateNumberOfMessages"
                ]
            )
            for name, url in connection.outputs.dead_letters.items()
        },
        differences=differences,
    )


def _case(connection: Connection, emr: EmbeddedEmr, row: CaseRow, journal: list[Item]) -> CaseReport:
    moves = [entry for entry in journal if entry["kind"] == "moved"]
    visits = connection.visits(row.id)
    definition = published.published(row.workflow, row.version)
    tasks = emr.search("Task", identifier=task_identifier(row.id).token)
    documents = emr.search("DocumentReference", subject=f"Patient/{row.patient}")
    report = CaseReport(
        case=row.id,
        facility=row.facility,
        workflow=f"{row.workflow} v{row.version}",
        state=row.state,
        owner=row.task.owner if row.task is not None else None,
        journal_path=[entry["target"] for entry in moves],
        execution_path=connection.executed(row),
        transitions=[entry["transition"] for entry in moves],
        owners=[
            {
                "at": entry["at"],
                "state": entry.get("target") or entry["kind"],
                "role": entry["role"],
                "person": entry.get("person"),
                "until": entry.get("due"),
                "why": list(entry.get("routing", ())) or entry["because"],
            }
            for entry in journal
            if "role" in entry
        ],
        deadlines_met=sum(1 for entry in moves if not entry.get("missed_deadline") and "source" in entry),
        deadlines_missed=sum(1 for entry in moves if entry.get("missed_deadline")),
        emr=[
            {
                "id": task["id"],
                "status": task["status"],
                "businessStatus": task.get("businessStatus", {}).get("coding", [{}])[0].get("code"),
                "owner": task.get("owner", {}).get("identifier", {}).get("value"),
            }
            for task in tasks
        ],
        documents=[{"id": d["id"], "status": d["status"]} for d in documents],
    )
    differ = report.differences
    if broken := broken_links(journal):
        differ.append(f"journal entries {broken} do not continue the ones before them")
    if report.journal_path != [visit["to"] for visit in visits]:
        differ.append("journal and state entries differ")
    if report.journal_path != report.execution_path:
        differ.append(f"journal {report.journal_path} but execution {report.execution_path}")
    want = definition.state(row.state).emr
    if len(tasks) != 1:
        differ.append(f"the EMR has {len(tasks)} Tasks for the case")
    elif (report.emr[0]["status"], report.emr[0]["businessStatus"]) != (want.status, want.business_status):
        differ.append(f"the EMR says {report.emr[0]}, the journal {want.status}, {want.business_status}")
    filed = sum(1 for d in documents if d["status"] == "current")
    if row.state == "complete" and filed != 1:
        differ.append(f"the EMR has {filed} current documents for a complete case")
    return report


def _accounted(
    connection: Connection, sent: Mapping[str, SentEvent], kept: list[Kept]
) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """What became of every event: its mark, its place on the roster, or quarantine; and those that have none of these."""
    raw = [message(connection.services, k.id) for k in kept]
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    lost = []
    for event in sent.values():
        readers = (ROSTER,) if event.type in ROSTER_EVENTS else connection.services.library.workflows_for(event.type)
        found = [
            m
            for w in readers
            if (m := connection.mark(event.facility, event.id, w))
        ]
        if found:
            for mark in found:
                outcomes[mark["outcome"]] += 1
                reasons[f"{mark['outcome']}: {mark['reason']}"] += 1
        elif index := [n for n, text in enumerate(raw) if f'"{event.id}"' in text or f'\\"{event.id}\\"' in text]:
            outcomes["quarantined"] += 1
            reasons[f"quarantined: {kept[index[0]].reason}"] += 1
        else:
            lost.append(f"{event.type} {event.id}")
        outcomes["repeated"] += event.times - 1
    return dict(outcomes), dict(reasons), lost


def _metrics(
    connection: Connection, journals: Iterable[list[Item]], since: datetime
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Every metric that the journal can be recomputed into, as emitted and as recomputed; and what does not fit.

    Delivery is at least once: a metric may exceed the journal by entries that were relayed again, never fall short of it.
    """
    again = _relayed_again(connection)
    journal: dict[str, list[float]] = defaultdict(list)
    for entry in (entry for entries in journals for entry in entries):
        for measure in measures_of(entry):
            if "facility" in measure.dimensions:
                journal[measure.name].append(measure.value)
    emitted: Counter[str] = Counter()
    for metric in connection.aws.metrics(NAMESPACE, since):
        if set(metric.dimensions) == {"workflow", "facility"}:
            emitted[metric.name] += int(metric.count)
    table: dict[str, dict[str, float]] = {}
    differences = []
    for name, values in sorted(journal.items()):
        table[name] = {"journal": len(values), "emitted": emitted[name], "relayed_again": again}
        if not len(values) <= emitted[name] <= len(values) + again:
            differences.append(f"metric {name}: journal {len(values)}, emitted {emitted[name]}, relayed again {again}")
    return table, differences


def _relayed_again(connection: Connection) -> int:
    """How many journal entries the relay says it passed on more than once."""
    logs = connection.aws.client("logs")
    seen: Counter[tuple[str, int]] = Counter()
    for group in logs.describe_log_groups()["logGroups"]:
        if "relay" not in group["logGroupName"].lower():
            continue
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            for line in page["events"]:
                if '"relayed"' in line["message"]:
                    said = json.loads(line["message"])
                    seen[said["case"], said["seq"]] += 1
    return sum(times - 1 for times in seen.values())
