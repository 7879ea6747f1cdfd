"""A document is filed once, read back, and taken back for good."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.emr.attempt import LEASE, SETTLES, Attempt, EmrUnavailable, WriteHeld, begin
from functions.emr.client import FhirClient
from functions.emr.document import document_resource
from functions.emr.filing import (
    Confirmed,
    ConfirmResult,
    Failed,
    FileResult,
    Mismatch,
    Retracted,
    RetractResult,
    Sent,
    confirm_document,
    document_key,
    file_document,
    retire_doubles,
    retract_document,
)
from functions.emr.ledger import InMemoryLedger, LedgerRow, LedgerStatus
from functions.emr.results import Missing, Unknown
from functions.emr.transport import NoAnswer, NotSent, Response
from tests.unit.emr.cases import NOW, a_document
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer


class Filing:
    """An EMR, the ledger of it, and the system state that works with them."""

    def __init__(self) -> None:
        self.emr = FakeEmr()
        self.ledger = InMemoryLedger()
        self.client = FhirClient(BASE_URL, emr="north-emr", transport=self.emr)
        self.waited: list[float] = []

    def file(self, at: datetime = NOW, **changes: Any) -> FileResult:
        return file_document(self.client, self.ledger, a_document(**changes), at=at, wait=self.waited.append)

    def confirm(self) -> ConfirmResult:
        return confirm_document(self.client, self.ledger, a_document(), at=NOW)

    def retract(self) -> RetractResult:
        return retract_document(self.client, self.ledger, a_document().id, at=NOW)

    def look(self) -> int:
        return retire_doubles(self.client, self.ledger, a_document().id, at=NOW)

    def row(self) -> LedgerRow:
        row = self.ledger.get(document_key(self.client, a_document().id))
        assert row is not None
        return row

    def only_document(self) -> dict[str, Any]:
        (document,) = self.emr.all("DocumentReference")
        return document


@pytest.fixture
def filing() -> Filing:
    return Filing()


def test_a_document_is_sent_then_confirmed(filing: Filing) -> None:
    assert filing.file() == Sent("id-1")
    assert filing.row().status is LedgerStatus.WRITTEN
    assert filing.confirm() == Confirmed("id-1")
    assert [request.method for request in filing.emr.sent] == ["POST", "GET", "GET"]


def test_filing_again_files_nothing(filing: Filing) -> None:
    filing.file()
    assert filing.file() == Confirmed("id-1")
    assert filing.emr.count("POST") == 1


def test_an_answer_without_a_body_is_enough(filing: Filing) -> None:
    location = f"{BASE_URL}/DocumentReference/id-1/_history/1"
    filing.emr.will("POST", answer(201, None, location=location), after_commit=True)
    assert filing.file() == Sent("id-1")
    assert filing.confirm() == Confirmed("id-1")


@pytest.mark.parametrize("said", [answer(503), answer(500), NoAnswer("ReadTimeoutError"), answer(201)])
@pytest.mark.parametrize("after_commit", [True, False])
def test_after_unknown_it_looks_first(filing: Filing, said: Response | Exception, *, after_commit: bool) -> None:
    filing.emr.knows_if_none_exist = False
    filing.emr.will("POST", said, after_commit=after_commit)
    assert isinstance(filing.file(), Unknown)
    assert filing.row().status is LedgerStatus.UNKNOWN
    assert filing.file() == (Confirmed("id-1") if after_commit else Sent("id-1"))
    assert len(filing.emr.all("DocumentReference")) == 1


def test_unknown_can_be_resolved_by_confirming(filing: Filing) -> None:
    filing.emr.will("POST", NoAnswer("ReadTimeoutError"), after_commit=True)
    filing.file()
    assert filing.confirm() == Confirmed("id-1")
    assert filing.row().status is LedgerStatus.WRITTEN


def test_what_is_nowhere_is_missing(filing: Filing) -> None:
    filing.emr.will("POST", NoAnswer("ReadTimeoutError"))
    filing.file()
    assert filing.confirm() == Missing()


@pytest.mark.parametrize("said", [answer(503, retry_after="5"), answer(429, retry_after="5")])
def test_a_busy_emr_is_tried_again_later(filing: Filing, said: Response) -> None:
    filing.emr.will("POST", said)
    with pytest.raises(EmrUnavailable) as caught:
        filing.file()
    assert caught.value.retry_after == 5.0
    assert filing.row().status is LedgerStatus.PENDING
    assert filing.file() == Sent("id-1")


def test_a_rejection_is_final_and_says_why(filing: Filing) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"code": "business-rule"}]}
    filing.emr.will("POST", answer(422, outcome))
    assert filing.file() == Failed(422, "business-rule")
    assert filing.row().status is LedgerStatus.REJECTED


def test_a_document_that_says_something_else_is_a_mismatch_and_left_alone(filing: Filing) -> None:
    filing.file()
    filing.only_document()["subject"] = {"reference": "Patient/P-0002"}
    before = dict(filing.only_document())
    assert filing.confirm() == Mismatch("id-1", ("DocumentReference.subject",))
    assert filing.file() == Mismatch("id-1", ("DocumentReference.subject",))
    assert filing.only_document() == before


def test_a_document_filed_by_a_lost_attempt_is_compared(filing: Filing) -> None:
    filing.emr.store(document_resource(a_document()))
    assert filing.file() == Confirmed("id-1")
    assert len(filing.emr.all("DocumentReference")) == 1


def test_a_conflict_is_looked_into(filing: Filing) -> None:
    filing.emr.store(document_resource(a_document()))
    filing.emr.will("POST", answer(409))
    assert filing.file() == Confirmed("id-1")


def test_conflicts_over_nothing_are_given_up(filing: Filing) -> None:
    for _ in range(6):
        filing.emr.will("POST", answer(409))
        filing.emr.will("GET", answer(200, {"resourceType": "Bundle"}))
    with pytest.raises(EmrUnavailable, match="5 conflicts"):
        filing.file()
    assert filing.emr.count("POST") == 5


def test_a_document_removed_from_the_emr_is_not_filed_again(filing: Filing) -> None:
    filing.file()
    filing.emr.resources.clear()
    assert filing.confirm() == Mismatch("id-1", ("DocumentReference",))
    assert filing.file() == Mismatch("id-1", ("DocumentReference",))
    assert filing.emr.all("DocumentReference") == []


def test_duplicates_are_reduced_to_one(filing: Filing) -> None:
    for _ in range(2):
        filing.emr.store(document_resource(a_document()))
    assert filing.confirm() == Confirmed("id-1")
    assert [document["id"] for document in filing.emr.all("DocumentReference", status="current")] == ["id-1"]


def test_a_retraction_marks_the_document(filing: Filing) -> None:
    filing.file()
    assert filing.retract() == Retracted("id-1")
    assert filing.only_document()["status"] == "entered-in-error"
    assert filing.row().status is LedgerStatus.RETRACTED


def test_a_retraction_is_repeatable(filing: Filing) -> None:
    filing.file()
    filing.retract()
    assert filing.retract() == Retracted("id-1")
    assert filing.emr.count("PUT") == 1


def test_what_was_retracted_is_never_filed_again(filing: Filing) -> None:
    assert filing.retract() == Retracted(None)
    assert filing.file() == Failed(None, "retracted")
    assert filing.confirm() == Failed(None, "retracted")
    assert filing.emr.all("DocumentReference") == []


def test_what_somebody_retracted_in_the_emr_is_not_filed_again(filing: Filing) -> None:
    filing.file()
    filing.only_document()["status"] = "entered-in-error"
    assert filing.confirm() == Failed(None, "retracted")
    assert filing.file() == Failed(None, "retracted")
    assert filing.emr.count("POST") == 1


def test_a_retraction_finds_what_an_unknown_filing_left(filing: Filing) -> None:
    filing.emr.will("POST", NoAnswer("ReadTimeoutError"), after_commit=True)
    filing.file()
    assert filing.retract() == Retracted("id-1")
    assert filing.only_document()["status"] == "entered-in-error"


def test_a_retraction_under_a_lagging_index_reads_what_the_ledger_knows(filing: Filing) -> None:
    filing.file()
    filing.emr.search_sees_everything = False
    assert filing.retract() == Retracted("id-1")
    assert filing.only_document()["status"] == "entered-in-error"


def once(act: Callable[[], object]) -> Callable[[str, str], None]:
    pending = [act]

    def before(method: str, _path: str) -> None:
        if method == "PUT" and pending:
            pending.pop()()

    return before


def test_a_retraction_keeps_what_somebody_wrote_meanwhile(filing: Filing) -> None:
    filing.file()
    described = filing.only_document() | {"description": "filed by the RT"}
    filing.emr.before = once(lambda: filing.emr.store(described))
    assert filing.retract() == Retracted("id-1")
    assert (filing.only_document()["status"], filing.only_document()["description"]) == (
        "entered-in-error",
        "filed by the RT",
    )


@pytest.mark.parametrize("said", [answer(503), answer(429), NoAnswer("x"), NotSent("x")])
def test_a_retraction_that_did_not_arrive_is_tried_again(filing: Filing, said: Response | Exception) -> None:
    filing.file()
    filing.emr.before = once(lambda: filing.emr.will("PUT", said))
    with pytest.raises(EmrUnavailable):
        filing.retract()
    assert filing.row().status is LedgerStatus.WRITTEN
    assert filing.retract() == Retracted("id-1")


def test_a_refused_retraction_is_a_failure_that_somebody_must_own(filing: Filing) -> None:
    filing.file()
    filing.emr.before = once(lambda: filing.emr.will("PUT", answer(405)))
    assert filing.retract() == Failed(405, "")
    assert filing.row().status is LedgerStatus.WRITTEN


@pytest.mark.parametrize("act", [Filing.file, Filing.confirm, Filing.retract])
def test_an_emr_that_cannot_be_looked_into(filing: Filing, act: Callable[[Filing], object]) -> None:
    filing.file()
    filing.emr.will("GET", answer(503))
    with pytest.raises(EmrUnavailable):
        act(filing)
    filing.emr.will("GET", answer(403))
    assert act(filing) == Failed(403, "")


def test_nobody_retracts_while_somebody_files(filing: Filing) -> None:
    def retract_meanwhile(method: str, _path: str) -> None:
        if method == "POST":
            with pytest.raises(WriteHeld):
                filing.retract()

    filing.emr.before = retract_meanwhile
    assert filing.file() == Sent("id-1")


def test_an_attempt_that_died_is_taken_over(filing: Filing) -> None:
    key = document_key(filing.client, a_document().id)
    filing.ledger.begin(key, NOW, revision=0, lease=timedelta(seconds=60))
    with pytest.raises(WriteHeld):
        filing.file()
    assert filing.file(at=NOW + timedelta(seconds=60)) == Sent("id-1")


# ── two attempts at once, in an EMR that does not know If-None-Exist ─────────────────────────────────────────────────────


def with_a_hasty_successor(filing: Filing) -> None:
    """Step Functions gives up an attempt and begins the next one while the first is about to file."""
    filing.emr.knows_if_none_exist = False
    filing.ledger = filing.ledger.held_by("1.4")

    def before(method: str, _path: str) -> None:
        if method == "POST":
            filing.emr.before = None
            filing.file()

    filing.emr.before = before


def current(filing: Filing) -> list[str]:
    return [document["id"] for document in filing.emr.all("DocumentReference", status="current")]


def test_what_a_late_attempt_filed_beside_its_successor_is_taken_back(filing: Filing) -> None:
    with_a_hasty_successor(filing)
    with pytest.raises(WriteHeld, match="taken back"):
        filing.file()
    assert len(filing.emr.all("DocumentReference")) == 2
    assert current(filing) == [filing.row().resource_id]
    assert filing.confirm() == Confirmed(str(filing.row().resource_id))
    assert filing.waited == [SETTLES.total_seconds()], "the successor waited, in case the first one's came to light"


@pytest.mark.parametrize("said", [answer(503), answer(412), NoAnswer("x")])
def test_taking_back_is_tried_again(filing: Filing, said: Response | Exception) -> None:
    with_a_hasty_successor(filing)
    filing.emr.will("PUT", said)
    with pytest.raises(WriteHeld, match="taken back"):
        filing.file()
    assert current(filing) == [filing.row().resource_id]
    assert filing.waited[-1] == 1.0


def test_what_cannot_be_taken_back_now_is_left_to_the_daily_look(filing: Filing) -> None:
    with_a_hasty_successor(filing)
    filing.emr.will("PUT", answer(503), times=5)
    with pytest.raises(EmrUnavailable, match="could not be taken back"):
        filing.file()
    kept = filing.row()
    assert len(current(filing)) == 2
    assert retire_doubles(filing.client, filing.ledger, a_document().id, at=NOW) == 1
    assert current(filing) == [kept.resource_id]
    assert filing.row() == replace(kept, attempt=kept.attempt + 1)
    assert retire_doubles(filing.client, filing.ledger, a_document().id, at=NOW) == 0


def test_what_is_filed_after_its_retraction_is_taken_back(filing: Filing) -> None:
    filing.emr.knows_if_none_exist = False
    filing.ledger = filing.ledger.held_by("1.4")

    def before(method: str, _path: str) -> None:
        if method == "POST":
            filing.emr.before = None
            assert filing.retract() == Retracted(None)

    filing.emr.before = before
    with pytest.raises(WriteHeld, match="taken back"):
        filing.file()
    assert current(filing) == []
    assert filing.row().status is LedgerStatus.RETRACTED


def refused_beside_a_late_attempt(filing: Filing) -> Callable[[], None]:
    """The successor of a late attempt is refused before the late one's document is there."""
    filing.emr.knows_if_none_exist = False
    filing.ledger = filing.ledger.held_by("1.4")

    def before(method: str, _path: str) -> None:
        if method == "POST":
            filing.emr.before = None
            refused = begin(filing.ledger, document_key(filing.client, a_document().id), NOW)
            assert isinstance(refused, Attempt)
            refused.record(LedgerStatus.REJECTED)

    def files() -> None:
        filing.emr.before = before
        filing.file()

    return files


def test_what_is_filed_after_its_successor_was_refused_is_taken_back(filing: Filing) -> None:
    """The case says that it failed: nobody would ever look for it."""
    with pytest.raises(WriteHeld, match="taken back"):
        refused_beside_a_late_attempt(filing)()
    assert current(filing) == []
    assert filing.row().status is LedgerStatus.REJECTED


def test_the_daily_look_takes_back_what_came_after_the_refusal(filing: Filing) -> None:
    filing.emr.will("PUT", answer(503), times=5)
    with pytest.raises(EmrUnavailable, match="could not be taken back"):
        refused_beside_a_late_attempt(filing)()
    assert current(filing) == ["id-1"]
    assert filing.look() == 1
    assert current(filing) == []
    assert filing.look() == 0


def test_what_was_refused_is_undecided_while_it_is_tried_anew(filing: Filing) -> None:
    filing.ledger = filing.ledger.held_by("1.4")
    key = document_key(filing.client, a_document().id)
    late = begin(filing.ledger, key, NOW)
    refused = begin(filing.ledger, key, NOW)
    assert isinstance(late, Attempt)
    assert isinstance(refused, Attempt)
    refused.record(LedgerStatus.REJECTED)
    begin(filing.ledger, key, NOW)
    with pytest.raises(WriteHeld, match="took over"):
        late.keeps("id-1", None, filing.waited.append)
    assert filing.waited == [SETTLES.total_seconds()]


def test_what_the_successor_has_found_is_not_taken_back(filing: Filing) -> None:
    """It looked when the first one's document was there, and the first has not heard of it yet."""
    filing.ledger = first = filing.ledger.held_by("1.4")
    original = first.record

    def late(*arguments: Any, **named: Any) -> bool:
        first.record = original  # type: ignore[method-assign]
        assert filing.file() == Confirmed("id-1")
        return original(*arguments, **named)

    first.record = late  # type: ignore[method-assign]
    with pytest.raises(WriteHeld, match="took over"):
        filing.file()
    assert current(filing) == ["id-1"]


def is_taken_over(filing: Filing) -> None:
    """While it creates, another attempt takes its row of the ledger over."""
    key = document_key(filing.client, a_document().id)

    def taken_over(method: str, _path: str) -> None:
        if method == "POST":
            filing.emr.before = None
            filing.ledger.begin(key, NOW, revision=0, lease=LEASE)

    filing.emr.before = taken_over


def test_a_late_attempt_waits_for_what_its_successor_decides(filing: Filing) -> None:
    filing.emr.knows_if_none_exist = False
    filing.ledger = filing.ledger.held_by("1.4")
    is_taken_over(filing)
    with pytest.raises(WriteHeld, match="took over"):
        filing.file()
    assert filing.waited == [SETTLES.total_seconds()]
    assert current(filing) == ["id-1"], "whoever is at work finds it"


def decides_while_waited_for(filing: Filing, resource_id: str) -> Callable[[float], None]:
    key = document_key(filing.client, a_document().id)

    def wait(_: float) -> None:
        row = filing.row()
        filing.ledger.record(key, row.attempt, LedgerStatus.WRITTEN, NOW, resource_id=resource_id, version=None)

    return wait


@pytest.mark.parametrize(("decided", "left"), [("id-1", ["id-1"]), ("another", [])])
def test_what_was_decided_meanwhile_counts(filing: Filing, decided: str, left: list[str]) -> None:
    filing.ledger = filing.ledger.held_by("1.4")
    is_taken_over(filing)
    wait = decides_while_waited_for(filing, decided)
    with pytest.raises(WriteHeld):
        file_document(filing.client, filing.ledger, a_document(), at=NOW, wait=wait)
    assert current(filing) == left


# ── a search that does not show yet what was filed ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("died", [True, False])
def test_nothing_is_filed_again_before_a_search_must_show_it(filing: Filing, *, died: bool) -> None:
    filing.emr.knows_if_none_exist = filing.emr.search_sees_everything = False
    filing.ledger = filing.ledger.held_by("1.4")
    if died:
        filing.ledger.begin(document_key(filing.client, a_document().id), NOW, revision=0, lease=LEASE)
        filing.emr.store(document_resource(a_document()))
    else:
        filing.emr.will("POST", NoAnswer("ReadTimeoutError"), after_commit=True)
        filing.file()

    def shows(seconds: float) -> None:
        filing.waited.append(seconds)
        filing.emr.search_sees_everything = True

    assert file_document(filing.client, filing.ledger, a_document(), at=NOW, wait=shows) == Confirmed("id-1")
    assert filing.waited == [SETTLES.total_seconds()]
    assert len(filing.emr.all("DocumentReference")) == 1


def test_what_is_not_there_after_that_is_filed(filing: Filing) -> None:
    filing.emr.will("POST", NoAnswer("ReadTimeoutError"))
    filing.file()
    assert filing.file() == Sent("id-1")
    assert filing.waited == [SETTLES.total_seconds()]


def test_what_was_surely_not_filed_is_not_waited_for(filing: Filing) -> None:
    filing.emr.will("POST", answer(503, retry_after="5"))
    with pytest.raises(EmrUnavailable):
        filing.file()
    assert filing.file() == Sent("id-1")
    assert filing.waited == []


def test_what_was_undecided_long_ago_is_not_waited_for(filing: Filing) -> None:
    filing.emr.will("POST", NoAnswer("ReadTimeoutError"))
    filing.file()
    assert filing.file(at=NOW + LEASE + SETTLES) == Sent("id-1")
    assert filing.waited == []


def test_it_stays_undecided_until_somebody_knows(filing: Filing) -> None:
    filing.ledger = filing.ledger.held_by("1.4")
    filing.ledger.begin(document_key(filing.client, a_document().id), NOW, revision=0, lease=LEASE)
    filing.emr.search_sees_everything = False
    filing.emr.will("POST", NotSent("refused"))
    with pytest.raises(EmrUnavailable):
        filing.file()
    assert filing.row().status is LedgerStatus.UNKNOWN


def test_what_was_retracted_stays_so_though_an_attempt_died(filing: Filing) -> None:
    filing.retract()
    key = document_key(filing.client, a_document().id)
    filing.ledger = filing.ledger.held_by("1.4")
    filing.ledger.begin(key, NOW, revision=0, lease=LEASE)
    assert filing.file() == Failed(None, "retracted")
    assert filing.row().status is LedgerStatus.RETRACTED


# ── what is there more than once ─────────────────────────────────────────────────────────────────────────────────────────


def test_reading_back_retires_what_is_there_beside_what_is_known(filing: Filing) -> None:
    filing.file()
    filing.emr.resources = {
        ("DocumentReference", "id-0"): {**filing.only_document(), "id": "id-0"},
        **filing.emr.resources,
    }
    assert filing.confirm() == Confirmed("id-1")
    assert current(filing) == ["id-1"]


def test_where_nobody_may_search_what_is_known_is_read_back(filing: Filing) -> None:
    filing.file()

    def no_search(method: str, path: str) -> None:
        if (method, path) == ("GET", "DocumentReference"):
            filing.emr.will("GET", answer(403))

    filing.emr.before = no_search
    assert filing.confirm() == Confirmed("id-1")
    assert retire_doubles(filing.client, filing.ledger, a_document().id, at=NOW) == 0


def test_a_retraction_is_of_what_is_known_though_the_search_shows_another(filing: Filing) -> None:
    filing.file()
    filing.emr.store(document_resource(a_document()))
    assert filing.retract() == Retracted("id-1")
    assert current(filing) == []


def test_a_double_that_a_person_takes_up_in_that_moment_is_not_retired(filing: Filing) -> None:
    filing.file()
    double = filing.emr.store(document_resource(a_document()))
    filing.emr.before = once(lambda: filing.emr.store(double | {"description": "signed by hand"}))
    with pytest.raises(EmrUnavailable, match="one too many"):
        filing.look()
    assert filing.emr.resources["DocumentReference", double["id"]]["description"] == "signed by hand"
    assert current(filing) == ["id-1", double["id"]]


def arrives_late(filing: Filing) -> str:
    """What an attempt filed without an answer is there after all; its id."""
    return str(filing.emr.store(document_resource(a_document()))["id"])


def gets_no_answer(filing: Filing) -> None:
    filing.emr.will("POST", NoAnswer("ReadTimeoutError"))
    assert isinstance(filing.file(), Unknown)


def test_the_daily_look_takes_back_what_came_after_the_retraction(filing: Filing) -> None:
    gets_no_answer(filing)
    filing.retract()
    arrives_late(filing)
    assert retire_doubles(filing.client, filing.ledger, a_document().id, at=NOW) == 1
    assert current(filing) == []
    assert filing.row().status is LedgerStatus.RETRACTED
    assert retire_doubles(filing.client, filing.ledger, a_document().id, at=NOW) == 0


def test_what_came_after_the_retraction_and_a_person_takes_up_in_that_moment_is_not_retired(filing: Filing) -> None:
    gets_no_answer(filing)
    filing.retract()
    late = arrives_late(filing)
    taken_up = filing.emr.resources["DocumentReference", late] | {"description": "signed by hand"}
    filing.emr.before = once(lambda: filing.emr.store(taken_up))
    with pytest.raises(EmrUnavailable, match="one too many"):
        filing.look()
    assert filing.emr.resources["DocumentReference", late]["description"] == "signed by hand"
    assert current(filing) == [late]


NOT_NOW = [answer(503), answer(412), answer(403), NoAnswer("ReadTimeoutError")]
GONE = [answer(404), answer(410)]


@pytest.mark.parametrize("retracted", [True, False])
@pytest.mark.parametrize("said", NOT_NOW)
def test_the_daily_look_does_not_end_while_one_too_many_is_there(
    filing: Filing, said: Response | Exception, *, retracted: bool
) -> None:
    filing.file()
    if retracted:
        filing.retract()
    arrives_late(filing)
    filing.emr.before = once(lambda: filing.emr.will("PUT", said))
    with pytest.raises(EmrUnavailable, match="one too many"):
        filing.look()
    assert filing.look() == 1
    assert current(filing) == ([] if retracted else ["id-1"])


@pytest.mark.parametrize("retracted", [True, False])
@pytest.mark.parametrize("said", GONE)
def test_what_somebody_deletes_in_that_moment_is_none_too_many(
    filing: Filing, said: Response, *, retracted: bool
) -> None:
    filing.file()
    if retracted:
        filing.retract()
    late = arrives_late(filing)

    def deleted() -> None:
        del filing.emr.resources["DocumentReference", late]
        filing.emr.will("PUT", said)

    filing.emr.before = once(deleted)
    filing.look()
    assert filing.look() == 0


def refused_and_there(filing: Filing) -> None:
    """The first attempt gets no answer, the second is refused; then the first one's is there."""
    gets_no_answer(filing)
    filing.emr.will("POST", answer(422))
    assert filing.file() == Failed(422, "")
    arrives_late(filing)


def looks(filing: Filing) -> int:
    return retire_doubles(filing.client, filing.ledger, a_document().id, at=NOW, counted_on=True)


def test_what_came_after_the_refusal_and_is_counted_on_stays_and_is_known(filing: Filing) -> None:
    refused_and_there(filing)
    filing.emr.store(document_resource(a_document()))
    assert looks(filing) == 1
    (kept,) = current(filing)
    assert (filing.row().status, filing.row().resource_id) == (LedgerStatus.WRITTEN, kept)
    assert filing.confirm() == Confirmed(kept)
    assert filing.retract() == Retracted(kept)


def test_what_came_after_the_refusal_and_is_not_counted_on_is_taken_back(filing: Filing) -> None:
    refused_and_there(filing)
    assert filing.look() == 1
    assert current(filing) == []


def test_what_was_retracted_is_counted_on_by_nobody(filing: Filing) -> None:
    gets_no_answer(filing)
    filing.retract()
    arrives_late(filing)
    assert looks(filing) == 1
    assert current(filing) == []
    assert filing.row().status is LedgerStatus.RETRACTED


# ── what a person did with it ────────────────────────────────────────────────────────────────────────────────────────────

ACTS = [Filing.file, Filing.confirm, Filing.retract, Filing.look]


def another(filing: Filing, **changes: Any) -> str:
    """A person files a document under the same identifier; its id."""
    stored = filing.emr.store(document_resource(a_document()) | changes)
    return str(stored["id"])


def amended(filing: Filing) -> str:
    """A person files an amendment, and the document before it is superseded."""
    before = filing.only_document()
    filing.emr.store(before | {"status": "superseded"})
    target = {"reference": f"DocumentReference/{before['id']}"}
    return another(filing, relatesTo=[{"code": "replaces", "target": target}])


def test_the_right_copy_beside_one_that_was_an_error_is_what_counts(filing: Filing) -> None:
    filing.file()
    filing.emr.store(filing.only_document() | {"status": "entered-in-error"})
    right = another(filing)
    assert filing.look() == 0
    assert filing.confirm() == Confirmed(right)
    assert current(filing) == [right]


@pytest.mark.parametrize("act", ACTS)
def test_a_corrected_document_beside_one_that_was_an_error_is_left_alone(
    filing: Filing, act: Callable[[Filing], object]
) -> None:
    filing.file()
    filing.emr.store(filing.only_document() | {"status": "entered-in-error"})
    corrected = another(filing, subject={"reference": "Patient/P-0002"})
    act(filing)
    assert filing.look() == 0
    assert current(filing) == [corrected]


@pytest.mark.parametrize("act", ACTS)
def test_an_amendment_is_left_alone(filing: Filing, act: Callable[[Filing], object]) -> None:
    filing.file()
    amendment = amended(filing)
    act(filing)
    assert filing.look() == 0
    assert current(filing) == [amendment]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    "changes",
    [
        {"relatesTo": [{"code": "appends", "target": {"reference": "DocumentReference/id-1"}}]},
        {"subject": {"reference": "Patient/P-0002"}},
        {"content": [{"attachment": {"contentType": "text/plain", "data": "YW5vdGhlcg=="}}]},
    ],
    ids=["related", "of another", "says something else"],
)
def test_what_baton_cannot_have_filed_is_not_retired_beside_its_own(
    filing: Filing, act: Callable[[Filing], object], changes: dict[str, Any]
) -> None:
    filing.file()
    theirs = another(filing, **changes)
    act(filing)
    filing.look()
    assert theirs in current(filing)
    assert filing.row().resource_id == "id-1"


def test_what_was_replaced_is_a_mismatch(filing: Filing) -> None:
    filing.file()
    amended(filing)
    assert filing.confirm() == Mismatch("id-1", ("DocumentReference.status",))
    assert filing.row().resource_id == "id-1"


@pytest.mark.parametrize("act", [Filing.file, Filing.confirm])
def test_the_ledger_never_learns_of_somebody_elses_document(filing: Filing, act: Callable[[Filing], object]) -> None:
    filing.emr.will("POST", NoAnswer("ReadTimeoutError"))
    filing.file()
    theirs = another(filing, relatesTo=[{"code": "replaces", "target": {"display": "on paper"}}])
    assert act(filing) == Mismatch(theirs, ("DocumentReference.relatesTo",))
    assert filing.row().resource_id is None
    filing.retract()
    assert current(filing) == [theirs]


def unanswered(filing: Filing) -> str:
    """What was filed is there, and the ledger does not know under which id."""
    gets_no_answer(filing)
    return arrives_late(filing)


THEIRS = [
    {"content": [{"attachment": {"contentType": "text/plain", "data": "YW1lbmRlZA=="}}]},
    {"subject": {"reference": "Patient/P-0002"}},
    {"author": [{"reference": "Practitioner/somebody"}]},
]


@pytest.mark.parametrize("act", [Filing.retract, Filing.look])
@pytest.mark.parametrize("changes", THEIRS, ids=["says something else", "of another", "by another"])
def test_a_corrected_document_is_not_taken_for_the_one_whose_answer_was_lost(
    filing: Filing, act: Callable[[Filing], object], changes: dict[str, Any]
) -> None:
    unanswered(filing)
    filing.emr.store(filing.only_document() | {"status": "entered-in-error"})
    corrected = another(filing, **changes)
    act(filing)
    assert filing.retract() == Retracted(None)
    assert filing.look() == 0
    assert current(filing) == [corrected]


@pytest.mark.parametrize("changes", THEIRS, ids=["says something else", "of another", "by another"])
def test_a_retraction_finds_the_one_whose_answer_was_lost_beside_somebody_elses(
    filing: Filing, changes: dict[str, Any]
) -> None:
    gets_no_answer(filing)
    theirs = another(filing, **changes)
    ours = arrives_late(filing)
    assert filing.retract() == Retracted(ours)
    assert current(filing) == [theirs]


def test_what_was_read_back_tells_its_copies_though_the_emr_says_it_in_other_words(filing: Filing) -> None:
    filing.file()
    theirs = {"subject": {"reference": "Patient/known-there-under-another-id"}}
    filing.emr.store(filing.only_document() | theirs)
    another(filing, **theirs)
    assert filing.look() == 1
    assert current(filing) == ["id-1"]


def test_the_ledger_has_no_copy_of_the_text(filing: Filing) -> None:
    filing.file()
    (attachment,) = (one["attachment"] for one in filing.only_document()["content"])
    content = filing.row().content
    assert content is not None
    assert attachment["hash"] in content
    assert attachment["data"] not in content


def test_what_was_never_to_be_filed_is_somebody_elses(filing: Filing) -> None:
    theirs = another(filing)
    assert filing.retract() == Retracted(None)
    assert filing.look() == 0
    assert current(filing) == [theirs]


def test_the_one_whose_answer_was_lost_and_that_somebody_retracted_is_not_filed_again(filing: Filing) -> None:
    ours = unanswered(filing)
    filing.emr.store(filing.only_document() | {"status": "entered-in-error"})
    assert filing.file() == Failed(None, "retracted")
    assert (filing.row().status, filing.row().resource_id) == (LedgerStatus.RETRACTED, ours)
    assert filing.emr.count("POST") == 1


@pytest.mark.parametrize("act", [Filing.file, Filing.confirm])
def test_the_one_that_is_known_counts_though_somebody_changed_it(
    filing: Filing, act: Callable[[Filing], object]
) -> None:
    filing.file()
    filing.emr.store(filing.only_document() | {"subject": {"reference": "Patient/P-0002"}})
    arrives_late(filing)
    assert act(filing) == Mismatch("id-1", ("DocumentReference.subject",))
    assert filing.row().resource_id == "id-1"
    assert current(filing) == ["id-1"]


def test_while_what_is_known_may_not_be_read_nothing_is_retired(filing: Filing) -> None:
    filing.file()
    before = filing.only_document()
    filing.emr.resources.clear()
    other = another(filing)
    filing.emr.store(before)
    filing.emr.will("GET", answer(403))
    assert filing.look() == 0
    assert sorted(current(filing)) == sorted([other, "id-1"])


def test_what_an_unknown_filing_left_twice_is_reduced_to_one(filing: Filing) -> None:
    filing.emr.will("POST", NoAnswer("ReadTimeoutError"), after_commit=True)
    filing.file()
    filing.emr.store(document_resource(a_document()))
    assert filing.look() == 1
    assert len(current(filing)) == 1
