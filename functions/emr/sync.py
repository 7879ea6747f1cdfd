"""Makes the EMR's Task say what the case says: level-triggered, so it can be repeated and repairs what got lost."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from functions.emr.attempt import LEASE, Attempt, EmrUnavailable, begin
from functions.emr.client import FhirClient, bears
from functions.emr.identifiers import task_identifier
from functions.emr.ledger import Ledger, LedgerKey, LedgerStatus, Superseded
from functions.emr.looking import look_for, read_known
from functions.emr.mirror import TaskMirror
from functions.emr.results import Busy, Conflict, Found, Missing, Rejected, Unknown, Written
from functions.emr.task import merge, says_otherwise, task_resource

MAX_DECISIONS: Final = 5
"""How often one attempt decides anew after somebody else changed the Task meanwhile."""


class SyncOutcome(StrEnum):
    """How an attempt to mirror a case ended."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    """The EMR said so already."""
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    """A newer revision of the case was mirrored, or begun to be, meanwhile."""


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What became of a mirror, with what the EMR calls it, and what telemetry counts on the way.

    `status` and `diagnostics` are the EMR's when it rejected; the diagnostics name codes and elements, never values.
    """

    outcome: SyncOutcome
    resource_id: str | None = None
    version: str | None = None
    status: int | None = None
    diagnostics: str = ""
    conflicts: int = 0
    duplicates: int = 0
    retired: int = 0


def task_key(client: FhirClient, mirror: TaskMirror) -> LedgerKey:
    """The ledger's key of a case's Task in an EMR."""
    return LedgerKey(client.emr, "Task", mirror.case_id)


def ensure_task(
    client: FhirClient,
    ledger: Ledger,
    mirror: TaskMirror,
    *,
    at: datetime,
    lease: timedelta = LEASE,
    look_for_duplicates: bool = False,
) -> SyncResult:
    """Makes the EMR's Task for a case say what the mirror says; changes nothing when it does already.

    `at` is the wall-clock time now. `look_for_duplicates` searches even where the ledger knows the Task's id: a sweep
    asks for that, since an EMR can have made two of one.

    Raises EmrUnavailable when the same has to be tried again.
    """
    attempt = begin(ledger, task_key(client, mirror), at, revision=mirror.revision, lease=lease)
    if isinstance(attempt, Superseded):
        return SyncResult(SyncOutcome.SUPERSEDED)
    with attempt:
        return _TaskWriter(client, attempt, mirror, look_for_duplicates=look_for_duplicates).run()


class _TaskWriter:
    """Look, decide, write; again from the start when somebody else was there first."""

    def __init__(self, client: FhirClient, attempt: Attempt, mirror: TaskMirror, *, look_for_duplicates: bool) -> None:
        self._client = client
        self._attempt = attempt
        self._wanted = task_resource(mirror)
        self._identifier = task_identifier(mirror.case_id)
        self._known_id = attempt.row.resource_id
        # On the very first attempt nobody can have created it; after that, only a look can tell.
        self._must_search = look_for_duplicates or not attempt.is_first
        self._always_search = look_for_duplicates
        self._conflicts = self._duplicates = self._retired = 0

    def run(self) -> SyncResult:
        for _ in range(MAX_DECISIONS):
            existing = self._look()
            if isinstance(existing, Rejected):
                return self._rejected(existing)
            result = self._create() if existing is None else self._update(existing)
            if result is not None:
                return result
            self._conflicts += 1
        raise EmrUnavailable(f"the Task changed {MAX_DECISIONS} times while it was being written")

    def _look(self) -> Found | Rejected | None:
        if not self._always_search and (known := self._read_known()) is not None:
            return known
        if not self._must_search:
            return None
        look = look_for(self._client, "Task", self._identifier, known_id=self._known_id)
        if isinstance(look, Rejected):
            return look
        self._duplicates += look.duplicates
        self._retired += look.retired
        # A search index can lag behind; what the ledger knows is there to be read all the same.
        return look.found if look.found is not None else self._read_known()

    def _read_known(self) -> Found | Rejected | None:
        if self._known_id is None:
            return None
        known = read_known(self._client, "Task", self._known_id)
        if not isinstance(known, Missing):
            return known
        self._known_id = None
        self._must_search = True
        return None

    def _create(self) -> SyncResult | None:
        match self._client.create(self._wanted, if_none_exist=self._identifier):
            case Written(resource_id, version):
                return self._in_place(SyncOutcome.WRITTEN, resource_id, version)
            case Found(_, _, body) as existing if bears(body, self._identifier):
                return self._update(existing)
            case Found() | Conflict():
                self._must_search = True
                return None
            case Busy(retry_after):
                raise EmrUnavailable("the EMR is busy", retry_after)
            case Unknown(why):
                self._attempt.record(LedgerStatus.UNKNOWN)
                raise EmrUnavailable(why)
            case Rejected() as rejected:
                self._attempt.record(LedgerStatus.REJECTED)
                return self._rejected(rejected)

    def _update(self, existing: Found) -> SyncResult | None:
        resource_id = existing.resource_id
        if not says_otherwise(existing.body, self._wanted):
            return self._in_place(SyncOutcome.UNCHANGED, resource_id, existing.version)
        match self._client.update(merge(existing.body, self._wanted), if_match=existing.version):
            case Written(_, version):
                return self._in_place(SyncOutcome.WRITTEN, resource_id, version)
            case Missing() | Conflict():
                self._known_id = resource_id
                return None
            case Busy(retry_after):
                raise EmrUnavailable("the EMR is busy", retry_after)
            case Unknown(why):
                self._attempt.record(LedgerStatus.UNKNOWN, resource_id, existing.version)
                raise EmrUnavailable(why)
            case Rejected() as rejected:
                self._attempt.record(LedgerStatus.REJECTED, resource_id, existing.version)
                return self._rejected(rejected)

    def _in_place(self, outcome: SyncOutcome, resource_id: str, version: str | None) -> SyncResult:
        self._attempt.record(LedgerStatus.WRITTEN, resource_id, version)
        return SyncResult(
            outcome,
            resource_id,
            version,
            conflicts=self._conflicts,
            duplicates=self._duplicates,
            retired=self._retired,
        )

    def _rejected(self, rejected: Rejected) -> SyncResult:
        return SyncResult(
            SyncOutcome.REJECTED,
            self._known_id,
            status=rejected.status,
            diagnostics=rejected.diagnostics,
            conflicts=self._conflicts,
            duplicates=self._duplicates,
            retired=self._retired,
        )
