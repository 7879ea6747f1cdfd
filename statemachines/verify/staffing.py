"""Owners: each step has one, and somebody answers for it on every shift of every facility."""

from __future__ import annotations

from collections.abc import Iterator

from statemachines.verify import codes
from statemachines.verify.escalation import answering
from statemachines.verify.finding import Finding
from statemachines.verify.machines import Machines, Variant


def check_owners(machines: Machines) -> Iterator[Finding]:
    """Steps without an owner, roles that nobody can fill on a shift, and last resorts that are not there."""
    index = machines.index
    for place, state in index.open_states():
        if state.owner is None:
            yield codes.NO_OWNER.found(
                index.place(state=state.name),
                f"While a case is in {index.title(place)}, nobody is accountable for it.",
                machines.union.graph.way_to(place),
            )
    owned_in: dict[Variant, dict[str, list[int]]] = {}
    for n, overlay in enumerate(machines.overlays):
        if overlay.always_staffed is None:
            continue
        if not overlay.shifts:
            yield codes.NO_STAFFING_PROFILE.found(
                index.place(facilities=overlay.facilities), f"{', '.join(overlay.facilities)} names no shifts."
            )
        variant = machines.variant_of[n]
        if variant not in owned_in:
            owned_in[variant] = _owned(machines, variant)
        owned = owned_in[variant]
        for name, staffed in overlay.shifts:
            if overlay.always_staffed not in staffed:
                yield codes.NOT_ALWAYS_STAFFED.found(
                    index.place(role=overlay.always_staffed, facilities=overlay.facilities, shift=name),
                    f"{overlay.always_staffed} is always staffed, and nobody holds it on the shift {name}.",
                )
            for role, steps in owned.items():
                if answering(overlay, role, staffed, machines) is None:
                    asked = ", ".join(overlay.chain(role, index))
                    yield codes.NOBODY_ON_SHIFT.found(
                        index.place(
                            state=", ".join(index.states[s].name for s in steps),
                            role=role,
                            facilities=overlay.facilities,
                            shift=name,
                        ),
                        f"On the shift {name} nobody can own {index.title(steps[0])}"
                        f"{f' and {len(steps) - 1} more steps' if len(steps) > 1 else ''}: none of {asked} is there.",
                        variant.graph.way_to(steps[0]),
                    )


def _owned(machines: Machines, variant: Variant) -> dict[str, list[int]]:
    """The roles that own a step that is reached, or an item of its checklist, each with its steps."""
    owned: dict[str, list[int]] = {}
    reached = variant.graph.reached
    for place, state in machines.index.open_states():
        if not reached[place]:
            continue
        items = state.checklist.items if state.checklist is not None else ()
        for role in dict.fromkeys((state.owner, *(item.owner for item in items))):
            if role is not None:
                owned.setdefault(role, []).append(place)
    return owned
