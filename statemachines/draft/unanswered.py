"""What a draft writes where the table said nothing. A workflow that still imports this is not finished."""

from __future__ import annotations

from dataclasses import dataclass

from statemachines.definition import Duration, Expectation, Role, State, Unit
from statemachines.language import WorkOutcome

NOBODY_YET = Role(code="NOBODY_YET", title="Nobody yet")
"""Stands where an owner has to be named."""

NOT_SAID = Duration(amount=0, unit=Unit.SECONDS)
"""Stands where a time limit has to be named."""


def unanswered(state: State) -> State:
    """The state as far as it is known: without owner where that is NOBODY_YET, without deadline where that is NOT_SAID."""
    nobody = state.owner == NOBODY_YET.code
    never = state.deadline is not None and state.deadline.within == NOT_SAID
    return state.model_copy(
        update={"owner": None if nobody else state.owner, "deadline": None if never else state.deadline}
    )


@dataclass(frozen=True, slots=True)
class Proposed(WorkOutcome):
    """An event that the catalog does not have yet, by the name it might get. Usable as a trigger."""

    work: str
    outcome: str = ""

    @property
    def event(self) -> str:
        """The event type."""
        return self.work


def expect_proposed(event: Proposed) -> Expectation:
    """The workflow would know it, once the catalog does."""
    return Expectation(event=event.event)
