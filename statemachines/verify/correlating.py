"""One case per result: what opens a case, or waits for one, says which result it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from statemachines.definition import Definition
from statemachines.verify import codes
from statemachines.verify.catalog import fields_of
from statemachines.verify.finding import Finding
from statemachines.verify.index import Index


def check_correlation(index: Index, others: Mapping[str, Definition]) -> Iterator[Finding]:
    """Opening arrows, events that may wait for their case, and sub-cases, whose request names nothing but the encounter."""
    definition = index.definition
    named_by = definition.correlation.named_by
    for state in definition.states:
        opened = state.opens.workflow if state.opens is not None else None
        child = others.get(opened) if opened is not None else None
        several = definition if named_by is not None else child
        if opened is not None and several is not None and several.correlation.named_by is not None:
            yield codes.CASE_NOT_NAMED.found(
                index.place(state=state.name, name=opened),
                f"{state.name} opens {opened}, and an encounter has one case of {several.workflow} per {several.correlation}: "
                "nothing says which of them belong together.",
                mend="Let one of the two begin with an event instead of the other's request.",
            )
    if named_by is None:
        return
    for transition in definition.transitions:
        if (not transition.sources or transition.reopens) and not _always_names(transition.on, named_by):
            yield codes.CASE_NOT_NAMED.found(
                index.place(transition=transition.id, event=transition.on),
                f"{transition.id} opens a case on {transition.on}, which need not say for which {definition.correlation}.",
            )
    for expected in definition.events:
        if expected.unplaced.waits and not _always_names(expected.event, named_by):
            yield codes.CASE_NOT_NAMED.found(
                index.place(event=expected.event),
                f"{expected.event} may wait for its case, and need not say for which {definition.correlation}.",
            )


def _always_names(event: str, field: str) -> bool:
    fields = fields_of(event) or {}
    return field in fields and fields[field].always
