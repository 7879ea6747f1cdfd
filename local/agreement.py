"""Whether journal, executions, EMR and metrics tell the same story, and what became of every event."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from functions.cases.duty import ROSTER, ROSTER_EVENTS
from functions.cases.journal import broken_links
from functions.cases.quarantine import Kept, message, quarantined
from functions.cases.rows import CaseRow
from functions.cases.table import Item
from functions.cases.telemetry import NAMESPACE
from functions.emr.identifiers import task_identifier
from local.connection import Connection
from local.demo.stage import SentEvent
from local.emr.embedded import EmbeddedEmr
from local.measured import (
    DUPLICATES,
    Expected,
    Tally,
    against_journal,
    against_marks,
    against_quarantine,
    emitted,
    journaled,
)
from local.status import dead_letters
from statemachines import published
from statemachines.decide import Outcome, Reason


class Happening(StrEnum):
    """What can be seen to have happened, once or more, in a run."""

    CLAIM = "a claim"
    REASSIGNMENT = "a reassignment"
    OVERRIDE = "an override"
    ESCALATION = "an escalation"
    MISSED_DEADLINE = "a missed deadline"
    DEFERRED = "an event deferred to a later state"
    HELD_EARLY = "an event held until its case opens"
    REPETITION = "an event that came twice and counted once"
    OLDER = "a reading older than what is known"
    WRONG_ROLE = "a refusal because of the role"
    NOBODY_ON_SHIFT = "a step routed past a role that nobody holds"


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
    happenings: dict[str, int]
    """How often each Happening was seen."""
    differences: list[str] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)
    """What the run was to show and did not."""

    @property
    def agrees(self) -> bool:
        """Whether everything tells the same story, every event is accounted for, and all was seen that was to be."""
        return not (
            self.differences
            or self.lost
            or self.unshown
            or any(self.dead_letters.values())
            or any(c.differences for c in self.cases)
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
    entries = [entry for journal in journals.values() for entry in journal]
    seen = emitted(connection.aws.metrics(NAMESPACE, since))
    journal, again = journaled(entries), _relayed_again(connection)
    return Report(
        cases=cases,
        events=events,
        reasons=reasons,
        lost=lost,
        quarantine=[{"reason": k.reason, "where": k.where, "mend": k.mend, "times": k.times} for k in kept],
        metrics=_by_name(journal, seen, again),
        dead_letters=dead_letters(connection),
        happenings={str(name): count for name, count in happenings(entries, reasons, seen).items()},
        differences=[
            *against_journal(journal, seen, again),
            *against_marks(_expected(connection, sent, entries), seen, _duplicates_logged(connection)),
            *against_quarantine(kept, seen),
        ],
    )


def happenings(entries: Sequence[Item], reasons: Mapping[str, int], seen: Tally) -> Counter[Happening]:
    """How often each was seen: in the journals, in the events' reasons, and in what intake counted."""
    counted: Counter[Happening] = Counter()
    for entry in entries:
        counted[Happening.CLAIM] += entry["kind"] == "claimed"
        counted[Happening.REASSIGNMENT] += entry["kind"] == "reassigned"
        counted[Happening.OVERRIDE] += entry["kind"] == "moved" and entry["reason"] == Reason.OVERRIDE
        counted[Happening.ESCALATION] += bool(entry.get("escalation"))
        counted[Happening.MISSED_DEADLINE] += bool(entry.get("missed_deadline"))
        counted[Happening.DEFERRED] += entry["kind"] == "deferred"
        counted[Happening.WRONG_ROLE] += entry["kind"] == "refused" and entry["reason"] == Reason.WRONG_ROLE
        counted[Happening.NOBODY_ON_SHIFT] += any(why.endswith(": nobody on shift") for why in entry.get("routing", ()))
    counted[Happening.OLDER] = reasons.get(f"{Outcome.RECORDED}: {Reason.OLDER_THAN_KNOWN}", 0)
    for at, values in seen.items():
        counted[Happening.HELD_EARLY] += values.number if at.name == f"Outcome_{Outcome.HELD_EARLY}" else 0
        counted[Happening.REPETITION] += values.number if at.name == DUPLICATES else 0
    return counted


def deadlines(moves: Sequence[Item], visits: Sequence[Item]) -> tuple[int, int]:
    """How many deadlines were met and missed: a state left for another by the moment at which it was due, or not.

    A wait that begins anew in the same place has met nothing.
    """
    met = missed = 0
    by_number = {int(visit["visit"]): visit for visit in visits}
    for entry in moves:
        left, entered = by_number.get(int(entry["visit"]) - 1), by_number.get(int(entry["visit"]))
        if left is None or entered is None or left.get("due") is None:
            continue
        late = bool(entry.get("missed_deadline")) or float(entered["entered"]) > float(left["due"])
        missed += late
        met += not late and left["to"] != entered["to"]
    return met, missed


def _case(connection: Connection, emr: EmbeddedEmr, row: CaseRow, journal: list[Item]) -> CaseReport:
    moves = [entry for entry in journal if entry["kind"] == "moved"]
    visits = connection.visits(row.id)
    definition = published.published(row.workflow, row.version)
    tasks = emr.search("Task", identifier=task_identifier(row.id).token)
    documents = emr.search("DocumentReference", subject=f"Patient/{row.patient}")
    met, missed = deadlines(moves, visits)
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
        deadlines_met=met,
        deadlines_missed=missed,
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
        found = [mark for _, mark in _marks(connection, event)]
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


def _expected(
    connection: Connection, sent: Mapping[str, SentEvent], entries: Iterable[Item]
) -> Mapping[tuple[str, str], Expected]:
    """What intake should have counted, by workflow and facility: from marks, from the roster, from the journal."""
    expected: dict[tuple[str, str], Expected] = defaultdict(Expected)
    for event in sent.values():
        for reader, mark in _marks(connection, event):
            scope = expected[reader, event.facility]
            scope.outcomes[str(mark["outcome"])] += 1
            scope.repeated += event.times - 1
    for entry in entries:
        if entry["kind"] == "deferred":
            expected[str(entry["workflow"]), str(entry["facility"])].deferred += 1
    return expected


def _marks(connection: Connection, event: SentEvent) -> Iterator[tuple[str, Item]]:
    """What became of an event, by who reads it: each workflow that knows its type, or the roster."""
    readers = (ROSTER,) if event.type in ROSTER_EVENTS else connection.services.library.workflows_for(event.type)
    for reader in readers:
        mark = connection.mark(event.facility, event.id, reader)
        if mark is not None:
            yield reader, mark


def _by_name(journal: Tally, seen: Tally, again: int) -> dict[str, dict[str, float]]:
    """The metrics of the journal by name, over workflows and facilities, for people to read."""

    def counts(tally: Tally) -> Counter[str]:
        counted: Counter[str] = Counter()
        for at, values in tally.items():
            if {name for name, _ in at.dimensions} == {"workflow", "facility"}:
                counted[at.name] += values.number
        return counted

    ours, theirs = counts(journal), counts(seen)
    return {name: {"journal": ours[name], "emitted": theirs[name], "relayed_again": again} for name in sorted(ours)}


def _relayed_again(connection: Connection) -> int:
    """How many journal entries the relay says it passed on more than once."""
    seen = Counter((said["case"], said["seq"]) for said in _logged(connection, "relay", "relayed"))
    return sum(times - 1 for times in seen.values())


def _duplicates_logged(connection: Connection) -> int:
    """How many messages intake says it had placed before."""
    return sum(said.get("duplicate") is True for said in _logged(connection, "intake", "placed"))


def _logged(connection: Connection, function: str, message: str) -> Iterator[dict[str, Any]]:
    """What a function logged under a message."""
    logs = connection.aws.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        if function not in group["logGroupName"].lower():
            continue
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            for line in page["events"]:
                if f'"{message}"' in line["message"]:
                    said = json.loads(line["message"])
                    if said["message"] == message:
                        yield said
