"""Types and units of what guards compare."""

from __future__ import annotations

from collections.abc import Iterator

from statemachines.definition import Duration, Unit, ValueType
from statemachines.expressions import AnyGuard, Comparator, Compare, Constant, Fell, Member, Older, Operand, Rose
from statemachines.verify import codes
from statemachines.verify.domain import Vocabulary, finite, said, variable_of
from statemachines.verify.finding import Finding
from statemachines.verify.index import Index
from statemachines.verify.terms import leaves, operands

_EQUALITY = frozenset({Comparator.EQ, Comparator.NE})
_MINUTES = frozenset({None, "min", "minutes"})
_UNITS = {
    Unit.SECONDS: frozenset({None, "s", "sec", "seconds"}),
    Unit.MINUTES: _MINUTES,
    Unit.HOURS: frozenset({None, "h", "hours"}),
    Unit.BUSINESS_DAYS: frozenset({None, "d", "days", "business days", "{business days}", "{business_days}"}),
}
"""How a parameter writes the unit of a duration (UCUM's codes first)."""


def check_units(index: Index, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Comparisons of different types or units, in every guard; each said once."""
    for guard, where in guards_of(index):
        for objection in dict.fromkeys(text for text in objections(guard, vocabulary) if text):
            yield codes.DIFFERENT_UNITS.found(index.place(**where), objection)


def guards_of(index: Index) -> Iterator[tuple[AnyGuard, dict[str, str]]]:
    """Every guard of the workflow, with its place."""
    for transition in index.definition.transitions:
        if transition.when is not None:
            yield transition.when, {"transition": transition.id}
    for state in index.states:
        here = {"state": state.name}
        if state.optional is not None:
            yield state.optional, here
        for sooner in state.deadline.sooner if state.deadline is not None else ():
            yield sooner.when, here
        for item in state.checklist.items if state.checklist is not None else ():
            if item.satisfied is not None:
                yield item.satisfied, {**here, "name": item.name}


def objections(guard: AnyGuard, vocabulary: Vocabulary) -> Iterator[str]:
    """Why parts of a guard cannot be compared; an empty text where something is not declared, which is said elsewhere."""
    for leaf in leaves(guard):
        sides = operands(leaf)
        kinds = [vocabulary.type_of(side) for side in sides]
        if None in kinds:
            yield ""
            continue
        for side in sides:
            if isinstance(side, Constant) and not finite(side.value):
                yield f"{side.value} is no value that anything can be compared with."
        match leaf:
            case Compare(left=left, comparator=comparator, right=right):
                yield from _alike(left, right, vocabulary)
                if kinds[0] is kinds[1] and kinds[0] is not ValueType.NUMBER and comparator not in _EQUALITY:
                    yield f"{_name(left, vocabulary)} is a {kinds[0]}: it has no order, so “{comparator}” means nothing."
            case Member(operand=operand, values=values):
                for value in values:
                    yield from _alike(operand, Constant(value=value), vocabulary)
                    if not finite(value):
                        yield f"{value} is no value that anything can be compared with."
            case Fell(by=by) | Rose(by=by):
                if kinds[0] is not ValueType.NUMBER:
                    yield f"{_name(sides[0], vocabulary)} is a {kinds[0]}: it cannot rise or fall."
                else:
                    yield from _alike(sides[0], by, vocabulary)
            case Older(minutes=minutes):
                if kinds[1] is not ValueType.NUMBER:
                    yield f"An age in minutes is compared with {_name(minutes, vocabulary)}, which is a {kinds[1]}."
                elif vocabulary.unit_of(minutes) not in _MINUTES:
                    yield f"An age in minutes is compared with {_name(minutes, vocabulary)} in {vocabulary.unit_of(minutes)}."
            case _:
                pass


def sound(guard: AnyGuard, vocabulary: Vocabulary) -> bool:
    """Whether a guard can be reasoned about: all that it names is declared, and what it compares is comparable."""
    return not any(True for _ in objections(guard, vocabulary))


def _alike(left: Operand, right: Operand, vocabulary: Vocabulary) -> Iterator[str]:
    kinds = vocabulary.type_of(left), vocabulary.type_of(right)
    units = vocabulary.unit_of(left), vocabulary.unit_of(right)
    names = _name(left, vocabulary), _name(right, vocabulary)
    if kinds[0] is not kinds[1]:
        yield f"{names[0]} is a {kinds[0]}, and is compared with {names[1]}, which is a {kinds[1]}."
    elif None not in units and units[0] != units[1]:
        yield f"{names[0]} is in {units[0]}, and is compared with {names[1]} in {units[1]}."


def _name(operand: Operand, vocabulary: Vocabulary) -> str:
    variable = variable_of(operand)
    if variable is None:
        assert isinstance(operand, Constant)
        return f"“{said(operand.value)}”"
    return vocabulary.title(variable)


def wrong_unit(duration: Duration, vocabulary: Vocabulary) -> str | None:
    """Why a duration's parameter does not hold a time in the duration's unit; None when it does."""
    parameter = vocabulary.parameters.get(duration.parameter or "")
    if parameter is None:
        return None
    if parameter.type is not ValueType.NUMBER:
        return f"{parameter.name} is a {parameter.type}, and is used as a number of {duration.unit}"
    if parameter.unit not in _UNITS[duration.unit]:
        return f"{parameter.name} holds {parameter.unit}, and is used as {duration.unit.replace('_', ' ')}"
    return None
