"""A network that runs every workflow, with one person in each role, for tests that follow a patient through it."""

from __future__ import annotations

from typing import Any

from events.catalog import CATALOG
from functions.cases.intake import take_in
from functions.cases.outcome import Placed
from functions.cases.rows import CaseRow
from statemachines.workflows import WORKFLOWS
from tests.support.world import START, ScriptedStep, World
from tests.unit.workflows.ways import ABOUT, somebody

ROLES = sorted({role.code for definition in WORKFLOWS.values() for role in definition.roles})
MONTH_HOURS = 31 * 24.0


class Hospital(World):
    """Drive it with ``tell`` and ``wait``; one encounter at one facility."""

    def __init__(self, facility: str = "northfield", *, now: float = START) -> None:
        super().__init__(definitions=WORKFLOWS)
        self.facility = facility
        self.now = now
        self.look = ScriptedStep(["confirmed"] * 9)
        self.sending = ScriptedStep(["sent"] * 9)
        self.recalling = ScriptedStep(["recalled"] * 9)
        self.steps |= {"confirm_order": self.look, "send_order": self.sending, "recall_order": self.recalling}
        self.on_shift(*(f"{somebody(role)}:{role}" for role in ROLES), facility=facility, hours=MONTH_HOURS)

    def tell(self, workflow: str, type: str, by: str | None = None, *, after: float = 60, **event: Any) -> Placed:
        """Something happens a minute later; the answer is that of one workflow. ``by`` is a role, "ID:ROLE", or the registration.

        What is told of a result is told of the result R1, unless ``event`` names another.
        """
        return self.tell_all(workflow, type, by, after=after, **event)[0]

    def tell_all(
        self, workflow: str, type: str, by: str | None = None, *, after: float = 60, **event: Any
    ) -> list[Placed]:
        """The same, with the answer of each of the workflow's cases that it is for."""
        self.now += after
        event = {**ABOUT, **event} if "result_id" in CATALOG[type].model.model_fields else event
        by = by or (None if CATALOG[type].observation else "REGISTRATION")
        person = by if by is None or ":" in by else f"{somebody(by)}:{by}"
        answers = take_in(self.services, self.raw(type, by=person, facility=self.facility, **event))
        assert isinstance(answers, list), answers
        self.following.run()
        return [answer for answer in answers if answer.workflow == workflow]

    def of(self, workflow: str) -> CaseRow:
        """The newest case of a workflow."""
        return [row for row in self.cases(self.facility) if row.workflow == workflow][-1]

    def at(self, workflow: str) -> str:
        """Where the newest case of a workflow stands."""
        return self.of(workflow).state

    def owned_by(self, workflow: str) -> str | None:
        """The role that the newest case's step was routed to; None when it has ended."""
        task = self.of(workflow).task
        return task.role if task is not None else None

    def due_in(self, workflow: str) -> float:
        """Minutes until the newest case's deadline."""
        due = self.of(workflow).case.due
        assert due is not None
        return (due - self.now) / 60

    def miss(self, workflow: str) -> str:
        """Let the newest case's deadline pass; returns where it stands then."""
        self.pass_time(self.due_in(workflow) * 60)
        return self.at(workflow)

    def visited(self, workflow: str) -> list[str]:
        """The states that the newest case went through."""
        return self.path(self.of(workflow).id)
