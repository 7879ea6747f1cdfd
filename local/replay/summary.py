"""What a replay came to: every record accounted for by name, and the sums that prove it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.replay.ledger import UNACCOUNTED
from local.replay.reasons import MEANING, NotApplicable
from local.replay.runner import Cases

NOT_APPLICABLE = "not_applicable"
OUTCOMES = (
    "moved",
    "recorded",
    "ignored",
    "deferred",
    "held_early",
    "refused",
    "quarantined",
    "duplicate",
    NOT_APPLICABLE,
    UNACCOUNTED,
)

HOW_COUNTED = (
    "A record is accounted for by its own event, the one it states; without one, by the event of another record that "
    "carries it; without that, by why it leads to none. Derived events are counted beside them."
)


@dataclass(slots=True)
class FileRead:
    """A file: its kind (None: unknown), its records, and why reading stopped before its end, if it did."""

    name: str
    format: str | None
    records: int = 0
    broken: str | None = None


@dataclass(slots=True)
class Summary:
    """The whole account of a replay."""

    files: list[FileRead] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Records, by outcome and reason."""
    events: list[tuple[str, bool, str, str, int]] = field(default_factory=list)
    """Type, derived, outcome, reason, count."""
    cases: Cases | None = None
    assumed_ages: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak_memory_mb: float = 0.0

    @property
    def records(self) -> int:
        """Records that were read, counted while reading."""
        return sum(file.records for file in self.files)

    @property
    def accounted(self) -> int:
        """Records of which it is known what became of them, counted from the outcomes."""
        return sum(count for (outcome, _), count in self.outcomes.items() if outcome != UNACCOUNTED)

    @property
    def unknown_files(self) -> list[str]:
        """Files of no known kind."""
        return [file.name for file in self.files if file.format is None]

    @property
    def adds_up(self) -> bool:
        """Whether every record of every file is accounted for, and no file broke off."""
        return self.records == self.accounted and not any(file.broken for file in self.files)

    def by_outcome(self) -> Counter[str]:
        """Records by outcome."""
        totals: Counter[str] = Counter()
        for (outcome, _), count in self.outcomes.items():
            totals[outcome] += count
        return totals

    def as_json(self) -> Mapping[str, Any]:
        """For machines."""
        reasons: dict[str, dict[str, int]] = {}
        for (outcome, reason), count in sorted(self.outcomes.items()):
            reasons.setdefault(outcome, {})[reason] = count
        return {
            "records_in": self.records,
            "records_accounted": self.accounted,
            "adds_up": self.adds_up,
            "how_counted": HOW_COUNTED,
            "outcomes": {name: self.by_outcome().get(name, 0) for name in OUTCOMES},
            "reasons": reasons,
            "events": [
                dict(zip(("type", "derived", "outcome", "reason", "count"), event, strict=True))
                for event in self.events
            ],
            "cases": self.cases.as_json() if self.cases is not None else None,
            "assumed_ages": self.assumed_ages,
            "files": [
                {"name": file.name, "kind": file.format, "records": file.records, "broken": file.broken}
                for file in self.files
            ],
            "unknown_files": self.unknown_files,
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
            "records_per_second": round(self.records / self.seconds) if self.seconds else None,
            "peak_memory_mb": round(self.peak_memory_mb, 1),
        }

    def as_text(self) -> str:
        """For people."""
        return "\n".join([*self._files(), "", *self._records(), "", *self._events(), *self._cases(), "", *self._end()])

    def _files(self) -> Iterable[str]:
        known = [file for file in self.files if file.format is not None]
        for file in known:
            yield f"  {file.records:>9,}  {file.name}  ({file.format})" + (
                f"  BROKEN: {file.broken}" if file.broken else ""
            )
        yield f"  {self.records:>9,}  records in, from {len(known)} files"
        if self.unknown_files:
            shown = ", ".join(self.unknown_files[:10])
            more = len(self.unknown_files) - 10
            yield f"  not read, of no known kind: {shown}" + (f" and {more} more" if more > 0 else "")

    def _records(self) -> Iterable[str]:
        yield "  What became of every record:"
        totals = self.by_outcome()
        for outcome in OUTCOMES:
            if outcome == UNACCOUNTED and not totals[outcome]:
                continue
            yield f"  {totals[outcome]:>9,}  {outcome.replace('_', ' ')}"
            reasons = Counter({reason: n for (kind, reason), n in self.outcomes.items() if kind == outcome})
            for reason, count in reasons.most_common():
                meaning = f"  {MEANING[NotApplicable(reason)]}" if outcome == NOT_APPLICABLE else ""
                yield f"  {'':9}  {count:>9,}  {reason}{meaning}"
        yield f"  {self.accounted:>9,}  records accounted for" + (
            ", equal to records in"
            if self.records == self.accounted
            else f"; {self.records - self.accounted:,} ARE MISSING"
        )

    def _events(self) -> Iterable[str]:
        yield "  Events sent (derived: concluded, not stated by a record):"
        totals: dict[tuple[str, bool], Counter[str]] = {}
        for kind, derived, outcome, _, count in self.events:
            totals.setdefault((kind, derived), Counter())[outcome] += count
        for (kind, derived), outcomes in totals.items():
            said = ", ".join(f"{name} {count:,}" for name, count in outcomes.most_common())
            yield f"  {sum(outcomes.values()):>9,}  {kind}{' (derived)' if derived else ''}: {said}"

    def _cases(self) -> Iterable[str]:
        cases = self.cases
        if cases is None:
            return
        yield ""
        yield f"  {cases.opened:>9,}  cases opened"
        for state, count in cases.ended.most_common():
            yield f"  {count:>9,}  ended {state}"
        for state, count in cases.left_open.most_common():
            yield f"  {count:>9,}  left open by the data in {state}"
        yield f"  {cases.missed_deadlines:>9,}  deadlines missed, of which {cases.escalations:,} escalated"
        yield f"  {cases.longest:>9,}  state entries of the busiest case"
        if cases.disagreeing:
            yield f"  {len(cases.disagreeing):>9,}  CASES WHOSE EXECUTION AND JOURNAL DISAGREE: {', '.join(cases.disagreeing[:5])}"

    def _end(self) -> Iterable[str]:
        if self.assumed_ages:
            yield f"  {self.assumed_ages:>9,}  orders with an assumed age: no date of birth"
        for note in self.notes:
            yield f"  note: {note}"
        rate = f"{self.records / self.seconds:,.0f} records/s" if self.seconds else ""
        yield f"  {self.seconds:.1f} s, {rate}, at most {self.peak_memory_mb:.0f} MB of memory"
