"""Orders: reading back in the EMR what somebody else ordered, sending an order for home oxygen, and recalling it.

What Baton sent for a case is in the ledger from before it was sent. So sending and recalling look there, not at what the
case says now: an order that was drafted anew under another number leaves none behind with its first vendor.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from events.catalog import HomeOxygenOrderSigned, type_name
from functions.cases import keys
from functions.cases.ports import Services
from functions.cases.rows import CaseRow
from functions.cases.table import Item, read_all
from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.home_oxygen import HomeOxygenOrder, OrderId
from functions.emr.ledger import Ledger, LedgerStatus
from functions.emr.order_lookup import InForce, NotInForce, look_up_order
from functions.emr.ordering import (
    ORDER_TYPE,
    Differs,
    Placed,
    Recalled,
    RecallResult,
    Refused,
    TooLate,
    recall_order,
    send_order,
)
from functions.emr.results import Missing, Rejected, Unknown
from functions.work.holding import held_for, waiting


class NotRecalled(RuntimeError):
    """An order that went out too late could not be taken back; the text has ids only."""


class ConfirmOrder:
    """Look for an order in the EMR: ``confirmed``, ``missing`` when the EMR says it has none, ``failed`` when it will not say."""

    def __init__(self, _services: Services, client: FhirClient, _ledger: Ledger) -> None:
        self._client = client

    def perform(self, row: CaseRow) -> Literal["confirmed", "missing", "failed"]:
        """See Step.perform. Raises EmrUnavailable when the EMR could not be asked: that is no missing order."""
        match look_up_order(self._client, _fact(row, "order_id"), _patient(row)):
            case InForce():
                return "confirmed"
            case NotInForce() | Missing():
                return "missing"
            case Rejected():
                return "failed"

    def compensate(self, row: CaseRow) -> None:
        """See Step.compensate: looking changes nothing."""


class _Orders:
    def __init__(self, services: Services, client: FhirClient, ledger: Ledger) -> None:
        self._services, self._client, self._ledger = services, client, ledger

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._services.now(), UTC)

    def _recall(self, row: CaseRow, order: OrderId, reason: str) -> RecallResult:
        return recall_order(self._client, held_for(self._ledger, row), order, reason, at=self._now())

    def _sent_before(self, row: CaseRow) -> tuple[OrderId, ...]:
        """Every order that was begun for the case and is not known to be recalled."""
        begun = self._ledger.announced(self._client.emr, ORDER_TYPE, row.id)
        return tuple(
            OrderId(row.id, row.facility, key.source_id.removeprefix(f"{row.id}."))
            for key in begun
            if (known := self._ledger.get(key)) is not None and known.status is not LedgerStatus.RETRACTED
        )

    def _moves(self, row: CaseRow) -> list[Item]:
        journal = read_all(self._services.table, keys.case_pk(row.id), "J#")
        return [entry for entry in journal if entry["kind"] == "moved"]


class SendOrder(_Orders):
    """Send the order for home oxygen once: ``sent`` when the EMR has it, ``failed`` when it refuses or has something else."""

    def __init__(self, services: Services, client: FhirClient, ledger: Ledger) -> None:
        super().__init__(services, client, ledger)
        self._sent: OrderId | None = None

    def perform(self, row: CaseRow) -> Literal["sent", "failed"]:
        """See Step.perform. Raises EmrUnavailable when nobody can say whether it was sent; the next try looks first."""
        if float(_fact(row, "flow")) <= 0:
            return "failed"  # it orders nothing: a person drafts it anew
        order = self._order(row)
        self._sent = order.id
        for earlier in self._sent_before(row):
            # With two orders open, two vendors deliver.
            if earlier != order.id and not isinstance(
                self._recall(row, earlier, f"replaced by order {order.id.number}"), Recalled
            ):
                return "failed"
        ledger = held_for(self._ledger, row)
        match send_order(self._client, ledger, order, at=self._now(), wait=waiting(self._services)):
            case Placed():
                return "sent"
            case Differs() | Refused():
                return "failed"
            case Unknown(why):
                raise EmrUnavailable(why)

    def compensate(self, row: CaseRow) -> None:
        """See Step.compensate: recall what ``perform`` sent, which may be another order than the case knows by now.

        Raises NotRecalled when the EMR would not have it.
        """
        order = self._sent or _order_id(row)
        match self._recall(row, order, "no longer wanted when it went out"):
            case Recalled():
                return
            case TooLate():
                raise NotRecalled(f"an order of case {row.id} was fulfilled before it could be recalled")
            case Refused(status):
                raise NotRecalled(f"the EMR answered {status} to the recall of an order of case {row.id}")

    def _order(self, row: CaseRow) -> HomeOxygenOrder:
        moves = self._moves(row)
        signatures = [entry for entry in moves if entry["event"] == type_name(HomeOxygenOrderSigned)]
        # Where no signature is on record, the order is of the moment at which it was to be sent.
        signed = signatures[-1] if signatures else moves[-1]
        return HomeOxygenOrder(
            id=_order_id(row),
            vendor=_fact(row, "vendor_id"),
            flow_l_min=float(_fact(row, "flow")),
            patient=_patient(row),
            encounter=row.encounter,
            authored_on=datetime.fromtimestamp(float(signed["occurred_at"]), UTC).replace(microsecond=0),
            signed_by=signed.get("actor") if signatures else None,
        )


class RecallOrder(_Orders):
    """Recall every order of the case: ``recalled`` when nobody acts on one any more, ``failed`` when a person has to see to it.

    An order that never reached the EMR is recalled: it will not be sent any more.
    """

    def perform(self, row: CaseRow) -> Literal["recalled", "failed"]:
        """See Step.perform. Raises EmrUnavailable when nobody can say whether it is recalled; the next try looks first."""
        why = str(self._moves(row)[-1]["because"])
        orders = dict.fromkeys((_order_id(row), *self._sent_before(row)))
        results = [self._recall(row, order, why) for order in orders]
        return "recalled" if all(isinstance(result, Recalled) for result in results) else "failed"

    def compensate(self, row: CaseRow) -> None:
        """See Step.compensate: an order that is off stays off; wanted again, it is ordered anew."""


def _order_id(row: CaseRow) -> OrderId:
    return OrderId(row.id, row.facility, _fact(row, "order_id"))


def _fact(row: CaseRow, name: str) -> str:
    known = row.case.facts.get(name)
    if known is None:
        raise LookupError(f"case {row.id} does not know {name}")
    return str(known.value)


def _patient(row: CaseRow) -> str:
    if row.patient is None:
        raise LookupError(f"case {row.id} has no patient to order for")
    return row.patient
