"""How the parts of a definition read in plain words: the same everywhere that people look."""

from __future__ import annotations

from functools import cached_property

from statemachines.definition import (
    DEADLINE_MISSED,
    SUB_CASE_REQUESTED,
    Definition,
    Duration,
    Parameter,
    State,
    StateKind,
    Transition,
    Unit,
    ValueType,
    Work,
    digest,
)
from statemachines.expressions import AnyGuard, Compare, Not, ParameterOperand, Value, describe

TIME_LIMIT_PASSED = "time limit passed"

LONGEST_GUARD = 70
"""Characters; a longer guard is told by its reason in a picture, and gets a number in the hand-off page."""

EXCEPT_FROM = 8
"""A longer list of steps is told by the few open ones that it leaves out, where they are few."""

_SECONDS = {Unit.SECONDS: 1, Unit.MINUTES: 60, Unit.HOURS: 3600}
_SHORT_UNITS = {
    "business_days": "business days",
    "mm[Hg]": "mm Hg",
    "a": "years",
    "{score}": "points",
    "%": "%",
    "min": "min",
}


class Wording:
    """The vocabulary of one definition: titles of its states, roles and events, its guards and time limits in words.

    What several pages say is worded once: whoever makes all of them hands the same vocabulary to each.
    """

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._states = {state.name: state for state in definition.states}
        self.open_states = frozenset(state.name for state in definition.states if state.kind is not StateKind.END)
        """The names of all states in which a case is open."""
        self._roles = {role.code: role.title for role in definition.roles}
        self._parameters = {parameter.name: parameter for parameter in definition.parameters}
        self._facts = {fact.name: fact.title for fact in definition.facts}
        self._names = {**self._facts, **{name: p.title for name, p in self._parameters.items()}}
        self._names_with_defaults = {
            **self._facts,
            **{name: self._with_default(parameter) for name, parameter in self._parameters.items()},
        }
        self._events: dict[str, str] = {}
        # By identity, for to hash a guard takes as long as to word it; each is kept, so that its identity stays its own.
        self._guards: dict[tuple[int, bool], tuple[AnyGuard, str]] = {}

    @cached_property
    def digest(self) -> str:
        """What pins the definition."""
        return digest(self.definition)

    def _with_default(self, parameter: Parameter) -> str:
        if parameter.type is not ValueType.NUMBER:
            return parameter.title
        return f"{parameter.title} ({self.value(parameter.default, parameter.unit)})"

    def state(self, name: str) -> str:
        """The title of a state."""
        return self._states[name].title

    def states(self, names: tuple[str, ...]) -> str:
        """Titles in a row; "any open step" where they are all of the open ones, or all but a few."""
        named = frozenset(names)
        if len(names) > 1 and named == self.open_states:
            return "any open step"
        left_out = len(self.open_states) - len(named)
        if left_out and len(names) >= max(EXCEPT_FROM, 2 * left_out) and self.open_states >= named:
            others = [name for name in self._states if name in self.open_states - named]
            return f"any open step except {'; '.join(map(self.state, others))}"
        return "; ".join(self.state(name) for name in names)

    def leaves(self, transition: Transition) -> str:
        """Where an arrow comes from: steps, ends that it re-opens, or nothing."""
        if transition.reopens:
            return self.after(transition.sources)
        return self.states(transition.sources) if transition.sources else "(opens a case)"

    def after(self, ends: tuple[str, ...]) -> str:
        """Where an arrow comes from that re-opens these ends."""
        return f"after {self.states(ends)}: a new case"

    def role(self, code: str | None) -> str:
        """The title of a role; a dash for none."""
        return self._roles.get(code, code) if code is not None else "–"

    def roles(self, codes: tuple[str, ...]) -> str:
        """Titles of roles in a row."""
        return ", ".join(self.role(code) for code in codes)

    def event(self, event: str) -> str:
        """An event type as a person says it: ``spo2_observed`` → "SpO2 observed", ``file.sent`` → "file: sent"."""
        if event == DEADLINE_MISSED:
            return TIME_LIMIT_PASSED
        if event == SUB_CASE_REQUESTED:
            return "requested by another case"
        if event not in self._events:
            words = event.replace(".", ": ").replace("_", " ").split(" ")
            self._events[event] = " ".join(self._facts.get(word, word) for word in words)
        return self._events[event]

    def guard(self, guard: AnyGuard, *, defaults: bool = False) -> str:
        """A guard in words; with ``defaults``, each limit is followed by its default value."""
        known = self._guards.get((id(guard), defaults))
        if known is None:
            words = describe(guard, names=self._names_with_defaults if defaults else self._names).replace("_", " ")
            known = self._guards[id(guard), defaults] = (guard, words)
        return known[1]

    def value(self, value: Value, unit: str | None) -> str:
        """A value with its unit; minutes as hours where that is shorter."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str):
            return value.replace("_", " ")
        if unit == "min":
            return _span(float(value) * 60)
        text = f"{value:g}"
        if unit is None:
            return text
        return f"{text}%" if unit == "%" else f"{text} {_SHORT_UNITS.get(unit, unit)}"

    def duration(self, duration: Duration) -> str:
        """A length of time: "2 h", "7 d after discharge"; of a parameter, its default."""
        counted = f" after {self._facts[duration.since]}" if duration.since is not None else ""
        return f"{self._length(duration)}{counted}"

    def _length(self, duration: Duration) -> str:
        amount = duration.amount
        if duration.parameter is not None:
            default = self._parameters[duration.parameter].default
            amount = float(default)
        amount = amount or 0
        if duration.unit is Unit.BUSINESS_DAYS:
            return f"{amount:g} business day{'' if amount == 1 else 's'}"
        return _span(amount * _SECONDS[duration.unit])

    def parameter(self, duration: Duration) -> Parameter | None:
        """The parameter that holds a length of time, if any."""
        return self._parameters[duration.parameter] if duration.parameter is not None else None

    def does(self, state: State) -> str:
        """What has to be done in a state."""
        if state.work is not None:
            return f"Baton itself: {self.work(state.work)}"
        return state.instruction

    def name(self, name: str) -> str:
        """A name without a title of its own, as a person says it."""
        return name.replace("_", " ")

    def work(self, work: Work) -> str:
        """A system step as a person says it."""
        return work.name.replace("_", " ")

    def cause(self, transition: Transition) -> str:
        """What causes a transition, in the few words of a picture, without its guard.

        Of a time limit that is why; of a system step only the outcome, for the step that it leaves is at hand.
        """
        if transition.on == DEADLINE_MISSED:
            return transition.because
        return self.event(transition.on.rpartition(".")[2])

    def condition(self, transition: Transition) -> str | None:
        """A transition's guard in the few words of a picture: a long one by its reason; None without a guard."""
        if transition.when is None:
            return None
        return (
            self.provided(transition.when) if len(self.guard(transition.when)) <= LONGEST_GUARD else transition.because
        )

    def provided(self, guard: AnyGuard, *, defaults: bool = False) -> str:
        """A guard as the condition of something: "if SpO2 < 88", "unless co-signature required".

        Of a fact it stays "if not …": one that nobody has reported is neither.
        """
        words = self.guard(guard, defaults=defaults)
        if words.startswith("not ") and _holds_otherwise(guard):
            return f"unless {words.removeprefix('not ')}"
        return f"if {words}"


def _holds_otherwise(guard: AnyGuard) -> bool:
    """Whether the guard is one that holds exactly when what is negated in it does not."""
    return isinstance(guard, Not) or (isinstance(guard, Compare) and isinstance(guard.left, ParameterOperand))


def _span(seconds: float) -> str:
    """Days, hours, minutes and seconds, as few as say it exactly."""
    if seconds <= 0:
        return "0 min"
    if seconds != round(seconds):
        return f"{seconds:g} s"
    parts = []
    left = int(seconds)
    for name, length in (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {'days' if name == 'day' and count > 1 else name}")
    return " ".join(parts)
