"""The hand-off page: what a product manager, a QA engineer and a clinician read and review. Markdown, and its arrows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from statemachines.compile.arrows import arriving, leaving
from statemachines.compile.markdown import anchor, broken, cell, section, table
from statemachines.compile.wording import LONGEST_GUARD, TIME_LIMIT_PASSED, Wording
from statemachines.definition import (
    CHECKLIST_COMPLETED,
    DEADLINE_MISSED,
    SUB_CASE_REQUESTED,
    Definition,
    Duration,
    Expectation,
    Fact,
    Item,
    Late,
    Parameter,
    State,
    StateKind,
    Transition,
    Unplaced,
    ValueType,
)
from statemachines.expressions import AllOf, AnyGuard, AnyOf, Data, FactOperand, Not, ParameterOperand

_LATE = {
    Late.ACCEPT: "is taken as it is",
    Late.COMPENSATE: "is undone",
    Late.REFUSE: "is refused",
}


def markdown(definition: Definition, wording: Wording | None = None) -> str:
    """The page as Markdown; the same definition gives the same text."""
    return _Page(definition, wording or Wording(definition)).text()


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
                    wording.states(t.sources) if t.sources else "(opens a case)",
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


def _targets(transition: Transition) -> tuple[str, ...]:
    """The states that an arrow leads to: one, or each that it leaves and comes back to."""
    return (transition.target,) if transition.target is not None else transition.sources


class _Page:
    def __init__(self, definition: Definition, wording: Wording) -> None:
        self.definition = definition
        self.wording = wording
        self.leaving, self.arriving = leaving(definition), arriving(definition)
        self.work_events = {
            f"{state.work.name}.{outcome}"
            for state in definition.states
            if state.work
            for outcome in state.work.outcomes
        }
        self.own_events = {
            DEADLINE_MISSED,
            CHECKLIST_COMPLETED,
            SUB_CASE_REQUESTED,
            *self.work_events,
            *(f"{s.opens.workflow}.{end}" for s in definition.states if s.opens is not None for end in s.opens.ends),
        }

    @cached_property
    def conditions(self) -> Mapping[AnyGuard, int]:
        """The guards that are too long for a row, each with its number; each is spelt out once."""
        guards = [_positive(t.when) for t in self.definition.transitions if t.when is not None]
        long = dict.fromkeys(g for g in guards if len(self.wording.guard(g)) > LONGEST_GUARD)
        return {guard: number for number, guard in enumerate(long, start=1)}

    @cached_property
    def uses(self) -> Mapping[str, Sequence[str]]:
        """The steps, then the arrows, that use each parameter."""
        found: dict[str, list[str]] = {}
        for state in self.definition.states:
            for name in dict.fromkeys(_used_by(state)):
                found.setdefault(name, []).append(state.title)
        for t in self.definition.transitions:
            for name in dict.fromkeys(_parameters(t.when) if t.when is not None else ()):
                found.setdefault(name, []).append(t.id)
        return found

    def text(self) -> str:
        sections = [
            self._head(),
            self._roles(),
            self._steps(),
            self._arrows(),
            self._conditions(),
            self._limits(),
            self._facts(),
            self._unmoved(),
            self._unplaced(),
            self._system(),
            section("Each step in detail", *(self._step(state) for state in self.definition.states)),
        ]
        return "\n\n".join(part for part in sections if part) + "\n"

    # ── sections ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _head(self) -> str:
        d = self.definition
        about = (
            f"Workflow `{d.workflow}`, version {d.version}, SHA-256 `{self.wording.digest[:12]}…`. "
            f"One case per {d.correlation} is open at a time. Times and limits are defaults; "
            "a facility may set its own. Generated by `baton compile`."
        )
        return "\n\n".join([f"# {cell(d.title)}", cell(d.purpose), about, "![State diagram](diagram.svg)"])

    def _roles(self) -> str:
        rows = []
        for role in self.definition.roles:
            owns = tuple(state.name for state in self.definition.states if state.owner == role.code)
            stand_in = (
                ", then ".join(self.wording.role(code) for code in role.fallback)
                or "the facility's always staffed role"
            )
            rows.append(
                [f"**{cell(role.title)}**", f"`{role.code}`", cell(self.wording.states(owns) or "–"), cell(stand_in)]
            )
        return section("Roles", table(["Role", "Code", "Owns these steps", "When nobody is on shift"], rows))

    def _steps(self) -> str:
        rows = []
        for state in self.definition.states:
            late = [t for t in self.leaving[state.name] if t.on == DEADLINE_MISSED]
            rows.append(
                [
                    f"[**{cell(state.title)}**](#{anchor(state.title)})",
                    cell(self.wording.role(state.owner)),
                    cell(self.wording.does(state) or "–"),
                    cell(self._limits_in_short(state)),
                    broken(f"{t.id} {self._to(t)}" for t in late),
                    cell(f"{state.emr.status}: {state.emr.display}"),
                ]
            )
        heading = ["Step", "Accountable", "Has to", "By when", "If not", "The EMR shows"]
        return section("Steps", table(heading, rows))

    def _arrows(self) -> str:
        rows = [
            [
                f"**{t.id}**",
                cell(self.wording.states(t.sources) if t.sources else "(opens a case)"),
                self._when(t),
                self._who(t),
                cell(self.wording.state(t.target) if t.target is not None else "(stays)"),
                cell(t.because),
            ]
            for t in self.definition.transitions
        ]
        intro = "One row per arrow of the diagram. The id is the same in the code, the diagram, the journal and the metrics."
        return section("Hand-offs", intro, table(["Id", "From", "When", "Who may", "To", "Why"], rows))

    def _conditions(self) -> str:
        rows = []
        users: dict[AnyGuard, list[Transition]] = {guard: [] for guard in self.conditions}
        for t in self.definition.transitions:
            if t.when is not None and self._long(t.when):
                users[_positive(t.when)].append(t)
        for guard, used in users.items():
            means = list(dict.fromkeys(t.because for t in used if t.when == guard))
            arrows = ", ".join(t.id if t.when == guard else f"{t.id} (not)" for t in used)
            rows.append(
                [
                    f"**C{self.conditions[guard]}**",
                    cell("; ".join(means) or "–"),
                    broken(self._spelt_out(guard)),
                    arrows,
                ]
            )
        if not rows:
            return ""
        return section("Conditions", table(["", "Means", "Exactly", "Decides"], rows))

    def _limits(self) -> str:
        rows = [
            [
                f"**{cell(p.title)}**<br>`{p.name}`",
                cell(self.wording.value(p.default, p.unit)),
                cell(self._range(p)),
                cell(", ".join(dict.fromkeys(self.wording.event(s.event) for s in p.patient)) or "–"),
                cell("; ".join(self.uses.get(p.name, ())) or "nowhere"),
                cell(p.source),
            ]
            for p in self.definition.parameters
        ]
        heading = [
            "Limit",
            "Default",
            "A facility may set",
            "A patient's own, from",
            "Used by",
            "Where the default comes from",
        ]
        return section("Limits and where they come from", table(heading, rows))

    def _facts(self) -> str:
        rows = []
        for fact in self.definition.facts:
            stale = self.wording.value(fact.stale_after_minutes, "min") if fact.stale_after_minutes is not None else "–"
            reported = ", ".join(self.wording.event(source.event) for source in fact.sources)
            rows.append([f"**{cell(fact.title)}**", _kind(fact), fact.loinc or "–", cell(reported), stale])
        return section("What is known of a case", table(["Fact", "Unit", "LOINC", "Reported by", "Stale after"], rows))

    def _unmoved(self) -> str:
        """Events that move nothing, alike ones in one row; then those about which a step says nothing."""
        groups: dict[tuple[str, str, str], list[str]] = {}
        silent: dict[tuple[str, bool], list[str]] = {}
        answering: dict[tuple[str, str], list[Transition]] = {}
        for name, ways in self.leaving.items():
            for t in ways:
                answering.setdefault((name, t.on), []).append(t)
        for expected in self.definition.events:
            for state in self.definition.states:
                if state.kind is StateKind.END:
                    continue
                arrows = answering.get((state.name, expected.event), [])
                told = _told(state, expected)
                if told is not None:
                    groups.setdefault((expected.event, *told), []).append(state.name)
                elif not _always_moves(arrows):
                    silent.setdefault((expected.event, bool(arrows)), []).append(state.name)
        rows = [
            [
                cell(self.wording.event(event)),
                f"**{outcome}**",
                cell(self.wording.states(tuple(names))),
                cell(because),
            ]
            for (event, outcome, because), names in groups.items()
        ]
        rows += [
            [
                cell(self.wording.event(event)),
                "**refused**",
                cell(self.wording.states(tuple(names))),
                "no condition of an arrow holds" if guarded else "not expected here",
            ]
            for (event, guarded), names in silent.items()
        ]
        intro = (
            "What becomes of an event in a step where it takes no arrow, because none is there or no condition holds. "
            "*Recorded*: noted in the case. *Deferred*: kept until a later step answers it. *Ignored*: changes nothing. "
            "*Checked off*: an item of the step's checklist is done. *Refused*: the sender is told. A closed case refuses every event."
        )
        return section("Events that do not move a case", intro, table(["Event", "Is", "In", "Why"], rows))

    def _unplaced(self) -> str:
        opening = {t.on: t.id for t in self.definition.transitions if not t.sources}
        rows = [
            [
                cell(self.wording.event(e.event)),
                _unplaced(e, opening.get(e.event), self.wording),
                cell(e.because or "–"),
            ]
            for e in self.definition.events
        ]
        return section("Events while no case is open", table(["Event", "What becomes of it", "Why"], rows))

    def _system(self) -> str:
        rows = []
        for state in self.definition.states:
            if state.work is None:
                continue
            work = state.work
            tried = f"at most {work.attempts} times, {self.wording.duration(Duration(amount=work.timeout_seconds / 60))} each"
            late: dict[Late, list[str]] = {}
            for other in self.definition.states:
                if work.name in other.late:
                    late.setdefault(other.late[work.name], []).append(other.title)
            rows.append(
                [
                    f"**{cell(self.wording.work(work))}**",
                    cell(state.title),
                    cell(", ".join(work.outcomes)),
                    tried,
                    broken(f"{_LATE[how]} in {'; '.join(names)}" for how, names in late.items()),
                ]
            )
        if not rows:
            return ""
        heading = ["What Baton does", "In", "Can end as", "Is tried", "An outcome that comes late"]
        return section("Steps of Baton itself", table(heading, rows))

    def _step(self, state: State) -> str:
        """Who initiates, performs, validates and is escalated to, by when, and what the EMR shows."""
        rows = [["Initiated by", broken(f"{t.id} {self._cause(t)}" for t in self.arriving[state.name])]]
        if state.kind is not StateKind.END:
            rows += [
                ["Accountable", cell(self.wording.role(state.owner))],
                ["Performs", cell(self.wording.does(state))],
                *self._checklist(state),
                *self._sub_case(state),
                ["Validates", cell(self.wording.role(state.validates))],
                ["Escalates to", cell(self.wording.role(state.escalates_to))],
                ["By when", broken(self._limits_in_full(state))],
                ["Goes on by", broken(f"{t.id} {self._cause(t)} {self._to(t)}" for t in self.leaving[state.name])],
            ]
        if state.optional is not None:
            rows.append(["Only where", cell(self.wording.guard(state.optional, defaults=True))])
        rows.append(
            ["The EMR shows", f"Task `{state.emr.status}`, {cell(state.emr.display)} (`{state.emr.business_status}`)"]
        )
        return f"### {cell(state.title)}\n\n`{state.name}`\n\n" + table(["", ""], rows)

    def _checklist(self, state: State) -> Iterator[list[str]]:
        if state.checklist is not None:
            items = state.checklist.items
            needed = state.checklist.needed
            how_many = "all of" if needed is None or needed == len(items) else f"{needed} of"
            yield ["Checklist", broken([f"{how_many}:", *(self._item(each) for each in items)])]

    def _item(self, each: Item) -> str:
        done = ", ".join(self.wording.event(event) for event in each.done_on)
        words = f"□ {each.title} ({self.wording.role(each.owner)})"
        if done:
            by = f" by {self.wording.roles(each.by)}" if each.by else ""
            words += f"; done on: {done}{by}"
        if each.satisfied is not None:
            words += f"; not asked for when {self.wording.guard(each.satisfied, defaults=True)}"
        return words

    def _sub_case(self, state: State) -> Iterator[list[str]]:
        if state.opens is not None:
            name, ends = self.wording.name(state.opens.workflow), state.opens.ends
            yield [
                "Opens",
                cell(f"a case of its own, {name}, which ends as {' or '.join(map(self.wording.name, ends))}"),
            ]

    # ── parts of cells ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _cause(self, t: Transition) -> str:
        if t.on == DEADLINE_MISSED:
            return f"{TIME_LIMIT_PASSED}, {t.because}"
        by = f" ({self.wording.roles(t.by)})" if t.by else ""
        return f"{self.wording.event(t.on)}{by}"

    def _to(self, t: Transition) -> str:
        return f"→ {self.wording.state(t.target)}" if t.target is not None else "→ stays, due again"

    def _when(self, t: Transition) -> str:
        event = cell(self.wording.event(t.on))
        if t.when is None:
            return event
        if not self._long(t.when):
            return f"{event}<br>{cell(self.wording.provided(t.when, defaults=True))}"
        positive = _positive(t.when)
        negated = "" if positive == t.when else "not "
        return f"{event}<br>if {negated}[C{self.conditions[positive]}](#conditions)"

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

    def _who(self, t: Transition) -> str:
        if t.on in self.own_events:
            return "Baton"
        lines = [self.wording.roles(t.by) if t.by else "anyone, a device too"]
        if t.separate_from:
            lines.append(f"not whoever performed {', '.join(t.separate_from)}")
        if t.override_by:
            lines.append(f"by override, with a reason: {self.wording.roles(t.override_by)}")
        return broken(lines)

    def _limits_in_short(self, state: State) -> str:
        if state.deadline is None:
            return "–"
        words = self.wording.duration(state.deadline.within)
        return (
            f"{words}, sooner if: "
            + "; ".join(
                f"{self.wording.guard(s.when)} ({self.wording.duration(s.within)})" for s in state.deadline.sooner
            )
            if state.deadline.sooner
            else words
        )

    def _limits_in_full(self, state: State) -> Iterator[str]:
        if state.deadline is None:
            return
        yield f"{self.wording.duration(state.deadline.within)}{self._source(state.deadline.within)}"
        for s in state.deadline.sooner:
            words = f"{self.wording.duration(s.within)} {self.wording.provided(s.when, defaults=True)}: {s.because}"
            yield f"{words}{self._source(s.within)}"

    def _source(self, duration: Duration) -> str:
        parameter = self.wording.parameter(duration)
        return f" ({parameter.source})" if parameter is not None else " (fixed)"

    def _range(self, p: Parameter) -> str:
        if p.choices:
            return "one of: " + ", ".join(self.wording.value(choice, None) for choice in p.choices)
        if p.minimum is None and p.maximum is None:
            return "yes or no" if p.type is ValueType.BOOLEAN else "anything"
        low = self.wording.value(p.minimum, p.unit) if p.minimum is not None else "any"
        high = self.wording.value(p.maximum, p.unit) if p.maximum is not None else "any"
        if p.unit == "min" and p.minimum is not None and p.minimum < 1:
            return f"up to {high}"
        return f"{low} to {high}"


def _always_moves(arrows: Sequence[Transition]) -> bool:
    """Whether one of the arrows is always open: one without a condition, or two of which one negates the other."""
    guards = [arrow.when for arrow in arrows]
    return None in guards or any(isinstance(guard, Not) and guard.negated in guards for guard in guards)


def _positive(guard: AnyGuard) -> AnyGuard:
    return guard.negated if isinstance(guard, Not) else guard


def _used_by(state: State) -> Iterator[str]:
    """The names of all parameters in a step's time limits and conditions."""
    if state.deadline is not None:
        for duration in (state.deadline.within, *(s.within for s in state.deadline.sooner)):
            if duration.parameter is not None:
                yield duration.parameter
        for sooner in state.deadline.sooner:
            yield from _parameters(sooner.when)
    if state.optional is not None:
        yield from _parameters(state.optional)


def _parameters(part: Data) -> Iterator[str]:
    """The names of all parameters in a guard."""
    if isinstance(part, ParameterOperand):
        yield part.parameter
    elif not isinstance(part, FactOperand):
        for name in type(part).model_fields:
            value = getattr(part, name)
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, Data):
                    yield from _parameters(inner)


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


def _unplaced(expected: Expectation, opens: str | None, wording: Wording) -> str:
    if opens is not None:
        return f"opens a case (**{opens}**)"
    match expected.unplaced:
        case Unplaced.HOLD:
            return f"kept for {wording.value(expected.hold_minutes, 'min')}, in case one opens; then quarantined"
        case Unplaced.NOT_APPLICABLE:
            return "not applicable"
        case Unplaced.QUARANTINE:
            return "quarantined: somebody looks at it"


def _kind(fact: Fact) -> str:
    if fact.type is ValueType.BOOLEAN:
        return "yes or no"
    return _UNITS.get(fact.unit or "", cell(fact.unit or "–"))


_UNITS = {"a": "years", "{score}": "points"}
