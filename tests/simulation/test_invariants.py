"""Each invariant can fail: the evidence of a good run, with one thing changed, is found to be wrong by the one that says so."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from functions.cases.keys import Keyring
from functions.cases.rows import moved_on
from tests.simulation import invariants
from tests.simulation.evidence import CaseSeen, Evidence, gathered
from tests.simulation.handlers import wired
from tests.simulation.hospital import SECRET
from tests.simulation.run import hospital_of, played

KEYRING = Keyring(SECRET)


@cache
def _good() -> Evidence:
    """The evidence of a run in which cases are open and have ended, events wait, and several moves were made."""
    for seed in range(200):
        hospital = hospital_of(seed)
        with wired(hospital):
            hospital.begin()
            hospital.clock.run_until(hospital.story.ends_at + 30)
            hospital.come_to_rest()
        evidence = gathered(hospital)
        outcomes = {mark["outcome"] for mark in evidence.marks.values()}
        if (
            {"deferred", "held_early"} <= outcomes
            and any(case.row.ended_at is not None for case in evidence.cases)
            and any(case.row.ended_at is None and len(case.visits) > 2 for case in evidence.cases)
            and any('"patient_transferred"' in raw for raw in evidence.sent)
        ):
            assert invariants.violations(evidence, KEYRING) == []
            return evidence
    raise AssertionError("no seed has all that is needed")


def _case(evidence: Evidence, *, ended: bool = False) -> CaseSeen:
    return next(
        case for case in evidence.cases if (case.row.ended_at is not None) == ended and (ended or len(case.visits) > 2)
    )


def _with(evidence: Evidence, case: CaseSeen, **changes: Any) -> Evidence:
    other = replace(case, **changes)
    return replace(evidence, cases=[other if one is case else one for one in evidence.cases])


def _changed(rows: Iterable[dict[str, Any]], at: int, **changes: Any) -> list[dict[str, Any]]:
    copied = copy.deepcopy(list(rows))
    copied[at] = {name: value for name, value in {**copied[at], **changes}.items() if value is not None}
    return copied


Breaks = Callable[[Evidence], Evidence]


def _task_never_closed(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, tasks=_changed(case.tasks, 0, status="offered"))


def _two_owners_named(e: Evidence) -> Evidence:
    case = _case(e)
    assert case.row.task is not None
    return _with(e, case, row=moved_on(case.row, task=case.row.task._replace(role="SOMEBODY_ELSE")))


def _asked_off_shift(e: Evidence) -> Evidence:
    case = next(case for case in e.cases if any(commit.asked for commit in case.commits))
    commits = [
        commit._replace(asked=tuple(asked._replace(roles=(), until=asked.at) for asked in commit.asked))
        for commit in case.commits
    ]
    return _with(e, case, commits=commits)


def _two_orders(e: Evidence) -> Evidence:
    order = {"status": "active", "groupIdentifier": {"value": _case(e).row.id}}
    return replace(e, emr_orders=[*e.emr_orders, order, order])


def _entry_without_task(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, journal=_changed(case.journal, 0, task_opened=None))


def _mark_lost(e: Evidence) -> Evidence:
    key = next(key for key, mark in e.marks.items() if mark["outcome"] == "moved" and "#" not in key[1])
    sent = [c for c in e.cases if c.row.parent is None]  # a sub-case is opened by no message
    known = {KEYRING.mark(c.row.facility, c.journal[0]["event_id"], c.row.workflow) for c in sent}
    key = next(iter(known & e.marks.keys()), key)
    return replace(e, marks={k: v for k, v in e.marks.items() if k != key})


def _mark_without_reason(e: Evidence) -> Evidence:
    return replace(e, marks={key: {**mark, "reason": ""} for key, mark in e.marks.items()})


def _deferred_forgotten(e: Evidence) -> Evidence:
    case = next(case for case in e.cases if case.row.case.deferred)
    return _with(e, case, row=moved_on(case.row, case=replace(case.row.case, deferred=())))


def _not_counted_in_quarantine(e: Evidence) -> Evidence:
    return replace(e, counted={key: times for key, times in e.counted.items() if key[0] != "Quarantined"})


def _next_case_answers(e: Evidence) -> Evidence:
    """Whatever a case answered, another one of its key did, which opened when that had ended."""
    own = next(case for case in e.cases if any(k in e.marks for k in _marks_of(e, case)))
    later = {"opened_at": own.row.opened_at + 1, "id": "another"}
    opened = {**own.visits[0], "entered": own.row.case.entered + 1}
    other = replace(own, row=moved_on(own.row, **later), visits=[opened])
    marks = {key: {**e.marks[key], "case": "another"} for key in _marks_of(e, own)}
    return replace(e, cases=[*e.cases, other], marks={**e.marks, **marks})


def _marks_of(e: Evidence, case: CaseSeen) -> list[Any]:
    return [key for key, mark in e.marks.items() if mark.get("case") == case.row.id]


def _one_answer_missing(e: Evidence) -> Evidence:
    """Of an event that several workflows know, one has no answer, and the event is in quarantine all the same."""
    raw = next(raw for raw in e.sent if '"patient_transferred"' in raw or '"patient_discharged"' in raw)
    event = json.loads(raw)["detail"]
    lost = KEYRING.mark(event["facility"], event["event_id"], "oxygen")
    assert lost in e.marks
    row = {"reason": "no_case"}
    return replace(
        e,
        marks={key: mark for key, mark in e.marks.items() if key != lost},
        quarantined={**e.quarantined, KEYRING.quarantine(raw.encode()).sk: row},
    )


def _held_lost(e: Evidence) -> Evidence:
    return replace(e, early={})


def _entry_twice(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, journal=[*case.journal, case.journal[-1]])


def _another_fact(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, row=moved_on(case.row, case=replace(case.row.case, entered=1.0)))


def _commit_missing(e: Evidence) -> Evidence:
    case = _case(e)
    moves = [n for n, c in enumerate(case.commits) if any(w.key.sk.startswith("V#") for w in c.writes)]
    return _with(e, case, commits=[c for n, c in enumerate(case.commits) if n != moves[1]])


def _nobody_looks(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, meta={name: value for name, value in case.meta.items() if name != "look_at"})


def _long_past(e: Evidence) -> Evidence:
    return replace(e, now=e.now + 40 * 24 * 3600)


def _no_timer(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, executions=[one._replace(fires_at=None) for one in case.executions])


def _skipped(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, executions=[one._replace(path=one.path[:-1]) for one in case.executions])


def _still_running(e: Evidence) -> Evidence:
    case = _case(e, ended=True)
    return _with(e, case, executions=[one._replace(status="RUNNING") for one in case.executions])


def _entry_altered(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, journal=_changed(case.journal, 0, because="something else"))


def _visit_altered(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, visits=_changed(case.visits, 1, to="somewhere"))


def _place_closed(e: Evidence) -> Evidence:
    case = _case(e)
    place = {**e.places[case.row.correlation], "closed_at": 1.0}
    return replace(e, places={**e.places, case.row.correlation: place})


def _second_case(e: Evidence) -> Evidence:
    case = _case(e)
    return replace(e, cases=[*e.cases, replace(case, row=moved_on(case.row, id="another"))])


def _no_task_in_emr(e: Evidence) -> Evidence:
    return replace(e, emr_tasks=[])


def _task_twice_in_emr(e: Evidence) -> Evidence:
    return replace(e, emr_tasks=[*e.emr_tasks, e.emr_tasks[0]])


def _emr_says_else(e: Evidence) -> Evidence:
    return replace(e, emr_tasks=[{**task, "status": "failed"} for task in e.emr_tasks])


def _shown_less(e: Evidence) -> Evidence:
    return _with(e, _case(e), shown=0)


def _document_twice(e: Evidence) -> Evidence:
    document = {"status": "current", "identifier": [{"system": "https://example.org/document", "value": "a"}]}
    return replace(e, emr_documents=[*e.emr_documents, document, document])


def _note_lost(e: Evidence) -> Evidence:
    return replace(e, emr_notes={str(task["id"]): 7 for task in e.emr_tasks})


def _nothing_counted(e: Evidence) -> Evidence:
    return replace(e, counted={})


def _another_version(e: Evidence) -> Evidence:
    case = _case(e)
    return _with(e, case, row=moved_on(case.row, version=7))


def _patient_in_a_signal(e: Evidence) -> Evidence:
    return replace(e, outside=[*e.outside, '{"case": "c", "patient": "PAT-0001"}'])


def _person_in_a_metric(e: Evidence) -> Evidence:
    return replace(e, counted={**e.counted, ("HandOffs", (("owner", "RT-ALDER"),)): 1})


def _unexpected(e: Evidence) -> Evidence:
    return replace(e, unexpected=["intake: KeyError: 'state'"])


def _keyed(check: Callable[[Evidence, Keyring], Iterable[str]]) -> Callable[[Evidence], Iterable[str]]:
    return lambda evidence: check(evidence, KEYRING)


BROKEN: list[tuple[Callable[[Evidence], Iterable[str]], Breaks]] = [
    (invariants.one_owner, _task_never_closed),
    (invariants.one_owner, _two_owners_named),
    (invariants.one_owner, _entry_without_task),
    (invariants.asked_are_on_shift, _asked_off_shift),
    (invariants.orders_stand_once, _two_orders),
    (_keyed(invariants.every_event_answered), _mark_lost),
    (_keyed(invariants.every_event_answered), _mark_without_reason),
    (_keyed(invariants.every_event_answered), _one_answer_missing),
    (invariants.quarantine_counted, _not_counted_in_quarantine),
    (_keyed(invariants.answered_by_its_own_case), _next_case_answers),
    (_keyed(invariants.what_waits_is_there), _deferred_forgotten),
    (_keyed(invariants.what_waits_is_there), _held_lost),
    (invariants.nothing_twice, _entry_twice),
    (_keyed(invariants.as_if_in_order_and_once), _another_fact),
    (_keyed(invariants.as_if_in_order_and_once), _commit_missing),
    (invariants.every_wait_ends, _nobody_looks),
    (invariants.every_wait_ends, _long_past),
    (invariants.every_wait_ends, _no_timer),
    (invariants.executions_agree, _skipped),
    (invariants.executions_agree, _still_running),
    (invariants.journal_unbroken, _entry_altered),
    (invariants.journal_unbroken, _visit_altered),
    (invariants.one_open_case, _place_closed),
    (invariants.one_open_case, _second_case),
    (invariants.emr_agrees, _no_task_in_emr),
    (invariants.emr_agrees, _task_twice_in_emr),
    (invariants.emr_agrees, _emr_says_else),
    (invariants.emr_agrees, _shown_less),
    (invariants.documents_filed_once, _document_twice),
    (invariants.others_keep_what_they_wrote, _note_lost),
    (invariants.counted, _nothing_counted),
    (invariants.pinned, _another_version),
    (invariants.no_patient_outside, _patient_in_a_signal),
    (invariants.no_patient_outside, _person_in_a_metric),
    (invariants.no_unexpected_fault, _unexpected),
]


@pytest.mark.parametrize(("check", "breaks"), BROKEN, ids=[breaks.__name__.strip("_") for _, breaks in BROKEN])
def test_what_is_wrong_is_found(check: Callable[[Evidence], Iterable[str]], breaks: Breaks) -> None:
    assert list(check(_good())) == []
    assert list(check(breaks(_good()))) != []


def test_a_message_that_is_taken_for_new_again_is_found() -> None:
    hospital = hospital_of(0)
    assert played(hospital) == []
    hospital = hospital_of(0)
    with wired(hospital):
        hospital.begin()
        hospital.clock.run_until(hospital.story.ends_at + 30)
        hospital.come_to_rest()
    for row in list(hospital.table.memory.rows()):
        if row["pk"].startswith("EVENT#") and row["outcome"] == "ignored":
            hospital.table.memory.drop(row["pk"])
    assert hospital.redeliver() != []
