"""What must always hold, as checks that say what does not. I1 to I5 are the promises named in the README."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from functions.cases import keys
from functions.cases.journal import broken_links
from functions.cases.rows import DONE, CaseRow
from functions.cases.table import Key, read_all
from statemachines.decide import Outcome
from statemachines.facilities import facilities
from tests.support.world import World


def violations(world: World, *, followed: bool = True) -> list[str]:
    """Everything that is wrong in a world; ``followed``: its executions have had time to follow."""
    found = []
    for facility in facilities():
        rows = world.cases(facility)
        for row in rows:
            found += one_owner(world, row) + waits_end(world, row) + unbroken(world, row) + steps_join(world, row)
            if followed:
                found += follows(world, row)
        found += one_open_case(world, rows) + named_while_open(world, rows)
    return found


def one_owner(world: World, row: CaseRow) -> list[str]:
    """I1: at every moment from opening to end exactly one task is open, and case row, task row and journal name its owner."""
    tasks = world.tasks(row.id)
    wrong = []
    for earlier, later in pairwise(tasks):
        if earlier["status"] != DONE or earlier["closed_at"] != later["opened_at"]:
            wrong.append(f"task {earlier['sk']} did not pass to {later['sk']} in one moment")
    unfinished = [task for task in tasks if task["status"] != DONE]
    if row.ended_at is not None:
        if unfinished or row.task is not None:
            wrong.append(f"the case has ended and {len(unfinished)} tasks are open")
        elif tasks[-1]["closed_at"] != row.ended_at:
            wrong.append("the last task did not end with the case")
        return wrong
    if len(unfinished) != 1 or row.task is None:
        return [*wrong, f"{len(unfinished)} open tasks, case row names {row.task}"]
    (task,) = unfinished
    named = (row.task.role, row.task.person, row.task.status)
    if named != (task["role"], task.get("person"), task["status"]):
        wrong.append(f"case row names {named}, task row {task}")
    handed = [entry for entry in world.journal(row.id) if "role" in entry][-1]
    if (handed["role"], handed.get("person")) != named[:2]:
        wrong.append(
            f"the journal last handed over to {handed['role']}, {handed.get('person')}; the case row names {named}"
        )
    if task["opened_at"] > world.now or tasks[0]["opened_at"] != row.opened_at:
        wrong.append("tasks do not reach from the opening until now")
    return wrong


def waits_end(world: World, row: CaseRow) -> list[str]:
    """I4: an open case has a deadline and somebody's look is booked."""
    if row.ended_at is not None:
        return []
    meta = world.row(keys.meta(row.id))
    return [f"{row.state} has no {name}" for name in ("due", "look_at", "sweep") if name not in meta]


def unbroken(world: World, row: CaseRow) -> list[str]:
    """The journal is one chain up to the case row's own hash; visits and journaled moves are the same."""
    journal = world.journal(row.id)
    wrong = [f"journal entry {seq} is broken" for seq in broken_links(journal)]
    if (journal[-1]["hash"], len(journal)) != (row.journal_hash, row.seq):
        wrong.append("the journal does not end where the case row says")
    moved = [entry["target"] for entry in journal if entry["kind"] == "moved"]
    if moved != world.path(row.id) or row.visit != len(moved) or row.state != moved[-1]:
        wrong.append(f"journal {moved}, visits {world.path(row.id)}, case row {row.visit} {row.state}")
    return wrong


def steps_join(world: World, row: CaseRow) -> list[str]:
    """Each visit leaves the state that the one before entered, under a transition that the definition has there.

    The first visit of a case that re-opens leaves the end of the one before it.
    """
    definition = world.services.library.machine(row.workflow, row.version, row.facility, row.policy).definition
    by_id = {transition.id: transition for transition in definition.transitions}
    wrong, here = [], None if row.earlier is None else world.row(keys.meta(row.earlier))["state"]
    for visit in read_all(world.table, keys.case_pk(row.id), "V#"):
        transition = by_id[visit["transition"]]
        expected = transition.target or here
        if (
            visit.get("from") != here
            or visit["to"] != expected
            or (here is not None and here not in transition.sources)
        ):
            wrong.append(
                f"visit {visit['visit']} took {transition.id} from {visit.get('from')} to {visit['to']}, case was in {here}"
            )
        here = visit["to"]
    return wrong


def follows(world: World, row: CaseRow) -> list[str]:
    """I5: the executions visited exactly the journal's states, and one of them still runs if and only if the case is open."""
    wrong = []
    if world.followed(row.id) != world.path(row.id):
        wrong.append(f"execution {world.followed(row.id)}, journal {world.path(row.id)}")
    statuses = [e.status for (id, _), e in sorted(world.following.executions.items()) if id == row.id]
    expected = "SUCCEEDED" if row.ended_at is not None else "RUNNING"
    if not statuses or statuses[-1] != expected or "RUNNING" in statuses[:-1]:
        wrong.append(f"the executions are {statuses}; the last should be {expected}")
    return wrong


def one_open_case(world: World, rows: Iterable[CaseRow]) -> list[str]:
    """A correlation key has at most one open case, and its place names it."""
    by_key: dict[str, list[CaseRow]] = {}
    for row in rows:
        by_key.setdefault(row.correlation, []).append(row)
    wrong = []
    for correlation, cases in by_key.items():
        still_open = [row.id for row in cases if row.ended_at is None]
        place = world.row(Key(correlation, keys.OPEN))
        if len(still_open) > 1:
            wrong.append(f"{len(still_open)} open cases for one key")
        elif still_open and (place["case"], "closed_at" in place) != (still_open[0], False):
            wrong.append("the key's place does not name its open case")
        elif not still_open and "closed_at" not in place:
            wrong.append("the key's place is taken by a case that has ended")
    return wrong


def named_while_open(world: World, rows: Iterable[CaseRow]) -> list[str]:
    """Where an encounter has several cases, its partition names those that are open, and no other."""
    groups: dict[str, list[CaseRow]] = {}
    for row in rows:
        if row.group is not None:
            groups.setdefault(row.group, []).append(row)
    wrong = []
    for group, cases in groups.items():
        members = read_all(world.table, group, keys.MEMBER)
        named = {member["case"] for member in members if "closed_at" not in member}
        still_open = {row.id for row in cases if row.ended_at is None}
        if named != still_open:
            wrong.append(f"the encounter names {sorted(named)}, open are {sorted(still_open)}")
    return wrong


def unanswered(world: World, events: Iterable[tuple[str, str]]) -> list[str]:
    """I2: of events by (facility, id), those without exactly one outcome on their mark."""
    outcomes = set(Outcome)
    return [
        f"{event} at {facility}: {mark}"
        for facility, event in events
        if (mark := world.mark(event, facility)) is None or mark["outcome"] not in outcomes or not mark["reason"]
    ]
