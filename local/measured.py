"""Whether the metrics that were emitted are those that journal, marks and quarantine account for.

Delivery is at least once, so a metric may exceed what it is compared with by what is known to have been delivered again; it
never falls short of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from functions.cases.quarantine import Kept
from functions.relay.measures import measures_of
from local.aws.running import Metric
from statemachines.decide import Outcome

OUTCOME = "Outcome_"
DUPLICATES, QUARANTINED, TO_HAND_OFF, LOST_RACES = "Duplicates", "Quarantined", "EventToHandOff", "LostRaces"
REDELIVERED = "Redelivered"
NOT_FROM_JOURNAL = frozenset(
    {
        DUPLICATES,
        REDELIVERED,
        QUARANTINED,
        TO_HAND_OFF,
        LOST_RACES,
        "WritebackFailed",
        "WritebackWritten",
        "EmrTasksMended",
        "EmrDuplicatesRetired",
        "EmrLag",
        "FollowerLag",
        "ItemsFailed",
        "Mended",
        "SweepFaults",
    }
)
"""What intake counts is compared with marks and quarantine; the rest measures followers, which the journal does not know."""
SUMS_DIFFER_BY = 0.01
"""Values have three decimals; adding them up in another order may change the last ones."""

_WAITING = frozenset({str(Outcome.HELD_EARLY), str(Outcome.DEFERRED)})


class Series(NamedTuple):
    """A metric's name and dimensions."""

    name: str
    dimensions: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.name} {{{', '.join(f'{name}={value}' for name, value in self.dimensions)}}}"


class Values(NamedTuple):
    """How many values a series has, their sum, and the largest."""

    number: int = 0
    total: float = 0.0
    largest: float = 0.0


Tally = Mapping[Series, Values]


def series(name: str, dimensions: Mapping[str, str]) -> Series:
    """The series of a name and dimensions."""
    return Series(name, tuple(sorted(dimensions.items())))


def journaled(entries: Iterable[Mapping[str, Any]]) -> Tally:
    """What the journal's entries measure, each passed on once."""
    values: dict[Series, list[float]] = defaultdict(list)
    for entry in entries:
        for measure in measures_of(entry):
            values[series(measure.name, measure.dimensions)].append(measure.value)
    return {at: Values(len(each), sum(each), max(each)) for at, each in values.items()}


def emitted(metrics: Iterable[Metric]) -> Tally:
    """What CloudWatch has."""
    return {series(m.name, m.dimensions): Values(int(m.count), m.total) for m in metrics}


def against_journal(journal: Tally, seen: Tally, again: int) -> list[str]:
    """Where counts or sums differ, series by series. ``again`` is how many entries were passed on more than once."""
    ours = {at for at in seen if at.name not in NOT_FROM_JOURNAL and not at.name.startswith(OUTCOME)}
    differences = []
    for at in sorted(set(journal) | ours):
        want, got = journal.get(at, Values()), seen.get(at, Values())
        more = got.number - want.number
        if not 0 <= more <= again:
            differences.append(f"metric {at}: journal {want.number}, emitted {got.number}, relayed again {again}")
        elif not -SUMS_DIFFER_BY <= got.total - want.total <= more * want.largest + SUMS_DIFFER_BY:
            differences.append(f"metric {at}: the journal's sum is {want.total:.3f}, the emitted one {got.total:.3f}")
    return differences


@dataclass(slots=True)
class Expected:
    """What became of the events of one workflow at one facility, as marks, roster and journal have it."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Events by their outcome now; one that waited has the outcome that it found in the end."""
    repeated: int = 0
    """How many were sent again by their sender."""
    deferred: int = 0
    """How many were deferred at some time."""


def against_marks(expected: Mapping[tuple[str, str], Expected], seen: Tally, duplicates_logged: int) -> list[str]:
    """Where what intake counted differs from what became of the events; ``expected`` is by workflow and facility.

    Each event is counted in the end by its outcome, and each repetition as a duplicate. A worker that died after a commit may
    have counted the outcome or not; the message's next delivery counts it, and itself as delivered again.
    ``duplicates_logged`` is what intake's log says of both.
    """
    differences: list[str] = []
    counted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for at, values in seen.items():
        where = dict(at.dimensions)
        if at.name.startswith(OUTCOME) or at.name in (DUPLICATES, REDELIVERED, TO_HAND_OFF):
            counted[where["workflow"], where["facility"]][at.name.removeprefix(OUTCOME)] += values.number
    for scope in sorted(set(expected) | set(counted)):
        want, got = expected.get(scope, Expected()), counted[scope]
        differences += [f"intake's metrics of {' at '.join(scope)}: {said}" for said in _of_scope(want, got)]
    duplicates = sum(got[DUPLICATES] + got[REDELIVERED] for got in counted.values())
    if duplicates > duplicates_logged:
        differences.append(f"intake's metrics count {duplicates} duplicates, its log {duplicates_logged}")
    return differences


def _of_scope(want: Expected, got: Counter[str]) -> list[str]:
    events, outcomes = want.outcomes.total(), sum(got[str(outcome)] for outcome in Outcome)
    again = got[REDELIVERED]
    said = []
    if outcomes > events + again:
        said.append(f"{outcomes} outcomes of {events} events, {again} delivered again")
    if outcomes < events or outcomes + got[DUPLICATES] < events + want.repeated:
        said.append(
            f"{outcomes} outcomes and {got[DUPLICATES]} duplicates of {events} events and {want.repeated} repetitions: "
            "some were never counted"
        )
    said += [
        f"{got[outcome]} events {outcome}, {want.outcomes[outcome]} by their marks"
        for outcome in sorted({str(o) for o in Outcome} - _WAITING)
        if got[outcome] > want.outcomes[outcome] + again
    ]
    if got[Outcome.DEFERRED] > want.deferred + again:
        said.append(f"{got[Outcome.DEFERRED]} events deferred, {want.deferred} by the journal")
    if outcomes == events and got[Outcome.HELD_EARLY] < want.outcomes[Outcome.HELD_EARLY]:
        said.append(f"{got[Outcome.HELD_EARLY]} events held early, {want.outcomes[Outcome.HELD_EARLY]} still are")
    if not got[TO_HAND_OFF] <= got[Outcome.MOVED] <= got[TO_HAND_OFF] + again:
        said.append(
            f"{got[TO_HAND_OFF]} times from event to hand-off for {got[Outcome.MOVED]} events that moved a case"
        )
    return said


def against_quarantine(kept: Sequence[Kept], seen: Tally) -> list[str]:
    """Where the quarantine's metric differs from what lies there: each message is counted as often as it came, once at least."""
    counted = Counter(
        {dict(at.dimensions)["reason"]: v.number for at, v in seen.items() if at.name == QUARANTINED and at.dimensions}
    )
    messages = Counter(k.reason for k in kept)
    times: Counter[str] = Counter()
    for k in kept:
        times[k.reason] += k.times
    return [
        f"metric {QUARANTINED} {reason}: {messages[reason]} messages that came {times[reason]} times, counted {counted[reason]}"
        for reason in sorted(set(messages) | set(counted))
        if not messages[reason] <= counted[reason] <= times[reason]
    ]
