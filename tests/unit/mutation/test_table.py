"""The table of the mutation proof: a section for each kind, what nothing noticed first, and the counts."""

from __future__ import annotations

from tests.mutation.__main__ import table
from tests.mutation.mutation import Edit, Kind, Mutation
from tests.mutation.proof import Result, Verdict


def _result(what: str, verdict: Verdict, kind: Kind = Kind.MARK, about: str = "") -> Result:
    mutation = Mutation("functions/a.py", "f", what, 7, (Edit(0, 1, ""),), kind=kind, about=about)
    killed_by = "tests/unit/test_a.py::test_b" if verdict is Verdict.KILLED else None
    return Result(mutation, verdict, killed_by, "a reason", 1.0)


def test_guards_are_grouped_by_kind_and_what_survived_comes_first() -> None:
    lines = table(
        [
            _result("no a", Verdict.KILLED),
            _result("no b", Verdict.SURVIVED),
            _result("never: c", Verdict.KILLED, Kind.SWEEP, "overdue"),
        ]
    ).splitlines()
    mark = lines.index("## Event mark")
    assert lines[mark + 4 : mark + 6] == [
        "| f: `no b` | functions/a.py:7 | **survived**: a reason |",
        "| f: `no a` | functions/a.py:7 | `tests/unit/test_a.py::test_b` |",
    ]
    assert lines[-1] == "| f: `never: c` (overdue) | functions/a.py:7 | `tests/unit/test_a.py::test_b` |"


def test_it_counts_what_was_tried_by_kind() -> None:
    lines = table(
        [_result("a", Verdict.KILLED), _result("b", Verdict.EQUIVALENT), _result("c", Verdict.BROKEN, Kind.OTHER)]
    ).splitlines()
    assert "| event mark | 1 | 1 | 1 | 0 | 0 |" in lines
    assert "| other | 1 | 0 | 0 | 0 | 1 |" in lines
    assert "| all | 2 | 1 | 1 | 0 | 1 |" in lines


def test_a_cell_stays_a_cell() -> None:
    assert "| f: `x ¦ y` |" in table([_result("x | y", Verdict.KILLED)])
