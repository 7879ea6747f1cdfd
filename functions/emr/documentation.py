"""What is filed in the EMR about one visit of a case, free of FHIR's types."""

from dataclasses import dataclass, field
from datetime import datetime

from functions.emr.identifiers import DOCUMENT_SYSTEM, Identifier
from functions.emr.mirror import require_resource_id, require_text, require_zone


@dataclass(frozen=True, slots=True)
class DocumentId:
    """Which documentation this is: of which visit of which case. Raises ValueError for an empty case or a visit < 1."""

    case_id: str
    visit: int

    def __post_init__(self) -> None:
        require_text("case_id", self.case_id)
        if self.visit < 1:
            raise ValueError("visit must be at least 1")

    @property
    def source_id(self) -> str:
        """The id on this side, and the value of the document's identifier."""
        return f"{self.case_id}.{self.visit}"

    @property
    def identifier(self) -> Identifier:
        """The identifier by which the document is found in the EMR."""
        return Identifier(DOCUMENT_SYSTEM, self.source_id)


@dataclass(frozen=True, slots=True)
class DocumentedFact:
    """One line of the documentation: what was observed or done, its value with unit, and when."""

    name: str
    value: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OxygenDocumentation:
    """The documentation of oxygen therapy in one visit.

    `patient` and `encounter` are the EMR's own resource ids, `author` the id of the person who documents, None when the
    orchestrator files on nobody's behalf.

    Raises ValueError for a naive time, a missing text, no facts, or an id that no FHIR server gives.
    """

    id: DocumentId
    patient: str = field(repr=False)
    encounter: str = field(repr=False)
    facility: str
    written_at: datetime
    facts: tuple[DocumentedFact, ...] = field(repr=False)
    author: str | None = None

    def __post_init__(self) -> None:
        require_resource_id("patient", self.patient)
        require_resource_id("encounter", self.encounter)
        require_text("facility", self.facility)
        require_zone("written_at", self.written_at)
        if self.author is not None:
            require_text("author", self.author)
        if not self.facts:
            raise ValueError("facts must not be empty")
        for fact in self.facts:
            require_text("the name of a fact", fact.name)
            require_text("the value of a fact", fact.value)
            if fact.at is not None:
                require_zone("the time of a fact", fact.at)
