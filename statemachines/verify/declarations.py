"""What a workflow declares: roles and who stands in, events of the catalog, facts and parameters with their sources and limits."""

from __future__ import annotations

from collections.abc import Iterator

from statemachines.definition import Source, ValueType
from statemachines.policy import fits
from statemachines.verify import codes
from statemachines.verify.catalog import fields_of
from statemachines.verify.finding import Finding
from statemachines.verify.index import Index
from statemachines.verify.names import unknown_role
from statemachines.verify.overlays import allowed


def check_declarations(index: Index) -> Iterator[Finding]:
    """Roles, events, facts and parameters, in the order of the document."""
    d = index.definition
    for role in d.roles:
        for stand_in in role.fallback:
            yield from unknown_role(index, stand_in, f"The fallback of {role.code}")
    for expectation in d.events:
        if fields_of(expectation.event) is None:
            yield codes.UNKNOWN_EVENT.found(
                index.place(event=expectation.event), f"The catalog has no event type {expectation.event}."
            )
    for fact in d.facts:
        for source in fact.sources:
            yield from _source(index, fact.name, fact.type, source)
        if not fact.sources:
            yield codes.UNKNOWN_FIELD.found(index.place(name=fact.name), f"No event reports the fact {fact.name}.")
        yield from _range(index, fact.name, fact.minimum, fact.maximum)
        if fact.stale_after_minutes is not None and not fact.stale_after_minutes > 0:
            yield codes.BAD_PARAMETER.found(
                index.place(name=fact.name), f"The fact {fact.name} is stale as soon as it is reported."
            )
        for source in fact.sources:
            field = (fields_of(source.event) or {}).get(source.field or "")
            if field is None or field.type is not ValueType.NUMBER:
                continue
            if (fact.minimum is not None and (field.low is None or field.low < fact.minimum)) or (
                fact.maximum is not None and (field.high is None or field.high > fact.maximum)
            ):
                yield codes.UNKNOWN_FIELD.found(
                    index.place(name=fact.name, event=source.event),
                    f"The fact {fact.name} is declared from {fact.minimum} to {fact.maximum}, but {source.event} can report "
                    f"{field.low} to {field.high}.",
                    mend="Declare the range that the source can report.",
                )
            if fact.integer and not field.integer:
                yield codes.UNKNOWN_FIELD.found(
                    index.place(name=fact.name, event=source.event),
                    f"The fact {fact.name} is declared as a whole number, but {source.event} can report fractions.",
                )
    for parameter in d.parameters:
        where = index.place(name=parameter.name)
        yield from _range(index, parameter.name, parameter.minimum, parameter.maximum)
        if (objection := allowed(parameter, parameter.default)) is not None:
            yield codes.BAD_PARAMETER.found(where, f"The default of {parameter.name} {objection}.")
        if any(not fits(choice, parameter.type) for choice in parameter.choices):
            yield codes.BAD_PARAMETER.found(where, f"{parameter.name} is a {parameter.type} and cannot have choices.")
        for source in parameter.patient:
            if source.field is None:
                yield codes.UNKNOWN_FIELD.found(
                    index.place(name=parameter.name, event=source.event),
                    f"{parameter.name} is taken from {source.event}, and from none of its fields.",
                )
            else:
                yield from _source(index, parameter.name, parameter.type, source)


def _range(index: Index, name: str, low: float | None, high: float | None) -> Iterator[Finding]:
    if low is not None and high is not None and not low <= high:
        yield codes.BAD_PARAMETER.found(
            index.place(name=name), f"{name} has a minimum of {low:g} above its maximum of {high:g}."
        )


def _source(index: Index, name: str, kind: ValueType, source: Source) -> Iterator[Finding]:
    where = index.place(name=name, event=source.event)
    known = fields_of(source.event)
    if known is None:
        yield codes.UNKNOWN_EVENT.found(where, f"{name} is taken from {source.event}, which the catalog does not have.")
    elif source.event not in index.expected:
        yield codes.UNKNOWN_EVENT.found(
            where, f"{name} is taken from {source.event}, which the workflow does not expect: it is never delivered."
        )
    elif source.field is None:
        if kind is not ValueType.BOOLEAN:
            yield codes.UNKNOWN_FIELD.found(
                where, f"{name} is a {kind}, and that {source.event} happened is yes or no."
            )
    elif source.field not in known:
        yield codes.UNKNOWN_FIELD.found(
            where,
            f"{name} is taken from the field {source.field}, which {source.event} does not have.",
            mend=f"Its fields are {', '.join(sorted(known)) or 'none'}.",
        )
    elif known[source.field].type is not kind:
        yield codes.UNKNOWN_FIELD.found(
            where,
            f"{name} is a {kind}, and {source.event} reports {known[source.field].type or 'something else'} in {source.field}.",
        )
