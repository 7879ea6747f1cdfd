"""What a commit does to a case, gathered step by step before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from functions.cases import journal
from functions.cases.journal import Entry
from functions.cases.rows import CaseRow, Visit, moved_on
from functions.cases.table import NEW, Put, Write


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does to a case, gathered step by step: the case row afterwards, and the writes beside it."""

    before: CaseRow | None
    after: CaseRow
    writes: tuple[Write, ...] = ()
    visits: tuple[Visit, ...] = ()
    entries: tuple[Entry, ...] = field(default=())

    def also(self, *writes: Write) -> Change:
        """The same change with further writes."""
        return Change(self.before, self.after, (*self.writes, *writes), self.visits, self.entries)


def noted(change: Change, entry: Entry) -> Change:
    """The change with one more journal entry."""
    row = change.after
    seq = row.seq + 1
    scope = {"workflow": row.workflow, "version": row.version, "facility": row.facility}
    item, digest = journal.link(row.id, seq, row.journal_hash, entry, scope)
    after = moved_on(row, seq=seq, journal_hash=digest)
    writes, entries = (*change.writes, Put(item, NEW)), (*change.entries, entry)
    return Change(change.before, after, writes, change.visits, entries)
