"""The verifier reasons about guards exactly as they are evaluated: cells and solver against the evaluator, on random guards."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from statemachines.definition import Definition
from statemachines.expressions import AllOf, AnyGuard, AnyOf, Known, Not, Value, compile_guard
from statemachines.verify.comparison import Context
from statemachines.verify.domain import Domain, Example, Variable, Vocabulary, representatives
from statemachines.verify.index import Index
from statemachines.verify.intervals import Contest
from statemachines.verify.machines import anything, no_blocking
from statemachines.verify.overlays import distinct
from statemachines.verify.smt import Solver, Wanted
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import GOOD, cosign, device, distress, flow, goal, high, low, news2, spo2

DISTRESS, EASE = distress == True, distress == False  # noqa: E712
SIGNED, UNSIGNED = cosign == True, cosign == False  # noqa: E712
VOCABULARY = Vocabulary(GOOD)
VALUES: Mapping[str, Value] = distinct(Index(GOOD), ())[0].parameters
CONTEXT: Context = anything(VOCABULARY, "note_written")
"""Nothing is certainly known, and the event reports nothing."""

NUMBERS = st.sampled_from([0, 3, 4, 5, 6, 88, 89.5, 90, 94, 96, 100, 120])
TERMS = st.sampled_from([spo2, flow, news2])
LEAVES: st.SearchStrategy[AnyGuard] = st.one_of(
    st.builds(lambda t, n: t < n, TERMS, NUMBERS),
    st.builds(lambda t, n: t <= n, TERMS, NUMBERS),
    st.builds(lambda t, n: t == n, TERMS, NUMBERS),
    st.builds(lambda t, n: t != n, TERMS, NUMBERS),
    st.builds(lambda t, n: t > n, TERMS, NUMBERS),
    st.sampled_from([spo2 < low, spo2 >= high, spo2 >= goal, spo2 < goal, flow < spo2]),
    st.sampled_from(
        [
            spo2.known,
            flow.known,
            DISTRESS,
            EASE,
            device == "mask",
            device.one_of("mask", "cannula"),
        ]
    ),
    st.sampled_from([SIGNED, UNSIGNED, news2.one_of(3, 7)]),
)
GUARDS: st.SearchStrategy[AnyGuard] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda a, b: AllOf(all=(a, b)), inner, inner),
        st.builds(lambda a, b: AnyOf(any=(a, b)), inner, inner),
        st.builds(lambda a: Not(negated=a), inner),
    ),
    max_leaves=5,
)

SAMPLES: Mapping[str, tuple[Value | None, ...]] = {
    "spo2": (None, 0, 3, 50, 88, 89.5, 89.7, 90, 92, 94, 95, 96, 98, 100),
    "flow": (None, 0, 2, 3.5, 5, 89, 90, 100),
    "news2": (None, 0, 3, 4, 5, 6, 7, 20),
    "distress": (None, True, False),
    "device": (None, "mask", "cannula", "hood"),
}


def holds(guard: AnyGuard, facts: Mapping[str, Value | None], own_goal: float = 94) -> bool:
    """What the evaluator says of a guard."""
    known = {name: Known(value, 0.0) for name, value in facts.items() if value is not None}
    return compile_guard(guard)(known, {**VALUES, "goal": own_goal}, 60.0)


def witness(guards: Mapping[AnyGuard, bool]) -> bool:
    """Whether some sampled case has every guard as wanted."""
    names = sorted({name for guard in guards for name in VOCABULARY.facts if f'"{name}"' in guard.model_dump_json()})
    for values in product(*(SAMPLES[name] for name in names)):
        for own_goal in (0, 88, 94, 100):
            facts = dict(zip(names, values, strict=True))
            if all(holds(guard, facts, own_goal) is wanted for guard, wanted in guards.items()):
                return True
    return False


def facts_of(example: Example) -> tuple[dict[str, Value | None], float]:
    """An example as a case."""
    facts = {v.name: value for v, value in example.items() if v.fact}
    own = example.get(Variable(False, "goal"), 94)
    assert isinstance(own, (int, float))
    return facts, own


@settings(max_examples=300, deadline=None)
@given(GUARDS, GUARDS)
def test_cells_say_what_the_evaluator_says(one: AnyGuard, other: AnyGuard) -> None:
    verdict = Contest((one, other), VOCABULARY).decide(VALUES, CONTEXT, no_blocking(2))
    for place, guard in enumerate((one, other)):
        if witness({guard: True}):
            assert place in verdict.possible
        if place in verdict.certain:
            assert Solver(VOCABULARY).example([Wanted(guard, True)], CONTEXT, VALUES) is not None
    for pair in verdict.overlaps:
        if pair.example is not None:
            facts, own = facts_of(pair.example)
            assert holds(one, facts, own)
            assert holds(other, facts, own)
    if not verdict.overlaps and one != other:
        assert not witness({one: True, other: True})
    if verdict.gap_example is not None:
        facts, own = facts_of(verdict.gap_example)
        assert not holds(one, facts, own)
        assert not holds(other, facts, own)
    if not verdict.gap and one != other:
        assert not witness({one: False, other: False})


@settings(max_examples=150, deadline=None)
@given(GUARDS, GUARDS, st.booleans(), st.booleans())
def test_the_solver_says_what_the_evaluator_says(one: AnyGuard, other: AnyGuard, first: bool, second: bool) -> None:
    assume(one != other)
    example = Solver(VOCABULARY).example([Wanted(one, first), Wanted(other, second)], CONTEXT, VALUES)
    if example is None:
        assert not witness({one: first, other: second})
    else:
        facts, own = facts_of(example)
        assert holds(one, facts, own) is first
        assert holds(other, facts, own) is second


def test_the_solver_knows_falls_and_ages() -> None:
    ask = Solver(VOCABULARY)
    reporting = anything(VOCABULARY, "spo2_observed")
    assert ask.example([Wanted((spo2 >= 95) & spo2.fell(5), True)], reporting, VALUES) is not None
    assert ask.example([Wanted((spo2 > 95) & spo2.fell(5), True)], reporting, VALUES) is None
    assert ask.example([Wanted(spo2.fell(5), True)], CONTEXT, VALUES) is None
    assert ask.example([Wanted(spo2.fell(1) & spo2.rose(1), True)], reporting, VALUES) is None
    assert ask.example([Wanted(spo2.older_than(10), True)], reporting, VALUES) is None
    assert ask.example([Wanted(spo2.older_than(10), True)], CONTEXT, VALUES) is not None
    assert ask.example([Wanted(~spo2.known & spo2.older_than(0), True)], CONTEXT, VALUES) is None


def test_a_patients_own_limits_come_together_or_not_at_all() -> None:
    draft = Draft().alone()
    source = [{"event": "care_plan_updated", "field": "target_spo2_low"}]
    draft.parameter("low", patient=source)
    definition = Definition.model_validate(draft.document)
    vocabulary = Vocabulary(definition)
    apart = Wanted((spo2 < goal) & ~(spo2 < low) & spo2.known & (spo2 < 90), True)
    ask = Solver(vocabulary)
    context = anything(vocabulary, "note_written")
    assert ask.example([apart], context, VALUES) is not None
    assert ask.example([apart], context, VALUES, exact=True) is None


def test_questions_that_differ_in_names_are_asked_once() -> None:
    ask = Solver(VOCABULARY)
    saturated = anything(VOCABULARY, "spo2_observed")
    ask.example([Wanted(spo2 >= goal, True)], saturated, VALUES)
    ask.example([Wanted(spo2 >= goal, True)], saturated, VALUES)
    assert ask.asked == 1


@pytest.mark.parametrize(("domain", "constants", "inside"), [
    (Domain(GOOD.facts[0].type, 0, 100), [94], {94, 0, 100}),
    (Domain(GOOD.facts[0].type, 0, 20, True), [6.5], {6, 7}),
    (Domain(GOOD.facts[0].type), [], set()),
    (Domain(GOOD.facts[0].type, None, 5), [3, 9], {3, 5}),
])  # fmt: skip
def test_a_value_stands_for_every_cell(domain: Domain, constants: list[Value], inside: set[float]) -> None:
    found = representatives(domain, constants)
    assert inside <= set(found)
    for value in found:
        assert isinstance(value, (int, float))
        assert domain.low is None or value >= domain.low
        assert domain.high is None or value <= domain.high
    for limit in (c for c in constants if isinstance(c, (int, float))):
        reachable = [v for v in (limit - 0.25, limit, limit + 0.25) if not domain.integer and _inside(domain, v)]
        for value in reachable:
            assert any(_alike(value, float(other), float(limit)) for other in found if isinstance(other, (int, float)))


def _inside(domain: Domain, value: float) -> bool:
    return (domain.low is None or value >= domain.low) and (domain.high is None or value <= domain.high)


def _alike(a: float, b: float, limit: float) -> bool:
    return (a < limit, a == limit) == (b < limit, b == limit)
