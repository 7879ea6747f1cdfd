"""The daily look: of what a case filed and sent one each is left, and nothing of what was retracted or recalled."""

import pytest

from functions.emr.client import FhirClient
from functions.emr.device_request import order_resource
from functions.emr.document import document_resource
from functions.emr.doubles import take_doubles_back
from functions.emr.filing import file_document, retract_document
from functions.emr.ledger import InMemoryLedger
from functions.emr.ordering import recall_order, send_order
from tests.unit.emr.cases import NOW, a_document, an_order
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr

EMR = "north-emr"


@pytest.mark.parametrize("withdrawn", [True, False])
def test_a_case_is_left_with_one_of_each(*, withdrawn: bool) -> None:
    emr, ledger = FakeEmr(), InMemoryLedger()
    client = FhirClient(BASE_URL, emr=EMR, transport=emr)
    document, order = a_document(), an_order()
    assert document.id.case_id == order.id.case_id
    file_document(client, ledger, document, at=NOW)
    send_order(client, ledger, order, at=NOW)
    if withdrawn:
        retract_document(client, ledger, document.id, at=NOW)
        recall_order(client, ledger, order.id, "not wanted", at=NOW)
    emr.store(document_resource(document))
    emr.store(order_resource(order))

    def look() -> int:
        return take_doubles_back(client, ledger, order.id.case_id, order.id.facility, at=NOW)

    assert look() == 2
    left = 0 if withdrawn else 1
    assert len(emr.all("DocumentReference", status="current")) == left
    assert len(emr.all("DeviceRequest", status="active")) == left
    assert look() == 0


def test_what_was_never_begun_is_not_looked_for() -> None:
    emr = FakeEmr()
    client = FhirClient(BASE_URL, emr=EMR, transport=emr)
    assert take_doubles_back(client, InMemoryLedger(), "c0ffee", "north", at=NOW) == 0
    assert emr.sent == []
