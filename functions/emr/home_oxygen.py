"""An order for oxygen at home, as Baton sends it to a vendor through the EMR, free of FHIR's types."""

from dataclasses import dataclass, field
from datetime import datetime

from functions.emr.identifiers import Identifier, order_identifier
from functions.emr.mirror import require_resource_id, require_text, require_zone


@dataclass(frozen=True, slots=True)
class OrderId:
    """Which order this is: of which case, and its number, which counts within the facility.

    Raises ValueError for an empty text.
    """

    case_id: str
    facility: str
    number: str

    def __post_init__(self) -> None:
        require_text("case_id", self.case_id)
        require_text("facility", self.facility)
        require_text("number", self.number)

    @property
    def source_id(self) -> str:
        """The id on this side."""
        return f"{self.case_id}.{self.number}"

    @property
    def identifier(self) -> Identifier:
        """The identifier by which the order is found in the EMR."""
        return order_identifier(self.facility, self.number)


@dataclass(frozen=True, slots=True)
class HomeOxygenOrder:
    """One order at one vendor for one flow: another vendor or another flow is another order, with a number of its own.

    `patient` and `encounter` are the EMR's own resource ids, the encounter None where it is not known. `signed_by` is the
    id of the person who signed, None when the orchestrator does not know one.

    Raises ValueError for a naive time, a missing text, a flow that is not above zero, or an id that no FHIR server gives.
    """

    id: OrderId
    vendor: str
    flow_l_min: float
    patient: str = field(repr=False)
    encounter: str | None = field(repr=False)
    authored_on: datetime
    signed_by: str | None = None

    def __post_init__(self) -> None:
        require_text("vendor", self.vendor)
        if not self.flow_l_min > 0:
            raise ValueError("flow_l_min must be above zero")
        require_resource_id("patient", self.patient)
        if self.encounter is not None:
            require_resource_id("encounter", self.encounter)
        require_zone("authored_on", self.authored_on)
        if self.signed_by is not None:
            require_text("signed_by", self.signed_by)
