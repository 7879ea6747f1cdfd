"""The order steps at work for cases: what the EMR has afterwards, and where each case stands then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.cases.work import Step, perform
from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.results import Resource
from functions.emr.table_ledger import TableLedger
from functions.emr.transport import NoAnswer, NotSent
from functions.work.orders import NotRecalled
from functions.work.steps import step
from tests.support.invariants import violations
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.test_critical_lab import LAB, acknowledged
from tests.unit.workflows.test_home_oxygen import ORDER, ordering

OFF: dict[str, Any] = {"reason": "recovered"}


class Connected:
    """A hospital whose order steps work on an EMR."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital, self.emr = hospital, FakeEmr()
        hospital.steps |= {name: self.made(name) for name in ("confirm_order", "send_order", "recall_order")}

    def made(self, name: str) -> Step:
        """A step as a new worker makes it."""
        client = FhirClient(BASE_URL, emr="emr", transport=self.emr)
        return step(name, self.hospital.services, client, TableLedger(self.hospital.table))

    # ── the home oxygen order ────────────────────────────────────────────────────────────────────────────────────────────

    def draft(self, number: str = "O1", vendor: str = "V1", flow: float = 2) -> None:
        data: dict[str, Any] = {"order_id": number, "vendor_id": vendor, "flow_l_min": flow}
        self.hospital.tell(ORDER, "home_oxygen_order_drafted", "CASE_MANAGER", **data)

    def sign(self, number: str = "O1") -> None:
        self.hospital.tell(ORDER, "home_oxygen_order_signed", "PROVIDER", order_id=number)

    def draft_and_sign(self, number: str = "O1", vendor: str = "V1") -> None:
        self.draft(number, vendor)
        self.sign(number)

    def call_off(self) -> None:
        self.hospital.tell(ORDER, "home_oxygen_not_needed", "PROVIDER", **OFF)

    def signed_while_executions_lag(self) -> tuple[str, int]:
        """A case that waits to be sent: its id and its visit."""
        self.hospital.following.held_before = frozenset({"signed"})
        self.draft_and_sign()
        row = self.hospital.of(ORDER)
        assert row.state == "signed"
        return row.id, row.visit

    def orders(self) -> dict[str, Resource]:
        """The EMR's orders by number; no number twice."""
        found = self.emr.all("DeviceRequest")
        by_number = {one["identifier"][0]["value"]: one for one in found}
        assert len(by_number) == len(found)
        return by_number

    def statuses(self) -> dict[str, str]:
        return {number: one["status"] for number, one in self.orders().items()}

    def change(self, number: str, **changes: Any) -> None:
        """Somebody changes an order in the EMR."""
        self.emr.store(self.orders()[number] | changes)

    # ── the order that answers a laboratory result ───────────────────────────────────────────────────────────────────────

    def place(self, **changes: Any) -> None:
        """A provider orders in the EMR."""
        order = {
            "resourceType": "ServiceRequest", "identifier": [{"system": "urn:the-emr", "value": "O1"}], "status": "active",
            "intent": "order", "subject": {"reference": f"Patient/{self.hospital.of(LAB).patient}"},
        }  # fmt: skip
        self.emr.store(order | changes)

    def tell_of_it(self) -> str:
        """The platform says that something was ordered; where the case stands then."""
        self.hospital.tell(LAB, "action_ordered", "PROVIDER", order_id="O1")
        return self.hospital.at(LAB)


@pytest.fixture
def oxygen() -> Connected:
    return Connected(ordering())


@pytest.fixture
def lab() -> Connected:
    return Connected(acknowledged())


# ── confirming ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_that_the_emr_shows_is_confirmed(lab: Connected) -> None:
    lab.place()
    assert lab.tell_of_it() == "action_ordered"
    assert lab.hospital.owned_by(LAB) == "RN"
    assert violations(lab.hospital) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"identifier": [{"value": "O2"}]},
        {"status": "revoked"},
        {"status": "entered-in-error"},
        {"subject": {"reference": "Patient/P-OTHER"}},
    ],
    ids=str,
)
def test_an_order_that_vanished_is_the_providers_again(lab: Connected, changes: dict[str, Any]) -> None:
    lab.place(**changes)
    assert lab.tell_of_it() == "order_missing"
    assert lab.hospital.owned_by(LAB) == "PROVIDER"
    assert lab.hospital.journal(lab.hospital.of(LAB).id)[-1]["event"] == "confirm_order.missing"


def test_an_emr_that_will_not_say_is_the_providers_and_nothing_is_called_missing(lab: Connected) -> None:
    lab.emr.will("GET", answer(403))
    assert lab.tell_of_it() == "order_missing"
    assert lab.hospital.journal(lab.hospital.of(LAB).id)[-1]["event"] == "confirm_order.failed"


def test_while_the_emr_is_away_the_step_is_tried_again(lab: Connected) -> None:
    lab.place()
    lab.hospital.following.held_before = frozenset({"confirming_order"})
    assert lab.tell_of_it() == "confirming_order"
    row = lab.hospital.of(LAB)
    lab.emr.will("GET", NotSent("refused"))
    with pytest.raises(EmrUnavailable):
        perform(lab.hospital.services, row.id, 1, row.visit, "confirm_order", lab.made("confirm_order"))
    assert lab.hospital.at(LAB) == "confirming_order"
    lab.hospital.following.held_before = frozenset()
    lab.hospital.following.go_on()
    assert lab.hospital.at(LAB) == "action_ordered"


# ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_signed_order_is_sent(oxygen: Connected) -> None:
    oxygen.draft_and_sign()
    assert oxygen.hospital.at(ORDER) == "sent"
    row, order = oxygen.hospital.of(ORDER), oxygen.orders()["O1"]
    assert (order["status"], order["intent"]) == ("active", "order")
    assert order["subject"] == {"reference": f"Patient/{row.patient}"}
    assert order["encounter"] == {"reference": f"Encounter/{row.encounter}"}
    assert order["groupIdentifier"]["value"] == row.id
    assert order["performer"]["identifier"]["value"] == "V1"
    assert order["parameter"][0]["valueQuantity"]["value"] == 2
    assert order["requester"]["identifier"]["value"] == "PROVIDER-ALDER"
    assert violations(oxygen.hospital) == []


def test_sending_again_to_a_silent_vendor_places_no_second_order(oxygen: Connected) -> None:
    oxygen.draft_and_sign()
    assert oxygen.hospital.miss(ORDER) == "vendor_silent"
    oxygen.hospital.tell(ORDER, "order_sending_requested", "CASE_MANAGER")
    assert oxygen.hospital.at(ORDER) == "sent"
    assert oxygen.statuses() == {"O1": "active"}
    assert oxygen.emr.count("POST") == 1


def test_an_order_that_is_refused_is_the_case_managers(oxygen: Connected) -> None:
    oxygen.emr.will("POST", answer(422))
    oxygen.draft_and_sign()
    assert (oxygen.hospital.at(ORDER), oxygen.hospital.owned_by(ORDER)) == ("sending_failed", "CASE_MANAGER")


def test_an_order_without_a_flow_orders_nothing_and_is_the_case_managers(oxygen: Connected) -> None:
    oxygen.draft(flow=0)
    oxygen.sign()
    assert (oxygen.hospital.at(ORDER), oxygen.hospital.owned_by(ORDER)) == ("sending_failed", "CASE_MANAGER")
    assert oxygen.orders() == {}


def test_a_worker_that_dies_between_the_write_and_the_commit_leaves_one_order(oxygen: Connected) -> None:
    class Killed(BaseException):
        pass

    class Dying:
        def __init__(self, inner: Step) -> None:
            self.inner = inner

        def perform(self, row: Any) -> str:
            self.inner.perform(row)
            raise Killed

        def compensate(self, row: Any) -> None:
            self.inner.compensate(row)

    case, visit = oxygen.signed_while_executions_lag()
    with pytest.raises(Killed):
        perform(oxygen.hospital.services, case, 1, visit, "send_order", Dying(oxygen.made("send_order")))
    assert oxygen.hospital.at(ORDER) == "signed"
    perform(oxygen.hospital.services, case, 1, visit, "send_order", oxygen.made("send_order"))
    assert oxygen.hospital.at(ORDER) == "sent"
    assert oxygen.statuses() == {"O1": "active"}


def test_when_nobody_knows_whether_it_was_sent_the_next_try_looks(oxygen: Connected) -> None:
    oxygen.emr.knows_if_none_exist = False
    case, visit = oxygen.signed_while_executions_lag()
    oxygen.emr.will("POST", NoAnswer("ReadTimeoutError"), after_commit=True)
    with pytest.raises(EmrUnavailable):
        perform(oxygen.hospital.services, case, 1, visit, "send_order", oxygen.made("send_order"))
    assert oxygen.hospital.at(ORDER) == "signed"
    perform(oxygen.hospital.services, case, 1, visit, "send_order", oxygen.made("send_order"))
    assert oxygen.hospital.at(ORDER) == "sent"
    assert oxygen.statuses() == {"O1": "active"}


def test_an_order_drafted_for_another_vendor_leaves_none_with_the_first(oxygen: Connected) -> None:
    oxygen.draft_and_sign("O1", "V1")
    assert oxygen.hospital.miss(ORDER) == "vendor_silent"
    oxygen.draft_and_sign("O2", "V2")
    assert oxygen.hospital.at(ORDER) == "sent"
    assert oxygen.statuses() == {"O1": "revoked", "O2": "active"}
    assert oxygen.orders()["O1"]["note"][0]["text"] == "Recalled: replaced by order O2"


def test_what_is_known_to_be_recalled_is_left_alone(oxygen: Connected) -> None:
    oxygen.draft_and_sign("O1", "V1")
    oxygen.hospital.miss(ORDER)
    oxygen.draft_and_sign("O2", "V2")
    oxygen.hospital.miss(ORDER)
    oxygen.emr.sent.clear()
    oxygen.hospital.tell(ORDER, "order_sending_requested", "CASE_MANAGER")
    assert oxygen.hospital.at(ORDER) == "sent"
    first = oxygen.orders()["O1"]["id"]
    assert [one for one in oxygen.emr.sent if first in one.path or "O1" in str(one.query)] == []


@pytest.mark.parametrize("why", ["completed", "refused"])
def test_a_second_order_is_not_sent_while_the_first_cannot_be_recalled(oxygen: Connected, why: str) -> None:
    oxygen.draft_and_sign("O1", "V1")
    oxygen.hospital.miss(ORDER)
    if why == "completed":
        oxygen.change("O1", status="completed")
    else:
        oxygen.emr.will("PUT", answer(403))
    oxygen.draft_and_sign("O2", "V2")
    assert (oxygen.hospital.at(ORDER), oxygen.hospital.owned_by(ORDER)) == ("sending_failed", "CASE_MANAGER")
    assert "O2" not in oxygen.orders()


def test_a_number_that_is_used_again_for_another_vendor_is_for_a_person(oxygen: Connected) -> None:
    oxygen.draft_and_sign("O1", "V1")
    oxygen.hospital.miss(ORDER)
    oxygen.draft_and_sign("O1", "V2")
    assert oxygen.hospital.at(ORDER) == "sending_failed"
    assert oxygen.orders()["O1"]["performer"]["identifier"]["value"] == "V1"


# ── recalling ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_that_is_off_is_recalled_with_the_reason(oxygen: Connected) -> None:
    oxygen.draft_and_sign()
    oxygen.call_off()
    assert oxygen.hospital.visited(ORDER)[-2:] == ["recalling", "withdrawn"]
    assert oxygen.statuses() == {"O1": "revoked"}
    assert oxygen.orders()["O1"]["note"][0]["text"] == "Recalled: the patient goes home without oxygen"
    assert violations(oxygen.hospital) == []


def test_an_order_that_was_never_there_is_recalled_and_the_journal_says_so(oxygen: Connected) -> None:
    oxygen.emr.will("POST", answer(422))
    oxygen.draft_and_sign()
    oxygen.call_off()
    assert oxygen.hospital.at(ORDER) == "withdrawn"
    assert oxygen.hospital.journal(oxygen.hospital.of(ORDER).id)[-1]["event"] == "recall_order.recalled"
    assert oxygen.orders() == {}


def test_a_late_send_finds_the_recall_and_sends_nothing(oxygen: Connected) -> None:
    """The case was called off before the worker began to write: nothing may go out after the recall."""
    case, visit = oxygen.signed_while_executions_lag()
    late = oxygen.made("send_order")

    class Slow:
        def perform(self, row: Any) -> str:
            oxygen.call_off()
            oxygen.hospital.following.held_before = frozenset()
            recalling = oxygen.hospital.of(ORDER)
            perform(oxygen.hospital.services, case, 1, recalling.visit, "recall_order", oxygen.made("recall_order"))
            return late.perform(row)

        def compensate(self, row: Any) -> None:
            late.compensate(row)

    perform(oxygen.hospital.services, case, 1, visit, "send_order", Slow())
    assert oxygen.hospital.at(ORDER) == "withdrawn"
    assert oxygen.orders() == {}


@pytest.mark.parametrize("find", [pytest.param(None, id="completed"), pytest.param(answer(403), id="refused")])
def test_an_order_that_cannot_be_recalled_is_the_case_managers(oxygen: Connected, find: Any) -> None:
    oxygen.draft_and_sign()
    if find is None:
        oxygen.change("O1", status="completed")
    else:
        oxygen.emr.will("PUT", find)
    oxygen.call_off()
    assert (oxygen.hospital.at(ORDER), oxygen.hospital.owned_by(ORDER)) == ("recall_failed", "CASE_MANAGER")


def test_recalling_covers_every_order_of_the_case(oxygen: Connected) -> None:
    """An earlier order that could not be recalled when the next was sent is not forgotten."""
    oxygen.draft_and_sign("O1", "V1")
    oxygen.hospital.miss(ORDER)
    oxygen.emr.will("PUT", answer(403))
    oxygen.draft_and_sign("O2", "V2")
    oxygen.call_off()
    assert oxygen.hospital.at(ORDER) == "withdrawn"
    assert oxygen.statuses() == {"O1": "revoked"}


def test_one_order_that_cannot_be_recalled_is_enough_for_a_person(oxygen: Connected) -> None:
    oxygen.draft_and_sign("O1", "V1")
    oxygen.hospital.miss(ORDER)
    oxygen.change("O1", status="completed")
    oxygen.draft_and_sign("O2", "V2")
    oxygen.call_off()
    assert (oxygen.hospital.at(ORDER), oxygen.hospital.owned_by(ORDER)) == ("recall_failed", "CASE_MANAGER")


# ── compensation ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def while_sending(oxygen: Connected, happens: Callable[[], object]) -> Callable[[], object]:
    """Let something happen after the EMR took the order, and before the step can say so; returns what lets it end."""
    case, visit = oxygen.signed_while_executions_lag()
    sending = oxygen.made("send_order")

    class Interrupted:
        def perform(self, row: Any) -> str:
            outcome = sending.perform(row)
            happens()
            return outcome

        def compensate(self, row: Any) -> None:
            sending.compensate(row)

    return lambda: perform(oxygen.hospital.services, case, 1, visit, "send_order", Interrupted())


def draft_another(oxygen: Connected) -> None:
    """Not sent in time; the case manager drafts the order for another vendor."""
    due = oxygen.hospital.of(ORDER).case.due
    assert due is not None
    oxygen.hospital.pass_time(due + 61 - oxygen.hospital.now)
    oxygen.hospital.sweep()
    assert oxygen.hospital.at(ORDER) == "sending_failed"
    oxygen.draft("O2", "V2")


def test_what_was_sent_late_is_recalled_and_not_what_was_drafted_since(oxygen: Connected) -> None:
    while_sending(oxygen, lambda: draft_another(oxygen))()
    assert oxygen.hospital.at(ORDER) == "drafted"
    assert oxygen.statuses() == {"O1": "revoked"}
    assert oxygen.hospital.journal(oxygen.hospital.of(ORDER).id)[-1]["because"] == "late outcome: compensate in drafted"
    oxygen.hospital.following.held_before = frozenset()
    oxygen.sign("O2")
    oxygen.hospital.following.go_on()
    assert oxygen.statuses() == {"O1": "revoked", "O2": "active"}


def test_what_was_sent_late_and_cannot_be_recalled_is_a_fault_and_is_recalled_with_the_next(oxygen: Connected) -> None:
    ends = while_sending(oxygen, lambda: draft_another(oxygen))
    oxygen.emr.will("PUT", answer(403))
    with pytest.raises(NotRecalled, match="403"):
        ends()
    assert oxygen.statuses() == {"O1": "active"}
    oxygen.hospital.following.held_before = frozenset()
    oxygen.sign("O2")
    oxygen.hospital.following.go_on()
    assert oxygen.statuses() == {"O1": "revoked", "O2": "active"}


def test_what_was_fulfilled_before_it_could_be_recalled_is_a_fault(oxygen: Connected) -> None:
    def happens() -> None:
        draft_another(oxygen)
        oxygen.change("O1", status="completed")

    with pytest.raises(NotRecalled, match="fulfilled"):
        while_sending(oxygen, happens)()


def test_no_fault_names_a_patient(oxygen: Connected) -> None:
    ends = while_sending(oxygen, lambda: draft_another(oxygen))
    oxygen.emr.will("PUT", answer(403))
    with pytest.raises(NotRecalled) as caught:
        ends()
    row = oxygen.hospital.of(ORDER)
    assert row.patient is not None
    assert row.patient not in str(caught.value)
    assert "O1" not in str(caught.value)
