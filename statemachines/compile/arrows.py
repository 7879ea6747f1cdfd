"""The arrows of a definition by the states that they touch, gathered in one pass: workflows can be large."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from statemachines.definition import Definition, Transition

ByState = Mapping[str, tuple[Transition, ...]]


def leaving(definition: Definition) -> ByState:
    """The arrows that leave each state, in the order of the definition; also for a state that only an arrow names."""
    return _gathered(definition, lambda t: t.sources)


def arriving(definition: Definition) -> ByState:
    """The arrows that lead to each state, in the order of the definition; those that stay lead to where they come from."""
    return _gathered(definition, lambda t: (t.target,) if t.target is not None else t.sources)


def _gathered(definition: Definition, states_of: Callable[[Transition], Iterable[str]]) -> ByState:
    found: dict[str, list[Transition]] = {state.name: [] for state in definition.states}
    for transition in definition.transitions:
        for name in dict.fromkeys(states_of(transition)):
            found.setdefault(name, []).append(transition)
    return {name: tuple(transitions) for name, transitions in found.items()}
