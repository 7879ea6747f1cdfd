"""A second version of the oxygen workflow: every note needs a co-signature, not only at facilities that ask for one.

Derived from the present version, so that it stays a neighbour of it; never published. Besides the co-signature

- a provider has a time of their own for it, shorter than the time for signatures,
- oxygen above target is reassessed in every patient, not only in those at hypercapnic risk,
- some rows are only written otherwise and mean the same.
"""

from __future__ import annotations

from typing import Any

from events.catalog import NoteSigned
from statemachines.definition import Definition, State, Transition
from statemachines.expressions import AnyGuard, Not
from statemachines.language import ParameterTerm, T, minutes, parameter
from statemachines.workflows import oxygen
from statemachines.workflows.oxygen import OXYGEN

cosign_within: ParameterTerm = parameter(
    "cosign_within", "co-sign within", 240, oxygen.OWN, unit="min", minimum=1, maximum=7 * 24 * 60
)

on_too_much: AnyGuard = oxygen.above & ~oxygen.on_room_air
unsafe: AnyGuard = oxygen.measured & (oxygen.below | oxygen.spo2.fell(oxygen.fall) | on_too_much)
"""Written anew: above target on oxygen calls for assessment in everybody."""


def _state(state: State) -> State:
    match state.name:
        case "awaiting_cosign":
            deadline = state.deadline.model_copy(update={"within": minutes(cosign_within)}) if state.deadline else None
            return state.model_copy(update={"optional": oxygen.wants_note, "deadline": deadline})
        case "cosign_overdue":
            return state.model_copy(update={"optional": oxygen.wants_note})
        case _:
            return state


def _transitions() -> tuple[Transition, ...]:
    changed: dict[str, dict[str, Any]] = {
        "T-30": {"when": unsafe},
        "T-31": {"when": unsafe},
        # The same as before, in other words.
        "T-43": {"when": Not(negated=Not(negated=oxygen.below))},
        "T-20": {"by": ("RN", "RT")},
    }
    cosigned = T(
        "T-55", oxygen.UNSIGNED, on=NoteSigned, to=oxygen.AWAITING_COSIGN, by=oxygen.RT,
        because="note signed; every note is co-signed",
    )  # fmt: skip
    kept = [t for t in OXYGEN.transitions if t.id not in {"T-54", "T-55"}]
    place = next(number for number, t in enumerate(kept) if t.id == "T-56")
    rows = [*kept[:place], cosigned, *kept[place:]]
    return tuple(t.model_copy(update=changed.get(t.id, {})) for t in rows)


OXYGEN_V2: Definition = OXYGEN.model_copy(
    update={
        "version": OXYGEN.version + 1,
        "states": tuple(_state(state) for state in OXYGEN.states),
        "transitions": _transitions(),
        "parameters": (*OXYGEN.parameters, cosign_within.parameter),
    }
)
"""The version after the present one."""
