"""An order is sent once, and recalled for good, whatever the EMR and the network do."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from functions.emr.attempt import LEASE, SETTLES, Attempt, EmrUnavailable, WriteHeld, begin
from functions.emr.client import FhirClient
from functions.emr.device_request import order_resource
from functions.emr.home_oxygen import OrderId
from functions.emr.ledger import InMemoryLedger, LedgerRow, LedgerStatus
from functions.emr.ordering import (
    Differs,
    Placed,
    Recalled,
    RecallResult,
    Refused,
    SendResult,
    TooLate,
    order_key,
    recall_order,
    revoke_doubles,
    send_order,
)
from functions.emr.results import Unknown
from functions.emr.transport import NoAnswer, NotSent, Response
from tests.unit.emr.cases import NOW, an_order
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer

OFF = "the patient does not go home for now"


class Ordering:
    """An EMR, the ledger of it, and the system states that work with them."""

    def __init__(self) -> None:
        self.emr = FakeEmr()
        self.ledger = InMemoryLedger()
        self.client = FhirClient(BASE_URL, emr="north-emr", transport=self.emr)
        self.waited: list[float] = []

    def send(self, at: datetime = NOW, **changes: Any) -> SendResult:
        return send_order(self.client, self.ledger, an_order(**changes), at=at, wait=self.waited.append)

    def recall(self, at: datetime = NOW) -> RecallResult:
        return recall_order(self.client, self.ledger, an_order().id, OFF, at=at)

    def row(self) -> LedgerRow:
        row = self.ledger.get(order_key(self.client, an_order().id))
        assert row is not None
        return row

    def orders(self) -> list[dict[str, Any]]:
        return self.emr.all("DeviceRequest")

    def only_order(self) -> dict[str, Any]:
        (order,) = self.orders()
        return order

    def store(self, **changes: Any) -> dict[str, Any]:
        """Our order, stored by an attempt that the ledger lost track of."""
        return self.emr.store(order_resource(an_order()) | changes)

    def change(self, **changes: Any) -> None:
        """Somebody changes the order in the EMR."""
        self.emr.store(self.only_order() | changes)


@pytest.fixture
def ordering() -> Ordering:
    return Ordering()


# ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_sent_and_the_ledger_knows_it(ordering: Ordering) -> None:
    assert ordering.send() == Placed(ordering.only_order()["id"])
    assert (ordering.row().status, ordering.row().resource_id) == (LedgerStatus.WRITTEN, ordering.only_order()["id"])
    (request,) = ordering.emr.sent
    assert request.headers["if-none-exist"]


def test_sending_again_sends_nothing(ordering: Ordering) -> None:
    first = ordering.send()
    assert ordering.send() == first
    assert ordering.emr.count("POST") == 1


@pytest.mark.parametrize("knows_if_none_exist", [True, False])
def test_after_a_time_out_it_is_looked_for_before_it_is_sent_again(
    ordering: Ordering, knows_if_none_exist: bool
) -> None:
    ordering.emr.knows_if_none_exist = knows_if_none_exist
    ordering.emr.will("POST", NoAnswer("ReadTimeoutError"), after_commit=True)
    assert isinstance(ordering.send(), Unknown)
    assert ordering.row().status is LedgerStatus.UNKNOWN
    assert ordering.send() == Placed(ordering.only_order()["id"])


def test_a_worker_that_died_after_the_write_leaves_one_order(ordering: Ordering) -> None:
    ordering.emr.knows_if_none_exist = False
    begin(ordering.ledger, order_key(ordering.client, an_order().id), NOW)
    ordering.store()
    with pytest.raises(WriteHeld):
        ordering.send()
    assert ordering.send(NOW + LEASE) == Placed(ordering.only_order()["id"])


def test_an_order_that_the_search_does_not_show_yet_is_found_by_the_conditional_create(ordering: Ordering) -> None:
    ordering.store()
    ordering.emr.search_sees_everything = False
    assert ordering.send() == Placed(ordering.only_order()["id"])


@pytest.mark.parametrize(("happens", "raises"), [(NotSent("refused"), "busy"), (answer(429, retry_after="3"), "busy")])
def test_while_the_emr_is_away_nothing_is_said_to_be_sent(
    ordering: Ordering, happens: Response | Exception, raises: str
) -> None:
    ordering.emr.will("POST", happens)
    with pytest.raises(EmrUnavailable, match=raises):
        ordering.send()
    assert ordering.orders() == []
    assert isinstance(ordering.send(), Placed)


def test_what_the_emr_refuses_is_refused(ordering: Ordering) -> None:
    ordering.emr.will("POST", answer(422))
    assert ordering.send() == Refused(422, "")
    assert ordering.row().status is LedgerStatus.REJECTED


@pytest.mark.parametrize(
    ("changes", "element"), [({"vendor": "vendor-2"}, "performer"), ({"flow_l_min": 4.0}, "parameter")]
)
def test_a_number_that_stands_for_another_order_is_never_overwritten(
    ordering: Ordering, changes: dict[str, Any], element: str
) -> None:
    ordering.send()
    before = ordering.only_order()
    assert ordering.send(**changes) == Differs(before["id"], (f"DeviceRequest.{element}",))
    assert ordering.only_order() == before


@pytest.mark.parametrize("status", ["revoked", "entered-in-error"])
def test_what_somebody_took_back_in_the_emr_is_not_sent_again(ordering: Ordering, status: str) -> None:
    ordering.send()
    ordering.change(status=status)
    assert ordering.send() == Refused(None, "recalled")
    assert ordering.only_order()["status"] == status


def test_an_order_that_was_fulfilled_was_sent(ordering: Ordering) -> None:
    ordering.send()
    ordering.change(status="completed")
    assert isinstance(ordering.send(), Placed)


def test_an_order_that_somebody_deleted_is_for_a_person_to_decide(ordering: Ordering) -> None:
    ordering.send()
    lost = ordering.only_order()["id"]
    ordering.emr.resources.clear()
    assert ordering.send() == Differs(lost, ("DeviceRequest",))
    assert ordering.orders() == []


@pytest.mark.parametrize("looks_first", [True, False])
def test_an_order_of_another_case_under_the_same_number_is_not_ours(ordering: Ordering, looks_first: bool) -> None:
    others = ordering.emr.store(order_resource(an_order(id=OrderId("decaf", "north", "order-1"), patient="P-0002")))
    if looks_first:
        ordering.emr.will("POST", NotSent("refused"))
        with pytest.raises(EmrUnavailable):
            ordering.send()
    assert ordering.send() == Differs(others["id"], ("DeviceRequest.groupIdentifier",))
    assert ordering.row().resource_id is None
    assert ordering.recall() == Recalled(None)
    assert ordering.only_order() == others, "recalling ours leaves theirs alone"


def test_of_an_order_that_is_there_twice_one_stays_open(ordering: Ordering) -> None:
    ordering.send()
    ordering.store()
    others = ordering.emr.store(order_resource(an_order(id=OrderId("decaf", "north", "order-1"), patient="P-0002")))
    assert isinstance(ordering.send(), Placed)
    ours = [one for one in ordering.orders() if one["id"] != others["id"]]
    assert sorted(one["status"] for one in ours) == ["active", "revoked"]
    assert ordering.emr.resources["DeviceRequest", others["id"]] == others


@pytest.mark.parametrize("counts", ["completed", "active"])
def test_the_order_that_counts_is_the_one_that_was_not_taken_back(ordering: Ordering, counts: str) -> None:
    ordering.send()
    ordering.change(status="revoked")
    other = ordering.store(status=counts)
    assert ordering.send() == Placed(other["id"])


def test_nothing_is_sent_as_long_as_a_second_one_cannot_be_revoked(ordering: Ordering) -> None:
    ordering.send()
    ordering.store()
    ordering.emr.will("PUT", answer(412))
    with pytest.raises(EmrUnavailable, match="placed twice"):
        ordering.send()


def test_conflicts_without_an_end_are_given_up(ordering: Ordering) -> None:
    ordering.emr.before = lambda method, _: ordering.emr.will("POST", answer(409)) if method == "POST" else None
    with pytest.raises(EmrUnavailable, match="conflicts"):
        ordering.send()
    assert ordering.emr.count("POST") < 10


# ── recalling ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_recalled_order_is_revoked_with_the_reason(ordering: Ordering) -> None:
    ordering.send()
    version = ordering.only_order()["meta"]["versionId"]
    assert ordering.recall() == Recalled(ordering.only_order()["id"])
    assert ordering.only_order()["status"] == "revoked"
    assert ordering.only_order()["note"][0]["text"] == f"Recalled: {OFF}"
    (put,) = [request for request in ordering.emr.sent if request.method == "PUT"]
    assert put.headers["if-match"] == f'W/"{version}"'
    assert ordering.row().status is LedgerStatus.RETRACTED


def test_recalling_again_changes_nothing(ordering: Ordering) -> None:
    ordering.send()
    first = ordering.recall()
    assert ordering.recall() == first
    assert ordering.emr.count("PUT") == 1


def test_what_was_never_there_is_recalled_and_never_sent_after_all(ordering: Ordering) -> None:
    assert ordering.recall() == Recalled(None)
    assert (ordering.row().status, ordering.row().resource_id) == (LedgerStatus.RETRACTED, None)
    assert ordering.send() == Refused(None, "recalled")
    assert ordering.orders() == []


def test_what_the_ledger_lost_track_of_is_recalled(ordering: Ordering) -> None:
    ordering.emr.will("POST", NoAnswer("ReadTimeoutError"), after_commit=True)
    ordering.send()
    assert ordering.recall() == Recalled(ordering.only_order()["id"])
    assert ordering.only_order()["status"] == "revoked"


def test_what_the_search_does_not_show_yet_is_recalled(ordering: Ordering) -> None:
    ordering.send()
    ordering.emr.search_sees_everything = False
    assert ordering.recall() == Recalled(ordering.only_order()["id"])
    assert ordering.only_order()["status"] == "revoked"


def test_an_order_that_was_fulfilled_cannot_be_recalled(ordering: Ordering) -> None:
    ordering.send()
    ordering.change(status="completed")
    assert ordering.recall() == TooLate(ordering.only_order()["id"])
    assert ordering.only_order()["status"] == "completed"
    assert ordering.row().status is LedgerStatus.WRITTEN


def test_of_two_of_which_one_was_fulfilled_the_other_is_revoked(ordering: Ordering) -> None:
    ordering.send()
    ordering.change(status="completed")
    ordering.store()
    assert isinstance(ordering.recall(), TooLate)
    assert sorted(one["status"] for one in ordering.orders()) == ["completed", "revoked"]


def test_whoever_changed_it_meanwhile_is_not_overwritten(ordering: Ordering) -> None:
    ordering.send()

    def fulfilled(method: str, _: str) -> None:
        if method == "PUT":
            ordering.change(status="completed")

    ordering.emr.before = fulfilled
    assert isinstance(ordering.recall(), TooLate)
    assert ordering.only_order()["status"] == "completed"


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    "happens",
    [NotSent("refused"), NoAnswer("ReadTimeoutError"), answer(503), answer(429)],
    ids=lambda one: repr(one)[:30],
)
def test_while_the_emr_is_away_nothing_is_said_to_be_recalled(
    ordering: Ordering, method: str, happens: Response | Exception
) -> None:
    ordering.send()
    ordering.emr.will(method, happens)
    with pytest.raises(EmrUnavailable):
        ordering.recall()
    assert ordering.row().status is LedgerStatus.WRITTEN
    assert isinstance(ordering.recall(), Recalled)
    assert ordering.only_order()["status"] == "revoked"


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_emr_that_refuses_leaves_it_to_a_person(ordering: Ordering, method: str) -> None:
    ordering.send()
    ordering.emr.will(method, answer(403))
    assert ordering.recall() == Refused(403, "")


def test_changes_without_an_end_are_given_up(ordering: Ordering) -> None:
    ordering.send()
    ordering.emr.before = lambda method, _: ordering.emr.will("PUT", answer(412)) if method == "PUT" else None
    with pytest.raises(EmrUnavailable, match="still shows it open"):
        ordering.recall()
    assert ordering.emr.count("PUT") < 10


@pytest.mark.parametrize("ask", [Ordering.send, Ordering.recall])
def test_one_attempt_at_a_time(ordering: Ordering, ask: Callable[[Ordering], object]) -> None:
    begin(ordering.ledger, order_key(ordering.client, an_order().id), NOW)
    with pytest.raises(WriteHeld):
        ask(ordering)
    assert ordering.emr.sent == []


# ── two attempts at once, in an EMR that does not know If-None-Exist ─────────────────────────────────────────────────────


def meanwhile(ordering: Ordering, act: Callable[[], object]) -> None:
    """Step Functions gives up an attempt and begins another one while the first is about to send."""
    ordering.emr.knows_if_none_exist = False
    ordering.ledger = ordering.ledger.held_by("1.4")

    def before(method: str, _: str) -> None:
        if method == "POST":
            ordering.emr.before = None
            act()

    ordering.emr.before = before


def open_orders(ordering: Ordering) -> list[str]:
    return [order["id"] for order in ordering.orders() if order["status"] == "active"]


def test_what_a_late_attempt_sent_beside_its_successor_is_revoked(ordering: Ordering) -> None:
    meanwhile(ordering, ordering.send)
    with pytest.raises(WriteHeld, match="taken back"):
        ordering.send()
    assert len(ordering.orders()) == 2
    assert open_orders(ordering) == [ordering.row().resource_id]


def test_what_a_late_attempt_sent_after_the_recall_is_revoked(ordering: Ordering) -> None:
    meanwhile(ordering, ordering.recall)
    with pytest.raises(WriteHeld, match="taken back"):
        ordering.send()
    assert open_orders(ordering) == []
    assert ordering.only_order()["note"][0]["text"] == "Recalled: sent after its recall"
    assert ordering.row().status is LedgerStatus.RETRACTED


@pytest.mark.parametrize("dies", [True, False])
def test_what_a_late_attempt_sent_after_the_refusal_is_revoked(ordering: Ordering, *, dies: bool) -> None:
    """The case says that it failed, and somebody orders anew: with this one open too, two vendors deliver."""

    def refused() -> None:
        begun = begin(ordering.ledger, order_key(ordering.client, an_order().id), NOW)
        assert isinstance(begun, Attempt)
        begun.record(LedgerStatus.REJECTED)

    meanwhile(ordering, refused)
    if dies:
        ordering.emr.will("PUT", answer(503), times=5)
    with pytest.raises(EmrUnavailable, match="could not be taken back" if dies else "taken back"):
        ordering.send()
    assert len(open_orders(ordering)) == dies
    order = an_order().id
    assert revoke_doubles(ordering.client, ordering.ledger, order, at=NOW) == dies
    assert open_orders(ordering) == []
    assert ordering.only_order()["note"][0]["text"] == "Recalled: sent after its refusal"


def test_what_the_vendor_delivered_meanwhile_is_not_revoked(ordering: Ordering) -> None:
    meanwhile(ordering, ordering.send)

    def delivered(method: str, path: str) -> None:
        if method == "GET" and path.partition("/")[2]:
            ordering.emr.before = None
            late = ordering.emr.resources["DeviceRequest", path.partition("/")[2]]
            ordering.emr.store(late | {"status": "completed"})

    def then(method: str, _: str) -> None:
        if method == "POST":
            ordering.emr.before = None
            ordering.send()
            ordering.emr.before = delivered

    ordering.emr.before = then
    with pytest.raises(WriteHeld, match="taken back"):
        ordering.send()
    assert sorted(order["status"] for order in ordering.orders()) == ["active", "completed"]


@pytest.mark.parametrize("recalled", [True, False])
def test_the_daily_look_revokes_what_is_too_many(ordering: Ordering, *, recalled: bool) -> None:
    ordering.send()
    if recalled:
        ordering.recall()
    before = ordering.row()
    ordering.store()
    order = an_order().id
    assert revoke_doubles(ordering.client, ordering.ledger, order, at=NOW) == 1
    assert len(open_orders(ordering)) == (0 if recalled else 1)
    after = ordering.row()
    assert (after.status, after.resource_id) == (before.status, before.resource_id)
    assert revoke_doubles(ordering.client, ordering.ledger, order, at=NOW) == 0


def test_the_daily_look_leaves_the_order_of_another_case(ordering: Ordering) -> None:
    ordering.send()
    others = ordering.emr.store(order_resource(an_order(id=OrderId("decaf", "north", "order-1"), patient="P-0002")))
    assert revoke_doubles(ordering.client, ordering.ledger, an_order().id, at=NOW) == 0
    assert ordering.emr.resources["DeviceRequest", others["id"]] == others


def test_where_nobody_may_search_the_daily_look_finds_nothing(ordering: Ordering) -> None:
    ordering.send()
    ordering.emr.will("GET", answer(403))
    assert revoke_doubles(ordering.client, ordering.ledger, an_order().id, at=NOW) == 0


def refused_and_there(ordering: Ordering, **changes: Any) -> str:
    """The first attempt gets no answer, the second is refused; then the first one's is there. Its id."""
    ordering.emr.will("POST", NoAnswer("ReadTimeoutError"))
    assert isinstance(ordering.send(), Unknown)
    ordering.emr.will("POST", answer(422))
    assert ordering.send() == Refused(422, "")
    return str(ordering.store(**changes)["id"])


def looks(ordering: Ordering, *, counted_on: bool = True) -> int:
    return revoke_doubles(ordering.client, ordering.ledger, an_order().id, at=NOW, counted_on=counted_on)


def test_what_came_after_the_refusal_and_is_counted_on_stays_and_can_be_recalled(ordering: Ordering) -> None:
    late = refused_and_there(ordering)
    before = ordering.only_order()
    assert looks(ordering) == 0
    assert ordering.only_order() == before
    assert (ordering.row().status, ordering.row().resource_id) == (LedgerStatus.WRITTEN, late)
    assert looks(ordering, counted_on=False) == 0, "now it is known, it is an order like any other"
    assert ordering.send() == Placed(late)
    assert ordering.recall() == Recalled(late)


def test_where_nothing_came_after_the_refusal_it_stays_refused(ordering: Ordering) -> None:
    ordering.emr.will("POST", answer(422))
    ordering.send()
    assert looks(ordering) == 0
    assert (ordering.row().status, ordering.row().resource_id) == (LedgerStatus.REJECTED, None)


def test_of_two_that_came_after_the_refusal_one_stays(ordering: Ordering) -> None:
    refused_and_there(ordering)
    ordering.store()
    assert looks(ordering) == 1
    assert open_orders(ordering) == [ordering.row().resource_id]
    (revoked,) = [order for order in ordering.orders() if order["status"] == "revoked"]
    assert revoked["note"][0]["text"] == "Recalled: placed twice"


def test_while_the_second_of_them_cannot_be_revoked_neither_is_known(ordering: Ordering) -> None:
    refused_and_there(ordering)
    ordering.store()
    ordering.emr.will("GET", answer(503))
    with pytest.raises(EmrUnavailable):
        looks(ordering)
    assert ordering.row().status is LedgerStatus.REJECTED
    assert looks(ordering) == 1


def test_what_came_after_the_refusal_and_is_not_counted_on_is_revoked(ordering: Ordering) -> None:
    refused_and_there(ordering)
    assert looks(ordering, counted_on=False) == 1
    assert open_orders(ordering) == []


@pytest.mark.parametrize("status", ["revoked", "entered-in-error"])
def test_what_came_after_the_refusal_and_was_taken_back_is_not_known_as_sent(ordering: Ordering, status: str) -> None:
    refused_and_there(ordering, status=status)
    assert looks(ordering) == 0
    assert (ordering.row().status, ordering.row().resource_id) == (LedgerStatus.REJECTED, None)


def test_what_came_after_the_recall_is_counted_on_by_nobody(ordering: Ordering) -> None:
    refused_and_there(ordering)
    ordering.recall()
    ordering.store()
    assert looks(ordering) == 1
    assert open_orders(ordering) == []
    assert ordering.row().status is LedgerStatus.RETRACTED


# ── a search that does not show yet what was sent ────────────────────────────────────────────────────────────────────────


def test_nothing_is_sent_again_before_a_search_must_show_it(ordering: Ordering) -> None:
    ordering.emr.knows_if_none_exist = ordering.emr.search_sees_everything = False
    ordering.emr.will("POST", NoAnswer("ReadTimeoutError"), after_commit=True)
    ordering.send()

    def shows(seconds: float) -> None:
        ordering.waited.append(seconds)
        ordering.emr.search_sees_everything = True

    sent = send_order(ordering.client, ordering.ledger, an_order(), at=NOW, wait=shows)
    assert sent == Placed(ordering.only_order()["id"])
    assert ordering.waited == [SETTLES.total_seconds()]


def test_what_is_not_there_after_that_is_sent(ordering: Ordering) -> None:
    ordering.emr.will("POST", NoAnswer("ReadTimeoutError"))
    ordering.send()
    assert ordering.send() == Placed(ordering.only_order()["id"])
    assert ordering.waited == [SETTLES.total_seconds()]
