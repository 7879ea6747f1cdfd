"""What becomes of events that move nothing: in a step, and while no case is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from statemachines.compile.arrows import ByState
from statemachines.compile.markdown import cell, section, table
from statemachines.compile.wording import Wording
from statemachines.definition import Definition, Expectation, State, StateKind, Transition, Unplaced
from statemachines.expressions import Not


def unmoved(definition: Definition, wording: Wording, leaving: ByState) -> str:
    """Events that move nothing, alike ones in one row; then those about which a step says nothing."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    silent: dict[tuple[str, bool], list[str]] = {}
    answering: dict[tuple[str, str], list[Transition]] = {}
    for name, ways in leaving.items():
        for t in ways:
            answering.setdefault((name, t.on), []).append(t)
    for expected in definition.events:
        for state in definition.states:
            arrows = answering.get((state.name, expected.event), [])
            told = _told(state, expected)
            if state.kind is StateKind.END and told is None:
                continue
            if told is not None:
                groups.setdefault((expected.event, *told), []).append(state.name)
            elif not _always_moves(arrows):
                silent.setdefault((expected.event, bool(arrows)), []).append(state.name)
    rows = [
        [
            cell(wording.event(event)),
            f"**{outcome}**",
            cell(wording.states(tuple(names))),
            cell(because),
        ]
        for (event, outcome, because), names in groups.items()
    ]
    rows += [
        [
            cell(wording.event(event)),
            "**refused**",
            cell(wording.states(tuple(names))),
            "no condition of an arrow holds" if guarded else "not expected here",
        ]
        for (event, guarded), names in silent.items()
    ]
    intro = (
        "What becomes of an event in a step where it takes no arrow, because none is there or no condition holds. "
        "*Recorded*: noted in the case. *Deferred*: kept until a later step answers it. *Ignored*: changes nothing. "
        "*Checked off*: an item of the step's checklist is done. *Refused*: the sender is told. A closed case refuses every event"
    ) + (", unless what happens after its end re-opens it." if any(t.reopens for t in definition.transitions) else ".")
    return section("Events that do not move a case", intro, table(["Event", "Is", "In", "Why"], rows))


def without_case(definition: Definition, wording: Wording) -> str:
    """Events for which no case is open."""
    opening = {t.on: t.id for t in definition.transitions if not t.sources}
    again: dict[str, list[str]] = {}
    for t in definition.transitions:
        if t.reopens:
            again.setdefault(t.on, []).append(t.id)
    rows = [
        [
            cell(wording.event(e.event)),
            _unplaced(e, opening.get(e.event), wording) + _after_end(again.get(e.event, ())),
            cell(e.because or "–"),
        ]
        for e in definition.events
    ]
    return section("Events while no case is open", table(["Event", "What becomes of it", "Why"], rows))


def _after_end(reopening: Sequence[str]) -> str:
    return f"; after a case has ended, it may re-open it (**{', '.join(reopening)}**)" if reopening else ""


def _told(state: State, expected: Expectation) -> tuple[str, str] | None:
    """The outcome and reason that a state declares for an event, in the order in which a decision looks for them."""
    items = state.checklist.items if state.checklist is not None else ()
    checked = [each.title for each in items if expected.event in each.done_on]
    if checked:
        return "checked off", f"done: {'; '.join(checked)}"
    declared: Sequence[tuple[str, Mapping[str, str]]] = (
        ("recorded", state.records),
        ("ignored", state.ignores),
        ("deferred", state.defers),
        ("refused", state.refuses),
    )
    return next(((outcome, why[expected.event]) for outcome, why in declared if expected.event in why), None)


def _always_moves(arrows: Sequence[Transition]) -> bool:
    """Whether one of the arrows is always open: one without a condition, or two of which one negates the other."""
    guards = [arrow.when for arrow in arrows]
    return None in guards or any(isinstance(guard, Not) and guard.negated in guards for guard in guards)


def _unplaced(expected: Expectation, opens: str | None, wording: Wording) -> str:
    if opens is not None:
        return f"opens a case (**{opens}**)"
    match expected.unplaced:
        case Unplaced.HOLD:
            return f"kept for {wording.value(expected.hold_minutes, 'min')}, in case one opens; then quarantined"
        case Unplaced.HOLD_THEN_IGNORE:
            return f"kept for {wording.value(expected.hold_minutes, 'min')}, in case one opens; then not applicable"
        case Unplaced.NOT_APPLICABLE:
            return "not applicable"
        case Unplaced.QUARANTINE:
            return "quarantined: somebody looks at it"
