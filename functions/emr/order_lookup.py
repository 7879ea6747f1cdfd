"""Reads an order back that somebody placed in the EMR: what is signed in one system can vanish before the next."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.elements import literal_reference, same_reference
from functions.emr.identifiers import is_resource_id
from functions.emr.looking import read_known
from functions.emr.results import Busy, Found, Matches, Missing, Rejected, Resource, Unknown

ORDER_TYPES: Final = ("ServiceRequest", "MedicationRequest")
"""What a result may be answered with: a procedure or a test, or a drug (https://hl7.org/fhir/R4/request.html)."""

IN_FORCE: Final = frozenset({"active", "on-hold", "completed"})
"""Of the statuses of both types, those of an order that was placed and not taken back; an unsigned draft is none."""

ORDERS: Final = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
"""The intents with which somebody is asked to act; proposals, plans and options are none."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The EMR shows the order, and it stands."""

    resource_type: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class NotInForce:
    """The EMR shows the order, and nobody will act on it: drafted only, revoked, or entered in error."""

    resource_type: str
    resource_id: str


LookupResult: TypeAlias = InForce | NotInForce | Missing | Rejected


def look_up_order(client: FhirClient, number: str, patient: str) -> LookupResult:
    """Whether the EMR shows an order of this number for this patient.

    The number is the order's identifier in whatever system the EMR gives its numbers, or the EMR's own id of it. Rejected
    when the EMR would not say for one type and the other has no such order: then nobody knows. Raises EmrUnavailable.
    """
    found: list[Found] = []
    rejected: Rejected | None = None
    for resource_type in ORDER_TYPES:
        bearing = _bearing(client, resource_type, number, patient)
        if isinstance(bearing, Rejected):
            rejected = bearing
            continue
        for one in bearing:
            if one.body.get("status") in IN_FORCE and one.body.get("intent") in ORDERS:
                return InForce(resource_type, one.resource_id)
        found += bearing
    if rejected is not None:
        return rejected
    return NotInForce(str(found[0].body["resourceType"]), found[0].resource_id) if found else Missing()


def _bearing(client: FhirClient, resource_type: str, number: str, patient: str) -> list[Found] | Rejected:
    match client.search(resource_type, [("identifier", number), ("subject", f"Patient/{patient}")]):
        case Busy(retry_after):
            raise EmrUnavailable("the EMR is busy", retry_after)
        case Unknown(why):
            raise EmrUnavailable(why)
        case Rejected() as rejected:
            return rejected
        case Matches(matches):
            # Checked again: some EMRs ignore a search parameter that they do not know, and answer with everything.
            found = [one for one in matches if _has(one.body, number) and _is_for(one.body, patient)]
            return found or _known(client, resource_type, number, patient)


def _known(client: FhirClient, resource_type: str, number: str, patient: str) -> list[Found] | Rejected:
    if not is_resource_id(number):
        return []
    match read_known(client, resource_type, number):
        case Missing():
            return []
        case Rejected() as rejected:
            return rejected
        case Found() as known:
            return [known] if _is_for(known.body, patient) else []


def _has(resource: Resource, number: str) -> bool:
    identifiers = resource.get("identifier")
    return isinstance(identifiers, list) and any(
        isinstance(one, dict) and one.get("value") == number for one in identifiers
    )


def _is_for(resource: Resource, patient: str) -> bool:
    return same_reference(resource.get("subject"), literal_reference("Patient", patient))
