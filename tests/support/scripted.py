"""What a differential test puts in the place of the world: workflows that are rows of the table, and steps that do as told.

Everything is told through the table, because functions on the embedded AWS share nothing else with the test.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from functions.cases.library import Library
from functions.cases.rows import CaseRow
from functions.cases.table import NEW, Condition, Key, Put, Table, Test, Update, WriteRefused, read_all
from statemachines.definition import Correlation, Definition, dump, load

RAISE = "raise"
"""A step's result that is no outcome: the try fails."""

LONGEST_WAIT_SECONDS = 45.0


class ToldToFail(RuntimeError):
    """What a function or a step raises because the test told it to."""


def looks(seconds: float) -> Iterator[None]:
    """Look again and again, ever less often, for so long."""
    end, pause = time.monotonic() + seconds, 0.01
    while time.monotonic() < end:
        yield
        time.sleep(pause)
        pause = min(2 * pause, 0.2)


def _definition(workflow: str, version: int) -> Key:
    return Key("DEFINITION#" + workflow, str(version))


def _step(case: str, visit: int) -> Key:
    return Key("SCRIPT#" + case, f"STEP#{visit:06d}")


def _begun(case: str, visit: int) -> Key:
    return Key("SCRIPT#" + case, f"BEGUN#{visit:06d}")


def _dismissed(case: str) -> Key:
    return Key("SCRIPT#" + case, "DISMISSED")


def _stumble(case: str, visit: int, action: str) -> Key:
    return Key("SCRIPT#" + case, f"STUMBLE#{visit:06d}#{action}")


def store_definition(table: Table, definition: Definition) -> None:
    """Make a workflow known to every function."""
    key = _definition(definition.workflow, definition.version)
    table.write((Put({"pk": key.pk, "sk": key.sk, "document": dump(definition)}),))


class TableLibrary(Library):
    """Takes the workflows it was not given from the table."""

    def __init__(self, table: Table, definitions: Iterable[Definition] = ()) -> None:
        super().__init__(table, definitions)
        self._rows = table

    def _definition(self, workflow: str, version: int) -> Definition:
        if (workflow, version) not in self._definitions:
            row = self._rows.get(_definition(workflow, version))
            if row is not None:
                self._definitions[workflow, version] = load(row["document"])
        return super()._definition(workflow, version)

    def correlation(self, workflow: str) -> Correlation:
        """See Library.correlation."""
        if workflow not in self._correlations:
            for row in read_all(self._rows, _definition(workflow, 0).pk, ""):
                self._correlations[workflow] = load(row["document"]).correlation
        return super().correlation(workflow)


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def tell(table: Table, case: str, visit: int, results: Sequence[str]) -> None:
    """Let the step of a visit have these results, one for each try; until it is told, it is at work."""
    key = _step(case, visit)
    table.write((Put({"pk": key.pk, "sk": key.sk, "results": list(results)}),))


def dismiss(table: Table, case: str) -> None:
    """Let no step of a case wait any more, those included that are only about to begin."""
    key = _dismissed(case)
    table.write((Put({"pk": key.pk, "sk": key.sk}),))


def has_begun(table: Table, case: str, visit: int) -> bool:
    """Whether the step of a visit is at work, or was."""
    return table.get(_begun(case, visit)) is not None


class Scripted:
    """A system step that does nothing, as long as it is not told its result."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def perform(self, row: CaseRow) -> str:
        """See Step.perform. Raises ToldToFail when that is the result of this try."""
        tried = self._table.update(Update(_begun(row.id, row.visit), add={"tries": 1}))
        for _ in looks(LONGEST_WAIT_SECONDS):
            told = self._table.get(_step(row.id, row.visit))
            if told is not None:
                result = str(told["results"][min(int(tried["tries"]), len(told["results"])) - 1])
                if result == RAISE:
                    raise ToldToFail("this try fails")
                return result
            if self._table.get(_dismissed(row.id)) is not None:
                raise ToldToFail("nobody waits for it any more")
        raise TimeoutError(f"nobody told the step of visit {row.visit} its result")

    def compensate(self, row: CaseRow) -> None:
        """See Step.compensate: there is nothing to undo."""


# ── functions that stumble ───────────────────────────────────────────────────────────────────────────────────────────────


def let_stumble(table: Table, case: str, visit: int, action: str) -> None:
    """Let the first request of a kind for a visit fail."""
    key = _stumble(case, visit, action)
    table.write((Put({"pk": key.pk, "sk": key.sk}, NEW),))


def stumble(table: Table, case: str, visit: int, action: str) -> None:
    """Raises ToldToFail the first time, if the test said so."""
    there = (Condition("pk", Test.EXISTS), Condition("over", Test.ABSENT))
    try:
        table.update(Update(_stumble(case, visit, action), set={"over": True}, conditions=there))
    except WriteRefused:
        return
    raise ToldToFail(f"{action} fails once")
