"""What changed in what a workflow declares: itself, its roles, facts, parameters and events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from statemachines.compare.change import Change, Subject
from statemachines.compare.durations import durations, guards
from statemachines.compare.sense import facts_in, parameters_in
from statemachines.compare.settings import Pair, Setting
from statemachines.compare.versions import Versions, matched, other_fields
from statemachines.compare.words import listed, quoted, value
from statemachines.definition import Definition, Expectation, Fact, Parameter, Role, Source, Unplaced
from statemachines.expressions import AnyGuard

_WORKFLOW = frozenset(
    {
        "workflow", "version", "title", "purpose", "correlation", "roles", "facts", "parameters", "events", "states",
        "transitions", "lifecycle",
    }
)  # fmt: skip


def workflow(v: Versions) -> Iterator[Change]:
    """What changed in the workflow as a whole."""
    old, new, everywhere = v.old, v.new, v.all_facilities

    def change(aspect: str, sentence: str, before: str, after: str, *, wording: bool = False) -> Change:
        return Change(
            Subject.WORKFLOW, aspect, new.workflow, new.title, sentence, before, after, (), everywhere, wording
        )

    if old.workflow != new.workflow:
        yield change("name", f"another workflow: {old.workflow} → {new.workflow}", old.workflow, new.workflow)
    if old.correlation is not new.correlation:
        sentence = f"one case per {old.correlation} → one case per {new.correlation}"
        yield change("correlation", sentence, str(old.correlation), str(new.correlation))
    for field in type(new.lifecycle).model_fields:
        before, after = getattr(old.lifecycle, field) or "", getattr(new.lifecycle, field) or ""
        if before != after:
            sentence = f"the patient's life, {field}: {before or 'not said'} → {after or 'not said'}"
            yield change(f"lifecycle.{field}", sentence, before, after, wording=field == "because")
    for field in ("title", "purpose"):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield change(field, f"{field}: {quoted(before)} → {quoted(after)}", before, after, wording=True)
    yield from other_fields(Subject.WORKFLOW, new.workflow, new.title, old, new, _WORKFLOW, everywhere)


# ── roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def roles(v: Versions) -> Iterator[Change]:
    """What changed in the roles."""
    added, removed, both = matched(v.old.roles, v.new.roles, lambda role: role.code)
    for role in added:
        yield _role(v, role, "added", "new", after=role.code)
    for role in removed:
        yield _role(v, role, "removed", "no longer there", before=role.code)
    for old, new in both:
        if old.title != new.title:
            sentence = f"title: {quoted(old.title)} → {quoted(new.title)}"
            yield _role(v, new, "title", sentence, old.title, new.title, wording=True)
        if old.fallback != new.fallback:
            said = [words.roles(role.fallback) for words, role in ((v.old_words, old), (v.new_words, new))]
            sentence = f"stood in for by {said[0]} → {said[1]}"
            yield _role(v, new, "fallback", sentence, *said, touches=partial(_others_stand_in, new))
        yield from other_fields(
            Subject.ROLE, new.code, new.title, old, new, frozenset({"code", "title", "fallback"}), v.all_facilities
        )


def _role(
    v: Versions,
    role: Role,
    aspect: str,
    sentence: str,
    before: str = "",
    after: str = "",
    *,
    touches: Callable[[Pair], bool] | None = None,
    wording: bool = False,
) -> Change:
    def used(pair: Pair) -> bool:
        return any(_owns(role.code, setting) for setting in (pair.old, pair.new)) and (touches is None or touches(pair))

    return Change(Subject.ROLE, aspect, role.code, role.title, sentence, before, after, (), v.where(used), wording)


def _others_stand_in(role: Role, pair: Pair) -> bool:
    return pair.old.chain(role.code) != pair.new.chain(role.code)


def _owns(role: str, setting: Setting) -> bool:
    return any(state.owner == role for state in setting.definition.states if state.name in setting.entered)


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def facts(v: Versions) -> Iterator[Change]:
    """What changed in the facts that guards read."""
    added, removed, both = matched(v.old.facts, v.new.facts, lambda fact: fact.name)

    def change(
        fact: Fact, aspect: str, sentence: str, before: str = "", after: str = "", *, wording: bool = False
    ) -> Change:
        touched = v.where(lambda pair: any(fact.name in _facts_read(setting) for setting in (pair.old, pair.new)))
        return Change(Subject.FACT, aspect, fact.name, fact.title, sentence, before, after, (), touched, wording)

    for fact in added:
        yield change(fact, "added", f"new: reported by {_sources(fact.sources)}", after=fact.name)
    for fact in removed:
        yield change(fact, "removed", "no longer kept", before=fact.name)
    for old, new in both:
        if set(old.sources) != set(new.sources):
            sentence = f"reported by {_sources(old.sources)} → {_sources(new.sources)}"
            yield change(new, "sources", sentence, _sources(old.sources), _sources(new.sources))
        for field, spoken in _FACT_FIELDS.items():
            before, after = getattr(old, field), getattr(new, field)
            if before != after:
                texts = ["nothing" if told is None else str(told) for told in (before, after)]
                yield change(new, field, f"{spoken} {texts[0]} → {texts[1]}", *texts)
        if old.title != new.title:
            yield change(
                new, "title", f"title: {quoted(old.title)} → {quoted(new.title)}", old.title, new.title, wording=True
            )
        handled = frozenset({"name", "title", "sources", *_FACT_FIELDS})
        yield from other_fields(Subject.FACT, new.name, new.title, old, new, handled, v.all_facilities)


_FACT_FIELDS = {
    "type": "is a",
    "unit": "unit",
    "loinc": "LOINC code",
    "stale_after_minutes": "counts as stale after minutes:",
    "minimum": "its sources report at least",
    "maximum": "its sources report at most",
    "integer": "its sources report whole numbers:",
}


def _sources(sources: Iterable[Source]) -> str:
    return (
        listed(sorted(f"{source.event}.{source.field}" if source.field else source.event for source in sources))
        or "nobody"
    )


def _guards(setting: Setting) -> Iterator[AnyGuard]:
    """Every guard that is asked under a setting."""
    for edge in setting.edges:
        if edge.transition.when is not None:
            yield edge.transition.when
    for state in setting.definition.states:
        if state.name in setting.entered:
            yield from guards(state.deadline)
            if state.checklist is not None:
                yield from (item.satisfied for item in state.checklist.items if item.satisfied is not None)


def _facts_read(setting: Setting) -> frozenset[str]:
    return frozenset(fact for guard in _guards(setting) for fact in facts_in(guard))


def _limits_used(setting: Setting) -> frozenset[str]:
    timed = {
        duration.parameter
        for state in setting.definition.states
        if state.name in setting.entered
        for duration in durations(state.deadline)
        if duration.parameter is not None
    }
    return frozenset(timed | {name for guard in _guards(setting) for name in parameters_in(guard)})


# ── parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def parameters(v: Versions) -> Iterator[Change]:
    """What changed in the limits that facilities may set."""
    added, removed, both = matched(v.old.parameters, v.new.parameters, lambda parameter: parameter.name)
    for parameter in added:
        default = value(parameter.default, parameter.unit)
        sentence = f"new: {default} by default ({parameter.source})"
        yield _parameter(v, parameter, "added", sentence, after=default)
    for parameter in removed:
        default = value(parameter.default, parameter.unit)
        yield _parameter(v, parameter, "removed", f"no longer there: was {default} by default", default)
    for old, new in both:
        yield from _parameter_changes(v, old, new)


def _parameter_changes(v: Versions, old: Parameter, new: Parameter) -> Iterator[Change]:
    if old.type is not new.type or old.unit != new.unit:
        said = [f"{p.type}, {p.unit}" if p.unit else str(p.type) for p in (old, new)]
        yield _parameter(v, new, "type", f"is a {said[0]} → {said[1]}", *said)
    if (old.default, type(old.default)) != (new.default, type(new.default)):
        said = [value(p.default, p.unit) for p in (old, new)]
        used = _users(new.name, v.new)
        yield _parameter(
            v,
            new,
            "default",
            f"default {said[0]} → {said[1]}",
            *said,
            details=(f"used by {listed(used)}",) if used else (),
            touches=lambda pair: pair.old.values.get(new.name) != pair.new.values.get(new.name),
        )
    if (old.minimum, old.maximum, set(old.choices)) != (new.minimum, new.maximum, set(new.choices)):
        said = [_limits(p) for p in (old, new)]
        yield _parameter(v, new, "limits", f"may be {said[0]} → {said[1]}", *said, touches=lambda _: False)
    if set(old.patient) != set(new.patient):
        said = [_sources(p.patient) if p.patient else "nothing" for p in (old, new)]
        yield _parameter(v, new, "patient", f"set for a patient by {said[0]} → {said[1]}", *said)
    if old.source != new.source:
        yield _parameter(
            v,
            new,
            "source",
            f"source: {quoted(old.source)} → {quoted(new.source)}",
            old.source,
            new.source,
            wording=True,
        )
    if old.title != new.title:
        yield _parameter(
            v, new, "title", f"title: {quoted(old.title)} → {quoted(new.title)}", old.title, new.title, wording=True
        )
    handled = frozenset(
        {"name", "title", "type", "unit", "default", "minimum", "maximum", "choices", "patient", "source"}
    )
    yield from other_fields(Subject.PARAMETER, new.name, new.title, old, new, handled, v.all_facilities)


def _parameter(
    v: Versions,
    parameter: Parameter,
    aspect: str,
    sentence: str,
    before: str = "",
    after: str = "",
    *,
    details: tuple[str, ...] = (),
    touches: Callable[[Pair], bool] | None = None,
    wording: bool = False,
) -> Change:
    def used(pair: Pair) -> bool:
        return any(parameter.name in _limits_used(setting) for setting in (pair.old, pair.new)) and (
            touches is None or touches(pair)
        )

    return Change(
        Subject.PARAMETER,
        aspect,
        parameter.name,
        parameter.title,
        sentence,
        before,
        after,
        details,
        v.where(used),
        wording,
    )


def _limits(parameter: Parameter) -> str:
    if parameter.choices:
        return f"one of {listed((value(choice, None) for choice in parameter.choices), 'or')}"
    low, high = (
        value(limit, parameter.unit) if limit is not None else "any" for limit in (parameter.minimum, parameter.maximum)
    )
    return f"{low} to {high}"


def _users(name: str, definition: Definition) -> list[str]:
    """The states and transitions that a parameter decides."""
    used = []
    for state in definition.states:
        timed = any(duration.parameter == name for duration in durations(state.deadline))
        asked = [*guards(state.deadline), *([state.optional] if state.optional is not None else [])]
        if timed or any(name in parameters_in(guard) for guard in asked):
            used.append(state.title)
    return used + [t.id for t in definition.transitions if t.when is not None and name in parameters_in(t.when)]


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def events(v: Versions) -> Iterator[Change]:
    """What changed in the events that the workflow knows, and in what becomes of one while no case is open."""
    added, removed, both = matched(v.old.events, v.new.events, lambda expected: expected.event)

    def change(
        expected: Expectation, aspect: str, sentence: str, before: str = "", after: str = "", *, wording: bool = False
    ) -> Change:
        title = v.new_words.event(expected.event)
        return Change(
            Subject.EVENT, aspect, expected.event, title, sentence, before, after, (), v.all_facilities, wording
        )

    for expected in added:
        yield change(expected, "added", f"new; while no case is open: {_unplaced(expected)}", after=expected.event)
    for expected in removed:
        yield change(expected, "removed", "the workflow no longer knows it", before=expected.event)
    for old, new in both:
        if _unplaced(old) != _unplaced(new):
            sentence = f"while no case is open: {_unplaced(old)} → {_unplaced(new)}"
            yield change(new, "unplaced", sentence, _unplaced(old), _unplaced(new))
        if old.observation != new.observation:
            said = ["a measurement" if each.observation else "an act" for each in (old, new)]
            yield change(new, "observation", f"is {said[0]} → {said[1]}", *said)
        if old.because != new.because:
            sentence = f"reason {quoted(old.because)} → {quoted(new.because)}"
            yield change(new, "because", sentence, old.because, new.because, wording=True)
        handled = frozenset({"event", "observation", "unplaced", "because", "hold_minutes"})
        yield from other_fields(
            Subject.EVENT, new.event, v.new_words.event(new.event), old, new, handled, v.all_facilities
        )


def _unplaced(expected: Expectation) -> str:
    match expected.unplaced:
        case Unplaced.HOLD:
            return f"kept for {value(expected.hold_minutes, 'min')}"
        case Unplaced.HOLD_THEN_IGNORE:
            return f"kept for {value(expected.hold_minutes, 'min')}, then not applicable"
        case Unplaced.NOT_APPLICABLE:
            return "not applicable"
        case Unplaced.QUARANTINE:
            return "quarantined"
