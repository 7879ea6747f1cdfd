"""On the deployed stack: an execution that grew old ends where it waits, and another follows the case from there."""

from __future__ import annotations

import pytest

from functions.cases.rows import CaseRow
from tests.stack.conftest import Night
from tests.stack.ward import Ward

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_another_execution_goes_on_where_the_old_one_waits(played: Night) -> None:
    ward = Ward(played.stack)
    connection, executions = ward.connection, ward.followed.executions
    row = ward.grown_old(ward.parked("ordered"))
    assert row.encounter is not None

    def status(generation: int) -> str | None:
        return executions.status(row.workflow, row.version, row.id, generation)

    def followed_by_another() -> CaseRow | None:
        now = ward.row(row.id)
        return now if now.generation == 2 and now.parked_visit == now.visit else None

    ward.take(ward.next(row.encounter, "assessment_due"))
    continued = ward.eventually(followed_by_another)
    assert (continued.state, continued.resumed_at, continued.repairs) == ("assessment_due", 2, 0)
    ward.eventually(lambda: True if status(1) == "SUCCEEDED" else None)
    assert status(2) == "RUNNING"
    (entry,) = (entry for entry in connection.journal(row.id) if entry["kind"] == "continued")
    assert entry["reason"] == "age"
    ward.take(ward.next(row.encounter, "titrated_undocumented"))
    ward.eventually(lambda: True if ward.row(row.id).parked_visit == ward.row(row.id).visit > 2 else None)
    assert ward.row(row.id).generation == 2
    assert connection.executed(ward.row(row.id)) == [visit["to"] for visit in connection.visits(row.id)]
