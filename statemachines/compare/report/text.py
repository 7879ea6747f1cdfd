"""For a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from statemachines.compare.change import Change, Diff, Subject
from statemachines.compare.migration import MigrationPlan, Refusal, StateMove, Verdict
from statemachines.compare.report.places import shortened, where
from statemachines.compare.words import counted, listed, names

HEADINGS = {
    Subject.WORKFLOW: "Workflow",
    Subject.STATE: "States",
    Subject.ARROW: "Arrows",
    Subject.PARAMETER: "Limits",
    Subject.FACT: "Facts",
    Subject.ROLE: "Roles",
    Subject.EVENT: "Events",
}


def diff_text(diff: Diff) -> str:
    """The comparison: changes by subject, facilities, and cases in flight."""
    return "\n".join(_diff(diff)) + "\n"


def plan_text(plan: MigrationPlan, *, proofs: bool = True) -> str:
    """The plan, state by state; with ``proofs``, what was shown for each."""
    return "\n".join(_plan(plan, proofs=proofs)) + "\n"


def _diff(diff: Diff) -> Iterator[str]:
    yield f"{diff.old} → {diff.new}  {diff.new.title}"
    if not diff.changes:
        yield "no change in meaning, and none in words"
        return
    meaning = counted(len(diff.meaning), "change") if diff.meaning else "no change"
    yield f"{meaning} in meaning" + (f", {len(diff.words)} only in words" if diff.words else "")
    for subject in Subject:
        changes = list(diff.of(subject))
        if changes:
            yield ""
            yield HEADINGS[subject]
            yield from _changes(changes, len(diff.facilities))
    if diff.words:
        yield ""
        yield "Only in words"
        yield from _changes(diff.words, len(diff.facilities))
    yield ""
    yield "Facilities"
    yield from _facilities(diff)
    yield ""
    yield "Cases in flight"
    yield from (f"  {line}" for line in in_flight(diff.migration))


def _changes(changes: Sequence[Change], facilities: int) -> Iterator[str]:
    for (place, title), group in groupby(changes, key=lambda change: (change.place, change.title)):
        yield f"  {place}  {title}"
        for change in group:
            touched = f"  [{where(change.facilities, facilities)}]" if facilities else ""
            yield f"      {change.sentence}{touched}"
            yield from (f"          {detail}" for detail in shortened(change.details))


def _facilities(diff: Diff) -> Iterator[str]:
    unfit = [facility for facility in diff.facilities if facility.unfit]
    touched = [facility.name for facility in diff.facilities if facility.touched]
    spared = [facility.name for facility in diff.facilities if not facility.touched and not facility.unfit]
    if not diff.facilities:
        yield "  none were looked at"
    if touched:
        yield f"  touched: {names(touched)}"
    if spared:
        yield f"  not touched: {names(spared)}"
    for facility in unfit:
        yield f"  {facility.name}: {facility.unfit}"


def in_flight(plan: MigrationPlan) -> Iterator[str]:
    """Which cases can move, and which stay and why, in a few lines."""
    held = plan.with_verdict(Verdict.STAYS, Verdict.MOVES_SOMEWHERE)
    unused = plan.with_verdict(Verdict.NEVER_ENTERED)
    staying = dict.fromkeys(move.state for move in held)
    free = dict.fromkeys(move.state for move in plan.with_verdict(Verdict.MOVES) if move.state not in staying)
    if plan.complete:
        yield f"all can move, from each of {counted(len(free), 'open state')}"
    elif free:
        yield f"can move from {counted(len(free), 'state')}: {', '.join(free)}"
    else:
        yield "from no state can all of them move"
    parts: dict[tuple[str, ...], list[str]] = {}
    for state in staying:
        moving = sorted(place for move in plan.moves if move.state == state for place in move.moving)
        if moving:
            parts.setdefault(tuple(moving), []).append(state)
    for places, states in parts.items():
        yield f"can move at {names(places)} only, from {listed(states)}"
    said: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for move in held:
        for refusal in move.refusals:
            key = (_without_title(refusal, move), refusal.mend, refusal.facilities)
            said.setdefault(key, []).append(move.state)
    for (sentence, mend, places), states in said.items():
        at = f" at {names(places)}" if places else ""
        yield f"stay{at} in {listed(states)}: {sentence}"
        yield f"  → {mend}"
    if held:
        yield (
            f"cases that stay end under version {plan.old}, which stays deployed until they have; "
            f"what version {plan.new} changes does not reach them"
        )
    if unused:
        yield f"no case can be in {listed(move.state for move in unused)}"


def _without_title(refusal: Refusal, move: StateMove) -> str:
    """The sentence such that it is the same for every target."""
    return refusal.sentence.replace(f"“{move.target_title}”", "the target") if move.target_title else refusal.sentence


_MARK = {
    Verdict.MOVES: "moves",
    Verdict.MOVES_SOMEWHERE: "moves in part",
    Verdict.STAYS: "stays",
    Verdict.ENDED: "has ended",
    Verdict.NEVER_ENTERED: "no case there",
}


def _plan(plan: MigrationPlan, *, proofs: bool) -> Iterator[str]:
    yield f"{plan.workflow}@{plan.old} → {plan.workflow}@{plan.new}: a plan for cases in flight; nothing is moved"
    width = max((len(move.state) for move in plan.moves), default=0)
    for move in plan.moves:
        target = f" → {move.target}" if move.verdict in (Verdict.MOVES, Verdict.MOVES_SOMEWHERE) else ""
        yield f"{move.state:{width}}  {_MARK[move.verdict]}{target}{partly(move)}"
        for refusal in move.refusals:
            at = f"at {names(refusal.facilities)}: " if refusal.facilities else ""
            yield f"    {refusal.obstacle}  {at}{refusal.sentence}"
            yield f"      → {refusal.mend}"
        if proofs:
            yield from (f"    {line}" for line in proven(move))
        yield from (f"    note: {note}" for note in move.notes if move.moving)
    yield ""
    yield from in_flight(plan)


def partly(move: StateMove) -> str:
    """The facilities that a verdict is about, where it is not about all."""
    if move.verdict is Verdict.MOVES_SOMEWHERE:
        return f" (at {names(move.moving)})"
    return "" if move.everywhere else f" (at {names(move.facilities)})"


def proven(move: StateMove) -> Iterator[str]:
    """What was shown for a state whose cases can move, a line for each proof."""
    proof = move.proof
    if proof is None:
        return
    for way in proof.ways:
        at = f" at {names(way.facilities)}" if len(proof.ways) > 1 else ""
        yield f"goes on{at} by {', '.join(way.goes_on_by)}; ends by {', '.join(way.ends_by)}"
    owners: dict[str, list[str]] = {}
    for owner in proof.owners:
        owners.setdefault(owner.role, []).append(f"{owner.facility} {owner.shift}".strip())
    yield "owned by " + "; ".join(
        f"{role}" if len(owners) == 1 else f"{role} ({names(w)})" for role, w in owners.items()
    )
    for timer in proof.timers:
        at = f" at {names(timer.facilities)}" if len(proof.timers) > 1 else ""
        if timer.before == timer.after:
            yield f"timer{at}: {timer.after}, counted from when the state was entered"
        else:
            yield f"timer{at}: {timer.before} → {timer.after}, counted from when the state was entered"
        if timer.shorter_by_seconds is not None and timer.shorter_by_seconds > 0:
            yield "  a case that has waited longer than that is late as soon as it moves"
    if proof.known:
        yield f"surely knows {', '.join(proof.known)}"
    answered: dict[str, list[str]] = {}
    for event, what in proof.answered.items():
        answered.setdefault(what, []).append(event)
    for what, events in answered.items():
        yield f"deferred {listed(events, 'or')}: {what}"
    before, after = proof.emr
    yield f"EMR Task: {after}, as before" if before == after else f"EMR Task: {before} → {after}"
