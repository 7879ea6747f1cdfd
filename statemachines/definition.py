"""The workflow as data: what a published version is, what Lambda functions and tools read.

A definition is written by people in :mod:`statemachines.language` and stored as ``workflow.json``. Its identity is the
SHA-256 of its canonical JSON: two documents with the same hash decide alike.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any

from pydantic import Field

from statemachines.expressions import AnyGuard, Data, Value

DEADLINE_MISSED = "deadline_missed"
"""The event that a state's deadline makes of itself when it passes."""

CHECKLIST_COMPLETED = "checklist_completed"
"""The event that a state's checklist makes of itself when enough of it is done."""

SUB_CASE_REQUESTED = "sub_case_requested"
"""The event by which another case opens a case of this workflow."""

Name = str
EventType = str
RoleCode = str


class Unit(StrEnum):
    """The unit of a duration. Business days follow the facility's calendar and time zone."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    BUSINESS_DAYS = "business_days"


class StateKind(StrEnum):
    """Who acts next: a person (waiting), Baton itself (system), or nobody (end)."""

    WAITING = "waiting"
    SYSTEM = "system"
    END = "end"


class Unplaced(StrEnum):
    """What becomes of an event for which no case is open: it waits for one, does not apply, or somebody looks at it.

    One that waits in vain is quarantined (HOLD), or does not apply (HOLD_THEN_IGNORE). The latter takes something back, so it
    waits only for a case that began before it happened.
    """

    HOLD = "hold"
    HOLD_THEN_IGNORE = "hold_then_ignore"
    NOT_APPLICABLE = "not_applicable"
    QUARANTINE = "quarantine"

    @property
    def waits(self) -> bool:
        """Whether such an event is kept for a while, in case one opens."""
        return self in (Unplaced.HOLD, Unplaced.HOLD_THEN_IGNORE)


class Late(StrEnum):
    """What a state does with the outcome of a system step that the case has already left."""

    ACCEPT = "accept"
    COMPENSATE = "compensate"
    REFUSE = "refuse"


class ValueType(StrEnum):
    """The type of a fact or a parameter."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    CODE = "code"


class Role(Data):
    """A responsibility that people take, by a stable code; ``fallback`` names who stands in, in order."""

    code: RoleCode
    title: str
    fallback: tuple[RoleCode, ...] = ()


class Source(Data):
    """Where a value comes from: a field of an event type; without one, that such an event happened (true), and first when."""

    event: EventType
    field: str | None = None


class Fact(Data):
    """Something a case knows: type, unit, where it is reported, and after how many minutes it counts as stale.

    ``minimum``, ``maximum`` and ``integer`` say what the sources can report at all.
    """

    name: Name
    title: str
    type: ValueType
    unit: str | None = None
    sources: tuple[Source, ...]
    loinc: str | None = None
    stale_after_minutes: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    integer: bool | None = None


class Parameter(Data):
    """A limit that a facility, or a patient's care plan (``patient``), may set; else the default. ``source`` cites it."""

    name: Name
    title: str
    type: ValueType
    unit: str | None = None
    default: Value
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    patient: tuple[Source, ...] = ()
    source: str


class Duration(Data):
    """A length of time: a constant amount, or the amount that a parameter holds, in ``unit``.

    It is counted from when the state is entered, or from when the fact ``since`` was true, if that was earlier.
    """

    amount: float | None = None
    parameter: Name | None = None
    unit: Unit = Unit.MINUTES
    since: Name | None = Field(default=None, exclude_if=lambda since: since is None)


class Sooner(Data):
    """A shorter time limit that applies while its guard holds."""

    when: AnyGuard
    within: Duration
    because: str


class Deadline(Data):
    """How long a state may wait. The shortest of ``within`` and all ``sooner`` limits that hold counts."""

    within: Duration
    sooner: tuple[Sooner, ...] = ()


class EmrStatus(Data):
    """What the EMR shows while a case is in a state: the FHIR Task's status, and the local state as businessStatus."""

    status: str
    business_status: str
    display: str


class Work(Data):
    """A step in which the system itself acts: its name, the outcomes it can have, and how often and long it is tried."""

    name: Name
    outcomes: tuple[str, ...]
    attempts: int = Field(default=4, ge=1, le=20)
    timeout_seconds: int = Field(default=60, ge=1, le=900)


class Item(Data):
    """One entry of a checklist: who does it, and the events that show that it is done.

    ``satisfied`` is a guard over facts: an item whose guard holds needs no doing, so that nobody documents it twice.
    """

    name: Name
    title: str
    owner: RoleCode
    done_on: tuple[EventType, ...] = ()
    by: tuple[RoleCode, ...] = ()
    satisfied: AnyGuard | None = None


class Checklist(Data):
    """Tasks that a state holds side by side; the state's arrow on ``checklist_completed`` is taken when ``needed`` are done.

    ``needed`` None: all of them.
    """

    items: tuple[Item, ...]
    needed: int | None = Field(default=None, ge=1)


class SubCase(Data):
    """A case of another workflow that a state opens and waits for.

    Its end comes back as an event named ``<workflow>.<end state>``.
    """

    workflow: Name
    ends: tuple[Name, ...]


class Lifecycle(Data):
    """The events of a patient's life that every open state of the workflow must answer; None: cannot happen, says ``because``."""

    transfer: EventType | None = None
    merge: EventType | None = None
    discharge: EventType | None = None
    death: EventType | None = None
    cancellation: EventType | None = None
    because: str = ""


class State(Data):
    """One step of the workflow: who owns the case there, until when, what the EMR shows, and which events it does not move on."""

    name: Name
    title: str
    kind: StateKind
    instruction: str = ""
    owner: RoleCode | None = None
    validates: RoleCode | None = None
    escalates_to: RoleCode | None = None
    deadline: Deadline | None = None
    emr: EmrStatus
    optional: AnyGuard | None = None
    records: dict[EventType, str] = {}
    ignores: dict[EventType, str] = {}
    defers: dict[EventType, str] = {}
    refuses: dict[EventType, str] = {}
    work: Work | None = None
    late: dict[Name, Late] = {}
    checklist: Checklist | None = None
    opens: SubCase | None = None


class Transition(Data):
    """One arrow of the diagram. ``sources`` is empty for an arrow that opens a case; ``target`` None returns to the source.

    ``by`` names the roles that may cause it (empty: anyone, a device too); ``override_by`` those who may take it, with a
    reason, when its guard does not hold; ``separate_from`` the transitions whose performer may not also perform this one.
    ``reopens``: it leaves ends, for what is heard of after them: a new case under the same key begins in the target, and knows
    what the ended one knew. After those ends it is taken before an arrow that opens a case on the same event.
    """

    id: str
    sources: tuple[Name, ...] = ()
    on: EventType
    when: AnyGuard | None = None
    target: Name | None = None
    by: tuple[RoleCode, ...] = ()
    override_by: tuple[RoleCode, ...] = ()
    separate_from: tuple[str, ...] = ()
    reopens: bool = Field(default=False, exclude_if=lambda reopens: not reopens)
    because: str


MOST_HOLD_MINUTES = 29 * 24 * 60
"""An event waits less long than it is remembered (30 days): one that is forgotten while it waits would never be placed."""


class Expectation(Data):
    """An event type the workflow knows, and what becomes of one that arrives while no case is open."""

    event: EventType
    observation: bool = False
    unplaced: Unplaced = Unplaced.QUARANTINE
    because: str = ""
    hold_minutes: float = Field(default=60, gt=0, le=MOST_HOLD_MINUTES)


class Correlation(StrEnum):
    """Which cases are one: a workflow has at most one open case per correlation key at a facility."""

    ENCOUNTER = "encounter"
    PATIENT = "patient"
    RESULT = "result"
    """One case per result of an encounter. An event that names no result (the patient died) is for every open one of them."""

    @property
    def named_by(self) -> str | None:
        """The field of an event's data that names the case within its encounter; None when the subject alone does."""
        return "result_id" if self is Correlation.RESULT else None


class Definition(Data):
    """A workflow version."""

    workflow: Name
    version: int = Field(ge=1)
    title: str
    purpose: str
    correlation: Correlation
    roles: tuple[Role, ...] = ()
    facts: tuple[Fact, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    events: tuple[Expectation, ...] = ()
    states: tuple[State, ...]
    transitions: tuple[Transition, ...]
    lifecycle: Lifecycle = Lifecycle()

    def state(self, name: Name) -> State:
        """The state of that name. Raises KeyError when there is none."""
        for state in self.states:
            if state.name == name:
                return state
        raise KeyError(name)


def dump(definition: Definition) -> str:
    """The document as it is published: readable, stable JSON, without empty fields."""
    return json.dumps(_pruned(definition.model_dump(mode="json")), indent=2, ensure_ascii=False) + "\n"


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _pruned(v) for k, v in value.items() if v is not None and v != [] and v != {} and v != ""}
    return [_pruned(v) for v in value] if isinstance(value, list) else value


def load(text: str | bytes) -> Definition:
    """Read a workflow document. Raises pydantic.ValidationError, which locates every fault."""
    return Definition.model_validate_json(text)


def digest(definition: Definition) -> str:
    """SHA-256 (hex) of the canonical JSON of the definition without empty fields; what pins a published version.

    A field that the language gains later, empty where nobody uses it, leaves every earlier version's digest as it is.
    """
    document = _pruned(definition.model_dump(mode="json"))
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
