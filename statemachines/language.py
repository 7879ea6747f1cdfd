"""How a workflow is written: one row per arrow of the diagram, typed names, no strings that name other things.

Every function here returns plain data of :mod:`statemachines.definition`; there is nothing to subclass and nothing is
found by name. ``T`` is a row of the table that product manager and QA engineer review together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from events.catalog import CATALOG, type_name
from events.catalog.base import EventData
from statemachines.definition import (
    CHECKLIST_COMPLETED,
    DEADLINE_MISSED,
    SUB_CASE_REQUESTED,
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
    Lifecycle,
    Parameter,
    Role,
    Sooner,
    Source,
    State,
    StateKind,
    SubCase,
    Transition,
    Unit,
    Unplaced,
    ValueType,
    Work,
)
from statemachines.expressions import (
    AnyGuard,
    Comparator,
    Compare,
    Constant,
    FactOperand,
    Fell,
    IsKnown,
    Member,
    Older,
    Operand,
    ParameterOperand,
    Rose,
    Value,
)

E = TypeVar("E", bound=EventData)


@dataclass(frozen=True, slots=True)
class WorkOutcome:
    """An outcome of a system step, as the event it makes of itself."""

    work: str
    outcome: str

    @property
    def event(self) -> str:
        """The event type under which the outcome is decided, e.g. ``file_documentation.sent``."""
        return f"{self.work}.{self.outcome}"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The type of :data:`DEADLINE`."""


DEADLINE = Deadlines()
"""The event that the state's own deadline makes of itself."""


@dataclass(frozen=True, slots=True)
class Checklists:
    """The type of :data:`CHECKLIST`."""


CHECKLIST = Checklists()
"""The event that the state's own checklist makes of itself when enough of it is done."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The type of :data:`REQUESTED`."""


REQUESTED = Requests()
"""The event by which a state of another workflow opens a case of this one."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a sub-case, as the event that the case which opened it sees."""

    workflow: str
    state: str

    @property
    def event(self) -> str:
        """The event type under which the end is decided, e.g. ``home_oxygen_order.delivered``."""
        return f"{self.workflow}.{self.state}"


Trigger = type[EventData] | WorkOutcome | Deadlines | Checklists | Requests | Ended
Reasons = dict[type[EventData] | Ended, str]
"""Why, by event type (a class of the catalog, or the end of a sub-case)."""


NO_LIFECYCLE = Lifecycle()
"""A workflow that says nothing of the patient's life; the verifier asks."""


def _event(trigger: Trigger) -> str:
    match trigger:
        case WorkOutcome() | Ended():
            return trigger.event
        case Deadlines():
            return DEADLINE_MISSED
        case Checklists():
            return CHECKLIST_COMPLETED
        case Requests():
            return SUB_CASE_REQUESTED
        case _:
            return type_name(trigger)


class Term:
    """A fact or parameter in a guard; comparing it builds the guard."""

    __slots__ = ("operand",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, operand: Operand) -> None:
        self.operand = operand

    def _compare(self, comparator: Comparator, other: Term | Value) -> Compare:
        return Compare(left=self.operand, comparator=comparator, right=_operand(other))

    def __lt__(self, other: Term | Value) -> Compare:
        return self._compare(Comparator.LT, other)

    def __le__(self, other: Term | Value) -> Compare:
        return self._compare(Comparator.LE, other)

    def __gt__(self, other: Term | Value) -> Compare:
        return self._compare(Comparator.GT, other)

    def __ge__(self, other: Term | Value) -> Compare:
        return self._compare(Comparator.GE, other)

    def __eq__(self, other: object) -> Compare:  # type: ignore[override]
        return self._compare(Comparator.EQ, cast("Term | Value", other))

    def __ne__(self, other: object) -> Compare:  # type: ignore[override]
        return self._compare(Comparator.NE, cast("Term | Value", other))

    def one_of(self, *values: Value) -> Member:
        """The value is one of those listed."""
        return Member(operand=self.operand, values=values)


def _operand(other: Term | Value) -> Operand:
    return other.operand if isinstance(other, Term) else Constant(value=other)


class FactTerm(Term):
    """A declared fact, usable in guards."""

    __slots__ = ("fact",)

    def __init__(self, fact: Fact) -> None:
        super().__init__(FactOperand(fact=fact.name))
        self.fact = fact

    @property
    def known(self) -> IsKnown:
        """Somebody has reported it."""
        return IsKnown(fact=self.fact.name)

    def fell(self, by: ParameterTerm | Value) -> Fell:
        """This event reported a value lower by at least ``by``."""
        return Fell(fact=self.fact.name, by=_operand(by))

    def rose(self, by: ParameterTerm | Value) -> Rose:
        """This event reported a value higher by at least ``by``."""
        return Rose(fact=self.fact.name, by=_operand(by))

    def older_than(self, minutes: ParameterTerm | Value) -> Older:
        """It was true longer ago than so many minutes."""
        return Older(fact=self.fact.name, minutes=_operand(minutes))


class ParameterTerm(Term):
    """A declared parameter, usable in guards and as a duration."""

    __slots__ = ("parameter",)

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(ParameterOperand(parameter=parameter.name))
        self.parameter = parameter


class _Fields:
    """Stands in for an event while :func:`of` asks which field is meant."""

    def __getattr__(self, name: str) -> str:
        return name


def of(event: type[E], field: Callable[[E], object]) -> Source:
    """The field of an event type that a fact or parameter is taken from: ``of(OxygenChanged, lambda e: e.spo2_percent)``.

    Raises TypeError when the event type has no such field.
    """
    name = cast(str, field(cast(Any, _Fields())))
    if name not in event.model_fields:
        raise TypeError(f"{type_name(event)} has no field {name!r}; it has {', '.join(sorted(event.model_fields))}")
    return Source(event=type_name(event), field=name)


def happened(event: type[EventData]) -> Source:
    """That an event of this type happened: a fact that is true from the first of them on, for a limit counted from it."""
    return Source(event=type_name(event))


def fact(
    name: str,
    title: str,
    kind: ValueType,
    *sources: Source,
    unit: str | None = None,
    loinc: str | None = None,
    stale_after_minutes: float | None = None,
) -> FactTerm:
    """Declare something the workflow's guards may read. What its sources can report at all is taken from the catalog."""
    low, high, whole = _range(sources)
    return FactTerm(
        Fact(
            name=name,
            title=title,
            type=kind,
            unit=unit,
            sources=sources,
            loinc=loinc,
            stale_after_minutes=stale_after_minutes,
            minimum=low,
            maximum=high,
            integer=whole or None,
        )
    )


def _range(sources: Sequence[Source]) -> tuple[float | None, float | None, bool]:
    """The widest range over all sources, and whether all report whole numbers."""
    lows: list[float | None] = []
    highs: list[float | None] = []
    whole = bool(sources)
    for source in (source for source in sources if source.field is not None):
        schema = CATALOG[source.event].model.model_json_schema()["properties"][source.field]
        options = [o for o in schema.get("anyOf", [schema]) if o.get("type") != "null"]
        lows.extend(o.get("minimum") for o in options)
        highs.extend(o.get("maximum") for o in options)
        whole = whole and all(o.get("type") == "integer" for o in options)
    known_low = [low for low in lows if low is not None]
    known_high = [high for high in highs if high is not None]
    return (
        min(known_low) if len(known_low) == len(lows) and lows else None,
        max(known_high) if len(known_high) == len(highs) and highs else None,
        whole,
    )


def parameter(
    name: str,
    title: str,
    default: Value,
    source: str,
    *,
    unit: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    patient: Sequence[Source] = (),
) -> ParameterTerm:
    """Declare a limit with its default and where that default is published."""
    kind = (
        ValueType.BOOLEAN
        if isinstance(default, bool)
        else ValueType.CODE
        if isinstance(default, str)
        else ValueType.NUMBER
    )
    return ParameterTerm(
        Parameter(
            name=name,
            title=title,
            type=kind,
            unit=unit,
            default=default,
            minimum=minimum,
            maximum=maximum,
            choices=tuple(choices),
            patient=tuple(patient),
            source=source,
        )
    )


def role(code: str, title: str, *fallback: Role) -> Role:
    """Declare a responsibility and who stands in for it, in order."""
    return Role(code=code, title=title, fallback=tuple(r.code for r in fallback))


def minutes(amount: float | ParameterTerm, *, since: FactTerm | None = None) -> Duration:
    """So many minutes, constant or from a parameter that holds minutes; ``since`` a fact was true, not since the state began."""
    return _duration(amount, Unit.MINUTES, since)


def hours(amount: float | ParameterTerm) -> Duration:
    """So many hours."""
    return _duration(amount, Unit.HOURS)


def business_days(amount: int | ParameterTerm, *, since: FactTerm | None = None) -> Duration:
    """So many business days in the facility's calendar; ``since`` a fact was true, not since the state began."""
    return _duration(amount, Unit.BUSINESS_DAYS, since)


def _duration(amount: float | ParameterTerm, unit: Unit, since: FactTerm | None = None) -> Duration:
    from_when = since.fact.name if since is not None else None
    if isinstance(amount, ParameterTerm):
        return Duration(parameter=amount.parameter.name, unit=unit, since=from_when)
    return Duration(amount=amount, unit=unit, since=from_when)


def sooner(when: AnyGuard, within: Duration, because: str) -> Sooner:
    """A shorter limit while ``when`` holds."""
    return Sooner(when=when, within=within, because=because)


def emr(status: str, business_status: str, display: str | None = None) -> EmrStatus:
    """What the EMR shows: FHIR Task status, and the local state's code and display as businessStatus."""
    return EmrStatus(
        status=status,
        business_status=business_status,
        display=display or business_status.replace("-", " ").capitalize(),
    )


def _codes(reasons: Reasons | None) -> dict[str, str]:
    return {_event(event): because for event, because in (reasons or {}).items()}


def waiting(
    name: str,
    title: str,
    *,
    owner: Role,
    within: Duration,
    emr: EmrStatus,
    do: str,
    sooner: Sequence[Sooner] = (),
    validates: Role | None = None,
    escalates_to: Role | None = None,
    optional: AnyGuard | None = None,
    records: Reasons | None = None,
    ignores: Reasons | None = None,
    defers: Reasons | None = None,
    refuses: Reasons | None = None,
    late: Mapping[Work, Late] | None = None,
    checklist: Checklist | None = None,
    opens: SubCase | None = None,
) -> State:
    """A state in which a role has something to do (``do``) within a time.

    ``checklist`` holds tasks side by side, ``opens`` a case of another workflow; both may come back as events.
    """
    return State(
        name=name,
        title=title,
        kind=StateKind.WAITING,
        instruction=do,
        owner=owner.code,
        validates=validates.code if validates else None,
        escalates_to=escalates_to.code if escalates_to else None,
        deadline=Deadline(within=within, sooner=tuple(sooner)),
        emr=emr,
        optional=optional,
        records=_codes(records),
        ignores=_codes(ignores),
        defers=_codes(defers),
        refuses=_codes(refuses),
        late=_late(late),
        checklist=checklist,
        opens=opens,
    )


def item(
    name: str,
    title: str,
    *,
    owner: Role,
    done_on: Trigger | Sequence[Trigger] = (),
    by: Role | Sequence[Role] = (),
    satisfied: AnyGuard | None = None,
) -> Item:
    """One entry of a checklist: who does it and what shows that it is done, unless the facts ``satisfied`` asks for exist already."""
    triggers = done_on if isinstance(done_on, Sequence) else (done_on,)
    return Item(
        name=name,
        title=title,
        owner=owner.code,
        done_on=tuple(_event(trigger) for trigger in triggers),
        by=_roles(by),
        satisfied=satisfied,
    )


def checklist(*items: Item, needed: int | None = None) -> Checklist:
    """Tasks side by side; complete when ``needed`` of them are done, or all."""
    return Checklist(items=items, needed=needed)


def opens(child: Definition, *ends: State) -> SubCase:
    """A case of another workflow, and the ends of it that are waited for.

    Raises TypeError when one of them is no end of that workflow.
    """
    return SubCase(workflow=child.workflow, ends=tuple(ended(child, end).state for end in ends))


def ended(child: Definition, end: State) -> Ended:
    """The event that the end of a sub-case makes of itself. Raises TypeError when that workflow does not end so."""
    if end not in child.states or end.kind is not StateKind.END:
        known = ", ".join(state.name for state in child.states if state.kind is StateKind.END)
        raise TypeError(f"{child.workflow} does not end as {end.name!r}; it ends as {known}")
    return Ended(child.workflow, end.name)


def system(
    name: str,
    title: str,
    *,
    work: Work,
    owner: Role,
    within: Duration,
    emr: EmrStatus,
    records: Reasons | None = None,
    ignores: Reasons | None = None,
    defers: Reasons | None = None,
    refuses: Reasons | None = None,
    late: Mapping[Work, Late] | None = None,
) -> State:
    """A state in which Baton itself acts; ``owner`` is accountable while it does, and after ``within`` must look."""
    return State(
        name=name,
        title=title,
        kind=StateKind.SYSTEM,
        work=work,
        owner=owner.code,
        deadline=Deadline(within=within),
        emr=emr,
        records=_codes(records),
        ignores=_codes(ignores),
        defers=_codes(defers),
        refuses=_codes(refuses),
        late=_late(late),
    )


def end(
    name: str,
    title: str,
    *,
    emr: EmrStatus,
    ignores: Reasons | None = None,
    refuses: Reasons | None = None,
    late: Mapping[Work, Late] | None = None,
) -> State:
    """A state in which the case is closed. It may answer what re-opens other ends, when it is heard of after this one."""
    return State(
        name=name,
        title=title,
        kind=StateKind.END,
        emr=emr,
        ignores=_codes(ignores),
        refuses=_codes(refuses),
        late=_late(late),
    )


def _late(late: Mapping[Work, Late] | None) -> dict[str, Late]:
    return {work.name: what for work, what in (late or {}).items()}


def T(  # noqa: N802 - a row of the transition table reads best with a capital
    id: str,
    source: State | Sequence[State] | None,
    *,
    on: Trigger,
    to: State | None,
    because: str,
    when: AnyGuard | None = None,
    by: Role | Sequence[Role] = (),
    override_by: Role | Sequence[Role] = (),
    separate_from: Sequence[str] = (),
    reopens: bool = False,
) -> Transition:
    """One arrow: from ``source`` (None: it opens a case) on an event, when a guard holds, ``to`` a state (None: back to itself).

    ``by`` names the roles that may cause it; without it anyone may, a device included. ``reopens``: it leaves ends, and what
    is heard of after them opens a new case, which knows what the ended one knew.
    """
    sources = () if source is None else (source.name,) if isinstance(source, State) else tuple(s.name for s in source)
    return Transition(
        id=id,
        sources=sources,
        on=_event(on),
        when=when,
        target=to.name if to is not None else None,
        by=_roles(by),
        override_by=_roles(override_by),
        separate_from=tuple(separate_from),
        reopens=reopens,
        because=because,
    )


def _roles(roles: Role | Sequence[Role]) -> tuple[str, ...]:
    return (roles.code,) if isinstance(roles, Role) else tuple(r.code for r in roles)


def expect(
    event: type[EventData], unplaced: Unplaced = Unplaced.QUARANTINE, because: str = "", *, hold_minutes: float = 60
) -> Expectation:
    """An event type the workflow knows; ``unplaced`` says what becomes of one while no case is open."""
    name = type_name(event)
    return Expectation(
        event=name,
        observation=CATALOG[name].observation,
        unplaced=unplaced,
        because=because,
        hold_minutes=hold_minutes,
    )


def workflow(
    name: str,
    version: int,
    *,
    title: str,
    purpose: str,
    correlation: Correlation,
    roles: Sequence[Role],
    facts: Sequence[FactTerm],
    parameters: Sequence[ParameterTerm],
    events: Sequence[Expectation],
    states: Sequence[State],
    transitions: Sequence[Transition],
    lifecycle: Lifecycle = NO_LIFECYCLE,
) -> Definition:
    """Put the parts together. What is wrong with the whole is the verifier's to say."""
    return Definition(
        workflow=name,
        version=version,
        title=title,
        purpose=purpose,
        correlation=correlation,
        roles=tuple(roles),
        facts=tuple(f.fact for f in facts),
        parameters=tuple(p.parameter for p in parameters),
        events=tuple(events),
        states=tuple(states),
        transitions=tuple(transitions),
        lifecycle=lifecycle,
    )


def lifecycle(
    *,
    transfer: type[EventData] | None,
    merge: type[EventData] | None,
    discharge: type[EventData] | None,
    death: type[EventData] | None,
    cancellation: type[EventData] | None,
    because: str = "",
) -> Lifecycle:
    """Say which events tell of the patient's life; every open state must answer each. None needs a ``because``."""

    def name(event: type[EventData] | None) -> str | None:
        return type_name(event) if event is not None else None

    return Lifecycle(
        transfer=name(transfer),
        merge=name(merge),
        discharge=name(discharge),
        death=name(death),
        cancellation=name(cancellation),
        because=because,
    )
