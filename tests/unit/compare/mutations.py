"""Every single change of meaning that a person could make to a definition, and ways to write the same otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from statemachines.definition import (
    Checklist,
    Correlation,
    Deadline,
    Definition,
    Duration,
    Item,
    Late,
    Parameter,
    State,
    StateKind,
    SubCase,
    Transition,
    Unit,
    Unplaced,
    ValueType,
)
from statemachines.expressions import AllOf, AnyGuard, AnyOf, Compare, FactOperand, IsKnown, Not


class Mutation(NamedTuple):
    """A definition with one difference, and the code and place under which it must be reported."""

    name: str
    code: str
    place: str
    after: Definition


def with_state(definition: Definition, name: str, /, **changes: Any) -> Definition:
    """One state changed."""
    states = tuple(s.model_copy(update=changes) if s.name == name else s for s in definition.states)
    return definition.model_copy(update={"states": states})


def with_arrow(definition: Definition, id_: str, /, **changes: Any) -> Definition:
    """One transition changed."""
    rows = tuple(t.model_copy(update=changes) if t.id == id_ else t for t in definition.transitions)
    return definition.model_copy(update={"transitions": rows})


def with_parameter(definition: Definition, name: str, /, **changes: Any) -> Definition:
    """One parameter changed."""
    parameters = tuple(p.model_copy(update=changes) if p.name == name else p for p in definition.parameters)
    return definition.model_copy(update={"parameters": parameters})


def without(definition: Definition, field: str, keep: Callable[[Any], bool]) -> Definition:
    """Some parts left out."""
    return definition.model_copy(update={field: tuple(part for part in getattr(definition, field) if keep(part))})


def _without_named(definition: Definition, field: str, key: str, name: str) -> Definition:
    return without(definition, field, lambda part: getattr(part, key) != name)


def mutations(definition: Definition) -> list[Mutation]:
    """All single changes, a few of each kind for every part of the definition."""
    return [
        *_of_states(definition),
        *_of_arrows(definition),
        *_of_parameters(definition),
        *_of_the_rest(definition),
    ]


def _other_role(definition: Definition, role: str | None) -> str:
    return next(r.code for r in definition.roles if r.code != role)


def _of_states(d: Definition) -> Iterator[Mutation]:
    for state in d.states:
        name = state.name

        def changed(code: str, _name: str = name, **changes: Any) -> Mutation:
            return Mutation(f"{_name}: {code}", f"state.{code}", _name, with_state(d, _name, **changes))

        yield changed("retitled", title=state.title + " (new)")
        yield changed("emr", emr=state.emr.model_copy(update={"business_status": "something-else"}))
        if state.kind is StateKind.END:
            continue
        yield changed("owner", owner=_other_role(d, state.owner))
        yield changed("owner", owner=None)
        yield changed("validates", validates=_other_role(d, state.validates))
        yield changed("escalates_to", escalates_to=_other_role(d, state.escalates_to))
        yield changed("kind", kind=StateKind.END)
        yield changed("late.some_work", late={**state.late, "some_work": Late.REFUSE})
        yield changed("optional", optional=IsKnown(fact=d.facts[0].name))
        yield changed("opens", opens=SubCase(workflow="another", ends=("done",)))
        yield changed("checklist", checklist=Checklist(items=(Item(name="i", title="I", owner=d.roles[0].code),)))
        yield changed("deadline", deadline=None)
        yield changed("deadline", deadline=Deadline(within=Duration(amount=7, unit=Unit.MINUTES)))
        yield changed("deadline", deadline=Deadline(within=Duration(amount=7, unit=Unit.BUSINESS_DAYS)))
        for event, because in state.records.items():
            records = {e: b for e, b in state.records.items() if e != event}
            yield changed(f"answer.{event}", records=records)
            yield changed(f"answer.{event}", records=records, refuses={**state.refuses, event: because})
            yield changed(f"answer_reason.{event}", records={**records, event: because + " indeed"})
    first = d.states[0].name
    yield Mutation("a state is removed", "state.removed", first, without(d, "states", lambda s: s.name != first))
    added = State(name="brand_new", title="Brand new", kind=StateKind.END, emr=d.states[-1].emr)
    yield Mutation("a state is added", "state.added", "brand_new", d.model_copy(update={"states": (*d.states, added)}))


def _of_arrows(d: Definition) -> Iterator[Mutation]:
    for t in d.transitions:

        def changed(code: str, _t: Transition = t, **changes: Any) -> Mutation:
            return Mutation(f"{_t.id}: {code}", f"arrow.{code}", _t.id, with_arrow(d, _t.id, **changes))

        yield Mutation(f"{t.id}: removed", "arrow.removed", t.id, _without_named(d, "transitions", "id", t.id))
        yield changed("retargeted", target=next(s.name for s in d.states if s.name != t.target))
        yield changed("by", by=tuple(r.code for r in d.roles) if set(t.by) != {r.code for r in d.roles} else ())
        yield changed("override_by", override_by=(_other_role(d, t.override_by[0] if t.override_by else None),))
        yield changed("separate_from", separate_from=(*t.separate_from, "T-never"))
        yield changed("because", because=t.because + " indeed")
        yield changed("event", on=t.on + "_again")
        yield changed("reopens", reopens=not t.reopens)
        if len(t.sources) > 1:
            yield changed("sources", sources=t.sources[1:])
        if t.when is None:
            yield changed("guard", when=IsKnown(fact=d.facts[0].name))
        else:
            yield changed("guard", when=None)
            yield changed("guard", when=Not(negated=t.when))


def _of_parameters(d: Definition) -> Iterator[Mutation]:
    for p in d.parameters:

        def changed(code: str, _p: Parameter = p, **changes: Any) -> Mutation:
            return Mutation(f"{_p.name}: {code}", f"parameter.{code}", _p.name, with_parameter(d, _p.name, **changes))

        yield changed("source", source=p.source + ", 2nd edition")
        yield changed("title", title=p.title + " (new)")
        yield changed("default", default=_another_default(p))
        yield changed("patient", patient=d.facts[0].sources if p.patient != d.facts[0].sources else ())
        if p.type is ValueType.NUMBER:
            yield changed("limits", minimum=-1000.0)


def _another_default(p: Parameter) -> Any:
    match p.type:
        case ValueType.BOOLEAN:
            return not p.default
        case ValueType.CODE:
            return next(choice for choice in p.choices if choice != p.default)
        case _:
            return float(p.default) + 1


def _of_the_rest(d: Definition) -> Iterator[Mutation]:
    for f in d.facts:
        facts = tuple(x.model_copy(update={"unit": "furlong"}) if x.name == f.name else x for x in d.facts)
        yield Mutation(f"{f.name}: unit", "fact.unit", f.name, d.model_copy(update={"facts": facts}))
        facts = tuple(x.model_copy(update={"sources": x.sources[1:]}) if x.name == f.name else x for x in d.facts)
        yield Mutation(f"{f.name}: sources", "fact.sources", f.name, d.model_copy(update={"facts": facts}))
    for r in d.roles:
        other = () if r.fallback else (_other_role(d, r.code),)
        roles = tuple(x.model_copy(update={"fallback": other}) if x.code == r.code else x for x in d.roles)
        yield Mutation(f"{r.code}: fallback", "role.fallback", r.code, d.model_copy(update={"roles": roles}))
    for e in d.events:
        unplaced = Unplaced.QUARANTINE if e.unplaced is not Unplaced.QUARANTINE else Unplaced.HOLD
        events = tuple(x.model_copy(update={"unplaced": unplaced}) if x.event == e.event else x for x in d.events)
        yield Mutation(f"{e.event}: unplaced", "event.unplaced", e.event, d.model_copy(update={"events": events}))
        left = _without_named(d, "events", "event", e.event)
        yield Mutation(f"{e.event}: removed", "event.removed", e.event, left)
    other_key = Correlation.PATIENT if d.correlation is Correlation.ENCOUNTER else Correlation.ENCOUNTER
    yield Mutation("key", "workflow.correlation", d.workflow, d.model_copy(update={"correlation": other_key}))
    lifecycle = d.lifecycle.model_copy(update={"death": "somebody_died"})
    yield Mutation("death", "workflow.lifecycle.death", d.workflow, d.model_copy(update={"lifecycle": lifecycle}))


# ── the same, written otherwise ──────────────────────────────────────────────────────────────────────────────────────────
Rewrite = Callable[[Definition], Definition]


def _guards(definition: Definition, rewrite: Callable[[AnyGuard], AnyGuard]) -> Definition:
    """Every guard of arrows, deadlines and options rewritten."""

    def state(s: State) -> State:
        changes: dict[str, Any] = {}
        if s.deadline is not None:
            sooner = tuple(x.model_copy(update={"when": rewrite(x.when)}) for x in s.deadline.sooner)
            changes["deadline"] = s.deadline.model_copy(update={"sooner": sooner})
        if s.optional is not None:
            changes["optional"] = rewrite(s.optional)
        return s.model_copy(update=changes)

    return definition.model_copy(
        update={
            "states": tuple(state(s) for s in definition.states),
            "transitions": tuple(
                t.model_copy(update={"when": rewrite(t.when) if t.when is not None else None})
                for t in definition.transitions
            ),
        }
    )


def doubly_negated(guard: AnyGuard) -> AnyGuard:
    """not not guard."""
    return Not(negated=Not(negated=guard))


def de_morgan(guard: AnyGuard) -> AnyGuard:
    """a and b → not (not a or not b)."""
    match guard:
        case AllOf(all=parts):
            return Not(negated=AnyOf(any=tuple(Not(negated=de_morgan(part)) for part in parts)))
        case AnyOf(any=parts):
            return Not(negated=AllOf(all=tuple(Not(negated=de_morgan(part)) for part in parts)))
        case Not(negated=part):
            return Not(negated=de_morgan(part))
        case _:
            return guard


def turned(guard: AnyGuard) -> AnyGuard:
    """a < b → not (a >= b), with a known; parts in the other order."""
    opposite = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}
    match guard:
        case AllOf(all=parts):
            return AllOf(all=tuple(turned(part) for part in reversed(parts)))
        case AnyOf(any=parts):
            return AnyOf(any=tuple(turned(part) for part in reversed(parts)))
        case Not(negated=part):
            return Not(negated=turned(part))
        case Compare(left=left, comparator=comparator, right=right):
            known = [IsKnown(fact=side.fact) for side in (left, right) if isinstance(side, FactOperand)]
            flipped = Compare.model_validate({"left": left, "comparator": opposite[comparator], "right": right})
            return AllOf(all=(*known, Not(negated=flipped)))
        case _:
            return guard


def _durations(definition: Definition) -> Definition:
    """Constant minutes in seconds."""

    def seconds(duration: Duration) -> Duration:
        if duration.amount is None or duration.unit is not Unit.MINUTES:
            return duration
        return Duration(amount=duration.amount * 60, unit=Unit.SECONDS)

    def state(s: State) -> State:
        if s.deadline is None:
            return s
        sooner = tuple(x.model_copy(update={"within": seconds(x.within)}) for x in reversed(s.deadline.sooner))
        deadline = Deadline(within=seconds(s.deadline.within), sooner=sooner)
        return s.model_copy(update={"deadline": deadline})

    return definition.model_copy(update={"states": tuple(state(s) for s in definition.states)})


def _shuffled(definition: Definition) -> Definition:
    """Everything whose order means nothing in the other order."""
    turned_over: dict[str, Any] = {
        field: tuple(reversed(getattr(definition, field)))
        for field in ("roles", "facts", "parameters", "events", "states")
    }
    turned_over["transitions"] = tuple(
        t.model_copy(update={field: tuple(reversed(getattr(t, field))) for field in ("sources", "by", "override_by")})
        for t in definition.transitions
    )
    return definition.model_copy(update=turned_over)


def _redundant(definition: Definition) -> Definition:
    """A constant deadline that also says a longer time: the shortest counts."""

    def state(s: State) -> State:
        if s.deadline is None or s.deadline.within.amount is None or s.deadline.sooner:
            return s
        longer = s.deadline.within.model_copy(update={"amount": s.deadline.within.amount * 2})
        sooner = {"when": IsKnown(fact=definition.facts[0].name), "within": longer, "because": "never mind"}
        return s.model_copy(
            update={"deadline": Deadline.model_validate({"within": s.deadline.within, "sooner": [sooner]})}
        )

    return definition.model_copy(update={"states": tuple(state(s) for s in definition.states)})


REWRITES: dict[str, Rewrite] = {
    "double negation": lambda d: _guards(d, doubly_negated),
    "De Morgan": lambda d: _guards(d, de_morgan),
    "turned comparisons": lambda d: _guards(d, turned),
    "seconds": _durations,
    "another order": _shuffled,
    "a longer limit besides": _redundant,
    "a constant more": lambda d: _guards(
        d,
        lambda g: AllOf(
            all=(g, Compare.model_validate({"left": {"value": 1}, "comparator": "<", "right": {"value": 2}}))
        ),
    ),
    "another version number": lambda d: d.model_copy(update={"version": d.version + 1}),
}
