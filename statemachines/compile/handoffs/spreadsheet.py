"""Every hand-off as a row of a spreadsheet."""

from __future__ import annotations

import csv
import io

from statemachines.compile.wording import Wording
from statemachines.definition import Definition, StateKind, Transition

_COLUMNS = (
    "id",
    "from",
    "event",
    "condition",
    "initiates",
    "by override",
    "not who performed",
    "to",
    "performs",
    "has to",
    "validates",
    "escalates to",
    "within",
    "because",
)


def csv_rows(definition: Definition, wording: Wording | None = None) -> str:
    """Every hand-off as CSV (RFC 4180, with a heading row): who initiates, performs, validates and is escalated to."""
    wording = wording or Wording(definition)
    states = {state.name: state for state in definition.states}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for t in definition.transitions:
        for target in _targets(t):
            state = states[target]
            closed = state.kind is StateKind.END
            limit = wording.duration(state.deadline.within) if state.deadline is not None else ""
            writer.writerow(
                [
                    t.id,
                    wording.leaves(t),
                    wording.event(t.on),
                    wording.guard(t.when, defaults=True) if t.when is not None else "",
                    wording.roles(t.by),
                    wording.roles(t.override_by),
                    ", ".join(t.separate_from),
                    state.title if t.target is not None else f"{state.title} (stays)",
                    "" if closed else wording.role(state.owner),
                    "" if closed else wording.does(state),
                    "" if closed or state.validates is None else wording.role(state.validates),
                    "" if closed or state.escalates_to is None else wording.role(state.escalates_to),
                    limit,
                    t.because,
                ]
            )
    return out.getvalue()


def _targets(transition: Transition) -> tuple[str, ...]:
    """The states that an arrow leads to: one, or each that it leaves and comes back to."""
    return (transition.target,) if transition.target is not None else transition.sources
