"""The hand-offs themselves: one row per arrow of the diagram, and the conditions that are too long for a row."""

from __future__ import annotations

from statemachines.compile.markdown import broken, cell, section, table
from statemachines.compile.wording import LONGEST_GUARD, Wording
from statemachines.definition import CHECKLIST_COMPLETED, DEADLINE_MISSED, SUB_CASE_REQUESTED, Definition, Transition
from statemachines.expressions import AllOf, AnyGuard, AnyOf, Not


def arrows(definition: Definition, wording: Wording, conditions: Conditions) -> str:
    """The section of all arrows."""
    own = _own_events(definition)
    rows = [
        [
            f"**{t.id}**",
            cell(wording.leaves(t)),
            conditions.when(t),
            _who(t, own, wording),
            cell(wording.state(t.target) if t.target is not None else "(stays)"),
            cell(t.because),
        ]
        for t in definition.transitions
    ]
    intro = (
        "One row per arrow of the diagram. The id is the same in the code, the diagram, the journal and the metrics."
    )
    return section("Hand-offs", intro, table(["Id", "From", "When", "Who may", "To", "Why"], rows))


def _who(t: Transition, own: frozenset[str], wording: Wording) -> str:
    if t.on in own:
        return "Baton"
    lines = [wording.roles(t.by) if t.by else "anyone, a device too"]
    if t.separate_from:
        lines.append(f"not whoever performed {', '.join(t.separate_from)}")
    if t.override_by:
        lines.append(f"by override, with a reason: {wording.roles(t.override_by)}")
    return broken(lines)


def _own_events(definition: Definition) -> frozenset[str]:
    """What Baton itself causes."""
    return frozenset(
        {
            DEADLINE_MISSED,
            CHECKLIST_COMPLETED,
            SUB_CASE_REQUESTED,
            *(f"{s.work.name}.{outcome}" for s in definition.states if s.work for outcome in s.work.outcomes),
            *(f"{s.opens.workflow}.{end}" for s in definition.states if s.opens is not None for end in s.opens.ends),
        }
    )


class Conditions:
    """The guards that are too long for a row, each with its number; each is spelt out once."""

    def __init__(self, definition: Definition, wording: Wording) -> None:
        self.definition = definition
        self.wording = wording
        guards = [_positive(t.when) for t in definition.transitions if t.when is not None]
        long = dict.fromkeys(guard for guard in guards if self._long(guard))
        self._numbers = {guard: number for number, guard in enumerate(long, start=1)}

    def when(self, t: Transition) -> str:
        """An arrow's event, and its condition: in words, or where it is spelt out."""
        event = cell(self.wording.event(t.on))
        if t.when is None:
            return event
        if not self._long(t.when):
            return f"{event}<br>{cell(self.wording.provided(t.when, defaults=True))}"
        positive = _positive(t.when)
        negated = "" if positive == t.when else "not "
        return f"{event}<br>if {negated}[C{self._numbers[positive]}](#conditions)"

    def section(self) -> str:
        """What each means, exactly, and which arrows it decides; nothing where no guard is long."""
        rows = []
        users: dict[AnyGuard, list[Transition]] = {guard: [] for guard in self._numbers}
        for t in self.definition.transitions:
            if t.when is not None and self._long(t.when):
                users[_positive(t.when)].append(t)
        for guard, used in users.items():
            means = list(dict.fromkeys(t.because for t in used if t.when == guard))
            arrows = ", ".join(t.id if t.when == guard else f"{t.id} (not)" for t in used)
            rows.append(
                [
                    f"**C{self._numbers[guard]}**",
                    cell("; ".join(means) or "–"),
                    broken(self._spelt_out(guard)),
                    arrows,
                ]
            )
        if not rows:
            return ""
        return section("Conditions", table(["", "Means", "Exactly", "Decides"], rows))

    def _long(self, guard: AnyGuard) -> bool:
        """Whether the guard is one of the conditions."""
        return len(self.wording.guard(_positive(guard))) > LONGEST_GUARD

    def _spelt_out(self, guard: AnyGuard) -> list[str]:
        """Its parts, one to a line."""
        match guard:
            case AnyOf(any=parts):
                return [f"{'or ' if place else ''}{self._part(part)}" for place, part in enumerate(parts)]
            case AllOf(all=parts):
                return [f"{'and ' if place else ''}{self._part(part)}" for place, part in enumerate(parts)]
            case _:
                return [self.wording.guard(guard, defaults=True)]

    def _part(self, guard: AnyGuard) -> str:
        words = self.wording.guard(guard, defaults=True)
        return f"({words})" if isinstance(guard, AnyOf | AllOf) else words


def _positive(guard: AnyGuard) -> AnyGuard:
    return guard.negated if isinstance(guard, Not) else guard
