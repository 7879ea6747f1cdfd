"""Workflows at random, each valid: whatever happens, every outcome and every deadline has an arrow that is always taken.

A deadline is either so long that no test sees it pass, or one second: ``brisk`` for a state that always is that urgent,
``hurried`` for one that is while the event that led there told of distress. A brisk state's deadline leads to one that is
not, or to an earlier brisk one, so that a case always comes to rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st

from statemachines.definition import (
    CHECKLIST_COMPLETED,
    DEADLINE_MISSED,
    Checklist,
    Correlation,
    Deadline,
    Definition,
    Duration,
    EmrStatus,
    Expectation,
    Fact,
    Item,
    Late,
    Parameter,
    Role,
    Sooner,
    Source,
    State,
    StateKind,
    Transition,
    Unit,
    ValueType,
    Work,
)
from statemachines.expressions import (
    AllOf,
    AnyGuard,
    AnyOf,
    Comparator,
    Compare,
    Constant,
    FactOperand,
    Fell,
    IsKnown,
    Member,
    Not,
    Older,
    Operand,
    ParameterOperand,
    Rose,
)
from statemachines.policy import Policy

OPENING = "oxygen_ordered"
SHORT_SECONDS = 1.0
LONG_SECONDS = 3600.0
ROLES = ("A", "B", "C", "D")

EVENTS: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    OPENING: st.just({"order_id": "O1", "age_years": 70}),
    "oxygen_changed": st.fixed_dictionaries(
        {}, optional={"spo2_percent": st.sampled_from([80, 88, 92, 96]), "flow_l_min": st.sampled_from([0, 2, 5])}
    ),
    "spo2_observed": st.fixed_dictionaries({"spo2_percent": st.sampled_from([80, 88, 92, 96])}),
    "news2_scored": st.fixed_dictionaries({"news2": st.sampled_from([1, 5, 7])}),
    "assessment_completed": st.fixed_dictionaries(
        {"distress": st.booleans()}, optional={"news2": st.sampled_from([1, 5, 7])}
    ),
    "weaning_started": st.just({}),
    "note_written": st.just({"note_id": "N1"}),
    "note_signed": st.just({"note_id": "N1"}),
    "care_plan_updated": st.fixed_dictionaries(
        {
            "target_spo2_low": st.sampled_from([88, 94]),
            "target_spo2_high": st.just(98),
            "hypercapnic_risk": st.just(False),
        }
    ),
}
"""The events of every workflow, and what each may say."""

OBSERVATIONS = frozenset({"spo2_observed", "news2_scored"})

FACTS = (
    Fact(
        name="spo2",
        title="SpO2",
        type=ValueType.NUMBER,
        sources=(
            Source(event="oxygen_changed", field="spo2_percent"),
            Source(event="spo2_observed", field="spo2_percent"),
        ),
    ),
    Fact(
        name="news2",
        title="NEWS2",
        type=ValueType.NUMBER,
        sources=(Source(event="news2_scored", field="news2"), Source(event="assessment_completed", field="news2")),
    ),
    Fact(
        name="flow",
        title="flow",
        type=ValueType.NUMBER,
        sources=(Source(event="oxygen_changed", field="flow_l_min"),),
    ),
    Fact(
        name="distress",
        title="distress",
        type=ValueType.BOOLEAN,
        sources=(Source(event="assessment_completed", field="distress"),),
    ),
)
LOW = Parameter(
    name="low",
    title="low",
    type=ValueType.NUMBER,
    default=90,
    minimum=0,
    maximum=100,
    patient=(Source(event="care_plan_updated", field="target_spo2_low"),),
    source="made up",
)
PATIENCE = Parameter(
    name="patience", title="patience", type=ValueType.NUMBER, default=90, minimum=60, maximum=600, source="made up"
)

VALUES: Mapping[str, tuple[float, ...]] = {"spo2": (80, 88, 92, 96), "news2": (1, 5, 7), "flow": (0, 2, 5)}

HURRY: AnyGuard = AllOf(
    all=(
        Compare(left=FactOperand(fact="distress"), comparator=Comparator.EQ, right=Constant(value=True)),
        Not(negated=Older(fact="distress", minutes=Constant(value=0))),
    )
)
"""Distress that the event being decided reported itself: a missed deadline, which comes later, does not find it."""


class Patience(StrEnum):
    """How long a state waits."""

    LONG = "long"
    BRISK = "brisk"
    HURRIED = "hurried"


@dataclass(frozen=True, slots=True)
class Sketch:
    """A state before it has arrows."""

    name: str
    kind: StateKind
    patience: Patience
    work: Work | None = None
    checklist: Checklist | None = None


# ── guards ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def _numbers(draw: st.DrawFn) -> AnyGuard:
    name = draw(st.sampled_from(sorted(VALUES)))
    amount = Constant(value=draw(st.sampled_from(VALUES[name])))
    by = Constant(value=draw(st.sampled_from([1, 4])))
    kind = draw(st.sampled_from(["compare", "compare", "limit", "known", "member", "fell", "rose", "older"]))
    if kind == "compare":
        return Compare(left=FactOperand(fact=name), comparator=draw(st.sampled_from(Comparator)), right=amount)
    if kind == "limit":
        limit: Operand = ParameterOperand(parameter="low")
        return Compare(left=FactOperand(fact="spo2"), comparator=draw(st.sampled_from(Comparator)), right=limit)
    if kind == "known":
        return IsKnown(fact=name)
    if kind == "member":
        return Member(operand=FactOperand(fact=name), values=tuple(VALUES[name][:2]))
    if kind == "fell":
        return Fell(fact=name, by=by)
    if kind == "rose":
        return Rose(fact=name, by=by)
    # Either true of everything an earlier event told, or only of what was measured long ago: never a matter of seconds.
    return Older(fact=name, minutes=Constant(value=draw(st.sampled_from([0, 60]))))


GUARDS: st.SearchStrategy[AnyGuard] = st.recursive(
    _numbers(),
    lambda parts: st.one_of(
        parts.map(lambda part: Not(negated=part)),
        st.tuples(parts, parts).map(lambda both: AllOf(all=both)),
        st.tuples(parts, parts).map(lambda both: AnyOf(any=both)),
    ),
    max_leaves=3,
)

_SOME_ROLES = st.one_of(
    st.just(()), st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True).map(tuple)
)  # fmt: skip
_MAYBE_GUARD = st.one_of(st.none(), GUARDS)


# ── states ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def _checklists(draw: st.DrawFn) -> Checklist:
    items = []
    for number in range(draw(st.integers(1, 3))):
        satisfied = draw(_MAYBE_GUARD)
        events = draw(st.lists(st.sampled_from(sorted(EVENTS)), min_size=1, max_size=2, unique=True))
        items.append(
            Item(
                name=f"item_{number}",
                title=f"Item {number}",
                owner=draw(st.sampled_from(ROLES)),
                done_on=tuple(events),
                by=draw(_SOME_ROLES),
                satisfied=satisfied,
            )
        )
    return Checklist(items=tuple(items), needed=draw(st.one_of(st.none(), st.integers(1, len(items)))))


@st.composite
def _sketches(draw: st.DrawFn) -> list[Sketch]:
    found = []
    for number in range(draw(st.integers(2, 5))):
        patience = draw(st.sampled_from([Patience.LONG, Patience.HURRIED, Patience.BRISK]))
        checklist = draw(st.one_of(st.none(), _checklists()))
        # The first one is never brisk: where else should a brisk one's deadline lead.
        found.append(
            Sketch(f"wait_{number}", StateKind.WAITING, patience if number else Patience.LONG, checklist=checklist)
        )
    for number in range(draw(st.sampled_from([0, 1, 1, 2]))):
        outcomes = draw(st.sampled_from([("good",), ("good", "bad"), ("good", "bad", "failed")]))
        work = Work(
            name=f"work_{number}", outcomes=outcomes, attempts=draw(st.sampled_from([1, 2, 2])), timeout_seconds=60
        )
        found.append(Sketch(f"do_{number}", StateKind.SYSTEM, Patience.LONG, work=work))
    found += [Sketch(f"end_{n}", StateKind.END, Patience.LONG) for n in range(draw(st.integers(1, 2)))]
    return found


@st.composite
def _state(draw: st.DrawFn, sketch: Sketch, works: Sequence[str]) -> State:
    late = {work: draw(st.sampled_from(Late)) for work in works}
    emr = EmrStatus(status="ready", business_status=sketch.name.replace("_", "-"), display=sketch.name)
    if sketch.kind is StateKind.END:
        return State(name=sketch.name, title=sketch.name, kind=sketch.kind, emr=emr, late=late)
    answers: dict[str, dict[str, str]] = {"records": {}, "ignores": {}, "defers": {}, "refuses": {}}
    for event in EVENTS:
        answer = draw(st.sampled_from(["records", "records", "ignores", "defers", "refuses", ""]))
        if answer:
            answers[answer][event] = f"{answer} {event}"
    return State(
        name=sketch.name,
        title=sketch.name,
        kind=sketch.kind,
        instruction="Look",
        owner=draw(st.sampled_from(ROLES)),
        validates=draw(st.one_of(st.none(), st.none(), st.sampled_from(ROLES))),
        deadline=draw(_deadlines(sketch.patience)),
        emr=emr,
        work=sketch.work,
        checklist=sketch.checklist,
        late=late,
        records=answers["records"],
        ignores=answers["ignores"],
        defers=answers["defers"],
        refuses=answers["refuses"],
    )


@st.composite
def _deadlines(draw: st.DrawFn, patience: Patience) -> Deadline:
    if patience is Patience.BRISK:
        return Deadline(within=Duration(amount=SHORT_SECONDS, unit=Unit.SECONDS))
    within = draw(
        st.sampled_from(
            [
                Duration(amount=LONG_SECONDS, unit=Unit.SECONDS),
                Duration(amount=2, unit=Unit.HOURS),
                Duration(parameter="patience", unit=Unit.MINUTES),
                Duration(amount=3, unit=Unit.BUSINESS_DAYS),
            ]
        )
    )
    if patience is Patience.LONG:
        return Deadline(within=within)
    hurry = Sooner(when=HURRY, within=Duration(amount=SHORT_SECONDS, unit=Unit.SECONDS), because="hurry")
    return Deadline(within=within, sooner=(hurry,))


# ── arrows ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Arrows:
    """Draws arrows and numbers them."""

    def __init__(self, draw: st.DrawFn, sketches: Sequence[Sketch]) -> None:
        self._draw = draw
        self.names = [s.name for s in sketches]
        self.made: list[Transition] = []

    def add(self, sources: Sequence[str], on: str, target: str | None, **more: Any) -> None:
        """One more arrow."""
        id = f"R-{len(self.made) + 1}"
        self.made.append(
            Transition(id=id, sources=tuple(sources), on=on, target=target, because=f"because of {id}", **more)
        )

    def target(self, *, besides: str | None = None) -> str | None:
        """Any state, or (unless ``besides`` is left out) the one it leaves."""
        return self._draw(st.sampled_from([name for name in self.names if name != besides]))

    def any_target(self) -> str | None:
        """Any state, or back to where it came from."""
        return self._draw(st.one_of(st.none(), st.sampled_from(self.names)))


@st.composite
def definitions(draw: st.DrawFn, name: str = "random") -> Definition:
    """A valid workflow with waiting and system states, checklists, guards, deadlines, and arrows of every kind."""
    sketches = draw(_sketches())
    works = [s.work.name for s in sketches if s.work is not None]
    states = tuple(draw(_state(sketch, works)) for sketch in sketches)
    arrows = _Arrows(draw, sketches)
    open_ones = [s.name for s in sketches if s.kind is not StateKind.END]
    arrows.add((), OPENING, draw(st.sampled_from(open_ones)))
    for _ in range(draw(st.integers(2, 9))):
        sources = draw(st.lists(st.sampled_from(open_ones), min_size=1, max_size=3, unique=True))
        earlier = [t.id for t in arrows.made if t.sources]
        arrows.add(
            sources,
            draw(st.sampled_from(sorted(EVENTS))),
            arrows.any_target(),
            when=draw(_MAYBE_GUARD),
            by=draw(_SOME_ROLES),
            override_by=draw(_SOME_ROLES),
            separate_from=(draw(st.sampled_from(earlier)),) if earlier and draw(st.integers(0, 5)) == 0 else (),
        )
    for sketch in sketches:
        _own_arrows(draw, arrows, sketch, sketches)
    return Definition(
        workflow=name,
        version=1,
        title="Random",
        purpose="To be compared",
        correlation=Correlation.ENCOUNTER,
        roles=tuple(
            Role(code=code, title=code, fallback=tuple(draw(st.lists(st.sampled_from(ROLES), max_size=2, unique=True))))
            for code in ROLES
        ),
        facts=FACTS,
        parameters=(LOW, PATIENCE),
        events=tuple(Expectation(event=event, observation=event in OBSERVATIONS) for event in EVENTS),
        states=states,
        transitions=tuple(arrows.made),
    )


def _own_arrows(draw: st.DrawFn, arrows: _Arrows, sketch: Sketch, sketches: Sequence[Sketch]) -> None:
    """The arrows on what a state makes of itself: its deadline, its work's outcomes, its checklist."""
    if sketch.kind is StateKind.END:
        return
    here = (sketch.name,)
    if draw(st.integers(0, 3)) == 0:
        arrows.add(here, DEADLINE_MISSED, _calm(draw, sketch, sketches), when=draw(GUARDS))
    arrows.add(here, DEADLINE_MISSED, _calm(draw, sketch, sketches))
    if sketch.work is not None:
        for outcome in dict.fromkeys((*sketch.work.outcomes, "failed")):
            if draw(st.integers(0, 3)) == 0:
                arrows.add(here, f"{sketch.work.name}.{outcome}", arrows.any_target(), when=draw(GUARDS))
            arrows.add(here, f"{sketch.work.name}.{outcome}", arrows.target(besides=sketch.name))
    if sketch.checklist is not None:
        arrows.add(here, CHECKLIST_COMPLETED, arrows.target(besides=sketch.name), when=draw(_MAYBE_GUARD))


def _calm(draw: st.DrawFn, sketch: Sketch, sketches: Sequence[Sketch]) -> str | None:
    """Where a deadline leads: from a brisk state never to it or to a later brisk one, else anywhere."""
    brisk = [s.name for s in sketches if s.patience is Patience.BRISK]
    if sketch.patience is not Patience.BRISK:
        return draw(st.sampled_from([*(s.name for s in sketches), None]))
    earlier = brisk[: brisk.index(sketch.name)]
    if earlier and draw(st.integers(0, 1)) == 1:
        return draw(st.sampled_from(earlier))
    return draw(st.sampled_from([s.name for s in sketches if s.name not in brisk]))


# ── facilities ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def policies(draw: st.DrawFn, facility: str = "somewhere") -> Policy:
    """A facility's overlay: who does whose work, who stands in, and its limits."""
    others = st.lists(st.sampled_from(ROLES), max_size=2, unique=True).map(tuple)
    return Policy(
        facility=facility,
        title=facility,
        parameters={"random": {"low": draw(st.sampled_from([85, 90, 95]))}} if draw(st.booleans()) else {},
        performed_by=draw(st.dictionaries(st.sampled_from(ROLES), others, max_size=2)),
        fallbacks=draw(st.dictionaries(st.sampled_from(ROLES), others, max_size=2)),
        always_staffed=draw(st.sampled_from(ROLES)),
    )


ROSTERS: st.SearchStrategy[dict[str, tuple[str, ...]]] = st.dictionaries(
    st.sampled_from(["P-ONE", "P-TWO", "P-THREE"]),
    st.lists(st.sampled_from(ROLES), min_size=1, max_size=2, unique=True).map(tuple),
    max_size=3,
)
"""Who is on shift all the time, in which roles; some roles nobody holds."""
