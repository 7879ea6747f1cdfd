"""Filing a case's documentation in the EMR, and reading it back.

What is filed is the course of the case as its journal has it up to the first time it was to be filed. The journal never
changes, so every try files the same document under the same identifier, and reading back compares with the same.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from functions.cases import keys
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.store import machine_of
from functions.cases.table import Item, read_all
from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.documentation import DocumentedFact, DocumentId, OxygenDocumentation
from functions.emr.filing import Confirmed, Failed, Mismatch, Sent, confirm_document, file_document, retract_document
from functions.emr.ledger import Ledger
from functions.emr.results import Missing, Unknown
from functions.work.holding import held_for, waiting

FILE = "file_documentation"


class NotRetracted(RuntimeError):
    """A document that was filed too late could not be taken back; the text has ids only."""


class _Documentation:
    def __init__(self, services: Services, client: FhirClient, ledger: Ledger) -> None:
        self._services, self._client, self._ledger = services, client, ledger

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._services.now(), UTC)

    def _document(self, row: CaseRow) -> OxygenDocumentation:
        machine = machine_of(self._services, row)
        filing = {s.name for s in machine.definition.states if s.work is not None and s.work.name == FILE}
        course: list[Item] = []
        for entry in read_all(self._services.table, keys.case_pk(row.id), "J#"):
            if entry["kind"] != "moved":
                continue
            course.append(entry)
            if entry["target"] in filing:
                break
        last = course[-1]
        if row.patient is None or row.encounter is None:
            raise LookupError(f"case {row.id} has no patient or encounter to file for")
        return OxygenDocumentation(
            id=DocumentId(row.id, int(last["visit"])),
            patient=row.patient,
            encounter=row.encounter,
            facility=row.facility,
            written_at=_time(last["at"]),
            author=last.get("actor"),
            facts=tuple(
                DocumentedFact(
                    machine.states[entry["target"]].title,
                    f"{entry['because']} ({entry['transition']}, {entry.get('actor_role') or 'Baton'})",
                    _time(entry["occurred_at"]),
                )
                for entry in course
            ),
        )


class FileDocumentation(_Documentation):
    """File the documentation once: ``sent`` when the EMR says it has it, ``failed`` when it refuses or has something else."""

    def perform(self, row: CaseRow) -> Literal["sent", "failed"]:
        """See Step.perform. Raises EmrUnavailable when nobody can say whether it was filed; the next try looks first."""
        document, ledger = self._document(row), held_for(self._ledger, row)
        match file_document(self._client, ledger, document, at=self._now(), wait=waiting(self._services)):
            case Sent() | Confirmed():
                return "sent"
            case Mismatch() | Failed():
                return "failed"
            case Unknown(why):
                raise EmrUnavailable(why)

    def compensate(self, row: CaseRow) -> None:
        """See Step.compensate: mark the document entered in error.

        Raises NotRetracted when the EMR would not have it.
        """
        result = retract_document(self._client, self._ledger, self._document(row).id, at=self._now())
        if isinstance(result, Failed):
            raise NotRetracted(f"the EMR answered {result.status} to the retraction of a document of case {row.id}")


class ConfirmDocumentation(_Documentation):
    """Read the documentation back: ``confirmed``, ``mismatch`` when the EMR shows something else, ``failed`` when it has none."""

    def perform(self, row: CaseRow) -> Literal["confirmed", "mismatch", "failed"]:
        """See Step.perform."""
        match confirm_document(self._client, held_for(self._ledger, row), self._document(row), at=self._now()):
            case Confirmed():
                return "confirmed"
            case Mismatch():
                return "mismatch"
            case Failed() | Missing():
                return "failed"

    def compensate(self, row: CaseRow) -> None:
        """See Step.compensate: reading changes nothing."""


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
