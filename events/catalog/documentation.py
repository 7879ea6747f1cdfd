"""Documentation of oxygen therapy: written, signed, co-signed, commented, filed."""

from pydantic import Field

from events.catalog.base import EventData
from events.envelope import Id


class NoteWritten(EventData):
    """A progress note was saved, not yet signed. Sent by the platform or the EMR."""

    note_id: Id = Field(description="The note's id in the system that holds it.")


class NoteSigned(EventData):
    """The note's author signed it. Sent by the platform or the EMR."""

    note_id: Id = Field(description="The note's id in the system that holds it.")


class NoteCosigned(EventData):
    """A second clinician, not its author, co-signed the note. Sent by the platform or the EMR."""

    note_id: Id = Field(description="The note's id in the system that holds it.")


class FlowsheetCommentRecorded(EventData):
    """A comment was charted on the flowsheet, which some policies accept in place of a note for children.

    Sent by the platform or the EMR. Source of the rule: UW Health respiratory care policy 1.53.
    """

    comment_id: Id = Field(description="The comment's id in the system that holds it.")


class FilingRetryRequested(EventData):
    """A person asked to file the documentation in the EMR again, after filing failed. Sent by the platform. No data."""
