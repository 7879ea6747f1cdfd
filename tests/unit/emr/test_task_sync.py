"""Every rule of the mirror: what is written, what is not, and what is known afterwards."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.emr.attempt import EmrUnavailable, WriteHeld
from functions.emr.client import FhirClient
from functions.emr.ledger import InMemoryLedger, LedgerRow, LedgerStatus
from functions.emr.sync import SyncOutcome, SyncResult, ensure_task, task_key
from functions.emr.task import task_resource
from functions.emr.transport import NoAnswer, NotSent, Response
from tests.unit.emr.cases import NOW, a_mirror
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer


class Writeback:
    """An EMR, the ledger of it, and the one who keeps the EMR up to date."""

    def __init__(self) -> None:
        self.emr = FakeEmr()
        self.ledger = InMemoryLedger()
        self.client = FhirClient(BASE_URL, emr="north-emr", transport=self.emr)

    def ensure(self, *, at: datetime = NOW, sweep: bool = False, **changes: Any) -> SyncResult:
        return ensure_task(self.client, self.ledger, a_mirror(**changes), at=at, look_for_duplicates=sweep)

    def row(self) -> LedgerRow:
        row = self.ledger.get(task_key(self.client, a_mirror()))
        assert row is not None
        return row

    def only_task(self) -> dict[str, Any]:
        (task,) = self.emr.all("Task")
        return task


@pytest.fixture
def writeback() -> Writeback:
    return Writeback()


def test_a_first_mirror_is_created_with_one_request(writeback: Writeback) -> None:
    result = writeback.ensure()
    assert result == SyncResult(SyncOutcome.WRITTEN, "id-1", "1")
    assert [request.method for request in writeback.emr.sent] == ["POST"]
    row = writeback.row()
    assert (row.status, row.resource_id, row.version, row.held_until) == (LedgerStatus.WRITTEN, "id-1", "1", None)


def test_a_repetition_changes_nothing(writeback: Writeback) -> None:
    writeback.ensure()
    assert writeback.ensure() == SyncResult(SyncOutcome.UNCHANGED, "id-1", "1")
    assert [request.method for request in writeback.emr.sent] == ["POST", "GET"]
    assert writeback.only_task()["meta"]["versionId"] == "1"


def test_a_change_updates_the_task_that_was_written(writeback: Writeback) -> None:
    writeback.ensure()
    assert writeback.ensure(revision=2, person="RT-LINDEN") == SyncResult(SyncOutcome.WRITTEN, "id-1", "2")
    assert writeback.only_task()["owner"]["identifier"]["value"] == "RT-LINDEN"
    assert writeback.row().version == "2"


def test_what_the_emr_forgot_is_repaired(writeback: Writeback) -> None:
    writeback.ensure()
    del writeback.only_task()["businessStatus"]
    assert writeback.ensure().outcome is SyncOutcome.WRITTEN
    assert writeback.ensure().outcome is SyncOutcome.UNCHANGED


def test_an_older_revision_never_replaces_a_newer_one(writeback: Writeback) -> None:
    writeback.ensure(revision=2, person="RT-LINDEN")
    assert writeback.ensure(revision=1) == SyncResult(SyncOutcome.SUPERSEDED)
    assert "owner" in writeback.only_task()


def test_an_older_revision_that_arrives_late_is_superseded_even_if_the_newer_one_failed(writeback: Writeback) -> None:
    writeback.emr.will("POST", answer(503, retry_after="1"))
    with pytest.raises(EmrUnavailable):
        writeback.ensure(revision=2)
    assert writeback.ensure(revision=1).outcome is SyncOutcome.SUPERSEDED
    assert writeback.emr.all("Task") == []


@pytest.mark.parametrize(
    ("said", "retry_after"),
    [(answer(503, retry_after="7"), 7.0), (answer(429, retry_after="3"), 3.0), (NotSent("x"), None)],
)
def test_a_busy_emr_is_tried_again_later(writeback: Writeback, said: Any, retry_after: float | None) -> None:
    writeback.emr.will("POST", said)
    with pytest.raises(EmrUnavailable) as caught:
        writeback.ensure()
    assert caught.value.retry_after == retry_after
    row = writeback.row()
    assert (row.status, row.held_until) == (LedgerStatus.PENDING, None)
    assert writeback.ensure().outcome is SyncOutcome.WRITTEN


UNKNOWN = [
    answer(503),
    answer(500),
    answer(504),
    answer(201),  # somewhere, under an id that it does not tell
    NoAnswer("ReadTimeoutError"),
]


@pytest.mark.parametrize("said", UNKNOWN)
def test_an_unknown_create_that_was_done_is_found(writeback: Writeback, said: Response | Exception) -> None:
    writeback.emr.knows_if_none_exist = False  # only the look before the create is in the way of a second Task
    writeback.emr.will("POST", said, after_commit=True)
    with pytest.raises(EmrUnavailable):
        writeback.ensure()
    assert writeback.row().status is LedgerStatus.UNKNOWN
    assert writeback.ensure() == SyncResult(SyncOutcome.UNCHANGED, "id-1", "1")
    assert writeback.emr.count("POST") == 1
    assert writeback.row().status is LedgerStatus.WRITTEN


@pytest.mark.parametrize("said", UNKNOWN)
def test_an_unknown_create_that_was_not_done_is_done(writeback: Writeback, said: Response | Exception) -> None:
    writeback.emr.will("POST", said)
    with pytest.raises(EmrUnavailable):
        writeback.ensure()
    assert writeback.ensure().outcome is SyncOutcome.WRITTEN
    assert len(writeback.emr.all("Task")) == 1


def test_an_unknown_create_whose_attempt_died_is_found(writeback: Writeback) -> None:
    writeback.emr.knows_if_none_exist = False
    key = task_key(writeback.client, a_mirror())
    writeback.ledger.begin(key, NOW, revision=1, lease=timedelta(seconds=60))
    writeback.emr.store(task_resource(a_mirror()))  # written, and nothing recorded
    with pytest.raises(WriteHeld) as caught:
        writeback.ensure(at=NOW + timedelta(seconds=20))
    assert caught.value.retry_after == 40.0
    assert writeback.ensure(at=NOW + timedelta(seconds=60)).outcome is SyncOutcome.UNCHANGED
    assert writeback.emr.count("POST") == 0


def test_where_only_the_server_knows_the_task_if_none_exist_prevents_a_second(writeback: Writeback) -> None:
    writeback.emr.store(task_resource(a_mirror()) | {"note": [{"text": "kept"}]})
    result = writeback.ensure(role="nurse")
    assert result == SyncResult(SyncOutcome.WRITTEN, "id-1", "2")
    assert writeback.only_task()["note"] == [{"text": "kept"}]


def test_what_the_ledger_knows_needs_no_search(writeback: Writeback) -> None:
    # An index that lags and an EMR without conditional create: only the ledger is in the way of a second Task.
    writeback.emr.knows_if_none_exist = False
    writeback.emr.search_sees_everything = False
    writeback.ensure()
    assert writeback.ensure(revision=2, role="nurse").resource_id == "id-1"
    assert len(writeback.emr.all("Task")) == 1


def test_a_sweep_under_a_lagging_index_still_reads_what_the_ledger_knows(writeback: Writeback) -> None:
    writeback.emr.knows_if_none_exist = False
    writeback.ensure()
    writeback.emr.search_sees_everything = False
    assert writeback.ensure(sweep=True).outcome is SyncOutcome.UNCHANGED
    assert len(writeback.emr.all("Task")) == 1


def once(method: str, act: Callable[[], object]) -> Callable[[str, str], None]:
    """Somebody else acts in the moment before the first request of this method is served."""
    pending = [act]

    def before(sent_method: str, _path: str) -> None:
        if sent_method == method and pending:
            pending.pop()()

    return before


def test_what_somebody_wrote_meanwhile_is_not_lost(writeback: Writeback) -> None:
    writeback.ensure()
    noted = writeback.only_task() | {"note": [{"text": "patient is in radiology"}]}
    writeback.emr.before = once("PUT", lambda: writeback.emr.store(noted))
    result = writeback.ensure(revision=2, role="nurse")
    assert (result.outcome, result.conflicts) == (SyncOutcome.WRITTEN, 1)
    assert writeback.only_task()["note"] == [{"text": "patient is in radiology"}]
    assert writeback.only_task()["performerType"][0]["coding"][0]["code"] == "nurse"


def test_a_task_that_never_comes_to_rest_is_left_for_later(writeback: Writeback) -> None:
    writeback.ensure()

    def disturb(method: str, _path: str) -> None:
        if method == "PUT":
            writeback.emr.store(writeback.only_task())

    writeback.emr.before = disturb
    with pytest.raises(EmrUnavailable, match="changed 5 times"):
        writeback.ensure(revision=2, role="nurse")
    assert writeback.emr.count("PUT") == 5
    writeback.emr.before = None
    assert writeback.ensure(revision=2, role="nurse").outcome is SyncOutcome.WRITTEN


@pytest.mark.parametrize("status", [409, 412])
def test_a_conflict_at_create_is_looked_into(writeback: Writeback, status: int) -> None:
    writeback.emr.store(task_resource(a_mirror()))
    writeback.emr.will("POST", answer(status))
    assert writeback.ensure() == SyncResult(SyncOutcome.UNCHANGED, "id-1", "1", conflicts=1)


def test_a_server_that_shows_another_task_at_create_is_not_believed(writeback: Writeback) -> None:
    theirs = writeback.emr.store(task_resource(a_mirror(case_id="decaf")))
    writeback.emr.will("POST", answer(200, theirs))
    assert writeback.ensure().resource_id == "id-2"
    assert writeback.emr.resources["Task", "id-1"] == theirs


def test_a_task_deleted_in_the_emr_is_made_again(writeback: Writeback) -> None:
    writeback.ensure()
    writeback.emr.resources.clear()
    assert writeback.ensure().outcome is SyncOutcome.WRITTEN
    assert len(writeback.emr.all("Task")) == 1


def test_a_task_deleted_between_look_and_update_is_made_again(writeback: Writeback) -> None:
    writeback.ensure()
    writeback.emr.before = once("PUT", writeback.emr.resources.clear)
    assert writeback.ensure(revision=2, role="nurse").outcome is SyncOutcome.WRITTEN
    assert len(writeback.emr.all("Task")) == 1


@pytest.mark.parametrize("after_commit", [True, False])
def test_an_unknown_update_is_looked_into(writeback: Writeback, *, after_commit: bool) -> None:
    writeback.ensure()
    writeback.emr.will("PUT", NoAnswer("ReadTimeoutError"), after_commit=after_commit)
    with pytest.raises(EmrUnavailable):
        writeback.ensure(revision=2, role="nurse")
    row = writeback.row()
    assert (row.status, row.resource_id) == (LedgerStatus.UNKNOWN, "id-1")
    result = writeback.ensure(revision=2, role="nurse")
    assert result.outcome is (SyncOutcome.UNCHANGED if after_commit else SyncOutcome.WRITTEN)
    assert writeback.only_task()["performerType"][0]["coding"][0]["code"] == "nurse"


def test_a_busy_emr_at_an_update_leaves_what_is_known(writeback: Writeback) -> None:
    writeback.ensure()
    writeback.emr.will("PUT", answer(429, retry_after="2"))
    with pytest.raises(EmrUnavailable):
        writeback.ensure(revision=2, role="nurse")
    assert (writeback.row().status, writeback.row().resource_id) == (LedgerStatus.WRITTEN, "id-1")


@pytest.mark.parametrize("said", [answer(503), NotSent("x"), NoAnswer("x"), answer(500)])
def test_an_emr_that_cannot_be_looked_into_is_tried_again(writeback: Writeback, said: Response | Exception) -> None:
    writeback.ensure()
    writeback.emr.will("GET", said)
    with pytest.raises(EmrUnavailable):
        writeback.ensure(revision=2, role="nurse")
    assert writeback.emr.count("PUT") == 0
    writeback.emr.will("GET", said)
    with pytest.raises(EmrUnavailable):
        writeback.ensure(revision=2, role="nurse", sweep=True)


def test_a_rejected_create_is_a_value_and_recorded(writeback: Writeback) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"code": "required", "expression": ["Task.owner"]}]}
    writeback.emr.will("POST", answer(422, outcome))
    result = writeback.ensure()
    assert (result.outcome, result.status, result.diagnostics) == (SyncOutcome.REJECTED, 422, "required Task.owner")
    assert writeback.row().status is LedgerStatus.REJECTED
    assert writeback.ensure(revision=2).outcome is SyncOutcome.WRITTEN, "the next change may be acceptable"


def test_a_rejected_update_keeps_the_task_known(writeback: Writeback) -> None:
    writeback.ensure()
    writeback.emr.will("PUT", answer(405))
    assert writeback.ensure(revision=2, role="nurse").status == 405
    row = writeback.row()
    assert (row.status, row.resource_id) == (LedgerStatus.REJECTED, "id-1")


@pytest.mark.parametrize("sweep", [True, False])
def test_a_rejected_look_changes_nothing(writeback: Writeback, *, sweep: bool) -> None:
    writeback.ensure()
    writeback.emr.will("GET", answer(403))
    result = writeback.ensure(revision=2, role="nurse", sweep=sweep)
    assert (result.outcome, result.status) == (SyncOutcome.REJECTED, 403)
    assert writeback.row().status is LedgerStatus.WRITTEN
    assert writeback.emr.count("PUT") == 0


def test_an_emr_without_versions_is_updated_without_a_condition(writeback: Writeback) -> None:
    writeback.emr.knows_versions = False
    writeback.ensure()
    assert writeback.ensure(revision=2, role="nurse") == SyncResult(SyncOutcome.WRITTEN, "id-1", None)
    assert "if-match" not in writeback.emr.sent[-1].headers


def test_of_duplicates_the_one_that_the_ledger_knows_is_kept(writeback: Writeback) -> None:
    stray = writeback.emr.store(task_resource(a_mirror()) | {"id": "stray"})
    writeback.emr.knows_if_none_exist = False
    kept = writeback.ensure().resource_id
    result = writeback.ensure(sweep=True)
    assert (result.resource_id, result.duplicates, result.retired) == (kept, 1, 1)
    retired = writeback.emr.resources["Task", stray["id"]]
    assert retired["status"] == "entered-in-error"
    assert retired["identifier"][0]["system"] == "https://baton.example/fhir/task/retired"
    assert writeback.ensure(sweep=True).duplicates == 0


def test_of_duplicates_unknown_to_the_ledger_the_oldest_is_kept(writeback: Writeback) -> None:
    for _ in range(3):
        writeback.emr.store(task_resource(a_mirror()))
    result = writeback.ensure(sweep=True)
    assert (result.resource_id, result.duplicates, result.retired) == ("id-1", 2, 2)
    assert [task["id"] for task in writeback.emr.all("Task", status="requested")] == ["id-1"]


def test_a_duplicate_that_is_in_error_already_is_not_the_one_kept(writeback: Writeback) -> None:
    writeback.emr.store(task_resource(a_mirror()) | {"status": "entered-in-error"})
    writeback.emr.store(task_resource(a_mirror()))
    assert writeback.ensure(sweep=True).resource_id == "id-2"


def test_a_duplicate_that_cannot_be_retired_now_is_counted_and_left(writeback: Writeback) -> None:
    for _ in range(2):
        writeback.emr.store(task_resource(a_mirror()))
    writeback.emr.will("PUT", answer(503))
    result = writeback.ensure(sweep=True)
    assert (result.outcome, result.duplicates, result.retired) == (SyncOutcome.UNCHANGED, 1, 0)
    assert writeback.ensure(sweep=True).retired == 1


def test_several_matches_of_the_condition_are_cleared_up(writeback: Writeback) -> None:
    for _ in range(2):
        writeback.emr.store(task_resource(a_mirror()))
    result = writeback.ensure()  # a 412 for If-None-Exist
    assert (result.outcome, result.retired, result.conflicts) == (SyncOutcome.UNCHANGED, 1, 1)


def test_others_tasks_are_never_taken_for_duplicates(writeback: Writeback) -> None:
    for case_id in ("decaf", "facade"):
        writeback.emr.store(task_resource(a_mirror(case_id=case_id)))
    everything = [{"resource": task} for task in writeback.emr.all("Task")]
    writeback.emr.will("GET", answer(200, {"resourceType": "Bundle", "entry": everything}))
    assert writeback.ensure(sweep=True).duplicates == 0
    assert len(writeback.emr.all("Task", status="requested")) == 3


def test_an_attempt_that_lost_its_hold_does_not_record_over_its_successor(writeback: Writeback) -> None:
    writeback.ensure()

    def take_over() -> None:
        key = task_key(writeback.client, a_mirror())
        writeback.ledger.begin(key, NOW + timedelta(hours=1), revision=2, lease=timedelta(seconds=60))

    writeback.emr.before = once("PUT", take_over)
    with pytest.raises(WriteHeld, match="took over"):
        writeback.ensure(revision=2, role="nurse")
    assert writeback.row().attempt == 3
    assert writeback.row().held_until is not None


def test_a_fault_of_our_own_lets_go_of_the_row(writeback: Writeback) -> None:
    writeback.emr.before = once("POST", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        writeback.ensure()
    assert (writeback.row().status, writeback.row().held_until) == (LedgerStatus.PENDING, None)


def test_many_writers_of_one_case_end_in_one_task(writeback: Writeback) -> None:
    writeback.emr.knows_if_none_exist = False  # the ledger alone keeps them apart
    in_the_middle, others_tried = threading.Event(), threading.Event()
    results: list[object] = []

    def hold(_method: str, _path: str) -> None:
        in_the_middle.set()
        assert others_tried.wait(10)

    writeback.emr.before = hold
    first = threading.Thread(target=lambda: results.append(writeback.ensure()))
    first.start()
    assert in_the_middle.wait(10)
    for _ in range(7):
        with pytest.raises(WriteHeld):
            writeback.ensure()
    others_tried.set()
    first.join(10)
    assert results == [SyncResult(SyncOutcome.WRITTEN, "id-1", "1")]
    assert len(writeback.emr.all("Task")) == 1
