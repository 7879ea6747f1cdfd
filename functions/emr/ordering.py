"""Sends an order through the EMR and recalls it: the work of a system state, with explicit outcomes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import sleep
from typing import Final, TypeAlias

from functions.emr.attempt import LEASE, Attempt, EmrUnavailable, Wait, WriteHeld, begin
from functions.emr.client import FhirClient, bears
from functions.emr.device_request import (
    is_fulfilled,
    is_of_case,
    is_open,
    is_taken_back,
    order_differences,
    order_resource,
    revoked,
)
from functions.emr.home_oxygen import HomeOxygenOrder, OrderId
from functions.emr.ledger import Ledger, LedgerKey, LedgerRow, LedgerStatus, Superseded, is_withdrawn
from functions.emr.looking import read_known, take_back
from functions.emr.results import Busy, Conflict, Found, Matches, Missing, Rejected, Resource, Unknown, Written

ORDER_TYPE: Final = "DeviceRequest"
_MAX_DECISIONS: Final = 5
_TWICE: Final = "placed twice"
_AFTER: Final = {LedgerStatus.RETRACTED: "sent after its recall", LedgerStatus.REJECTED: "sent after its refusal"}


@dataclass(frozen=True, slots=True)
class Placed:
    """The EMR has the order as it was to be sent, from this attempt or an earlier one."""

    resource_id: str


@dataclass(frozen=True, slots=True)
class Differs:
    """The EMR has, or had, an order of this number that is not what was to be sent. `elements` are paths."""

    resource_id: str
    elements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not be done: the EMR refused it with this status, or the order was recalled before (status None)."""

    status: int | None
    diagnostics: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """Nobody acts on the order any more; None when the EMR had nothing of it. It is never sent again."""

    resource_id: str | None


@dataclass(frozen=True, slots=True)
class TooLate:
    """What was ordered has been done: a person has to settle it with the vendor."""

    resource_id: str


SendResult: TypeAlias = Placed | Differs | Refused | Unknown
RecallResult: TypeAlias = Recalled | TooLate | Refused


def order_key(client: FhirClient, order: OrderId) -> LedgerKey:
    """The ledger's key of an order in an EMR."""
    return LedgerKey(client.emr, ORDER_TYPE, order.source_id)


def send_order(
    client: FhirClient,
    ledger: Ledger,
    order: HomeOxygenOrder,
    *,
    at: datetime,
    lease: timedelta = LEASE,
    wait: Wait = sleep,
) -> SendResult:
    """Sends an order once. What is there already is compared, never overwritten; what was recalled stays so.

    After Unknown, the same call looks into the EMR before it sends again. `at` is the wall-clock time now.
    Raises EmrUnavailable when surely nothing was sent and the same can be tried again; WriteHeld also when another attempt
    took over meanwhile: what this one sent beside that one's is taken back.
    """
    with _begun(client, ledger, order.id, at, lease) as attempt:
        if attempt.row.status is LedgerStatus.RETRACTED:
            return Refused(None, "recalled")
        must_look = not attempt.is_first
        identifier = order.id.identifier
        for _ in range(_MAX_DECISIONS):
            if must_look:
                if (known := _look(client, attempt, order, at)) is not None:
                    return known
                if attempt.let_come_to_light(wait):
                    continue
            match client.create(order_resource(order), if_none_exist=identifier):
                case Written(resource_id, version):
                    if attempt.keeps(resource_id, version, wait):
                        return Placed(resource_id)
                    take_back(client, ORDER_TYPE, resource_id, lambda body: _off(body, _why(attempt.row), at), wait)
                    raise WriteHeld(
                        "another attempt sent it, or it was recalled or refused; this one's order is taken back"
                    )
                case Found(_, _, body) as found if bears(body, identifier):
                    return _compared(attempt, found, order)
                case Found() | Conflict():
                    must_look = True
                case Busy(retry_after):
                    raise EmrUnavailable("the EMR is busy", retry_after)
                case Unknown() as unknown:
                    attempt.record(LedgerStatus.UNKNOWN)
                    return unknown
                case Rejected(status, diagnostics):
                    attempt.record(LedgerStatus.REJECTED)
                    return Refused(status, diagnostics)
        raise EmrUnavailable(f"the EMR had {_MAX_DECISIONS} conflicts over an order that nobody can find")


def recall_order(
    client: FhirClient, ledger: Ledger, order: OrderId, reason: str, *, at: datetime, lease: timedelta = LEASE
) -> RecallResult:
    """Revokes an order with a reason for people to read, and makes sure that no late attempt sends it after all.

    An order that the EMR never had is recalled too. Raises EmrUnavailable when the same has to be tried again.
    """
    with _begun(client, ledger, order, at, lease) as attempt:
        for _ in range(_MAX_DECISIONS):
            found = _under_this_number(client, attempt, order)
            if isinstance(found, Rejected):
                return Refused(found.status, found.diagnostics)
            ours = [one for one in found if is_of_case(one.body, order.case_id)]
            still_open = [one for one in ours if is_open(one.body)]
            if not still_open:
                return _ended(attempt, ours)
            for one in still_open:
                match client.update(revoked(one.body, reason, at), if_match=one.version):
                    case Written() | Missing() | Conflict():
                        continue  # the next look says what became of it
                    case Busy(retry_after):
                        raise EmrUnavailable("the EMR is busy", retry_after)
                    case Unknown(why):
                        raise EmrUnavailable(why)
                    case Rejected(status, diagnostics):
                        return Refused(status, diagnostics)
        raise EmrUnavailable(f"after {_MAX_DECISIONS} tries to revoke the order, the EMR still shows it open")


def revoke_doubles(
    client: FhirClient,
    ledger: Ledger,
    order: OrderId,
    *,
    at: datetime,
    lease: timedelta = LEASE,
    counted_on: bool = False,
) -> int:
    """Looks whether the EMR has an order open more than once, or after its recall or refusal, and revokes what is too many.

    An attempt that was late can send after everybody has looked, and die before it takes that back. Where the order is
    ``counted_on``, what came after a refusal is the one that was wanted, which a vendor may have taken on: it stays, and the
    ledger learns of it, so that a recall finds it. Returns how many were revoked. Raises EmrUnavailable.
    """
    with _begun(client, ledger, order, at, lease) as attempt:
        found = _under_this_number(client, attempt, order)
        if isinstance(found, Rejected):
            return 0
        ours = _ours(found, attempt, order)
        arrived = counted_on and attempt.row.status is LedgerStatus.REJECTED
        stays = arrived or not is_withdrawn(attempt.row)
        too_many = [one for one in (ours[1:] if stays else ours) if is_open(one.body)]
        for one in too_many:
            _revoke_double(client, one, at, _TWICE if stays else _AFTER[attempt.row.status])
        if arrived and ours and not is_taken_back(ours[0].body):
            attempt.record(LedgerStatus.WRITTEN, ours[0].resource_id, ours[0].version)
        return len(too_many)


def _begun(client: FhirClient, ledger: Ledger, order: OrderId, at: datetime, lease: timedelta) -> Attempt:
    attempt = begin(ledger, order_key(client, order), at, lease=lease)
    if isinstance(attempt, Superseded):
        raise AssertionError("orders have no revisions")
    return attempt


def _look(client: FhirClient, attempt: Attempt, order: HomeOxygenOrder, at: datetime) -> SendResult | None:
    found = _under_this_number(client, attempt, order.id)
    if isinstance(found, Rejected):
        return Refused(found.status, found.diagnostics)
    known_id = attempt.row.resource_id
    ours = _ours(found, attempt, order.id)
    if ours:
        kept, *others = ours
        for other in others:
            if is_open(other.body):
                _revoke_double(client, other, at)
        return _compared(attempt, kept, order)
    if found:
        return _compared(attempt, found[0], order)
    # It was there. Who removed it had a reason; sending it again is for a person to decide.
    return Differs(known_id, (ORDER_TYPE,)) if known_id is not None else None


def _ours(found: tuple[Found, ...], attempt: Attempt, order: OrderId) -> list[Found]:
    """Those that were sent for the case, the one that counts first."""
    known_id = attempt.row.resource_id
    return sorted((one for one in found if is_of_case(one.body, order.case_id)), key=lambda one: _rank(one, known_id))


def _rank(one: Found, known_id: str | None) -> tuple[bool, bool, bool, str]:
    """The order that counts comes first: one that was fulfilled, before those that are open, before those taken back."""
    return is_taken_back(one.body), not is_fulfilled(one.body), one.resource_id != known_id, one.resource_id


def _why(row: LedgerRow) -> str:
    """Why an order is one too many, for people to read."""
    return _AFTER[row.status] if is_withdrawn(row) else _TWICE


def _revoke_double(client: FhirClient, double: Found, at: datetime, reason: str = _TWICE) -> None:
    # Two open orders are two deliveries: nothing is said to be sent before only one is left.
    result = client.update(revoked(double.body, reason, at), if_match=double.version)
    if not isinstance(result, Written):
        raise EmrUnavailable("an order that was placed twice could not be revoked")


def _off(existing: Resource, reason: str, at: datetime) -> Resource:
    """An order that nobody acts on any more; as it is, where nobody does anyway."""
    return revoked(existing, reason, at) if is_open(existing) else existing


def _known(client: FhirClient, attempt: Attempt) -> Found | Rejected | None:
    if attempt.row.resource_id is None:
        return None
    known = read_known(client, ORDER_TYPE, attempt.row.resource_id)
    return None if isinstance(known, Missing) else known


def _compared(attempt: Attempt, found: Found, order: HomeOxygenOrder) -> Placed | Differs | Refused:
    if not is_of_case(found.body, order.id.case_id):
        # Somebody else's order: the ledger must not learn its id, or a recall would revoke it.
        return Differs(found.resource_id, (f"{ORDER_TYPE}.groupIdentifier",))
    if is_taken_back(found.body):
        attempt.record(LedgerStatus.RETRACTED, found.resource_id, found.version)
        return Refused(None, "recalled")
    attempt.record(LedgerStatus.WRITTEN, found.resource_id, found.version)
    differences = order_differences(found.body, order)
    return Differs(found.resource_id, differences) if differences else Placed(found.resource_id)


def _under_this_number(client: FhirClient, attempt: Attempt, order: OrderId) -> tuple[Found, ...] | Rejected:
    """Everything that the EMR has under the order's number, read and searched. Raises EmrUnavailable."""
    match client.find(ORDER_TYPE, order.identifier):
        case Busy(retry_after):
            raise EmrUnavailable("the EMR is busy", retry_after)
        case Unknown(why):
            raise EmrUnavailable(why)
        case Rejected() as rejected:
            return rejected
        case Matches(found):
            # A search index can lag behind; what the ledger knows is there to be read all the same, and as it is now.
            known = _known(client, attempt)
            if known is None or isinstance(known, Rejected):
                return found if known is None else known
            return known, *(one for one in found if one.resource_id != known.resource_id)


def _ended(attempt: Attempt, found: list[Found]) -> Recalled | TooLate:
    for one in found:
        if is_fulfilled(one.body):
            attempt.record(LedgerStatus.WRITTEN, one.resource_id, one.version)
            return TooLate(one.resource_id)
    last = found[0] if found else None
    resource_id, version = (last.resource_id, last.version) if last is not None else (None, None)
    attempt.record(LedgerStatus.RETRACTED, resource_id, version)
    return Recalled(resource_id)
