"""One mutation: a guard taken away from one file, as an edit of its text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What a guard is there for; the table has a section for each."""

    CONDITION = "condition expressions"
    MARK = "event mark"
    PARK = "park's order"
    SETTLE = "settle on duplicates"
    GENERATION = "generation fence"
    LEDGER = "ledger check"
    DEAD_LETTERS = "dead-letter queues"
    SWEEP = "sweep rules"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes ``start`` to ``end`` of a file become ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is taken away, and where. ``name`` stays the same while the guard does, whatever moves around it."""

    file: str
    function: str
    what: str
    line: int
    edits: tuple[Edit, ...]
    wide: bool = False
    """A rule like any other, of no fence and no duplicate: taken away too with ``--all``."""
    kind: Kind = Kind.OTHER
    about: str = ""
    """What the guard leads to, where its words do not say so: of a rule of the sweep, what it mends."""

    @property
    def name(self) -> str:
        """File, function and what."""
        return f"{self.file}:{self.function}:{self.what}"

    def source(self, root: Path) -> bytes:
        """The file without the guard."""
        source = Path(root, self.file).read_bytes()
        for edit in sorted(self.edits, key=lambda edit: edit.start, reverse=True):
            source = source[: edit.start] + edit.text.encode() + source[edit.end :]
        return source

    def digest(self, root: Path) -> str:
        """Hash of the file's name and of what it becomes."""
        return hashlib.sha256(self.file.encode() + b"\0" + self.source(root)).hexdigest()
