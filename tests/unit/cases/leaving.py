"""A facility that runs the small discharge and the workflow it opens, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.cases.commands import Command, Person
from functions.cases.outcome import Placed
from functions.cases.rows import DONE, CaseRow
from functions.cases.table import Item, Table
from statemachines.definition import Definition
from statemachines.policy import Policy
from tests.support.world import World
from tests.unit.statemachines.leaving import DATA, KIT, LEAVING, POLICIES

RT, RN, MD, LEAD = "RT-LINDEN:RT", "RN-ASH:RN", "MD-OAK:MD", "LEAD-ELM:LEAD"
EVERYBODY = (RT, RN, MD, LEAD)


class Ward(World):
    """A world with the two workflows; events say what they must by themselves."""

    def __init__(
        self,
        definition: Definition = LEAVING,
        *staff: str,
        policies: Mapping[str, Policy] = POLICIES,
        table: Table | None = None,
    ) -> None:
        super().__init__(definitions={"leaving": definition, "kit": KIT}, policies=policies, table=table)
        self.on_shift(*(staff or EVERYBODY), hours=48)

    def send_on(self, type: str, by: str | None = None, **event: Any) -> Placed:
        """Send an event that must not end in quarantine."""
        return self.place(type, by=by, **{**DATA.get(type, {}), **event})

    def prepared(self, **event: Any) -> Ward:
        """The same, with a case in the state that has the checklist."""
        self.send_on("discharge_planned", MD)
        self.send_on("assessment_completed", MD, **event)
        assert self.parent.state == "preparing"
        return self

    def ordered(self) -> Ward:
        """The same, with a case that waits for its sub-case."""
        self.prepared()
        for type, by in (
            ("note_written", RN),
            ("oxygen_education_completed", RT),
            ("qualifying_test_completed", RT),
            ("contact_number_confirmed", RN),
        ):
            self.send_on(type, by)
        assert self.parent.state == "ordering"
        return self

    @property
    def parent(self) -> CaseRow:
        """The one case of the discharge."""
        (row,) = (row for row in self.cases() if row.workflow == "leaving")
        return row

    @property
    def kits(self) -> list[CaseRow]:
        """The cases of the workflow that the discharge opens, oldest first."""
        return sorted((row for row in self.cases() if row.workflow == "kit"), key=lambda row: row.opened_at)

    @property
    def kit(self) -> CaseRow:
        """The one case of the workflow that the discharge opens."""
        (row,) = self.kits
        return row

    def by(self, who: str, item: str | None = None, *, id: str | None = None) -> Command:
        """A command of "ID:ROLE" on the discharge's task, or that of an item."""
        person, role = who.split(":")
        return Command(id or f"command-{next(self._ids)}", self.parent.id, Person(person, role), item)

    def open_tasks(self) -> dict[str | None, Item]:
        """The discharge's open task rows by item (None: the state's own)."""
        return {row.get("item"): row for row in self.tasks(self.parent.id) if row["status"] != DONE}
