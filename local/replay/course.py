"""From statements to events: the course of each encounter, with what the data leaves unsaid concluded and declared.

| statement | event | by |
| --- | --- | --- |
| saturation | spo2_observed, with the respiratory rate of the same time | nobody: a device may have measured it |
| ventilator rate | assessment_completed | a respiratory therapist: it is part of a ventilator check |
| respiratory rate | carried by a saturation; under Assessments.RATES, assessment_completed | a respiratory therapist |
| support: flow, fraction, device, with the saturation if stated | oxygen_changed | a respiratory therapist |
| first support that is oxygen | before it, derived: oxygen_ordered | a provider |
| the encounter ended | patient_discharged | the record system |
| the patient died | patient_died | the record system |
| either, after oxygen | after it, derived: documentation | a therapist and, where wanted, a provider |

- **Oxygen** is a flow above 0, a fraction above 0.21, or any device but none. Nothing else leads to an order: a low saturation
  on its own is no therapy.
- **Flow** is the sum of the sources charted for the same time, as a patient with a mask and a cannula gets both.
- **Device none** states that no device is in use, so the flow is 0, unless a flow above 0 is charted for the same time: then the
  contradiction is left as it is. A second device or source that is off says nothing about the first: no event.
- **A fraction of 0.21** is room air, but no flow was stated, so none is sent.
- **The order** carries what the event type demands and no target. The age is that at the order, from the date of birth; without
  one, 0 in a unit for newborns, else the assumed age.
- **Documentation** is what the facility's policy wants, on time: the data has none, and a case without it would never end.
- Nothing is concluded about weaning, transfer, distress or a care plan.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final

from events.catalog import (
    AssessmentCompleted,
    EventData,
    FlowsheetCommentRecorded,
    NoteCosigned,
    NoteSigned,
    NoteWritten,
    OxygenChanged,
    OxygenOrdered,
    PatientDied,
    PatientDischarged,
    Spo2Observed,
)
from events.envelope import Source
from local.replay.message import Message, Names, bus_event
from local.replay.reasons import NotApplicable
from local.replay.staging import Staged
from local.replay.statements import Kind, Statement

PROVIDER: Final = ("REPLAY-PROVIDER", "PROVIDER")
THERAPIST: Final = ("REPLAY-RT", "RT")
RECORD_SYSTEM: Final = ("REPLAY-EMR", "EMR")

ROOM_AIR = 0.21
NO_DEVICE: Final = frozenset({"none", "room air"})
NEWBORN_UNITS: Final = frozenset({"NICU", "NWARD"})

_DOCUMENTATION: Final[Mapping[str, tuple[tuple[float, type[EventData], str, tuple[str, str]], ...]]] = {
    "signed_note": ((60, NoteWritten, "note_id", THERAPIST), (90, NoteSigned, "note_id", THERAPIST)),
    "cosigned_note": (
        (60, NoteWritten, "note_id", THERAPIST),
        (90, NoteSigned, "note_id", THERAPIST),
        (120, NoteCosigned, "note_id", PROVIDER),
    ),
    "flowsheet_comment": ((60, FlowsheetCommentRecorded, "comment_id", THERAPIST),),
}
"""By what the facility means by documented: minutes after the end, what happens, and who does it."""


class Assessments(StrEnum):
    """Which charted rates count as a respiratory therapist's assessment."""

    VENTILATOR = "ventilator"
    RATES = "rates"


@dataclass(frozen=True, slots=True)
class Settings:
    """How statements become events. ``documentation`` is one of the policy's meanings of documented; None: nobody documents."""

    facility: str
    documentation: str | None
    assumed_age: int = 65
    assessments: Assessments = Assessments.VENTILATOR

    @property
    def aftermath(self) -> float:
        """Seconds from an encounter's end to the last event derived from it."""
        return 60 * max((minutes for minutes, *_ in _DOCUMENTATION.get(self.documentation or "", ())), default=0.0)


@dataclass(slots=True)
class _Therapy:
    """What is known of an encounter so far. ``flows`` are those charted for ``flows_at``, by source."""

    ordered: bool = False
    ended: bool = False
    flows_at: float = 0.0
    flows: dict[float, float] = field(default_factory=dict)


class Course:
    """Turns statements, in their order, into messages, in theirs."""

    def __init__(self, settings: Settings, names: Names, context: Callable[[str, str], str | None]) -> None:
        """``context`` answers (kind, id), as Staging.context does."""
        self._settings, self._names, self._context = settings, names, context
        self._therapies: dict[str, _Therapy] = {}
        self._ends: list[tuple[float, str]] = []
        self._later: list[tuple[float, int, Message]] = []
        self._count = itertools.count()
        self.assumed_ages = 0

    def messages(self, staged: Iterator[Staged], dismiss: Callable[[int, NotApplicable], None]) -> Iterator[Message]:
        """Every message in its turn; ``dismiss`` is told of statements that lead to none."""
        for turn in staged:
            yield from self._until(turn.statement.known_at)
            stated = self._of(turn)
            if isinstance(stated, NotApplicable):
                dismiss(turn.seq, stated)
            elif stated is not None:
                yield from stated
        yield from self._until(float("inf"))

    def _until(self, at: float) -> Iterator[Message]:
        while self._later and self._later[0][0] <= at:
            yield heapq.heappop(self._later)[2]
        while self._ends and self._ends[0][0] < at:
            del self._therapies[heapq.heappop(self._ends)[1]]

    def _therapy(self, turn: Staged) -> _Therapy:
        encounter = turn.statement.encounter
        known = self._therapies.get(encounter)
        if known is None:
            known = self._therapies[encounter] = _Therapy()
            heapq.heappush(self._ends, (turn.last, encounter))
        return known

    def _of(self, turn: Staged) -> list[Message] | NotApplicable | None:
        """The messages of a statement, or why there is none; None when another statement's event carries it."""
        stated, values = turn.statement, turn.statement.values
        match stated.kind:
            case Kind.SATURATION:
                data = dict(values) | {"observation_id": self._names.name("observation", turn.digest)}
                if turn.rate is not None:
                    data["respiratory_rate"] = turn.rate
                return [self._message(turn, Spo2Observed, data)]
            case Kind.SUPPORT:
                return self._support(turn)
            case Kind.ENDED | Kind.DIED:
                return self._ended(turn)
            case Kind.RESPIRATORY_RATE if self._settings.assessments is not Assessments.RATES:
                return None if turn.carried else NotApplicable.RATE_WITHOUT_SATURATION
        return [self._message(turn, AssessmentCompleted, values, THERAPIST)]

    def _support(self, turn: Staged) -> list[Message] | NotApplicable:
        therapy, stated = self._therapy(turn), turn.statement
        data = {name: value for name, value in stated.values.items() if name != "source"}
        source = float(stated.values["source"])
        flow, device = data.get("flow_l_min"), data.get("device")
        if source != 1 and (flow == 0 or device in NO_DEVICE):
            return NotApplicable.SECOND_SOURCE_OFF
        if therapy.flows_at != stated.true_at:
            therapy.flows_at, therapy.flows = stated.true_at, {}
        if flow is not None:
            therapy.flows[source] = float(flow)
            data["flow_l_min"] = round(sum(therapy.flows.values()), 3)
        elif device in NO_DEVICE and not any(therapy.flows.values()):
            data["flow_l_min"] = 0.0
        messages = [self._message(turn, OxygenChanged, data, THERAPIST)]
        if not therapy.ordered and not therapy.ended and _is_oxygen(data):
            therapy.ordered = True
            messages.insert(0, self._order(turn))
        return messages

    def _order(self, turn: Staged) -> Message:
        stated = turn.statement
        at = min(stated.true_at, stated.known_at)
        data = {
            "order_id": self._names.name("order", stated.encounter),
            "age_years": self._age(stated, at - turn.shift),
        }
        return self._message(turn, OxygenOrdered, data, PROVIDER, derived=True, occurred_at=at)

    def _age(self, stated: Statement, at: float) -> int:
        born = self._context("birth", stated.patient)
        if born is not None and (age := age_at(born, at)) is not None:
            return age
        self.assumed_ages += 1
        newborn = (self._context("unit", stated.encounter) or "").upper() in NEWBORN_UNITS
        return 0 if newborn else self._settings.assumed_age

    def _ended(self, turn: Staged) -> list[Message]:
        therapy, stated = self._therapy(turn), turn.statement
        therapy.ended = True
        if therapy.ordered:
            for minutes, kind, name, actor in _DOCUMENTATION.get(self._settings.documentation or "", ()):
                at = stated.known_at + 60 * minutes
                data = {name: self._names.name("note", stated.encounter)}
                message = self._message(turn, kind, data, actor, derived=True, occurred_at=at)
                heapq.heappush(self._later, (at, next(self._count), message))
        if stated.kind is Kind.DIED:
            return [self._message(turn, PatientDied, {}, RECORD_SYSTEM)]
        return [self._message(turn, PatientDischarged, stated.values, RECORD_SYSTEM)]

    def _message(
        self,
        turn: Staged,
        kind: type[EventData],
        data: Mapping[str, Any],
        actor: tuple[str, str] | None = None,
        *,
        derived: bool = False,
        occurred_at: float | None = None,
    ) -> Message:
        stated = turn.statement
        at = stated.true_at if occurred_at is None else occurred_at
        # What is derived happens once an encounter, whichever record it was concluded from.
        identity = stated.encounter if derived else turn.digest
        event = bus_event(
            kind,
            data,
            source=Source.EMR,
            event_id=self._names.name("replay", identity, kind.__name__),
            occurred_at=at,
            facility=self._settings.facility,
            subject=(self._names.name("patient", stated.patient), self._names.name("encounter", stated.encounter)),
            actor=actor,
            record=f"{turn.file}:{turn.line}",
        )
        due = max(at, stated.known_at) if derived else stated.known_at
        return Message(event, turn.seq, stated.encounter, due, turn.last, derived)


def _is_oxygen(data: Mapping[str, Any]) -> bool:
    device = data.get("device")
    return (
        data.get("flow_l_min", 0) > 0
        or data.get("fio2", 0) > ROOM_AIR
        or (device is not None and device not in NO_DEVICE)
    )


def age_at(born: str, at: float) -> int | None:
    """Completed years at an epoch second, from a FHIR date (a day, a month or a year); None when it is none."""
    parts = born.split("-")
    try:
        year, month, day = (int(part) for part in (*parts, "1", "1")[:3])
        birthday = date(year, month, day)
    except ValueError:
        return None
    today = datetime.fromtimestamp(at, UTC).date()
    return today.year - birthday.year - ((today.month, today.day) < (birthday.month, birthday.day))
