"""A trace: what happened to one case of a published version, and what was decided, event by event, when it was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from statemachines import policy as policies
from statemachines.case import Occurrence
from statemachines.decide import Decision, Move, Progress
from statemachines.definition import Definition
from statemachines.machine import Machine
from statemachines.policy import Policy
from statemachines.routing import OnShift
from tests.support.interpreter import Interpreter, Task

FOLDER = Path(__file__).parent
Arrow = tuple[str, str | None]
"""A transition and the state it leaves."""
FOR_EVER = 4_102_444_800.0
"""The end of every shift in a trace: the year 2100, in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Step:
    """One occurrence, when it was decided (epoch seconds), and all that it led to, as data."""

    now: float
    occurrence: Occurrence
    led_to: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded course of a case, and who was on shift all the time."""

    case: str
    roster: Mapping[str, tuple[str, ...]]
    steps: tuple[Step, ...]

    @property
    def taken(self) -> Iterator[Arrow]:
        """Every arrow that the case took."""
        for step in self.steps:
            for move in step.led_to.get("moves", ()):
                yield move["transition"], move["from"]


@dataclass(frozen=True, slots=True)
class Recording:
    """The traces of a version at one facility. ``digest`` is that of the definition they were recorded with."""

    workflow: str
    version: int
    digest: str
    policy: Policy
    traces: tuple[Trace, ...]

    @property
    def taken(self) -> frozenset[Arrow]:
        """Every arrow that any case took."""
        return frozenset(arrow for trace in self.traces for arrow in trace.taken)


def arrows(definition: Definition) -> frozenset[Arrow]:
    """Every arrow of a version."""
    return frozenset((t.id, source) for t in definition.transitions for source in t.sources or (None,))


def interpreter(definition: Definition, policy: Policy, roster: Mapping[str, Sequence[str]], case: str) -> Interpreter:
    """A case to which a trace can happen, before anything has."""
    on_shift = [OnShift(staff, tuple(roles), FOR_EVER) for staff, roles in roster.items()]
    return Interpreter(Machine(definition, policy), case, on_shift)


def take(running: Interpreter, occurrence: Occurrence, now: float) -> dict[str, Any]:
    """Let an occurrence happen, and say all that it led to."""
    before = len(running.opened)
    progress = running.take(occurrence, now)
    return _led_to(progress, running.opened[before:], running)


def replay(recording: Recording, definition: Definition) -> Iterator[str]:
    """Let every case happen again; gives, of each that goes another way, the first step that does, and what differs there."""
    for trace in recording.traces:
        running = interpreter(definition, recording.policy, trace.roster, trace.case)
        for number, step in enumerate(trace.steps):
            led_to = _as_json(take(running, step.occurrence, step.now))
            if led_to != step.led_to:
                yield "\n".join([_place(recording, trace, number), *_differing(step.led_to, led_to)])
                break


def happen_again(recording: Recording, definition: Definition) -> Recording:
    """The same occurrences, with what they lead to now."""
    traces = []
    for trace in recording.traces:
        running = interpreter(definition, recording.policy, trace.roster, trace.case)
        steps = tuple(replace(step, led_to=take(running, step.occurrence, step.now)) for step in trace.steps)
        traces.append(replace(trace, steps=steps))
    return replace(recording, traces=tuple(traces))


def _place(recording: Recording, trace: Trace, number: int) -> str:
    event = trace.steps[number].occurrence
    values = f" {dict(event.values)}" if event.values else ""
    state = next((s.led_to["state"] for s in reversed(trace.steps[:number]) if "state" in s.led_to), "nowhere")
    where = f"{recording.workflow} {recording.version} at {recording.policy.facility}, case {trace.case}, step {number}"
    return f"{where}: {event.override or event.type} by {event.actor_id or 'nobody'}{values} in {state}"


def _differing(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(recorded.keys() | now.keys()):
        if recorded.get(name) != now.get(name):
            yield f"  {name}: recorded {_line(recorded.get(name))}"
            yield f"  {' ' * len(name)}       now {_line(now.get(name))}"


# ── what an occurrence led to, as data ───────────────────────────────────────────────────────────────────────────────────


def _led_to(progress: Progress, opened: Sequence[Task], running: Interpreter) -> dict[str, Any]:
    case = running.case
    found: dict[str, Any] = {
        **_decision(progress.decision),
        "moves": [_move(move) for move in progress.moves],
        "taken": [{"event": held.id, **_decision(later)} for held, later in progress.taken],
        "opened": [[task.visit, task.item, task.state, task.role, task.person] for task in opened],
        "open": sorted(task.item or "" for task in running.open.values()),
        "state": case.state,
        "done": sorted(case.done),
        "deferred": [event.id for event in case.deferred],
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _decision(decision: Decision) -> dict[str, Any]:
    found: dict[str, Any] = {
        "outcome": str(decision.outcome),
        "reason": str(decision.reason),
        "facts": {name: list(known) for name, known in sorted(decision.facts.items())},
        "parameters": dict(sorted(decision.parameters.items())),
        "checked": sorted(decision.done),
    }
    return {name: value for name, value in found.items() if value not in ([], {})}


def _move(move: Move) -> dict[str, Any]:
    return {
        "transition": move.transition,
        "from": move.source,
        "to": move.target,
        "entered": move.entered,
        "due": move.due,
        "reason": str(move.reason),
    }


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def folder(workflow: str, version: int, within: Path = FOLDER) -> Path:
    """Where a version's traces are, a file for each facility."""
    return within / workflow / str(version)


def recordings(workflow: str, version: int, within: Path = FOLDER) -> list[Recording]:
    """What is recorded of a version."""
    return [load(file.read_text(encoding="utf-8")) for file in sorted(folder(workflow, version, within).glob("*.json"))]


def dump(recording: Recording) -> str:
    """The recording as a file: one line for each step."""
    head = {
        "workflow": recording.workflow,
        "version": recording.version,
        "digest": recording.digest,
        "policy": json.loads(policies.dump(recording.policy)),
    }
    lines = [f"{json.dumps(name)}: {_line(value)}" for name, value in head.items()]
    cases = ",\n".join(_case(trace) for trace in recording.traces)
    return "{\n" + ",\n".join(lines) + ',\n"cases": [\n' + cases + "\n]\n}\n"


def _case(trace: Trace) -> str:
    roster = {staff: list(roles) for staff, roles in trace.roster.items()}
    steps = ",\n".join(_line({"now": s.now, **_occurrence(s.occurrence), "led_to": s.led_to}) for s in trace.steps)
    return f'{{"case": {_line(trace.case)}, "roster": {_line(roster)}, "steps": [\n{steps}\n]}}'


def load(text: str) -> Recording:
    """Read a recording."""
    found = json.loads(text)
    return Recording(
        workflow=found["workflow"],
        version=found["version"],
        digest=found["digest"],
        policy=policies.load(json.dumps(found["policy"])),
        traces=tuple(_trace(case) for case in found["cases"]),
    )


def _trace(case: Mapping[str, Any]) -> Trace:
    roster = {staff: tuple(roles) for staff, roles in case["roster"].items()}
    steps = tuple(Step(step["now"], _read_occurrence(step["event"]), step["led_to"]) for step in case["steps"])
    return Trace(case["case"], roster, steps)


def _occurrence(event: Occurrence) -> dict[str, Any]:
    """Without what is not there; lists and tuples are the same in a file."""
    found = {each.name: getattr(event, each.name) for each in fields(Occurrence)}
    return {"event": {name: value for name, value in found.items() if value not in (None, {}, ())}}


def _read_occurrence(found: Mapping[str, Any]) -> Occurrence:
    values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in found.items()}
    return Occurrence(**values)


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _as_json(value: dict[str, Any]) -> Any:
    return json.loads(json.dumps(value))
