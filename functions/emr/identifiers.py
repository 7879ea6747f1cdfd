"""The identifiers by which the EMR and Baton know the same thing."""

import re
from dataclasses import dataclass
from typing import Final

_BASE: Final = "https://baton.example/fhir"

TASK_SYSTEM: Final = f"{_BASE}/task"
"""Task.identifier: the case's one mirror in the EMR."""
DOCUMENT_SYSTEM: Final = f"{_BASE}/document"
"""DocumentReference.identifier: the documentation of one visit of a case."""
ORDER_SYSTEM: Final = f"{_BASE}/order"
"""DeviceRequest.identifier, followed by the facility: the number of an order, which counts within its facility."""
RETIRED_SUFFIX: Final = "/retired"
"""Ends the identifier system of a duplicate marked entered-in-error, so that searches find only the one kept."""
CASE_SYSTEM: Final = f"{_BASE}/case"
EVENT_SYSTEM: Final = f"{_BASE}/event"
PERSON_SYSTEM: Final = f"{_BASE}/person"
FACILITY_SYSTEM: Final = f"{_BASE}/facility"
DEVICE_SYSTEM: Final = f"{_BASE}/device"
VENDOR_SYSTEM: Final = f"{_BASE}/vendor"
ROLE_SYSTEM: Final = f"{_BASE}/role"
STATE_SYSTEM: Final = f"{_BASE}/state"
BUSINESS_STATUS_SYSTEM: Final = f"{_BASE}/business-status"
WORKFLOW_SYSTEM: Final = f"{_BASE}/workflow"

ORCHESTRATOR: Final = "baton"
"""The Device that requests every Task and files what no person wrote."""

_RESOURCE_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_SEPARATORS = frozenset(",|$\\")


@dataclass(frozen=True, slots=True)
class Identifier:
    """A FHIR Identifier: a value that is unique within a system. Raises ValueError when either is empty."""

    system: str
    value: str

    def __post_init__(self) -> None:
        if not self.system or not self.value:
            raise ValueError("an identifier needs a system and a value")

    @property
    def token(self) -> str:
        """The identifier as a search parameter's token (https://hl7.org/fhir/R4/search.html#token).

        Raises ValueError for a value with a character that separates search values.
        """
        if _SEPARATORS.intersection(self.value):
            raise ValueError("the identifier's value cannot be searched for")
        return f"{self.system}|{self.value}"


def task_identifier(case_id: str) -> Identifier:
    """The identifier of a case's Task."""
    return Identifier(TASK_SYSTEM, case_id)


def order_identifier(facility: str, number: str) -> Identifier:
    """The identifier of an order that Baton sends."""
    return Identifier(f"{ORDER_SYSTEM}/{facility}", number)


def is_resource_id(value: str) -> bool:
    """Whether a FHIR server may have given this id (https://hl7.org/fhir/R4/datatypes.html#id), safe in a path."""
    return _RESOURCE_ID.fullmatch(value) is not None and value.strip(".") != ""
