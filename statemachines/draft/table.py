"""Reads the table of an interview: any usual delimiter, headers in many words, blank lines and titles above it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Column(StrEnum):
    """What a column of the table says."""

    NUMBER = "number"
    STEP = "step"
    OWNER = "who does it"
    AFTER = "after what"
    DONE_WHEN = "done when"
    VALIDATOR = "validated by whom"
    WITHIN = "by when"
    ESCALATES = "escalates to"
    CONDITION = "only if"
    NOTES = "notes"


COLUMNS: Final[Mapping[Column, tuple[str, ...]]] = {
    Column.NUMBER: ("no", "nr", "number", "step no", "step number", "step id", "id"),
    Column.STEP: (
        "step", "task", "activity", "action", "what", "what happens", "what is done", "hand off", "handoff", "process step",
    ),
    Column.OWNER: (
        "who", "who does it", "who does what", "owner", "performer", "performed by", "done by", "responsible", "accountable",
        "role", "by whom", "assigned to",
    ),
    Column.AFTER: (
        "after", "after what", "after which step", "follows", "comes after", "predecessor", "preceded by", "previous step",
        "trigger", "triggered by", "initiated by", "starts when", "starts with", "starts after", "depends on",
    ),
    Column.DONE_WHEN: (
        "done when", "event", "completed when", "complete when", "finished when", "ends when", "ends with", "signal",
        "evidence", "how do we know", "shown by", "recorded as",
    ),
    Column.VALIDATOR: (
        "validated by", "validated by whom", "who validates", "validator", "validation", "checked by", "approved by",
        "reviewed by", "verified by", "confirmed by", "signed off by", "sign off", "co signed by",
    ),
    Column.WITHIN: (
        "by when", "deadline", "within", "due", "due in", "due within", "time limit", "time", "how fast", "how soon",
        "turnaround", "turnaround time", "sla", "target time", "until when",
    ),
    Column.ESCALATES: (
        "escalates to", "escalate to", "escalation", "escalated to", "if late", "if overdue", "if not done", "when late",
        "who is told when late", "backup",
    ),
    Column.CONDITION: ("if", "only if", "condition", "conditions", "when applicable", "applies if"),
    Column.NOTES: ("notes", "note", "comments", "comment", "remarks", "remark", "details"),
}  # fmt: skip
"""The words by which a column is known. Case, punctuation and a question mark do not matter; words around them may stand."""

_ROWS_BEFORE = 20
"""The heading is looked for in so many first rows; a title may stand above it."""

MOST_ROWS = 500
"""A table with more steps than this is not one workflow."""


class NoTable(ValueError):
    """The text holds no table of steps; says what was looked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``line`` counts as a spreadsheet does, from 1; what was left blank is ""."""

    line: int
    cells: Mapping[Column, str]

    def __getitem__(self, column: Column) -> str:
        """What the row says there; "" for nothing."""
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Table:
    """The rows that hold a step, the lines that hold something but no step, and headings that nobody understood."""

    rows: tuple[Row, ...]
    columns: frozenset[Column]
    without_step: tuple[int, ...]
    unknown: tuple[str, ...]


def read(text: str) -> Table:
    """Read a table. Raises NoTable when no heading names the steps, or when there are none, or too many."""
    lines = _lines(text.removeprefix("\ufeff"))
    for place, cells in enumerate(lines[:_ROWS_BEFORE]):
        heading = [column_of(cell) for cell in cells]
        if Column.STEP in heading and sum(column is not None for column in heading) >= 2:
            return _table(lines, place, heading)
    raise NoTable(
        "no heading row found: one column must say what the step is "
        f"({', '.join(COLUMNS[Column.STEP][:4])}, …) and another who does it, after what, or by when"
    )


def _table(lines: Sequence[Sequence[str]], place: int, heading: Sequence[Column | None]) -> Table:
    rows, without = [], []
    for line, cells in enumerate(lines[place + 1 :], place + 2):
        said: dict[Column, str] = {}
        for column, cell in zip(heading, cells, strict=False):
            text = " ".join(cell.split())
            if column is not None and text:
                said[column] = f"{said[column]}; {text}" if column in said else text
        if said.get(Column.STEP):
            rows.append(Row(line, said))
        elif said:
            without.append(line)
    if not rows:
        raise NoTable("there is a heading, and no step below it")
    if len(rows) > MOST_ROWS:
        raise NoTable(f"{len(rows)} steps are more than one workflow has; at most {MOST_ROWS} are read")
    unknown = [
        cell.strip() for cell, column in zip(lines[place], heading, strict=True) if column is None and cell.strip()
    ]
    return Table(tuple(rows), frozenset(c for c in heading if c is not None), tuple(without), tuple(unknown))


def _lines(text: str) -> list[list[str]]:
    """The cells, by whichever delimiter finds the most columns of a heading. Raises NoTable."""
    found: list[list[str]] = []
    best = 0
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for delimiter in (",", ";", "\t", "|"):
        try:
            lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
        except csv.Error as problem:  # a cell of a hundred thousand characters: no table of steps
            raise NoTable(f"this cannot be read as CSV: {problem}") from problem
        known = max((sum(column_of(cell) is not None for cell in row) for row in lines[:_ROWS_BEFORE]), default=0)
        if known > best:
            found, best = lines, known
    return found


def column_of(heading: str) -> Column | None:
    """The column that a heading means: the longest of its words that is known decides; None when none is."""
    words = _plain(heading)
    if len(words.split()) > 8:
        return None  # a sentence, not a heading
    known = [
        (len(name), column)
        for column, names in COLUMNS.items()
        for name in names
        if re.search(rf"(^| ){re.escape(name)}( |$)", words)
    ]
    return max(known, key=lambda each: each[0])[1] if known else None


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", text.casefold()).split())
