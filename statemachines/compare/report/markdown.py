"""For a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from statemachines.compare.change import Diff, Subject
from statemachines.compare.migration import MigrationPlan, StateMove, Verdict
from statemachines.compare.report.places import shortened, where
from statemachines.compare.report.text import HEADINGS, in_flight, partly, proven
from statemachines.compare.words import counted, listed, names
from statemachines.compile.markdown import broken, cell, table


def diff_markdown(diff: Diff) -> str:
    """The comparison as a page: one table for each subject, then facilities, then cases in flight."""
    return "\n\n".join(_diff(diff)) + "\n"


def plan_markdown(plan: MigrationPlan) -> str:
    """The plan as one table."""
    return "\n\n".join(_plan(plan)) + "\n"


def _diff(diff: Diff) -> Iterator[str]:
    yield f"## {cell(str(diff.old))} → {cell(str(diff.new))}: {cell(diff.new.title)}"
    if not diff.changes:
        yield "No change in meaning, and none in words."
        return
    in_words = f", {len(diff.words)} only in words" if diff.words else ""
    yield f"{(counted(len(diff.meaning), 'change') if diff.meaning else 'No change')} in meaning{in_words}."
    for subject in Subject:
        rows = [
            [
                f"`{change.place}`<br>{cell(change.title)}",
                broken((change.sentence, *shortened(change.details))),
                cell(where(change.facilities, len(diff.facilities))),
            ]
            for change in diff.of(subject)
        ]
        if rows:
            yield f"### {HEADINGS[subject]}"
            yield table(["", "Change", "Touches"], rows)
    yield "### Facilities"
    yield table(
        ["Facility", "Touched by"],
        [
            [
                cell(f"{facility.title} ({facility.name})"),
                f"**{cell(facility.unfit)}**" if facility.unfit else cell(_briefly(facility.touched)) or "nothing",
            ]
            for facility in diff.facilities[:MOST_FACILITIES]
        ],
    )
    if len(diff.facilities) > MOST_FACILITIES:
        touched = sum(bool(facility.touched) for facility in diff.facilities)
        yield f"The first {MOST_FACILITIES} of {len(diff.facilities)}; {touched} of all are touched."
    yield "### Cases in flight"
    yield "\n".join(
        f"{'  ' if line.startswith(' ') else ''}- {cell(line.strip())}" for line in in_flight(diff.migration)
    )
    if diff.words:
        listing = "\n".join(f"- `{change.place}` {cell(change.sentence)}" for change in diff.words)
        yield f"<details><summary>Only in words ({len(diff.words)})</summary>\n\n{listing}\n\n</details>"


MOST_FACILITIES = 20
"""A page lists so many facilities one by one."""


def _briefly(touched: tuple[str, ...]) -> str:
    return listed(touched) if len(touched) <= 6 else f"{', '.join(touched[:6])} and {len(touched) - 6} more"


_VERDICT = {
    Verdict.MOVES: "moves",
    Verdict.MOVES_SOMEWHERE: "**moves in part**",
    Verdict.STAYS: "**stays**",
    Verdict.ENDED: "has ended",
    Verdict.NEVER_ENTERED: "no case there",
}


def _plan(plan: MigrationPlan) -> Iterator[str]:
    yield f"## Cases in flight: {cell(plan.workflow)}@{plan.old} → {cell(plan.workflow)}@{plan.new}"
    yield table(
        ["State", "Goes on in", "", "Why"],
        [
            [
                f"`{move.state}`<br>{cell(move.title)}",
                f"`{move.target}`" if move.moving and move.target else "–",
                f"{_VERDICT[move.verdict]}{cell(partly(move))}",
                broken((*_refused(move), *proven(move), *(f"note: {note}" for note in move.notes if move.moving))),
            ]
            for move in plan.moves
        ],
    )


def _refused(move: StateMove) -> Iterator[str]:
    for refusal in move.refusals:
        at = f" at {names(refusal.facilities)}" if refusal.facilities else ""
        yield f"cannot move{at}: {refusal.sentence}; {refusal.mend}"
