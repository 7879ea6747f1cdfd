"""Files a document in the EMR, reads it back, and takes it back: the work of a system state, with explicit outcomes."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import sleep
from typing import Final, TypeAlias

from functions.emr.attempt import LEASE, Attempt, EmrUnavailable, Wait, WriteHeld, begin
from functions.emr.client import FhirClient, bears
from functions.emr.document import (
    document_differences,
    document_resource,
    entered_in_error,
    is_copy,
    is_current,
    is_retracted,
    outline,
)
from functions.emr.documentation import DocumentId, OxygenDocumentation
from functions.emr.ledger import Ledger, LedgerKey, LedgerStatus, Superseded, is_withdrawn
from functions.emr.looking import as_duplicate, ranked, read_known, retire, search_for, take_back
from functions.emr.results import Busy, Conflict, Found, Missing, Rejected, Resource, Unknown, Written

DOCUMENT_TYPE: Final = "DocumentReference"
_MAX_DECISIONS: Final = 5
_RELATED: Final = (f"{DOCUMENT_TYPE}.relatesTo",)


@dataclass(frozen=True, slots=True)
class Sent:
    """The EMR says that it has the document; nobody has read it back yet."""

    resource_id: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The EMR has the document, and it says what was to be filed."""

    resource_id: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The EMR has, or had, a document of this identity that is not what was to be filed. `elements` are paths."""

    resource_id: str
    elements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The document will not be filed: the EMR refused it with this status, or it was retracted (status None)."""

    status: int | None
    diagnostics: str


@dataclass(frozen=True, slots=True)
class Retracted:
    """Whatever the EMR had of the document is marked entered-in-error; None when it had nothing. It stays retracted."""

    resource_id: str | None


@dataclass(frozen=True, slots=True)
class _Look:
    """What the EMR has under a document's identifier: Baton's one that counts, else somebody's.

    Of Baton's others so many were retired, and so many could not be.
    """

    ours: Found | None
    other: Found | None = None
    retired: int = 0
    stuck: int = 0


FileResult: TypeAlias = Sent | Confirmed | Mismatch | Failed | Unknown
ConfirmResult: TypeAlias = Confirmed | Mismatch | Failed | Missing
RetractResult: TypeAlias = Retracted | Failed


def document_key(client: FhirClient, document: DocumentId) -> LedgerKey:
    """The ledger's key of a document in an EMR."""
    return LedgerKey(client.emr, DOCUMENT_TYPE, document.source_id)


def file_document(
    client: FhirClient,
    ledger: Ledger,
    document: OxygenDocumentation,
    *,
    at: datetime,
    lease: timedelta = LEASE,
    wait: Wait = sleep,
) -> FileResult:
    """Files a document once. What is there already is compared, never overwritten; what was retracted stays so.

    After Unknown, the same call looks into the EMR before it files again. `at` is the wall-clock time now.
    Raises EmrUnavailable when surely nothing was filed and the same can be tried again; WriteHeld also when another attempt
    took over meanwhile: what this one filed beside that one's is taken back.
    """
    # Written down before it is filed: where the answer is lost, it tells Baton's document from what a person made of it.
    content = json.dumps(outline(document_resource(document)), separators=(",", ":"))
    with _begun(client, ledger, document.id, at, lease, content) as attempt:
        if attempt.row.status is LedgerStatus.RETRACTED:
            return Failed(None, "retracted")
        must_look = not attempt.is_first
        identifier = document.id.identifier
        for _ in range(_MAX_DECISIONS):
            if must_look:
                known = _confirm(client, attempt, document)
                if not isinstance(known, Missing):
                    return known
                if attempt.let_come_to_light(wait):
                    continue
            match client.create(document_resource(document), if_none_exist=identifier):
                case Written(resource_id, version):
                    if attempt.keeps(resource_id, version, wait):
                        return Sent(resource_id)
                    take_back(client, DOCUMENT_TYPE, resource_id, lambda body: as_duplicate(body, identifier), wait)
                    raise WriteHeld(
                        "another attempt filed it, or it was retracted or refused; this one's document is taken back"
                    )
                case Found(_, _, body) as found if bears(body, identifier):
                    return _compared(attempt, found, document)
                case Found() | Conflict():
                    must_look = True
                case Busy(retry_after):
                    raise EmrUnavailable("the EMR is busy", retry_after)
                case Unknown() as unknown:
                    attempt.record(LedgerStatus.UNKNOWN)
                    return unknown
                case Rejected(status, diagnostics):
                    attempt.record(LedgerStatus.REJECTED)
                    return Failed(status, diagnostics)
        raise EmrUnavailable(f"the EMR had {_MAX_DECISIONS} conflicts over a document that nobody can find")


def confirm_document(
    client: FhirClient, ledger: Ledger, document: OxygenDocumentation, *, at: datetime, lease: timedelta = LEASE
) -> ConfirmResult:
    """Reads a document back and compares it; Missing when the EMR has none. What Baton filed more than once is retired.

    Raises EmrUnavailable.
    """
    with _begun(client, ledger, document.id, at, lease) as attempt:
        if attempt.row.status is LedgerStatus.RETRACTED:
            return Failed(None, "retracted")
        return _confirm(client, attempt, document)


def retract_document(
    client: FhirClient, ledger: Ledger, document: DocumentId, *, at: datetime, lease: timedelta = LEASE
) -> RetractResult:
    """Marks a document entered-in-error, and makes sure that no late attempt files it again.

    What somebody else made of it, such as an amendment or a corrected version, is left alone. Raises EmrUnavailable when the
    same has to be tried again.
    """
    with _begun(client, ledger, document, at, lease) as attempt:
        for _ in range(_MAX_DECISIONS):
            known = _known(client, attempt)
            if isinstance(known, Rejected):
                return Failed(known.status, known.diagnostics)
            # Always a search: the attempt that the ledger lost track of is the one to retract.
            look = _look(client, document, known, _announced(attempt, known))
            if isinstance(look, Rejected):
                return Failed(look.status, look.diagnostics)
            found = look.ours
            if found is None or is_retracted(found.body):
                resource_id, version = (found.resource_id, found.version) if found is not None else (None, None)
                attempt.record(LedgerStatus.RETRACTED, resource_id, version)
                return Retracted(resource_id)
            match client.update(entered_in_error(found.body), if_match=found.version):
                case Written(resource_id, version):
                    attempt.record(LedgerStatus.RETRACTED, resource_id, version)
                    return Retracted(resource_id)
                case Missing() | Conflict():
                    continue
                case Busy(retry_after):
                    raise EmrUnavailable("the EMR is busy", retry_after)
                case Unknown(why):
                    raise EmrUnavailable(why)
                case Rejected(status, diagnostics):
                    return Failed(status, diagnostics)
        raise EmrUnavailable(f"the document changed {_MAX_DECISIONS} times while it was being retracted")


def retire_doubles(
    client: FhirClient,
    ledger: Ledger,
    document: DocumentId,
    *,
    at: datetime,
    lease: timedelta = LEASE,
    counted_on: bool = False,
) -> int:
    """Looks whether Baton filed a document more than once, or after its retraction or refusal, and retires what is too many.

    An attempt that was late can file after everybody has looked, and die before it takes that back. Where the document is
    ``counted_on``, what came after a refusal is the one that was wanted, and the ledger learns of it. Returns how many were
    retired. Raises EmrUnavailable, also while one that is too many is still there.
    """
    with _begun(client, ledger, document, at, lease) as attempt:
        known = _known(client, attempt)
        if isinstance(known, Rejected):
            return 0  # which one is the one cannot be told
        look = _look(client, document, known, _announced(attempt, known))
        if isinstance(look, Rejected):
            return 0
        ours, stuck, too_many = look.ours, look.stuck, look.retired
        if ours is not None and is_current(ours.body) and is_withdrawn(attempt.row):
            if counted_on and attempt.row.status is LedgerStatus.REJECTED:
                attempt.record(LedgerStatus.WRITTEN, ours.resource_id, ours.version)
            else:
                result = client.update(entered_in_error(ours.body), if_match=ours.version)
                too_many += isinstance(result, Written)
                stuck += not isinstance(result, Written | Missing)
        if stuck:
            raise EmrUnavailable("a document that is one too many could not be retired")
        return too_many


def _begun(
    client: FhirClient,
    ledger: Ledger,
    document: DocumentId,
    at: datetime,
    lease: timedelta,
    content: str | None = None,
) -> Attempt:
    attempt = begin(ledger, document_key(client, document), at, lease=lease, content=content)
    if isinstance(attempt, Superseded):
        raise AssertionError("documents have no revisions")
    return attempt


def _confirm(client: FhirClient, attempt: Attempt, document: OxygenDocumentation) -> ConfirmResult:
    known = _known(client, attempt)
    if isinstance(known, Rejected):
        return Failed(known.status, known.diagnostics)
    look = _look(client, document.id, known, document_resource(document))
    if isinstance(look, Rejected):
        # Some EMRs do not let everybody search; what is known was read all the same.
        return Failed(look.status, look.diagnostics) if known is None else _compared(attempt, known, document)
    if look.ours is not None:
        return _compared(attempt, look.ours, document)
    if look.other is not None:
        if is_retracted(look.other.body):
            return _compared(attempt, look.other, document)
        # Somebody else's: the ledger must not learn its id, or a retraction would mark it.
        return Mismatch(look.other.resource_id, document_differences(look.other.body, document) or _RELATED)
    lost = attempt.row.resource_id
    # It was there. Who removed it had a reason; filing it again is for a person to decide.
    return Mismatch(lost, (DOCUMENT_TYPE,)) if lost is not None else Missing()


def _announced(attempt: Attempt, known: Found | None) -> Resource | None:
    """What Baton filed, as far as that is known: as the EMR has it, else as it was to be; None when nothing was to be filed."""
    if known is not None:
        return known.body
    content = attempt.row.content
    filed: Resource | None = json.loads(content) if content is not None else None
    return filed


def _look(client: FhirClient, document: DocumentId, known: Found | None, filed: Resource | None) -> _Look | Rejected:
    """Searches for a document; of those current that Baton can have made one counts, and the others are retired.

    That is the one that the ledger knows, as long as it is current: a person who marked it an error, or replaced it, meant
    what stands now. What Baton can have made is told by what it ``filed``. Raises EmrUnavailable.
    """
    found = search_for(client, DOCUMENT_TYPE, document.identifier)
    if isinstance(found, Rejected):
        return found
    if known is not None:
        # A search index can lag behind; what the ledger knows was read as it is now.
        found = (known, *(one for one in found if one.resource_id != known.resource_id))
    everything = ranked(found, known.resource_id if known is not None else None)
    current = [one for one in everything if is_current(one.body)]
    copies = [one for one in current if one is known or (filed is not None and is_copy(one.body, filed))]
    if not copies:
        return _Look(known, None if known is not None else next(iter(everything), None))
    kept, *doubles = copies
    retired = sum(retire(client, one, document.identifier) for one in doubles)
    return _Look(kept, retired=retired, stuck=len(doubles) - retired)


def _known(client: FhirClient, attempt: Attempt) -> Found | Rejected | None:
    if attempt.row.resource_id is None:
        return None
    known = read_known(client, DOCUMENT_TYPE, attempt.row.resource_id)
    return None if isinstance(known, Missing) else known


def _compared(attempt: Attempt, found: Found, document: OxygenDocumentation) -> Confirmed | Mismatch | Failed:
    if is_retracted(found.body):
        attempt.record(LedgerStatus.RETRACTED, found.resource_id, found.version)
        return Failed(None, "retracted")
    attempt.record(LedgerStatus.WRITTEN, found.resource_id, found.version)
    differences = document_differences(found.body, document)
    return Mismatch(found.resource_id, differences) if differences else Confirmed(found.resource_id)
