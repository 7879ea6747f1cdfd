"""Synthetic cases and documentation."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from functions.emr.documentation import DocumentedFact, DocumentId, OxygenDocumentation
from functions.emr.home_oxygen import HomeOxygenOrder, OrderId
from functions.emr.mirror import Code, TaskMirror, TaskStatus

CASE_ID = "c0ffee" * 10 + "beef"
NOW = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)

_MIRROR = TaskMirror(
    case_id=CASE_ID,
    revision=1,
    workflow="oxygen",
    version="1.0.0",
    state="ASSESSMENT_DUE",
    status=TaskStatus.REQUESTED,
    business_status=Code("assessment-due", "Assessment due"),
    role="respiratory-therapist",
    patient="P-0001",
    encounter="E-0001",
    facility="north",
    authored_on=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
    last_modified=NOW,
)

_DOCUMENT = OxygenDocumentation(
    id=DocumentId(CASE_ID, 4),
    patient="P-0001",
    encounter="E-0001",
    facility="north",
    written_at=NOW,
    facts=(DocumentedFact("SpO2", "93 %", NOW), DocumentedFact("Oxygen flow", "2 L/min")),
    author="RT-LINDEN",
)

_ORDER = HomeOxygenOrder(
    id=OrderId(CASE_ID, "north", "order-1"),
    vendor="vendor-1",
    flow_l_min=2.5,
    patient="P-0001",
    encounter="E-0001",
    authored_on=NOW,
    signed_by="MD-OAK",
)


def a_mirror(**changes: Any) -> TaskMirror:
    return replace(_MIRROR, **changes)


def a_document(**changes: Any) -> OxygenDocumentation:
    return replace(_DOCUMENT, **changes)


def an_order(**changes: Any) -> HomeOxygenOrder:
    return replace(_ORDER, **changes)
