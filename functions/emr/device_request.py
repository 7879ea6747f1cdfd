"""The FHIR R4 DeviceRequest that orders oxygen at home (https://hl7.org/fhir/R4/devicerequest.html).

R4B's model serves R4: DeviceRequest has the same elements in both.
"""

import copy
from datetime import datetime
from typing import Any, Final

from fhir.resources.R4B.devicerequest import DeviceRequest

from functions.emr.elements import (
    coding,
    concept,
    date_time,
    identifier_element,
    literal_reference,
    logical_reference,
    same_codings,
    same_identifier,
    same_reference,
)
from functions.emr.home_oxygen import HomeOxygenOrder
from functions.emr.identifiers import (
    CASE_SYSTEM,
    DEVICE_SYSTEM,
    ORCHESTRATOR,
    PERSON_SYSTEM,
    VENDOR_SYSTEM,
    Identifier,
)
from functions.emr.results import Resource
from functions.emr.validity import require_valid

SNOMED_SYSTEM: Final = "http://snomed.info/sct"
OXYGEN_CONCENTRATOR: Final = "336621006"
"""SNOMED CT "Oxygen concentrator", the code of US Core's example of a DeviceRequest for home oxygen."""

LOINC_SYSTEM: Final = "http://loinc.org"
OXYGEN_FLOW: Final = "3151-8"
"""LOINC "Inhaled oxygen flow rate"."""
UCUM_SYSTEM: Final = "http://unitsofmeasure.org"
LITRES_PER_MINUTE: Final = "L/min"

_ENDED: Final = frozenset({"revoked", "completed", "entered-in-error"})
_IN_FORCE: Final = frozenset({"active", "completed"})
_TAKEN_BACK: Final = frozenset({"revoked", "entered-in-error"})


def order_resource(order: HomeOxygenOrder) -> Resource:
    """The DeviceRequest as JSON."""
    resource: Resource = {
        "resourceType": "DeviceRequest",
        "identifier": [identifier_element(order.id.identifier)],
        "groupIdentifier": identifier_element(Identifier(CASE_SYSTEM, order.id.case_id)),
        "status": "active",
        "intent": "order",
        "codeCodeableConcept": concept(
            coding(SNOMED_SYSTEM, OXYGEN_CONCENTRATOR, "Oxygen concentrator"), text="Home oxygen"
        ),
        "parameter": [
            {
                "code": concept(coding(LOINC_SYSTEM, OXYGEN_FLOW, "Inhaled oxygen flow rate")),
                "valueQuantity": {
                    "value": order.flow_l_min,
                    "unit": LITRES_PER_MINUTE,
                    "system": UCUM_SYSTEM,
                    "code": LITRES_PER_MINUTE,
                },
            }
        ],
        "subject": literal_reference("Patient", order.patient),
        "authoredOn": date_time(order.authored_on),
        "requester": logical_reference("Practitioner", Identifier(PERSON_SYSTEM, order.signed_by))
        if order.signed_by is not None
        else logical_reference("Device", Identifier(DEVICE_SYSTEM, ORCHESTRATOR)),
        "performer": logical_reference("Organization", Identifier(VENDOR_SYSTEM, order.vendor)),
    }
    if order.encounter is not None:
        resource["encounter"] = literal_reference("Encounter", order.encounter)
    require_valid(DeviceRequest, resource)
    return resource


def order_differences(existing: Resource, order: HomeOxygenOrder) -> tuple[str, ...]:
    """The elements in which the EMR's order would bring something else, or to somebody else; empty when there are none."""
    wanted = order_resource(order)
    same = {
        "DeviceRequest.status": existing.get("status") in _IN_FORCE,
        "DeviceRequest.intent": existing.get("intent") == wanted["intent"],
        "DeviceRequest.identifier": any(
            same_identifier(one, wanted["identifier"][0]) for one in existing.get("identifier") or []
        ),
        "DeviceRequest.code": same_codings(existing.get("codeCodeableConcept"), wanted["codeCodeableConcept"]),
        "DeviceRequest.parameter": _flows(existing) == [(order.flow_l_min, UCUM_SYSTEM, LITRES_PER_MINUTE)],
        "DeviceRequest.subject": same_reference(existing.get("subject"), wanted["subject"]),
        "DeviceRequest.performer": same_reference(existing.get("performer"), wanted["performer"]),
    }
    return tuple(path for path, is_same in same.items() if not is_same)


def is_of_case(existing: Resource, case_id: str) -> bool:
    """Whether an order was sent for this case: a number alone can be given twice, and then to somebody else."""
    return same_identifier(existing.get("groupIdentifier"), identifier_element(Identifier(CASE_SYSTEM, case_id)))


def is_taken_back(existing: Resource) -> bool:
    """Whether an order was revoked or declared an error, by Baton or by somebody in the EMR."""
    return existing.get("status") in _TAKEN_BACK


def is_fulfilled(existing: Resource) -> bool:
    """Whether what was ordered has been done; nobody can take that back any more."""
    return existing.get("status") == "completed"


def is_open(existing: Resource) -> bool:
    """Whether somebody may still act on an order; one in a status that nobody knows counts as open."""
    return existing.get("status") not in _ENDED


def revoked(existing: Resource, reason: str, at: datetime) -> Resource:
    """The EMR's order, revoked, with the reason as a note: R4's DeviceRequest has no statusReason."""
    resource = copy.deepcopy(existing)
    resource["status"] = "revoked"
    note = {"authorString": ORCHESTRATOR, "time": date_time(at), "text": f"Recalled: {reason}"}
    resource["note"] = [*(resource.get("note") or []), note]
    return resource


def _flows(existing: Resource) -> list[tuple[Any, Any, Any]]:
    wanted = concept(coding(LOINC_SYSTEM, OXYGEN_FLOW))
    quantities = [
        parameter.get("valueQuantity") or {}
        for parameter in existing.get("parameter") or []
        if same_codings(parameter.get("code"), wanted)
    ]
    return [(quantity.get("value"), quantity.get("system"), quantity.get("code")) for quantity in quantities]
