"""What the EMR should say of a case: a function of the case row and its definition, and of nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

from functions.cases.rows import CLAIMED, CaseRow
from functions.emr.mirror import Code, TaskMirror, TaskStatus
from statemachines.definition import Definition


def mirror_of(row: CaseRow, definition: Definition) -> TaskMirror | None:
    """The Task that mirrors a case; None when the case has no patient or encounter that an EMR could know."""
    if row.patient is None or row.encounter is None:
        return None
    state = definition.state(row.state)
    role = row.task.role if row.task is not None else state.owner
    return TaskMirror(
        case_id=row.id,
        revision=row.seq,
        workflow=row.workflow,
        version=str(row.version),
        state=row.state,
        status=TaskStatus(state.emr.status),
        business_status=Code(state.emr.business_status, state.emr.display),
        role=role or "NOBODY",
        patient=row.patient,
        encounter=row.encounter,
        facility=row.facility,
        authored_on=_time(row.opened_at),
        last_modified=_time(max(row.opened_at, row.task.since if row.task else row.ended_at or row.opened_at)),
        person=row.task.person if row.task is not None and row.task.status == CLAIMED else None,
        due=_time(row.case.due) if row.case.due is not None else None,
        reason=state.instruction or state.title,
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
