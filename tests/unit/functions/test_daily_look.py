"""The daily look at an order that was refused, and is there all the same: it stays where the case counts on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.cases.rows import moved_on
from functions.cases.store import machine_of
from functions.cases.work import perform
from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.document import document_resource
from functions.emr.documentation import DocumentId
from functions.emr.filing import Failed, document_key, file_document
from functions.emr.ledger import LedgerKey, LedgerStatus
from functions.emr.ordering import ORDER_TYPE
from functions.emr.table_ledger import TableLedger
from functions.emr.transport import NoAnswer
from functions.writeback.bring import Writeback
from functions.writeback.counting import counts_on
from statemachines.facilities import facilities
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import courses, play, staffed
from tests.unit.emr.cases import NOW, a_document
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer
from tests.unit.functions.test_order_steps import Connected
from tests.unit.workflows.test_home_oxygen import ORDER, ordering


def look(oxygen: Connected) -> None:
    client = FhirClient(BASE_URL, emr="emr", transport=oxygen.emr)
    brings = Writeback(oxygen.hospital.services, client, TableLedger(oxygen.hospital.table))
    assert brings.bring(oxygen.hospital.of(ORDER).id, check=True) is not None


@pytest.fixture
def oxygen() -> Connected:
    """The first attempt to send O1 gets no answer, the second is refused, the case says so; then the first one's arrives."""
    oxygen = Connected(ordering())
    case, visit = oxygen.signed_while_executions_lag()
    oxygen.emr.will("POST", NoAnswer("ReadTimeoutError"))
    with pytest.raises(EmrUnavailable):
        perform(oxygen.hospital.services, case, 1, visit, "send_order", oxygen.made("send_order"))
    late = oxygen.emr.sent[-1].body
    assert late is not None
    oxygen.emr.will("POST", answer(422))
    perform(oxygen.hospital.services, case, 1, visit, "send_order", oxygen.made("send_order"))
    oxygen.hospital.following.held_before = frozenset()
    oxygen.hospital.following.go_on()
    assert oxygen.hospital.at(ORDER) == "sending_failed"
    oxygen.emr.store(late)
    return oxygen


def acknowledge(oxygen: Connected) -> None:
    oxygen.hospital.tell(ORDER, "vendor_acknowledged", "VENDOR", order_id="O1")
    assert oxygen.hospital.at(ORDER) == "vendor_acked"


def deliver(oxygen: Connected) -> None:
    acknowledge(oxygen)
    oxygen.hospital.tell(ORDER, "equipment_delivered", "VENDOR", place="bedside")
    assert oxygen.hospital.at(ORDER) == "delivered"


@pytest.mark.parametrize(
    "happens", [lambda _: None, acknowledge, deliver], ids=["nothing", "acknowledged", "delivered"]
)
def test_what_the_case_counts_on_stays(oxygen: Connected, happens: Callable[[Connected], None]) -> None:
    happens(oxygen)
    look(oxygen)
    look(oxygen)
    assert oxygen.statuses() == {"O1": "active"}


def test_what_was_found_so_is_recalled_like_any_other(oxygen: Connected) -> None:
    acknowledge(oxygen)
    look(oxygen)
    oxygen.call_off()
    assert oxygen.hospital.at(ORDER) == "withdrawn"
    assert oxygen.statuses() == {"O1": "revoked"}


def test_what_was_found_so_was_sent_when_it_is_to_be_sent_again(oxygen: Connected) -> None:
    look(oxygen)
    oxygen.hospital.tell(ORDER, "order_sending_requested", "CASE_MANAGER")
    assert oxygen.hospital.at(ORDER) == "sent"
    assert oxygen.statuses() == {"O1": "active"}


def test_what_is_being_replaced_is_revoked(oxygen: Connected) -> None:
    oxygen.draft("O2", "V2")
    assert oxygen.hospital.at(ORDER) == "drafted"
    look(oxygen)
    assert oxygen.statuses() == {"O1": "revoked"}


def test_what_was_replaced_under_another_number_is_revoked(oxygen: Connected) -> None:
    """The EMR would not have it recalled when the next one was to be sent."""
    oxygen.emr.will("PUT", answer(403))
    oxygen.draft_and_sign("O2", "V2")
    assert oxygen.hospital.at(ORDER) == "sending_failed"
    assert oxygen.statuses() == {"O1": "active"}
    look(oxygen)
    assert oxygen.statuses() == {"O1": "revoked"}


def test_a_case_that_knows_no_number_counts_on_no_order(oxygen: Connected) -> None:
    row, machine = oxygen.hospital.of(ORDER), machine_of(oxygen.hospital.services, oxygen.hospital.of(ORDER))
    key = LedgerKey("emr", ORDER_TYPE, f"{row.id}.O1")
    assert counts_on(row, machine)(key)
    assert not counts_on(moved_on(row, case=replace(row.case, facts={})), machine)(key)


def test_what_was_given_up_by_phone_is_revoked(oxygen: Connected) -> None:
    """The EMR would not have it recalled, and the vendor was told that it is off."""
    oxygen.emr.will("PUT", answer(403))
    oxygen.call_off()
    assert oxygen.hospital.at(ORDER) == "recall_failed"
    look(oxygen)
    assert oxygen.statuses() == {"O1": "revoked"}


@pytest.mark.parametrize(("state", "stays"), [("filing_failed", True), ("cancelled", False)])
def test_a_document_that_was_refused_and_is_there_stays_while_it_is_to_be_filed(state: str, *, stays: bool) -> None:
    facility, course = next((f, c) for f in facilities() for c in courses(OXYGEN, f).values() if c[-1].target == state)
    world, emr = staffed(facility), FakeEmr()
    play(world, course, facility)
    case = world.case(facility).id
    client, ledger = FhirClient(BASE_URL, emr="emr", transport=emr), TableLedger(world.table)
    document = a_document(id=DocumentId(case, 1))
    emr.will("POST", answer(422))
    assert file_document(client, ledger, document, at=NOW) == Failed(422, "")
    emr.store(document_resource(document))
    Writeback(world.services, client, ledger).bring(case, check=True)
    assert len(emr.all("DocumentReference", status="current")) == stays
    row: Any = ledger.get(document_key(client, document.id))
    assert row.status is (LedgerStatus.WRITTEN if stays else LedgerStatus.REJECTED)
