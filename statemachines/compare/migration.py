"""What a migration plan says: for each state of the old version where its cases go, or why they stay.

The plan is what moving cases executes: for a case of the old version in a state at a facility, ``target`` names the state
in which it goes on, or nothing, and then ``refusals`` say why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from statemachines.definition import Name, RoleCode, StateKind


class UnknownInMapping(ValueError):
    """The mapping names a state that a version does not have, or no facility; the text says which there are."""


class Verdict(StrEnum):
    """What becomes of the cases in a state."""

    MOVES = "moves"
    MOVES_SOMEWHERE = "moves_somewhere"
    """At some facilities; at others the case stays under its version."""
    STAYS = "stays"
    ENDED = "ended"
    """The state is an end: its cases are closed and nothing is left to move."""
    NEVER_ENTERED = "never_entered"
    """No facility's cases can be there."""


class Obstacle(StrEnum):
    """Why a case cannot move, as a code."""

    OTHER_WORKFLOW = "other_workflow"
    OTHER_CORRELATION = "other_correlation"
    OVERLAY_DOES_NOT_FIT = "overlay_does_not_fit"
    NO_TARGET = "no_target"
    TARGET_ENDS_CASES = "target_ends_cases"
    STEP_UNDER_WAY = "step_under_way"
    STEP_WOULD_START = "step_would_start"
    SUB_CASE = "sub_case"
    NOT_ENTERED_THERE = "not_entered_there"
    NO_WAY_ON = "no_way_on"
    NO_END = "no_end"
    NO_OWNER = "no_owner"
    NO_TIMER = "no_timer"
    FACT_NOT_KNOWN = "fact_not_known"
    FACT_OTHERWISE = "fact_otherwise"
    PATIENT_LIMIT_LOST = "patient_limit_lost"
    VALIDATION_SKIPPED = "validation_skipped"
    SEPARATION_UNKNOWN = "separation_unknown"
    DEFERRED_EVENT_LOST = "deferred_event_lost"
    LATE_OUTCOME_UNANSWERED = "late_outcome_unanswered"
    EMR_STATUS_JUMPS = "emr_status_jumps"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the cases in a state cannot move at ``facilities`` (empty: nowhere), and what to do."""

    obstacle: Obstacle
    sentence: str
    mend: str
    facilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """The role that would be accountable in a shift: ``facility`` and ``shift`` as in the staffing profile."""

    facility: str
    shift: str
    role: RoleCode


@dataclass(frozen=True, slots=True)
class Timer:
    """The whole time that the case has in each version, in words, and by how many seconds less (None: not comparable).

    The time that is left is counted from when the case entered its state, so a case may be late as soon as it moves.
    """

    facilities: tuple[str, ...]
    before: str
    after: str
    shorter_by_seconds: float | None


@dataclass(frozen=True, slots=True)
class Way:
    """The transitions that can be taken in the target besides its deadline, and a shortest way to an end; by their ids."""

    facilities: tuple[str, ...]
    goes_on_by: tuple[str, ...]
    ends_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was shown for a state whose cases can move, at the facilities where they can.

    ``known`` are the facts that every case there knows; ``answered`` says of each event that may wait on the case what
    becomes of it; ``emr`` holds the Task's statuses before and after.
    """

    ways: tuple[Way, ...]
    owners: tuple[Owner, ...]
    timers: tuple[Timer, ...]
    known: tuple[Name, ...]
    answered: Mapping[str, str]
    emr: tuple[str, str]


@dataclass(frozen=True, slots=True)
class StateMove:
    """A state of the old version: where its cases go on in the new one, and why they cannot where they cannot.

    ``facilities`` are those whose cases can be in the state. Where a mapping sends them elsewhere at some facilities, the
    state has a move for each target: ``everywhere`` is then false, and ``facilities`` are those with this target.
    ``notes`` tell what people should know before they move cases.
    """

    state: Name
    title: str
    kind: StateKind
    target: Name | None
    target_title: str
    facilities: tuple[str, ...]
    refusals: tuple[Refusal, ...] = ()
    proof: Proof | None = None
    notes: tuple[str, ...] = ()
    everywhere: bool = True

    def refused_at(self, facility: str) -> tuple[Refusal, ...]:
        """Why cases of that facility stay; empty when they can move."""
        return tuple(r for r in self.refusals if not r.facilities or facility in r.facilities)

    @property
    def moving(self) -> tuple[str, ...]:
        """The facilities whose cases can move. A case that has ended does not."""
        if self.kind is StateKind.END:
            return ()
        return tuple(facility for facility in self.facilities if not self.refused_at(facility))

    @property
    def verdict(self) -> Verdict:
        """What becomes of the cases here, over all facilities."""
        if self.kind is StateKind.END:
            return Verdict.ENDED
        if any(not refusal.facilities for refusal in self.refusals):
            return Verdict.STAYS
        if not self.facilities:
            return Verdict.NEVER_ENTERED
        if len(self.moving) == len(self.facilities):
            return Verdict.MOVES
        return Verdict.MOVES_SOMEWHERE if self.moving else Verdict.STAYS


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """For each state of the old version, in its order, what becomes of the cases in it."""

    workflow: str
    old: int
    new: int
    old_digest: str
    new_digest: str
    moves: tuple[StateMove, ...]

    def move(self, state: Name, facility: str | None = None) -> StateMove:
        """The move of a state, at a facility. Raises KeyError when the old version has no such state."""
        found = [each for each in self.moves if each.state == state]
        if not found:
            raise KeyError(state)
        return next((each for each in found if facility in each.facilities), found[0])

    def target(self, state: Name, facility: str) -> Name | None:
        """Where a case of that facility in that state goes on; None when it stays. Raises KeyError for an unknown state."""
        move = self.move(state, facility)
        if move.kind is StateKind.END or facility not in move.facilities or move.refused_at(facility):
            return None
        return move.target

    def with_verdict(self, *verdicts: Verdict) -> tuple[StateMove, ...]:
        """The moves with one of these verdicts."""
        return tuple(move for move in self.moves if move.verdict in verdicts)

    @property
    def complete(self) -> bool:
        """Whether every case in flight can move."""
        return not self.with_verdict(Verdict.STAYS, Verdict.MOVES_SOMEWHERE)
