"""Every planted fault and near miss, and what the verifier makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from statemachines.verify.codes import Code
from tests.unit.verify.draft import Draft
from tests.unit.verify.planted import alongside, course, guards, outside, references, responsibility, time
from tests.unit.verify.planted.plant import Change, Planted

PLANTED: tuple[Planted, ...] = (
    *references.PLANTED,
    *course.PLANTED,
    *guards.PLANTED,
    *time.PLANTED,
    *responsibility.PLANTED,
    *outside.PLANTED,
)


class Case(NamedTuple):
    """A planted change; ``must``: the code must be found, else it must not be. ``alongside``: what else is rightly found."""

    code: Code
    name: str
    change: Change
    must: bool
    alongside: frozenset[str]

    @property
    def expected(self) -> frozenset[str]:
        """All codes that must be found, and no others."""
        return self.alongside | {self.code.id} if self.must else self.alongside

    def found(self) -> frozenset[str]:
        """All codes that the verifier finds."""
        return frozenset(finding.code for finding in self.change(Draft()).findings())


class Judged(NamedTuple):
    """A case, and what was found."""

    case: Case
    found: frozenset[str]

    @property
    def missed(self) -> bool:
        """Whether the code had to be found, and was not."""
        return self.case.must and self.case.code.id not in self.found

    @property
    def false(self) -> frozenset[str]:
        """Whatever was found and is not expected."""
        return self.found - self.case.expected


def cases() -> Iterator[Case]:
    """Every planted change."""
    for code, faults, near_misses in PLANTED:
        for name, change in faults.items():
            yield Case(code, name, change, True, frozenset(alongside.FAULTS.get(code.id, {}).get(name, ())))
        for name, change in near_misses.items():
            allowed = alongside.NEAR_MISSES.get(code.id, {}).get(name)
            yield Case(code, name, change, False, frozenset(allowed.codes if allowed is not None else ()))


def judged() -> list[Judged]:
    """Every case with what the verifier finds."""
    return [Judged(case, case.found()) for case in cases()]


def table(rows: Sequence[Judged]) -> str:
    """The cases as Markdown: by code, then all; below, what is found alongside and why."""
    lines = [
        "| code | what | caught / planted | faults with more than expected | false alarms / near misses |",
        "| --- | --- | --- | --- | --- |",
    ]
    for code in dict.fromkeys(row.case.code for row in rows):
        of = [row for row in rows if row.case.code == code]
        lines.append(f"| {code.id} | {code.title} | {_counted(of)} |")
        lines += [f"| | missed: {row.case.name} | | | |" for row in of if row.missed]
        lines += [
            f"| | false alarm: {row.case.name}: {', '.join(sorted(row.false))} | | | |" for row in of if row.false
        ]
    lines.append(f"| {len(PLANTED)} codes | | {_counted(rows)} |")
    for must, what in ((True, "planted faults"), (False, "near misses")):
        planted = [row.case for row in rows if row.case.must is must]
        more = [case for case in planted if case.alongside]
        alone = f"{len(planted) - len(more)} of {len(planted)} {what} have no other code"
        lines += ["", f"{alone}; the others, with what follows rightly:", ""]
        lines += [f"- {case.code.id}, {case.name}: {_reasons(case)}" for case in more]
    return "\n".join(lines)


def _counted(rows: Sequence[Judged]) -> str:
    faults = [row for row in rows if row.case.must]
    near = [row for row in rows if not row.case.must]
    caught = sum(not row.missed for row in faults)
    more = sum(bool(row.false) for row in faults)
    return f"{caught} / {len(faults)} | {more} | {sum(bool(row.false) for row in near)} / {len(near)}"


def _reasons(case: Case) -> str:
    if case.must:
        return "; ".join(f"{code}, {alongside.WHY[code]}" for code in sorted(case.alongside))
    codes, why = alongside.NEAR_MISSES[case.code.id][case.name]
    return f"{', '.join(codes)}: {why}"
