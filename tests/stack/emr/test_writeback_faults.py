"""What Baton writes to a real FHIR server is there once and right, whatever happens on the way."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.documentation import DocumentId
from functions.emr.filing import (
    Confirmed,
    Failed,
    Mismatch,
    Retracted,
    Sent,
    confirm_document,
    file_document,
    retract_document,
)
from functions.emr.ledger import InMemoryLedger, Ledger
from functions.emr.mirror import TaskMirror, TaskStatus
from functions.emr.results import Unknown
from functions.emr.sync import SyncOutcome, SyncResult, ensure_task
from functions.emr.task import task_differs
from functions.emr.transport import Response, Urllib3Transport
from local.emr.embedded import EmbeddedEmr
from local.emr.faults import FaultMode
from tests.unit.emr.cases import a_document, a_mirror

pytestmark = pytest.mark.stack

TASKS = "https://baton.example/fhir/task"
DOCUMENTS = "https://baton.example/fhir/document"
TRIES = 40
Result = TypeVar("Result")


class Site:
    """One case at one EMR, and the writers who look after it."""

    def __init__(self, emr: EmbeddedEmr) -> None:
        self.emr = emr
        self.case_id = uuid4().hex
        self.ledger = InMemoryLedger()
        self.client = FhirClient(emr.base_url, emr="north-emr", timeout_seconds=5)

    def mirror(self, **changes: Any) -> TaskMirror:
        return a_mirror(case_id=self.case_id, **changes)

    def ensure(self, ledger: Ledger | None = None, *, sweep: bool = False, **changes: Any) -> SyncResult:
        return ensure_task(
            self.client,
            ledger or self.ledger,
            self.mirror(**changes),
            at=datetime.now(UTC),
            look_for_duplicates=sweep,
        )

    def tasks(self) -> list[dict[str, Any]]:
        return self.emr.search("Task", identifier=f"{TASKS}|{self.case_id}")

    def only_task(self) -> dict[str, Any]:
        (task,) = self.tasks()
        return task

    def document_id(self) -> DocumentId:
        return DocumentId(self.case_id, 4)

    def documents(self) -> list[dict[str, Any]]:
        return self.emr.search("DocumentReference", identifier=f"{DOCUMENTS}|{self.document_id().source_id}")

    def file(self) -> object:
        document = a_document(id=self.document_id())
        return file_document(self.client, self.ledger, document, at=datetime.now(UTC), wait=lambda _: None)

    def confirm(self) -> object:
        return confirm_document(self.client, self.ledger, a_document(id=self.document_id()), at=datetime.now(UTC))

    def retract(self) -> object:
        return retract_document(self.client, self.ledger, self.document_id(), at=datetime.now(UTC))


@pytest.fixture
def site(emr: EmbeddedEmr) -> Site:
    return Site(emr)


def until_done(write: Callable[[], Result]) -> tuple[Result, int]:
    """Tries again as a queue's redelivery does; the result, and how many tries it took."""
    for tried in range(1, TRIES + 1):
        try:
            return write(), tried
        except EmrUnavailable:
            continue
    raise AssertionError(f"not done after {TRIES} tries")


def test_a_case_from_its_opening_to_its_end(site: Site) -> None:
    steps: list[dict[str, Any]] = [
        {"revision": 1},
        {
            "revision": 2,
            "person": "RT-LINDEN",
            "status": TaskStatus.IN_PROGRESS,
            "due": datetime(2026, 3, 2, tzinfo=UTC),
        },
        {"revision": 3, "role": "nurse", "reason": "Handed over at the end of the shift"},
        {"revision": 4, "status": TaskStatus.COMPLETED},
    ]
    for step in steps:
        assert site.ensure(**step).outcome is SyncOutcome.WRITTEN
        assert site.ensure(**step).outcome is SyncOutcome.UNCHANGED
        assert not task_differs(site.only_task(), site.mirror(**step))
    assert len(site.emr.history("Task", site.only_task()["id"])) == 4


@pytest.mark.parametrize("retry_after", [0, None], ids=["with Retry-After", "without"])
def test_a_storm_of_503_ends_in_one_task(site: Site, retry_after: float | None) -> None:
    site.emr.faults.add(FaultMode.STATUS, status=503, retry_after=retry_after, resource_type="Task", count=12)
    result, tried = until_done(site.ensure)
    assert (result.outcome, tried) == (SyncOutcome.WRITTEN, 13)
    assert len(site.tasks()) == 1


def without_conditional_create(site: Site) -> None:
    """Makes the EMR one that ignores If-None-Exist, as many do, so that nothing on its side prevents a second Task."""
    site.emr.faults.add(FaultMode.IGNORE_HEADERS, headers=["If-None-Exist"])


@pytest.mark.parametrize("hold_seconds", [0, None], ids=["connection breaks", "no answer"])
def test_a_create_that_was_done_and_never_answered_is_not_repeated(site: Site, hold_seconds: float | None) -> None:
    without_conditional_create(site)
    site.client = FhirClient(site.emr.base_url, emr="north-emr", timeout_seconds=0.5)
    site.emr.faults.add(FaultMode.TIMEOUT_AFTER_COMMIT, method="POST", hold_seconds=hold_seconds, count=1)
    result, tried = until_done(site.ensure)
    assert (result.outcome, tried) == (SyncOutcome.UNCHANGED, 2)
    assert len(site.tasks()) == 1


def test_a_create_that_was_not_done_is_repeated(site: Site) -> None:
    site.emr.faults.add(FaultMode.TIMEOUT_BEFORE, method="POST", hold_seconds=0, count=2)
    result, tried = until_done(site.ensure)
    assert (result.outcome, tried) == (SyncOutcome.WRITTEN, 3)
    assert len(site.tasks()) == 1


def test_under_a_lagging_index_the_ledger_prevents_a_second_task(site: Site) -> None:
    without_conditional_create(site)
    site.ensure()
    site.emr.faults.add(FaultMode.EMPTY_SEARCH)
    assert site.ensure(revision=2, role="nurse").outcome is SyncOutcome.WRITTEN
    assert site.ensure(revision=2, role="nurse", sweep=True).outcome is SyncOutcome.UNCHANGED
    site.emr.faults.clear()
    assert len(site.tasks()) == 1


class WhileAnotherWrites(Urllib3Transport):
    """Lets somebody else change the Task between this client's look and its update, once."""

    def __init__(self, change: Callable[[], object]) -> None:
        super().__init__()
        self._change: Callable[[], object] | None = change

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> Response:
        if method == "PUT" and self._change is not None:
            change, self._change = self._change, None
            change()
        return super().send(method, url, headers, body, timeout_seconds)


def test_a_note_written_meanwhile_is_not_lost(site: Site) -> None:
    site.ensure()
    note = [{"text": "patient is in radiology"}]
    transport = WhileAnotherWrites(lambda: site.emr.put(site.only_task() | {"note": note}))
    site.client = FhirClient(site.emr.base_url, emr="north-emr", transport=transport)
    result = site.ensure(revision=2, role="nurse")
    assert (result.outcome, result.conflicts) == (SyncOutcome.WRITTEN, 1)
    assert site.only_task()["note"] == note
    assert not task_differs(site.only_task(), site.mirror(role="nurse"))


@pytest.mark.parametrize("ledgers", [1, 8], ids=["one ledger", "each its own"])
def test_eight_writers_end_in_one_task(site: Site, ledgers: int) -> None:
    """With one ledger the writers are kept apart by it, with eight by the server's conditional create and versions."""
    kept = [InMemoryLedger() for _ in range(ledgers)]
    if ledgers == 1:
        without_conditional_create(site)

    def write(number: int) -> SyncResult:
        return until_done_apart(lambda: site.ensure(kept[number % ledgers], person=f"RT-{number}"))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(write, range(8)))
    assert {result.resource_id for result in results} == {site.only_task()["id"]}
    assert site.emr.search("Task", identifier=f"{TASKS}/retired|{site.case_id}") == [], "nor were there ever two"
    assert all(result.outcome in (SyncOutcome.WRITTEN, SyncOutcome.UNCHANGED) for result in results)


def until_done_apart(write: Callable[[], Result]) -> Result:
    """Tries again, with a breath in between, until nobody else holds the row."""
    for _ in range(2_000):
        try:
            return write()
        except EmrUnavailable:
            time.sleep(0.005)
    raise AssertionError("not done")


def test_duplicates_that_an_emr_made_are_retired_by_a_sweep(site: Site) -> None:
    without_conditional_create(site)
    first = site.ensure()
    site.ensure(InMemoryLedger())  # a ledger that was lost
    assert len(site.tasks()) == 2
    result = site.ensure(sweep=True)
    assert (result.resource_id, result.duplicates, result.retired) == (first.resource_id, 1, 1)
    assert site.only_task()["id"] == first.resource_id
    retired = site.emr.search("Task", identifier=f"{TASKS}/retired|{site.case_id}")
    assert [task["status"] for task in retired] == ["entered-in-error"]


def test_an_empty_answer_to_a_create_is_enough(site: Site) -> None:
    site.emr.faults.add(FaultMode.EMPTY_201, method="POST")
    result = site.ensure()
    assert (result.outcome, result.resource_id) == (SyncOutcome.WRITTEN, site.only_task()["id"])
    assert site.ensure(revision=2, role="nurse").resource_id == result.resource_id
    assert len(site.tasks()) == 1


def test_a_create_that_the_emr_rejects_is_a_value(site: Site) -> None:
    site.emr.faults.add(FaultMode.STATUS, status=422, method="POST", count=1)
    assert site.ensure().status == 422
    assert site.tasks() == []


def test_an_emr_that_is_down_and_comes_back(tmp_path: Path) -> None:
    with EmbeddedEmr(tmp_path) as emr:
        site = Site(emr)
        site.ensure()
        site.file()
        emr.kill()
        for act in (lambda: site.ensure(revision=2, role="nurse"), site.confirm, site.retract):
            with pytest.raises(EmrUnavailable):
                act()
        emr.start()
        assert site.ensure(revision=2, role="nurse").outcome is SyncOutcome.WRITTEN
        assert len(emr.history("Task", site.only_task()["id"])) == 2
        assert isinstance(site.confirm(), Confirmed)


def test_a_document_is_filed_confirmed_and_retracted_once(site: Site) -> None:
    assert isinstance(site.file(), Sent)
    assert isinstance(site.confirm(), Confirmed)
    assert isinstance(site.file(), Confirmed)
    assert isinstance(site.retract(), Retracted)
    assert isinstance(site.retract(), Retracted)
    assert site.file() == Failed(None, "retracted")
    assert [document["status"] for document in site.documents()] == ["entered-in-error"]


def test_a_document_filed_without_an_answer_is_found(site: Site) -> None:
    without_conditional_create(site)
    site.emr.faults.add(FaultMode.TIMEOUT_AFTER_COMMIT, method="POST", hold_seconds=0, count=1)
    assert isinstance(site.file(), Unknown)
    assert isinstance(site.file(), Confirmed)
    assert len(site.documents()) == 1


def test_a_document_changed_in_the_emr_is_a_mismatch(site: Site) -> None:
    site.file()
    (document,) = site.documents()
    site.emr.put(document | {"subject": {"reference": "Patient/P-0002"}})
    assert site.confirm() == Mismatch(document["id"], ("DocumentReference.subject",))
