"""What AWS Step Functions takes: names and sizes (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from statemachines.compile.asl import LARGEST, LONGEST_NAME
from statemachines.definition import StateKind
from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.index import Index

ADDED: Final = len(" given up")
"""The longest text that the compiler adds to a state's name."""
LONGEST_WORKFLOW: Final = 50
"""Of the 80 characters of a state machine's name, the stack's and the version take the rest."""
RESERVED: Final = frozenset({"rewait", "superseded", "jump"})
"""Words with which the state machine is signalled; no transition may be called so."""
GENERATED: Final = frozenset({"Resume", "Superseded", "UnknownState", "UnknownTransition"})
"""Names that the compiler gives to states of its own."""

_USABLE: Final = re.compile(r"^[A-Za-z0-9_-]+$")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# Bytes of the state machine: of the whole, of each state (with its deadline, its Choice, and its place in Resume), of each arrow.
_WHOLE, _WAITING, _SYSTEM, _END, _ARROW = 700, 2600, 2300, 250, 130


def check_limits(index: Index) -> Iterator[Finding]:
    """Names that cannot be used, and a state machine that is too large."""
    workflow = index.definition.workflow
    if not _USABLE.match(workflow) or len(workflow) > LONGEST_WORKFLOW:
        yield codes.TOO_LONG.found(
            index.place(),
            f"A state machine cannot be named after {workflow!r}: at most {LONGEST_WORKFLOW} letters, digits, - and _.",
        )
    for state in index.states:
        if not state.name.strip() or _CONTROL.search(state.name):
            yield codes.TOO_LONG.found(index.place(state=state.name), f"{state.name!r} cannot be a state's name.")
        elif len(state.name) + ADDED > LONGEST_NAME:
            yield codes.TOO_LONG.found(
                index.place(state=state.name),
                f"The state's name has {len(state.name)} characters; with what the compiler adds it may have {LONGEST_NAME - ADDED}.",
            )
        elif state.name in GENERATED or _generated_twice(index, state.name):
            yield codes.TOO_LONG.found(
                index.place(state=state.name), f"The compiler gives the name {state.name!r} to a state of its own."
            )
    for transition in index.definition.transitions:
        if transition.id in RESERVED or not transition.id.strip() or _CONTROL.search(transition.id):
            yield codes.TOO_LONG.found(
                index.place(transition=transition.id), f"A transition cannot be called {transition.id!r}."
            )
    size = estimate(index)
    if size > LARGEST:
        yield codes.TOO_LONG.found(
            index.place(), f"The state machine would have about {size} bytes; {LARGEST} are allowed."
        )


def _generated_twice(index: Index, name: str) -> bool:
    for ending in (" deadline", " given up"):
        if name.endswith(ending) and name.removesuffix(ending) in index.position:
            return True
    return name.startswith("after ") and name.removeprefix("after ") in index.position


def estimate(index: Index) -> int:
    """About how many bytes the state machine has, rather too many than too few."""
    size = _WHOLE
    for state in index.states:
        names = len(state.name.encode()) * 12 + len(state.title.encode())
        size += names + {StateKind.WAITING: _WAITING, StateKind.SYSTEM: _SYSTEM, StateKind.END: _END}[state.kind]
    for edge in index.edges:
        if edge.transition.reopens:
            continue  # the case that re-opens has an execution of its own
        size += _ARROW + len(edge.transition.id.encode()) + len(index.states[edge.target].name.encode())
    return size
