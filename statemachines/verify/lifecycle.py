"""The patient's life goes on: transfer, merge, discharge, death and cancellation are declared and answered everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from statemachines.verify import codes
from statemachines.verify.finding import Finding
from statemachines.verify.index import LIFE, answers
from statemachines.verify.machines import Machines

_HAPPENED = frozenset({"transfer", "merge", "discharge", "death"})
"""What has happened to the patient whether anybody likes it or not; a cancellation may be refused."""


def check_lifecycle(machines: Machines) -> Iterator[Finding]:
    """What is declared, then how each open state answers it."""
    index, union = machines.index, machines.union
    lifecycle = index.definition.lifecycle
    missing = [kind for kind in LIFE if getattr(lifecycle, kind) is None]
    if missing and not lifecycle.because.strip():
        yield codes.LIFE_NOT_DECLARED.found(
            index.place(name=", ".join(missing)),
            f"Nothing says which event tells of the patient's {', '.join(missing)}, nor why that cannot happen.",
        )
    for event, kind in index.life.items():
        if event not in index.expected:
            yield codes.UNKNOWN_EVENT.found(
                index.place(event=event, name=kind), f"{kind} is told by {event}, which the workflow does not expect."
            )
            continue
        silent = [
            place
            for place, state in index.open_states()
            if union.graph.reached[place] and (place, event) not in index.groups and answers(state, event) is None
        ]
        refusing = [
            place
            for place, state in index.open_states()
            if kind in _HAPPENED and union.graph.reached[place] and answers(state, event) == "refuses"
        ]
        for places, what in ((silent, "does not say what then"), (refusing, "refuses it, though it has happened")):
            if places:
                titles = ", ".join(index.title(p) for p in places[:3]) + (
                    f" and {len(places) - 3} more steps" if len(places) > 3 else ""
                )
                yield codes.LIFE_UNANSWERED.found(
                    index.place(state=", ".join(index.states[p].name for p in places), event=event, name=kind),
                    f"The patient's {kind} ({event}) can come in {titles}, which {what}.",
                    (*union.graph.way_to(places[0]), event),
                )
