"""The state machine that AWS Step Functions runs: each state of the workflow is a state of the ASL, under the same name.

The execution follows the case's journal. A state that waits parks its token and is told by a signal which transition was
taken; a Choice named after the state takes the arrow of that id. Input, signals and answers all have one shape,
``{case, generation, visit, entry, transition, state, timeout}``: ids and seconds, nothing about a patient.

Errors, after the AWS Step Functions guide on handling errors: ``States.TaskFailed`` matches every error name but
``States.Timeout``, so throttling (``Lambda.TooManyRequestsException``), a function's own exception and a function that ran out
of its time (``Sandbox.Timedout``) are all tried again, and a deadline never is. ``States.ALL`` matches the deadline too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from statemachines.compile.arrows import ByState, leaving
from statemachines.compile.wording import Wording
from statemachines.definition import Definition, State, StateKind, Transition, Work

FOLLOW = "${FollowFunctionArn}"
WORK = "${WorkFunctionArn}"
"""Replaced by the functions' ARNs when the state machine is deployed (DefinitionSubstitutions)."""

REWAIT = "rewait"
"""Signal: the wait ended before its deadline; wait again in the same state."""
SUPERSEDED = "superseded"
"""Signal: a newer generation of the execution follows the case; this one ends."""
JUMP = "jump"
"""Signal: follow the journal to the state named in the signal, wherever the execution stands."""

LONGEST_NAME = 80
"""Characters in the name of an ASL state (AWS Step Functions quotas)."""
LARGEST = 262_144
"""Bytes of a definition that we allow: a quarter of what AWS Step Functions takes (1 MB), so that the console can show it."""

_RESUME = "Resume"
_SUPERSEDED = "Superseded"
_UNKNOWN_STATE = "UnknownState"
_UNKNOWN_TRANSITION = "UnknownTransition"

_IDS = {name + ".$": f"$.{name}" for name in ("case", "generation", "visit", "entry")}

# A retry of a wait arms its time limit anew: all pauses between retries together stay under a minute, and so does the delay
# of the deadline that they can cause.
_PARK_AGAIN = {
    "ErrorEquals": ["States.TaskFailed"],
    "IntervalSeconds": 1,
    "BackoffRate": 2,
    "MaxDelaySeconds": 20,
    "MaxAttempts": 6,
    "JitterStrategy": "FULL",
}
# What must reach the journal is tried for hours; then the execution fails, which reconciliation notices.
_PERSIST = {
    "ErrorEquals": ["States.ALL"],
    "IntervalSeconds": 1,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "MaxAttempts": 200,
    "JitterStrategy": "FULL",
}
_DECIDE_SECONDS = 60


class NotCompilable(ValueError):
    """The workflow cannot be a state machine; the text says which part and what to change."""


def asl(definition: Definition, wording: Wording | None = None) -> dict[str, Any]:
    """The Amazon States Language of a workflow (JSONPath). Raises NotCompilable."""
    arrows = leaving(definition)
    _check(definition, arrows)
    parts = [(_RESUME, _resume(definition))]
    for state in definition.states:
        parts += _parts(state, arrows[state.name])
    parts += [
        (_SUPERSEDED, {"Type": "Succeed", "Comment": "A newer generation follows the case"}),
        (_UNKNOWN_STATE, _fail(_UNKNOWN_STATE, "The input names a state that this version does not have")),
        (
            _UNKNOWN_TRANSITION,
            _fail(_UNKNOWN_TRANSITION, "The signal names a transition that does not leave this state"),
        ),
    ]
    states: dict[str, Any] = {}
    for name, part in parts:
        if name in states:
            raise NotCompilable(f"two ASL states would be called {name!r}: rename the workflow's state")
        if len(name) > LONGEST_NAME:
            raise NotCompilable(
                f"the ASL state {name!r} has more than {LONGEST_NAME} characters: shorten the state's name"
            )
        states[name] = part
    return {
        "Comment": f"{definition.workflow} {definition.version} {(wording or Wording(definition)).digest}",
        "StartAt": _RESUME,
        "States": states,
    }


def asl_text(definition: Definition, wording: Wording | None = None) -> str:
    """The state machine as it is published and deployed. Raises NotCompilable, also when it is larger than LARGEST."""
    text = json.dumps(asl(definition, wording), indent=1, ensure_ascii=False) + "\n"
    size = len(text.encode())
    if size > LARGEST:
        raise NotCompilable(
            f"the state machine of {definition.workflow} has {size} bytes, more than {LARGEST}: divide it"
        )
    return text


def _check(definition: Definition, leaving: ByState) -> None:
    names = {state.name for state in definition.states}
    for transition in definition.transitions:
        if transition.id in (REWAIT, SUPERSEDED, JUMP):
            raise NotCompilable(f"a transition cannot be called {transition.id!r}: signals use that word")
        for name in (*transition.sources, *((transition.target,) if transition.target is not None else ())):
            if name not in names:
                raise NotCompilable(f"{transition.id} names the state {name!r}, which the workflow does not have")
    for name, arrows in leaving.items():
        ids = [t.id for t in arrows]
        if len(set(ids)) < len(ids):
            twice = next(id for id in ids if ids.count(id) > 1)
            raise NotCompilable(f"two transitions {twice!r} leave {name}: a transition's id is unique")


def _resume(definition: Definition) -> dict[str, Any]:
    return {
        "Type": "Choice",
        "Comment": "New cases, continuations, migrations and repairs start in the state that the journal names",
        "Choices": [_when("$.state", state.name, state.name) for state in definition.states],
        "Default": _UNKNOWN_STATE,
    }


def _parts(state: State, leaving: Sequence[Transition]) -> Iterable[tuple[str, dict[str, Any]]]:
    if state.kind is StateKind.END:
        yield state.name, {"Type": "Succeed", "Comment": state.title}
        return
    late, given_up, after = f"{state.name} deadline", f"{state.name} given up", f"after {state.name}"
    if state.kind is StateKind.WAITING:
        if state.deadline is None:
            raise NotCompilable(f"{state.name} waits without a deadline: say within which time it must be left")
        yield state.name, _wait(state, late, after)
        yield late, _ask_follow({"action": "deadline", **_IDS}, after)
    else:
        if state.work is None:
            raise NotCompilable(f"{state.name} is a system state without work: say what the system does there")
        yield state.name, _work(state, state.work, given_up, after)
        yield given_up, _ask_follow({"action": "give_up", "work": state.work.name, **_IDS}, after)
    yield after, _after(state, leaving)


def _wait(state: State, late: str, after: str) -> dict[str, Any]:
    parked = {"action": "park", **_IDS, "attempt.$": "$$.State.RetryCount", "token.$": "$$.Task.Token"}
    return {
        "Type": "Task",
        "Comment": state.title,
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": FOLLOW, "Payload": parked},
        "TimeoutSecondsPath": "$.timeout",
        "Retry": [_PARK_AGAIN],
        "Catch": [_caught(late)],
        "Next": after,
    }


def _work(state: State, work: Work, given_up: str, after: str) -> dict[str, Any]:
    again = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": 30,
        "MaxAttempts": work.attempts - 1,
        "JitterStrategy": "FULL",
    }
    return {
        **_invoke(WORK, {"action": "work", "work": work.name, **_IDS}, work.timeout_seconds),
        "Comment": state.title,
        "Retry": [again],
        "Catch": [_caught(given_up)],
        "Next": after,
    }


def _ask_follow(payload: Mapping[str, str], after: str) -> dict[str, Any]:
    return {**_invoke(FOLLOW, payload, _DECIDE_SECONDS), "Retry": [_PERSIST], "Next": after}


def _invoke(function: str, payload: Mapping[str, str], seconds: int) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": dict(payload)},
        "OutputPath": "$.Payload",
        "TimeoutSeconds": seconds,
    }


def _after(state: State, leaving: Sequence[Transition]) -> dict[str, Any]:
    taken = [_when("$.transition", t.id, t.target or state.name) for t in leaving]
    return {
        "Type": "Choice",
        "Choices": [
            *taken,
            _when("$.transition", REWAIT, state.name),
            _when("$.transition", JUMP, _RESUME),
            _when("$.transition", SUPERSEDED, _SUPERSEDED),
        ],
        "Default": _UNKNOWN_TRANSITION,
    }


def _when(path: str, value: str, target: str) -> dict[str, Any]:
    return {"Variable": path, "StringEquals": value, "Next": target}


def _caught(target: str) -> dict[str, Any]:
    # Without its result the error's cause, which may quote a payload, is dropped, and the ids stay.
    return {"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": target}


def _fail(error: str, cause: str) -> dict[str, Any]:
    return {"Type": "Fail", "Error": error, "Cause": cause}
