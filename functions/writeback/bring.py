"""Bring the EMR in line with one case, as the case is now."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from functions.cases import keys
from functions.cases.ports import Reading
from functions.cases.store import load_case, machine_of
from functions.cases.table import Condition, Test, Update, WriteRefused
from functions.cases.telemetry import Measure, Telemetry
from functions.emr.client import FhirClient
from functions.emr.doubles import take_doubles_back
from functions.emr.ledger import Ledger
from functions.emr.sync import SyncOutcome, SyncResult, ensure_task
from functions.writeback.counting import counts_on
from functions.writeback.mirror import mirror_of


class Rejected(RuntimeError):
    """The EMR refuses what it should show. The message is tried again and ends in the dead-letter queue, where an alarm rings."""


class Writeback:
    """One EMR, its ledger, and the cases it should show."""

    def __init__(
        self, reading: Reading, client: FhirClient, ledger: Ledger, telemetry: Telemetry | None = None
    ) -> None:
        self._reading, self._client, self._ledger = reading, client, ledger
        self._telemetry = telemetry or Telemetry()

    def bring(self, case: str, *, check: bool = False) -> SyncResult | None:
        """Write the case's Task unless the EMR says so already; None when the case has nothing to show.

        ``check``: search the EMR for Tasks of the case, whatever the ledger says; what somebody deleted there, doubled or
        changed is put right and counted. So is what it has twice of the documents and orders that the case's steps made.

        Raises EmrUnavailable when it must be tried again, Rejected when the EMR refuses it.
        """
        row = load_case(self._reading, case)
        if row is None:
            raise LookupError(f"write-back asked for case {case}, which does not exist")
        machine = machine_of(self._reading, row)
        mirror = mirror_of(row, machine.definition)
        if mirror is None:
            return None
        at = datetime.fromtimestamp(self._reading.now(), UTC)
        shown = self._shown_before(case) if check else 0
        result = ensure_task(self._client, self._ledger, mirror, at=at, look_for_duplicates=check)
        dimensions = {"workflow": row.workflow, "facility": row.facility}
        if result.outcome is SyncOutcome.REJECTED:
            self._telemetry.emit([Measure("WritebackFailed", 1, "Count", dimensions)])
            raise Rejected(f"the EMR answered {result.status} to the Task of case {case}: {result.diagnostics}")
        since = self._waited_since(case) if result.outcome is SyncOutcome.WRITTEN else None
        if result.outcome in (SyncOutcome.WRITTEN, SyncOutcome.UNCHANGED):
            self._shown(case, mirror.revision)
        if since is not None:
            lag = max(0.0, self._reading.now() - since) * 1000
            self._telemetry.emit([Measure("EmrLag", round(lag), "Milliseconds", dimensions)])
        if result.outcome is SyncOutcome.WRITTEN:
            self._telemetry.emit([Measure("WritebackWritten", 1, "Count", dimensions)])
            if check and shown >= mirror.revision:  # it was shown, and somebody else undid it
                self._telemetry.emit([Measure("EmrTasksMended", 1, "Count", dimensions)])
        retired = result.retired
        if check:
            retired += take_doubles_back(
                self._client, self._ledger, case, row.facility, at=at, counts_on=counts_on(row, machine)
            )
        if retired:
            self._telemetry.emit([Measure("EmrDuplicatesRetired", retired, "Count", dimensions)])
        return result

    def _waited_since(self, case: str) -> float | None:
        """When the oldest journal entry that the EMR did not show was written; None when it had shown them all."""
        oldest = self._reading.table.get(keys.journal(case, self._shown_before(case) + 1))
        return float(oldest["at"]) if oldest is not None else None

    def _shown_before(self, case: str) -> int:
        row = self._reading.table.get(keys.mirror(case, self._client.emr))
        return int(row["shown"]) if row is not None else 0

    def _shown(self, case: str, revision: int) -> None:
        """Note how far the EMR shows the case, so that the sweep need not ask again; never backwards."""
        newer = (Condition("shown", Test.ABSENT_OR_BELOW, revision),)
        with suppress(WriteRefused):
            self._reading.table.write(
                (Update(keys.mirror(case, self._client.emr), set={"shown": revision}, conditions=newer),)
            )
