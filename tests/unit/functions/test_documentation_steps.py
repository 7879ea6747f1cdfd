"""Taking back what was filed too late: a refusal of the EMR is a fault, not an end."""

from datetime import datetime
from typing import Any, cast

import pytest

from functions.cases.rows import CaseRow
from functions.emr.client import FhirClient
from functions.emr.documentation import OxygenDocumentation
from functions.emr.filing import file_document
from functions.emr.ledger import InMemoryLedger
from functions.work.documentation import FileDocumentation, NotRetracted
from tests.unit.emr.cases import NOW, a_document
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer


class _Filed(FileDocumentation):
    """A step whose document is known without a journal."""

    def _document(self, _row: CaseRow) -> OxygenDocumentation:
        return a_document()

    def _now(self) -> datetime:
        return NOW


class _Row:
    id = "C-1"


ROW = cast(CaseRow, _Row())


@pytest.fixture
def emr() -> FakeEmr:
    return FakeEmr()


@pytest.fixture
def late(emr: FakeEmr) -> FileDocumentation:
    ledger = InMemoryLedger()
    client = FhirClient(BASE_URL, emr="north-emr", transport=emr)
    file_document(client, ledger, a_document(), at=NOW)
    services: Any = None
    return _Filed(services, client, ledger)


def test_what_was_filed_late_is_marked_entered_in_error(emr: FakeEmr, late: FileDocumentation) -> None:
    late.compensate(ROW)
    assert [document["status"] for document in emr.all("DocumentReference")] == ["entered-in-error"]


def test_a_refused_retraction_is_a_fault_that_names_no_patient(emr: FakeEmr, late: FileDocumentation) -> None:
    emr.will("PUT", answer(403))
    with pytest.raises(NotRetracted, match="403") as caught:
        late.compensate(ROW)
    assert a_document().patient not in str(caught.value)
    late.compensate(ROW)
    assert [document["status"] for document in emr.all("DocumentReference")] == ["entered-in-error"]
