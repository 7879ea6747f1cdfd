"""The FHIR R4 DocumentReference that documents oxygen therapy (https://hl7.org/fhir/R4/documentreference.html)."""

import base64
import binascii
import copy
import hashlib
from typing import Any, Final

from fhir.resources.R4B.documentreference import DocumentReference

from functions.emr.documentation import OxygenDocumentation
from functions.emr.elements import (
    coding,
    concept,
    date_time,
    identifier_element,
    literal_reference,
    logical_reference,
    same_codings,
    same_identifier,
    same_instant,
    same_reference,
)
from functions.emr.identifiers import DEVICE_SYSTEM, FACILITY_SYSTEM, ORCHESTRATOR, PERSON_SYSTEM, Identifier
from functions.emr.results import Resource
from functions.emr.validity import require_valid

LOINC_SYSTEM: Final = "http://loinc.org"
RESPIRATORY_THERAPY_NOTE: Final = "34838-3"
"""LOINC "Respiratory therapy Note", one of the types that FHIR prefers for DocumentReference.type
(https://hl7.org/fhir/R4/valueset-c80-doc-typecodes.html)."""

_CONTENT_TYPE: Final = "text/plain; charset=utf-8"


def document_resource(document: OxygenDocumentation) -> Resource:
    """The DocumentReference as JSON, with its text inside."""
    content = document_text(document).encode()
    resource: Resource = {
        "resourceType": "DocumentReference",
        "identifier": [identifier_element(document.id.identifier)],
        "status": "current",
        "type": concept(coding(LOINC_SYSTEM, RESPIRATORY_THERAPY_NOTE, "Respiratory therapy Note")),
        "subject": literal_reference("Patient", document.patient),
        "date": date_time(document.written_at),
        "author": [_author(document)],
        "custodian": logical_reference("Organization", Identifier(FACILITY_SYSTEM, document.facility)),
        "content": [
            {
                "attachment": {
                    "contentType": _CONTENT_TYPE,
                    "data": base64.b64encode(content).decode(),
                    "size": len(content),
                    "hash": _sha1(content),
                    "title": "Oxygen therapy documentation",
                    "creation": date_time(document.written_at),
                }
            }
        ],
        "context": {"encounter": [literal_reference("Encounter", document.encounter)]},
    }
    require_valid(DocumentReference, resource)
    return resource


def document_text(document: OxygenDocumentation) -> str:
    """The text that clinicians read: the given facts, in the given order, and nothing concluded from them."""
    lines = ["Oxygen therapy documentation", f"Written {date_time(document.written_at)}", ""]
    for fact in document.facts:
        when = f" ({date_time(fact.at)})" if fact.at is not None else ""
        lines.append(f"{fact.name}: {fact.value}{when}")
    return "\n".join(lines) + "\n"


def document_differences(existing: Resource, document: OxygenDocumentation) -> tuple[str, ...]:
    """The elements in which the EMR's document says something else than was to be filed; empty when there are none."""
    wanted = document_resource(document)
    status = () if existing.get("status") == wanted["status"] else ("DocumentReference.status",)
    return status + _differences(existing, wanted)


def is_copy(existing: Resource, of: Resource) -> bool:
    """Whether Baton itself can have made the document when it made ``of``, whatever became of the status of both since.

    What relates to another document, as an amendment does, or says something else, is somebody else's work.
    """
    return not existing.get("relatesTo") and not _differences(existing, of)


def outline(resource: Resource) -> Resource:
    """A document without its text: enough to tell a copy of it by, since the hash stands for the text."""
    outlined = copy.deepcopy(resource)
    for one in outlined["content"]:
        del one["attachment"]["data"]
    return outlined


def is_current(existing: Resource) -> bool:
    """Whether readers may go by a document: it is neither superseded nor an error."""
    return existing.get("status") == "current"


def is_retracted(existing: Resource) -> bool:
    """Whether a document was declared an error, by Baton or by somebody in the EMR."""
    return existing.get("status") == "entered-in-error"


def entered_in_error(existing: Resource) -> Resource:
    """The EMR's document, declared an error: FHIR's way to take back what others may have read already."""
    retracted = copy.deepcopy(existing)
    retracted["status"] = "entered-in-error"
    if "docStatus" in retracted:
        retracted["docStatus"] = "entered-in-error"
    return retracted


def _author(document: OxygenDocumentation) -> Resource:
    if document.author is None:
        return logical_reference("Device", Identifier(DEVICE_SYSTEM, ORCHESTRATOR))
    return logical_reference("Practitioner", Identifier(PERSON_SYSTEM, document.author))


def _differences(existing: Resource, wanted: Resource) -> tuple[str, ...]:
    encounters = [(one.get("context") or {}).get("encounter") for one in (existing, wanted)]
    same = {
        "DocumentReference.identifier": _any_same(
            same_identifier, existing.get("identifier"), wanted.get("identifier")
        ),
        "DocumentReference.type": same_codings(existing.get("type"), wanted.get("type")),
        "DocumentReference.subject": same_reference(existing.get("subject"), wanted.get("subject")),
        "DocumentReference.date": same_instant(existing.get("date"), wanted.get("date")),
        "DocumentReference.author": _any_same(same_reference, existing.get("author"), wanted.get("author")),
        "DocumentReference.context.encounter": _any_same(same_reference, *encounters),
        "DocumentReference.content.attachment": _content_hash(existing) == _content_hash(wanted) is not None,
    }
    return tuple(path for path, is_same in same.items() if not is_same)


def _any_same(same: Any, present: Any, wanted: Any) -> bool:
    return any(same(one, other) for one in present or [] for other in wanted or [])


def _content_hash(existing: Resource) -> str | None:
    contents = existing.get("content") or []
    if len(contents) != 1:
        return None
    attachment = contents[0].get("attachment") or {}
    if "data" not in attachment:
        # The EMR moved the text behind a url; the hash is defined over the data before its base64 encoding.
        return attachment.get("hash")
    try:
        return _sha1(base64.b64decode(attachment["data"], validate=True))
    except binascii.Error:
        return None


def _sha1(content: bytes) -> str:
    # FHIR R4 defines Attachment.hash as SHA-1; it finds changes, it does not protect against them.
    return base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
