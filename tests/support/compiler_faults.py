"""Faults that a compiler could have, planted in what it compiled: each is a mistake somebody could make in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from statemachines.compile import asl
from statemachines.definition import Definition
from tests.support.random_courses import Foreseen, Worked
from tests.support.scripted import RAISE

Part = dict[str, Any]


class Fault(NamedTuple):
    """A fault: what it does to the states of a machine, and in which courses it shows."""

    plant: Callable[[dict[str, Part]], None]
    shows: Callable[[Foreseen], bool]


def compiled_with(fault: Fault) -> Callable[[Definition], str]:
    """A compiler that has the fault."""

    def compile_text(definition: Definition) -> str:
        machine = asl.asl(definition)
        fault.plant(machine["States"])
        return json.dumps(machine)

    return compile_text


def _choices(states: dict[str, Part]) -> Iterator[list[Part]]:
    """The arrows of each state, without those that no transition makes."""
    own = {asl.REWAIT, asl.JUMP, asl.SUPERSEDED}
    for name, part in states.items():
        if name.startswith("after "):
            yield [choice for choice in part["Choices"] if choice["StringEquals"] not in own]


def _tasks(states: dict[str, Part], action: str) -> Iterator[Part]:
    """The states that ask for something."""
    for part in states.values():
        if part["Type"] == "Task" and part["Parameters"]["Payload"]["action"] == action:
            yield part


def _without(action: str, field: str) -> Callable[[dict[str, Part]], None]:
    def plant(states: dict[str, Part]) -> None:
        for part in _tasks(states, action):
            del part[field]

    return plant


def _swap_targets(states: dict[str, Part]) -> None:
    for choices in _choices(states):
        first = choices[0] if choices else None
        other = next((c for c in choices if first is not None and c["Next"] != first["Next"]), None)
        if first is not None and other is not None:
            first["Next"], other["Next"] = other["Next"], first["Next"]


def _rename_a_transition(states: dict[str, Part]) -> None:
    for choices in _choices(states):
        choices[-1]["StringEquals"] += "x"


def _back_through_resume(states: dict[str, Part]) -> None:
    for name, part in states.items():
        if name.startswith("after "):
            for choice in part["Choices"]:
                if choice["Next"] == name.removeprefix("after ") and choice["StringEquals"] != asl.REWAIT:
                    choice["Next"] = "Resume"


def _resume_in_the_first_only(states: dict[str, Part]) -> None:
    del states["Resume"]["Choices"][1:]


def _keep_the_error(states: dict[str, Part]) -> None:
    for part in _tasks(states, "park"):
        for caught in part["Catch"]:
            del caught["ResultPath"]


def _one_time_limit_for_all(states: dict[str, Part]) -> None:
    for part in _tasks(states, "park"):
        del part["TimeoutSecondsPath"]
        part["TimeoutSeconds"] = 3600


def _deadline_of_another_visit(states: dict[str, Part]) -> None:
    for part in _tasks(states, "deadline"):
        part["Parameters"]["Payload"]["visit.$"] = "$.entry"


def _another_work_gives_up(states: dict[str, Part]) -> None:
    for part in _tasks(states, "give_up"):
        part["Parameters"]["Payload"]["work"] += "x"


def _ends_fail(states: dict[str, Part]) -> None:
    for name, part in states.items():
        if name.startswith("end_"):
            part.clear()
            part.update({"Type": "Fail", "Error": "End"})


def _misleads(plant: Callable[[dict[str, Part]], None]) -> Callable[[Foreseen], bool]:
    """Whether some Choice on the way has no arrow, or another, for the transition that was taken."""

    def shows(foreseen: Foreseen) -> bool:
        states = asl.asl(foreseen.course.definition)["States"]
        plant(states)
        return any(
            visit.target not in {c["Next"] for c in _leading(states, visit.source, visit.transition)}
            for visit in foreseen.visits
            if visit.source is not None
        )

    return shows


def _leading(states: dict[str, Part], source: str, transition: str) -> list[Part]:
    return [choice for choice in states[f"after {source}"]["Choices"] if choice["StringEquals"] == transition]


def _leaves_through(what: str) -> Callable[[Foreseen], bool]:
    return lambda foreseen: what in foreseen.leaving.values()


def _stumbles(action: str) -> Callable[[Foreseen], bool]:
    return lambda foreseen: any(what == action for _, what in foreseen.course.stumbles)


def _tries_again(foreseen: Foreseen) -> bool:
    steps = [step for step in foreseen.course.steps if isinstance(step, Worked)]
    return any(step.results[0] == RAISE and len(step.results) > 1 and step.results[-1] != RAISE for step in steps)


def _stumbles_where_nothing_is_urgent(foreseen: Foreseen) -> bool:
    """Where the deadline passes anyhow, it does not matter that its handler was asked too early."""
    stumbles = foreseen.course.stumbles
    return any(what == "park" and visit not in foreseen.leaving for visit, what in stumbles)


def _gives_up(foreseen: Foreseen) -> bool:
    """Whether a step is given up while the case waits for it; where the case has left, it does not matter which step that was."""
    left = foreseen.interrupted.values()
    return any(what == "given up" and visit not in left for visit, what in foreseen.leaving.items())


FAULTS: dict[str, Fault] = {
    "two targets of a Choice swapped": Fault(_swap_targets, _misleads(_swap_targets)),
    "a transition under another id": Fault(_rename_a_transition, _misleads(_rename_a_transition)),
    "a wait without Retry": Fault(_without("park", "Retry"), _stumbles_where_nothing_is_urgent),
    "a wait without Catch": Fault(_without("park", "Catch"), _leaves_through("deadline")),
    "a deadline without Retry": Fault(_without("deadline", "Retry"), _stumbles("deadline")),
    "a deadline for another visit": Fault(_deadline_of_another_visit, _leaves_through("deadline")),
    "one time limit for all": Fault(_one_time_limit_for_all, _leaves_through("deadline")),
    "a caught error in the place of the ids": Fault(_keep_the_error, _leaves_through("deadline")),
    "work without Retry": Fault(_without("work", "Retry"), _tries_again),
    "work without Catch": Fault(_without("work", "Catch"), _leaves_through("given up")),
    "work whose answer is not taken out": Fault(
        _without("work", "OutputPath"), lambda f: any(isinstance(step, Worked) for step in f.course.steps)
    ),
    "another work given up": Fault(_another_work_gives_up, _gives_up),
    "back to itself through Resume": Fault(_back_through_resume, _misleads(_back_through_resume)),
    "resuming in the first state only": Fault(_resume_in_the_first_only, lambda f: f.visits[0].target != "wait_0"),
    "an end that fails": Fault(_ends_fail, lambda f: f.interpreter.ended),
}
