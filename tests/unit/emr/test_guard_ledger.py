"""What a look into the EMR finds is noted in the ledger, so that it is known when the EMR does not show it any more."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from functions.emr.attempt import EmrUnavailable
from functions.emr.document import document_resource
from functions.emr.filing import Failed
from functions.emr.ledger import LedgerStatus
from functions.emr.ordering import Differs, Placed, Refused, TooLate
from tests.unit.emr.cases import a_document
from tests.unit.emr.fake_emr import FakeEmr
from tests.unit.emr.test_filing import Filing
from tests.unit.emr.test_ordering import Ordering


def test_a_document_that_somebody_retracted_is_known_as_retracted() -> None:
    filing = Filing()
    filing.file()
    filing.emr.store(filing.only_document() | {"status": "entered-in-error"})
    assert filing.file() == Failed(None, "retracted")
    assert filing.row().status is LedgerStatus.RETRACTED


def test_an_order_that_was_found_revoked_is_known_as_retracted() -> None:
    ordering = Ordering()
    stored = ordering.store(status="revoked")
    assert ordering.send() == Refused(None, "recalled")
    assert (ordering.row().status, ordering.row().resource_id) == (LedgerStatus.RETRACTED, stored["id"])


def test_an_order_that_was_found_is_known_and_not_sent_again_when_somebody_deletes_it() -> None:
    ordering = Ordering()
    stored = ordering.store()
    assert ordering.send() == Placed(stored["id"])
    assert (ordering.row().status, ordering.row().resource_id) == (LedgerStatus.WRITTEN, stored["id"])
    ordering.emr.resources.clear()
    assert isinstance(ordering.send(), Differs)
    assert ordering.orders() == []


def test_an_order_that_was_found_fulfilled_is_known_as_sent() -> None:
    ordering = Ordering()
    stored = ordering.store(status="completed")
    assert ordering.recall() == TooLate(stored["id"])
    assert (ordering.row().status, ordering.row().resource_id) == (LedgerStatus.WRITTEN, stored["id"])


def changed_before_a_write(emr: FakeEmr, kind: str) -> None:
    """Somebody writes a note into every resource of a kind in the moment before it is updated."""

    def change(method: str, _: str) -> None:
        if method == "PUT":
            emr.before = None
            for resource in emr.all(kind):
                emr.store({**resource, "language": "theirs"})

    emr.before = change


def languages(emr: FakeEmr, kind: str) -> list[Any]:
    return [resource.get("language") for resource in emr.all(kind)]


def test_a_second_order_that_somebody_changes_in_that_moment_is_not_overwritten() -> None:
    ordering = Ordering()
    ordering.send()
    ordering.store()
    changed_before_a_write(ordering.emr, "DeviceRequest")
    with pytest.raises(EmrUnavailable, match="placed twice"):
        ordering.send()
    assert languages(ordering.emr, "DeviceRequest") == ["theirs", "theirs"]


def test_a_second_document_that_somebody_changes_in_that_moment_is_not_overwritten() -> None:
    filing = Filing()
    filing.file()
    filing.emr.store({**document_resource(a_document()), "id": "second"})
    changed_before_a_write(filing.emr, "DocumentReference")
    with suppress(EmrUnavailable):
        filing.retract()
    assert languages(filing.emr, "DocumentReference") == ["theirs", "theirs"]
