"""The steps: all of them in a table, and each in detail."""

from __future__ import annotations

from collections.abc import Iterator

from statemachines.compile.arrows import ByState
from statemachines.compile.markdown import anchor, broken, cell, section, table
from statemachines.compile.wording import TIME_LIMIT_PASSED, Wording
from statemachines.definition import DEADLINE_MISSED, Definition, Duration, Item, State, StateKind, Transition


def in_short(definition: Definition, wording: Wording, leaving: ByState) -> str:
    """Who has each step and what the EMR shows of it; what happens when it is not done in time."""
    rows = []
    for state in definition.states:
        late = [t for t in leaving[state.name] if t.on == DEADLINE_MISSED]
        rows.append(
            [
                f"[**{cell(state.title)}**](#{anchor(state.title)})",
                cell(wording.role(state.owner)),
                cell(wording.does(state) or "–"),
                cell(_limits_in_short(state, wording)),
                broken(f"{t.id} {_to(t, wording)}" for t in late),
                cell(f"{state.emr.status}: {state.emr.display}"),
            ]
        )
    heading = ["Step", "Accountable", "Has to", "By when", "If not", "The EMR shows"]
    return section("Steps", table(heading, rows))


def in_full(definition: Definition, wording: Wording, leaving: ByState, arriving: ByState) -> str:
    """A table for each step."""
    steps = (_step(state, wording, leaving, arriving) for state in definition.states)
    return section("Each step in detail", *steps)


def _step(state: State, wording: Wording, leaving: ByState, arriving: ByState) -> str:
    """Who initiates, performs, validates and is escalated to, by when, and what the EMR shows."""
    rows = [["Initiated by", broken(f"{t.id} {_cause(t, wording)}" for t in arriving[state.name])]]
    if state.kind is not StateKind.END:
        rows += [
            ["Accountable", cell(wording.role(state.owner))],
            ["Performs", cell(wording.does(state))],
            *_checklist(state, wording),
            *_sub_case(state, wording),
            ["Validates", cell(wording.role(state.validates))],
            ["Escalates to", cell(wording.role(state.escalates_to))],
            ["By when", broken(_limits_in_full(state, wording))],
            ["Goes on by", broken(f"{t.id} {_cause(t, wording)} {_to(t, wording)}" for t in leaving[state.name])],
        ]
    elif leaving[state.name]:
        again = (f"{t.id} {_cause(t, wording)} {_to(t, wording)}" for t in leaving[state.name])
        rows.append(["Re-opened by", broken(again)])
    if state.optional is not None:
        rows.append(["Only where", cell(wording.guard(state.optional, defaults=True))])
    rows.append(
        ["The EMR shows", f"Task `{state.emr.status}`, {cell(state.emr.display)} (`{state.emr.business_status}`)"]
    )
    return f"### {cell(state.title)}\n\n`{state.name}`\n\n" + table(["", ""], rows)


def _checklist(state: State, wording: Wording) -> Iterator[list[str]]:
    if state.checklist is not None:
        items = state.checklist.items
        needed = state.checklist.needed
        how_many = "all of" if needed is None or needed == len(items) else f"{needed} of"
        yield ["Checklist", broken([f"{how_many}:", *(_item(each, wording) for each in items)])]


def _item(each: Item, wording: Wording) -> str:
    done = ", ".join(wording.event(event) for event in each.done_on)
    words = f"□ {each.title} ({wording.role(each.owner)})"
    if done:
        by = f" by {wording.roles(each.by)}" if each.by else ""
        words += f"; done on: {done}{by}"
    if each.satisfied is not None:
        words += f"; not asked for when {wording.guard(each.satisfied, defaults=True)}"
    return words


def _sub_case(state: State, wording: Wording) -> Iterator[list[str]]:
    if state.opens is not None:
        name, ends = wording.name(state.opens.workflow), state.opens.ends
        yield [
            "Opens",
            cell(f"a case of its own, {name}, which ends as {' or '.join(map(wording.name, ends))}"),
        ]


def _cause(t: Transition, wording: Wording) -> str:
    if t.on == DEADLINE_MISSED:
        return f"{TIME_LIMIT_PASSED}, {t.because}"
    by = f" ({wording.roles(t.by)})" if t.by else ""
    return f"{wording.event(t.on)}{by}"


def _to(t: Transition, wording: Wording) -> str:
    return f"→ {wording.state(t.target)}" if t.target is not None else "→ stays, due again"


def _limits_in_short(state: State, wording: Wording) -> str:
    if state.deadline is None:
        return "–"
    words = wording.duration(state.deadline.within)
    return (
        f"{words}, sooner if: "
        + "; ".join(f"{wording.guard(s.when)} ({wording.duration(s.within)})" for s in state.deadline.sooner)
        if state.deadline.sooner
        else words
    )


def _limits_in_full(state: State, wording: Wording) -> Iterator[str]:
    if state.deadline is None:
        return
    yield f"{wording.duration(state.deadline.within)}{_source(state.deadline.within, wording)}"
    for s in state.deadline.sooner:
        words = f"{wording.duration(s.within)} {wording.provided(s.when, defaults=True)}: {s.because}"
        yield f"{words}{_source(s.within, wording)}"


def _source(duration: Duration, wording: Wording) -> str:
    parameter = wording.parameter(duration)
    return f" ({parameter.source})" if parameter is not None else " (fixed)"
