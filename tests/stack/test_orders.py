"""Orders on the deployed stack: what the EMR shows after each step, and who owns the case when the EMR does not answer."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from cdk.grants import Actor
from events.catalog import CATALOG
from functions.cases import keys
from functions.cases.facilities import register
from functions.cases.intake import take_in
from functions.cases.rows import CaseRow
from functions.cases.table import Update
from functions.emr.client import FhirClient
from functions.emr.identifiers import order_identifier
from functions.emr.results import Written
from local.agreement import examine
from local.emr.faults import FaultMode
from local.stack import LocalStack, newest
from statemachines.facilities import facilities
from tests.stack.conftest import Night
from tests.stack.lambdas import Lambdas, name

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

FACILITY = "hillcrest"
LAB, PLAN, ORDER = "critical_lab", "home_oxygen", "home_oxygen_order"
ROLES = ("LAB", "RN", "PROVIDER", "COVERING", "CHIEF", "CASE_MANAGER", "VENDOR", "RT", "SUPERVISOR", "CHARGE_NURSE")
PATIENT_SECONDS = 60.0
"""A step that fails in every attempt takes some ten seconds, and twenty more where the EMR never answers."""

Course = tuple[tuple[str, str | None, dict[str, Any]], ...]
ACKNOWLEDGED: Course = (
    (
        "critical_result_reported", None,
        {"result_id": "R1", "potassium_mmol_l": 7.0, "called_whatever_its_value": False, "chronic_disease": False,
         "trending_to_normal": False, "on_protocol": False},
    ),
    ("result_verified", "LAB", {"result_id": "R1"}),
    ("result_called", "LAB", {"result_id": "R1", "recipient_id": "RN-1", "cares_for_patient": True}),
    ("result_read_back", "RN", {"result_id": "R1", "identifiers_confirmed": 2, "value_confirmed": True}),
    ("result_acknowledged", "PROVIDER", {"result_id": "R1"}),
)  # fmt: skip
REQUESTED: Course = (
    ("discharge_planned", "CASE_MANAGER", {}),
    ("qualifying_test_ordered", "PROVIDER", {}),
    (
        "qualifying_test_completed", "RT",
        {"test_id": "T1", "pao2_mm_hg": 52, "dependent_oedema": False, "cor_pulmonale": False, "performed_by_vendor": False},
    ),
    ("home_oxygen_requested", "PROVIDER", {}),
)  # fmt: skip

Seen = TypeVar("Seen")


class Patient:
    """One patient at a facility of its own, the patient's cases there, and the orders that the EMR has for the patient."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack, self.connection = stack, stack.connection
        self.id = f"P-{uuid.uuid4().hex[:8]}"
        self.number = f"O-{uuid.uuid4().hex[:8]}"
        self._numbers = itertools.count(1)
        self._client = FhirClient(stack.emr.base_url, emr="emr")

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, type: str, by: str | None = None, **data: Any) -> None:
        """Something happens to the patient; somebody in a role says so."""
        detail: dict[str, Any] = {
            "event_id": f"{self.id}-{next(self._numbers)}",
            "type": type,
            "schema_version": 1,
            "occurred_at": datetime.now(UTC).isoformat(),
            "facility": FACILITY,
            "subject": {"patient": self.id, "encounter": self.id.replace("P-", "E-")},
            "data": data,
        }
        if by is not None:
            detail["actor"] = {"id": f"{by.replace('_', '-')}-1", "role": by}
        raw = json.dumps({"source": str(min(CATALOG[type].sources)), "detail-type": type, "detail": detail})
        result = take_in(self.connection.services, raw)
        assert isinstance(result, list), result
        assert "moved" in {placed.outcome for placed in result}, result

    def go(self, course: Course) -> None:
        """All of this happens."""
        for type, by, data in course:
            self.tell(type, by, **data)

    def order_in_emr(self, **changes: Any) -> None:
        """A provider places an order in the EMR."""
        order = {
            "resourceType": "ServiceRequest",
            "identifier": [{"system": "urn:the-emr", "value": self.number}],
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{self.id}"},
        }
        assert isinstance(self._client.create(order | changes), Written)

    def drafted(self) -> None:
        """An order for home oxygen is drafted."""
        self.go(REQUESTED)
        draft = {"order_id": self.number, "vendor_id": "vendor-1", "flow_l_min": 2.5}
        self.tell("home_oxygen_order_drafted", "CASE_MANAGER", **draft)

    def sign(self) -> None:
        """The order is signed, and is to be sent."""
        self.tell("home_oxygen_order_signed", "PROVIDER", order_id=self.number)

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────────

    def of(self, workflow: str) -> CaseRow:
        """The patient's case of a workflow."""
        rows = self.connection.cases([FACILITY])
        (row,) = [row for row in rows if (row.patient, row.workflow) == (self.id, workflow)]
        return row

    def comes_to(self, workflow: str, *states: str) -> CaseRow:
        """The patient's case of a workflow, once it is in one of these states."""
        return self.eventually(lambda: row if (row := self.of(workflow)).state in states else None)

    def events(self, workflow: str) -> list[str]:
        """The events in the journal of the patient's case of a workflow."""
        return [entry["event"] for entry in self.connection.journal(self.of(workflow).id)]

    def orders(self) -> list[dict[str, Any]]:
        """What the EMR has under the number of the patient's order."""
        return self.stack.emr.search("DeviceRequest", identifier=order_identifier(FACILITY, self.number).token)

    def only_order(self) -> dict[str, Any]:
        """The one order that the EMR has for the patient, under whatever number."""
        (order,) = self.stack.emr.search("DeviceRequest", subject=f"Patient/{self.id}")
        assert [order] == self.orders()
        return order

    def eventually(self, look: Callable[[], Seen | None]) -> Seen:
        """What ``look`` gives once it gives something."""
        end = time.monotonic() + PATIENT_SECONDS
        while (seen := look()) is None:
            assert time.monotonic() < end, f"did not happen within {PATIENT_SECONDS:.0f} s: {self._standing()}"
            time.sleep(0.1)
        return seen

    def _standing(self) -> list[tuple[str, str]]:
        return [(row.workflow, row.state) for row in self.connection.cases([FACILITY]) if row.patient == self.id]


@pytest.fixture(scope="module")
def stack(played: Night) -> LocalStack:
    """The deployed stack, with a facility whose deadlines are hours and where every role is held."""
    connection = played.stack.connection
    policy = facilities()["northfield"].model_copy(update={"facility": FACILITY})
    register(connection.table, policy, newest(connection), connection.definitions)
    now = datetime.now(UTC)
    for role in ROLES:
        shift = {
            "event_id": f"hillcrest-{role}",
            "type": "shift_started",
            "schema_version": 1,
            "occurred_at": now.isoformat(),
            "facility": FACILITY,
            "data": {
                "staff_id": f"{role.replace('_', '-')}-1",
                "roles": [role],
                "until": (now + timedelta(hours=12)).isoformat(),
            },
        }
        raw = json.dumps({"source": "baton.roster", "detail-type": "shift_started", "detail": shift})
        assert isinstance(take_in(connection.services, raw), list)
    return played.stack


@pytest.fixture
def patient(stack: LocalStack) -> Iterator[Patient]:
    """A patient; afterwards the EMR answers again, and everything agrees on the patient's cases."""
    someone = Patient(stack)
    since = datetime.now(UTC)
    try:
        yield someone
    finally:
        stack.emr.faults.clear()

    def agreed() -> bool | None:
        report = examine(stack.connection, stack.emr, [FACILITY], {}, since)
        return True if all(not case.differences for case in report.cases) else None

    someone.eventually(agreed)


def cut_off(stack: LocalStack, *resource_types: str) -> None:
    """The EMR breaks off every connection about some resources: nobody can say what it has of them."""
    for resource_type in resource_types:
        stack.emr.faults.add(FaultMode.TIMEOUT_BEFORE, resource_type=resource_type, hold_seconds=0)


# ── confirming ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_read_back_before_anybody_relies_on_it(patient: Patient) -> None:
    patient.order_in_emr()
    patient.go(ACKNOWLEDGED)
    patient.tell("action_ordered", "PROVIDER", result_id="R1", order_id=patient.number)
    row = patient.comes_to(LAB, "action_ordered", "order_missing")
    assert (row.state, row.task and row.task.role) == ("action_ordered", "RN")
    assert patient.events(LAB)[-1] == "confirm_order.confirmed"


@pytest.mark.parametrize("there", [None, "revoked", "entered-in-error"])
def test_an_order_that_vanished_comes_back_to_the_provider(patient: Patient, there: str | None) -> None:
    if there is not None:
        patient.order_in_emr(status=there)
    patient.go(ACKNOWLEDGED)
    patient.tell("action_ordered", "PROVIDER", result_id="R1", order_id=patient.number)
    row = patient.comes_to(LAB, "action_ordered", "order_missing")
    assert (row.state, row.task and row.task.role) == ("order_missing", "PROVIDER")
    assert patient.events(LAB)[-1] == "confirm_order.missing"


def test_an_order_is_not_called_missing_because_the_emr_is_away(patient: Patient) -> None:
    patient.order_in_emr()
    patient.go(ACKNOWLEDGED)
    cut_off(patient.stack, "ServiceRequest", "MedicationRequest")
    patient.tell("action_ordered", "PROVIDER", result_id="R1", order_id=patient.number)
    row = patient.comes_to(LAB, "action_ordered", "order_missing")
    assert (row.state, row.task and row.task.role) == ("order_missing", "PROVIDER")
    assert patient.events(LAB)[-1] == "confirm_order.failed"


# ── sending and recalling ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_sent_and_recalled(patient: Patient) -> None:
    patient.drafted()
    patient.sign()
    row = patient.comes_to(ORDER, "sent", "sending_failed")
    assert (row.state, row.task and row.task.role) == ("sent", "CASE_MANAGER")
    order = patient.only_order()
    assert (order["status"], order["intent"]) == ("active", "order")
    assert order["subject"] == {"reference": f"Patient/{patient.id}"}
    assert order["encounter"] == {"reference": f"Encounter/{row.encounter}"}
    assert order["performer"]["identifier"]["value"] == "vendor-1"
    assert [one["valueQuantity"]["value"] for one in order["parameter"]] == [2.5]

    patient.tell("home_oxygen_not_needed", "PROVIDER", reason="recovered")
    assert patient.comes_to(ORDER, "withdrawn", "recall_failed").state == "withdrawn"
    order = patient.only_order()
    assert (order["status"], order["note"][0]["text"]) == ("revoked", "Recalled: the patient goes home without oxygen")


def test_an_order_that_was_fulfilled_is_not_recalled_by_baton(patient: Patient) -> None:
    patient.drafted()
    patient.sign()
    patient.comes_to(ORDER, "sent")
    client = FhirClient(patient.stack.emr.base_url, emr="emr")
    order = patient.only_order()
    assert isinstance(client.update(order | {"status": "completed"}, if_match=order["meta"]["versionId"]), Written)
    patient.tell("home_oxygen_not_needed", "PROVIDER", reason="recovered")
    row = patient.comes_to(ORDER, "withdrawn", "recall_failed")
    assert (row.state, row.task and row.task.role) == ("recall_failed", "CASE_MANAGER")
    assert patient.only_order()["status"] == "completed"


def test_while_the_emr_is_away_a_person_owns_the_order_and_then_it_is_sent_once(patient: Patient) -> None:
    patient.drafted()
    cut_off(patient.stack, "DeviceRequest")
    patient.sign()
    row = patient.comes_to(ORDER, "sent", "sending_failed")
    assert (row.state, row.task and row.task.role) == ("sending_failed", "CASE_MANAGER")
    assert patient.events(ORDER)[-1] == "send_order.failed"
    patient.stack.emr.faults.clear()
    over(patient, row)
    patient.tell("order_sending_requested", "CASE_MANAGER")
    assert patient.comes_to(ORDER, "sent", "sending_failed").state == "sent"
    assert patient.only_order()["status"] == "active"


def test_an_order_that_never_reached_the_emr_is_recalled(patient: Patient) -> None:
    patient.drafted()
    cut_off(patient.stack, "DeviceRequest")
    patient.sign()
    row = patient.comes_to(ORDER, "sending_failed")
    patient.stack.emr.faults.clear()
    over(patient, row)
    patient.tell("home_oxygen_not_needed", "PROVIDER", reason="recovered")
    assert patient.comes_to(ORDER, "withdrawn", "recall_failed").state == "withdrawn"
    assert patient.events(ORDER)[-1] == "recall_order.recalled"
    assert patient.orders() == []


def test_a_worker_killed_between_the_emr_and_the_commit_leaves_one_order(patient: Patient) -> None:
    patient.drafted()
    patient.stack.emr.faults.add(
        FaultMode.TIMEOUT_AFTER_COMMIT, method="POST", resource_type="DeviceRequest", count=1, hold_seconds=30
    )
    patient.sign()
    patient.eventually(lambda: patient.orders() or None)
    assert patient.stack.aws.kill_worker(name(Actor.WORK)), "nobody was at work when the order was there"
    assert patient.of(ORDER).state == "signed"

    row = patient.comes_to(ORDER, "sent", "sending_failed")
    if row.state == "sending_failed":  # the one that was killed still held the order when the others tried
        assert row.task is not None
        assert row.task.role == "CASE_MANAGER"
        over(patient, row)
        patient.tell("order_sending_requested", "CASE_MANAGER")
        patient.comes_to(ORDER, "sent")
    assert patient.only_order()["status"] == "active"


def over(patient: Patient, row: CaseRow) -> None:
    """The time is over for which a worker that died may hold an order."""
    place = keys.ledger(row.id, "DeviceRequest", f"emr#{row.id}.{patient.number}")
    assert patient.connection.table.get(place) is not None, "nobody announced the order"
    patient.connection.table.update(Update(place, set={"held_until": 0.0}))


def test_the_order_stays_inside(patient: Patient) -> None:
    """No log of the function that sends names the patient, the order or the vendor."""
    since = time.time()
    patient.drafted()
    patient.sign()
    patient.comes_to(ORDER, "sent")
    log = Lambdas(patient.stack.aws).log(Actor.WORK, since)
    assert patient.of(ORDER).id in log
    assert [said for said in (patient.id, patient.number, "vendor-1") if said in log] == []
