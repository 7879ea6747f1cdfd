"""Why a case of the old version could not go on in a state of the new one: one check for each obstacle.

A check looks at one state, its target and one setting, and says what stands in the way; nothing means that it is proven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from statemachines.compare.guards import Reasoner
from statemachines.compare.migration import Obstacle
from statemachines.compare.paths import Paths, Validation, answer
from statemachines.compare.sense import any_of
from statemachines.compare.task_status import may_follow
from statemachines.compare.words import Words, listed
from statemachines.definition import DEADLINE_MISSED, Fact, Name, State, StateKind
from statemachines.expressions import Not

FINISH = "let these cases end under their version"


class Found(NamedTuple):
    """An obstacle, in words, and what to do."""

    obstacle: Obstacle
    sentence: str
    mend: str


@dataclass(frozen=True, slots=True)
class Crossing:
    """A case that would go from a state of the old version to a state of the new one, in one setting of each."""

    state: State
    target: State
    old: Paths
    new: Paths
    words: Words
    reasoner: Reasoner

    @property
    def title(self) -> str:
        """The target as people call it."""
        return f"“{self.target.title}”"


Check = Callable[[Crossing], Iterator[Found]]


def kind_fits(c: Crossing) -> Iterator[Found]:
    """An open case stays open, and no step of the system itself is started or lost by moving."""
    if c.target.kind is StateKind.END:
        yield Found(
            Obstacle.TARGET_ENDS_CASES,
            f"{c.title} is an end, and moving a case must not close it",
            "name a target in which the case stays open, or " + FINISH,
        )
        return
    under_way, starts = c.state.work, c.target.work
    if under_way is not None and (starts is None or starts.name != under_way.name):
        yield Found(
            Obstacle.STEP_UNDER_WAY,
            f"Baton itself may be at work ({under_way.name}), and {c.title} does not wait for its outcome",
            "wait until the step has ended; the case can move from the state that follows",
        )
    elif under_way is not None and starts is not None and not set(under_way.outcomes) <= set(starts.outcomes):
        lost = listed(sorted(set(under_way.outcomes) - set(starts.outcomes)), "or")
        yield Found(
            Obstacle.STEP_UNDER_WAY,
            f"the step under way ({under_way.name}) may end as {lost}, which {c.title} does not know",
            "wait until the step has ended; the case can move from the state that follows",
        )
    elif under_way is None and starts is not None:
        yield Found(
            Obstacle.STEP_WOULD_START,
            f"{c.title} is a step of Baton itself ({starts.name}); it would start without the arrow that leads there",
            "name a target in which a person goes on",
        )
    before, after = c.state.opens, c.target.opens
    if before != after and (before is None or after is None or before.workflow != after.workflow):
        said = (
            f"a case of {before.workflow} is open under it"
            if before
            else f"{c.title} waits for a case that nobody opened"
        )
        yield Found(Obstacle.SUB_CASE, said, FINISH)


def goes_on(c: Crossing) -> Iterator[Found]:
    """The case is where cases of the new version can be, with a way on and a way to an end."""
    if c.target.name not in c.new.setting.entered:
        yield Found(
            Obstacle.NOT_ENTERED_THERE,
            f"under this facility's policy no case of the new version ever enters {c.title}",
            "name another target for that facility (--map STATE@FACILITY=TARGET), or " + FINISH,
        )
        return
    if not any(edge.transition.on != DEADLINE_MISSED for edge in c.new.leaving(c.target.name)):
        yield Found(
            Obstacle.NO_WAY_ON,
            f"no arrow leads on from {c.title} but its deadline",
            "add an arrow to the new version, or name another target",
        )
    if c.new.way_to_end(c.target.name) is None:
        yield Found(
            Obstacle.NO_END,
            f"from {c.title} no end can be reached",
            "add an arrow to the new version, or name another target",
        )


def timer_runs(c: Crossing) -> Iterator[Found]:
    """The wait in the target ends, and its end leads somewhere."""
    if c.target.kind is StateKind.END:
        return
    if c.target.deadline is None:
        yield Found(Obstacle.NO_TIMER, f"{c.title} has no deadline", "give it one in the new version")
    elif c.target.name in c.new.setting.entered and not any(
        edge.transition.on == DEADLINE_MISSED for edge in c.new.leaving(c.target.name)
    ):
        yield Found(
            Obstacle.NO_TIMER,
            f"when the deadline of {c.title} passes, no arrow leads on",
            "add an arrow for the deadline to the new version",
        )


def facts_known(c: Crossing) -> Iterator[Found]:
    """The case knows what the new version relies on from there."""
    before = {fact.name: fact for fact in c.old.definition.facts}
    after = {fact.name: fact for fact in c.new.definition.facts}
    needed = c.new.needed(c.target.name)
    sure_before = c.old.surely_known.get(c.state.name, frozenset())
    sure_after = c.new.surely_known.get(c.target.name, frozenset())
    for name in sorted(needed & after.keys()):
        fact = after[name]
        if name in before and _otherwise(before[name], fact):
            yield Found(
                Obstacle.FACT_OTHERWISE,
                f"{fact.title} ({name}) is another kind of value in the new version ({_kind(before[name])} → {_kind(fact)})",
                "give the fact a new name, or " + FINISH,
            )
        elif name in sure_after - sure_before:
            yield Found(
                Obstacle.FACT_NOT_KNOWN,
                f"from {c.title} the new version relies on {fact.title} ({name}), which a case that comes this way may not know",
                "name a target before it is reported, or " + FINISH,
            )
        elif name not in before and not c.new.may_report(name, c.target.name):
            yield Found(
                Obstacle.FACT_NOT_KNOWN,
                f"the new version reads {fact.title} ({name}) later on; the old one did not keep it, "
                "and nothing reports it any more",
                "let an event that still comes report it, or " + FINISH,
            )


def _otherwise(one: Fact, other: Fact) -> bool:
    return (one.type, one.unit) != (other.type, other.unit)


def _kind(fact: Fact) -> str:
    return f"{fact.type}, {fact.unit}" if fact.unit else str(fact.type)


def patients_limits_kept(c: Crossing) -> Iterator[Found]:
    """What a patient's own care plan set still counts."""
    after = {p.name: p for p in c.new.definition.parameters}
    used = c.old.limits_ahead(c.state.name)
    for parameter in c.old.definition.parameters:
        if not parameter.patient or parameter.name not in used:
            continue
        kept = after.get(parameter.name)
        if kept is None or not kept.patient or (kept.type, kept.unit) != (parameter.type, parameter.unit):
            yield Found(
                Obstacle.PATIENT_LIMIT_LOST,
                f"a care plan may have set {parameter.title} ({parameter.name}) for the patient; "
                "in the new version it would no longer count",
                "keep the parameter, with its sources, in the new version, or " + FINISH,
            )


def validations_done(c: Crossing) -> Iterator[Found]:
    """Every validation that the new version demands on the way to the target took place on the way to the state."""
    for role, event in sorted(skipped(c)):
        yield Found(
            Obstacle.VALIDATION_SKIPPED,
            f"in the new version every case that reaches {c.title} was validated before "
            f"({c.words.event(event)}, {c.words.role(role)}); these cases were not",
            FINISH,
        )


def skipped(c: Crossing) -> frozenset[Validation]:
    """The validations that the new version demands before the target and that did not take place before the state."""
    demanded = c.new.surely_validated.get(c.target.name, frozenset())
    return demanded - c.old.surely_validated.get(c.state.name, frozenset())


def duties_stay_separate(c: Crossing) -> Iterator[Found]:
    """Where somebody else than an earlier performer has to act, the case knows who that was."""
    recorded = {(t.id, t.on) for t in c.old.definition.transitions}
    on = {t.id: t.on for t in c.new.definition.transitions}
    ahead = {edge.transition for place in c.new.ahead(c.target.name) for edge in c.new.leaving(place)}
    to_come = {transition.id for transition in ahead}
    for transition in sorted(ahead, key=lambda t: t.id):
        for earlier in transition.separate_from:
            if earlier not in to_come and (earlier, on.get(earlier)) not in recorded:
                yield Found(
                    Obstacle.SEPARATION_UNKNOWN,
                    f"{transition.id} needs somebody other than who performed {earlier}, "
                    "and of these cases nobody knows who that was",
                    f"keep the transition's id, name a target before {earlier}, or {FINISH}",
                )


def deferred_events_taken(c: Crossing) -> Iterator[Found]:
    """Each event that may wait on the case has somebody who takes it."""
    for event in sorted(waiting_events(c.state)):
        if taken(c, event) is None:
            yield Found(
                Obstacle.DEFERRED_EVENT_LOST,
                f"{c.words.event(event)} may be waiting on the case, and the new version would not take it from {c.title} on",
                "let the target record, ignore or defer it with a reason, or " + FINISH,
            )


def waiting_events(state: State) -> frozenset[str]:
    """The events that may wait on a case in that state: each is asked again on entering, so it defers them itself."""
    return frozenset(event for event in state.defers if (answer(state, event) or ("",))[0] == "defers")


def taken(c: Crossing, event: str) -> str | None:
    """What the new version does with an event that waits on the case; None when it would be lost."""
    here = _answered(c, c.target.name, event)
    if here is not None:
        return here
    told = answer(c.target, event)
    if told is None or told[0] != "defers":
        return None
    for place in sorted(c.new.ahead(c.target.name)):
        if _answered(c, place, event) is not None:
            return f"waits on: {told[1]}"
    return None


def _answered(c: Crossing, place: Name, event: str) -> str | None:
    """How a state takes an event at once; None when it may not."""
    state = next((s for s in c.new.definition.states if s.name == place), None)
    if state is None:
        return None
    told = answer(state, event)
    fallback = f"{_TAKEN[told[0]]}: {told[1]}" if told is not None and told[0] in _TAKEN else None
    arrows = [edge.transition for edge in c.new.leaving(place) if edge.transition.on == event]
    if not arrows:
        return fallback
    words = f"moves the case ({listed([arrow.id for arrow in arrows], 'or')})"
    if any(arrow.when is None for arrow in arrows):
        return words
    gap = Not(negated=any_of(arrow.when for arrow in arrows if arrow.when is not None))
    if not c.reasoner.can_hold(gap, c.new.setting.fixed):
        return words
    return f"{words}, else {fallback}" if fallback is not None else None


_TAKEN = {"records": "recorded", "ignores": "ignored"}


def late_outcomes_answered(c: Crossing) -> Iterator[Found]:
    """The outcome of a step that the case has left already is answered as it was."""
    for work in sorted(c.state.late.keys() - c.target.late.keys()):
        if c.target.work is not None and c.target.work.name == work:
            continue
        yield Found(
            Obstacle.LATE_OUTCOME_UNANSWERED,
            f"the outcome of {work} may still come, and {c.title} does not say what it then does",
            "declare it in the new version",
        )


def emr_follows(c: Crossing) -> Iterator[Found]:
    """The EMR's Task may take the status of the target."""
    before, after = c.state.emr.status, c.target.emr.status
    if not may_follow(before, after):
        yield Found(
            Obstacle.EMR_STATUS_JUMPS,
            f"the EMR's Task would go from {before} to {after}, which FHIR's Task does not",
            "name a target that shows a status that may follow, or change its EMR mapping",
        )


CHECKS: tuple[Check, ...] = (
    kind_fits,
    goes_on,
    timer_runs,
    facts_known,
    patients_limits_kept,
    validations_done,
    duties_stay_separate,
    deferred_events_taken,
    late_outcomes_answered,
    emr_follows,
)
"""All checks that depend on the two versions and on which states and arrows are in use; owners depend on the roster too."""
