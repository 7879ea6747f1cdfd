"""Compares two versions: what changed in meaning, whom it touches, and what becomes of cases in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from statemachines.compare.arrows import arrows
from statemachines.compare.change import Change, Diff, Facility, VersionName
from statemachines.compare.declared import events, facts, parameters, roles, workflow
from statemachines.compare.planning import plan_within
from statemachines.compare.states import states
from statemachines.compare.versions import Versions, side_by_side
from statemachines.compare.words import id_order
from statemachines.definition import Definition, Name, digest
from statemachines.policy import Policy


def diff(
    old: Definition,
    new: Definition,
    policies: Iterable[Policy],
    mapping: Mapping[str, Name] | None = None,
) -> Diff:
    """What changed in meaning from ``old`` to ``new``, at which facilities, and which cases in flight can move.

    What is only written otherwise is no change: guards are compared by the values for which they hold, time limits by their
    lengths, the order of transitions by whether two of them can both be taken. ``mapping`` names states that got another
    name, as in ``plan``. Raises UnknownInMapping.
    """
    v = side_by_side(old, new, policies)
    changes = tuple(_changes(v))
    return Diff(
        _name(old),
        _name(new),
        changes,
        tuple(_facilities(v, changes)),
        plan_within(old, new, v.pairs, v.reasoner, mapping or {}),
    )


def _changes(v: Versions) -> Iterator[Change]:
    old, new = v.old, v.new
    yield from workflow(v)
    yield from sorted(states(v), key=_place([s.name for s in old.states], [s.name for s in new.states]))
    yield from sorted(arrows(v), key=lambda change: id_order(change.place))
    yield from parameters(v)
    yield from facts(v)
    yield from roles(v)
    yield from events(v)


def _place(old: Sequence[str], new: Sequence[str]) -> Callable[[Change], int]:
    """The order of the new version; what it no longer has stands where it stood."""
    places = {name: number for number, name in enumerate(old)} | {name: number for number, name in enumerate(new)}
    return lambda change: places.get(change.place, 0)


def _facilities(v: Versions, changes: Iterable[Change]) -> Iterator[Facility]:
    meaning = [change for change in changes if not change.wording]
    for name, title in sorted(v.pairs.titles.items()):
        touched = dict.fromkeys(f"{c.subject} {c.place}" for c in meaning if name in c.facilities)
        yield Facility(name, title, tuple(touched), v.pairs.unfit.get(name))


def _name(definition: Definition) -> VersionName:
    return VersionName(definition.workflow, definition.version, definition.title, digest(definition))
