import base64
import copy
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from functions.emr.document import document_differences, document_resource, entered_in_error
from functions.emr.documentation import DocumentedFact, DocumentId
from tests.unit.emr.cases import CASE_ID, a_document

TEXT = (
    "Oxygen therapy documentation\n"
    "Written 2026-03-02T08:30:00Z\n"
    "\n"
    "SpO2: 93 % (2026-03-02T08:30:00Z)\n"
    "Oxygen flow: 2 L/min\n"
)


def test_every_element() -> None:
    assert document_resource(a_document()) == {
        "resourceType": "DocumentReference",
        "identifier": [{"system": "https://baton.example/fhir/document", "value": f"{CASE_ID}.4"}],
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34838-3", "display": "Respiratory therapy Note"}]},
        "subject": {"reference": "Patient/P-0001"},
        "date": "2026-03-02T08:30:00Z",
        "author": [
            {
                "type": "Practitioner",
                "identifier": {"system": "https://baton.example/fhir/person", "value": "RT-LINDEN"},
            }
        ],
        "custodian": {
            "type": "Organization",
            "identifier": {"system": "https://baton.example/fhir/facility", "value": "north"},
        },
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "data": base64.b64encode(TEXT.encode()).decode(),
                    "size": len(TEXT),
                    "hash": base64.b64encode(hashlib.sha1(TEXT.encode()).digest()).decode(),
                    "title": "Oxygen therapy documentation",
                    "creation": "2026-03-02T08:30:00Z",
                }
            }
        ],
        "context": {"encounter": [{"reference": "Encounter/E-0001"}]},
    }


def test_without_an_author_the_orchestrator_files() -> None:
    (author,) = document_resource(a_document(author=None))["author"]
    assert author["type"] == "Device"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"patient": "../x"}, "patient is not a FHIR id"),
        ({"encounter": ""}, "encounter is not a FHIR id"),
        ({"facts": ()}, "facts must not be empty"),
        ({"facts": (DocumentedFact("SpO2", ""),)}, "the value of a fact must not be empty"),
        ({"facts": (DocumentedFact(" ", "93 %"),)}, "the name of a fact must not be empty"),
        ({"author": ""}, "author must not be empty"),
        ({"written_at": datetime(2026, 3, 2)}, "written_at needs a time zone"),  # noqa: DTZ001 -- naive on purpose
    ],
)
def test_documentation_that_cannot_be_filed(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        a_document(**changes)


def test_documentation_belongs_to_a_visit_of_a_case() -> None:
    with pytest.raises(ValueError, match="visit"):
        DocumentId(CASE_ID, 0)
    with pytest.raises(ValueError, match="case_id"):
        DocumentId("", 1)


def test_documentation_shows_no_patient_in_its_repr() -> None:
    assert not any(secret in repr(a_document()) for secret in ("P-0001", "E-0001", "93"))


def as_an_emr_gives_it_back() -> dict[str, Any]:
    given = document_resource(a_document())
    given |= {
        "id": "9",
        "date": "2026-03-02T09:30:00+01:00",
        "docStatus": "final",
        "subject": {"reference": "https://emr.example/fhir/R4/Patient/P-0001/_history/2"},
    }
    given["identifier"].insert(0, {"system": "https://emr.example/documents", "value": "D-1"})
    given["type"]["text"] = "RT note"
    return given


def test_the_same_in_other_words_is_no_difference() -> None:
    assert document_differences(as_an_emr_gives_it_back(), a_document()) == ()


def test_a_text_moved_behind_a_url_is_known_by_its_hash() -> None:
    given = as_an_emr_gives_it_back()
    attachment = given["content"][0]["attachment"]
    attachment["url"] = "Binary/1"
    del attachment["data"]
    assert document_differences(given, a_document()) == ()
    attachment["hash"] = "AAAA"
    assert document_differences(given, a_document()) == ("DocumentReference.content.attachment",)


def set_data(given: dict[str, Any], data: str) -> None:
    given["content"][0]["attachment"]["data"] = data


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda given: given.update(status="superseded"), "status"),
        (lambda given: given["identifier"].pop(), "identifier"),
        (lambda given: given["type"]["coding"][0].update(code="34746-8"), "type"),
        (lambda given: given.update(subject={"reference": "Patient/P-0002"}), "subject"),
        (lambda given: given.pop("subject"), "subject"),
        (lambda given: given.update(date="2026-03-02T08:30:01Z"), "date"),
        (lambda given: given.pop("author"), "author"),
        (lambda given: given["context"].pop("encounter"), "context.encounter"),
        (lambda given: set_data(given, base64.b64encode(b"something else").decode()), "content.attachment"),
        (lambda given: set_data(given, "not base64"), "content.attachment"),
        (lambda given: given["content"].append(copy.deepcopy(given["content"][0])), "content.attachment"),
        (lambda given: given.update(content=[{}]), "content.attachment"),
    ],
)
def test_every_difference_is_named(change: Callable[[dict[str, Any]], object], path: str) -> None:
    given = as_an_emr_gives_it_back()
    change(given)
    assert document_differences(given, a_document()) == (f"DocumentReference.{path}",)


def test_a_retraction_changes_the_status_and_nothing_else() -> None:
    given = as_an_emr_gives_it_back()
    before = copy.deepcopy(given)
    retracted = entered_in_error(given)
    assert given == before
    assert retracted == before | {"status": "entered-in-error", "docStatus": "entered-in-error"}
    del before["docStatus"]
    assert entered_in_error(before) == before | {"status": "entered-in-error"}
