"""What must hold when a run has come to rest, as pure functions over its evidence. Each says what is wrong, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from events.parse import Event, Unreadable
from functions.cases.duty import ROSTER, ROSTER_EVENTS
from functions.cases.journal import broken_links
from functions.cases.keys import Keyring
from functions.cases.opened import occurrence_of
from functions.cases.rows import DONE, CaseRow, OpenTask, case_from
from functions.cases.table import Item, Key, Put, Update
from functions.emr.identifiers import task_identifier
from functions.emr.task import task_differs
from functions.relay.measures import measures_of
from statemachines.case import Case, Occurrence, following
from statemachines.decide import Outcome, Reason, advance
from statemachines.definition import StateKind, Unplaced
from statemachines.expressions import Known
from statemachines.workflows import WORKFLOWS
from tests.simulation.evidence import CaseSeen, Evidence
from tests.simulation.reading import parse_once
from tests.simulation.story import OVERRIDDEN_BECAUSE, PEOPLE
from tests.simulation.table import Commit

LATE_SECONDS = 180.0
"""A missed deadline is decided within a minute and the sweep's next look, whatever happened to its timer."""


# ── I1 one owner ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def one_owner(evidence: Evidence) -> Iterator[str]:
    """I1: after each journal entry exactly one owner is accountable, and what the rows say of it is the same."""
    for case in evidence.cases:
        yield from (f"{_name(case)}: {wrong}" for wrong in _owners(case))


def _owners(case: CaseSeen) -> Iterator[str]:
    open_task: int | None = None
    owner: tuple[str, str | None] | None = None
    states = case.machine.states
    for entry in case.journal:
        seq, ended = entry["seq"], case.journal[-1] is entry and case.row.ended_at is not None
        if entry["kind"] == "moved":
            if "task_closed" in entry and entry["task_closed"] != open_task:
                yield f"entry {seq} closes task {entry['task_closed']}, open is {open_task}"
            if open_task is not None and owner is not None and "task_closed" not in entry:
                yield f"entry {seq} moves on and leaves task {open_task} open"
            open_task, owner = None, None
            if "task_opened" in entry:
                open_task, owner = entry["task_opened"], (entry["role"], entry.get("person"))
            elif states[entry["target"]].kind is not StateKind.END and not _goes_on(case, seq):
                yield f"after entry {seq} nobody owns {entry['target']}"
        elif entry["kind"] in ("claimed", "reassigned", "declined", "rerouted") and "items" not in entry:
            if open_task is None:
                yield f"entry {seq} hands on a task, and none is open"
            owner = (entry["role"], entry.get("person"))
        if open_task is None and not ended and not _goes_on(case, seq) and not _over(case, seq):
            yield f"after entry {seq} no task is open"
    opened = Counter(entry["task_opened"] for entry in case.journal if "task_opened" in entry)
    yield from (f"task {number} was opened {times} times" for number, times in opened.items() if times > 1)
    steps = [task for task in case.tasks if "item" not in task]
    if len(steps) != len(opened):
        yield f"{len(opened)} tasks in the journal, {len(steps)} rows"
    unfinished = [task for task in steps if task["status"] != DONE]
    if case.row.ended_at is not None:
        still = [task["sk"] for task in case.tasks if task["status"] != DONE]
        if still or case.row.tasks:
            yield f"the case has ended, and {still} are open"
        return
    if len(unfinished) != 1 or case.row.task is None:
        yield f"{len(unfinished)} steps are open, the case row names {case.row.task}"
        return
    named = case.row.task
    if owner != (named.role, named.person) or named.number != open_task:
        yield f"the journal says {open_task} {owner}, the case row {named}"
    yield from _same_task(named, unfinished[0])
    items = {task["item"]: task for task in case.tasks if "item" in task and task["status"] != DONE}
    if set(items) != {item.item for item in case.row.items}:
        yield f"open items are {sorted(items)}, the case row names {case.row.items}"
    for item in case.row.items:
        if item.item in items:
            yield from _same_task(item, items[item.item])
    for earlier, later in pairwise(steps):
        if earlier["status"] != DONE or earlier["closed_at"] != later["opened_at"]:
            yield f"{earlier['sk']} did not pass to {later['sk']} in one moment"


def asked_are_on_shift(evidence: Evidence) -> Iterator[str]:
    """I1: whoever is given a task is on shift when that is committed, and holds the role if Baton chose them."""
    for case in evidence.cases:
        for commit in case.commits:
            for asked in commit.asked:
                if asked.until <= asked.at or (asked.by_routing and asked.role not in asked.roles):
                    yield f"{_name(case)}: {asked.person} is asked as {asked.role}, on the roster: {asked}"


def _same_task(named: OpenTask, row: Item) -> Iterator[str]:
    if (named.role, named.person, named.status) != (row["role"], row.get("person"), row["status"]):
        yield f"the case row names {named}, {row['sk']} is {row['role']} {row.get('person')} {row['status']}"


def _goes_on(case: CaseSeen, seq: int) -> bool:
    """Whether the next entry is of the same commit: then nobody can have seen the state in between."""
    following = case.journal[seq] if seq < len(case.journal) else None
    return following is not None and following["kind"] == "moved" and "task_closed" not in following


def _over(case: CaseSeen, seq: int) -> bool:
    """Whether the case had ended by then; what is journaled after that concerns no step."""
    targets = [entry["target"] for entry in case.journal[:seq] if entry["kind"] == "moved"]
    return bool(targets) and case.machine.states[targets[-1]].kind is StateKind.END


# ── I2 no silent event ───────────────────────────────────────────────────────────────────────────────────────────────────


def every_event_answered(evidence: Evidence, keyring: Keyring) -> Iterator[str]:
    """I2: each event has one outcome with its reason in each workflow that knows it, or is in quarantine."""
    outcomes = set(Outcome)
    moment = datetime.fromtimestamp(evidence.now, UTC)
    for raw in evidence.sent:
        quarantined = keyring.quarantine(raw.encode()).sk in evidence.quarantined
        event = _read(raw, moment)
        if event is None:
            if not quarantined:
                yield f"unreadable and not in quarantine: {raw[:60]}"
            continue
        knowing = [ROSTER] if event.type in ROSTER_EVENTS else _knowing(event.type)
        marks = [keyring.mark(event.facility, event.event_id, workflow) for workflow in knowing]
        given = [evidence.marks[mark] for mark in marks if mark in evidence.marks]
        for mark in given:
            if mark["outcome"] not in outcomes or not mark["reason"]:
                yield f"{event.event_id} {event.type} has the answer {mark['outcome']!r}, {mark['reason']!r}"
        missing = [mark for mark in marks if mark not in evidence.marks]
        # Where no workflow has a place for it, it is in quarantine for all; where some took it, only for those that held it for
        # its case and gave it up.
        silent = [mark for mark in missing if mark not in evidence.given_up] if given else []
        if (missing and not quarantined) or silent:
            yield f"{event.event_id} {event.type} has {len(given)} answers of {len(marks)}, in quarantine: {quarantined}"


@lru_cache(maxsize=512)
def _read(raw: str, moment: datetime) -> Event | None:
    with suppress(Unreadable):
        return parse_once(raw, now=moment)
    return None


@cache
def _knowing(type: str) -> list[str]:
    return [name for name, definition in WORKFLOWS.items() if any(e.event == type for e in definition.events)]


def quarantine_counted(evidence: Evidence) -> Iterator[str]:
    """I2: whatever waits in quarantine was counted there at least once, by its reason and altogether."""
    waiting = Counter(
        row["reason"] for row in evidence.quarantined.values() if "reason" in row and "redriven_at" not in row
    )
    least = {(("reason", reason),): times for reason, times in waiting.items()} | {(): waiting.total()}
    for dimensions, times in least.items():
        found = evidence.counted.get(("Quarantined", dimensions), 0)
        if found < times:
            yield f"in quarantine {dict(dimensions)}: {times}, counted {found}"


def what_waits_is_there(evidence: Evidence, keyring: Keyring) -> Iterator[str]:
    """I2: an event whose answer is that it waits, waits: on its case row, or at its correlation's place."""
    rows = {case.row.id: case.row for case in evidence.cases}
    visits = {case.row.id: case.visits for case in evidence.cases}
    moment = datetime.fromtimestamp(evidence.now, UTC)
    for raw in evidence.sent:
        event = _read(raw, moment)
        if event is None:
            continue
        for workflow in _knowing(event.type):
            key = keyring.mark(event.facility, event.event_id, workflow)
            mark = evidence.marks.get(key)
            if mark is None:
                continue
            if mark["outcome"] == Outcome.DEFERRED:
                held = {waiting.id for waiting in rows[mark["case"]].case.deferred}
                if event.event_id not in held:
                    yield f"{event.event_id} {event.type} is deferred, and its case does not hold it"
            elif mark["outcome"] == Outcome.HELD_EARLY:
                waiting = evidence.early.get(key.pk.removeprefix("EVENT#"))
                if waiting is None:
                    yield f"{event.event_id} {event.type} is held early, and is not there"
                elif (place := evidence.places.get(waiting["pk"])) is not None and "closed_at" not in place:
                    began = _began(rows[place["case"]], visits)
                    if waiting["unplaced"] != Unplaced.HOLD_THEN_IGNORE or event.occurred_at.timestamp() >= began:
                        yield f"{event.event_id} {event.type} is held early, and its case is open"


def _began(row: CaseRow, visits: Mapping[str, Sequence[Item]]) -> float:
    """When what opened a case happened: what only takes something back is for no case that began after it."""
    first = visits[row.id][0] if row.parent is None else visits[row.parent.case][row.parent.visit - 1]
    return float(first["happened"])


def answered_by_its_own_case(evidence: Evidence, keyring: Keyring) -> Iterator[str]:
    """I2: what happened in the course of one case, and opens none, is not answered by the next one of its key; nor is what
    happened since the next one began refused by the one before it.
    """
    cases, by_key = {case.row.id: case for case in evidence.cases}, dict[str, list[CaseSeen]]()
    for case in sorted(evidence.cases, key=lambda case: case.row.opened_at):
        by_key.setdefault(case.row.correlation, []).append(case)
    by_id = {later.row.id: before for of_key in by_key.values() for before, later in pairwise(of_key)}
    next_of = {before.row.id: cases[later] for later, before in by_id.items()}
    if not by_id:
        return
    moment = datetime.fromtimestamp(evidence.now, UTC)
    for raw in evidence.sent:
        event = _read(raw, moment)
        if event is None:
            continue
        at = event.occurred_at.timestamp()
        for workflow in _knowing(event.type):
            key = keyring.mark(event.facility, event.event_id, workflow)
            mark = evidence.marks.get(key, {})
            if mark and mark["reason"] == Reason.CASE_ENDED:  # refused by one that has ended, it counts nowhere
                later = next_of.get(mark.get("case", ""))
                # Whoever opened it may have stood still between reading the clock and writing.
                if later is not None and later.visits[0]["entered"] <= at and later.commits[0].at < mark["at"]:
                    yield f"{event.event_id} {event.type} is of {_name(later)}, and was refused by the one before it"
                continue
            own = by_id.get(mark.get("case", ""))
            if own is None:
                continue
            answering = cases[mark["case"]]
            if (None, event.type) in answering.machine.arrows or event.type in answering.machine.reopening:
                continue
            if answering.row.earlier == own.row.id or event.type in answering.machine.about_patient:
                continue
            if answering.row.parent is not None and _moved(
                evidence, keyring, event, cases[answering.row.parent.case].row
            ):
                continue  # what ends a plan ends its order too, whichever that is by now
            if own.visits[0]["entered"] <= at <= own.row.case.entered and at < answering.visits[0]["entered"]:
                yield f"{event.event_id} {event.type} is of {_name(own)}, and {_name(answering)} {mark['outcome']} it"


def _moved(evidence: Evidence, keyring: Keyring, event: Event, row: CaseRow) -> bool:
    mark = evidence.marks.get(keyring.mark(event.facility, event.event_id, row.workflow), {})
    return (mark.get("case"), mark.get("outcome")) == (row.id, Outcome.MOVED)


# ── I3 once ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def nothing_twice(evidence: Evidence) -> Iterator[str]:
    """I3: no event moves a case twice, or is noted twice in the same way; a command is carried out once."""
    for case in evidence.cases:
        # Deferred and answered later are two entries; a chain of moves may have one cause and many arrows.
        entries = Counter(
            (entry["event_id"], entry["kind"], entry.get("transition"), entry.get("visit") and entry["source"])
            if entry["kind"] == "moved" and "source" in entry
            else (entry["event_id"], entry["kind"], entry.get("transition"), None)
            for entry in case.journal
        )
        for (event, kind, transition, _), times in entries.items():
            if times > 1:
                yield f"{_name(case)}: {event} is {kind} {transition or ''} {times} times"


def as_if_in_order_and_once(evidence: Evidence, keyring: Keyring) -> Iterator[str]:
    """I3: the pure interpreter, given each committed event once in the order of commits, comes to the same case."""
    events = _by_mark(evidence, keyring)
    cases = {case.row.id: case for case in evidence.cases}
    for case in evidence.cases:
        before = _before_opening(case, cases)
        yield from (f"{_name(case)}: {wrong}" for wrong in _replayed(case, before, events, evidence))


def _by_mark(evidence: Evidence, keyring: Keyring) -> dict[Key, Occurrence]:
    moment = datetime.fromtimestamp(evidence.now, UTC)
    found: dict[Key, Occurrence] = {}
    for raw in evidence.sent:
        event = _read(raw, moment)
        if event is not None:
            told = occurrence_of(event)
            for workflow in _knowing(event.type):
                found[keyring.mark(event.facility, event.event_id, workflow)] = told
    return found


def _replayed(case: CaseSeen, reference: Case, events: Mapping[Key, Occurrence], evidence: Evidence) -> Iterator[str]:
    for commit in case.commits:
        puts = [write.item for write in commit.writes if isinstance(write, Put)]
        entries = [item for item in puts if item["sk"].startswith("J#")]
        mark = next((item for item in puts if item["pk"].startswith("EVENT#")), None)
        written = _attributes(commit)
        if written is None or (mark is None and not entries):
            continue  # parked, or looked at
        told = events.get(Key(mark["pk"], mark["sk"].partition("#")[0])) if mark is not None else None
        if told is None and (not entries or not _decided(entries[0], evidence)):
            reference = _owned(reference, written)
            continue
        if told is None and entries[0]["event_id"] in {waiting.id for waiting in reference.deferred}:
            reference = _as_committed(case, written)  # what a full commit had left over
            continue
        cause = told or _own(entries[0], evidence)
        at = entries[0]["at"] if entries else commit.at
        progress = advance(case.machine, reference, cause, at)
        expected = [(move.transition, move.target, move.due) for move in progress.moves]
        found = [(e["transition"], e["target"], e.get("due")) for e in entries if e["kind"] == "moved"]
        if expected != found:
            yield f"{cause.type} {cause.id}: by the definition {expected}, committed {found}"
            return
        reference = _owned(progress.case, written)
    for name in ("state", "facts", "due", "entered", "done", "patient_parameters"):
        one, other = getattr(reference, name), getattr(case.row.case, name)
        if one != other:
            yield f"{name} by the definition {one}, on the case row {other}"
    if {waiting.id for waiting in reference.deferred} != {waiting.id for waiting in case.row.case.deferred}:
        yield f"deferred by the definition {reference.deferred}, on the case row {case.row.case.deferred}"


def _attributes(commit: Commit) -> Mapping[str, Any] | None:
    lock = commit.writes[0]
    if isinstance(lock, Put):
        return lock.item
    return lock.set if isinstance(lock, Update) and "seq" in lock.set else None


def _before_opening(case: CaseSeen, cases: Mapping[str, CaseSeen]) -> Case:
    if case.row.earlier is not None:  # it re-opens one that had ended, and knows what that one knew
        return following(cases[case.row.earlier].row.case)
    written = next((found for commit in case.commits if (found := _attributes(commit)) is not None), None)
    if case.row.parent is None or written is None:
        return Case()
    return (
        Case(  # what a sub-case knows at first, its parent knew, and it begins no earlier than that came to wait for it
            entered=float(cases[case.row.parent.case].visits[case.row.parent.visit - 1]["entered"]),
            facts={name: Known(*known) for name, known in written["facts"].items()},
            patient_parameters=written["patient_parameters"],
            patient_parameters_at=written["patient_parameters_at"],
        )
    )


def _as_committed(case: CaseSeen, written: Mapping[str, Any]) -> Case:
    present = {name: value for name, value in written.items() if value is not None}
    return case_from({**present, "pk": case.meta["pk"], "rev": 0}).case


def _decided(entry: Item, evidence: Evidence) -> bool:
    """Whether an entry tells of a decision, and not of a task handed on, an execution, or an outcome that came late."""
    if entry["kind"] == "refused" and entry["event_id"] in evidence.given:
        return False
    return entry["kind"] in ("moved", "deferred", "refused", "item_done") and "late outcome" not in entry["because"]


def _own(entry: Item, evidence: Evidence) -> Occurrence:
    """What Baton itself or a command brought about, from its journal entry."""
    given = evidence.given.get(entry["event_id"])
    return Occurrence(
        entry["event"],
        entry["event_id"],
        entry["occurred_at"],
        entry.get("actor"),
        entry.get("actor_role"),
        override=given.transition if given is not None else None,
        reason=OVERRIDDEN_BECAUSE if given is not None else None,
    )


def _owned(case: Case, written: Mapping[str, Any]) -> Case:
    task = written.get("task")
    return replace(
        case,
        accountable_role=task["role"] if task else None,
        item_roles={item["item"]: item["role"] for item in written.get("items") or ()},
    )


# ── I4 every wait ends ───────────────────────────────────────────────────────────────────────────────────────────────────


def every_wait_ends(evidence: Evidence) -> Iterator[str]:
    """I4: an open case has a deadline that is not long past, a timer for it that is alive, and a look that is booked."""
    for case in evidence.cases:
        if case.row.ended_at is not None:
            continue
        if "look_at" not in case.meta or "sweep" not in case.meta:
            yield f"{_name(case)}: nobody will look at it"
        due = case.row.case.due
        if case.machine.states[case.row.state].kind is not StateKind.WAITING:
            continue
        if due is None:
            yield f"{_name(case)}: {case.row.state} waits without a deadline"
            continue
        due = max(due, case.meta["moved_at"])  # what happened late may leave no time at all
        if due < evidence.now - LATE_SECONDS:
            yield f"{_name(case)}: {case.row.state} was due {evidence.now - due:.0f} s ago"
        alive = [e.fires_at for e in case.executions if e.status == "RUNNING" and e.generation == case.row.generation]
        if not _unheard(case) and not any(at is not None for at in alive):
            yield f"{_name(case)}: no timer for the deadline of {case.row.state}; running: {alive}"
        if any(at is not None and at > due + LATE_SECONDS for at in alive):
            yield f"{_name(case)}: the timer of {case.row.state} comes {max(at or 0 for at in alive) - due:.0f} s late"
        if "look_at" in case.meta and case.meta["look_at"] > due + LATE_SECONDS:
            yield f"{_name(case)}: the sweep looks {case.meta['look_at'] - due:.0f} s after the deadline"


# ── I5 followers converge ────────────────────────────────────────────────────────────────────────────────────────────────


def _unheard(case: CaseSeen) -> bool:
    """Whether the case's execution ended and nobody heard of it: the sweep's look at the deadline finds it."""
    return bool(case.executions) and case.executions[-1].unheard and case.row.ended_at is None


def executions_agree(evidence: Evidence) -> Iterator[str]:
    """I5: together the executions of a case visited the journal's states, each in order, and one follows it still."""
    for case in evidence.cases:
        yield from (f"{_name(case)}: {wrong}" for wrong in _followed(case))


def _followed(case: CaseSeen) -> Iterator[str]:
    states = {visit["visit"]: visit["to"] for visit in case.visits}
    reached = 0
    for execution in case.executions:
        visited = [(entered.visit, entered.state) for entered in execution.path if not entered.again]
        for number, state in visited:
            if states.get(number) != state:
                yield f"execution {execution.generation} visited {state} as visit {number}, the journal {states.get(number)}"
        for (one, _), (other, _) in pairwise(visited):
            if other != one + 1:
                yield f"execution {execution.generation} went from visit {one} to {other}"
        if visited:
            if visited[0][0] > reached + 1:
                yield f"execution {execution.generation} begins at visit {visited[0][0]}, before it only {reached}"
            reached = max(reached, visited[-1][0])
    if reached != case.row.visit and not _unheard(case):
        yield f"the executions came to visit {reached}, the case is at {case.row.visit}"
    running = [execution.generation for execution in case.executions if execution.status == "RUNNING"]
    if case.row.ended_at is not None:
        if running:
            yield f"the case has ended, executions {running} run"
        elif case.executions[-1].status != "SUCCEEDED":
            yield f"the case has ended, its last execution is {case.executions[-1].status}"
    elif running != [case.row.generation] and not _unheard(case):
        yield f"executions {running} run, the case is followed by {case.row.generation}"


def journal_unbroken(evidence: Evidence) -> Iterator[str]:
    """The journal is one chain up to the case row's hash; its moves are the visits, under transitions of the definition."""
    for case in evidence.cases:
        row = case.row
        yield from (f"{_name(case)}: entry {seq} is broken" for seq in broken_links(list(case.journal)))
        if (case.journal[-1]["hash"], len(case.journal)) != (row.journal_hash, row.seq):
            yield f"{_name(case)}: the journal does not end where the case row says"
        moves = [(e["visit"], e["transition"], e["target"]) for e in case.journal if e["kind"] == "moved"]
        visits = [(v["visit"], v["transition"], v["to"]) for v in case.visits]
        if moves != visits or row.visit != len(visits) or row.state != visits[-1][2]:
            yield f"{_name(case)}: moves {moves}, visits {visits}, case row {row.visit} {row.state}"
        arrows = {t.id: t for t in case.machine.definition.transitions}
        # The first visit of a case that re-opens leaves the end of the one before it.
        here = next((each.row.case.state for each in evidence.cases if each.row.id == row.earlier), None)
        for visit in case.visits:
            arrow = arrows[visit["transition"]]
            if (
                visit.get("from") != here
                or visit["to"] != (arrow.target or here)
                or (here and here not in arrow.sources)
            ):
                yield f"{_name(case)}: {arrow.id} from {visit.get('from')} to {visit['to']}, the case was in {here}"
            here = visit["to"]


def one_open_case(evidence: Evidence) -> Iterator[str]:
    """A correlation key has at most one open case, and its place names it."""
    for correlation, place in evidence.places.items():
        still = [
            case.row.id for case in evidence.cases if case.row.correlation == correlation and not case.row.ended_at
        ]
        if len(still) > 1:
            yield f"{len(still)} cases are open for one key"
        elif (still == [place.get("case")]) == (
            "closed_at" in place
        ):  # a record that was merged may never have had one
            yield f"the place names {place.get('case')} {'closed' if 'closed_at' in place else 'open'}, open are {still}"


def documents_filed_once(evidence: Evidence) -> Iterator[str]:
    """I3: the EMR has one document of each identity."""
    times = Counter(
        (identifier["system"], identifier["value"])
        for document in evidence.emr_documents
        for identifier in document.get("identifier", ())
        if document["status"] != "entered-in-error"
    )
    yield from (f"the EMR has document {value} {number} times" for (_, value), number in times.items() if number > 1)


def orders_stand_once(evidence: Evidence) -> Iterator[str]:
    """I3: one order of a case is in force at most, and none once it is recalled."""
    active = Counter(order["groupIdentifier"]["value"] for order in evidence.emr_orders if order["status"] == "active")
    for case in evidence.cases:
        times = active[case.row.id]
        if not times or case.under_way:
            continue
        if times > 1:
            yield f"{_name(case)}: {times} orders are in force"
        on = {t.id: t.on for t in case.machine.definition.transitions}
        if on[case.visits[-1]["transition"]] == "recall_order.recalled":
            yield f"{_name(case)}: its order is recalled, and in force"


def others_keep_what_they_wrote(evidence: Evidence) -> Iterator[str]:
    """I5: what somebody else wrote on a Task is still there."""
    for task in evidence.emr_tasks:
        notes, written = len(task.get("note", ())), evidence.emr_notes.get(task["id"], 0)
        if notes != written:
            yield f"Task {task['id']} has {notes} notes, others wrote {written}"


def emr_agrees(evidence: Evidence) -> Iterator[str]:
    """I3, I5: the EMR has one Task for each case, which says what the case says; and none that no case knows."""
    by_case: dict[str, list[object]] = {}
    wanted = {task_identifier(case.row.id).value: case for case in evidence.cases}
    for task in evidence.emr_tasks:
        for identifier in task.get("identifier", ()):
            if identifier["system"] == task_identifier("x").system:
                if identifier["value"] not in wanted:
                    yield f"the EMR has a Task for {identifier['value'][:6]}, which is no case"
                by_case.setdefault(identifier["value"], []).append(task)
                case = wanted.get(identifier["value"])
                if case is not None and case.mirror is not None and task_differs(dict(task), case.mirror):
                    yield f"{_name(case)}: the EMR says {task['status']}, the case is in {case.row.state}"
    for value, case in wanted.items():
        if case.mirror is not None and len(by_case.get(value, ())) != 1:
            yield f"{_name(case)}: {len(by_case.get(value, ()))} Tasks in the EMR"
        if case.mirror is not None and case.shown != case.row.seq:
            yield f"{_name(case)}: the EMR is noted to show {case.shown}, the journal has {case.row.seq}"


def counted(evidence: Evidence) -> Iterator[str]:
    """I5: at least what the journal tells was counted; more only where it was delivered again."""
    least: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
    lost = {(entry["pk"], entry["sk"]) for entry in evidence.relay_lost}
    for case in evidence.cases:
        for entry in case.journal:
            if (entry["pk"], entry["sk"]) not in lost:
                for measure in measures_of(entry):
                    least[measure.name, tuple(sorted(measure.dimensions.items()))] += 1
    for (name, dimensions), times in least.items():
        if evidence.counted.get((name, dimensions), 0) < times:
            yield f"{name} {dict(dimensions)}: counted {evidence.counted.get((name, dimensions), 0)}, journaled {times}"


# ── I6, I7 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pinned(evidence: Evidence) -> Iterator[str]:
    """I6: a case keeps the version and the policy that it began with."""
    for case in evidence.cases:
        first = case.commits[0].writes[0]
        began = first.item if isinstance(first, Put) else {}
        if (began.get("version"), began.get("policy")) != (case.row.version, case.row.policy):
            yield f"{_name(case)}: began under {began.get('version')} {began.get('policy')}, is under {case.row.version}"
        if {entry["version"] for entry in case.journal} != {case.row.version}:
            yield f"{_name(case)}: its journal names several versions"


_PEOPLE = re.compile(r"PAT-\d{4}|ENC-\d{4}")
_STAFF = re.compile("|".join(re.escape(person) for person in sorted(PEOPLE)))


def no_patient_outside(evidence: Evidence) -> Iterator[str]:
    """I7: no patient and no encounter is named in signals, inputs, messages, metrics or what is logged."""
    dimensions = [value for _, pairs in evidence.counted for pair in pairs for value in pair]
    text = "\n".join((*evidence.outside, *dimensions))
    found = _PEOPLE.search(text)
    if found is not None:
        yield f"{found.group()} is named outside: {text[max(0, found.start() - 60) : found.end() + 20]!r}"
    person = _STAFF.search("\n".join(dimensions))
    if person is not None:
        yield f"{person.group()} is a dimension of a metric"


def no_unexpected_fault(evidence: Evidence) -> Iterator[str]:
    """No function fails with anything but what a service answered."""
    yield from dict.fromkeys(evidence.unexpected)


def _name(case: CaseSeen) -> str:
    return f"{case.row.workflow} {case.row.facility} {case.row.id[:6]}"


Check = Callable[[Evidence], Iterable[str]]


def violations(evidence: Evidence, keyring: Keyring) -> list[str]:
    """Everything that is wrong with a run, each line beginning with the check that found it."""
    checks: tuple[Check, ...] = (
        no_unexpected_fault,
        one_owner,
        asked_are_on_shift,
        lambda e: every_event_answered(e, keyring),
        quarantine_counted,
        lambda e: answered_by_its_own_case(e, keyring),
        lambda e: what_waits_is_there(e, keyring),
        nothing_twice,
        lambda e: as_if_in_order_and_once(e, keyring),
        every_wait_ends,
        executions_agree,
        journal_unbroken,
        one_open_case,
        emr_agrees,
        documents_filed_once,
        orders_stand_once,
        others_keep_what_they_wrote,
        counted,
        pinned,
        no_patient_outside,
    )
    return [wrong for check in checks for wrong in check(evidence)]
