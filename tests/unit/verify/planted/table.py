"""Every planted fault and near miss, and what the verifier makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from statemachines.verify.codes import Code
from tests.unit.verify.draft import Draft
from tests.unit.verify.planted import course, guards, outside, references, responsibility, time
from tests.unit.verify.planted.plant import Change, Planted

PLANTED: tuple[Planted, ...] = (
    *references.PLANTED,
    *course.PLANTED,
    *guards.PLANTED,
    *time.PLANTED,
    *responsibility.PLANTED,
    *outside.PLANTED,
)


class Judged(NamedTuple):
    """One code's row."""

    code: Code
    planted: int
    missed: tuple[str, ...]
    near_misses: int
    false_alarms: tuple[str, ...]


def cases() -> Iterator[tuple[Code, str, Change, bool]]:
    """Every change with its code, its name, and whether the code must be found."""
    for planted in PLANTED:
        for name, change in planted.faults.items():
            yield planted.code, name, change, True
        for name, change in planted.near_misses.items():
            yield planted.code, name, change, False


def caught(code: Code, change: Change) -> bool:
    """Whether the changed workflow is found to have the code's fault."""
    return any(finding.code == code.id for finding in change(Draft()).findings())


def judged() -> list[Judged]:
    """The whole table."""
    rows = []
    for planted in PLANTED:
        missed = [name for name, change in planted.faults.items() if not caught(planted.code, change)]
        alarms = [name for name, change in planted.near_misses.items() if caught(planted.code, change)]
        rows.append(Judged(planted.code, len(planted.faults), tuple(missed), len(planted.near_misses), tuple(alarms)))
    return rows


def table(rows: list[Judged]) -> str:
    """The rows as Markdown."""
    lines = ["| code | what | caught / planted | false alarms / near misses |", "| --- | --- | --- | --- |"]
    for row in rows:
        caught_of = f"{row.planted - len(row.missed)} / {row.planted}"
        lines.append(
            f"| {row.code.id} | {row.code.title} | {caught_of} | {len(row.false_alarms)} / {row.near_misses} |"
        )
        lines += [f"| | missed: {name} | | |" for name in row.missed]
        lines += [f"| | false alarm: {name} | | |" for name in row.false_alarms]
    planted, missed = sum(row.planted for row in rows), sum(len(row.missed) for row in rows)
    near, alarms = sum(row.near_misses for row in rows), sum(len(row.false_alarms) for row in rows)
    lines.append(f"| {len(rows)} codes | | {planted - missed} / {planted} | {alarms} / {near} |")
    return "\n".join(lines)
